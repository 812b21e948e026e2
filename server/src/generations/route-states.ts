// Each configured route as it stands over all processes: what it is given, what waits for it, how it has fared.
import type { Db } from '../db/db.ts'
import type { Catalog, ConfiguredRoute, Pacing } from '../models/catalog.ts'
import type { Metrics } from '../telemetry.ts'
import { nameOfRoute } from './routing.ts'
import { routeSql } from './routing-sql.ts'

export type RouteState = {
  provider: string
  upstreamModel: string
  models: string[]
  retiresAt: string | null
  isRetired: boolean
  successor: string | null
  /** Switched off because its upstream said that it has no such model. */
  gone: ConfiguredRoute['gone']
  told: ConfiguredRoute['told']
  /** `open` when any process has left it alone in the last seconds. */
  breaker: 'closed' | 'open'
  lastSuccessAt: Date | null
  lastFailure: { kind: string; message: string; at: Date } | null
  succeeded: number
  failed: number
  /** Of calls that succeeded, the latest counting most; null = none has. */
  meanMs: number | null
  /** Calls of orders under way. */
  inFlight: number
  /** Orders that wait for a place there. */
  waiting: number
  /** How long the oldest of them has been an order. */
  oldestWaitMs: number | null
  pacing: (Pacing & { imagesLastMinute: number; imagesLastWindow: number | null }) | null
}

type StateRow = {
  route: string
  last_success_at: Date | null
  last_failure_at: Date | null
  last_failure_kind: string | null
  last_failure_message: string | null
  is_open: boolean | null
  succeeded: number | null
  failed: number | null
  mean_ms: number | null
  in_flight: number | null
  waiting: number | null
  oldest_ms: number | null
  /** Begun in the second that has begun and in each of the 60 before it. */
  images: number[] | null
}

export async function listRouteStates(needs: {
  db: Db
  catalog: Pick<Catalog, 'configuredRoutes'>
}): Promise<RouteState[]> {
  const rows = await needs.db.query<StateRow>(routeSql.routeStates)
  const byName = new Map(rows.map(row => [row.route, row]))
  return needs.catalog.configuredRoutes().map(route => {
    const row = byName.get(nameOfRoute(route))
    const { provider, upstreamModel, models, retiresAt, isRetired, successor, gone, told, pacing } = route
    return {
      ...{ provider, upstreamModel, models, retiresAt, isRetired, successor, gone, told },
      breaker: row?.is_open ? 'open' : 'closed',
      lastSuccessAt: row?.last_success_at ?? null,
      lastFailure: toFailure(row),
      succeeded: row?.succeeded ?? 0,
      failed: row?.failed ?? 0,
      meanMs: row?.mean_ms ?? null,
      inFlight: row?.in_flight ?? 0,
      waiting: row?.waiting ?? 0,
      oldestWaitMs: row?.oldest_ms ?? null,
      pacing: pacing ? { ...pacing, ...countImages(pacing, row?.images ?? []) } : null,
    }
  })
}

function countImages({ imagesPerWindow }: Pacing, images: readonly number[]) {
  const sum = (counts: readonly number[]) => counts.reduce((all, count) => all + count, 0)
  return {
    imagesLastMinute: sum(images),
    imagesLastWindow: imagesPerWindow ? sum(images.slice(0, imagesPerWindow.seconds + 1)) : null,
  }
}

function toFailure(row: StateRow | undefined): RouteState['lastFailure'] {
  if (!row?.last_failure_at) return null
  return {
    kind: row.last_failure_kind ?? '',
    message: row.last_failure_message ?? '',
    at: row.last_failure_at,
  }
}

/** What every process says alike of the routes that anything is known of. */
export async function sampleRoutes(
  needs: Parameters<typeof listRouteStates>[0] & { metrics: Metrics },
): Promise<void> {
  const { metrics } = needs
  for (const route of await listRouteStates(needs)) {
    const { lastSuccessAt, lastFailure, inFlight, waiting, pacing } = route
    if (!lastSuccessAt && !lastFailure && !pacing && inFlight === 0) continue
    const labels = { provider: route.provider, upstream_model: route.upstreamModel }
    metrics.routeInFlight.set(labels, inFlight)
    metrics.routeWaiting.set(labels, waiting)
    metrics.routeLastSuccess.set(labels, (lastSuccessAt?.getTime() ?? 0) / 1_000)
    metrics.routeLastFailure.set(labels, (lastFailure?.at.getTime() ?? 0) / 1_000)
  }
}
