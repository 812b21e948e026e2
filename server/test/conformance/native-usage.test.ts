// What was charged by day, in the native API: the sums of the ledger over every surface, by model, API and key; and the
// same money that the usage list and getimg's costs show.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createKey } from '../../src/accounts/keys.ts'
import { createRig, generateImage, type Node, type Rig, read } from '../harness.ts'
import { createNativeClient, generations, type NativeClient } from './native-client.ts'

const path = '/api/v1/usage/daily'
const today = () => new Date().toISOString().slice(0, 10)
const now = () => new Date()

let rig: Rig
let node: Node
let client: NativeClient

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
  client = await createNativeClient(node)
})
afterAll(async () => {
  expect(await rig.violations()).toEqual([])
  await rig.close()
})

type Usage = {
  from: string
  to: string
  credits: number
  generations: number
  days: { date: string; credits: number; generations: number }[]
}
const usageOf = async (apiKey: string, query = '') => {
  const { status, body } = await client.call(apiKey, `GET ${path}${query}`)
  expect(status, JSON.stringify(body)).toBe(200)
  return body as unknown as Usage
}

test('what was charged is summed by day over all APIs, and by model, API and key', async () => {
  const before = today()
  const { apiKey, accountId } = await rig.account({ credits: 1_000 })
  const second = await rig.database.db.transaction(tx => createKey({ tx, now }, { accountId, rate: 'off' }))
  const make = async (key: string, body: object) => {
    const headers = { prefer: 'wait=60' }
    const made = await client.call(key, `POST ${generations}`, { body: { prompt: 'x', ...body }, headers })
    return Number(made.body.costCredits)
  }
  const cheap = await make(apiKey, { model: 'gpt-image-2', quality: 'low', n: 2 })
  const dear = await make(second.apiKey, { model: 'google:gemini-3-pro-image-preview' })
  const failed = await make(apiKey, { model: 'gpt-image-2', prompt: 'x [[emulate: moderation_output]]' })
  const other = (await generateImage(node, apiKey, { prompt: 'x' })).body.credits?.charged ?? 0
  expect(failed).toBe(0)
  expect(Math.min(cheap, dear, other)).toBeGreaterThan(0)
  const all = await usageOf(apiKey)
  expect([all.credits, all.generations]).toEqual([cheap + dear + other, 3])
  expect(1_000 - all.credits).toBe(await rig.balance(accountId))
  // Midnight may have come.
  const shown = all.days.filter(({ date }) => date === before || date === today())
  expect(shown.reduce((sum, { credits }) => sum + credits, 0)).toBe(all.credits)
  expect([all.days.length, all.to]).toEqual([30, all.days.at(-1)?.date])
  const part = async (query: string) => {
    const { credits, generations: orders } = await usageOf(apiKey, query)
    return [credits, orders]
  }
  expect(await part('?model=gpt-image-2')).toEqual([cheap, 1])
  expect(await part('?dialect=getimages')).toEqual([other, 1])
  expect(await part(`?key=${second.keyId}`)).toEqual([dear, 1])
  expect(await part(`?key=${second.keyId}&model=gpt-image-2`)).toEqual([0, 0])
  expect(await part('?from=2020-01-01&to=2020-06-28')).toEqual([0, 0])
  const costs = await read(
    node,
    apiKey,
    `/v2/billing/costs?start=${before}T00:00:00Z&end=${today()}T23:59:59.999Z`,
  )
  expect(costs.body.total_cost).toBeCloseTo(all.credits / 100)
  const stranger = await rig.account({ credits: 10 })
  expect((await usageOf(stranger.apiKey, `?key=${second.keyId}`)).credits).toBe(0)
})

test('a span that is none, too long or not said in days is refused by name', async () => {
  const { apiKey } = await rig.account({ credits: 0, key: { scopes: ['read'] } })
  for (const [query, field] of [
    ['?from=2026-02-30', 'from'],
    ['?from=2026-11-01T00:00:00Z', 'from'],
    ['?from=2026-11-02&to=2026-11-01', 'from'],
    ['?from=2026-01-01&to=2026-06-30', 'to'],
    ['?from=0000-01-01&to=0000-01-02', 'from'],
    ['?to=1970-01-29', 'to'],
    ['?dialect=other', 'dialect'],
    ['?key=other', 'key'],
    ['?days=3', 'days'],
  ]) {
    const { status, body } = await client.call(apiKey, `GET ${path}${query}`)
    expect([status, body.issues?.[0]?.path], String(query)).toEqual([400, field])
  }
  expect((await usageOf(apiKey, '?from=2026-01-01&to=2026-06-29')).days).toHaveLength(180)
  const ordering = await rig.account({ credits: 0, key: { scopes: ['generate'] } })
  expect((await client.call(ordering.apiKey, `GET ${path}`)).status).toBe(403)
})
