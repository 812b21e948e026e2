// What a key or an account may spend is exact over all processes: the cap is part of the statement that takes the
// order, and what is given back counts no more.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey } from '../../src/accounts/keys.ts'
import type { SpendCap } from '../../src/accounts/spend-caps.ts'
import { connectDatabase } from '../../src/db/connect.ts'
import type { Db } from '../../src/db/db.ts'
import { raceCounts } from '../counts.ts'
import { createTestDatabase, silentLog, type TestDatabase } from '../database.ts'
import { eventually } from '../harness.ts'
import { ask, askOne, capture, leaveMidnight, openAccount, order, refund, release, store } from '../money.ts'
import {
  type Cluster,
  countOpen,
  postGeneration,
  postImage,
  startCluster,
  threeCredits,
  times,
} from './cluster.ts'

const patienceMs = 600_000
const month = 9
const said = expect.stringContaining('0 credits a day (UTC)') as string
const saidInUsd = expect.stringMatching(/\$0\S* a day \(UTC\)/) as string

let cluster: Cluster
beforeAll(async () => {
  const PLANS = `free, small cap-month=${month}, tight rate=5/1h in-flight=2`
  cluster = await startCluster({ env: { PLANS } })
  await leaveMidnight(cluster.database.ownerDb)
})
afterAll(() => cluster.close())

const db = () => cluster.database.db
const priceOf = async (source: Db, accountId: string): Promise<number> =>
  (
    await askOne<{ total: number }>(
      source,
      'SELECT coalesce(sum(price), 0)::int AS total FROM generation WHERE account_id = $1',
      [accountId],
    )
  ).total

describe('the cap of a key', () => {
  for (const period of ['day', 'month'] as const) {
    test(
      `for a ${period} is never passed by parallel orders, and is told apart from an empty wallet`,
      async () => {
        const cap = period === 'day' ? { capDay: 10 } : { capMonth: 10 }
        for (let round = 0; round < raceCounts.spendCapRounds; round += 1) {
          const { accountId, apiKey } = await cluster.account({ credits: 1_000, key: cap })
          const answers = await times(50, index =>
            postGeneration(cluster.node(index), apiKey, { prompt: cluster.prompt() }),
          )
          expect(answers.filter(({ status }) => status === 202)).toHaveLength(3)
          const refused = answers.filter(({ status }) => status === 402)
          expect(refused).toHaveLength(47)
          for (const { body, headers } of refused) {
            expect(body).toMatchObject({ code: 'spend_cap_reached' })
            expect(body.error).toContain(`10 credits a ${period}`)
            expect(headers.get('retry-after')).toBe(null)
          }
          expect(await priceOf(db(), accountId)).toBe(9)
          await eventually('every order ended', async () => (await countOpen(cluster, accountId)) === 0)
        }
        expect(await cluster.violations()).toEqual([])
      },
      patienceMs,
    )
  }

  test(
    'takes back what failed, what was delivered in part and what was refunded',
    async () => {
      const { accountId, apiKey } = await cluster.account({ credits: 1_000, key: { capDay: 6 } })
      const post = (directives: string) =>
        postImage(cluster.node(0), apiKey, { prompt: cluster.prompt(directives) })
      // Refused by the upstream, so given back: it may be tried for ever.
      for (let nth = 0; nth < 4; nth += 1) expect((await post('moderation_output')).status).toBe(400)
      expect((await post('')).status).toBe(200)
      expect((await post('')).status).toBe(200)
      const last = await post('')
      expect(last.status).toBe(400)
      expect(JSON.stringify(last.body)).toContain('6 credits a day')
      const sold = await askOne<{ id: string }>(
        db(),
        "SELECT id FROM generation WHERE account_id = $1 AND state = 'succeeded' LIMIT 1",
        [accountId],
      )
      await refund(db(), sold.id, 3)
      expect((await post('')).status).toBe(200)
      expect((await post('')).status).toBe(400)
      expect(await cluster.violations()).toEqual([])
    },
    patienceMs,
  )
})

