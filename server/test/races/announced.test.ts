// Repeats without an idempotency key of orders that have no row yet, because their pictures are still being fetched:
// whichever process they come to, nothing is bought twice.
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openAccount } from '../conformance/getimg-contract.ts'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'

let rig: Rig
let nodes: [Node, Node]
let nodeEnv: Record<string, string>
let pictures: Server
let picturesUrl: string
let photo: Buffer
/** Requests for pictures that are not answered yet. */
let held: ServerResponse[] = []
let fetches = 0
let holds = true

beforeAll(async () => {
  const [width, height] = [96, 64]
  photo = await sharp({ create: { width, height, channels: 3, background: '#3060a0' } })
    .png()
    .toBuffer()
  rig = await createRig({ latencyMs: 0 })
  pictures = createServer((_request, response) => {
    fetches += 1
    held.push(response)
    if (!holds) release(200)
  })
  pictures.listen(0, '127.0.0.1')
  await once(pictures, 'listening')
  const { port } = pictures.address() as AddressInfo
  picturesUrl = `http://127.0.0.1:${port}`
  nodeEnv = {
    OUTBOUND_ALLOW: `127.0.0.1:${port}`,
    GETIMG_REQUESTS_PER_MINUTE: '100',
    GETIMG_IN_FLIGHT: '10',
  }
  nodes = await Promise.all([rig.startNode(nodeEnv), rig.startNode(nodeEnv)])
})
afterEach(() => {
  release(200)
  ;[fetches, holds] = [0, true]
})
afterAll(async () => {
  pictures.close()
  expect(await rig.violations()).toEqual([])
  await rig.close()
})

function release(status: number): void {
  for (const response of held) response.writeHead(status, { 'content-type': 'image/png' }).end(photo)
  held = []
}

const open = async () => {
  const { accountId, apiKey } = await openAccount(rig, 1_000)
  const rows = async () =>
    (
      await ask<{ id: string }>(rig.database.db, 'SELECT id FROM generation WHERE account_id = $1', [
        accountId,
      ])
    ).map(row => row.id)
  const announced = async () =>
    (await ask(rig.database.db, 'SELECT id FROM announced_order WHERE account_id = $1', [accountId])).length
  return { accountId, apiKey, rows, announced }
}

type Call = { apiKey: string; prompt: string; count: number; signal?: AbortSignal; hasPicture?: boolean }

async function post(node: Node, { apiKey, prompt, count, signal, hasPicture = true }: Call) {
  const images = hasPicture ? { images: [{ url: `${picturesUrl}/a.png` }] } : {}
  const response = await fetch(`${node.url}/v2/images/generations`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${apiKey}`,
      'content-type': 'application/json',
      'x-stainless-retry-count': String(count),
    },
    body: JSON.stringify({ model: 'gpt-image-2', prompt, resolution: '1K', ...images }),
    signal: signal ?? null,
  })
  const body = (await response.json()) as { id?: string }
  return {
    status: response.status,
    isJoined: response.headers.get('idempotent-inferred') === 'true',
    id: body.id,
  }
}

/** Sends the first try and hangs up while its picture is being fetched. */
async function cut(node: Node, call: Omit<Call, 'count'>, nth = 1): Promise<void> {
  const hangUp = new AbortController()
  const first = post(node, { ...call, count: 0, signal: hangUp.signal }).catch(() => null)
  await eventually('its picture is being fetched', () => fetches === nth)
  hangUp.abort()
  await first
}

/** Longer than a repeat needs to find nothing and fetch its own picture. */
const serveAnother = async (node: Node) => {
  const { apiKey } = await open()
  expect((await post(node, { apiKey, prompt: 'another', count: 0, hasPicture: false })).status).toBe(200)
}

test('a repeat waits for the order whose picture is still being fetched, at whichever process', async () => {
  for (const node of nodes) {
    fetches = 0
    const { apiKey, rows, announced } = await open()
    await cut(nodes[0], { apiKey, prompt: 'slow picture' })
    const repeat = post(node, { apiKey, prompt: 'slow picture', count: 1 })
    await serveAnother(node)
    expect([fetches, await rows()]).toEqual([1, []])
    release(200)
    expect(await repeat).toMatchObject({ status: 200, isJoined: true })
    expect([fetches, (await rows()).length, await announced()]).toEqual([1, 1, 0])
  }
})

test('twins that are both cut stay two orders, one for each repeat', async () => {
  const { apiKey, rows } = await open()
  await cut(nodes[0], { apiKey, prompt: 'twins' })
  await cut(nodes[1], { apiKey, prompt: 'twins' }, 2)
  const repeats = [nodes[1], nodes[0]].map(node => post(node, { apiKey, prompt: 'twins', count: 1 }))
  await serveAnother(nodes[0])
  release(200)
  const answers = await Promise.all(repeats)
  expect(answers.map(each => [each.status, each.isJoined])).toEqual(Array(2).fill([200, true]))
  expect(new Set(answers.map(each => each.id)).size).toBe(2)
  expect([fetches, (await rows()).length]).toEqual([2, 2])
})

test('when the order is refused its repeat is an order of its own', async () => {
  const { apiKey, rows, announced } = await open()
  await cut(nodes[0], { apiKey, prompt: 'refused' })
  const repeat = post(nodes[1], { apiKey, prompt: 'refused', count: 1 })
  await serveAnother(nodes[1])
  holds = false
  release(404)
  expect(await repeat).toMatchObject({ status: 200, isJoined: false })
  expect([fetches, (await rows()).length, await announced()]).toEqual([2, 1, 0])
})

test('a repeat that is cut while it waits buys nothing, and the next one joins', async () => {
  const { apiKey, rows } = await open()
  await cut(nodes[0], { apiKey, prompt: 'cut twice' })
  const hangUp = new AbortController()
  const second = post(nodes[1], { apiKey, prompt: 'cut twice', count: 1, signal: hangUp.signal })
  await serveAnother(nodes[1])
  hangUp.abort()
  await expect(second).rejects.toThrow()
  const third = post(nodes[1], { apiKey, prompt: 'cut twice', count: 2 })
  await serveAnother(nodes[1])
  release(200)
  expect(await third).toMatchObject({ status: 200, isJoined: true })
  expect([fetches, (await rows()).length]).toEqual([1, 1])
})

test('an order whose process has died is waited for no longer than two minutes', async () => {
  const doomed = await rig.startNode(nodeEnv)
  const { apiKey, rows, announced } = await open()
  await cut(doomed, { apiKey, prompt: 'died' })
  await doomed.kill()
  const repeat = post(nodes[1], { apiKey, prompt: 'died', count: 1 })
  await serveAnother(nodes[1])
  expect([fetches, await announced()]).toEqual([1, 1])
  holds = false
  await ask(rig.database.ownerDb, "UPDATE clock_offset SET value = value + interval '121 s'")
  expect(await repeat).toMatchObject({ status: 200, isJoined: false })
  expect([fetches, (await rows()).length, await announced()]).toEqual([2, 1, 0])
})
