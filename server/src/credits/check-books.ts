// Looks whether the rules of the ledger hold, and raises the alarm: for every rule that does not, and also when a
// look does not come to its end, because then nobody knows.
import type { Db } from '../db/db.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../telemetry.ts'
import { findAllViolations, findRecentViolations, type Violation } from './ledger.ts'

export type CheckNeeds = { db: Db; log: Log; metrics: Metrics }

export type BooksCheck =
  /** Accounts and orders touched within the age. */
  | { scope: 'recent'; ageMs: number }
  /** Everything. The signal ends it when the process stops, which is no alarm. */
  | { scope: 'all'; limitMs: number; signal: AbortSignal }

/** A flood of lines tells no more than the first ones. */
const maxLines = 50

/** Never rejects: what went wrong is the alarm. */
export async function checkBooks({ db, log, metrics }: CheckNeeds, check: BooksCheck): Promise<void> {
  const { scope } = check
  const beganAt = performance.now()
  try {
    const violations = await look(db, check)
    // A series for each scope: the look at recent accounts must not wipe away what only the look at all can see.
    metrics.invariantViolations.set({ scope }, violations.length)
    metrics.invariantCheckFailed.set({ scope }, 0)
    for (const violation of violations.slice(0, maxLines)) {
      log.error({ event: 'invariant.violated', ...violation }, 'INVARIANT VIOLATED: the books do not balance')
    }
  } catch (error) {
    if (check.scope === 'all' && check.signal.aborted) return
    metrics.invariantCheckFailed.set({ scope }, 1)
    log.error(
      { event: 'invariant.check_failed', scope, err: error },
      'INVARIANT CHECK FAILED: whether the books balance is not known',
    )
  }
  metrics.invariantCheckSeconds.set({ scope }, (performance.now() - beganAt) / 1_000)
}

function look(db: Db, check: BooksCheck): Promise<Violation[]> {
  return check.scope === 'recent' ? findRecentViolations(db, check.ageMs) : findAllViolations(db, check)
}