describe('what T1 counts', () => {
  // Without processes, which would take up what is not claimed and what the clock has run out.
  let database: TestDatabase
  beforeAll(async () => {
    const brokenBooks = { I6: 'the clock moves on while nobody works on the orders' }
    database = await createTestDatabase({ brokenBooks })
    await leaveMidnight(database.ownerDb)
  })
  afterAll(() => database.drop())

  const moveClock = (seconds: number) =>
    ask(database.ownerDb, 'UPDATE clock_offset SET value = value + make_interval(secs => $1)', [seconds])
  const spentBy = async (scope: string): Promise<number[]> =>
    (
      await ask<{ spent: number }>(
        database.db,
        "SELECT spent FROM spending WHERE scope LIKE $1 || ':%' ORDER BY length(scope) DESC",
        [scope],
      )
    ).map(row => row.spent)
  const capsOf = (scope: string, day: number, whole: number): SpendCap[] => [
    { scope, period: 'day', credits: day },
    { scope, period: 'month', credits: whole },
  ]

  test('a capture of a part leaves its part, a release nothing, and both periods agree', async () => {
    const accountId = await openAccount(database.db, 1_000)
    const scope = `key:${accountId}`
    const input = { accountId, unitPrice: 2, count: 4, claim: true, spendCaps: capsOf(scope, 20, 30) }
    const [first, second] = [await order(database.db, input), await order(database.db, input)]
    expect(await spentBy(scope)).toEqual([16, 16])
    await expect(order(database.db, input)).rejects.toMatchObject({ sqlState: 'DR004', detail: '1' })
    await store(database.db, first.id)
    expect(await capture(database.db, first.id, { delivered: 1 })).toBe(true)
    expect(await spentBy(scope)).toEqual([10, 10])
    expect(await release(database.db, second.id)).toBe(true)
    expect(await release(database.db, second.id)).toBe(false)
    expect(await spentBy(scope)).toEqual([2, 2])
    await refund(database.db, first.id, 1)
    expect(await spentBy(scope)).toEqual([1, 1])
    const { available, held } = await askOne<{ available: number; held: number }>(
      database.db,
      'SELECT available, held FROM account WHERE id = $1',
      [accountId],
    )
    expect({ available, held }).toEqual({ available: 999, held: 0 })
  })

  test('a refusal of the second cap leaves no trace in the first', async () => {
    const accountId = await openAccount(database.db, 1_000)
    const scope = `key:${accountId}`
    const input = { accountId, unitPrice: 5, spendCaps: capsOf(scope, 100, 7) }
    await order(database.db, input)
    await expect(order(database.db, input)).rejects.toMatchObject({ sqlState: 'DR004', detail: '2' })
    expect(await spentBy(scope)).toEqual([5, 5])
    expect(await priceOf(database.db, accountId)).toBe(5)
  })

  test('a new day has a new count in the same month, and what comes back late belongs to its own day', async () => {
    const accountId = await openAccount(database.db, 1_000)
    const scope = `key:${accountId}`
    const spendCaps = capsOf(scope, 3, 1_000)
    // From noon of the first, so that a day further is the same month wherever the clock stood.
    await ask(
      database.ownerDb,
      `UPDATE clock_offset SET value = value +
        ((date_trunc('month', app_now() AT TIME ZONE 'UTC') + interval '1 month 12 hours') AT TIME ZONE 'UTC' - app_now())`,
    )
    const early = await order(database.db, { accountId, unitPrice: 3, claim: true, spendCaps })
    await expect(order(database.db, { accountId, unitPrice: 3, spendCaps })).rejects.toMatchObject({
      sqlState: 'DR004',
    })
    await moveClock(86_400)
    await order(database.db, { accountId, unitPrice: 3, spendCaps })
    await release(database.db, early.id)
    await expect(order(database.db, { accountId, unitPrice: 3, spendCaps })).rejects.toMatchObject({
      sqlState: 'DR004',
    })
    const rows = await ask<{ scope: string; spent: number }>(
      database.db,
      'SELECT scope, spent FROM spending WHERE scope LIKE $1 ORDER BY scope',
      [`${scope}%`],
    )
    expect(rows.map(row => row.spent)).toEqual([3, 0, 3])
  })

  test('costs an order without a cap no call: neither when it is taken nor when it ends', async () => {
    const superuser = await connectDatabase({
      url: database.adminUrl,
      maxConnections: 1,
      statementTimeoutMs: 30_000,
      prepare: false,
      log: silentLog,
    })
    /** The functions that the life of one order calls, by the server's own count. */
    const callsOf = async (spendCaps: SpendCap[]) => {
      const accountId = await openAccount(database.db, 100)
      return superuser.transaction(async tx => {
        await ask(tx, "SET LOCAL track_functions = 'all'")
        const { id } = await order(tx, { accountId, unitPrice: 2, count: 2, claim: true, spendCaps })
        await store(tx, id)
        await capture(tx, id, { delivered: 1 })
        const rows = await ask<{ name: string }>(
          tx,
          'SELECT funcname AS name FROM pg_stat_xact_user_functions ORDER BY 1',
        )
        return rows.map(row => row.name)
      })
    }
    const own = ['complete_order', 'give_back_spending']
    const without = await callsOf([])
    expect(without).toContain('create_generation')
    expect(without.filter(name => own.includes(name))).toEqual([])
    expect(await callsOf(capsOf('key:counted', 50, 50))).toEqual([...without, ...own].toSorted())
    await superuser.close()
  })

  test('an order without a cap touches no counter, and a free one is always allowed', async () => {
    const accountId = await openAccount(database.db, 10)
    const scope = `key:${accountId}`
    const { id } = await order(database.db, { accountId, unitPrice: 3 })
    const free = await order(database.db, { accountId, unitPrice: 0, spendCaps: capsOf(scope, 0, 0) })
    const rows = await ask(
      database.db,
      'SELECT id FROM generation WHERE id = ANY ($1) AND spend_scopes IS NOT NULL',
      [[id, free.id]],
    )
    expect(rows).toEqual([])
    expect(await spentBy(scope)).toEqual([])
    await expect(
      order(database.db, { accountId, unitPrice: 1, spendCaps: capsOf(scope, 0, 0) }),
    ).rejects.toMatchObject({ sqlState: 'DR004' })
  })
})

