// I-10: getimg's SDK repeats an order five times by itself and names nothing. Whatever breaks on the way, one call of a
// customer is one generation and at most one charge; what needs no repeat is not repeated.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countOf } from '../counts.ts'
import { type FaultProxy, startFaultProxy } from '../fault-proxy.ts'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import { findQuietPort } from '../quiet-ports.ts'
import { createGetimgClient, GetimgApiError, type GetimgClient } from './getimg-client.ts'
import { addKey, type Contract, imageOf, openAccount, openContract } from './getimg-contract.ts'

let rig: Rig
let node: Node
let proxy: FaultProxy
let getimg: Contract

/** So few that a repeat which counted would be refused. */
const limits = { GETIMG_REQUESTS_PER_MINUTE: '1', GETIMG_IN_FLIGHT: '1' }
const calls = countOf(50, 4)

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode(limits)
  getimg = await openContract(node.url)
  const { hostname, port } = new URL(node.url)
  proxy = await startFaultProxy({ host: hostname, port: Number(port) })
})
afterAll(async () => {
  await proxy.close()
  expect(await rig.violations()).toEqual([])
  await rig.close()
})

type Customer = { client: GetimgClient; accountId: string; pauses: number[] }

/** With an account of its own; `onPause` happens instead of sleeping. */
async function customer(
  onPause: (ms: number) => Promise<unknown>,
  { baseURL, patient = false }: { baseURL?: string; patient?: boolean } = {},
): Promise<Customer> {
  const { accountId, apiKey } = await openAccount(rig, 1_000)
  const pauses: number[] = []
  const client = createGetimgClient({
    apiKey,
    patient,
    baseURL: baseURL ?? `${proxy.through(node.url).replace(/\/$/, '')}/getimg`,
    async pause(ms) {
      pauses.push(ms)
      await onPause(ms)
    },
  })
  return { client, accountId, pauses }
}

const order = (prompt: string) => ({ model: 'gpt-image-2', prompt, resolution: '1K' })
const callsOf = (prompt: string) => rig.openai.requests.filter(each => each.prompt?.includes(prompt)).length

async function rowsOf(accountId: string): Promise<{ state: string; captured: number }[]> {
  return ask(rig.database.db, 'SELECT state, captured FROM generation WHERE account_id = $1', [accountId])
}

/** The answer to the account's only order has left, and so long ago that it counts as heard. */
const heard = (accountId: string) =>
  eventually('the answer counts as heard', async () => {
    const text =
      "SELECT answered_at < app_now() - interval '3 s' AS heard FROM generation WHERE account_id = $1"
    return (await ask<{ heard: boolean }>(rig.database.db, text, [accountId]))[0]?.heard === true
  })

/** One generation, one charge, and the file is there. */
async function expectBoughtOnce({ accountId }: Customer, image: { data: { url: string }[] }): Promise<void> {
  const [row, ...more] = await rowsOf(accountId)
  expect([row?.state, more]).toEqual(['succeeded', []])
  expect(await rig.balance(accountId)).toBe(1_000 - (row?.captured ?? 0))
  expect((await fetch(image.data[0]?.url ?? '')).status).toBe(200)
}

describe('an order whose answer is lost is joined by its repeat, beyond every limit', () => {
  test.each([
    [1, true],
    [150, false],
    [500, false],
    [700, true],
  ])('cut after %i bytes of the answer; the SDK waits its second: %s', async (bytes, patient) => {
    for (let nth = 0; nth < calls; nth += 1) {
      const prompt = `cut ${bytes} ${nth}`
      const buyer = await customer(() => proxy.setMode({ kind: 'pass' }), { patient })
      await proxy.setMode({ kind: 'cutAfter', bytes, direction: 'toClient' })
      const image = await buyer.client.images.generate(order(prompt))
      expect(buyer.client.last()?.headers['idempotent-inferred']).toBe('true')
      expect(buyer.pauses).toHaveLength(1)
      expect(buyer.pauses[0]).toBeGreaterThanOrEqual(750)
      expect(buyer.pauses[0]).toBeLessThanOrEqual(1_000)
      expect(callsOf(prompt)).toBe(1)
      await expectBoughtOnce(buyer, image)
    }
  })

  test('reset while the model works, twice', async () => {
    for (let nth = 0; nth < calls; nth += 1) {
      const prompt = `reset ${nth} of them`
      const resume = rig.openai.pause()
      let joins = 0
      const buyer = await customer(async () => {
        joins += 1
        // The second try is under way too when it is cut.
        if (joins === 1)
          void eventually('the repeat is there', () => proxy.counts().accepted > seen).then(proxy.cutAll)
        else resume()
      })
      const seen = proxy.counts().accepted + 1
      const answer = buyer.client.images.generate(order(prompt))
      await eventually('the model works', () => callsOf(`reset ${nth} `) === 1)
      proxy.cutAll()
      await expectBoughtOnce(buyer, await answer)
      expect(buyer.pauses).toHaveLength(2)
      expect(callsOf(`reset ${nth} `)).toBe(1)
    }
  })

  test('the service is killed while the model works: one generation, no second one, nothing charged', async () => {
    const own = String(await findQuietPort())
    let home = await rig.startNode({ ...limits, PORT: own })
    const buyer = await customer(
      async () => {
        home = await rig.startNode({ ...limits, PORT: own })
      },
      { baseURL: home.url },
    )
    const answer = buyer.client.images.generate(order('killed [[emulate: slow=60000]]')).catch(error => error)
    await eventually('the model works', () => callsOf('killed') === 1)
    await home.kill()
    const failure = await answer
    expect(failure).toBeInstanceOf(GetimgApiError)
    expect([failure.status, failure.error?.error?.code, failure.headers['x-should-retry']]).toEqual([
      500,
      'server_error',
      'false',
    ])
    expect(buyer.pauses).toHaveLength(1)
    expect(await rowsOf(buyer.accountId)).toEqual([{ state: 'failed', captured: 0 }])
    expect(await rig.balance(buyer.accountId)).toBe(1_000)
    expect(callsOf('killed')).toBe(1)
  })
})

