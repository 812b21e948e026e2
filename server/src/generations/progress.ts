// How far the upstream says that it is with a generation: kept with its poll, so that every process can tell, and
// written with the time of the next one, so that it costs no write of its own.
import type { Db } from '../db/db.ts'
import type { Generation } from './generation.ts'
import { pollSql } from './poll-sql.ts'
import { findRow } from './sql.ts'

export type UpstreamProgress = {
  /** Of the work, 0 to 1; null where the upstream does not say. */
  share: number | null
  /** Orders before it in the upstream's queue; null likewise. */
  queuePosition: number | null
}

/** Null while no upstream works on it, or it has told nothing yet. */
export async function findProgress(
  db: Db,
  { id, state }: Pick<Generation, 'id' | 'state'>,
): Promise<UpstreamProgress | null> {
  if (state !== 'awaiting') return null
  const row = await findRow<{ progress: number | null; queue_position: number | null }>(
    db,
    pollSql.progress,
    [id],
  )
  if (!row || (row.progress === null && row.queue_position === null)) return null
  return { share: row.progress, queuePosition: row.queue_position }
}
