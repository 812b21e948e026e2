// Guards the operator's term: what goes when it is over, and what must stay.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createTestDatabase, silentLog, type TestDatabase } from '../../test/database.ts'
import { ask, askOne, capture, openAccount, order, release, store } from '../../test/money.ts'
import { findViolations } from '../credits/ledger.ts'
import { createDiskStorage } from '../storage/disk.ts'
import { generationObjectKey, manifestKey } from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import { createMetrics } from '../telemetry.ts'
import { sweepFiles } from './files.ts'
import { createGenerationEvents } from './observe.ts'
import {
  findAnnouncedTerm,
  listDifferingTerms,
  noteRetention,
  type RetentionNeeds,
  sampleRetention,
  sweepRetention,
} from './retention.ts'

let database: TestDatabase
let root: string
let storage: Storage
const log = { ...silentLog, debug: () => undefined, fatal: () => undefined, child: () => log }

beforeEach(async () => {
  database = await createTestDatabase()
  root = mkdtempSync(join(tmpdir(), 'darkroom-retention-'))
  storage = createDiskStorage({ root })
})
afterEach(async () => {
  expect(await findViolations(database.db, null)).toEqual([])
  await database.drop()
  rmSync(root, { recursive: true, force: true })
})

const forward = (by: string) =>
  ask(database.ownerDb, 'UPDATE clock_offset SET value = value + $1::interval', [by])

type StepNeeds = Pick<RetentionNeeds, 'log'> & Partial<RetentionNeeds> & { limit?: number }

/** A step at a node that was given these days. */
async function step(days: number, { limit, ...needs }: StepNeeds): Promise<void> {
  await ask(database.db, `UPDATE round SET due_at = app_now() WHERE name = 'retention'`)
  await sweepRetention({ db: database.db, processName: 'a test', ...needs }, days, limit)
}

const putInForce = (days: number) =>
  ask(
    database.ownerDb,
    'UPDATE retention_term SET days = $1, next_days = NULL, seen_at = NULL, generations = NULL',
    [days],
  )

/** The same where the term has been in force for long. */
async function sweep(days: number, processName = 'a test'): Promise<void> {
  await putInForce(days)
  await step(days, { log, processName })
}

/** A delivered order with its picture and manifest. */
async function sell(accountId: string, idempotencyKey?: string): Promise<string> {
  const { id } = await order(database.db, {
    accountId,
    unitPrice: 5,
    claim: true,
    ...(idempotencyKey && { idempotencyKey }),
  })
  for (const key of [generationObjectKey(id, 1, 0), manifestKey(id)])
    await storage.put(key, Buffer.from(key), { mediaType: 'image/png', maxBytes: 1e6, commitName: false })
  await store(database.db, id)
  expect(await capture(database.db, id)).toBe(true)
  const images = JSON.stringify([{ index: 0, key: generationObjectKey(id, 1, 0) }])
  await ask(database.db, 'UPDATE generation SET images = $2 WHERE id = $1', [id, images])
  return id
}

type Row = { prompt: string; deleted: boolean; state: string }
const read = (id: string) =>
  askOne<Row>(
    database.db,
    'SELECT prompt, deleted_at IS NOT NULL AS deleted, state FROM generation WHERE id = $1',
    [id],
  )
const ledger = () =>
  ask(
    database.db,
    'SELECT t.*, e.bucket, e.amount FROM transfer t JOIN entry e ON e.transfer_id = t.id ORDER BY 1, e.bucket',
  )