describe('what must not be repeated is not', () => {
  test.each([
    ['failed at the model', 'html_500', 500],
    ['refused by the model', 'moderation_input', 422],
  ])('an order that %s', async (_name, directive, status) => {
    const buyer = await customer(async () => undefined)
    const prompt = `once only [[emulate: ${directive}]]`
    const failure = await buyer.client.images.generate(order(prompt)).catch(error => error)
    expect([failure.status, buyer.pauses]).toEqual([status, []])
    expect(await rowsOf(buyer.accountId)).toHaveLength(1)
    expect(await rig.balance(buyer.accountId)).toBe(1_000)
  })

  test('a request that is wrong, of a stranger, or above the balance', async () => {
    const buyer = await customer(async () => undefined)
    const failure = await buyer.client.images.generate({ model: 'gpt-image-2' }).catch(error => error)
    expect([failure.status, failure.error?.error?.code, failure.error?.error?.param]).toEqual([
      400,
      'parameter_missing',
      'prompt',
    ])
    const nobody = createGetimgClient({
      apiKey: 'sk_nobody',
      baseURL: node.url,
      pause: async () => undefined,
    })
    expect((await nobody.models.list().catch(error => error)).status).toBe(401)
    const poor = await openAccount(rig, 1)
    const beggar = createGetimgClient({
      apiKey: poor.apiKey,
      baseURL: node.url,
      pause: async () => undefined,
    })
    expect((await beggar.images.generate(order('poor')).catch(error => error)).status).toBe(402)
    expect(buyer.pauses).toEqual([])
  })
})

test('an answer that was heard is not joined any more, nor is an order of another key or body', async () => {
  const roomy = await rig.startNode({ GETIMG_REQUESTS_PER_MINUTE: '100' })
  const contract = await openContract(roomy.url)
  const { accountId, apiKey } = await openAccount(rig, 1_000)
  const repeat = ['x-stainless-retry-count', '1']
  const first = await contract.post(apiKey, { body: order('heard') })
  await heard(accountId)
  const second = await contract.post(apiKey, { body: order('heard'), headers: repeat })
  expect([second.status, second.headers['idempotent-inferred']]).toEqual([200, undefined])
  expect(imageOf(second).id).not.toBe(imageOf(first).id)
  const third = await contract.post(apiKey, { body: order('heard, in other words'), headers: repeat })
  expect(third.headers['idempotent-inferred']).toBeUndefined()
  // Still in doubt, and all the same no repeat by its header.
  for (const count of ['0', 'x', '-1', '']) {
    const none = await contract.post(apiKey, {
      body: order('heard'),
      headers: ['x-stainless-retry-count', count],
    })
    expect([none.status, none.headers['idempotent-inferred']], count).toEqual([200, undefined])
  }
  expect(await rowsOf(accountId)).toHaveLength(7)
})

