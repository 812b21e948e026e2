// Ten times more orders than the service can do: it refuses the rest early, cheaply and without a hold, and does
// what it took at full speed; and one tenant's long queue does not make the others wait.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isProof, raceCounts } from './counts.ts'
import { eventually } from './harness.ts'
import { ask } from './money.ts'
import {
  type Answer,
  type Cluster,
  countBooks,
  countOpen,
  postGeneration,
  postImage,
  startCluster,
  times,
} from './races/cluster.ts'

const patienceMs = 900_000
const concurrency = 10
const workMs = 500
const queueBound = 20
const capacityPerSecond = concurrency / (workMs / 1_000)
const load = 10
/** Time between two bursts of arrivals. */
const burstEveryMs = 50

/** Callers at once; more would measure this machine's sockets. Many times what may be taken and wait. */
const maxOutstanding = 300

type Timed = Answer & { ms: number; atMs: number }

describe('under ten times its capacity', () => {
  let cluster: Cluster
  let answers: Timed[]
  let account: { accountId: string; apiKey: string }
  /** Calls at the upstream at each burst. */
  const busy: number[] = []
  let rss: { before: number; after: number }
  const credits = 1_000_000

  beforeAll(async () => {
    const env = { WORKER_CONCURRENCY: String(concurrency), QUEUE_BOUND: String(queueBound) }
    cluster = await startCluster({ nodes: 1, latencyMs: workMs, env })
    account = await cluster.account({ credits })
    await times(concurrency, () =>
      postImage(cluster.node(0), account.apiKey, { prompt: cluster.prompt(), headers: {} }),
    )
    const pid = cluster.node(0).pid
    const before = readRssBytes(pid)
    answers = await flood()
    rss = { before, after: readRssBytes(pid) }
    await eventually('every order ended', async () => (await countOpen(cluster, account.accountId)) === 0)
  }, patienceMs)
  afterAll(() => cluster.close())

  /** Arrivals at a fixed rate whatever the answers are, as from many callers who know nothing of each other. */
  async function flood(): Promise<Timed[]> {
    const sent: Promise<Timed>[] = []
    let outstanding = 0
    const beganAt = performance.now()
    const perBurst = (capacityPerSecond * load * burstEveryMs) / 1_000
    await new Promise<void>(resolve => {
      const timer = setInterval(() => {
        busy.push(cluster.openai.total.inFlight)
        if (performance.now() - beganAt > raceCounts.overloadSeconds * 1_000) {
          clearInterval(timer)
          resolve()
        } else {
          for (let index = 0; index < perBurst && outstanding < maxOutstanding; index += 1) {
            outstanding += 1
            sent.push(
              timed(beganAt).finally(() => {
                outstanding -= 1
              }),
            )
          }
        }
      }, burstEveryMs)
    })
    return Promise.all(sent)
  }

  async function timed(beganAt: number): Promise<Timed> {
    const sentAt = performance.now()
    const answer = await postImage(cluster.node(0), account.apiKey, { prompt: cluster.prompt() })
    const now = performance.now()
    return { ...answer, ms: now - sentAt, atMs: now - beganAt }
  }

  const taken = () => answers.filter(answer => answer.status === 200)
  const shed = () => answers.filter(answer => answer.status === 503)

  test('every order is either done or refused with 503 and a time to come back', () => {
    expect(answers.length).toBeGreaterThan(raceCounts.overloadSeconds * capacityPerSecond * load * 0.2)
    expect(taken().length + shed().length).toBe(answers.length)
    expect(shed().length).toBeGreaterThan(answers.length / 2)
    for (const { headers } of shed()) expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  })

  test('refused orders leave no trace: no row, no hold, no upstream call', async () => {
    const count = taken().length + concurrency
    expect(await countBooks(cluster, account.accountId)).toEqual({
      generations: count,
      holds: count,
      resolutions: count,
    })
    expect(cluster.openai.total.requests).toBe(count)
    expect(await cluster.balance(account.accountId)).toBe(credits - 3 * count)
    expect(await cluster.violations()).toEqual([])
  })

  test('no more run at once than configured', () => {
    expect(cluster.openai.total.maxInFlight).toBe(concurrency)
  })

  test('what it takes, it does at full speed', () => {
    const during = taken().filter(answer => answer.atMs < raceCounts.overloadSeconds * 1_000)
    const share = during.length / (raceCounts.overloadSeconds * capacityPerSecond)
    const meanBusy = busy.reduce((sum, each) => sum + each, 0) / busy.length
    console.info(
      `overload: ${share.toFixed(2)} of the capacity, ${meanBusy.toFixed(1)} of ${concurrency} at work`,
    )
    // A machine that is busy otherwise starves this process too; that it did not collapse is seen all the same.
    expect(taken().length).toBeGreaterThanOrEqual(concurrency + queueBound)
    if (isProof) expect(share).toBeGreaterThan(0.9)
  })

  test('refusals are quick, and nobody taken waits longer than the queue', () => {
    expect(percentile(shed(), 0.5)).toBeLessThan(isProof ? 50 : 10_000)
    const longestMs = (queueBound / capacityPerSecond) * 1_000 + 2 * workMs
    expect(percentile(taken(), 0.99)).toBeLessThan(isProof ? longestMs : 10 * longestMs)
  })

  test('memory stays flat', () => {
    expect(rss.after - rss.before).toBeLessThan(200 * 1024 * 1024)
  })
})

