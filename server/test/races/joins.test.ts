// Repeats without an idempotency key: an SDK that heard no answer sends its POST again and only says how often. One
// call of a customer stays one order, and identical calls in parallel stay as many as they are.
import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { connectDatabase } from '../../src/db/connect.ts'
import type { Db } from '../../src/db/db.ts'
import { createAnsweredMarks } from '../../src/generations/answered.ts'
import { joinRepeat, noteCallerLeft, type Repeat } from '../../src/generations/join.ts'
import { raceCounts } from '../counts.ts'
import { createTestDatabase, silentLog, type TestDatabase } from '../database.ts'
import { ask, capture, openAccount, order, release, store } from '../money.ts'

let database: TestDatabase
/** As many processes. */
let nodes: Db[]
let accountId: string
let call: Omit<Repeat, 'retryCount'>

beforeAll(async () => {
  const brokenBooks = { I6: 'the clock moves on while nobody works on the orders' }
  database = await createTestDatabase({ brokenBooks })
  const connect = () =>
    connectDatabase({
      url: database.appUrl,
      maxConnections: 4,
      statementTimeoutMs: 30_000,
      prepare: true,
      log: silentLog,
    })
  nodes = await Promise.all([connect(), connect(), connect()])
})
afterAll(async () => {
  await Promise.all(nodes.map(node => node.close()))
  await database.drop()
})

beforeEach(async () => {
  accountId = await openAccount(database.db, 1_000)
  const fingerprint = createHash('sha256').update(randomUUID()).digest()
  call = { accountId, apiKeyId: randomUUID(), dialect: 'getimg', fingerprint }
})

const price = 3

const take = async (claim = true) =>
  (await order(database.db, { ...call, apiKeyId: call.apiKeyId ?? '', unitPrice: price, claim })).id

const join = async (retryCount: number, change: Partial<Repeat> = {}, nth = 0) =>
  (await joinRepeat({ db: nodes[nth % nodes.length] ?? database.db }, { ...call, ...change, retryCount }))
    ?.id ?? null

async function succeed(id: string): Promise<void> {
  await store(database.db, id)
  expect(await capture(database.db, id)).toBe(true)
}

/** The last byte of an answer has just left. */
async function send(id: string): Promise<void> {
  const marks = createAnsweredMarks(database.db)
  marks.mark(id)
  await marks.flush()
}

/** Sent so long ago that it counts as heard. */
const answer = (id: string) =>
  ask(database.db, "UPDATE generation SET answered_at = app_now() - interval '3 s' WHERE id = $1", [id])

const moveClock = (seconds: number) =>
  ask(database.ownerDb, 'UPDATE clock_offset SET value = value + make_interval(secs => $1)', [seconds])

test('as many parallel retries as there are orders each join another one, and the rest join none', async () => {
  for (let round = 0; round < raceCounts.joinRounds; round += 1) {
    call = { ...call, fingerprint: createHash('sha256').update(randomUUID()).digest() }
    call = { ...call, accountId: await openAccount(database.db, 6 * price) }
    const taken = await Promise.all(Array.from({ length: 6 }, () => take()))
    const joined = await Promise.all(Array.from({ length: 20 }, (_, nth) => join(1, {}, nth)))
    const found = joined.filter(id => id !== null)
    expect(found.toSorted()).toEqual(taken.toSorted())
    // Each of these calls may be cut again, and finds an order again; no more of them than there are.
    const later = await Promise.all(Array.from({ length: 20 }, (_, nth) => join(2, {}, nth)))
    expect(later.filter(id => id !== null).toSorted()).toEqual(taken.toSorted())
  }
})

test('a retry joins the one that runs or waits; a later retry of the same call finds it again', async () => {
  for (const claim of [true, false]) {
    const id = await take(claim)
    expect(await join(1)).toBe(id)
    expect(await join(1)).toBe(null)
    expect(await join(2)).toBe(id)
    expect(await join(5)).toBe(id)
    await release(database.db, id)
    await answer(id)
  }
})

