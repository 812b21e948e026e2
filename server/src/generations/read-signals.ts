// Signals that end reads of upstream tasks which take too long, however many calls a read consists of. Reads that end
// within one moment share one: to make one for each, with a timer of its own, cost a twentieth of a poll.
import { setMaxListeners } from 'node:events'

/** A read ends at most so much later than it asked for; each of its calls ends in its own time. */
const momentMs = 100

/** Answers the signal for a read that has so long. */
export function createReadSignals(): (timeoutMs: number) => AbortSignal {
  const signals = new Map<number, AbortSignal>()
  return timeoutMs => {
    const now = performance.now()
    const moment = Math.ceil((now + timeoutMs) / momentMs)
    const known = signals.get(moment)
    if (known) return known
    const signal = AbortSignal.timeout(Math.ceil(moment * momentMs - now))
    // Node would take so many listeners for a leak.
    setMaxListeners(0, signal)
    signals.set(moment, signal)
    signal.addEventListener('abort', () => signals.delete(moment))
    return signal
  }
}
