// How each route has fared. What happens in this process is gathered and written at most once in a few seconds, so that
// any process, the doctor and the operator see the same; an order costs no write.
import type { Db } from '../db/db.ts'
import type { FailureKind, ProviderOutcome } from '../providers/provider.ts'
import type { Breaker, UpstreamModel } from './breaker.ts'
import { toStorableText } from './redaction.ts'
import { nameOfRoute } from './routing.ts'
import { routeSql } from './routing-sql.ts'

export type EndedCall = UpstreamModel & { outcome: ProviderOutcome; seconds: number | null }

export type RouteHealth = {
  note(call: EndedCall): void
  /** Writes what was gathered; without anything new it asks nothing of the database. */
  flush(): Promise<void>
}

/** An upstream's text is kept to be recognised, not to be read in full: that is in the log and on the attempt. */
const maxMessageLength = 300

type Gathered = UpstreamModel & {
  succeeded: number
  failed: number
  /** Of the calls that succeeded, those whose time is known, and their milliseconds together. */
  timed: number
  sumMs: number
  successAtMs: number | null
  failureAtMs: number | null
  failureKind: FailureKind | null
  message: string | null
}

/** What a customer asked wrongly says nothing of a route. */
const isCustomers = (kind: FailureKind) => kind === 'content_rejected' || kind === 'invalid_request'

export function createRouteHealth(
  needs: { db: Db; breaker: Pick<Breaker, 'stateOf'> },
  nowMs: () => number = () => performance.now(),
): RouteHealth {
  let gathered = new Map<string, Gathered>()
  // Routes whose breaker was open when it was last told; they are told of until it is closed.
  const open = new Map<string, UpstreamModel>()
  function gather({ provider, upstreamModel }: UpstreamModel): Gathered {
    const name = nameOfRoute({ provider, upstreamModel })
    const known = gathered.get(name) ?? { provider, upstreamModel, ...nothing }
    gathered.set(name, known)
    return known
  }
  return {
    note({ outcome, seconds, ...route }) {
      const known = gather(route)
      if (outcome.kind === 'succeeded') {
        known.succeeded += 1
        if (seconds !== null) {
          known.timed += 1
          known.sumMs += seconds * 1_000
        }
        known.successAtMs = nowMs()
      } else if (outcome.kind === 'failed' && !isCustomers(outcome.failure)) {
        known.failed += 1
        known.failureAtMs = nowMs()
        known.failureKind = outcome.failure
        known.message = toStorableText(outcome.message, maxMessageLength)
      }
    },
    async flush() {
      for (const route of open.values()) gather(route)
      if (gathered.size === 0) return
      const written = gathered
      gathered = new Map()
      const rows = [...written.values()].map(route => {
        const isOpen = needs.breaker.stateOf(route) !== 'closed'
        if (isOpen) open.set(nameOfRoute(route), route)
        else open.delete(nameOfRoute(route))
        return toRow(route, { nowMs: nowMs(), isOpen })
      })
      // What is lost to a database that is away is a few seconds of statistics.
      await needs.db.query(routeSql.noteHealth, [JSON.stringify(rows)])
    },
  }
}

const nothing = {
  ...{ succeeded: 0, failed: 0, timed: 0, sumMs: 0 },
  ...{ successAtMs: null, failureAtMs: null, failureKind: null, message: null },
}

function toRow(route: Gathered, { nowMs, isOpen }: { nowMs: number; isOpen: boolean }) {
  const ageOf = (atMs: number | null) => (atMs === null ? null : Math.max(0, nowMs - atMs))
  const { provider, upstreamModel, succeeded, failed, timed, sumMs, failureKind, message } = route
  return {
    provider,
    upstream_model: upstreamModel,
    succeeded,
    failed,
    mean_ms: timed === 0 ? null : Math.round(sumMs / timed),
    success_age_ms: ageOf(route.successAtMs),
    failure_age_ms: ageOf(route.failureAtMs),
    failure_kind: failureKind,
    message,
    is_open: isOpen,
  }
}
