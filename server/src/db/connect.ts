// The pool of connections behind Db: named statements, transactions, and errors that say whether a statement
// may have been committed. Nothing here retries, and every connection has an error listener from its birth.
import pg from 'pg'
import { AppError } from '../errors.ts'
import {
  DatabaseError,
  endsConnection,
  type FailureCircumstances,
  type StatementPhase,
  toCallerError,
} from './database-error.ts'
import type { DatabaseLog, Db, Statement, Tx } from './db.ts'
import { createListener, type Listener } from './listener.ts'
import { columnTypes } from './pg-types.ts'
import { withOptions } from './transaction-options.ts'
import { assertNoTransaction, runInScope } from './transaction-scope.ts'

export { DatabaseError, findDatabaseError, isAmbiguous, sqlStateOf } from './database-error.ts'
export { assertNoTransaction } from './transaction-scope.ts'

export type ConnectOptions = {
  /** Where statements go; may be a transaction pooler when `prepare` is off. */
  url: string
  /** A connection to PostgreSQL itself, for LISTEN and settings of the role. Default: `url`. */
  directUrl?: string
  maxConnections: number
  statementTimeoutMs: number
  /** How long a statement may wait for a row lock. Default 5 s: an answer within a caller's patience. */
  lockTimeoutMs?: number
  /** How long a transaction may sit between two statements. Default 10 s: nothing of ours waits in one. */
  idleInTransactionTimeoutMs?: number
  /** How long a caller waits for a connection before `unavailable`. Default 5 s. */
  acquireTimeoutMs?: number
  /** How long after the server's own statement timeout an answer may come. Default 5 s. */
  answerGraceMs?: number
  /** Named prepared statements. Off behind PgBouncer before 1.21, which loses them between transactions. */
  prepare: boolean
  applicationName?: string
  log: DatabaseLog
}

const DEFAULT_LOCK_TIMEOUT_MS = 5_000
const DEFAULT_IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000
const DEFAULT_ACQUIRE_TIMEOUT_MS = 5_000
/**
 * PostgreSQL compiles what it holds for expensive. Ours is short, but the check of the invariants has so many parts
 * that compiling them took a second of each minute and running them a tenth.
 */
const NO_COMPILER = '-c jit=off'
/** What the driver says when its own timer ends a statement; it sets no code. */
const DRIVER_TIMEOUT_MESSAGE = 'Query read timeout'
/** Idle connections are kept for minutes: each holds its parsed statements, which cost more than the memory. */
const IDLE_CONNECTION_TIMEOUT_MS = 300_000
/** The server's own timeout speaks first; this one is for a server that no longer answers at all. */
const DEFAULT_ANSWER_GRACE_MS = 5_000

type Settings = Required<Omit<ConnectOptions, 'log' | 'directUrl'>> & { directUrl: string; pooled: boolean }

function settle(options: ConnectOptions): Settings {
  return {
    url: options.url,
    directUrl: options.directUrl ?? options.url,
    maxConnections: options.maxConnections,
    statementTimeoutMs: options.statementTimeoutMs,
    lockTimeoutMs: options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS,
    idleInTransactionTimeoutMs: options.idleInTransactionTimeoutMs ?? DEFAULT_IDLE_IN_TRANSACTION_TIMEOUT_MS,
    acquireTimeoutMs: options.acquireTimeoutMs ?? DEFAULT_ACQUIRE_TIMEOUT_MS,
    answerGraceMs: options.answerGraceMs ?? DEFAULT_ANSWER_GRACE_MS,
    prepare: options.prepare,
    applicationName: options.applicationName ?? 'darkroom',
    pooled: !options.prepare && options.directUrl !== undefined && options.directUrl !== options.url,
  }
}

function clientConfig(settings: Settings, url: string): pg.ClientConfig {
  const timeouts = {
    statement_timeout: settings.statementTimeoutMs,
    lock_timeout: settings.lockTimeoutMs,
    idle_in_transaction_session_timeout: settings.idleInTransactionTimeoutMs,
  }
  return {
    connectionString: url,
    application_name: settings.applicationName,
    connectionTimeoutMillis: settings.acquireTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: columnTypes,
    // A transaction pooler refuses these as startup parameters, so there they are settings of the role.
    ...(settings.pooled ? {} : { ...timeouts, options: NO_COMPILER }),
  }
}

