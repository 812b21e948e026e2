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

const readRole = statement(
  'db_read_role',
  // By membership, which is enough to act as the owner. Who may set the last one runs no triggers.
  `SELECT current_user::text AS role, pg_has_role(current_user, c.relowner, 'MEMBER') AS owns,
      has_parameter_privilege(current_user, 'session_replication_role', 'SET') AS may_skip
    FROM pg_class c WHERE c.oid = 'public.entry'::regclass`,
)

/**
 * Why the role of this session could change what the ledger holds after all; null when it cannot. No reason to refuse
 * the database: the triggers refuse changes to an owner, too, until he takes them away.
 */
export async function findRoleFault(db: Queryable): Promise<string | null> {
  const [row] = await db.query<{ role: string; owns: boolean; may_skip: boolean }>(readRole)
  if (row === undefined) throw new Error('the database did not answer its role')
  if (!row.owns && !row.may_skip) return null
  const why = row.owns ? "owns the ledger's tables" : "may turn the ledger's triggers off"
  return `The service runs as ${row.role}, which ${why}: nothing but a trigger keeps it from rewriting the ledger.`
}

/** What to do about it. */
export const roleAdvice =
  'Make a second role and name it in DATABASE_URL, the owner in DATABASE_OWNER_URL: docs/operating.md, "The database".'

/** Throws with every fault at once when the database must not be used. */
export async function checkDatabaseSettings(db: Queryable): Promise<void> {
  const faults = await findSettingFaults(db)
  if (faults.length > 0) throw new Error(`The database is not fit for use: ${faults.join('; ')}.`)
}
