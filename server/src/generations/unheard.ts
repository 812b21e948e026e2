// Calls and tasks whose end no process heard: of workers that died, and tasks that their upstream does not know. What
// is found out about them is told here, once, so that the numbers of an upstream do not leave out its worst days.
import type { ProviderFailure } from '../providers/provider.ts'
import type { Breaker } from './breaker.ts'
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

const lost: ProviderFailure = {
  kind: 'failed',
  failure: 'unknown_outcome',
  message: 'the upstream does not know its task any more',
}

/**
 * Parts of which nothing more will be heard. A task that its upstream has denied to the end counts for the breaker now,
 * once: each denial before was one of a task that might be found.
 */
export function tellLost(
  needs: { events: Pick<GenerationEvents, 'attemptFound' | 'taskEnded'>; breaker: Pick<Breaker, 'note'> },
  generation: Generation,
  { attempts, ageMs }: { attempts: readonly AttemptRow[]; ageMs: number },
): void {
  tellUnheard(needs, generation, { attempts, kind: 'unknown_outcome' })
  const tasks = attempts.filter(each => isUnheard(each) && each.upstream_task !== null)
  const [first] = tasks
  if (!first) return
  const route = { provider: first.provider, upstreamModel: first.upstream_model }
  for (const _ of tasks) needs.events.taskEnded({ generation, ...route, outcome: lost })
  const { accountId } = generation
  needs.breaker.note(route, { accountId, stage: 'end', outcomes: tasks.map(() => lost), ageMs })
}
