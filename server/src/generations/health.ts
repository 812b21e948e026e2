// How each route has fared. What happens in this process is gathered and written at most once in a few seconds, so that
// any process, the doctor and the operator see the same; an order costs no write.
import type { Db } from '../db/db.ts'
import type { FailureKind, ProviderOutcome } from '../providers/provider.ts'
import type { Breaker, UpstreamModel } from './breaker.ts'
import type { Generation, Reason } from './generation.ts'
import { toStorableText } from './redaction.ts'
import { nameOfRoute } from './routing.ts'
import { routeSql } from './routing-sql.ts'

export type EndedCall = UpstreamModel & { outcome: ProviderOutcome; seconds: number | null }

export type RouteHealth = {
  /** A call of an order. Where its pictures are still to be fetched, `noteEnd` tells whether it succeeded. */
  note(call: EndedCall & { generation: Pick<Generation, 'id'> }): void
  /** An output of the order could not be had. */
  noteLost(generation: Pick<Generation, 'id'>, cause: string): void
  noteEnd(generation: Pick<Generation, 'id' | 'state' | 'reason'>): void
  /** Writes what was gathered; without anything new it asks nothing of the database. */
  flush(): Promise<void>
}

/** An upstream's text is kept to be recognised, not to be read in full: that is in the log and on the attempt. */
const maxMessageLength = 300

/** Orders whose pictures are being fetched; beyond it the oldest, which another process may have ended, is forgotten. */
const maxFetching = 10_000

/** How an order ends whose upstream said that it was done and had no picture. */
export const undelivered: readonly (Reason | null)[] = ['malformed_result', 'unknown_outcome']

/** Calls that succeeded, as their upstream says, and why the last output that was not had could not be had. */
type Fetching = { calls: EndedCall[]; cause: string | null }

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
  const fetching = new Map<string, Fetching>()
  function count({ outcome, seconds, ...route }: EndedCall): void {
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
  }
  function hold(id: string, call: EndedCall): void {
    const held = fetching.get(id) ?? { calls: [], cause: null }
    held.calls.push(call)
    fetching.set(id, held)
    const [oldest] = fetching.keys()
    if (fetching.size > maxFetching && oldest !== undefined) fetching.delete(oldest)
  }
  return {
    note({ generation, ...call }) {
      if (isToFetch(call.outcome)) hold(generation.id, call)
      else count(call)
    },
    noteLost({ id }, cause) {
      const held = fetching.get(id)
      if (held) held.cause = cause
    },
    noteEnd({ id, state, reason }) {
      const held = fetching.get(id)
      fetching.delete(id)
      const isLost = state === 'failed' && undelivered.includes(reason)
      for (const call of held?.calls ?? []) count(isLost ? toLost(call, held?.cause ?? null) : call)
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

function isToFetch(outcome: ProviderOutcome): boolean {
  return outcome.kind === 'succeeded' && outcome.images.some(({ kind }) => kind === 'url')
}

/** The upstream has made something, and nobody has it. */
function toLost(call: EndedCall, cause: string | null): EndedCall {
  const message = `its output could not be had${cause ? `: ${cause}` : ''}`
  return { ...call, outcome: { kind: 'failed', failure: 'malformed_response', message } }
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
