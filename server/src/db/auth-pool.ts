// The few connections of the sign-in library, which speaks to PostgreSQL by itself. Its statements are unnamed and
// its tables carry their schema, so these connections may come from a transaction pooler.
import pg from 'pg'
import type { DatabaseLog } from './db.ts'
import { columnTypes } from './pg-types.ts'

/** What the sign-in library needs of a pool. */
export type AuthPool = Pick<pg.Pool, 'connect' | 'end'>

export type AuthPoolOptions = {
  url: string
  /** Sign-in spends its time hashing, not in the database: few are enough. */
  maxConnections?: number
  log: DatabaseLog
}

const DEFAULT_MAX_CONNECTIONS = 3
const ACQUIRE_TIMEOUT_MS = 5_000
/** Every statement of sign-in is a look-up by key or a write of one row. */
const ANSWER_TIMEOUT_MS = 10_000

/** Opens no connection before the first sign-in. */
export function createAuthPool(options: AuthPoolOptions): AuthPool {
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: 'darkroom-auth',
    max: options.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
    connectionTimeoutMillis: ACQUIRE_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    types: columnTypes,
  })
  // Both listeners are needed: an idle client reports to the pool, one in use only to itself.
  pool.on('error', error => options.log.warn({ err: error }, 'an idle sign-in connection was lost'))
  pool.on('connect', client => {
    client.on('error', error => options.log.warn({ err: error }, 'a sign-in connection was lost'))
  })
  return pool
}
