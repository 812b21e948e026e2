// Costs by day over a ledger of many pages: every line counts once, and the time it takes follows the span asked for,
// not the account's history.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { ask } from '../../test/money.ts'
import type { Db } from '../db/db.ts'
import type { AppError } from '../errors.ts'
import { type DayCost, listDailyCosts } from './costs.ts'
import { sql } from './sql.ts'

let database: TestDatabase
const accountId = randomUUID()
/** Orders, ten minutes apart; each third gives its hold back, so there are more lines than orders. */
const orders = 24_000
const start = Date.parse('2026-01-01T00:00:00.000Z')
const minute = 60_000
const at = (order: number) => new Date(start + order * 10 * minute)

/** What the functions of the database would have written, in bulk. */
async function writeLedger(): Promise<void> {
  const { ownerDb } = database
  await ask(ownerDb, "INSERT INTO account (id, name) VALUES ($1, 'busy')", [accountId])
  await ask(
    ownerDb,
    `CREATE TEMP TABLE made AS
      SELECT n, gen_random_uuid() AS hold, gen_random_uuid() AS ended, gen_random_uuid() AS generation,
        n % 3 = 0 AS is_released, $1::timestamptz + n * interval '10 minutes' AS at,
        n + 1 + (n + 2) / 3 AS seq
      FROM generate_series(0, $2::int - 1) n`,
    [at(0), orders],
  )
  await ask(
    ownerDb,
    `INSERT INTO transfer (id, kind, account_id, generation_id, created_at)
      SELECT hold, 'hold', $1::uuid, generation, at FROM made
      UNION ALL SELECT ended, CASE WHEN is_released THEN 'release' ELSE 'capture' END, $1::uuid, generation, at FROM made`,
    [accountId],
  )
  await ask(
    ownerDb,
    `INSERT INTO entry (transfer_id, owner, bucket, unit, amount, seq, balance_after, created_at)
      SELECT hold, $1::uuid, 'available', 'credit', -4, seq, 0, at FROM made
      UNION ALL SELECT hold, $1::uuid, 'held', 'credit', 4, NULL, NULL, at FROM made
      UNION ALL SELECT ended, $1::uuid, 'held', 'credit', -4, NULL, NULL, at FROM made
      UNION ALL SELECT ended, $1::uuid, 'available', 'credit', 4, seq + 1, 0, at FROM made WHERE is_released
      UNION ALL SELECT ended, system_owner(), 'revenue', 'credit', 4, NULL, NULL, at FROM made WHERE NOT is_released`,
    [accountId],
  )
  await ask(
    ownerDb,
    'UPDATE account SET usage_rows = (SELECT max(seq) FROM entry WHERE owner = $1) WHERE id = $1',
    [accountId],
  )
  await ask(ownerDb, 'ANALYZE')
}

beforeAll(async () => {
  const brokenBooks = { I1: 'its lines belong to no orders and no grants' }
  database = await createTestDatabase({ maxConnections: 2, brokenBooks })
  await writeLedger()
})
afterAll(() => database.drop())

const here = new AbortController().signal
const turn = { accountId, signal: here }
const costsOf = (from: Date, to: Date) => listDailyCosts(database.db, turn, { from, to })
const total = (costs: Map<string, DayCost>) =>
  [...costs.values()].reduce((sum, { credits }) => sum + credits, 0)

test('each delivered order counts once, on its day, over all pages', async () => {
  const lines = await ask<{ lines: number }>(
    database.db,
    'SELECT usage_rows::int AS lines FROM account WHERE id = $1',
    [accountId],
  )
  // Several pages, the last of them cut.
  expect(lines[0]?.lines).toBe(orders + orders / 3)
  const costs = await costsOf(at(0), at(orders))
  expect(total(costs)).toBe((orders - orders / 3) * 4)
  expect(costs.get('2026-01-01')).toEqual({ credits: 96 * 4, charged: 96 })
  expect(costs.size).toBe(Math.ceil(orders / 144))
})

test('a span has what lies in it, to the millisecond, wherever it begins', async () => {
  for (const [first, last] of [
    [0, 1],
    [1, 1],
    [7_000, 7_013],
    [14_999, 15_002],
    [23_990, 23_999],
  ] as const) {
    const expected = Array.from({ length: last - first + 1 }, (_, index) => first + index).filter(
      n => n % 3 !== 0,
    )
    expect(total(await costsOf(at(first), at(last))), `${first} to ${last}`).toBe(expected.length * 4)
    const inner = expected.filter(n => n > first && n < last)
    const closer = await costsOf(new Date(at(first).getTime() + 1), new Date(at(last).getTime() - 1))
    expect(total(closer), `within ${first} to ${last}`).toBe(inner.length * 4)
  }
  expect(total(await costsOf(at(-10), at(-1)))).toBe(0)
  expect(total(await costsOf(at(orders + 1), at(orders + 9)))).toBe(0)
  expect(
    await listDailyCosts(database.db, { ...turn, accountId: randomUUID() }, { from: at(0), to: at(9) }),
  ).toEqual(new Map())
})

/** The database, telling of each page before it is asked for. */
const watch = (onPage: () => void): Db => ({
  ...database.db,
  query: (statement, values) => {
    if (statement === sql.dailyCosts) onPage()
    return database.db.query(statement, values)
  },
})

test('an account adds up one at a time, a few wait, and more are sent away', async () => {
  let pages = 0
  const all = { from: at(0), to: at(orders) }
  const db = watch(() => {
    pages += 1
  })
  const [first, ...others] = Array.from({ length: 7 }, () =>
    listDailyCosts(db, turn, all).then(
      costs => ({ total: total(costs), pages }),
      (error: AppError) => error.code,
    ),
  )
  // Nobody else had a page until the first had all of its own.
  expect(await first).toEqual({ total: (orders - orders / 3) * 4, pages: 4 })
  const answers = await Promise.all(others)
  expect(answers.slice(4)).toEqual(['overloaded', 'overloaded'])
  expect(answers.slice(0, 4).map(each => typeof each === 'object' && each.pages)).toEqual([8, 12, 16, 20])
})

test('no page is begun for a caller who has gone', async () => {
  let pages = 0
  const leaving = new AbortController()
  const db = watch(() => {
    pages += 1
    leaving.abort()
  })
  const left = listDailyCosts(db, { accountId, signal: leaving.signal }, { from: at(0), to: at(orders) })
  await expect(left).rejects.toMatchObject({ code: 'overloaded' })
  expect(pages).toBe(1)
})

test('no page and no search for its place reads a table from end to end', async () => {
  for (const [statement, values] of [
    [sql.dailyCosts, [accountId, 1, 10_000, at(0), at(orders), null, null, null]],
    [sql.dailyCosts, [accountId, 1, 10_000, at(0), at(orders), 'gpt-image-2', randomUUID(), 'native']],
    [sql.firstLineSince, [accountId, at(5)]],
  ] as const) {
    const plan = await ask<{ 'QUERY PLAN': string }>(database.db, `EXPLAIN ${statement.text}`, values)
    const scans = plan.map(row => row['QUERY PLAN']).filter(line => /Scan/.test(line))
    // There are no generations here: that each is looked up by itself shows in no hash.
    expect(plan.filter(row => /hashed|Hash Join/.test(row['QUERY PLAN']))).toEqual([])
    expect(scans.filter(line => /Seq Scan on (entry|transfer)|Bitmap/.test(line))).toEqual([])
  }
})
