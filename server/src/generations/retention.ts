// The operator's term: what has ended longer ago is deleted as its owner would do it. Pictures and words go; the row, its
// idempotency key and the ledger stay. Open orders are never touched, however old.
import type { Log } from '../log.ts'
import { fileSql } from './file-sql.ts'
import { noteRound, type RoundNeeds, takeRound } from './rounds.ts'

export type RetentionNeeds = RoundNeeds & { log: Pick<Log, 'info'> }

/** Younger rows are never touched: a repeat must show its picture, and a webhook's receiver must find it. */
export const retentionMinDays = 3
/** Deleted one by one, each a transaction of a millisecond: a customer who deletes at the same time waits for none. */
const rowsPerStep = 200
/** Between steps that found nothing more. */
const idlePauseMs = 60_000
/** A step takes a second; a process that takes longer has died. */
const holdMs = 10 * 60 * 1_000

/** Where the walk stands: the time of the end of its last row, then its id. Its start is older than any. */
const beginning = '-infinity 00000000-0000-0000-0000-000000000000'

type EndedRow = { id: string; account_id: string; at: string; shown: boolean }

/**
 * One step, if one is due; its files follow by the sweep of deleted ones. The walk goes on from where it stood, in the
 * order in which work has ended, and never passes what is deleted a second time.
 */
export async function sweepRetention(needs: RetentionNeeds, days: number): Promise<void> {
  if (days < retentionMinDays) return
  const round = await takeRound(needs, 'retention', holdMs)
  if (!round) return
  const [at = '', id = ''] = (round.position || beginning).split(' ')
  const rows = await needs.db.query<EndedRow>(fileSql.endedBefore, [at, id, days, rowsPerStep])
  const shown = rows.filter(row => row.shown)
  for (const row of shown) await needs.db.query(fileSql.delete, [row.id, row.account_id])
  const last = rows.at(-1)
  await noteRound(
    needs,
    { name: 'retention', position: last ? `${last.at} ${last.id}` : round.position },
    { pauseMs: rows.length === rowsPerStep ? 0 : idlePauseMs, checked: rows.length, faults: 0 },
  )
  if (shown.length === 0) return
  const event = { event: 'retention.deleted', count: shown.length, days }
  needs.log.info(event, 'generations older than RETENTION_DAYS were deleted')
}
