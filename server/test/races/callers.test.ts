// What callers do while their order runs changes nothing: they may hang up at any point, the price list may change,
// upstreams may be slow. No order is sent twice, and no transaction stays open meanwhile.
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectDatabase } from '../../src/db/connect.ts'
import type { Db } from '../../src/db/db.ts'
import { isProof, raceCounts } from '../counts.ts'
import { silentLog } from '../database.ts'
import { eventually } from '../harness.ts'
import { ask, askOne } from '../money.ts'
import {
  type Cluster,
  countBooks,
  countOpen,
  get,
  idOf,
  postGeneration,
  postImage,
  readBalance,
  startCluster,
  threeCredits,
  times,
} from './cluster.ts'

const patienceMs = 600_000
/** Of the calls that callers abandon. */
const workMs = 600
/** Far more than socket buffers hold, so that an answer under way is surely unfinished. */
const pictureSizeBytes = 24 * 1024 * 1024

let cluster: Cluster
let superuser: Db
beforeAll(async () => {
  cluster = await startCluster()
  superuser = await connectDatabase({
    url: cluster.database.adminUrl,
    maxConnections: 1,
    statementTimeoutMs: 30_000,
    prepare: false,
    log: silentLog,
  })
})
afterAll(async () => {
  await superuser.close()
  await cluster.close()
})

