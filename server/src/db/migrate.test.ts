// Migrations against empty databases: parallel starts, refusals, and what the runtime role may do afterwards.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import {
  createTestDatabase,
  getTestServer,
  silentLog,
  type TestDatabase,
  type TestDatabaseOptions,
} from '../../test/database.ts'
import { sqlStateOf } from './connect.ts'
import type { Db } from './db.ts'
import { findMigrationsDirectory, migrate, readRole } from './migrate.ts'

const leftovers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const remove of leftovers.splice(0)) await remove()
})

async function openDatabase(options: TestDatabaseOptions): Promise<TestDatabase> {
  const database = await createTestDatabase(options)
  leftovers.push(() => database.drop())
  return database
}

/** A folder of migrations of its own, with the real grants. */
async function makeFolder(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-migrations-'))
  leftovers.push(() => rm(folder, { recursive: true }))
  await cp(join(findMigrationsDirectory(), 'grants.sql'), join(folder, 'grants.sql'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}

async function run(db: Db, text: string): Promise<unknown[]> {
  return await db.query({ name: `run_${text.length}_${text.slice(0, 40)}`, text })
}

async function stateOf(attempt: Promise<unknown>): Promise<string | null> {
  return await attempt.then(() => 'allowed', sqlStateOf)
}

function options(database: TestDatabase, directory: string) {
  return { ownerUrl: database.ownerUrl, appRole: 'darkroom_app', directory, log: silentLog }
}

test('eight starts at once apply every migration of the product exactly once', async () => {
  const database = await openDatabase({ empty: true })
  const start = () => migrate({ ownerUrl: database.ownerUrl, appRole: 'darkroom_app', log: silentLog })
  const results = await Promise.all(Array.from({ length: 8 }, start))
  const shipped = (await readdir(findMigrationsDirectory())).filter(name => /^\d{4}-/.test(name)).sort()
  expect(results.flatMap(result => result.applied)).toEqual(shipped)
  const recorded = await run(database.db, 'SELECT name FROM schema_migration ORDER BY number')
  expect(recorded).toEqual(shipped.map(name => ({ name })))
  expect((await start()).applied).toEqual([])
})

test('a migration that fails leaves nothing of itself, and a later start takes up from there', async () => {
  const database = await openDatabase({ empty: true })
  const directory = await makeFolder({
    '0001-one.sql': 'CREATE TABLE one (a int);',
    '0002-two.sql': 'CREATE TABLE two (a int); SELECT 1/0;',
  })
  await expect(migrate(options(database, directory))).rejects.toThrow('0002-two.sql failed: division by zero')
  expect(
    await run(database.ownerDb, "SELECT to_regclass('one') IS NOT NULL AS one, to_regclass('two') AS two"),
  ).toEqual([{ one: true, two: null }])
  await writeFile(join(directory, '0002-two.sql'), 'CREATE TABLE two (a int);')
  expect(await migrate(options(database, directory))).toEqual({ applied: ['0002-two.sql'], version: 2 })
})

test('an applied file that changed is refused; other line ends are no change', async () => {
  const database = await openDatabase({ empty: true })
  const directory = await makeFolder({ '0001-one.sql': 'CREATE TABLE one (\n  a int\n);\n' })
  await migrate(options(database, directory))
  const file = join(directory, '0001-one.sql')
  await writeFile(file, (await readFile(file, 'utf8')).replaceAll('\n', '\r\n'))
  expect((await migrate(options(database, directory))).applied).toEqual([])
  await writeFile(file, 'CREATE TABLE one (a bigint);')
  await expect(migrate(options(database, directory))).rejects.toThrow(
    '0001-one.sql was changed after it was applied',
  )
})

test('a database newer than the program is refused', async () => {
  const database = await openDatabase({ empty: true })
  const directory = await makeFolder({ '0001-one.sql': 'SELECT 1', '0002-two.sql': 'SELECT 1' })
  await migrate(options(database, directory))
  await rm(join(directory, '0002-two.sql'))
  await expect(migrate(options(database, directory))).rejects.toThrow(
    'newer than this program (it has 0002-two.sql)',
  )
})

test('a migration numbered before an applied one, named badly, or ending its transaction is refused', async () => {
  const database = await openDatabase({ empty: true })
  const directory = await makeFolder({ '0002-two.sql': 'CREATE TABLE two (a int)' })
  await migrate(options(database, directory))
  await writeFile(join(directory, '0001-late.sql'), 'SELECT 1')
  await expect(migrate(options(database, directory))).rejects.toThrow(
    '0001-late.sql comes after 2 was applied',
  )
  await rm(join(directory, '0001-late.sql'))
  await writeFile(join(directory, 'fix.sql'), 'SELECT 1')
  await expect(migrate(options(database, directory))).rejects.toThrow('fix.sql is not named NNNN-name.sql')
  await rm(join(directory, 'fix.sql'))
  await writeFile(join(directory, '0003-sly.sql'), 'COMMIT; BEGIN; CREATE TABLE sly (a int)')
  await expect(migrate(options(database, directory))).rejects.toThrow(
    '0003-sly.sql failed: it ends its transaction',
  )
  expect(await run(database.ownerDb, "SELECT to_regclass('sly') AS sly")).toEqual([{ sly: null }])
})

test('the runtime role cannot change the ledger, the clock or the record of migrations', async () => {
  const { db } = await openDatabase({})
  for (const table of ['transfer', 'entry', 'clock_offset', 'schema_migration']) {
    const column = { transfer: 'kind', entry: 'unit', clock_offset: 'value', schema_migration: 'name' }[table]
    expect(await stateOf(run(db, `UPDATE ${table} SET ${column} = ${column}`)), `UPDATE ${table}`).toBe(
      '42501',
    )
    expect(await stateOf(run(db, `DELETE FROM ${table}`)), `DELETE ${table}`).toBe('42501')
    expect(await stateOf(run(db, `TRUNCATE ${table} CASCADE`)), `TRUNCATE ${table}`).toBe('42501')
    expect(await stateOf(run(db, `ALTER TABLE ${table} DISABLE TRIGGER ALL`))).toBe('42501')
    expect(await stateOf(run(db, `DROP TABLE ${table} CASCADE`))).toBe('42501')
    expect(await stateOf(run(db, `SELECT FROM ${table}`))).toBe('allowed')
  }
  expect(await stateOf(run(db, 'INSERT INTO clock_offset DEFAULT VALUES'))).toBe('42501')
  expect(await stateOf(run(db, 'CREATE TABLE mine (a int)'))).toBe('42501')
  expect(await stateOf(run(db, 'SET session_replication_role = replica'))).toBe('42501')
})

test('the owner of the tables, and a superuser, cannot change the ledger either', async () => {
  const { ownerDb, db } = await openDatabase({})
  for (const table of ['transfer', 'entry']) {
    expect(await stateOf(run(ownerDb, `DELETE FROM ${table}`))).toBe('DR010')
    expect(await stateOf(run(ownerDb, `TRUNCATE ${table} CASCADE`))).toBe('DR010')
  }
  // The runtime role has its rights on ordinary tables, functions and the schema of sign-in.
  expect(await stateOf(run(db, 'UPDATE account SET name = name'))).toBe('allowed')
  expect(await stateOf(run(db, 'DELETE FROM rate_window'))).toBe('allowed')
  expect(await stateOf(run(db, 'SELECT app_now()'))).toBe('allowed')
  expect(await stateOf(run(db, 'DELETE FROM auth.session'))).toBe('allowed')
})

test('rights somebody handed out by mistake are taken back at the next start', async () => {
  const database = await openDatabase({})
  await run(database.ownerDb, 'GRANT ALL ON transfer TO darkroom_app')
  await migrate({ ownerUrl: database.ownerUrl, appRole: 'darkroom_app', log: silentLog })
  const held = await run(
    database.ownerDb,
    `SELECT string_agg(privilege_type, ',' ORDER BY privilege_type) AS held FROM information_schema.table_privileges
      WHERE table_name = 'transfer' AND grantee = 'darkroom_app'`,
  )
  expect(held).toEqual([{ held: 'INSERT,SELECT' }])
})

test('one role for everything needs no rights; a missing runtime role is named with its mend', async () => {
  const database = await openDatabase({ empty: true })
  const role = await readRole(database.ownerUrl)
  expect(role).toBe('darkroom_owner')
  await migrate({ ownerUrl: database.ownerUrl, appRole: role, log: silentLog })
  await expect(
    migrate({ ownerUrl: database.ownerUrl, appRole: 'nobody_here', log: silentLog }),
  ).rejects.toThrow('CREATE ROLE "nobody_here" LOGIN')
  const { embedded } = await getTestServer()
  expect(await readRole(embedded.appUrl)).toBe('darkroom_app')
})
