// Memory for bodies that are still arriving. Without a bound, callers who send slowly and never end could make the
// process hold any amount of it.
import { AppError } from '../errors.ts'

/** Of all callers together; enough for a dozen orders with large pictures arriving in the same second. */
const maxBytes = 256 * 1024 * 1024
/** Of one account, so that no one can keep all others out. */
const maxBytesOfOne = 96 * 1024 * 1024

const held = new Map<string, number>()
let total = 0

export type BodyShare = {
  /** Throws AppError `overloaded` when there is no room for so many bytes more. */
  take(bytes: number): void
  /** Gives everything back. */
  release(): void
}

/** The share of one request; `owner` is its account, or any other name under which callers are counted. */
export function openBodyShare(owner: string): BodyShare {
  let own = 0
  return {
    take(bytes) {
      const ofOwner = held.get(owner) ?? 0
      if (total + bytes > maxBytes || ofOwner + bytes > maxBytesOfOne) {
        const message = 'Too many large requests are arriving at once; send them one after the other.'
        throw new AppError('overloaded', message, { retryAfterSeconds: 1 })
      }
      own += bytes
      total += bytes
      held.set(owner, ofOwner + bytes)
    },
    release() {
      total -= own
      const rest = (held.get(owner) ?? 0) - own
      if (rest > 0) held.set(owner, rest)
      else held.delete(owner)
      own = 0
    },
  }
}
