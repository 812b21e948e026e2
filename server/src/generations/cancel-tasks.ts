// Tells an upstream that tasks are no longer wanted. Whether it listens changes what the operator pays, never what
// the customer does; so our own state is settled or claimed before, and nothing here throws.
import { fp } from '../failpoints.ts'
import type { Provider, UpstreamTask } from '../providers/provider.ts'
import { type DispatchNeeds, openContext } from './dispatch.ts'
import type { Generation } from './generation.ts'
import type { GenerationEvents } from './observe.ts'
import { callUpstream } from './redaction.ts'

export type CancelTasksNeeds = DispatchNeeds & { events: GenerationEvents }
type Tasks = {
  generation: Generation
  n: number
  provider: string
  tasks: { part: number; task: UpstreamTask }[]
}

const cancelTimeoutMs = 15_000

/** The parts whose end the upstream confirmed. */
export async function cancelTasks(
  needs: CancelTasksNeeds,
  { generation, n, provider: name, tasks }: Tasks,
  timeoutMs = cancelTimeoutMs,
): Promise<Set<number>> {
  const provider = needs.providers.get(name)
  const confirmed = new Set<number>()
  if (!provider || !canCancel(provider)) return confirmed
  const signal = AbortSignal.timeout(timeoutMs)
  await Promise.all(
    tasks.map(async ({ part, task }) => {
      const context = openContext(needs, { generation, n, part, signal, timeoutMs, received: [] })
      try {
        if (__FAILPOINTS__) await fp('cancel.before')
        const outcome = await callUpstream(needs, generation, () => provider.cancel(task, context))
        if (__FAILPOINTS__) await fp('cancel.after')
        if (outcome.kind === 'canceled') confirmed.add(part)
        else needs.events.cancelRefused(generation, outcome.message)
      } catch (error) {
        needs.events.cancelRefused(generation, error instanceof Error ? error.message : String(error))
      }
    }),
  )
  return confirmed
}

function canCancel(provider: Provider): provider is Provider & Required<Pick<Provider, 'cancel'>> {
  return 'cancel' in provider
}
