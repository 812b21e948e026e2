// The looks at the books that every suite ends with, and some have all the time, see what they are there for.
import { expect, test } from 'vitest'
import { watchBooks } from './books.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { eventually } from './harness.ts'
import { ask } from './money.ts'

/** Credits that no entry tells of. */
const breakWallet = (database: TestDatabase) =>
  ask(database.ownerDb, "INSERT INTO account (id, name, available) VALUES (gen_random_uuid(), 'broken', 5)")
const mendWallet = (database: TestDatabase) => ask(database.ownerDb, 'DELETE FROM account')

test('a database whose books do not hold cannot be closed in silence', async () => {
  const database = await createTestDatabase()
  await breakWallet(database)
  await expect(database.drop()).rejects.toThrow('the books do not hold (I1)')
  // It is gone all the same.
  await expect(watchBooks(database.adminUrl)).rejects.toThrow()
})

test('unless the suite says which rule it breaks, and for that rule alone', async () => {
  const honest = await createTestDatabase({ brokenBooks: { I1: 'this test breaks it' } })
  await breakWallet(honest)
  await honest.drop()
  const other = await createTestDatabase({ brokenBooks: { I3: 'this test does not break it' } })
  await breakWallet(other)
  await expect(other.drop()).rejects.toThrow('the books do not hold (I1)')
})

test('what was wrong for a moment while a rig was watched fails the suite', async () => {
  const database = await createTestDatabase()
  const watch = await watchBooks(database.adminUrl)
  await breakWallet(database)
  const before = watch.samples()
  await eventually('it is looked at', () => watch.samples() > before + 1)
  await mendWallet(database)
  await expect(watch.stop()).rejects.toThrow(/the books did not hold: I1 /)
  await database.drop()
})
