// Guards that noting a key's last use stays cheap and true. Real PostgreSQL, a clock of our own.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { TestDatabase } from '../../test/database.ts'
import { createTestDatabase } from '../../test/database.ts'
import type { Db } from '../db/db.ts'
import { createLog } from '../log.ts'
import { createAccount } from './accounts.ts'
import { listKeys } from './keys.ts'
import { startLastUsed } from './last-used.ts'

let database: TestDatabase
const now = () => new Date()
const log = createLog({ level: 'silent', logPrompts: false })

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

async function makeKey(email: string) {
  const needs = {
    db: database.db,
    now,
    grantCredits: () => Promise.reject(new Error('unused')),
    hashPassword: () => Promise.reject(new Error('unused')),
  }
  return createAccount(needs, { email, password: null, credits: 0, signupCredits: 0 })
}

async function lastUsed(accountId: string): Promise<Date | null> {
  return (await listKeys(database.db, accountId))[0]?.lastUsedAt ?? null
}

/** Counts what the batch writes, over the real database. */
function countWrites(db: Db) {
  const counter = { writes: 0 }
  const counted: Db = {
    ...db,
    query: (asked, values) => {
      counter.writes++
      return db.query(asked, values)
    },
  }
  return { counter, counted }
}

test('60,000 uses of a key within a minute cost one write, and the next comes a minute later', async () => {
  const made = await makeKey('busy@example.com')
  const { counter, counted } = countWrites(database.db)
  let elapsed = 0
  const uses = startLastUsed({ db: counted, log, elapsedMs: () => elapsed })
  for (let use = 0; use < 30_000; use++) uses.note(made.keyId)
  await vi.waitFor(() => expect(counter.writes).toBe(1), { timeout: 60_000 })
  await vi.waitFor(async () => expect(await lastUsed(made.accountId)).not.toBe(null), { timeout: 60_000 })
  elapsed = 59_000
  for (let use = 0; use < 30_000; use++) uses.note(made.keyId)
  const before = await lastUsed(made.accountId)
  expect(counter.writes).toBe(1)
  elapsed = 61_000
  await vi.waitFor(() => expect(counter.writes).toBe(2), { timeout: 60_000 })
  await uses.stop()
  expect(counter.writes).toBe(2)
  // The database's own clock has not moved a minute, so its guard keeps the first value.
  expect(await lastUsed(made.accountId)).toEqual(before)
})

test('a stop writes what was noted, with the age of the use', async () => {
  const made = await makeKey('stop@example.com')
  let elapsed = 0
  const uses = startLastUsed({ db: database.db, log, elapsedMs: () => elapsed })
  uses.note(made.keyId)
  elapsed = 30_000
  const before = now().getTime()
  await uses.stop()
  const stored = (await lastUsed(made.accountId))?.getTime() ?? 0
  expect(stored).toBeGreaterThanOrEqual(before - 30_000 - 2_000)
  expect(stored).toBeLessThanOrEqual(now().getTime() - 30_000 + 2_000)
})

test('a database that refuses costs no caller anything and no later value', async () => {
  const made = await makeKey('refused@example.com')
  let refusing = true
  const db: Db = {
    ...database.db,
    query: (asked, values) =>
      refusing ? Promise.reject(new Error('down')) : database.db.query(asked, values),
  }
  let elapsed = 0
  const uses = startLastUsed({ db, log, elapsedMs: () => elapsed })
  uses.note(made.keyId)
  await uses.flush()
  refusing = false
  elapsed = 60_000
  uses.note(made.keyId)
  await uses.stop()
  expect(await lastUsed(made.accountId)).not.toBe(null)
})
