// What the wait for an order takes from its request, in every dialect: when it ends, and where the order is noted.
import { callerGone } from './caller-gone.ts'
import { type HttpContext, noteGeneration } from './context.ts'
import type { Deadlines, Preference } from './prefer.ts'

/** The wait that orderGeneration needs. */
export function openWait(
  context: HttpContext,
  { deadlineSyncMs }: Deadlines,
  { waitMs }: Pick<Preference, 'waitMs'>,
) {
  return {
    waitMs,
    longestMs: deadlineSyncMs,
    signal: callerGone(context),
    onNamed: (generationId: string) => noteGeneration(context, generationId),
  }
}
