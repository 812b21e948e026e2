// Paced routes at the database: never more than their limits however many processes take, in turns between accounts,
// and every place comes back whatever becomes of the order.
import { afterAll, beforeEach, expect, test } from 'vitest'
import { findViolations } from '../../src/credits/ledger.ts'
import { findQueuePlaces } from '../../src/generations/queue-place.ts'
import { routeSql } from '../../src/generations/routing-sql.ts'
import { sql } from '../../src/generations/sql.ts'
import { createTestDatabase, type TestDatabase } from '../database.ts'
import { anyOpenState, ask, askOne, capture, openAccount, order, release } from '../money.ts'
import { times } from './cluster.ts'

const leaseMs = 60_000
const firstAccount = '00000000-0000-0000-0000-000000000000'
const route = 'openai/gpt-image-2'

const databases: TestDatabase[] = []
let database: TestDatabase
beforeEach(async () => {
  database = await createTestDatabase({ maxConnections: 20 })
  databases.push(database)
})
afterAll(async () => {
  for (const each of databases) await each.drop()
})

type Claimed = { id: string; account_id: string; epoch: number; pace_route: string | null }
type Limits = { max?: number; perMinute?: number; perWindow?: { images: number; seconds: number } }

const claimQueued = (limit = 32) =>
  database.db.query<Claimed>(sql.claimQueued, ['p', leaseMs, limit, firstAccount])

async function begin(
  { id, epoch }: Pick<Claimed, 'id' | 'epoch'>,
  { max, perMinute, perWindow }: Limits,
  { parts = 1, waits = true, at = 'gpt-image-2' } = {},
): Promise<number | null> {
  const window = [perWindow?.images ?? null, perWindow?.seconds ?? null]
  const pacing = [max ?? null, perMinute ?? null, waits, ...window]
  const values = [id, epoch, 'openai', at, parts, 40_000, null, ...pacing]
  const [row] = await database.db.query<{ n: number | null }>(routeSql.beginPacedAttempt, values)
  return row?.n ?? null
}

const claimPaced = (limit: number, { max, perMinute, perWindow }: Limits, routes = [route]) =>
  database.db.query<Claimed>(routeSql.claimPaced, [
    ...['p', leaseMs, limit, routes],
    routes.map(() => max ?? null),
    routes.map(() => perMinute ?? null),
    routes.map(() => limit),
    routes.map(() => perWindow?.images ?? null),
    routes.map(() => perWindow?.seconds ?? null),
  ])

async function pace(name = route): Promise<{ in_flight: number } | undefined> {
  const [row] = await ask<{ in_flight: number }>(database.db, 'SELECT * FROM route_pace WHERE route = $1', [
    name,
  ])
  return row
}

/** Orders that were claimed by somebody, with nothing begun. */
async function claimMany(count: number, accounts: string[], images = 1): Promise<Claimed[]> {
  const accountOf = (index: number) => accounts[index % accounts.length] ?? ''
  for (let index = 0; index < count; index += 1)
    await order(database.db, { accountId: accountOf(index), unitPrice: 1, count: images })
  const claimed: Claimed[] = []
  for (let rows = await claimQueued(); rows.length > 0; rows = await claimQueued()) claimed.push(...rows)
  expect(claimed).toHaveLength(count)
  return claimed
}

const violations = () => findViolations(database.db, null)

test('never more orders are begun than a route has places, by however many at once', async () => {
  const accounts = await times(4, () => openAccount(database.db, 10_000))
  const claimed = await claimMany(60, accounts)
  const begun = await Promise.all(claimed.map(each => begin(each, { max: 7 })))
  expect(begun.filter(n => n === 1)).toHaveLength(7)
  expect(begun.filter(n => n === 0)).toHaveLength(53)
  expect(await pace()).toMatchObject({ in_flight: 7 })
  expect(await claimQueued()).toEqual([])
  expect(await claimPaced(32, { max: 7 })).toEqual([])
  expect(await violations()).toEqual([])
})

