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
  const { available } = await askOne<{ available: number }>(db, 'SELECT available FROM account')
  expect(available).toBe(1_000)
  expect(await findViolations(db, null)).toEqual([])
})