/** Connects, and throws AppError('unavailable') at once when the database cannot be reached. */
export async function connectDatabase(options: ConnectOptions): Promise<Db> {
  const settings = settle(options)
  const { log } = options
  if (settings.pooled) await setRoleTimeouts(settings)
  const pool = new pg.Pool({
    ...clientConfig(settings, settings.url),
    max: settings.maxConnections,
    idleTimeoutMillis: IDLE_CONNECTION_TIMEOUT_MS,
  })
  const lost = new WeakSet<object>()
  // Both listeners are needed: an idle client reports to the pool, one in use only to itself.
  pool.on('error', error => log.warn({ err: error }, 'an idle database connection was lost'))
  pool.on('connect', client => {
    client.on('error', error => {
      lost.add(client)
      log.warn({ err: error }, 'a database connection was lost')
    })
    client.on('end', () => lost.add(client))
  })
  const listener = createListener({
    makeClient: () => new pg.Client({ ...clientConfig(settings, settings.directUrl), pipeline: true }),
    log,
  })
  const db = makeDb({ pool, settings, listener, lost })
  try {
    await db.query({ name: 'db_ping', text: 'SELECT 1' })
  } catch (error) {
    await db.close()
    throw error
  }
  return db
}

type Parts = {
  pool: pg.Pool
  settings: Settings
  listener: Listener
  /** Connections that are known to be dead: what is asked of them was never sent. */
  lost: WeakSet<object>
}

function makeDb({ pool, settings, listener, lost }: Parts): Db {
  async function send(client: pg.PoolClient, order: Order): Promise<pg.QueryResult> {
    const { statement, values, phase, timeoutMs = settings.statementTimeoutMs } = order
    const config: SentQuery = {
      text: statement.text,
      ...(settings.prepare && statement.name !== null ? { name: statement.name } : {}),
      ...(values === undefined ? {} : { values: [...values] }),
      query_timeout: timeoutMs + settings.answerGraceMs,
    }
    const reached: StatementPhase = lost.has(client) ? 'unsent' : phase
    try {
      return await client.query(config)
    } catch (error) {
      // The driver tells the connection's listener of a loss before it fails the statements on it.
      const silent = error instanceof Error && error.message === DRIVER_TIMEOUT_MESSAGE
      throw new SendFailure(error, { phase: reached, lost: silent || lost.has(client) })
    }
  }

  async function acquire(): Promise<pg.PoolClient> {
    try {
      return await pool.connect()
    } catch (error) {
      throw toCallerError(error, { phase: 'unsent', lost: true })
    }
  }

  async function query<Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]> {
    assertNoTransaction(`statement ${statement.name} on another connection`)
    const client = await acquire()
    try {
      const result = await send(client, { statement, values, phase: 'committing' })
      client.release()
      return result.rows as Row[]
    } catch (error) {
      client.release(mustDrop(error))
      throw unwrap(error)
    }
  }

  return {
    query,
    async transaction(run, options) {
      assertNoTransaction('a transaction')
      const client = await acquire()
      if (options === undefined) return await runTransaction(client, { send, run })
      const cancel = (pid: number) => cancelStatement(settings, pid)
      return await runTransaction(client, {
        send: (on, order) => send(on, { timeoutMs: options.statementTimeoutMs, ...order }),
        run: tx => withOptions(tx, options, { run, cancel }),
      })
    },
    listen: (channel, onPayload, listenOptions) => listener.listen(channel, onPayload, listenOptions),
    async close() {
      await listener.close()
      if (!pool.ending) await pool.end()
    },
  }
}

type Order = {
  /** Without a name it is not prepared. */
  statement: { name: string | null; text: string }
  values?: readonly unknown[] | undefined
  phase: StatementPhase
  /** Default: the usual limit. */
  timeoutMs?: number | undefined
}

/** The driver reads `query_timeout` from a query too, which its types leave out. */
type SentQuery = pg.QueryConfig & { query_timeout: number }

