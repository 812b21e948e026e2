// Calls of OpenAI's own client that are cut: it sends the POST again by itself and names nothing. One call of a
// customer stays one order with one charge; nothing is made twice.
import { toFile } from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { countOf } from '../counts.ts'
import { type FaultProxy, startFaultProxy } from '../fault-proxy.ts'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import { makeInput, openClient } from './openai-client.ts'

let rig: Rig
let node: Node
let proxy: FaultProxy

/** I-10: calls for each way of breaking one. */
const calls = countOf(50)

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  // Fifty answers of 500 in a row would close the door on the upstream.
  node = await rig.startNode({ TEST_BREAKER: 'off' })
  proxy = await startFaultProxy({ host: '127.0.0.1', port: Number(new URL(node.url).port) })
})
afterAll(async () => {
  expect(await rig.violations()).toEqual([])
  await proxy.close()
  await rig.close()
})

async function open(credits = 1_000) {
  const { apiKey, accountId } = await rig.account({ credits })
  const text =
    'SELECT count(*)::int AS orders, sum(captured)::int AS captured FROM generation WHERE account_id = $1'
  const look = async () =>
    (await ask<{ orders: number; captured: number | null }>(rig.database.db, text, [accountId]))[0]
  const spent = async () => credits - (await rig.balance(accountId))
  return { apiKey, accountId, look, spent }
}

const billedFor = (prompt: string) => rig.openai.requests.filter(each => each.prompt === prompt).length
const reached = (prompt: string, times = 1) =>
  eventually(`the upstream has got "${prompt}"`, () => billedFor(prompt) >= times)

test('a reset connection while the order runs: the repeat joins it', async () => {
  for (let at = 0; at < calls; at += 1) {
    const { apiKey, look, spent } = await open()
    const { client, sent } = openClient(proxy.through(node.url).replace(/\/$/, ''), apiKey)
    const prompt = `cut ${at}`
    const resume = rig.openai.pause()
    const call = client.images.generate({ model: 'gpt-image-2', prompt, quality: 'low' }).withResponse()
    await reached(prompt)
    proxy.cutAll()
    await eventually('it is sent again', () => sent.length > 1)
    resume()
    const { data, response } = await call
    expect(data.data).toHaveLength(1)
    expect(response.headers.get('idempotent-inferred')).toBe('true')
    expect(sent.length).toBeGreaterThan(1)
    expect(sent.at(-1)?.headers.get('x-stainless-retry-count')).not.toBe('0')
    expect(billedFor(prompt)).toBe(1)
    expect(await look()).toEqual({ orders: 1, captured: await spent() })
  }
})

test('a timeout of the client itself: the repeat joins, for forms with files too', async () => {
  const { apiKey, look, spent } = await open()
  // Long enough for the repeat to be answered once the work goes on.
  const { client, sent } = openClient(node.url, apiKey, { timeoutMs: 10_000 })
  const prompt = 'an edit that takes'
  const resume = rig.openai.pause()
  const image = [
    await toFile(await makeInput({}), 'a.png'),
    await toFile(await makeInput({ colour: '#00ff00' }), 'b.png'),
  ]
  const call = client.images.edit({ model: 'gpt-image-2', prompt, image, quality: 'low' }).withResponse()
  await eventually('it is sent again', () => sent.length === 2)
  resume()
  const { data, response } = await call
  expect(data.data).toHaveLength(1)
  expect(response.headers.get('idempotent-inferred')).toBe('true')
  expect(sent).toHaveLength(2)
  expect(billedFor(prompt)).toBe(1)
  expect(await look()).toEqual({ orders: 1, captured: await spent() })
})

test('identical calls side by side stay as many orders as they are, also when all are cut', async () => {
  const { apiKey, look } = await open()
  const url = proxy.through(node.url).replace(/\/$/, '')
  const prompt = 'twins'
  const resume = rig.openai.pause()
  const twins = [0, 1].map(() => {
    const { client } = openClient(url, apiKey)
    return client.images.generate({ model: 'gpt-image-2', prompt, quality: 'low' }).withResponse()
  })
  await reached(prompt, 2)
  proxy.cutAll()
  resume()
  const answers = await Promise.all(twins)
  const ids = answers.map(({ response }) => response.headers.get('x-darkroom-generation-id'))
  expect(new Set(ids).size).toBe(2)
  expect(billedFor(prompt)).toBe(2)
  expect((await look())?.orders).toBe(2)
})

test('a process that is killed: the repeat finds the order at another one, which is not made again', async () => {
  for (let at = 0; at < calls; at += 1) {
    const { apiKey, look, spent } = await open()
    const doomed = await rig.startNode()
    const { client, sent } = openClient(doomed.url, apiKey, { fallbackUrl: node.url })
    const prompt = `killed ${at} [[emulate: slow=20000]]`
    const call = client.images.generate({ model: 'gpt-image-2', prompt, quality: 'low' }).then(
      () => 200,
      (error: { status?: number }) => error.status,
    )
    await reached(prompt)
    await doomed.kill()
    expect(await call).toBe(500)
    expect(sent).toHaveLength(2)
    expect(billedFor(prompt)).toBe(1)
    expect(await look()).toEqual({ orders: 1, captured: await spent() })
  }
})

test.each([
  ['a failure', 'html_500', {}, {}, 500],
  ['a failure told by an event', 'html_500', { stream: true }, {}, 200],
  ['a 202', 'slow=8000', {}, { prefer: 'respond-async' }, 202],
])(
  '%s that was sent is an answer like any other: later the same call is an order of its own',
  async (name, directive, fields, headers, status) => {
    const { apiKey, accountId, look } = await open()
    const body = {
      model: 'gpt-image-2',
      prompt: `${name} [[emulate: ${directive}]]`,
      quality: 'low',
      ...fields,
    }
    const post = async (count: number) => {
      const response = await fetch(`${node.url}/v1/images/generations`, {
        method: 'POST',
        headers: {
          ...headers,
          authorization: `Bearer ${apiKey}`,
          'content-type': 'application/json',
          'x-stainless-retry-count': String(count),
        },
        body: JSON.stringify(body),
      })
      await response.arrayBuffer()
      return [response.status, response.headers.get('idempotent-inferred')]
    }
    expect(await post(0)).toEqual([status, null])
    await eventually('the answer counts as heard', async () => {
      const text =
        "SELECT answered_at < app_now() - interval '3 s' AS heard FROM generation WHERE account_id = $1"
      return (await ask<{ heard: boolean }>(rig.database.db, text, [accountId]))[0]?.heard === true
    })
    expect(await post(1)).toEqual([status, null])
    expect((await look())?.orders).toBe(2)
  },
)

test('a 500 after the work: said once, paid back, never sent again', async () => {
  for (let at = 0; at < calls; at += 1) {
    const { apiKey, look, spent } = await open()
    const { client, sent } = openClient(node.url, apiKey)
    const prompt = `broken ${at} [[emulate: html_500]]`
    await expect(client.images.generate({ model: 'gpt-image-2', prompt })).rejects.toMatchObject({
      status: 500,
    })
    expect(sent).toHaveLength(1)
    expect(billedFor(prompt)).toBe(1)
    expect([(await look())?.orders, await spent()]).toEqual([1, 0])
  }
})
