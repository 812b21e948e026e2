// Brings a database to the version this program was built for: numbered SQL files, forward only, each in one
// transaction and recorded with its checksum. Then hands the runtime role its rights (migrations/grants.sql).
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { DatabaseLog } from './db.ts'

/**
 * On an external PostgreSQL, DATABASE_URL is the runtime role and DATABASE_OWNER_URL the role that owns the tables;
 * left out, both are one role and no rights are handed out. The runtime role must exist beforehand: this program
 * creates no roles on a server it does not own.
 */
export type MigrateOptions = {
  /** The role that owns the tables, on a direct connection: a transaction pooler loses the lock taken here. */
  ownerUrl: string
  /** The runtime role. Equal to the owner: nothing is granted. */
  appRole: string
  /** Folder of NNNN-name.sql files and grants.sql. Default: the one that ships with this program. */
  directory?: string
  log: DatabaseLog
}

export type MigrateResult = {
  /** Names of the files applied by this call, in order. */
  applied: string[]
  /** Number of the newest file, 0 when there is none. */
  version: number
}

type MigrationFile = { number: number; name: string; text: string; checksum: string }
type AppliedRow = { number: number; name: string; checksum: string }

const FILE_NAME = /^(\d{4})-[a-z0-9-]+\.sql$/
/** "DARKROOM" as a number: one lock per database for everything that changes its shape. */
const MIGRATION_LOCK = '4920579034221145933'
/** A migration that cannot get its table lock gives up, rather than queue every request behind itself. */
const LOCK_TIMEOUT_MS = 30_000

/** The folder of migrations, seen from dist/ (one file in a folder) as from src/db/. */
export function findMigrationsDirectory(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  for (const candidate of [join(here, '..', 'migrations'), join(here, '..', '..', 'migrations')]) {
    if (existsSync(join(candidate, 'grants.sql'))) return candidate
  }
  throw new Error(`the folder migrations/ is missing beside ${here}: install the whole package`)
}

async function readMigrations(directory: string): Promise<MigrationFile[]> {
  const files: MigrationFile[] = []
  for (const name of (await readdir(directory)).sort()) {
    const number = FILE_NAME.exec(name)?.[1]
    if (number === undefined) {
      if (name.endsWith('.sql') && name !== 'grants.sql') {
        throw new Error(`the migration ${name} is not named NNNN-name.sql`)
      }
      continue
    }
    // A checkout with other line ends is still the same migration.
    const text = (await readFile(join(directory, name), 'utf8')).replaceAll('\r\n', '\n')
    const checksum = createHash('sha256').update(text).digest('hex')
    files.push({ number: Number(number), name, text, checksum })
  }
  for (const [index, file] of files.entries()) {
    if (files[index - 1]?.number === file.number) throw new Error(`two migrations have number ${file.number}`)
  }
  return files
}

/** Applies what is missing. Safe to call from many processes at once; a second call changes nothing. */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const directory = options.directory ?? findMigrationsDirectory()
  const files = await readMigrations(directory)
  const client = new pg.Client({ connectionString: options.ownerUrl, application_name: 'darkroom migrate' })
  client.on('error', error => options.log.warn({ err: error }, 'the migration connection was lost'))
  await client.connect()
  try {
    await client.query(
      "SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false)",
    )
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
    await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`)
    const applied = await applyMissing(client, { files, log: options.log })
    await grantRights(client, { directory, appRole: options.appRole })
    return { applied, version: files.at(-1)?.number ?? 0 }
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function applyMissing(
  client: pg.Client,
  { files, log }: { files: MigrationFile[]; log: DatabaseLog },
): Promise<string[]> {
  await client.query(`CREATE TABLE IF NOT EXISTS schema_migration (
    number int PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
  )`)
  const answer = await client.query<AppliedRow>('SELECT number, name, checksum FROM schema_migration')
  const recorded = new Map(answer.rows.map(row => [row.number, row]))
  refuseStrangers(files, recorded)
  const missing = files.filter(file => !recorded.has(file.number))
  for (const file of missing) {
    await applyFile(client, file)
    log.info({ migration: file.name }, 'migration applied')
  }
  return missing.map(file => file.name)
}

/** Throws when the database was made by other files than these. */
function refuseStrangers(files: MigrationFile[], recorded: Map<number, AppliedRow>): void {
  const known = new Map(files.map(file => [file.number, file]))
  const newest = files.at(-1)?.number ?? 0
  for (const row of recorded.values()) {
    const file = known.get(row.number)
    if (file === undefined) {
      throw new Error(
        row.number > newest
          ? `the database is newer than this program (it has ${row.name}): run the newer version`
          : `the database has the migration ${row.name}, which this program does not know`,
      )
    }
    if (file.checksum !== row.checksum) {
      throw new Error(
        `the migration ${file.name} was changed after it was applied: restore the file and add a new one instead`,
      )
    }
  }
  const last = Math.max(0, ...recorded.keys())
  const late = files.find(file => file.number < last && !recorded.has(file.number))
  if (late !== undefined) {
    throw new Error(`the migration ${late.name} comes after ${last} was applied: give it a higher number`)
  }
}

async function applyFile(client: pg.Client, file: MigrationFile): Promise<void> {
  await client.query('BEGIN')
  try {
    await client.query("SELECT set_config('darkroom.migration', $1, true)", [file.name])
    await client.query(file.text)
    const answer = await client.query<{ name: string | null }>(
      "SELECT current_setting('darkroom.migration', true) AS name",
    )
    if (answer.rows[0]?.name !== file.name) throw new Error('it ends its transaction, which is the runner’s')
    await client.query('INSERT INTO schema_migration (number, name, checksum) VALUES ($1, $2, $3)', [
      file.number,
      file.name,
      file.checksum,
    ])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(`the migration ${file.name} failed: ${message}`, { cause: error })
  }
}

async function grantRights(
  client: pg.Client,
  { directory, appRole }: { directory: string; appRole: string },
): Promise<void> {
  const answer = await client.query<{ owner: string; exists: boolean }>(
    'SELECT current_user AS owner, EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS exists',
    [appRole],
  )
  const row = answer.rows[0]
  if (row === undefined || row.owner === appRole) return
  if (!row.exists) {
    throw new Error(
      `the database role ${appRole} does not exist: create it first with ` +
        `CREATE ROLE "${appRole}" LOGIN PASSWORD '…', or use one role for both URLs`,
    )
  }
  const text = await readFile(join(directory, 'grants.sql'), 'utf8')
  await client.query('BEGIN')
  try {
    await client.query("SELECT set_config('darkroom.app_role', $1, true)", [appRole])
    await client.query(text)
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** The role a URL signs in as, asked of the server: behind some poolers the user name is not the role. */
export async function readRole(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, application_name: 'darkroom migrate' })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const answer = await client.query<{ role: string }>('SELECT current_user AS role')
    const role = answer.rows[0]?.role
    if (role === undefined) throw new Error('the server did not answer')
    return role
  } finally {
    await client.end().catch(() => undefined)
  }
}