test('every end and every way back gives the places back, once', async () => {
  const accounts = await times(2, () => openAccount(database.db, 10_000))
  const [succeeded, failed, canceled, back, lost, ...waiting] = await claimMany(8, accounts)
  if (!succeeded || !failed || !canceled || !back || !lost) throw new Error('too few')
  const held = [succeeded, failed, canceled, back, lost]
  for (const each of held) expect(await begin(each, { max: 5 })).toBe(1)
  for (const each of waiting) expect(await begin(each, { max: 5 })).toBe(0)
  await ask(database.db, `UPDATE generation SET state = 'storing' WHERE id = $1`, [succeeded.id])
  expect(await pace()).toMatchObject({ in_flight: 5 })
  await times(3, () => capture(database.db, succeeded.id))
  expect(await pace()).toMatchObject({ in_flight: 4 })
  await release(database.db, failed.id)
  await release(database.db, canceled.id, { state: 'canceled' })
  await database.db.query(sql.requeue, [back.id, back.epoch, 1, 'rate_limited', 'later', 0])
  expect(await pace()).toMatchObject({ in_flight: 1 })
  // One that waits holds nothing, and gives nothing back.
  await release(database.db, waiting[0]?.id ?? '', { from: ['queued'] })
  expect(await pace()).toMatchObject({ in_flight: 1 })
  // Whoever reaps it keeps the place until it is settled: the upstream may be at work.
  await ask(database.db, `UPDATE generation SET lease_until = app_now() - interval '1 s' WHERE id = $1`, [
    lost.id,
  ])
  const [reaped] = await database.db.query<Claimed>(sql.claimReconciling, ['q', leaseMs, 10, []])
  expect(reaped?.id).toBe(lost.id)
  expect(await pace()).toMatchObject({ in_flight: 1 })
  await release(database.db, lost.id, { from: ['reconciling'] })
  expect(await pace()).toMatchObject({ in_flight: 0 })
  // What was put back is an order like any other.
  const [again] = await claimQueued()
  expect([again?.id, again?.pace_route]).toEqual([back.id, null])
  expect(await violations()).toEqual([])
})

test('a thousand waiting orders of one account make nobody else wait for them', async () => {
  const [many = '', few = ''] = (await times(2, () => openAccount(database.db, 10_000))).toSorted()
  const claimed = await claimMany(40, [many])
  for (const each of claimed) await begin(each, { max: 1 })
  const [single] = await claimMany(1, [few])
  if (!single) throw new Error('not claimed')
  // It comes behind those that wait, and its turn is the next or the one after.
  expect(await begin(single, { max: 1 })).toBe(0)
  const turns: string[] = []
  let holder = claimed[0]?.id ?? ''
  for (let turn = 0; turn < 3; turn += 1) {
    await release(database.db, holder)
    const [next, ...more] = await claimPaced(32, { max: 1 })
    expect([more, next?.pace_route]).toEqual([[], route])
    turns.push(next?.account_id ?? '')
    holder = next?.id ?? ''
    expect(await begin({ id: holder, epoch: next?.epoch ?? 0 }, { max: 1 })).toBe(1)
  }
  expect(turns.slice(0, 2)).toContain(few)
  expect(turns.filter(account => account === few)).toHaveLength(1)
  expect(await violations()).toEqual([])
})

test('whoever was read as queued is told a place, also when its turn came meanwhile', async () => {
  const [account = ''] = await times(1, () => openAccount(database.db, 10_000))
  const [holder, next, last] = await claimMany(3, [account])
  if (!holder || !next || !last) throw new Error('too few')
  for (const each of [holder, next, last]) await begin(each, { max: 1 })
  const seen = [next, last].map(({ id }) => ({ id, state: 'queued' as const }))
  const readPositions = async () => {
    const places = await findQueuePlaces(database.db, account, seen)
    return seen.map(({ id }) => places.get(id)?.position)
  }
  expect(await readPositions()).toEqual([1, 2])
  await release(database.db, holder.id)
  expect(await claimPaced(32, { max: 1 })).toMatchObject([{ id: next.id }])
  expect(await readPositions()).toEqual([1, 1])
})

