// What every node looks after again and again, whether or not anything woke it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, silentLog, type TestDatabase } from '../../test/database.ts'
import { ask, askOne, openAccount, order } from '../../test/money.ts'
import { findViolations } from '../credits/ledger.ts'
import { createMetrics } from '../telemetry.ts'
import { createGenerationEvents } from './observe.ts'
import { createSettledBus } from './settled.ts'
import { sweepDeadlines } from './sweep.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

test('one sweep ends every order that ran out of time, however long the queue was', async () => {
  const { db } = database
  const accountId = await openAccount(db, 1_000)
  const count = 230
  for (let index = 0; index < count; index += 1) await order(db, { accountId, unitPrice: 1 })
  await ask(db, "UPDATE generation SET deadline = app_now() - interval '1 second'")
  const log = { ...silentLog, debug: () => undefined, fatal: () => undefined, child: () => log }
  const events = createGenerationEvents(log, createMetrics())
  const needs = { db, settled: createSettledBus(), events, processName: 'test' }
  await sweepDeadlines(needs)
  const { ended } = await askOne<{ ended: number }>(
    db,
    "SELECT count(*)::int AS ended FROM generation WHERE state = 'failed' AND reason = 'queue_timeout'",
  )
  expect(ended).toBe(count)
  const { available } = await askOne<{ available: number }>(
    db,
    'SELECT available FROM account WHERE id = $1',
    [accountId],
  )
  expect(available).toBe(1_000)
  expect(await findViolations(db, null)).toEqual([])
})

test('rows that cannot be settled keep nobody behind them waiting', async () => {
  const { db } = database
  const accountId = await openAccount(db, 1_000)
  const ids: string[] = []
  for (let index = 0; index < 120; index += 1) ids.push((await order(db, { accountId, unitPrice: 1 })).id)
  await ask(
    db,
    `UPDATE generation g SET deadline = app_now() - interval '1 hour' + place.nth * interval '1 s'
      FROM unnest($1::uuid[]) WITH ORDINALITY AS place (id, nth) WHERE g.id = place.id`,
    [ids],
  )
  const log = { ...silentLog, debug: () => undefined, fatal: () => undefined, child: () => log }
  const events = createGenerationEvents(log, createMetrics())
  // The oldest 110 cannot be settled: their rows fail, as those of a fault of ours would.
  const failing = new Set(ids.slice(0, 110))
  const query: typeof db.query = (text, values) =>
    text.name === 'generation_released' && failing.has(String(values?.[0]))
      ? Promise.reject(new Error('a fault of this row'))
      : db.query(text, values)
  const needs = { settled: createSettledBus(), events, processName: 'test' }
  await sweepDeadlines({ ...needs, db: { ...db, query } })
  const ended = await ask<{ id: string }>(
    db,
    "SELECT id FROM generation WHERE state = 'failed' AND id = ANY ($1)",
    [ids],
  )
  expect(ended.map(({ id }) => id).toSorted()).toEqual(ids.slice(110).toSorted())
  await sweepDeadlines({ ...needs, db })
  expect(await findViolations(db, null)).toEqual([])
})
