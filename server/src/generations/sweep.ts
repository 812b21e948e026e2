// What must happen even if every wake-up is lost: deadlines end work, due polls and dead workers' rows are picked
// up, waiters are told. Every node sweeps; the rows' own state decides who wins.
import type { Db } from '../db/db.ts'
import { eachRow } from './each-row.ts'
import { type FinishNeeds, settleReleased } from './finish.ts'
import type { GenerationState } from './generation.ts'
import type { Runner } from './runner.ts'
import { findRow, type GenerationRow, sql, toGeneration } from './sql.ts'

export type SweepNeeds = FinishNeeds & { db: Db; runner: Runner }

type ExpiredRow = { id: string; state: GenerationState; epoch: number; loss: number; at: string }

/** T16 and the deadline part of T7, for every row there is. Work that holds a lease ends itself. */
export async function sweepDeadlines(needs: FinishNeeds): Promise<void> {
  for await (const expired of eachRow<ExpiredRow>(needs.db, sql.expired)) {
    await endExpired(needs, expired).catch(error => needs.events.workFailed(expired.id, error))
  }
}

async function endExpired(needs: FinishNeeds, expired: ExpiredRow): Promise<void> {
  const row = await findRow<GenerationRow>(needs.db, sql.findAny, [expired.id])
  if (!row) return
  const queued = expired.state === 'queued'
  await settleReleased(needs, toGeneration(row), {
    from: [expired.state],
    state: 'failed',
    reason: queued ? 'queue_timeout' : 'deadline_exceeded',
    attemptState: queued ? 'not_run' : 'unknown',
    failure: null,
    message: 'the deadline has passed',
    lossUsdMicro: expired.loss,
    epoch: expired.epoch,
  })
}

/** Each step runs whatever became of the one before: one row that cannot be settled must not stop all others. */
export async function sweepOnce(needs: SweepNeeds): Promise<void> {
  const { runner, settled, db, events } = needs
  await sweepDeadlines(needs).catch(error => events.workFailed('deadlines', error))
  await runner.sweep().catch(error => events.workFailed('sweep', error))
  await runner.fill().catch(error => events.workFailed('claim', error))
  await settled.poll(db, runner.runs)
}
