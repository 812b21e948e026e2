// The operator's term: what has ended longer ago is deleted as its owner would do it. Pictures and words go; the row, its
// idempotency key and the ledger stay. Open orders are never touched, however old. A shorter term has a day's notice.
import type { Queryable } from '../db/db.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../telemetry.ts'
import { fileSql } from './file-sql.ts'
import { noteRound, type RoundNeeds, takeRound } from './rounds.ts'
import { findRow } from './sql.ts'

export type RetentionNeeds = RoundNeeds & { log: Pick<Log, 'info' | 'warn'> }

/** Younger rows are never touched: a repeat must show its picture, and a webhook's receiver must find it. */
export const retentionMinDays = 3
/** From the first sight of a shorter term to its coming into force: a working day to take back a wrong number. */
export const noticeMs = 24 * 60 * 60 * 1_000
/** Deleted one by one, each a transaction of a millisecond: a customer who deletes at the same time waits for none. */
const rowsPerStep = 200
/** Between steps that found nothing more. */
const idlePauseMs = 60_000
/** A step takes a second; a process that takes longer has died. */
const holdMs = 10 * 60 * 1_000
/** What a shorter term will delete is counted so far: a few seconds, and more says nothing else. */
const countLimit = 1_000_000

/** Where the walk stands: the time of the end of its last row, then its id. Its start is older than any. */
const beginning = '-infinity 00000000-0000-0000-0000-000000000000'

/** `days` is in force, 0 = none; `nextDays` is a shorter one, announced. `generations` it will delete at once. */
type Term = { days: number; nextDays: number | null; seenAt: Date | null; generations: number | null }
type EndedRow = { id: string; account_id: string; at: string; shown: boolean }

/** A shorter term that is not in force yet. */
export type AnnouncedTerm = { days: number; nextDays: number; at: Date; generations: number | null }

export async function findAnnouncedTerm(db: Queryable): Promise<AnnouncedTerm | null> {
  const term = await findRow<Term>(db, fileSql.findTerm, [])
  if (!term || term.nextDays === null || term.seenAt === null) return null
  const at = new Date(term.seenAt.getTime() + noticeMs)
  return { days: term.days, nextDays: term.nextDays, at, generations: term.generations }
}

export async function sampleRetention(needs: {
  db: Queryable
  metrics: Pick<Metrics, 'retentionAnnounced'>
}): Promise<void> {
  const announced = await findAnnouncedTerm(needs.db)
  needs.metrics.retentionAnnounced.set(announced?.generations ?? 0)
}

/**
 * One step, if one is due; its files follow by the sweep of deleted ones. The walk goes on from where it stood, in the
 * order in which work has ended, and never passes what is deleted a second time. `givenDays` is this node's setting.
 */
export async function sweepRetention(needs: RetentionNeeds, givenDays: number): Promise<void> {
  const round = await takeRound(needs, 'retention', holdMs)
  if (!round) return
  const [at = '', id = ''] = (round.position || beginning).split(' ')
  const days = await noteTerm(needs, givenDays < retentionMinDays ? 0 : givenDays, at)
  const rows =
    days === 0 ? [] : await needs.db.query<EndedRow>(fileSql.endedBefore, [at, id, days, rowsPerStep])
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

/** Says what this node was given; answers the days in force. Counts and tells what a shorter term will delete. */
async function noteTerm(needs: RetentionNeeds, givenDays: number, since: string): Promise<number> {
  const term = await findRow<Term>(needs.db, fileSql.noteTerm, [givenDays, noticeMs])
  if (!term) throw new Error('the database holds no term of retention')
  const { days, nextDays, seenAt, generations } = term
  if (nextDays === null || seenAt === null || generations !== null) return days
  const counted = await findRow<{ count: number }>(needs.db, fileSql.countRetiring, [
    ...[since, noticeMs, countLimit],
  ])
  const count = counted?.count ?? 0
  await needs.db.query(fileSql.keepCount, [nextDays, count])
  const at = new Date(seenAt.getTime() + noticeMs)
  needs.log.warn(
    { event: 'retention.announced', days: nextDays, daysBefore: days, count, at: at.toISOString() },
    'RETENTION_DAYS is shorter than before: from that time on generations older than it are deleted',
  )
  return days
}
