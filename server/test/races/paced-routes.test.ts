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

const place = (apiKey: string, nth: number, { prefer = 'respond-async', prompt = cluster.prompt() } = {}) =>
  client.call(apiKey, 'POST /api/v1/generations', {
    body: { model, prompt },
    headers: { prefer },
    url: cluster.node(nth).url,
  })

const countEnded = async (accountId: string) => {
  const text = `SELECT count(*)::int AS count FROM generation WHERE account_id = $1 AND state = 'succeeded'`
  const [row] = await ask<{ count: number }>(cluster.database.db, text, [accountId])
  return row?.count ?? 0
}

const countWaiting = async () => {
  const text = `SELECT count(*)::int AS count FROM generation WHERE state = 'queued' AND waits_for IS NOT NULL`
  const [row] = await ask<{ count: number }>(cluster.database.db, text, [])
  return row?.count ?? 0
}

/** The first, those of one, and one of each tenant. */
const made = queuedByOne + 3

describe('while one tenant has queued many orders for a route with few places', () => {
  // Nothing ends while it is looked at what waits.
  let resume = () => {}
  let told = Promise.resolve('')
  afterAll(() => resume())

  test('they wait, and each can see where it stands', async () => {
    expect((await place(many.apiKey, 0, { prefer: 'wait=60' })).body).toMatchObject({
      status: 'succeeded',
      queue: null,
    })
    resume = cluster.openai.pause()
    const placed = await Promise.all(Array.from({ length: queuedByOne }, (_, nth) => place(many.apiKey, nth)))
    expect(placed.map(answer => answer.status)).toEqual(placed.map(() => 202))
    const waiting = queuedByOne - maxInFlight
    await eventually('all others wait', async () => (await countWaiting()) === waiting)
    const list = await client.call(many.apiKey, 'GET /api/v1/generations?limit=100&status=queued')
    const shown = list.body.generations as {
      id: string
      queue: { position: number; estimatedSeconds: number }
    }[]
    const positions = shown.map(({ queue }) => queue.position).toReversed()
    expect(positions).toEqual(Array.from({ length: waiting }, (_, ahead) => ahead + 1))
    expect(shown[0]?.queue.estimatedSeconds).toBeGreaterThan(0)
  })

  test("another tenant's single order does not wait for them", async () => {
    const before = await countWaiting()
    const prompt = cluster.prompt()
    const answer = place(few.apiKey, 1, { prefer: 'wait=60', prompt })
    await eventually('it waits too', async () => (await countWaiting()) === before + 1)
    const last = await place(many.apiKey, 2)
    await eventually('so does the last', async () => (await countWaiting()) === before + 2)
    const events = await fetch(`${cluster.node(2).url}/api/v1/generations/${last.body.id}/events`, {
      headers: { authorization: `Bearer ${many.apiKey}` },
    })
    const [early, whole] = events.body?.tee() ?? []
    told = new Response(whole).text()
    for await (const text of early?.pipeThrough(new TextDecoderStream()) ?? []) {
      if (text.includes('position')) break
    }
    const begun = cluster.openai.total.billable
    resume()
    expect((await answer).body).toMatchObject({ status: 'succeeded', queue: null })
    const prompts = cluster.openai.requests.flatMap(request => request.prompt ?? [])
    const meanwhile = prompts.findIndex(each => each.includes(prompt)) - begun
    // Its turn is the next or the one after; as many as there are places may overtake it on the way.
    expect(meanwhile).toBeGreaterThanOrEqual(0)
    expect(meanwhile).toBeLessThanOrEqual(2 * maxInFlight)
  })

  test('events tell the place of one that waits, and that it moves on', async () => {
    const text = await told
    const statuses = [...text.matchAll(/event: status\ndata: (.*)\n/g)].map(
      ([, data]) => JSON.parse(data ?? '') as { status: string; queue: { position: number } | null },
    )
    const positions = statuses.flatMap(({ queue }) => queue?.position ?? [])
    expect(positions.length).toBeGreaterThan(1)
    expect(positions).toEqual(positions.toSorted((a, b) => b - a))
    expect(text).toContain('event: end')
  })

  test('all are made in the end, never more at once than the route takes', async () => {
    await eventually('all are made', async () => (await countEnded(many.accountId)) === made - 1)
    expect(cluster.openai.total.maxCreating).toBe(maxInFlight)
    expect(cluster.openai.total.billable).toBe(made)
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
    await eventually('all is told', async () => (await find(0))?.succeeded === made)
    for (const nth of [0, 1, 2]) {
      expect(await find(nth)).toMatchObject({
        ...{ breaker: 'closed', succeeded: made, failed: 0, inFlight: 0, waiting: 0, lastError: null },
        pacing: { maxInFlight, imagesPerMinute: null, imagesPerWindow: null },
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
    await eventually('metrics tell', async () => told.test(await readMetrics()))
    const refused = await client.call(few.apiKey, 'GET /api/v1/routes')
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
  })
})
