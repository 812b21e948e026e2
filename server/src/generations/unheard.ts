// Calls and tasks whose end no process heard: of workers that died, and tasks that their upstream does not know. What
// is found out about them is told here, once, so that the numbers of an upstream do not leave out its worst days.
import type { Generation } from './generation.ts'
import type { FoundKind, GenerationEvents } from './observe.ts'
import type { AttemptRow } from './sql.ts'

/**
 * A call whose answer was lost was told of by whoever made it, which wrote down the failure. A task that was lost is
 * not told of as long as it may be found.
 */
function isUnheard({ state, failure, upstream_task: task }: AttemptRow): boolean {
  if (state === 'unknown') return failure === null || task !== null
  return state === 'intent' || state === 'accepted'
}

export function tellUnheard(
  { events }: { events: Pick<GenerationEvents, 'attemptFound'> },
  generation: Generation,
  { attempts, kind }: { attempts: readonly AttemptRow[]; kind: FoundKind },
): void {
  for (const { provider, upstream_model: upstreamModel } of attempts.filter(isUnheard))
    events.attemptFound({ generation, provider, upstreamModel, kind })
}
