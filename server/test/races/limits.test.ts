// Limits are exact over all processes: the cap on orders in flight, also when processes die, and the rate limit,
// whose headers tell the truth to the second.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { raceCounts } from '../counts.ts'
import { eventually, testLeaseMs } from '../harness.ts'
import { ask, askOne } from '../money.ts'
import {
  type Answer,
  type Cluster,
  countBooks,
  countOpen,
  get,
  insist,
  post,
  postGeneration,
  postImage,
  startCluster,
  times,
} from './cluster.ts'

const patienceMs = 600_000
const cap = 5

let cluster: Cluster
beforeAll(async () => {
  // Processes die here, and what they held must come back soon.
  cluster = await startCluster({ env: { TEST_LEASE_MS: String(testLeaseMs) } })
})
afterAll(() => cluster.close())

const withStatus = (answers: readonly Answer[], status: number) =>
  answers.filter(answer => answer.status === status)

describe('the cap on orders in flight', () => {
  async function inFlight(): Promise<number> {
    const { total } = await askOne<{ total: number }>(
      cluster.database.db,
      'SELECT coalesce(sum(in_flight), 0)::int AS total FROM slot',
    )
    return total
  }

  for (let round = 0; round < raceCounts.capRounds; round += 1) {
    const isKilling = round % 2 === 1
    test(
      `round ${round + 1}: takes exactly ${cap} of 200 parallel orders${isKilling ? ', and a process dies' : ''}`,
      async () => {
        // What a process that died had begun goes on at the upstream, and is no part of this round.
        await eventually('the upstream is idle', async () => cluster.openai.total.inFlight === 0)
        const { accountId, apiKey } = await cluster.account({ credits: 10_000, key: { inFlight: cap } })
        const prompt = cluster.prompt()
        // None ends before the last was judged.
        const resume = cluster.openai.pause()
        const answers = await times(200, index =>
          insist(() =>
            postGeneration(cluster.node(index), apiKey, {
              prompt,
              headers: { 'idempotency-key': `key-${index}` },
            }),
          ),
        )
        expect(withStatus(answers, 202)).toHaveLength(cap)
        const refused = withStatus(answers, 429)
        expect(refused).toHaveLength(200 - cap)
        for (const { headers } of refused)
          expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
        expect(await inFlight()).toBe(cap)
        expect(cluster.openai.total.inFlight).toBeLessThanOrEqual(cap)
        if (isKilling) {
          await cluster.node(round).kill()
          cluster.nodes[round % cluster.nodes.length] = await cluster.startNode()
        }
        resume()
        await eventually('the slots are free again', async () => (await inFlight()) === 0)
        expect(await countOpen(cluster, accountId)).toBe(0)
        expect(await countBooks(cluster, accountId)).toEqual({
          generations: cap,
          holds: cap,
          resolutions: cap,
        })
        expect(await cluster.violations()).toEqual([])
        // A refusal left its key unused: the same call is taken now.
        const refusedAt = answers.findIndex(answer => answer.status === 429)
        const headers = { 'idempotency-key': `key-${refusedAt}` }
        const again = await postGeneration(cluster.node(0), apiKey, { prompt: cluster.prompt(), headers })
        expect(again.status).toBe(202)
        await eventually('that one ended too', async () => (await countOpen(cluster, accountId)) === 0)
      },
      patienceMs,
    )
  }

  test('was never exceeded at the upstream', () => {
    expect(cluster.openai.total.maxInFlight).toBeGreaterThanOrEqual(cap)
    // Work of a killed process goes on at the upstream beside its successor's, which is why it is cap and cap.
    expect(cluster.openai.total.maxInFlight).toBeLessThanOrEqual(2 * cap)
  })
})

