// What one transaction may ask for beyond the usual: a limit of its own, and an end from outside. Both hold for that
// transaction alone, also behind a pooler that gives the connection to somebody else afterwards.
import { statement, type TransactionOptions, type Tx } from './db.ts'

const setLimit = statement(
  'db_set_limit',
  `SELECT set_config('statement_timeout', coalesce($1::text, current_setting('statement_timeout')), true),
    pg_backend_pid() AS pid`,
)

/** `cancel` ends the statement that runs in that server process, by way of another connection. */
export async function withOptions<Result>(
  tx: Tx,
  options: TransactionOptions,
  work: { run(tx: Tx): Promise<Result>; cancel(pid: number): Promise<void> },
): Promise<Result> {
  const { signal, statementTimeoutMs } = options
  const limit = statementTimeoutMs === undefined ? null : String(Math.trunc(statementTimeoutMs))
  const [row] = await tx.query<{ pid: number }>(setLimit, [limit])
  if (row === undefined) throw new Error('the database did not say which process it is')
  let canceling: Promise<void> = Promise.resolve()
  const onAbort = () => {
    // Where it fails the limit ends the statement.
    canceling = work.cancel(row.pid).catch(() => undefined)
  }
  signal?.throwIfAborted()
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await work.run(tx)
  } finally {
    signal?.removeEventListener('abort', onAbort)
    // Before the transaction ends: a cancel that came later would hit whatever the process does next.
    await canceling
  }
}
