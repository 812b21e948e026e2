// Bounds work on pictures: each one takes memory for all its pixels and a core, so few run at once and few wait.
// Who comes when all places and all chairs are taken is told to come again.
import { AppError } from '../errors.ts'

export type Bound = { run<Result>(work: () => Promise<Result>): Promise<Result> }

/** Throws AppError `overloaded` when too many wait. */
export function createBound({ atOnce, waiting }: { atOnce: number; waiting: number }): Bound {
  let running = 0
  const queue: (() => void)[] = []
  return {
    async run(work) {
      if (running >= atOnce) {
        if (queue.length >= waiting) {
          throw new AppError('overloaded', 'Too many pictures are waiting.', { retryAfterSeconds: 2 })
        }
        // Whoever leaves hands the place on: the count stays.
        await new Promise<void>(resolve => queue.push(resolve))
      } else running += 1
      try {
        return await work()
      } finally {
        const next = queue.shift()
        if (next) next()
        else running -= 1
      }
    },
  }
}
