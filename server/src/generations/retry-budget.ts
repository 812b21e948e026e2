// Bounds how much our own retries may add to an overloaded upstream's load: a tenth of the calls, plus a few.

export type RetryBudget = {
  /** A first call was made: earns a tenth of a retry. */
  earn(): void
  /** Spends one retry; false when the budget is used up. */
  take(): boolean
}

/** Retries allowed at once after a quiet time. */
const maxTokens = 10
const earnedPerCall = 0.1

export function createRetryBudget(): RetryBudget {
  let tokens = maxTokens
  return {
    earn() {
      tokens = Math.min(maxTokens, tokens + earnedPerCall)
    },
    take() {
      if (tokens < 1) return false
      tokens -= 1
      return true
    },
  }
}
