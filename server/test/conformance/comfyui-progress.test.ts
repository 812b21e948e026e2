// What a customer sees of work at an engine that tells its progress by a websocket, and that the process which listened
// lets go of it at its stop.
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { type ComfyUiUpstream, defaultComfyUiKey, startComfyUiUpstream } from '../upstreams/comfyui.ts'
import { createNativeClient, generations, type NativeClient } from './native-client.ts'

let rig: Rig
let engine: ComfyUiUpstream
let node: Node
let client: NativeClient
let apiKey: string

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  engine = await startComfyUiUpstream({ apiKey: defaultComfyUiKey })
  node = await rig.startNode({
    COMFYUI_BASE_URL: engine.url,
    COMFYUI_AUTH: defaultComfyUiKey,
    COMFYUI_WORKFLOWS: fileURLToPath(new URL('../../../docs/providers/comfyui', import.meta.url)),
  })
  client = await createNativeClient(node)
  apiKey = (await rig.account({ credits: 100 })).apiKey
})
afterAll(async () => {
  await rig.close()
  expect(engine.errors).toEqual([])
  await engine.close()
})

async function order(behaviour: string): Promise<string> {
  const body = { model: 'self-hosted:comfyui', prompt: `a mill [[emulate: ${behaviour}]]` }
  const made = await client.call(apiKey, `POST ${generations}`, { body })
  expect(made.status).toBe(202)
  return made.body.id
}

async function readEvents(id: string): Promise<{ name: string; data: Record<string, unknown> }[]> {
  const answer = await fetch(`${node.url}${generations}/${id}/events`, {
    headers: { authorization: `Bearer ${apiKey}` },
  })
  const text = await answer.text()
  return [...text.matchAll(/^event: (.*)\n(?:id: .*\n)?data: (.*)$/gm)].map(([, name = '', data = '']) => ({
    name,
    data: JSON.parse(data),
  }))
}

test('the events of a generation show how far the engine is, and no socket is left after it', async () => {
  const events = await readEvents(await order('slow=6000'))
  const shares = events.filter(({ name }) => name === 'progress').flatMap(({ data }) => data.share ?? [])
  expect(shares.length, JSON.stringify(events)).toBeGreaterThan(0)
  expect(shares).toEqual(shares.toSorted((a, b) => Number(a) - Number(b)))
  expect(events.at(-1)).toMatchObject({ name: 'end', data: { status: 'succeeded' } })
  await eventually('no socket is left', () => engine.listening() === 0)
  expect(engine.asked.length).toBeGreaterThan(0)
})

test('a generation ends as ever where no websocket can be had', async () => {
  engine.setSockets('refuse')
  const events = await readEvents(await order('slow=1500'))
  expect(events.filter(({ data }) => typeof data.share === 'number')).toEqual([])
  expect(events.at(-1)).toMatchObject({ name: 'end', data: { status: 'succeeded' } })
  engine.setSockets('open')
})

test('a process that stops lets go of the socket', async () => {
  await order('slow=60000')
  await eventually('it listens', () => engine.listening() === 1)
  expect(await node.stop()).toBe(0)
  await eventually('no socket is left', () => engine.listening() === 0)
})
