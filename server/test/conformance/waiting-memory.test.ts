// Orders that wait for minutes: the pictures that came in their bodies are stored by then, and in no process's memory.
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'

let rig: Rig
let node: Node
let picture: string
const callers = new AbortController()

/** With what they are made of, several times what the process may have. */
const orders = 18

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode({
    NODE_OPTIONS: '--max-old-space-size=200',
    GETIMG_REQUESTS_PER_MINUTE: '100',
    GETIMG_IN_FLIGHT: '100',
  })
  const png = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#3060a0' } })
    .png()
    .toBuffer()
  // Bytes behind the end of a PNG are no part of it, and are not kept.
  const padded = Buffer.concat([png, Buffer.alloc(10_000_000 - png.length)])
  picture = `data:image/png;base64,${padded.toString('base64')}`
})
afterAll(async () => {
  callers.abort()
  await rig.close()
})

const model = 'gpt-image-2'
const isStream = ({ headers }: Response) =>
  headers.get('content-type')?.startsWith('text/event-stream') === true
const prompt = 'long [[emulate: slow=600000]]'

test.each([
  ['openai', '/v1/images/edits', () => ({ model, prompt, images: [{ image_url: picture }] })],
  [
    'openai as a stream',
    '/v1/images/edits',
    () => ({ model, prompt, stream: true, images: [{ image_url: picture }] }),
  ],
  ['getimg', '/v2/images/generations', () => ({ model, prompt, images: [{ url: picture }] })],
  ['native', '/api/v1/generations', () => ({ model, prompt, images: [{ url: picture }] })],
])('%s: a heap of 200 MB is enough for 252 MB of bodies whose orders wait', async (_name, path, makeBody) => {
  const { accountId, apiKey } = await rig.account({ credits: 10_000 })
  const headers = {
    authorization: `Bearer ${apiKey}`,
    'content-type': 'application/json',
    prefer: 'wait=500',
  }
  const body = JSON.stringify(makeBody())
  const early: unknown[] = []
  for (let at = 0; at < orders; at += 1) {
    const answer = fetch(node.url + path, { method: 'POST', headers, body, signal: callers.signal })
    // A stream begins when the order is taken; any other answer is too early.
    const told = answer.then(async each => (isStream(each) ? 'begun' : await each.text()))
    told.then(
      text => text === 'begun' || early.push(text),
      error => callers.signal.aborted || early.push(error),
    )
    await eventually('the order is taken', async () => {
      expect(early).toEqual([])
      const text = 'SELECT count(*)::int AS taken FROM generation WHERE account_id = $1'
      return (await ask<{ taken: number }>(rig.database.db, text, [accountId]))[0]?.taken === at + 1
    })
  }
  expect((await fetch(`${node.url}/healthz`)).status).toBe(200)
})
