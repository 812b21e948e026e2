// A route with room for few calls, three processes and two tenants: the limit holds at the upstream, nobody waits for
// another's thousand orders, and everybody can see where they stand.
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createNativeClient, type NativeClient } from '../conformance/native-client.ts'
import { eventually } from '../harness.ts'
import { ask } from '../money.ts'
import { type Cluster, startCluster } from './cluster.ts'

const model = 'openai:gpt-image-2'
const maxInFlight = 3
const queuedByOne = 45

let cluster: Cluster
let client: NativeClient
let many: { accountId: string; apiKey: string }
let few: typeof many
let admin: typeof many

beforeAll(async () => {
  const file = join(tmpdir(), `darkroom-paced-${process.pid}.json`)
  writeFileSync(file, JSON.stringify({ upstreams: { 'openai/gpt-image-2': { maxInFlight } } }))
  cluster = await startCluster({ latencyMs: 200, env: { DARKROOM_CATALOG: file } })
  client = await createNativeClient(cluster.node(0))
  many = await cluster.account({ credits: 100_000 })
  few = await cluster.account({ credits: 100_000 })
  admin = await cluster.account({ credits: 0, key: { scopes: ['admin'] } })
})
afterAll(() => cluster?.close())

const place = (apiKey: string, nth: number, prefer = 'respond-async') =>
  client.call(apiKey, 'POST /api/v1/generations', {
    body: { model, prompt: cluster.prompt() },
    headers: { prefer },
    url: cluster.node(nth).url,
  })

const countEnded = async (accountId: string) => {
  const text = `SELECT count(*)::int AS count FROM generation WHERE account_id = $1 AND state = 'succeeded'`
  const [row] = await ask<{ count: number }>(cluster.database.db, text, [accountId])
  return row?.count ?? 0
}

describe('while one tenant has queued many orders for a route with few places', () => {
  const ids: string[] = []

  test('they wait, and each can see where it stands', async () => {
    const placed = await Promise.all(Array.from({ length: queuedByOne }, (_, nth) => place(many.apiKey, nth)))
    expect(placed.map(answer => answer.status)).toEqual(placed.map(() => 202))
    ids.push(...placed.map(answer => answer.body.id))
    await eventually('the first has ended', async () => (await countEnded(many.accountId)) > 0)
    const list = await client.call(many.apiKey, 'GET /api/v1/generations?limit=100&status=queued')
    const shown = list.body.generations as {
      id: string
      queue: { position: number; estimatedSeconds: number }
    }[]
    expect(shown.length).toBeGreaterThan(queuedByOne / 2)
    const positions = shown.map(({ queue }) => queue.position).toReversed()
    expect(positions).toEqual(positions.toSorted((a, b) => a - b))
    expect(positions.at(-1)).toBeGreaterThan(queuedByOne / 2)
    expect(shown[0]?.queue.estimatedSeconds).toBeGreaterThan(0)
  })

  test("another tenant's single order does not wait for them", async () => {
    const before = await countEnded(many.accountId)
    const answer = await place(few.apiKey, 1, 'wait=60')
    expect(answer.body).toMatchObject({ status: 'succeeded', queue: null })
    const meanwhile = (await countEnded(many.accountId)) - before
    // Two turns at the most, with as many places, and what ended while the answer was on its way.
    expect(meanwhile).toBeLessThan(queuedByOne / 3)
  })

  test('events tell the place of one that waits, and that it moves on', async () => {
    const { body } = await place(many.apiKey, 2)
    const response = await fetch(`${cluster.node(2).url}/api/v1/generations/${body.id}/events`, {
      headers: { authorization: `Bearer ${many.apiKey}` },
    })
    const text = await response.text()
    const told = [...text.matchAll(/event: status\ndata: (.*)\n/g)].map(
      ([, data]) => JSON.parse(data ?? '') as { status: string; queue: { position: number } | null },
    )
    const positions = told.flatMap(({ queue }) => queue?.position ?? [])
    expect(positions.length).toBeGreaterThan(1)
    expect(positions).toEqual(positions.toSorted((a, b) => b - a))
    expect(text).toContain('event: end')
  })

  test('all are made in the end, never more at once than the route takes', async () => {
    await eventually(
      'all are made',
      async () => (await countEnded(many.accountId)) === queuedByOne + 1,
      60_000,
    )
    expect(cluster.openai.total.maxCreating).toBe(maxInFlight)
    expect(cluster.openai.total.billable).toBe(queuedByOne + 2)
    expect(await cluster.violations()).toEqual([])
    const [pace] = await ask<{ in_flight: number }>(cluster.database.db, 'SELECT in_flight FROM route_pace')
    expect(pace?.in_flight).toBe(0)
  })

  test('the operator sees how the route fares at every process', async () => {
    const find = async (nth: number) => {
      const { body } = await client.call(admin.apiKey, 'GET /api/v1/routes', { url: cluster.node(nth).url })
      const routes = body.routes as { provider: string; upstreamModel: string; [field: string]: unknown }[]
      return routes.find(route => route.provider === 'openai' && route.upstreamModel === 'gpt-image-2')
    }
    const made = queuedByOne + 2
    await eventually('all is told', async () => (await find(0))?.succeeded === made)
    for (const nth of [0, 1, 2]) {
      expect(await find(nth)).toMatchObject({
        ...{ breaker: 'closed', succeeded: made, failed: 0, inFlight: 0, waiting: 0, lastError: null },
        pacing: { maxInFlight, imagesPerMinute: null },
      })
    }
    const broken = await client.call(few.apiKey, 'POST /api/v1/generations', {
      body: { model, prompt: 'a secret garden of mine [[emulate: echo=500]]' },
      headers: { prefer: 'wait=30' },
    })
    expect(broken.body.status).toBe('failed')
    await eventually('the error is told', async () => (await find(1))?.failed === 1)
    const error = (await find(2))?.lastError as { kind: string; message: string }
    expect(error.kind).toBe('unknown_outcome')
    expect(error.message).not.toContain('secret garden')
    // Sampled every few seconds, by each process.
    const told =
      /darkroom_route_last_success_timestamp_seconds\{provider="openai",upstream_model="gpt-image-2"\} 1/
    const readMetrics = async () => (await fetch(`${cluster.node(0).url}/metrics`)).text()
    await eventually('metrics tell', async () => told.test(await readMetrics()), 30_000)
    const refused = await client.call(few.apiKey, 'GET /api/v1/routes')
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
  })
})
