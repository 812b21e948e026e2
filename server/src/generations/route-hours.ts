// How each route fared in the last hour: read from the attempts of orders that ended in it, over all processes.
import type { Db } from '../db/db.ts'
import { routeSql } from './routing-sql.ts'

export type RouteHour = {
  calls: number
  succeeded: number
  /** Of calls that succeeded; null = none has. */
  p50Ms: number | null
  p95Ms: number | null
  /** What they cost the operator, expected where the upstream never said. */
  costUsdMicro: number
}

type HourRow = {
  route: string
  calls: number
  succeeded: number
  p50_ms: number | null
  p95_ms: number | null
  cost: number
}

/** By the route's name (nameOfRoute). A route without a call in that hour is not there. */
export async function listRouteHours(db: Db): Promise<Map<string, RouteHour>> {
  const rows = await db.query<HourRow>(routeSql.routeHours)
  return new Map(
    rows.map(({ route, calls, succeeded, p50_ms, p95_ms, cost }) => [
      route,
      { calls, succeeded, p50Ms: p50_ms, p95Ms: p95_ms, costUsdMicro: cost },
    ]),
  )
}
