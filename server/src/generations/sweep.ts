// Deadlines end work even if every wake-up is lost, on every node, also on one that runs no generations: it takes
// no call to an upstream. The rows' own state decides who wins.
import { eachRow } from './each-row.ts'
import { type FinishNeeds, settleReleased } from './finish.ts'
import type { GenerationState } from './generation.ts'
import { type AttemptRow, findRow, type GenerationRow, sql, toGeneration } from './sql.ts'
import { tellUnheard } from './unheard.ts'

type ExpiredRow = { id: string; state: GenerationState; epoch: number; loss: number; at: string }

/**
 * T16 and the deadline part of T7, for every row there is. Work that holds a lease ends itself. `noteStep` hears of each
 * row that was dealt with: of many, the last comes late.
 */
export async function sweepDeadlines(needs: FinishNeeds, noteStep = () => {}): Promise<void> {
  for await (const expired of eachRow<ExpiredRow>(needs.db, sql.expired)) {
    await endExpired(needs, expired).then(noteStep, error => needs.events.workFailed(expired.id, error))
  }
}

async function endExpired(needs: FinishNeeds, expired: ExpiredRow): Promise<void> {
  const row = await findRow<GenerationRow>(needs.db, sql.findAny, [expired.id])
  if (!row) return
  const queued = expired.state === 'queued'
  const generation = toGeneration(row)
  const rows = queued ? [] : await needs.db.query<AttemptRow>(sql.attempts, [expired.id])
  const attempts = rows.filter(({ n }) => n === generation.attempts)
  const ended = await settleReleased(needs, generation, {
    from: [expired.state],
    state: 'failed',
    reason: queued ? 'queue_timeout' : 'deadline_exceeded',
    attemptState: queued ? 'not_run' : 'unknown',
    failure: null,
    message: 'the deadline has passed',
    lossUsdMicro: expired.loss,
    ...(rows.length > 0 ? { provider: rows.at(-1)?.provider ?? '' } : {}),
    epoch: expired.epoch,
  })
  if (ended) tellUnheard(needs, generation, { attempts, kind: 'unknown_outcome' })
}
