// Refuses a database on which an acknowledged commit could be lost, or which cannot serve us at all.
// The checks read what the session really has, so a setting of the role or of the database counts too.
import { type Queryable, statement } from './db.ts'

/** Oldest PostgreSQL the SQL in migrations/ runs on. */
const OLDEST_VERSION_NUMBER = 150_000

const readSettings = statement(
  'db_read_settings',
  `SELECT current_setting('fsync') AS fsync,
          current_setting('full_page_writes') AS full_page_writes,
          current_setting('synchronous_commit') AS synchronous_commit,
          current_setting('server_encoding') AS server_encoding,
          current_setting('server_version') AS server_version,
          current_setting('server_version_num')::int AS version_number,
          current_setting('transaction_read_only') AS read_only,
          pg_is_in_recovery() AS in_recovery`,
)

type SettingsRow = {
  fsync: string
  full_page_writes: string
  synchronous_commit: string
  server_encoding: string
  server_version: string
  version_number: number
  read_only: string
  in_recovery: boolean
}

/** The reasons, in plain words with their mend, why this database must not be used; empty when it is fit. */
export async function findSettingFaults(db: Queryable): Promise<string[]> {
  const [row] = await db.query<SettingsRow>(readSettings)
  if (row === undefined) throw new Error('the database did not answer its settings')
  const faults: string[] = []
  if (row.version_number < OLDEST_VERSION_NUMBER) {
    faults.push(`PostgreSQL ${row.server_version} is too old: use version 15 or newer`)
  }
  if (row.fsync !== 'on') faults.push('fsync is off, so a power cut loses paid work: set fsync = on')
  if (row.full_page_writes !== 'on') {
    faults.push('full_page_writes is off, so a power cut can tear pages: set full_page_writes = on')
  }
  if (row.synchronous_commit === 'off' || row.synchronous_commit === 'local') {
    faults.push(
      `synchronous_commit is ${row.synchronous_commit}, so an acknowledged commit can be lost: ` +
        'set synchronous_commit = on for the server, the database and the role',
    )
  }
  if (row.server_encoding !== 'UTF8') {
    faults.push(`the database's encoding is ${row.server_encoding}: create it with ENCODING 'UTF8'`)
  }
  if (row.in_recovery || row.read_only === 'on') {
    faults.push('the database is read-only (a replica?): DATABASE_URL must name the primary')
  }
  return faults
}

/** Throws with every fault at once when the database must not be used. */
export async function checkDatabaseSettings(db: Queryable): Promise<void> {
  const faults = await findSettingFaults(db)
  if (faults.length > 0) throw new Error(`The database is not fit for use: ${faults.join('; ')}.`)
}