/** Keeps the driver's error beside its circumstances until the connection was released. */
class SendFailure extends Error {
  readonly reason: unknown
  readonly circumstances: FailureCircumstances
  constructor(reason: unknown, circumstances: FailureCircumstances) {
    super('a statement failed', { cause: reason })
    this.reason = reason
    this.circumstances = circumstances
  }
}

function mustDrop(error: unknown): boolean {
  return error instanceof SendFailure && endsConnection(error.reason)
}

function unwrap(error: unknown): unknown {
  return error instanceof SendFailure ? toCallerError(error.reason, error.circumstances) : error
}

type TransactionWork<Result> = {
  send(client: pg.PoolClient, order: Order): Promise<pg.QueryResult>
  run(tx: Tx): Promise<Result>
}

async function runTransaction<Result>(client: pg.PoolClient, work: TransactionWork<Result>): Promise<Result> {
  let dropped = false
  let open = true
  // Statements of one transaction go one after the other, even when the caller starts several at once.
  let previous: Promise<unknown> = Promise.resolve()

  async function send(order: Order): Promise<pg.QueryResult> {
    try {
      return await work.send(client, order)
    } catch (error) {
      dropped ||= mustDrop(error)
      throw unwrap(error)
    }
  }

  async function query<Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]> {
    if (!open) throw new Error(`statement ${statement.name} after its transaction ended`)
    const turn = previous.then(() => send({ statement, values, phase: 'open' }))
    previous = turn.catch(() => undefined)
    return (await turn).rows as Row[]
  }

  async function control(text: string, phase: StatementPhase): Promise<string> {
    return (await send({ statement: { name: null, text }, phase })).command
  }

  try {
    await control('BEGIN', 'open')
    const result = await runInScope(() => work.run({ query } as Tx))
    open = false
    await previous
    // The caller may have swallowed the loss of the connection: then there is nothing left to commit.
    if (dropped) throw connectionLost()
    if ((await control('COMMIT', 'committing')) !== 'COMMIT') throw rolledBack()
    return result
  } catch (error) {
    open = false
    await previous
    // A connection on which even ROLLBACK fails is dropped by send(): it is not another caller's to use.
    if (!dropped) await control('ROLLBACK', 'open').catch(() => undefined)
    throw error
  } finally {
    client.release(dropped)
  }
}

function connectionLost(): AppError {
  const cause = new DatabaseError('the connection was lost inside the transaction', { ambiguous: false })
  return new AppError('unavailable', undefined, { cause })
}

function rolledBack(): DatabaseError {
  return new DatabaseError('a statement of the transaction had failed, so all of it was rolled back', {
    ambiguous: false,
    sqlState: '25P02',
  })
}

/** Over a connection of its own: the pool may have none to spare. */
async function cancelStatement(settings: Settings, pid: number): Promise<void> {
  const client = new pg.Client(clientConfig(settings, settings.url))
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('SELECT pg_cancel_backend($1)', [pid])
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Behind a pooler the timeouts are settings of the role, set once over the direct connection. */
async function setRoleTimeouts(settings: Settings): Promise<void> {
  const client = new pg.Client(clientConfig({ ...settings, pooled: false }, settings.directUrl))
  client.on('error', () => undefined)
  const wanted = {
    statement_timeout: settings.statementTimeoutMs,
    lock_timeout: settings.lockTimeoutMs,
    idle_in_transaction_session_timeout: settings.idleInTransactionTimeoutMs,
  }
  try {
    await client.connect()
    // Parallel starts would collide on the role's catalog row.
    await client.query('SELECT pg_advisory_lock(hashtext($1))', ['darkroom role settings'])
    for (const [name, valueMs] of Object.entries(wanted)) {
      await client.query(`ALTER ROLE CURRENT_USER SET ${name} = ${Math.trunc(valueMs)}`)
    }
    await client.query('ALTER ROLE CURRENT_USER SET jit = off')
  } catch (error) {
    throw new AppError('unavailable', 'The timeouts of the database role could not be set.', { cause: error })
  } finally {
    await client.end().catch(() => undefined)
  }
}
