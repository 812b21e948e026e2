// What decides which route an order takes and when, built together: breakers, limits, health.
import type { Db } from '../db/db.ts'
import type { Log } from '../log.ts'
import type { Catalog } from '../models/catalog.ts'
import type { ProviderOutcome } from '../providers/provider.ts'
import type { Metrics } from '../telemetry.ts'
import { type Breaker, createBreaker, failuresToOpen } from './breaker.ts'
import { createRouteHealth, type RouteHealth } from './health.ts'
import { createBreakerEvents, createGenerationEvents, type GenerationEvents } from './observe.ts'
import { createPacing, type Pacing } from './pacing.ts'

export type Routed = {
  breaker: Breaker
  pacing: Pacing
  routeHealth: RouteHealth
  events: GenerationEvents
  random: () => number
}

export type RoutingNeeds = {
  db: Db
  catalog: Catalog
  log: Log
  metrics: Metrics
  processName: string
  leaseMs: number
}

/** `breaks` is false in tests that break an upstream on purpose, call after call. */
export function openRouting(needs: RoutingNeeds, breaks: boolean): Routed {
  const { log, metrics } = needs
  const limit = breaks ? failuresToOpen : Number.POSITIVE_INFINITY
  const breaker = createBreaker(createBreakerEvents(log, metrics), { limit })
  const routeHealth = createRouteHealth({ ...needs, breaker })
  const events = createGenerationEvents(log, metrics)
  return {
    breaker,
    pacing: createPacing({ ...needs, breaker }),
    routeHealth,
    events: {
      ...events,
      attemptEnded(call) {
        events.attemptEnded(call)
        // What becomes of a customer's own key says nothing of the route.
        if (!call.generation.ownProviders) routeHealth.note(call)
      },
      taskEnded(task) {
        events.taskEnded(task)
        if (!task.generation.ownProviders) routeHealth.note({ ...task, seconds: null })
      },
      outputLost(generation, lost) {
        events.outputLost(generation, lost)
        // The call was counted as it ended; what it brought is of no use to anybody.
        if (!generation.ownProviders)
          routeHealth.note({ ...lost, outcome: toLost(lost.cause), seconds: null })
      },
    },
    random: Math.random,
  }
}

function toLost(cause: string): ProviderOutcome {
  return { kind: 'failed', failure: 'malformed_response', message: `its output could not be had: ${cause}` }
}