test('a reached cap is said in the words of every dialect, and nothing is held', async () => {
  const { accountId, apiKey } = await cluster.account({ credits: 100, key: { capDay: 0 } })
  const prompt = 'a red boat'
  const calls: [string, object, number, object][] = [
    ['/api/v1/images/generate', { modelId: threeCredits, prompt }, 400, { error: { message: said } }],
    ['/api/v1/generations', { model: threeCredits, prompt }, 402, { error: said, code: 'spend_cap_reached' }],
    ['/gptimage2/api/v1/generate', { prompt }, 402, { error: said, code: 'spend_cap_reached' }],
    [
      ...(['/imgeo/api/v1/generate', { model: 'google/nano-banana', prompt }, 402] as const),
      { error: said, code: 'spend_cap_reached' },
    ],
    [
      ...(['/v1/images/generations', { model: 'gpt-image-2', prompt }, 429] as const),
      { error: { message: said, type: 'insufficient_quota', code: 'insufficient_quota', param: null } },
    ],
    [
      ...(['/v2/images/generations', { model: 'gpt-image-2', prompt }, 402] as const),
      {
        error: {
          // It knows no credits.
          ...{ message: saidInUsd, type: 'invalid_request_error', code: 'quota_exceeded' },
          ...{ param: null, doc_url: null },
        },
      },
    ],
  ]
  for (const [path, body, status, shape] of calls) {
    const answer = await fetch(cluster.node(0).url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect([answer.status, await answer.json()], path).toEqual([status, shape])
  }
  expect(await priceOf(db(), accountId)).toBe(0)
  expect(await cluster.balance(accountId)).toBe(100)
})

test(
  "the plan's cap on a month counts all keys of the account together, under a code of its own",
  async () => {
    for (let round = 0; round < raceCounts.spendCapRounds; round += 1) {
      const { accountId, apiKey } = await cluster.account({ credits: 1_000 })
      const second = await db().transaction(tx =>
        createKey({ tx, now: () => new Date() }, { accountId, rate: 'off', inFlight: 'off' }),
      )
      await ask(db(), "UPDATE account SET plan = 'small' WHERE id = $1", [accountId])
      const keys = [apiKey, second.apiKey]
      const answers = await times(30, index =>
        postGeneration(cluster.node(index), keys[index % 2] ?? '', { prompt: cluster.prompt() }),
      )
      expect(answers.filter(({ status }) => status === 202)).toHaveLength(month / 3)
      const refused = answers.filter(({ status }) => status === 402)
      expect(refused).toHaveLength(30 - month / 3)
      for (const { body } of refused) expect(body).toMatchObject({ code: 'monthly_cap_reached' })
      await eventually('every order ended', async () => (await countOpen(cluster, accountId)) === 0)
      // Another plan without a cap, and the account goes on at once.
      await ask(db(), "UPDATE account SET plan = 'free' WHERE id = $1", [accountId])
      expect((await postGeneration(cluster.node(1), apiKey, { prompt: cluster.prompt() })).status).toBe(202)
    }
    expect(await cluster.violations()).toEqual([])
  },
  patienceMs,
)

test("a plan's rate and orders in flight hold for keys without limits of their own", async () => {
  const { accountId, apiKey } = await cluster.account({ credits: 100, key: { rate: null, inFlight: null } })
  await ask(db(), "UPDATE account SET plan = 'tight' WHERE id = $1", [accountId])
  const resume = cluster.openai.pause()
  const post = (key: string, nth: number) =>
    postGeneration(cluster.node(nth), key, { prompt: cluster.prompt() })
  const answers = await times(3, nth => post(apiKey, nth))
  expect(answers.map(({ status }) => status).toSorted()).toEqual([202, 202, 429])
  for (const { headers } of answers) expect(headers.get('x-ratelimit-limit')).toBe('5')
  const own = await db().transaction(tx =>
    createKey({ tx, now: () => new Date() }, { accountId, rate: { requests: 50, windowS: 60 }, inFlight: 1 }),
  )
  const ownAnswers = await times(2, nth => post(own.apiKey, nth))
  expect(ownAnswers.map(({ status }) => status).toSorted()).toEqual([202, 429])
  for (const { headers } of ownAnswers) expect(headers.get('x-ratelimit-limit')).toBe('50')
  resume()
  await eventually('every order ended', async () => (await countOpen(cluster, accountId)) === 0)
})

test('every counter is what the orders that name it hold and have spent', async () => {
  const faults = await ask(
    db(),
    `SELECT s.scope, s.spent, o.sum FROM spending s LEFT JOIN (
        SELECT unnest(spend_scopes) AS scope, sum(CASE WHEN is_open(state) THEN price ELSE captured END
          - coalesce((SELECT sum(-e.amount) FROM transfer t JOIN entry e ON e.transfer_id = t.id
              WHERE t.generation_id = g.id AND t.kind = 'refund' AND e.bucket = 'revenue'), 0)) AS sum
        FROM generation g GROUP BY 1) o USING (scope)
      WHERE s.spent <> coalesce(o.sum, 0)`,
  )
  expect(faults).toEqual([])
  expect((await ask(db(), 'SELECT scope FROM spending')).length).toBeGreaterThan(4)
})
