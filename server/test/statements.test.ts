// Every statement of the service is prepared and planned against the migrated schema, as the role that runs it:
// a wrong name, a wrong number of parameters or a missing grant is found here and not by a customer.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allStatements, type Statement } from '../src/db/db.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'

const sources = join(dirname(dirname(fileURLToPath(import.meta.url))), 'src')
const databaseContract = join(sources, 'db', 'db.ts')

let database: TestDatabase
let files: string[]

beforeAll(async () => {
  files = readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .map(name => join(sources, name))
    .filter(path => path.endsWith('.ts') && !path.endsWith('.test.ts') && path !== databaseContract)
    .filter(path => /\bstatement\(/.test(readFileSync(path, 'utf8')))
  for (const file of files) await import(pathToFileURL(file).href)
  // Without names, so that the text reaches the server as it stands.
  database = await createTestDatabase({ connect: { prepare: false } })
})
afterAll(() => database.drop())

let serial = 0

/** What the server says against it, or null. */
async function examine({ name, text }: Statement): Promise<string | null> {
  serial += 1
  try {
    await database.db.query({ name: `prepare_${serial}`, text: `PREPARE examined_${serial} AS ${text}` })
    // Planning with unknown values also checks the privileges on tables and functions; nothing is run.
    if (/^(?:select|insert|update|delete|with)\b/i.test(text.replace(/^(?:\s*--.*\n)*\s*/, ''))) {
      await database.db.query({ name: `plan_${serial}`, text: `EXPLAIN (GENERIC_PLAN) ${text}` })
    }
    return null
  } catch (error) {
    return `${name}: ${error instanceof Error ? error.message : String(error)}`
  }
}

test('every statement prepares against the migrated schema and may be run by the runtime role', async () => {
  const statements = allStatements()
  expect(statements.length).toBeGreaterThan(50)
  const faults: string[] = []
  for (const each of statements) {
    const fault = await examine(each)
    if (fault !== null) faults.push(fault)
  }
  expect(faults).toEqual([])
})

test('every file that declares statements was looked at', () => {
  const names = files.map(file => file.slice(sources.length + 1).replaceAll('\\', '/'))
  for (const owner of ['accounts', 'credits', 'generations']) expect(names).toContain(`${owner}/sql.ts`)
  const declared = new Set(allStatements().map(each => each.name))
  for (const file of files) {
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/\bstatement\(\s*'([^']+)'/g)) {
      expect(declared, file).toContain(name)
    }
  }
})

test('a wrong column, a wrong parameter count, a missing privilege and a wrong function are each found', async () => {
  const wrong = [
    'SELECT no_such_column FROM account',
    'SELECT * FROM grant_credits($1, $2, $3)',
    'SELECT no_such_function($1)',
    'UPDATE entry SET amount = 1 WHERE transfer_id = $1',
    'DELETE FROM schema_migration',
  ]
  for (const [index, text] of wrong.entries()) {
    expect(await examine({ name: `wrong_${index}`, text }), text).toMatch(/does not exist|permission denied/)
  }
})
