// Repeats one guarded statement while the database is away. Safe only because state and epoch guard each of them:
// a statement that was committed before its acknowledgement got lost changes nothing the second time.
import { DatabaseError } from '../db/database-error.ts'
import { AppError } from '../errors.ts'

/** Less than a lease: when the database stays away longer, the reconciler takes over from what is stored. */
const patienceMs = 20_000
const firstPauseMs = 100
const maxPauseMs = 2_000

export async function persist<Result>(run: () => Promise<Result>): Promise<Result> {
  const until = performance.now() + patienceMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, maxPauseMs)) {
    try {
      return await run()
    } catch (error) {
      if (!isDatabaseAway(error) || performance.now() + pauseMs > until) throw error
      await new Promise(resolve => setTimeout(resolve, pauseMs))
    }
  }
}

function isDatabaseAway(error: unknown): boolean {
  if (error instanceof DatabaseError) return error.ambiguous
  return error instanceof AppError && error.code === 'unavailable'
}