test(
  'a burst fills the workers and the queue to their bounds and no further',
  async () => {
    const env = { WORKER_CONCURRENCY: String(concurrency), QUEUE_BOUND: String(queueBound) }
    const cluster = await startCluster({ nodes: 1, latencyMs: 20, env })
    try {
      const { accountId, apiKey } = await cluster.account({ credits: 10_000 })
      // None has ended when the last one comes.
      const resume = cluster.openai.pause()
      const place = () => postGeneration(cluster.node(0), apiKey, { prompt: cluster.prompt() })
      const answers = await times(200, place)
      // A count made in the middle of the burst may have sent one away too early.
      await eventually('all places are taken', async () => {
        answers.push(await place())
        return (await countOpen(cluster, accountId)) >= concurrency + queueBound
      })
      expect(await countOpen(cluster, accountId)).toBeLessThanOrEqual(concurrency + queueBound)
      const count = answers.filter(answer => answer.status === 202).length
      expect(count).toBeGreaterThanOrEqual(concurrency + queueBound)
      expect(answers.filter(answer => answer.status === 503)).toHaveLength(answers.length - count)
      expect(count).toBeLessThan(100)
      await eventually('all workers are at work', () => cluster.openai.total.inFlight === concurrency)
      resume()
      await eventually('every order ended', async () => (await countOpen(cluster, accountId)) === 0)
      expect(cluster.openai.total.maxInFlight).toBe(concurrency)
      expect(await countBooks(cluster, accountId)).toEqual({
        generations: count,
        holds: count,
        resolutions: count,
      })
      expect(await cluster.violations()).toEqual([])
    } finally {
      await cluster.close()
    }
  },
  patienceMs,
)

function percentile(answers: readonly Timed[], share: number): number {
  const sorted = answers.map(answer => answer.ms).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * share)] ?? Number.POSITIVE_INFINITY
}

function readRssBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

describe('a tenant with a long queue', () => {
  let cluster: Cluster
  const workers = 4
  const shortWorkMs = 200
  const longQueue = 50
  /** Of the other one, one after the other. */
  const orders = isProof ? 20 : 6
  beforeAll(async () => {
    cluster = await startCluster({
      nodes: 2,
      latencyMs: shortWorkMs,
      env: { WORKER_CONCURRENCY: String(workers) },
    })
  })
  afterAll(() => cluster.close())

  test(
    'does not make another one wait for it',
    async () => {
      const greedy = await cluster.account({ credits: 100_000 })
      const modest = await cluster.account({ credits: 1_000 })
      // None is done before the last has come.
      const resume = cluster.openai.pause()
      const place = ({ apiKey }: typeof greedy, nth: number) =>
        postGeneration(cluster.node(nth), apiKey, { prompt: cluster.prompt() })
      await times(raceCounts.queuedByOne, nth => place(greedy, nth))
      resume()
      for (let nth = 0; nth < orders; nth += 1) {
        // Every worker is at work until the order waits, so that what begins after it is what overtook it. A proof run
        // measures how long it waits, and holds nothing up.
        const goOn = isProof ? () => {} : cluster.openai.pause()
        if (!isProof)
          await eventually('no worker is free', () => cluster.openai.total.inFlight === 2 * workers)
        // The greedy one's queue stays long enough to matter, however fast it is worked off.
        const missing = longQueue - (await countOpen(cluster, greedy.accountId))
        await times(Math.max(0, missing), each => place(greedy, each))
        expect((await place(modest, nth)).status).toBe(202)
        goOn()
        await eventually('it ends', async () => (await countOpen(cluster, modest.accountId)) === 0)
      }
      const overtaken = await ask<{ before: number; wait_s: number }>(
        cluster.database.db,
        `SELECT extract(epoch FROM mine.started_at - g.created_at)::float8 AS wait_s,
            (SELECT count(*)::int FROM attempt a JOIN generation other ON other.id = a.generation_id
              WHERE other.account_id = $2 AND a.started_at > g.created_at AND a.started_at < mine.started_at) AS before
          FROM generation g JOIN attempt mine ON mine.generation_id = g.id WHERE g.account_id = $1`,
        [modest.accountId, greedy.accountId],
      )
      expect(overtaken).toHaveLength(orders)
      // The next free worker of either process takes it, or the one after: not the greedy one's whole queue.
      for (const { before } of overtaken) expect(before).toBeLessThanOrEqual(2 * workers)
      const waits = overtaken.map(each => each.wait_s * 1_000).sort((a, b) => a - b)
      // How many were before it says the same, on a slow machine too.
      if (isProof) expect(waits[Math.floor(waits.length * 0.95)]).toBeLessThan(2 * shortWorkMs)
      await eventually('every order ended', async () => (await countOpen(cluster, greedy.accountId)) === 0)
      expect(await cluster.violations()).toEqual([])
    },
    patienceMs,
  )
})
