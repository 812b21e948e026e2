// The choice of a route, given what is known and a lot.
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Route } from '../models/catalog.ts'
import { type Known, listChoices, lotsOf, rankRoutes } from './routing.ts'

const routeOf = (upstreamModel: string, more: Partial<Route> = {}): Route => ({
  ...{ provider: 'p', upstreamModel, retiresAt: null, successor: null, maxCountPerCall: 1 },
  ...more,
})
const names = (routes: readonly Route[]) => routes.map(route => route.upstreamModel).join('')
const never = () => {
  throw new Error('not asked for')
}

test('by preference the routes stay as they are listed, and nothing else is asked for', () => {
  const routes = [routeOf('b'), routeOf('a', { weight: 9 })]
  expect(names(rankRoutes(routes, { by: 'preference', costOf: never, random: never }))).toBe('ba')
})

test('by price the cheapest goes first; those of one price stay in order', () => {
  const costs: Record<string, number> = { a: 5, b: 2, c: 5, d: 1 }
  const costOf = ({ upstreamModel }: Route) => costs[upstreamModel] ?? 0
  const routes = ['a', 'b', 'c', 'd'].map(name => routeOf(name))
  expect(names(rankRoutes(routes, { by: 'price', costOf, random: never }))).toBe('dbac')
})

test('by weight each lot falls where its share lies, among those that are left', () => {
  const routes = [routeOf('a', { weight: 3 }), routeOf('b'), routeOf('c', { weight: 6 })]
  const drawn = (...lots: number[]) => {
    const left = [...lots]
    return names(rankRoutes(routes, { by: 'weight', costOf: never, random: () => left.shift() ?? 0 }))
  }
  expect([drawn(0, 0, 0), drawn(0.29, 0.99, 0), drawn(0.3, 0.5, 0), drawn(0.41, 0, 0.999)]).toEqual([
    'abc',
    'acb',
    'bca',
    'cab',
  ])
})

test('by weight a route is first as often as its share says, and for one order always the same', () => {
  const routes = [routeOf('a', { weight: 3 }), routeOf('b')]
  const first = (id: string) =>
    names(rankRoutes(routes, { by: 'weight', costOf: never, random: lotsOf(id) }).slice(0, 1))
  const ids = Array.from({ length: 4_000 }, () => randomUUID())
  const firsts = ids.map(first)
  expect(ids.map(first)).toEqual(firsts)
  const share = firsts.filter(name => name === 'a').length / firsts.length
  expect(share).toBeGreaterThan(0.71)
  expect(share).toBeLessThan(0.79)
})

test('a try asks the route that keeps a place, then whole ones not tried, then whole ones that were', () => {
  const routes = ['a', 'b', 'c', 'd'].map(name => routeOf(name))
  const known = (tried: string, broken: string, held = ''): Known => ({
    isTried: route => tried.includes(route.upstreamModel),
    isWhole: route => !broken.includes(route.upstreamModel),
    isHeld: route => route.upstreamModel === held,
  })
  expect(names(listChoices(routes, known('', '')))).toBe('abcd')
  expect(names(listChoices(routes, known('ac', '')))).toBe('bdac')
  expect(names(listChoices(routes, known('ac', 'b')))).toBe('dac')
  expect(names(listChoices(routes, known('ac', 'b', 'c')))).toBe('cda')
  // A place at a broken route is no reason to ask it.
  expect(names(listChoices(routes, known('', 'c', 'c')))).toBe('abd')
  expect(names(listChoices(routes, known('', 'abcd')))).toBe('a')
  expect(listChoices([], known('', ''))).toEqual([])
})
