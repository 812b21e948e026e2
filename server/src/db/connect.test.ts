// What the pool promises its callers, against a real server.
import { afterAll, beforeAll, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { checkDatabaseSettings } from './check-settings.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(async () => {
  await database.drop()
})

test('a healthy database passes the settings check', async () => {
  await checkDatabaseSettings(database.db)
})