test('a 202 that was sent is an answer like any other: later the same call is an order of its own', async () => {
  const roomy = await rig.startNode({ GETIMG_REQUESTS_PER_MINUTE: '100', GETIMG_IN_FLIGHT: '10' })
  const contract = await openContract(roomy.url)
  const { accountId, apiKey } = await openAccount(rig, 1_000)
  const body = order('runs on [[emulate: slow=8000]]')
  const prefer = ['prefer', 'respond-async']
  expect((await contract.post(apiKey, { body, headers: prefer })).status).toBe(202)
  await heard(accountId)
  const headers = ['x-stainless-retry-count', '1', ...prefer]
  const second = await contract.post(apiKey, { body, headers })
  expect([second.status, second.headers['idempotent-inferred']]).toEqual([202, undefined])
  expect(await rowsOf(accountId)).toHaveLength(2)
})

test('a mark that joins nothing saves nobody from the rate: not with a wrong body, a key, or a count that no SDK has', async () => {
  const { accountId } = await openAccount(rig, 1_000)
  const good = order('marked')
  for (const [body, headers, served] of [
    [{ ...good, prompt: 7 }, ['x-stainless-retry-count', '1'], 400],
    ['{', ['x-stainless-retry-count', '1'], 400],
    [good, ['x-stainless-retry-count', '1', 'idempotency-key', 'marked'], 200],
    [{ ...good, prompt: '' }, ['x-stainless-retry-count', '11'], 400],
  ] as const) {
    const apiKey = await addKey(rig, { accountId, rate: { requests: 3, windowS: 60 } })
    const statuses: number[] = []
    for (let at = 0; at < 5; at += 1) statuses.push((await getimg.post(apiKey, { body, headers })).status)
    expect(statuses, JSON.stringify([body, headers])).toEqual([served, served, served, 429, 429])
  }
})

test('identical calls at once are an image each', async () => {
  const roomy = await rig.startNode({ GETIMG_REQUESTS_PER_MINUTE: '100' })
  const { accountId, apiKey } = await openAccount(rig, 1_000)
  const client = createGetimgClient({ apiKey, baseURL: roomy.url, pause: async () => undefined })
  const images = await Promise.all([1, 2, 3].map(() => client.images.generate(order('twins'))))
  expect(new Set(images.map(each => each.id)).size).toBe(3)
  expect(await rowsOf(accountId)).toHaveLength(3)
})

test('the window is that of the account, whichever key is used, save one with a rate of its own', async () => {
  const { accountId, apiKey } = await openAccount(rig, 1_000)
  const sibling = await addKey(rig, { accountId })
  const own = await addKey(rig, { accountId, rate: { requests: 2, windowS: 60 } })
  const statusOf = async (key: string) => (await getimg.post(key, { body: order('counted') })).status
  expect(await statusOf(apiKey)).toBe(200)
  expect(await statusOf(sibling)).toBe(429)
  expect([await statusOf(own), await statusOf(own), await statusOf(own)]).toEqual([200, 200, 429])
})

test('models, balance and costs read well', async () => {
  const { client } = await customer(async () => undefined)
  const models = (await client.models.list()) as { id: string }[]
  expect(models.length).toBeGreaterThan(0)
  expect(await client.models.retrieve(models[0]?.id ?? '')).toEqual(models[0])
  expect(await client.billing.retrieveBalance()).toEqual({ balance: '10.00', currency: 'USD' })
  const span = { start: '2026-01-01T00:00:00+02:00', end: '2026-01-02T00:00:00+02:00' }
  expect(await client.billing.listCosts(span)).toMatchObject({
    total_cost: 0,
    start: '2025-12-31T22:00:00.000Z',
  })
})

test('over the rate the SDK waits as long as it is told, and is served then', async () => {
  const shift = (seconds: number) =>
    ask(rig.database.ownerDb, 'UPDATE clock_offset SET value = value + make_interval(secs => $1)', [seconds])
  const buyer = await customer(ms => shift(ms / 1000))
  const first = await buyer.client.images.generate(order('the first'))
  const reset = Number(buyer.client.last()?.headers['x-ratelimit-reset'])
  expect(buyer.client.last()?.headers).toMatchObject({
    'x-ratelimit-limit': '1',
    'x-ratelimit-remaining': '0',
  })
  expect(Math.abs(reset - Date.now() / 1000 - 60)).toBeLessThan(10)
  const second = await buyer.client.images.generate(order('the second'))
  expect(second.id).not.toBe(first.id)
  expect(buyer.pauses).toHaveLength(1)
  expect((buyer.pauses[0] ?? 0) / 1000).toBeGreaterThan(45)
  expect((buyer.pauses[0] ?? 0) / 1000).toBeLessThanOrEqual(60)
  expect(await rowsOf(buyer.accountId)).toHaveLength(2)
  const refused = await getimg.post('sk_nobody', { body: order('none') })
  expect(refused.headers).toMatchObject({ 'x-ratelimit-limit': '1', 'x-ratelimit-remaining': '1' })
})
