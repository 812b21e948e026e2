// When a delivery is tried again and when an endpoint is given up: two policies as data, and one pure decision.

export const policyNames = ['default', 'standard'] as const
export type PolicyName = (typeof policyNames)[number]

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

export type Policy = {
  /** Of one attempt, from the look-up of the name to the answer. */
  timeoutMs: number
  /** Before each further attempt; after the last one the delivery is exhausted. */
  delaysMs: readonly number[]
  /** Spread of the delays, so that a receiver that comes back is not met by everything at once. */
  jitterShare: number
  /** The endpoint is disabled by so many failed attempts in a row, over all deliveries, or so long a row of them. */
  maxFailures: number | null
  maxFailingMs: number | null
  /** Whether 410 ends the endpoint and `Retry-After` is obeyed. */
  heedsAnswers: boolean
}

export const policies: Record<PolicyName, Policy> = {
  // What gptimage2 documents.
  default: {
    timeoutMs: 5 * second,
    delaysMs: [30 * second, 2 * minute, 10 * minute],
    jitterShare: 0,
    maxFailures: 8,
    maxFailingMs: null,
    heedsAnswers: false,
  },
  // What Standard Webhooks recommends.
  standard: {
    timeoutMs: 15 * second,
    delaysMs: [
      5 * second,
      5 * minute,
      ...[30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour],
    ],
    jitterShare: 0.1,
    maxFailures: null,
    maxFailingMs: 5 * day,
    heedsAnswers: true,
  },
}

/** Of a challenge, whatever the endpoint's: few tries at an address that may be a stranger's, and its end is the last. */
export const challengePolicy: Policy = { ...policies.default, maxFailures: null }

/** A receiver may ask for a pause, not for a delivery after its event has lost all meaning. */
const longestRetryAfterMs = 24 * hour

/** What an attempt came to: a status, or why there is none; `retryAfter` is the header of that name. */
export type AttemptOutcome = { status: number | null; retryAfter: string | null }

export type NextStep = { ok: boolean; delayMs: number | null; gone: boolean }

/** `tries` counts the attempts of this round, the one that has ended included. */
export function decideNext(
  policy: Policy,
  outcome: AttemptOutcome,
  { tries, random }: { tries: number; random: number },
): NextStep {
  const { status, retryAfter } = outcome
  if (status !== null && status >= 200 && status < 300) return { ok: true, delayMs: null, gone: false }
  if (policy.heedsAnswers && status === 410) return { ok: false, delayMs: null, gone: true }
  const scheduledMs = policy.delaysMs[tries - 1]
  if (scheduledMs === undefined) return { ok: false, delayMs: null, gone: false }
  const spreadMs = Math.round(scheduledMs * (1 + policy.jitterShare * (2 * random - 1)))
  const askedMs = policy.heedsAnswers ? readRetryAfterMs(status, retryAfter) : 0
  return { ok: false, delayMs: Math.max(spreadMs, askedMs), gone: false }
}

/** Seconds only: a date would have to be read against the receiver's clock. */
function readRetryAfterMs(status: number | null, header: string | null): number {
  if ((status !== 429 && status !== 503) || !/^\d{1,9}$/.test(header ?? '')) return 0
  return Math.min(Number(header) * second, longestRetryAfterMs)
}
