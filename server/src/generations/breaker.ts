// A breaker for each upstream model, of this process alone: after a row of calls that failed through no fault of a
// customer nothing is sent there but one probe a period, until one succeeds. Open means "nothing ran": it moves no
// money, and a call that it stops may be tried again or elsewhere.
import type { FailureKind, ProviderOutcome } from '../providers/provider.ts'

export type UpstreamModel = { provider: string; upstreamModel: string }

export type Breaker = {
  /** Lets one call begin, to be told its outcomes; null while the breaker is open. */
  enter(target: UpstreamModel): ((outcomes: readonly ProviderOutcome[]) => void) | null
  /** Whole milliseconds until a call may begin; 0 = it may now. */
  waitMs(target: UpstreamModel): number
}

export type BreakerEvents = {
  breakerOpened(target: UpstreamModel): void
  breakerClosed(target: UpstreamModel): void
}

/** So many in a row are no chance: at an upstream that loses one call in ten it happens once in 10^10 calls. */
export const failuresToOpen = 10
/** Between two probes: callers are told to come back within it, and each probe may be billed for nothing. */
export const probeEveryMs = 5_000

/** A call is judged only in the turn it began in: late ends of an outage say nothing of what came after it. */
type Circuit = { isOpen: boolean; failures: number; probeAtMs: number; turn: number }

export function createBreaker(
  events: BreakerEvents,
  { limit = failuresToOpen, nowMs = () => performance.now() } = {},
): Breaker {
  const circuits = new Map<string, Circuit>()
  function circuitOf({ provider, upstreamModel }: UpstreamModel): Circuit {
    const name = `${provider}/${upstreamModel}`
    const circuit = circuits.get(name) ?? { isOpen: false, failures: 0, probeAtMs: 0, turn: 0 }
    circuits.set(name, circuit)
    return circuit
  }
  function turnTo(target: UpstreamModel, isOpen: boolean): void {
    const circuit = circuitOf(target)
    Object.assign(circuit, { isOpen, failures: 0, probeAtMs: nowMs() + probeEveryMs, turn: circuit.turn + 1 })
    if (isOpen) events.breakerOpened(target)
    else events.breakerClosed(target)
  }
  function note(target: UpstreamModel, outcomes: readonly ProviderOutcome[]): void {
    const circuit = circuitOf(target)
    if (outcomes.some(outcome => outcome.kind !== 'failed')) {
      if (circuit.isOpen) turnTo(target, false)
      circuit.failures = 0
    } else if (!circuit.isOpen && outcomes.every(isUpstreamsFault)) {
      circuit.failures += 1
      if (circuit.failures >= limit) turnTo(target, true)
    }
  }
  const waitMs = (target: UpstreamModel) => {
    const { isOpen, probeAtMs } = circuitOf(target)
    return isOpen ? Math.max(0, Math.ceil(probeAtMs - nowMs())) : 0
  }
  return {
    waitMs,
    enter(target) {
      const circuit = circuitOf(target)
      if (waitMs(target) > 0) return null
      if (circuit.isOpen) circuit.probeAtMs = nowMs() + probeEveryMs
      const { turn } = circuit
      return outcomes => {
        if (circuit.turn === turn) note(target, outcomes)
      }
    },
  }
}

/** What the customer asked wrongly, and a rate that is ours to keep, say nothing of the upstream's health. */
const upstreamsFault: Record<FailureKind, boolean> = {
  invalid_request: false,
  content_rejected: false,
  rate_limited: false,
  quota_exhausted: true,
  unavailable: true,
  unknown_outcome: true,
  misconfigured: true,
  malformed_response: true,
  model_retired: true,
  upstream_failed: true,
}

function isUpstreamsFault(outcome: ProviderOutcome): boolean {
  return outcome.kind === 'failed' && upstreamsFault[outcome.failure]
}
