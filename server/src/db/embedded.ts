// The database nobody has to install: PostgreSQL from npm packages in the data folder, shared by every Darkroom
// process of that folder. Whoever comes first starts it, whoever leaves last stops it, and a killed server is
// started again on the same port.
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { DatabaseLog } from './db.ts'
import {
  ADMIN_ROLE,
  APP_ROLE,
  type Credentials,
  DATABASE_NAME,
  ensureCluster,
  findFreePort,
  findHome,
  type Home,
  OWNER_ROLE,
  readCredentials,
  readPort,
  writePort,
} from './embedded-cluster.ts'
import {
  disownLockFiles,
  readPostmaster,
  StartFailure,
  servesCluster,
  startPostmaster,
  stopPostmaster,
} from './embedded-postmaster.ts'
import { findPrograms, type Programs } from './embedded-programs.ts'

export type EmbeddedOptions = {
  /** Darkroom's data folder; the cluster is made in `postgres/` below it. */
  dataDir: string
  log: DatabaseLog
  /** How long to wait for a server that recovers from a crash. Default 120 s. */
  startTimeoutMs?: number
  /** Server settings beyond ours, such as max_connections; only the process that starts the server decides. */
  settings?: Readonly<Record<string, string>>
}

export type EmbeddedPostgres = {
  /** Owns the tables; for migrations only. */
  ownerUrl: string
  /** The runtime role. */
  appUrl: string
  /** Superuser on the database `postgres`; for tests and repairs, never at run time. */
  adminUrl: string
  /** On 127.0.0.1; the same after a restart. The URLs name the server's socket where there is one. */
  readonly port: number
  /** Process number of the server; another one after a restart. */
  readonly pid: number
  /** True when the server ran already. */
  attached: boolean
  /** Leaves the server, and stops it when no other Darkroom process uses it. Close your connections first. */
  stop(): Promise<void>
}

const DEFAULT_START_TIMEOUT_MS = 120_000
/** A fast shutdown writes a last checkpoint; beyond this the server is left to finish by itself. */
const STOP_TIMEOUT_MS = 30_000
const LOOK_EVERY_MS = 20
/** Pause between restarts of a server that keeps dying: the first at once, then ever longer. */
const LONGEST_RESTART_PAUSE_MS = 5_000
/**
 * Who still uses the server is told by PostgreSQL itself: each process holds this advisory lock shared on one
 * connection, and only who gets it exclusively may stop the server. A killed process loses it with its connection.
 */
const USE_LOCK = '7233184988217307757'

type Context = {
  home: Home
  programs: Programs
  credentials: Credentials
  log: DatabaseLog
  startTimeoutMs: number
  settings: Readonly<Record<string, string>>
  /** Set by stop(): nobody waits for a server any more. */
  abandoned: boolean
}
type Server = { pid: number; port: number; socketFolder: string }
type Session = { guard: pg.Client; server: Server; attached: boolean }

/** Attaches to the running server of this data folder, or makes and starts it. */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { log } = options
  const home = await findHome(options.dataDir, log)
  const programs = await findPrograms(home.runAs, { copyFolder: options.dataDir, log })
  await ensureCluster(home, programs)
  const credentials = await readCredentials(home)
  const context: Context = {
    home,
    programs,
    credentials,
    log,
    startTimeoutMs: options.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS,
    settings: options.settings ?? {},
    abandoned: false,
  }
  const session = await openSession(context, null)
  log.info({ ...session.server, attached: session.attached }, 'embedded PostgreSQL is ready')
  return supervise(context, session)
}

function makeUrls({ port, socketFolder }: Server, { admin, owner, app }: Credentials) {
  const host = socketFolder === '' ? '127.0.0.1' : encodeURIComponent(socketFolder)
  const url = (role: string, password: string, database: string) =>
    `postgresql://${role}:${password}@${host}:${port}/${database}`
  return {
    ownerUrl: url(OWNER_ROLE, owner, DATABASE_NAME),
    appUrl: url(APP_ROLE, app, DATABASE_NAME),
    adminUrl: url(ADMIN_ROLE, admin, 'postgres'),
  }
}

/** Gets a connection that holds the use lock, starting the server if need be. `port` must be kept if given. */
async function openSession(context: Context, port: number | null): Promise<Session> {
  const start = performance.now()
  let lastError: unknown = null
  while (performance.now() - start < context.startTimeoutMs && !context.abandoned) {
    try {
      const running = await findRunning(context)
      if (running === 'busy') {
        await delay(LOOK_EVERY_MS)
        continue
      }
      const attached = running !== null
      const server = running ?? (await startServer(context, port))
      const guard = await openGuard(makeUrls(server, context.credentials).adminUrl)
      return { guard, server, attached }
    } catch (error) {
      if (!isPassing(error)) throw error
      lastError = error
      await delay(LOOK_EVERY_MS)
    }
  }
  throw new Error(
    `the embedded PostgreSQL in ${context.home.folder} did not become ready within ` +
      `${context.startTimeoutMs / 1000} s: see server.log there`,
    { cause: lastError },
  )
}

