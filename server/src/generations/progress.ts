// How far the upstream says that it is with a generation: kept with its poll, so that every process can tell, and
// written with the time of the next one, so that it costs no write of its own.
import type { Db } from '../db/db.ts'
import { gatherOn } from '../db/gather.ts'
import type { Generation } from './generation.ts'
import { pollSql } from './poll-sql.ts'

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
  return state === 'awaiting' ? findKept(db, id) : null
}

type ProgressRow = { id: string; progress: number | null; queue_position: number | null }

/** Watchers look together, and so they ask together. */
const findKept = gatherOn<string, UpstreamProgress | null>(async (db, ids) => {
  const rows = await db.query<ProgressRow>(pollSql.progress, [ids])
  const found = new Map(rows.map(row => [row.id, row]))
  return ids.map(id => {
    const { progress = null, queue_position: queuePosition = null } = found.get(id) ?? {}
    return progress === null && queuePosition === null ? null : { share: progress, queuePosition }
  })
})
