// Signals that end reads of upstream tasks which take too long, however many calls a read consists of. Those that begin
// within a moment share one: to make one for each, with a timer of its own, cost a tenth of a poll.
import { setMaxListeners } from 'node:events'

/** Reads that begin within so long end together, so much earlier than the last of them would alone. */
const sharedMs = 100

/** `signalFor` takes the time that a read has, and gives one that has less than others a signal of its own. */
export function createReadSignals(mostMs: number): (timeoutMs: number) => AbortSignal {
  let shared: AbortSignal | null = null
  let sinceMs = 0
  return timeoutMs => {
    if (timeoutMs < mostMs) return AbortSignal.timeout(timeoutMs)
    const now = performance.now()
    if (!shared || now - sinceMs > sharedMs) {
      shared = AbortSignal.timeout(mostMs)
      // Node would take so many listeners for a leak.
      setMaxListeners(0, shared)
      sinceMs = now
    }
    return shared
  }
}
