// Guards that nodes with different secrets are found, and that one which is gone is no longer counted.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { fingerprintOf, listSecretsSeen, noteSecret } from './secret-seen.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const events: string[] = []
const log = { error: (...[fields]: unknown[]) => void events.push((fields as { event: string }).event) }
const [one, two] = ['one secret of many letters', 'another secret of many letters']

test('nodes that hold different secrets are told apart until one of them is gone', async () => {
  const note = (secret: string, processName: string) =>
    noteSecret({ db: database.db, log, processName, secretPrint: fingerprintOf(secret) })
  await note(one, 'a:1')
  await note(one, 'b:1')
  expect(await listSecretsSeen(database.db)).toEqual([{ fingerprint: fingerprintOf(one), process: 'b:1' }])
  expect(events).toEqual([])
  await note(two, 'c:1')
  expect((await listSecretsSeen(database.db)).map(({ process }) => process).sort()).toEqual(['b:1', 'c:1'])
  await note(one, 'a:1')
  expect(events).toEqual(['secret.differs', 'secret.differs'])
  const text = "UPDATE clock_offset SET value = value + interval '10 minutes'"
  await database.ownerDb.query({ name: 'later', text })
  await note(one, 'a:1')
  expect(await listSecretsSeen(database.db)).toEqual([{ fingerprint: fingerprintOf(one), process: 'a:1' }])
  expect(events).toHaveLength(2)
  expect(fingerprintOf(one)).toMatch(/^[0-9a-f]{16}$/)
})
