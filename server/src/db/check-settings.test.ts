// Which databases the service refuses to start on, asked of real sessions.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, getTestServer, silentLog, type TestDatabase } from '../../test/database.ts'
import { checkDatabaseSettings, findRoleFault, findSettingFaults } from './check-settings.ts'
import { connectDatabase } from './connect.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ empty: true })
})
afterAll(async () => {
  await database.drop()
})

/** Runs a check on a fresh session of the owner, with one setting of this database changed. */
async function findFaultsWith(setting: string, value: string): Promise<string[]> {
  const { admin } = await getTestServer()
  const name = new URL(database.ownerUrl).pathname.slice(1)
  await admin.query({ name: 'set', text: `ALTER DATABASE ${name} SET ${setting} = ${value}` })
  const db = await connectDatabase({
    url: database.ownerUrl,
    maxConnections: 1,
    statementTimeoutMs: 5_000,
    prepare: true,
    log: silentLog,
  })
  try {
    return await findSettingFaults(db)
  } finally {
    await db.close()
    await admin.query({ name: 'reset', text: `ALTER DATABASE ${name} RESET ${setting}` })
  }
}

test('the embedded server passes', async () => {
  expect(await findSettingFaults(database.db)).toEqual([])
  await checkDatabaseSettings(database.db)
})

test.each(['off', 'local'])(
  'synchronous_commit = %s is refused, and the text says what to set',
  async value => {
    const faults = await findFaultsWith('synchronous_commit', value)
    expect(faults).toHaveLength(1)
    expect(faults[0]).toContain(`synchronous_commit is ${value}`)
    expect(faults[0]).toContain('set synchronous_commit = on')
  },
)

test.each(['remote_write', 'remote_apply'])('synchronous_commit = %s is as good as on', async value => {
  expect(await findFaultsWith('synchronous_commit', value)).toEqual([])
})

test('a read-only session, as on a replica, is refused', async () => {
  expect(await findFaultsWith('default_transaction_read_only', 'on')).toEqual([
    expect.stringContaining('must name the primary'),
  ])
})

test('a server without fsync, of an old version and of another encoding is refused with every fault at once', async () => {
  // A server without fsync must never be started by these tests, so its answer stands in for it.
  const answer = {
    fsync: 'off',
    full_page_writes: 'off',
    synchronous_commit: 'on',
    server_encoding: 'SQL_ASCII',
    server_version: '14.11',
    version_number: 140_011,
    read_only: 'off',
    in_recovery: false,
  }
  const query = async <Row>() => [answer as Row]
  await expect(checkDatabaseSettings({ query })).rejects.toThrow(
    /14\.11 is too old.*fsync is off.*full_page_writes is off.*encoding is SQL_ASCII/,
  )
})

test('a runtime role that could rewrite the ledger is told of, and a second role is not', async () => {
  const migrated = await createTestDatabase()
  const { admin } = await getTestServer()
  const run = (text: string) => admin.query({ name: '', text })
  const url = new URL(migrated.appUrl)
  const name = `role_${url.pathname.slice(1)}`
  const member = async () => {
    url.username = name
    url.password = 'test'
    const connection = { maxConnections: 1, statementTimeoutMs: 5_000, prepare: true, log: silentLog }
    const db = await connectDatabase({ url: url.toString(), ...connection })
    return findRoleFault(db).finally(() => db.close())
  }
  try {
    expect(await findRoleFault(migrated.db)).toBe(null)
    expect(await findRoleFault(migrated.ownerDb)).toMatch(
      /^The service runs as darkroom_owner, which owns the/,
    )
    await run(`CREATE ROLE ${name} LOGIN PASSWORD 'test' IN ROLE darkroom_app`)
    expect(await member()).toBe(null)
    await run(`GRANT SET ON PARAMETER session_replication_role TO ${name}`)
    expect(await member()).toContain("may turn the ledger's triggers off")
    await run(`REVOKE SET ON PARAMETER session_replication_role FROM ${name}`)
    await run(`GRANT darkroom_owner TO ${name}`)
    expect(await member()).toContain("owns the ledger's tables")
  } finally {
    await migrated.drop()
    await run(`DROP ROLE IF EXISTS ${name}`)
  }
})
