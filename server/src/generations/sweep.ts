// What must happen even if every wake-up is lost: deadlines end work, due polls and dead workers' rows are picked
// up, waiters are told. Every node sweeps; the rows' own state decides who wins.
import type { Db } from '../db/db.ts'
import { type FinishNeeds, settleReleased } from './finish.ts'
import type { Generation, GenerationState } from './generation.ts'
import type { Runner } from './runner.ts'
import { findRow, type GenerationRow, sql, toGeneration } from './sql.ts'

export type SweepNeeds = FinishNeeds & { db: Db; runner: Runner }

type ExpiredRow = { id: string; state: GenerationState; epoch: number; loss: number }

/** T16 and the deadline part of T7. Work that holds a lease ends itself at its deadline. */
export async function sweepDeadlines(needs: SweepNeeds): Promise<void> {
  for (const expired of await needs.db.query<ExpiredRow>(sql.expired, [])) {
    const row = await findRow<GenerationRow>(needs.db, sql.findAny, [expired.id])
    const generation: Generation | null = row ? toGeneration(row) : null
    if (!generation) continue
    const queued = expired.state === 'queued'
    await settleReleased(needs, generation, {
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
}

export async function sweepOnce(needs: SweepNeeds): Promise<void> {
  await sweepDeadlines(needs)
  await needs.runner.sweep()
  await needs.runner.fill()
  await needs.settled.poll(needs.db, needs.runner.runs)
}
