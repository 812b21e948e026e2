// Which route an order is given to. Pure: the routes as the catalogue lists them, what is known of each, and a lot.
import type { Route, Routing } from '../models/catalog.ts'

export type Ranking = {
  by: Routing['by']
  /** What the order is expected to cost there, micro-USD; asked for prices only. */
  costOf(route: Route): number
  /** From 0 up to 1; asked for weights only. */
  random(): number
}

/** The routes in the order in which they are asked. Those of one price stay in the order of preference. */
export function rankRoutes(routes: readonly Route[], { by, costOf, random }: Ranking): Route[] {
  if (by === 'preference' || routes.length < 2) return [...routes]
  if (by === 'weight') return drawAll(routes, random)
  return routes
    .map(route => ({ route, cost: costOf(route) }))
    .toSorted((a, b) => a.cost - b.cost)
    .map(({ route }) => route)
}

/**
 * The lots of one order: the same whenever they are drawn, so that every process and every try ranks its routes alike.
 * The end of its id is random.
 */
export function lotsOf(id: string): () => number {
  let state = Number.parseInt(id.slice(-8), 16)
  return () => {
    state = (state + 0x6d_2b_79_f5) >>> 0
    const first = Math.imul(state ^ (state >>> 15), state | 1)
    const second = first ^ (first + Math.imul(first ^ (first >>> 7), first | 61))
    return ((second ^ (second >>> 14)) >>> 0) / 2 ** 32
  }
}

const weightOf = ({ weight = 1 }: Route) => weight

/** One lot after the other, each among those that are left. */
function drawAll(routes: readonly Route[], random: () => number): Route[] {
  const left = [...routes]
  const drawn: Route[] = []
  while (left.length > 0) {
    let lot = random() * left.reduce((sum, route) => sum + weightOf(route), 0)
    const hit = left.findIndex(route => {
      lot -= weightOf(route)
      return lot < 0
    })
    drawn.push(...left.splice(hit < 0 ? left.length - 1 : hit, 1))
  }
  return drawn
}

export type Known = {
  /** Tried before; whatever was tried proved that nothing ran. */
  isTried(route: Route): boolean
  /** Its breaker lets a call through. */
  isWhole(route: Route): boolean
  /** The order holds its places there already. */
  isHeld(route: Route): boolean
}

/**
 * The ranked routes in the order in which this try asks them: the whole one that has kept a place for the order, then
 * whole ones that were not tried, then whole ones that were. When every one is broken, the first of all: its breaker
 * says when to come again.
 */
export function listChoices(ranked: readonly Route[], { isTried, isWhole, isHeld }: Known): Route[] {
  const whole = ranked.filter(isWhole)
  if (whole.length === 0) return ranked.slice(0, 1)
  const others = whole.filter(route => !isHeld(route))
  return [
    ...whole.filter(isHeld),
    ...others.filter(route => !isTried(route)),
    ...others.filter(route => isTried(route)),
  ]
}

/** As the database and the operator name it. */
export function nameOfRoute({ provider, upstreamModel }: Pick<Route, 'provider' | 'upstreamModel'>): string {
  return `${provider}/${upstreamModel}`
}
