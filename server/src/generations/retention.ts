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
/** A worker that said its number so recently still runs. It says so every minute. */
const latelyMs = 3 * 60 * 1_000
/** Deleted one by one, each a transaction of a millisecond: a customer who deletes at the same time waits for none. */
const rowsPerStep = 200
/** Between steps that found nothing more. */
const idlePauseMs = 60_000
/** A step takes a second; a process that takes longer has died. */
const holdMs = 10 * 60 * 1_000
/** So many rows are looked at to count what a shorter term will delete: a second, and more says nothing else. */
const countLimit = 50_000

/** Where the walk stands: the time of the end of its last row, then its id. Its start is older than any. */
const beginning = '-infinity 00000000-0000-0000-0000-000000000000'

/** `days` is in force, 0 = none; `nextDays` is a shorter one, announced. It deletes `generations` at once, or more. */
type Term = {
  days: number
  nextDays: number | null
  seenAt: Date | null
  generations: number | null
  isMore: boolean
  isToCount: boolean
}
type EndedRow = { id: string; account_id: string; at: string; shown: boolean }

/** A shorter term that is not in force yet. `generations` is null until they are counted. */
export type AnnouncedTerm = Pick<Term, 'days' | 'generations' | 'isMore'> & { nextDays: number; at: Date }
/** A worker and the number it was given, where not all have the same. */
export type DifferingTerm = { process: string; days: number }

function toAnnounced(term: Term): AnnouncedTerm | null {
  const { days, nextDays, seenAt, generations, isMore } = term
  if (nextDays === null || seenAt === null) return null
  return { days, nextDays, at: new Date(seenAt.getTime() + noticeMs), generations, isMore }
}

async function getTerm(db: Queryable): Promise<Term> {
  const term = await findRow<Term>(db, fileSql.findTerm, [])
  if (!term) throw new Error('the database holds no term of retention')
  return term
}

export async function findAnnouncedTerm(db: Queryable): Promise<AnnouncedTerm | null> {
  return toAnnounced(await getTerm(db))
}

/** None where all workers have the same number. */
export function listDifferingTerms(db: Queryable): Promise<DifferingTerm[]> {
  return db.query<DifferingTerm>(fileSql.differing, [latelyMs])
}

export async function sampleRetention(needs: {
  db: Queryable
  metrics: Pick<Metrics, 'retentionAnnounced'>
}): Promise<void> {
  const announced = await findAnnouncedTerm(needs.db)
  // What nobody could count must not look like nothing.
  needs.metrics.retentionAnnounced.set(
    announced ? Math.max(announced.generations ?? 1, announced.isMore ? 1 : 0) : 0,
  )
}

/**
 * Says what this node was given, and tells what that changes or where another differs; answers the term. Every node says
 * so every minute, whoever takes the steps: the longest term of all counts.
 */
export async function noteRetention(needs: RetentionNeeds, givenDays: number): Promise<Term> {
  const days = givenDays < retentionMinDays ? 0 : givenDays
  const values = [needs.processName, days, noticeMs, latelyMs]
  const noted = await findRow<{ announced: boolean }>(needs.db, fileSql.noteTerm, values)
  const term = await getTerm(needs.db)
  const announced = toAnnounced(term)
  if (noted?.announced === true && announced) tellAnnounced(needs, announced)
  await tellDiffering(needs, days)
  return term
}

function tellAnnounced({ log }: Pick<RetentionNeeds, 'log'>, announced: AnnouncedTerm): void {
  const { days, nextDays, at } = announced
  const change = days === 0 ? 'RETENTION_DAYS is set' : 'RETENTION_DAYS is shorter than before'
  log.warn(
    { event: 'retention.announced', days: nextDays, daysBefore: days, at: at.toISOString() },
    `${change}: from that time on generations older than it are deleted`,
  )
}

/** Once until it changes. */
async function tellDiffering(needs: RetentionNeeds, days: number): Promise<void> {
  const others = (await listDifferingTerms(needs.db)).filter(other => other.days !== days)
  const numbers = [...new Set(others.map(other => other.days))].sort((a, b) => a - b)
  const told = numbers.length === 0 ? null : `${days}: ${numbers.join(' ')}`
  const isNews = await findRow(needs.db, fileSql.tellDiffering, [needs.processName, told])
  if (isNews === null || told === null) return
  needs.log.warn(
    { event: 'retention.disagreed', days, otherDays: numbers, process: others[0]?.process },
    'workers have different RETENTION_DAYS, and nothing is deleted that one of them keeps: set the same number on all',
  )
}

/**
 * One step, if one is due; its files follow by the sweep of deleted ones. The walk goes on from where it stood, in the
 * order in which work has ended, and never passes what is deleted a second time. `givenDays` is this node's setting.
 */
export async function sweepRetention(
  needs: RetentionNeeds,
  givenDays: number,
  limit = countLimit,
): Promise<void> {
  const round = await takeRound(needs, 'retention', holdMs)
  if (!round) return
  const [at = '', id = ''] = (round.position || beginning).split(' ')
  const term = await noteRetention(needs, givenDays)
  const { days } = term
  if (term.isToCount && term.nextDays !== null)
    await countRetiring(needs, term.nextDays, { since: at, limit })
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

/** What the announced term will delete at once. The step goes on without it: it is told, and tried again in an hour. */
async function countRetiring(
  needs: RetentionNeeds,
  days: number,
  { since, limit }: { since: string; limit: number },
): Promise<void> {
  const values = [since, noticeMs, limit]
  try {
    const [row] = await needs.db.query<{ count: number; walked: number }>(fileSql.countRetiring, values)
    const { count = 0, walked = 0 } = row ?? {}
    const isMore = walked === limit
    await needs.db.query(fileSql.keepCount, [days, count, isMore])
    const event = { event: 'retention.counted', days, count, isMore }
    needs.log.warn(event, 'so many generations, or more, the announced RETENTION_DAYS will delete at once')
  } catch (error) {
    needs.log.warn(
      { event: 'retention.count_failed', days, err: error },
      'what the announced RETENTION_DAYS will delete could not be counted; it takes effect all the same',
    )
    await needs.db.query(fileSql.keepCount, [days, null, false])
  }
}
