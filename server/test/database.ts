// Databases for tests: real PostgreSQL, migrated once per test run, cloned for each test in milliseconds.
// All workers of a run share one embedded server, which the first of them starts; global-setup.ts ends it.
import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { type ConnectOptions, connectDatabase } from '../src/db/connect.ts'
import type { DatabaseLog, Db } from '../src/db/db.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'
import { type BrokenBooks, expectBooksHold } from './books.ts'
import { findMutant, mutateDatabase } from './mutants/mutants.ts'

export type TestDatabase = {
  /** Connected as the runtime role, as the service is. */
  db: Db
  /** Connected as the role that owns the tables. */
  ownerDb: Db
  appUrl: string
  ownerUrl: string
  /** Superuser on this database, for what only an operator could do. */
  adminUrl: string
  /**
   * Closes the connections and drops the database; throws afterwards when its books did not hold. Other connections
   * to it are cut.
   */
  drop(): Promise<void>
}

export type TestDatabaseOptions = {
  /** Without tables, for tests of migrations themselves. */
  empty?: boolean
  /** Of the pool behind `db`. Default 10. */
  maxConnections?: number
  /** Beyond the usual ones, for `db`. */
  connect?: Partial<ConnectOptions>
  /** Which rules its books break on purpose in the end, and why; all others must hold. */
  brokenBooks?: BrokenBooks
}

/** Swallows what the database folder says; tests of its messages bring their own. */
export const silentLog: DatabaseLog = { info: () => undefined, warn: () => undefined, error: () => undefined }

const TEMPLATE = 'darkroom_template'
/** Many test files open pools at the same time. */
const MAX_CONNECTIONS = 400
const STATEMENT_TIMEOUT_MS = 30_000

type Server = { embedded: EmbeddedPostgres; admin: Db }
let server: Promise<Server> | null = null

/** The run's server, started by whoever comes first. Never stopped by a test. */
export async function getTestServer(): Promise<Server> {
  server ??= startServer()
  return await server
}

async function startServer(): Promise<Server> {
  const embedded = await startEmbeddedPostgres({
    dataDir: inject('databaseFolder'),
    log: silentLog,
    settings: { max_connections: String(MAX_CONNECTIONS) },
  })
  const admin = await connect(embedded.adminUrl, { maxConnections: 2, prepare: false })
  await admin.query({ name: 'lock', text: 'SELECT 1' })
  return { embedded, admin }
}

async function connect(url: string, options: Partial<ConnectOptions> = {}): Promise<Db> {
  return await connectDatabase({
    url,
    maxConnections: 4,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    prepare: true,
    log: silentLog,
    ...options,
  })
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.toString()
}

async function run(db: Db, text: string): Promise<void> {
  await db.query({ name: 'test_command', text })
}

let template: Promise<void> | null = null

/** Makes the migrated template once per run; the other workers wait for it. */
async function ensureTemplate({ embedded, admin }: Server): Promise<void> {
  const exists = async () => {
    const rows = await admin.query({
      name: 'template_exists',
      text: `SELECT 1 FROM pg_database WHERE datname = '${TEMPLATE}'`,
    })
    return rows.length > 0
  }
  if (await exists()) return
  const made = `${TEMPLATE}_${randomBytes(4).toString('hex')}`
  await run(admin, `CREATE DATABASE ${made} OWNER darkroom_owner`)
  await migrate({ ownerUrl: withDatabase(embedded.ownerUrl, made), appRole: 'darkroom_app', log: silentLog })
  // Several workers may have come here at once: the first name given wins, the others are dropped.
  try {
    await run(admin, `ALTER DATABASE ${made} RENAME TO ${TEMPLATE}`)
  } catch (error) {
    await run(admin, `DROP DATABASE ${made}`)
    if (!(await exists())) throw error
  }
}

/** A database of its own for one test or one file, in a mutant's run with its functions changed. Call drop() when done. */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const server = await getTestServer()
  const { embedded, admin } = server
  const name = `test_${randomBytes(6).toString('hex')}`
  if (options.empty === true) {
    await run(admin, `CREATE DATABASE ${name} OWNER darkroom_owner`)
  } else {
    template ??= ensureTemplate(server)
    await template
    await run(admin, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE} OWNER darkroom_owner`)
  }
  const appUrl = withDatabase(embedded.appUrl, name)
  const ownerUrl = withDatabase(embedded.ownerUrl, name)
  const [db, ownerDb] = await Promise.all([
    connect(appUrl, { maxConnections: options.maxConnections ?? 10, ...options.connect }),
    connect(ownerUrl),
  ])
  const mutant = options.empty ? null : findMutant()
  if (mutant) await mutateDatabase(ownerDb, mutant)
  return {
    db,
    ownerDb,
    appUrl,
    ownerUrl,
    adminUrl: withDatabase(embedded.adminUrl, name),
    async drop() {
      await Promise.all([db.close(), ownerDb.close()])
      const adminUrl = withDatabase(embedded.adminUrl, name)
      try {
        if (!options.empty) await expectBooksHold(adminUrl, options.brokenBooks)
      } finally {
        await run(admin, `DROP DATABASE ${name} WITH (FORCE)`)
      }
    },
  }
}