test('past the term pictures and words go; the ledger, the key, younger and open orders stay', async () => {
  const accountId = await openAccount(database.db, 100)
  const old = await sell(accountId, 'old')
  const { id: failed } = await order(database.db, { accountId, unitPrice: 5, claim: true })
  await release(database.db, failed, {})
  const { id: open } = await order(database.db, { accountId, unitPrice: 5 })
  // So old and open it is only by a long deadline.
  await ask(database.db, "UPDATE generation SET deadline = deadline + interval '60 days' WHERE id = $1", [
    open,
  ])
  await forward('9 days')
  const young = await sell(accountId)
  await forward('23 hours')
  const before = await ledger()
  await sweep(10)
  expect((await read(old)).deleted, 'an hour before the term').toBe(false)
  await forward('2 hours')
  await sweep(0)
  await sweep(2)
  expect((await read(old)).deleted, 'without a term').toBe(false)
  await sweep(10)
  for (const id of [old, failed]) expect(await read(id)).toMatchObject({ prompt: '', deleted: true })
  for (const id of [young, open])
    expect(await read(id)).toMatchObject({ prompt: 'a small red boat', deleted: false })
  await sweepFiles({ db: database.db, storage, events: createGenerationEvents(log, createMetrics()) })
  expect(await storage.head(generationObjectKey(old, 1, 0))).toBe(null)
  expect(await storage.head(manifestKey(old))).toBe(null)
  expect(await storage.head(generationObjectKey(young, 1, 0))).not.toBe(null)
  expect(await ledger()).toEqual(before)
  // A repeat is not made anew.
  expect(await order(database.db, { accountId, unitPrice: 5, idempotencyKey: 'old' })).toMatchObject({
    id: old,
    created: false,
  })
})

test('steps are bounded, go on where the last one stood, and pass many that ended at one moment once each', async () => {
  const accountId = await openAccount(database.db, 10_000)
  const ids: string[] = []
  for (let i = 0; i < 450; i += 1) {
    const { id } = await order(database.db, { accountId, unitPrice: 1, claim: true })
    await release(database.db, id, {})
    ids.push(id)
  }
  await ask(database.db, 'UPDATE generation SET completed_at = (SELECT min(completed_at) FROM generation)')
  await forward('4 days')
  const countDeleted = async () =>
    (
      await askOne<{ count: number }>(
        database.db,
        'SELECT count(*)::int AS count FROM generation WHERE deleted_at IS NOT NULL',
      )
    ).count
  const seen: number[] = []
  for (const process of ['one', 'two', 'three', 'one']) {
    await sweep(3, process)
    seen.push(await countDeleted())
  }
  expect(seen).toEqual([200, 400, 450, 450])
  const { checked } = await askOne<{ checked: number }>(
    database.db,
    `SELECT checked::int FROM round WHERE name = 'retention'`,
  )
  expect(checked).toBe(ids.length)
})

test('of several processes one takes the step', async () => {
  const accountId = await openAccount(database.db, 1_000)
  for (let i = 0; i < 3; i += 1) {
    const { id } = await order(database.db, { accountId, unitPrice: 1, claim: true })
    await release(database.db, id, {})
  }
  await forward('4 days')
  await putInForce(3)
  await ask(database.db, `UPDATE round SET due_at = app_now() WHERE name = 'retention'`)
  const lines: unknown[] = []
  const telling = { info: (...line: unknown[]) => void lines.push(line), warn: () => undefined }
  const needs = (processName: string) => ({ db: database.db, processName, log: telling })
  await Promise.all(['a', 'b', 'c', 'd'].map(name => sweepRetention(needs(name), 3)))
  expect(lines).toHaveLength(1)
})

/** What was told: events with what they count. */
function listen() {
  const lines: Record<string, unknown>[] = []
  const note = (fields: object) => void lines.push(fields as Record<string, unknown>)
  return { lines, log: { info: note, warn: note } }
}

async function readMetric(): Promise<number | undefined> {
  const metrics = createMetrics()
  await sampleRetention({ db: database.db, metrics })
  return (await metrics.retentionAnnounced.get()).values[0]?.value
}

async function sellEach(ages: number[]): Promise<string[]> {
  const accountId = await openAccount(database.db, 1_000)
  const ids: string[] = []
  for (const days of ages) {
    const { id } = await order(database.db, { accountId, unitPrice: 1, claim: true })
    await release(database.db, id, {})
    const text = `UPDATE generation SET created_at = created_at - $2 * interval '1 day',
      completed_at = completed_at - $2 * interval '1 day' WHERE id = $1`
    await ask(database.db, text, [id, days])
    ids.push(id)
  }
  return ids
}