test('after a quiet time the estimate is made of how long calls last took, and is null only where none was ever made', async () => {
  const [account = ''] = await times(1, () => openAccount(database.db, 10_000))
  const [holder, next] = await claimMany(2, [account])
  if (!holder || !next) throw new Error('too few')
  await begin(holder, { max: 2 }, { parts: 2 })
  expect(await begin(next, { max: 2 })).toBe(0)
  const waits = [{ id: next.id, state: 'queued' as const }]
  const estimate = async () =>
    (await findQueuePlaces(database.db, account, waits)).get(next.id)?.estimatedSeconds
  expect(await estimate()).toBe(null)
  const fared = (model: string, meanMs: number) =>
    ask(
      database.db,
      `INSERT INTO route_health (provider, upstream_model, succeeded, mean_ms) VALUES ('openai', $1, 10, $2)`,
      [model, meanMs],
    )
  // No call ever succeeded there: what is known of others.
  await fared('another', 30_000)
  expect(await estimate()).toBe(30)
  await fared('gpt-image-2', 12_000)
  expect(await estimate()).toBe(12)
  await release(database.db, holder.id)
  expect(await estimate()).toBe(1)
  await ask(database.ownerDb, `UPDATE clock_offset SET value = '6 minutes'`)
  expect(await estimate()).toBe(12)
})

/** However long all of this takes, it is that many seconds after the time. */
const moveClockTo = (time: Date, seconds: number) =>
  ask(
    database.ownerDb,
    'UPDATE clock_offset SET value = value + ($1::timestamptz - app_now()) + make_interval(secs => $2::int)',
    [time, seconds],
  )
const now = async () => (await askOne<{ now: Date }>(database.db, 'SELECT app_now() AS now')).now

test('a window of its own holds to the second beside that of a minute, over all that begin', async () => {
  const accounts = await times(3, () => openAccount(database.db, 10_000))
  const claimed = await claimMany(20, accounts, 2)
  const limits = { perMinute: 13, perWindow: { images: 9, seconds: 10 } }
  const beganAt = await now()
  const begun = await Promise.all(claimed.map(each => begin(each, limits)))
  const allBegunAt = await now()
  expect(begun.filter(n => n === 1)).toHaveLength(4)
  for (const [at, each] of claimed.entries()) if (begun[at] === 1) await release(database.db, each.id)
  await moveClockTo(beganAt, 9)
  expect(await claimPaced(32, limits)).toEqual([])
  await moveClockTo(allBegunAt, 11)
  // By the window four more, by the minute two.
  expect(await claimPaced(32, limits)).toHaveLength(2)
  await moveClockTo(allBegunAt, 22)
  expect(await claimPaced(32, limits)).toEqual([])
  expect(await claimPaced(32, { perWindow: limits.perWindow })).toHaveLength(4)
  expect(await violations()).toEqual([])
})

test('images of a minute are counted to the second, over all that begin them', async () => {
  const accounts = await times(3, () => openAccount(database.db, 10_000))
  const claimed = await claimMany(20, accounts, 2)
  const beganAt = await now()
  const begun = await Promise.all(claimed.map(each => begin(each, { perMinute: 9 })))
  const allBegunAt = await now()
  expect(begun.filter(n => n === 1)).toHaveLength(4)
  // Ended or not, begun is begun.
  for (const [at, each] of claimed.entries()) if (begun[at] === 1) await release(database.db, each.id)
  expect(await claimPaced(32, { perMinute: 9 })).toEqual([])
  await moveClockTo(beganAt, 55)
  expect(await claimPaced(32, { perMinute: 9 })).toEqual([])
  await moveClockTo(allBegunAt, 61)
  expect(await claimPaced(32, { perMinute: 9 })).toHaveLength(4)
  expect(await violations()).toEqual([])
})