/** The live server of this cluster; 'busy' while it starts or stops; null when none runs. */
async function findRunning({ home }: Context): Promise<Server | 'busy' | null> {
  const found = await readPostmaster(home)
  if (found !== null && (await servesCluster(home, found.pid)))
    return found.status === 'ready' ? found : 'busy'
  // PostgreSQL replaces the files of a dead process itself, but not when its number seems to be in use.
  await disownLockFiles(home)
  return null
}

async function startServer(context: Context, keptPort: number | null): Promise<Server> {
  const { home, programs, settings } = context
  const port = keptPort ?? (await readPort(home)) ?? (await findFreePort())
  try {
    const server = await startPostmaster(home, { programs, port, settings })
    await writePort(home, server.port)
    return server
  } catch (error) {
    if (!(error instanceof StartFailure) || error.reason !== 'port_taken' || keptPort !== null) throw error
    context.log.warn({ port }, 'the port of the embedded PostgreSQL is taken, so another one is used')
    const server = await startPostmaster(home, { programs, port: await findFreePort(), settings })
    await writePort(home, server.port)
    return server
  }
}

/** Connection trouble while a server starts, stops or loses a race to another process: worth another look. */
function isPassing(error: unknown): boolean {
  if (error instanceof StartFailure) return error.reason !== 'other'
  if (error instanceof ConnectionEnded) return true
  const code = codeOf(error)
  if (code === null) return false
  return (
    code.startsWith('57P') ||
    code === '53300' ||
    ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT'].includes(code)
  )
}

function codeOf(error: unknown): string | null {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : null
  return typeof code === 'string' ? code : null
}

/**
 * The connection ended and only the driver says so, in words that depend on the moment: a server that another
 * process stops may let us in and end the session before the first statement was sent.
 */
class ConnectionEnded extends Error {
  override name = 'ConnectionEnded'
}

async function openGuard(adminUrl: string): Promise<pg.Client> {
  const guard = new pg.Client({
    connectionString: adminUrl,
    application_name: 'darkroom guard',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  })
  guard.on('error', () => undefined)
  try {
    await guard.connect()
    // Waits while another process holds it exclusively to stop the server, and fails when that happens.
    await guard.query('SELECT pg_advisory_lock_shared($1)', [USE_LOCK])
  } catch (error) {
    guard.end().catch(() => undefined)
    // What the server or the system refuses has a code.
    if (codeOf(error) !== null) throw error
    throw new ConnectionEnded('the embedded PostgreSQL ended the connection', { cause: error })
  }
  return guard
}

function supervise(context: Context, first: Session): EmbeddedPostgres {
  const { log } = context
  const { port } = first.server
  let session = first
  let stopping = false
  let restart: Promise<void> | null = null

  function watch(): void {
    // The process may end while only the guard is open.
    Reflect.get(session.guard, 'unref')?.call(session.guard)
    session.guard.once('end', () => {
      if (stopping) return
      log.error({ pid: session.server.pid }, 'the embedded PostgreSQL was lost')
      restart = recover()
    })
  }

  async function recover(): Promise<void> {
    for (
      let pauseMs = 0;
      !stopping;
      pauseMs = Math.min(Math.max(pauseMs * 2, 100), LONGEST_RESTART_PAUSE_MS)
    ) {
      await delay(pauseMs)
      if (stopping) return
      try {
        session = await openSession(context, port)
        log.info({ pid: session.server.pid, port }, 'the embedded PostgreSQL is back')
        watch()
        return
      } catch (error) {
        log.error({ err: error }, 'starting the embedded PostgreSQL again failed')
      }
    }
  }

  watch()
  return {
    ...makeUrls(first.server, context.credentials),
    port,
    get pid() {
      return session.server.pid
    },
    attached: first.attached,
    async stop() {
      if (stopping) return
      stopping = true
      context.abandoned = true
      await restart
      await leave(context, session)
    },
  }
}

async function leave(context: Context, { guard, server: { pid } }: Session): Promise<void> {
  const { home, programs, log } = context
  // From here on the process must wait for the answers, also when nothing else is open.
  Reflect.get(guard, 'ref')?.call(guard)
  try {
    await guard.query('SELECT pg_advisory_unlock_shared($1)', [USE_LOCK])
    const answer = await guard.query<{ last: boolean }>('SELECT pg_try_advisory_lock($1) AS last', [USE_LOCK])
    if (answer.rows[0]?.last !== true) {
      log.info({ pid }, 'another process still uses the embedded PostgreSQL, so it keeps running')
      return
    }
    const stopped = await stopPostmaster(home, pid, { programs, timeoutMs: STOP_TIMEOUT_MS })
    if (stopped) log.info({ pid }, 'the embedded PostgreSQL was stopped')
    else log.warn({ pid }, 'the embedded PostgreSQL is still stopping')
  } catch (error) {
    log.warn({ err: error }, 'the embedded PostgreSQL was gone before it was stopped')
  } finally {
    await guard.end().catch(() => undefined)
  }
}