async function listDeleted(ids: string[]): Promise<boolean[]> {
  return await Promise.all(ids.map(async id => (await read(id)).deleted))
}

test('a shorter term is announced with what it will delete, and deletes nothing more for a day', async () => {
  const { lines, log } = listen()
  // A year, a month and a half, ten hours less than thirty days, and a week old.
  const ids = await sellEach([400, 45, 29.6, 7])
  await putInForce(365)
  await step(365, { log })
  expect(await listDeleted(ids)).toEqual([true, false, false, false])
  await step(30, { log })
  await step(30, { log })
  expect(await readMetric()).toBe(2)
  const announced = await findAnnouncedTerm(database.db)
  expect(announced).toMatchObject({ days: 365, nextDays: 30, generations: 2 })
  expect(lines.map(({ event, count }) => [event, count])).toEqual([
    ['retention.deleted', 1],
    ['retention.announced', undefined],
    ['retention.counted', 2],
  ])
  expect(lines[1]).toMatchObject({ days: 30, daysBefore: 365, at: announced?.at.toISOString() })
  await forward('23 hours')
  await step(30, { log })
  expect(await listDeleted(ids)).toEqual([true, false, false, false])
  await forward('2 hours')
  await step(30, { log })
  expect(await listDeleted(ids)).toEqual([true, true, true, false])
  expect(await readMetric()).toBe(0)
  expect(await findAnnouncedTerm(database.db)).toBe(null)
})

test('the first term of an installation is announced, too', async () => {
  const ids = await sellEach([10])
  const said: string[] = []
  const warn = (_: object, message: string) => void said.push(message)
  await step(3, { log: { info: warn, warn } })
  expect(said[0]).toMatch(/^RETENTION_DAYS is set: /)
  await step(3, { log })
  expect(await listDeleted(ids)).toEqual([false])
  expect(await findAnnouncedTerm(database.db)).toMatchObject({ days: 0, nextDays: 3, generations: 1 })
})

test('what is taken back or changed again within the day begins anew; a longer term holds at once', async () => {
  const ids = await sellEach([45])
  await putInForce(365)
  await step(30, { log })
  await forward('23 hours')
  // Taken back, lifted, made shorter still, or a node that was forgotten.
  for (const other of [365, 0, 20]) {
    await step(other, { log })
    await forward('2 hours')
    await step(30, { log })
    await forward('23 hours')
    await step(30, { log })
    expect(await listDeleted(ids), `after ${other}`).toEqual([false])
  }
  await forward('2 hours')
  await step(60, { log })
  expect(await findAnnouncedTerm(database.db)).toMatchObject({ days: 0, nextDays: 60 })
  await putInForce(20)
  await step(60, { log })
  expect(await findAnnouncedTerm(database.db)).toBe(null)
  expect(await listDeleted(ids)).toEqual([false])
})

test('a term whose deletions cannot be counted in time is announced all the same, and the one before goes on', async () => {
  const { lines, log } = listen()
  const ids = await sellEach([400, 45])
  await putInForce(365)
  let tries = 0
  const query: typeof database.db.query = (statement, values) => {
    if (statement.name !== 'retention_count') return database.db.query(statement, values)
    tries += 1
    const slow = { name: 'too_slow', text: 'SELECT pg_sleep(20)' }
    return database.db.transaction(tx => tx.query(slow), { statementTimeoutMs: 50 })
  }
  const db = { ...database.db, query }
  await step(30, { log, db })
  expect(lines.map(({ event }) => event)).toEqual([
    'retention.announced',
    'retention.count_failed',
    'retention.deleted',
  ])
  expect(await listDeleted(ids)).toEqual([true, false])
  expect(await readMetric(), 'not counted').toBe(1)
  await step(30, { log, db })
  expect(tries, 'within the hour').toBe(1)
  await forward('61 minutes')
  await step(30, { log })
  expect(await readMetric()).toBe(1)
  expect(lines.at(-1)).toMatchObject({ event: 'retention.counted', count: 1, isMore: false })
  await forward('23 hours')
  await step(30, { log })
  expect(await listDeleted(ids)).toEqual([true, true])
})