/** Orders on a raw socket and hangs up when told; resolves once the connection is gone. */
function abandon(
  node: { url: string },
  request: { apiKey: string; prompt: string; idempotencyKey: string },
  leave: (hangUp: () => void, firstBytes: Promise<void>) => void,
): Promise<{ received: number }> {
  const { hostname, port } = new URL(node.url)
  const body = JSON.stringify({ modelId: threeCredits, prompt: request.prompt })
  const socket = connect({ host: hostname, port: Number(port) })
  let received = 0
  const firstBytes = new Promise<void>(resolve => {
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
      socket.pause()
      resolve()
    })
  })
  socket.on('error', () => undefined)
  socket.write(
    [
      'POST /api/v1/images/generate HTTP/1.1',
      `host: ${hostname}`,
      `authorization: Bearer ${request.apiKey}`,
      `idempotency-key: ${request.idempotencyKey}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  )
  leave(() => socket.destroy(), firstBytes)
  return new Promise(resolve => socket.once('close', () => resolve({ received })))
}

describe('a caller that hangs up changes nothing', () => {
  for (const share of [0, 0.1, 0.5, 0.99]) {
    test(
      `after ${share * 100} % of the work`,
      async () => {
        const { accountId, apiKey } = await cluster.account({ credits: 1_000 })
        const orders = Array.from({ length: raceCounts.disconnects }, (_, index) => ({
          apiKey,
          prompt: cluster.prompt(`slow=${workMs}`),
          idempotencyKey: `key-${index}`,
        }))
        await times(orders.length, index => {
          const order = orders[index] ?? { apiKey, prompt: '', idempotencyKey: '' }
          return abandon(cluster.node(index), order, hangUp => {
            const begun = cluster.openai.waitUntil(() => cluster.calls(order.prompt) === 1)
            begun.then(() => setTimeout(hangUp, share * workMs), hangUp)
          })
        })
        await expectDelivered(accountId, orders)
      },
      patienceMs,
    )
  }

  test(
    'after the head of the answer and a part of the image',
    async () => {
      const large = await startCluster({ nodes: 1, pictureSizeBytes })
      try {
        const { accountId, apiKey } = await large.account({ credits: 1_000 })
        const order = { apiKey, prompt: large.prompt(), idempotencyKey: 'large' }
        const { received } = await abandon(large.node(0), order, (hangUp, firstBytes) => {
          firstBytes.then(hangUp, hangUp)
        })
        expect(received).toBeGreaterThan(0)
        expect(received).toBeLessThan(pictureSizeBytes)
        await eventually('the order ended', async () => (await countOpen(large, accountId)) === 0)
        const headers = { 'idempotency-key': 'large' }
        const replay = await postImage(large.node(0), apiKey, { prompt: order.prompt, headers })
        expect(replay.headers.get('idempotent-replayed')).toBe('true')
        const { b64_json } = replay.body.image as { b64_json: string }
        expect(Buffer.from(b64_json, 'base64')).toHaveLength(pictureSizeBytes)
        expect(large.calls(order.prompt)).toBe(1)
        expect(await large.balance(accountId)).toBe(997)
      } finally {
        await large.close()
      }
    },
    patienceMs,
  )

  async function expectDelivered(
    accountId: string,
    orders: { apiKey: string; prompt: string; idempotencyKey: string }[],
  ): Promise<void> {
    await eventually('every order ended', async () => (await countOpen(cluster, accountId)) === 0)
    const count = orders.length
    expect(await countBooks(cluster, accountId)).toEqual({
      generations: count,
      holds: count,
      resolutions: count,
    })
    expect(await cluster.balance(accountId)).toBe(1_000 - 3 * count)
    for (const { apiKey, prompt, idempotencyKey } of orders) {
      const headers = { 'idempotency-key': idempotencyKey }
      const replay = await postImage(cluster.node(0), apiKey, { prompt, headers })
      expect(replay.status).toBe(200)
      expect(replay.headers.get('idempotent-replayed')).toBe('true')
      const byId = await get(cluster.node(1), apiKey, `/api/v1/images/${idOf(replay)}`)
      expect(byId.body.image).toEqual(replay.body.image)
      expect(cluster.calls(prompt)).toBe(1)
    }
    expect(await cluster.violations()).toEqual([])
  }
})

test(
  'the price is the one of the hold, whatever the price list says at the end',
  async () => {
    const catalogue = join(cluster.dataDir, 'dearer.json')
    writeFileSync(
      catalogue,
      JSON.stringify({ models: [{ id: threeCredits, prices: { getimages: 9, native: 9 } }] }),
    )
    const mixed = await startCluster({ nodes: 0 })
    try {
      // This process takes orders and leaves the work to others.
      const taker = await mixed.startNode({}, 'serve')
      const { accountId, apiKey } = await mixed.account({ credits: 100 })
      const cheap = await postGeneration(taker, apiKey, { prompt: mixed.prompt() })
      expect(await readBalance(taker, apiKey)).toBe(97)
      const dear = await mixed.startNode({ DARKROOM_CATALOG: catalogue })
      const second = await postGeneration(dear, apiKey, { prompt: mixed.prompt() })
      await eventually('both ended', async () => (await countOpen(mixed, accountId)) === 0)
      const cost = async (id: string) =>
        (await get(dear, apiKey, `/api/v1/generations/${id}`)).body.costCredits
      expect(await cost(idOf(cheap))).toBe(3)
      expect(await cost(idOf(second))).toBe(9)
      expect(await readBalance(taker, apiKey)).toBe(88)
      expect(await mixed.violations()).toEqual([])
    } finally {
      await mixed.close()
    }
  },
  patienceMs,
)

test(
  'no transaction is open while upstreams are slow, and reading stays quick',
  async () => {
    const { accountId, apiKey } = await cluster.account({ credits: 100_000 })
    const prompt = cluster.prompt(`slow=${raceCounts.slowCallMs}`)
    const work = times(raceCounts.slowCalls, index => postImage(cluster.node(index), apiKey, { prompt }))
    let isWorking = true
    const answers = work.finally(() => {
      isWorking = false
    })
    let longestIdleMs = 0
    let looks = 0
    const readsMs: number[] = []
    while (isWorking) {
      const beganAt = performance.now()
      await readBalance(cluster.node(looks), apiKey)
      readsMs.push(performance.now() - beganAt)
      const { idle } = await askOne<{ idle: number }>(
        superuser,
        `SELECT coalesce(max(extract(epoch FROM clock_timestamp() - state_change)), 0)::float8 * 1000 AS idle
          FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`,
      )
      longestIdleMs = Math.max(longestIdleMs, idle)
      looks += 1
    }
    expect((await answers).map(each => each.status)).toEqual(Array(raceCounts.slowCalls).fill(200))
    expect(looks).toBeGreaterThan(isProof ? 20 : 2)
    // One that is open over a call is idle for as long as that takes; a busy machine lets others wait a little.
    expect(longestIdleMs).toBeLessThan(isProof ? 100 : raceCounts.slowCallMs / 2)
    readsMs.sort((a, b) => a - b)
    const p99 = readsMs[Math.floor(readsMs.length * 0.99)] ?? Number.POSITIVE_INFINITY
    expect(p99).toBeLessThan(isProof ? 200 : 20_000)
    expect(await countBooks(cluster, accountId)).toMatchObject({ resolutions: raceCounts.slowCalls })
  },
  patienceMs,
)

test('no order was ever asked for twice at an upstream, at once or one after the other', async () => {
  const attempts = cluster.openai.attempts()
  expect(attempts.length).toBeGreaterThan(raceCounts.disconnects * 4 + raceCounts.slowCalls - 1)
  for (const attempt of attempts) {
    expect(cluster.openai.counters(attempt)).toMatchObject({ requests: 1, billable: 1, maxInFlight: 1 })
  }
  const rows = await ask<{ label: string }>(
    cluster.database.db,
    `SELECT generation_id || '/' || n || '/' || part AS label FROM attempt`,
  )
  expect(attempts.toSorted()).toEqual(rows.map(row => row.label).toSorted())
  expect(cluster.openai.errors).toEqual([])
})
