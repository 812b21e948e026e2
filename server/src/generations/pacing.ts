// Orders that wait for a place at a paced route: claimed when it has one, in turns between accounts, and let go when
// waiting makes no sense any more. The database decides; a process knows only which routes it may fill.
import type { Db } from '../db/db.ts'
import type { Catalog, ConfiguredRoute } from '../models/catalog.ts'
import type { Breaker } from './breaker.ts'
import { nameOfRoute } from './routing.ts'
import { routeSql } from './routing-sql.ts'
import type { GenerationRow } from './sql.ts'

export type Pacing = {
  /** Whether one has a limit within a time: its places come back with time, which nobody tells. */
  needsTicks(): boolean
  /** Asks nothing of the database while no route has a limit. */
  claim(this: void, count: number): Promise<GenerationRow[]>
  /** Lets orders choose anew whose route is paced no more, or broken while their model has another. */
  letGo(): Promise<void>
}

export type PacingNeeds = {
  db: Db
  catalog: Pick<Catalog, 'configuredRoutes'>
  breaker: Pick<Breaker, 'stateOf'>
  processName: string
  leaseMs: number
}

/** Orders let go in one statement; the next sweep takes the rest. */
const letGoBatch = 500

export function createPacing(needs: PacingNeeds): Pacing {
  const { breaker } = needs
  const listPaced = () => needs.catalog.configuredRoutes().filter(route => route.pacing)
  return {
    needsTicks: () =>
      listPaced().some(
        ({ pacing }) =>
          pacing != null && (pacing.imagesPerMinute !== null || pacing.imagesPerWindow !== null),
      ),
    async claim(count) {
      // Also routes that have retired: what waits for them is claimed, and finds another route or its end.
      const routes = listPaced()
        .filter(route => breaker.stateOf(route) !== 'open')
        .toSorted((a, b) => (nameOfRoute(a) < nameOfRoute(b) ? -1 : 1))
      if (routes.length === 0) return []
      return needs.db.query<GenerationRow>(routeSql.claimPaced, [
        needs.processName,
        needs.leaseMs,
        count,
        routes.map(nameOfRoute),
        routes.map(({ pacing }) => pacing?.maxInFlight ?? null),
        routes.map(({ pacing }) => pacing?.imagesPerMinute ?? null),
        // A probe is one order.
        routes.map(route => (breaker.stateOf(route) === 'closed' ? count : 1)),
        routes.map(({ pacing }) => pacing?.imagesPerWindow?.images ?? null),
        routes.map(({ pacing }) => pacing?.imagesPerWindow?.seconds ?? null),
      ])
    },
    async letGo() {
      const paced = listPaced()
      const broken = paced.filter(route => breaker.stateOf(route) === 'open')
      const models = new Set(broken.flatMap(route => route.models))
      const replaceable = [...models].filter(model => hasWholeRoute(needs, model))
      const names = paced.map(nameOfRoute)
      await needs.db.query(routeSql.stopWaiting, [names, broken.map(nameOfRoute), replaceable, letGoBatch])
    },
  }
}

function hasWholeRoute({ catalog, breaker }: PacingNeeds, model: string): boolean {
  const isWhole = (route: ConfiguredRoute) => !route.isRetired && breaker.stateOf(route) !== 'open'
  return catalog.configuredRoutes().some(route => route.models.includes(model) && isWhole(route))
}