test('the count looks at few rows, deleted ones among them, and says that there are more', async () => {
  const { lines, log } = listen()
  const ids = await sellEach([49, 48, 47, 46, 45])
  await putInForce(365)
  await ask(database.db, 'SELECT delete_generation(id, account_id) FROM generation WHERE id = ANY ($1)', [
    ids.slice(0, 3),
  ])
  await step(40, { log, limit: 4 })
  expect(lines.at(-1)).toMatchObject({ event: 'retention.counted', count: 1, isMore: true })
  expect(await findAnnouncedTerm(database.db)).toMatchObject({ generations: 1, isMore: true })
  await forward('2 hours')
  await step(35, { log, limit: 3 })
  expect(lines.at(-1)).toMatchObject({ event: 'retention.counted', count: 0, isMore: true })
  expect(await readMetric(), 'there are more than none').toBe(1)
  await step(30, { log })
  expect(await findAnnouncedTerm(database.db)).toMatchObject({ generations: 2, isMore: false })
  expect(await readMetric()).toBe(2)
})

test('workers with different terms delete nothing that one of them keeps, and say so once', async () => {
  const { lines, log } = listen()
  const ids = await sellEach([45])
  const db = database.db
  const one = { db, log, processName: 'one' }
  const two = { db, log, processName: 'two' }
  for (const [longer, inForce] of [
    [0, 0],
    [365, 365],
    // Both are shorter than what is in force: neither is announced.
    [60, 365],
    [60, 0],
  ] as const) {
    await putInForce(inForce)
    lines.length = 0
    // The one with the longer term never comes to take a step.
    for (let minute = 0; minute < 30; minute += 1) {
      await noteRetention(two, longer)
      await step(30, one)
      await forward(minute < 20 ? '1 minute' : '2 minutes')
    }
    expect(await findAnnouncedTerm(db), 'no notice begins').toBe(null)
    expect(await listDifferingTerms(db)).toEqual([
      { process: 'two', days: longer },
      { process: 'one', days: 30 },
    ])
    // Who speaks first is alone for a moment, and is believed until the other speaks.
    expect(
      lines.filter(({ event }) => event !== 'retention.announced' && event !== 'retention.counted'),
    ).toEqual([
      { event: 'retention.disagreed', days: longer, otherDays: [30], process: 'one' },
      { event: 'retention.disagreed', days: 30, otherDays: [longer], process: 'two' },
    ])
    await forward('4 minutes')
    expect(await listDifferingTerms(db), 'nobody is left').toEqual([])
    await step(30, one)
    expect(await findAnnouncedTerm(db), 'all that are left agree').toMatchObject({ nextDays: 30 })
    await forward('23 hours')
    await noteRetention(two, longer)
    const another = longer === inForce ? null : expect.objectContaining({ nextDays: longer })
    expect(await findAnnouncedTerm(db), 'another comes').toEqual(another)
    await forward('2 hours')
    await noteRetention(two, longer)
    await step(30, one)
    expect(await listDeleted(ids)).toEqual([false])
    await forward('4 minutes')
  }
})

test('workers that are replaced do not differ, and what was counted within the hour is not counted again', async () => {
  const { lines, log } = listen()
  await sellEach([45])
  await putInForce(365)
  const db = database.db
  const names = () => lines.splice(0).map(({ event }) => event)
  await noteRetention({ db, log, processName: 'old' }, 365)
  await step(30, { log, processName: 'new' })
  expect([names(), await listDifferingTerms(db)]).toEqual([[], []])
  await forward('4 minutes')
  await step(30, { log, processName: 'new' })
  expect(names()).toEqual(['retention.announced', 'retention.counted'])
  // For a moment somebody has the old number.
  await noteRetention({ db, log, processName: 'stale' }, 365)
  await forward('4 minutes')
  await step(30, { log, processName: 'new' })
  expect(names()).toEqual(['retention.announced'])
  expect(await readMetric()).toBe(1)
  await noteRetention({ db, log, processName: 'stale' }, 365)
  await forward('65 minutes')
  await step(30, { log, processName: 'new' })
  expect(names()).toEqual(['retention.announced', 'retention.counted'])
})
