// The routes that one try of an order may be given to, and the attempt's intent at the first that has a place for it.
import type { Route } from '../models/catalog.ts'
import type { Breaker } from './breaker.ts'
import { createKeyOf, type DispatchNeeds, expectedPartCostUsdMicro, listRoutes, partsOf } from './dispatch.ts'
import type { Generation } from './generation.ts'
import { listChoices, lotsOf, nameOfRoute, rankRoutes } from './routing.ts'
import { routeSql } from './routing-sql.ts'
import { type AttemptRow, findRow, sql } from './sql.ts'

export type ChooseNeeds = Pick<DispatchNeeds, 'catalog' | 'providers'> & {
  breaker: Pick<Breaker, 'waitMs'>
}

type Ordered = Pick<Generation, 'id' | 'model' | 'options' | 'accountId'>

/** In the order in which they are asked, whatever is known of them. */
export function rankedRoutes(needs: ChooseNeeds, order: Pick<Ordered, 'id' | 'model' | 'options'>): Route[] {
  const { catalog } = needs
  return rankRoutes(listRoutes(needs, order), {
    by: catalog.routing(order.model).by,
    costOf: route => catalog.expectedCostUsdMicro(route, order.options),
    random: lotsOf(order.id),
  })
}

/** Where an order that was just taken can begin at once; null when it has to wait for a route's places, or for all. */
export function findFreeRoute(needs: ChooseNeeds, order: Ordered): Route | null {
  const first = rankedRoutes(needs, order).find(route => needs.breaker.waitMs(route, order.accountId) === 0)
  return first && !first.pacing ? first : null
}

export type RouteNeeds = ChooseNeeds & {
  db: { query<Row>(text: typeof sql.attempts, values: unknown[]): Promise<Row[]> }
}

/** Empty = no configured route can serve it. */
export async function listOrderChoices(needs: RouteNeeds, generation: Generation): Promise<Route[]> {
  const ranked = rankedRoutes(needs, generation)
  const untried = await listUntried(needs, generation, ranked)
  return listChoices(ranked, {
    isTried: route => !untried.includes(route),
    isWhole: route => needs.breaker.waitMs(route, generation.accountId) === 0,
    isHeld: route => nameOfRoute(route) === generation.pacedRoute,
  })
}

export async function listUntried(
  needs: Pick<RouteNeeds, 'db'>,
  generation: Generation,
  routes: Route[],
): Promise<Route[]> {
  if (generation.attempts === 0) return routes
  // The only one that is left need not be the one that was tried: that may have been switched off by the answer.
  if (routes.length === 0) return []
  const tried = await needs.db.query<AttemptRow>(sql.attempts, [generation.id])
  return routes.filter(
    route =>
      !tried.some(each => each.provider === route.provider && each.upstream_model === route.upstreamModel),
  )
}

/** What the intent came to: begun at a route; put back, to wait for a route's places; or the claim is lost. */
export type Begun = { kind: 'begun'; route: Route; n: number } | { kind: 'waits' } | { kind: 'lost' }

/** Commits the intent. Routes without limits cost one statement, as ever. */
export async function beginAttempt(
  needs: RouteNeeds,
  generation: Generation,
  choices: readonly Route[],
): Promise<Begun> {
  const { whenBusy } = needs.catalog.routing(generation.model)
  for (const route of choices) {
    const isLast = whenBusy === 'wait'
    const n = await tryRoute(needs, generation, { route, waits: isLast })
    if (n === isBusy) continue
    return toBegun(route, n)
  }
  // Every one is full: the place that is waited for is the first one's.
  const [first] = choices
  if (!first) throw new Error('no route to begin at')
  return toBegun(first, await tryRoute(needs, generation, { route: first, waits: true }))
}

/** T11's: the places that the order holds are those of the create that is sent again. */
export async function beginAgain(needs: RouteNeeds, generation: Generation, route: Route): Promise<Begun> {
  const row = await findRow<{ n: number | null }>(
    needs.db,
    sql.beginAttempt,
    toIntent(needs, generation, route),
  )
  return toBegun(route, row?.n ?? null)
}

/** What begin_paced_attempt answers in place of a number. */
const waitsNow = 0
const isBusy = -1

async function tryRoute(
  needs: RouteNeeds,
  generation: Generation,
  { route, waits }: { route: Route; waits: boolean },
): Promise<number | null> {
  const intent = toIntent(needs, generation, route)
  const { pacing } = route
  const row =
    pacing || generation.pacedRoute !== null
      ? await findRow<{ n: number | null }>(needs.db, routeSql.beginPacedAttempt, [
          ...intent,
          pacing?.maxInFlight ?? null,
          pacing?.imagesPerMinute ?? null,
          waits,
          pacing?.imagesPerWindow?.images ?? null,
          pacing?.imagesPerWindow?.seconds ?? null,
        ])
      : await findRow<{ n: number | null }>(needs.db, sql.beginAttempt, intent)
  return row?.n ?? null
}

function toIntent(needs: RouteNeeds, generation: Generation, route: Route): unknown[] {
  return [
    generation.id,
    generation.epoch,
    route.provider,
    route.upstreamModel,
    partsOf(generation, route).length,
    expectedPartCostUsdMicro(needs.catalog, generation, route),
    needs.providers.get(route.provider)?.idempotentCreates ? createKeyOf(generation.id, 0) : null,
  ]
}

function toBegun(route: Route, n: number | null): Begun {
  if (n === null) return { kind: 'lost' }
  return n === waitsNow ? { kind: 'waits' } : { kind: 'begun', route, n }
}