describe('the rate limit', () => {
  const requests = 60
  const windowS = 60

  /** Moves the service's clock, which windows are measured by; a test cannot wait a minute. */
  const moveClock = (seconds: number) =>
    ask(cluster.database.ownerDb, `UPDATE clock_offset SET value = value + make_interval(secs => $1)`, [
      seconds,
    ])

  type Call = (node: { url: string }, apiKey: string) => Promise<Answer>
  const read =
    (path: string): Call =>
    (node, apiKey) =>
      get(node, apiKey, path)
  const unknown = '00000000-0000-7000-8000-000000000000'

  /** A call of each API that is counted and costs nothing; `isShown`: its contract has the three headers. */
  const dialects: readonly (readonly [dialect: string, isShown: boolean, call: Call])[] = [
    ['getimages', false, read('/api/v1/account')],
    ['native', true, read(`/api/v1/generations/${unknown}`)],
    ['gptimage2', true, read(`/gptimage2/api/v1/generations/${unknown}`)],
    // Orders alone are counted there; one without a prompt is refused.
    ['getimg', true, (node, apiKey) => post(node, apiKey, '/v2/images/generations')],
    ['openai', false, read('/v1/models')],
    ['imgeo', false, read('/imgeo/api/v1/balance')],
  ]

  const headerNames = ['limit', 'remaining', 'reset'] as const
  const shownOf = ({ headers }: Answer) => headerNames.map(name => headers.get(`x-ratelimit-${name}`))

  const readClock = async () => {
    const { now } = await askOne<{ now: number }>(
      cluster.database.db,
      'SELECT extract(epoch FROM app_now())::float8 AS now',
    )
    return now
  }

  /** That the headers of a window's answers, whoever gave them, tell one limit, one end and every count once. */
  function checkShown(answers: readonly Answer[], isShown: boolean): void {
    if (!isShown) {
      for (const answer of answers) expect(shownOf(answer)).toEqual([null, null, null])
      return
    }
    expect(new Set(answers.map(answer => shownOf(answer)[0]))).toEqual(new Set([String(requests)]))
    expect(new Set(answers.map(answer => shownOf(answer)[2])).size).toBe(1)
    const left = answers.filter(({ status }) => status !== 429).map(answer => Number(shownOf(answer)[1]))
    expect(left.toSorted((a, b) => a - b)).toEqual(Array.from({ length: requests }, (_, nth) => nth))
    for (const answer of withStatus(answers, 429)) expect(shownOf(answer)[1]).toBe('0')
  }

  for (const [dialect, isShown, call] of dialects) {
    test(
      `of ${dialect} admits exactly as many as it says, and again at the second it says`,
      async () => {
        for (let round = 0; round < raceCounts.rateRounds; round += 1) {
          const rate = { requests, windowS }
          const { apiKey } = await cluster.account({ credits: 0, key: { rate } })
          for (const window of ['first', 'second']) {
            const answers = await times(300, index => call(cluster.node(index), apiKey))
            const refused = withStatus(answers, 429)
            expect(refused, `${window} window`).toHaveLength(300 - requests)
            expect(withStatus(answers, 401)).toEqual([])
            checkShown(answers, isShown)
            const waits = refused.map(answer => Number(answer.headers.get('retry-after')))
            for (const wait of waits) {
              expect(Number.isInteger(wait) && wait >= 1 && wait <= windowS).toBe(true)
            }
            await moveClock(Math.max(...waits) - 30)
            const beforeS = await readClock()
            const early = await call(cluster.node(round), apiKey)
            expect(early.status).toBe(429)
            const wait = Number(early.headers.get('retry-after'))
            expect(wait).toBeLessThanOrEqual(31)
            if (isShown) {
              // One end in both: whoever waits by the one does not come before the other.
              const resetAtS = Number(shownOf(early)[2])
              expect(wait).toBeGreaterThanOrEqual(resetAtS - (await readClock()))
              expect(wait).toBeLessThanOrEqual(Math.ceil(resetAtS - beforeS))
            }
            await moveClock(wait)
          }
          expect((await call(cluster.node(round), apiKey)).status).not.toBe(429)
        }
      },
      patienceMs,
    )
  }

  test('of getimages is 60 in a minute by default, and refused orders hold nothing', async () => {
    const { accountId, apiKey } = await cluster.account({ credits: 10_000, key: { rate: null } })
    const answers = await times(100, index =>
      postImage(cluster.node(index), apiKey, {
        prompt: cluster.prompt(),
        headers: { prefer: 'respond-async' },
      }),
    )
    expect(withStatus(answers, 429)).toHaveLength(40)
    await eventually('every order ended', async () => (await countOpen(cluster, accountId)) === 0)
    expect(await countBooks(cluster, accountId)).toEqual({ generations: 60, holds: 60, resolutions: 60 })
  })
})