test('an order that needs more places than are free keeps its turn', async () => {
  const [account = ''] = await times(1, () => openAccount(database.db, 10_000))
  const claimed = await claimMany(4, [account])
  const [first, second, large, small] = claimed
  if (!first || !second || !large || !small) throw new Error('too few')
  await begin(first, { max: 3 })
  await begin(second, { max: 3 })
  expect(await begin(large, { max: 3 }, { parts: 2 })).toBe(0)
  // One place is free, and it is not for whoever comes later.
  expect(await begin(small, { max: 3 })).toBe(0)
  expect(await claimPaced(32, { max: 3 })).toEqual([])
  await release(database.db, first.id)
  expect((await claimPaced(32, { max: 3 })).map(row => row.id)).toEqual([large.id])
  expect(await pace()).toMatchObject({ in_flight: 3 })
  expect(await violations()).toEqual([])
})

test("an order that waits for a route ends by its deadline, and stands in nobody's way then", async () => {
  const [account = ''] = await times(1, () => openAccount(database.db, 10_000))
  const [holder, late, next] = await claimMany(3, [account])
  if (!holder || !late || !next) throw new Error('too few')
  await begin(holder, { max: 1 })
  expect(await begin(late, { max: 1 })).toBe(0)
  await ask(database.db, `UPDATE generation SET deadline = app_now() - interval '1 s' WHERE id = $1`, [
    late.id,
  ])
  await release(database.db, holder.id)
  expect(await claimPaced(32, { max: 1 })).toEqual([])
  const expired = await database.db.query<{ id: string; state: string }>(sql.expired, [
    '-infinity',
    firstAccount,
    10,
  ])
  expect(expired.map(({ id, state }) => [id, state])).toEqual([[late.id, 'queued']])
  expect(await begin(next, { max: 1 })).toBe(1)
  await release(database.db, late.id, { from: ['queued'] })
  expect(await pace()).toMatchObject({ in_flight: 1 })
  expect(await violations()).toEqual([])
})

test('an order that goes to another route leaves its places at the first', async () => {
  const [account = ''] = await times(1, () => openAccount(database.db, 10_000))
  const [one, other] = await claimMany(2, [account])
  if (!one || !other) throw new Error('too few')
  await begin(one, { max: 1 })
  expect(await begin(other, { max: 1 }, { waits: false })).toBe(-1)
  expect(await begin(other, { max: 1 }, { at: 'another' })).toBe(1)
  await ask(database.db, `UPDATE attempt SET state = 'not_run' WHERE generation_id = $1`, [other.id])
  expect(await begin(other, { max: 1 }, { at: 'a third' })).toBe(2)
  expect([await pace('openai/another'), await pace('openai/a third')]).toMatchObject([
    { in_flight: 0 },
    { in_flight: 1 },
  ])
  expect(await violations()).toEqual([])
})

test('orders that wait are let go when their route is paced no more, or broken while their model has another', async () => {
  const [account = ''] = await times(1, () => openAccount(database.db, 10_000))
  const claimed = await claimMany(3, [account])
  for (const each of claimed) await begin(each, { max: 1 })
  const letGo = async (routes: string[], broken: string[], models: string[]) =>
    (await database.db.query<{ count: number }>(routeSql.stopWaiting, [routes, broken, models, 10]))[0]?.count
  expect(await letGo([route], [], ['test-model'])).toBe(0)
  expect(await letGo([route], [route], [])).toBe(0)
  expect(await letGo([route], [route], ['test-model'])).toBe(2)
  for (const each of await claimQueued()) await begin(each, { max: 1 })
  expect(await letGo([], [], [])).toBe(1)
  expect(await claimQueued()).toHaveLength(1)
})

test('a place that nobody counted, or that was counted twice, is an incident', async () => {
  const [account = ''] = await times(1, () => openAccount(database.db, 10_000))
  const [one] = await claimMany(1, [account])
  if (!one) throw new Error('not claimed')
  await begin(one, { max: 1 })
  await ask(database.db, 'UPDATE route_pace SET in_flight = in_flight + 1')
  expect(await violations()).toEqual([{ rule: 'P1', subject: route }])
  await ask(database.db, 'UPDATE route_pace SET in_flight = in_flight - 1')
  await release(database.db, one.id, { from: anyOpenState })
  expect(await violations()).toEqual([])
})
