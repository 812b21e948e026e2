// An order with its wait: what a synchronous endpoint of any dialect needs. The waiter may leave at any time.
import { fp } from '../failpoints.ts'
import {
  type Accepted,
  type CreateNeeds,
  createGeneration,
  type GenerationInput,
  namingGeneration,
} from './create.ts'
import { type Generation, isTerminal } from './generation.ts'
import { noteCallerLeft } from './join.ts'
import { timeLeftMs } from './time-left.ts'
import { waitForOutcome } from './wait.ts'

export type OrderResult =
  /** Ended: a success or not. `available` = credits now. */
  | { kind: 'ended'; generation: Generation; available: number; replayed: boolean; joined: boolean }
  /** Still open when the preferred wait was over. */
  | { kind: 'open'; generation: Generation; replayed: boolean; joined: boolean }
  /** Still open after the longest wait, or well past its deadline: database trouble. The machine settles the money. */
  | { kind: 'overdue'; generation: Generation }
  | { kind: 'gone' }

/** One sweep past the deadline, the machine must have ended the generation. */
const graceMs = 5_000

export type OrderWait = {
  /** Milliseconds the caller wants to wait; null = until the generation has ended. */
  waitMs: number | null
  /** The longest that the caller is left waiting, whatever it prefers and on whichever terms the order was taken. */
  longestMs: number
  /** Aborted when the caller goes. */
  signal: AbortSignal
  /** Hears which order it is, taken now or before: what follows may fail, or its caller leave. */
  onNamed: (generationId: string) => void
  /** Called once the order is taken, or found to be one taken before, and waited for. */
  onTaken?: (order: Pick<Accepted, 'generation' | 'replayed' | 'joined'>) => Promise<void>
}

/** `input.inputs` is let go once the order is taken: data URLs of tens of megabytes would wait with it for minutes. */
export async function orderGeneration(
  needs: CreateNeeds,
  input: GenerationInput,
  wait: OrderWait,
): Promise<OrderResult> {
  const accepted: Accepted = await createGeneration(needs, { ...input, callerGone: wait.signal })
  input.inputs = null
  const { generation, replayed, joined } = accepted
  wait.onNamed(generation.id)
  if (wait.onTaken) await namingGeneration(generation.id, async () => wait.onTaken?.(accepted))
  if (wait.waitMs === 0 && !isTerminal(generation.state)) {
    accepted.settlement.cancel()
    return { kind: 'open', generation, replayed, joined }
  }
  const leftMs = Math.min(Math.max(0, timeLeftMs(generation.timeLeft)), wait.longestMs) + graceMs
  const timeoutMs = Math.min(wait.waitMs ?? leftMs, leftMs)
  const limits = { timeoutMs, signal: wait.signal }
  const outcome = await namingGeneration(generation.id, async () => {
    const ended = await waitForOutcome(needs.db, accepted, limits)
    if (__FAILPOINTS__) await fp('answer.before')
    return ended
  })
  if (outcome) return { kind: 'ended', ...outcome, replayed, joined }
  if (wait.signal.aborted) {
    // Only a repeat that joins wants to know; a note that is lost makes it take the oldest twin instead.
    if (input.retryCount !== undefined) await noteCallerLeft(needs, generation.id).catch(() => {})
    return { kind: 'gone' }
  }
  return wait.waitMs === null
    ? { kind: 'overdue', generation }
    : { kind: 'open', generation, replayed, joined }
}