test('only the same call is joined: account, key, dialect and body', async () => {
  const id = await take()
  expect(await join(1, { accountId: await openAccount(database.db, 10) })).toBe(null)
  expect(await join(1, { apiKeyId: randomUUID() })).toBe(null)
  expect(await join(1, { dialect: 'openai' })).toBe(null)
  expect(await join(1, { fingerprint: createHash('sha256').update('other').digest() })).toBe(null)
  expect(await join(1)).toBe(id)
})

test('an order with an idempotency key is named by it and joined by nobody', async () => {
  const named = { ...call, apiKeyId: call.apiKeyId ?? '', unitPrice: 3, idempotencyKey: 'k' }
  await order(database.db, named)
  expect(await join(1)).toBe(null)
})

test('one that has ended is joined for 60 seconds, unless its answer was heard', async () => {
  const heard = await take()
  await succeed(heard)
  await answer(heard)
  expect(await join(1)).toBe(null)
  const unheard = await take()
  await succeed(unheard)
  await moveClock(50)
  expect(await join(1)).toBe(unheard)
  const failed = await take()
  await release(database.db, failed)
  await moveClock(50)
  expect(await join(1)).toBe(failed)
  const late = await take()
  await succeed(late)
  await moveClock(61)
  expect(await join(1)).toBe(null)
})

test('an answer that has left counts as heard three seconds later; an order that is joined again is unheard', async () => {
  const id = await take()
  await succeed(id)
  await send(id)
  expect(await join(1)).toBe(id)
  await moveClock(4)
  expect(await join(2)).toBe(id)
  await send(id)
  await moveClock(1)
  expect(await join(3)).toBe(id)
  await send(id)
  await moveClock(4)
  expect(await join(4)).toBe(null)
})

test('an order that runs on behind a 202 is joined no longer than one that has ended', async () => {
  const id = await take()
  await send(id)
  expect(await join(1)).toBe(id)
  await noteCallerLeft(database, id)
  await moveClock(4)
  expect(await join(2)).toBe(id)
  await send(id)
  await moveClock(4)
  expect(await join(3)).toBe(null)
})

test('the repeat of a twin that was cut is not given the one whose answer has just been sent', async () => {
  const [sent, cut] = [await take(), await take()]
  await succeed(sent)
  await send(sent)
  await noteCallerLeft(database, cut)
  await succeed(cut)
  expect([await join(1), await join(2)]).toEqual([cut, cut])
})

test('one that is older than ten minutes is another call', async () => {
  const id = await take()
  await moveClock(590)
  expect(await join(1)).toBe(id)
  await moveClock(11)
  expect(await join(2)).toBe(null)
})

test('whose caller has hung up is taken first, then the unsent, the open and the just sent, the oldest first', async () => {
  const [doubtful, oldest, newer] = [await take(), await take(), await take()]
  const [unheard, left] = [await take(), await take()]
  await succeed(doubtful)
  await send(doubtful)
  await succeed(unheard)
  await noteCallerLeft(database, left)
  const joined: (string | null)[] = []
  for (let nth = 0; nth < 6; nth += 1) joined.push(await join(1))
  expect(joined).toEqual([left, unheard, oldest, newer, doubtful, null])
})

test('a retry that meets the settlement waits for it and joins what was settled', async () => {
  const id = await take()
  await store(database.db, id)
  let commit = () => {}
  const mayCommit = new Promise<void>(resolve => {
    commit = resolve
  })
  let isLocked = () => {}
  const locked = new Promise<void>(resolve => {
    isLocked = resolve
  })
  const settling = database.db.transaction(async tx => {
    expect(await capture(tx, id)).toBe(true)
    isLocked()
    await mayCommit
  })
  await locked
  const joining = join(1)
  await waitUntilBlocked()
  commit()
  await settling
  expect(await joining).toBe(id)
})

/** Somebody waits for a lock: the retry has come to the row that is being settled. */
async function waitUntilBlocked(): Promise<void> {
  for (;;) {
    const [row] = await ask<{ blocked: number }>(
      database.ownerDb,
      "SELECT count(*)::int AS blocked FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')",
    )
    if (row && row.blocked > 0) return
  }
}
