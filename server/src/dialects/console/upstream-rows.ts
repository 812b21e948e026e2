// The rows of the page "Upstreams": gathered from what routes, books and breakers say, filtered and sorted as the
// address asks. Nothing here writes.
import { type LossLimits, type LossToday, listLossesToday } from '../../books/losses.ts'
import type { Db } from '../../db/db.ts'
import { AppError, type ErrorDetail } from '../../errors.ts'
import type { Breaker } from '../../generations/breaker.ts'
import { listRouteHours, type RouteHour } from '../../generations/route-hours.ts'
import { listRouteStates, type RouteState } from '../../generations/route-states.ts'
import { nameOfRoute } from '../../generations/routing.ts'
import type { Catalog, ConfiguredRoute } from '../../models/catalog.ts'
import {
  isTroubled,
  judgeRoute,
  judgeUnconfigured,
  type RouteStanding,
  standingNames,
} from './route-standing.ts'

export type UpstreamRow = Omit<RouteState, 'breaker' | 'succeeded' | 'failed' | 'meanMs'> & {
  standing: RouteStanding
  isConfigured: boolean
  /** Null = no call ended in the last hour. */
  hour: RouteHour | null
}

export type Upstreams = { rows: UpstreamRow[]; losses: LossToday[]; at: Date }

export type UpstreamsNeeds = {
  db: Db
  catalog: Pick<Catalog, 'configuredRoutes' | 'unconfiguredRoutes'>
  breaker: Pick<Breaker, 'stateOf' | 'waitMs'>
  config: { lossLimits: LossLimits }
  now: () => Date
  /** The variable that turns a provider on. */
  settingOf(provider: string): string
}

/** Every open page asks every few seconds; the statistics of an hour need no more. */
const hoursKeptMs = 10_000

export function createUpstreamsReader(needs: UpstreamsNeeds): () => Promise<Upstreams> {
  const { db, catalog, config, now, settingOf } = needs
  const readHours = keepFor(hoursKeptMs, () => listRouteHours(db))
  return async () => {
    const [states, hours, losses] = await Promise.all([
      listRouteStates({ db, catalog }),
      readHours(),
      listLossesToday(db, config.lossLimits),
    ])
    const stopped = new Set(losses.filter(({ isAtCap }) => isAtCap).map(({ provider }) => provider))
    const at = now()
    const configured = states.map((route): UpstreamRow => {
      const breaker = { state: needs.breaker.stateOf(route), waitMs: needs.breaker.waitMs(route, '') }
      const seen = { isStopped: stopped.has(route.provider), breaker, now: at }
      const hour = hours.get(nameOfRoute(route)) ?? null
      return { ...route, standing: judgeRoute(route, seen), isConfigured: true, hour }
    })
    const others = catalog.unconfiguredRoutes().map(route => toIdleRow(route, settingOf(route.provider)))
    return { rows: [...configured, ...others], losses, at }
  }
}

/** One answer for all who ask within the time; a failure is not kept. */
function keepFor<Value>(ms: number, read: () => Promise<Value>): () => Promise<Value> {
  let kept: { untilMs: number; value: Promise<Value> } | null = null
  return () => {
    if (kept && performance.now() < kept.untilMs) return kept.value
    const value = read()
    const fresh = { untilMs: performance.now() + ms, value }
    kept = fresh
    value.catch(() => {
      if (kept === fresh) kept = null
    })
    return value
  }
}

function toIdleRow(route: ConfiguredRoute, setting: string): UpstreamRow {
  const { provider, upstreamModel, models, retiresAt, isRetired, successor, gone, told, pacing } = route
  return {
    ...{ provider, upstreamModel, models, retiresAt, isRetired, successor, gone, told },
    ...{ lastSuccessAt: null, lastFailure: null, inFlight: 0, waiting: 0, oldestWaitMs: null },
    pacing: pacing
      ? { ...pacing, imagesLastMinute: 0, imagesLastWindow: pacing.imagesPerWindow ? 0 : null }
      : null,
    standing: judgeUnconfigured(setting),
    isConfigured: false,
    hour: null,
  }
}

export const shownSets = ['configured', 'troubled', 'unconfigured', 'all'] as const
export type ShownSet = (typeof shownSets)[number]

export const sortKeys = [
  'state',
  'model',
  'route',
  'flight',
  'minute',
  'queue',
  'success',
  'time',
  'cost',
  'error',
] as const
export type SortKey = (typeof sortKeys)[number]

/** What the address asks for. */
export type UpstreamsView = { text: string; show: ShownSet; sort: SortKey; order: 'ascending' | 'descending' }

export const usualView: UpstreamsView = { text: '', show: 'configured', sort: 'state', order: 'ascending' }

/** Longer than any id. */
const maxTextLength = 200

/** Throws invalid_request naming the parameter. */
export function readView(query: Record<string, string[]>): UpstreamsView {
  const details: ErrorDetail[] = []
  const refuse = (path: string, message: string) => details.push({ path, message, code: 'custom' })
  const one = (name: string) => {
    const values = query[name] ?? []
    if (values.length > 1) refuse(name, 'Send this parameter once.')
    return values[0] ?? ''
  }
  function pick<Word extends string>(name: string, known: readonly Word[], usual: Word): Word {
    const given = one(name)
    const found = known.find(word => word === given)
    if (given !== '' && !found) refuse(name, `It is one of ${known.join(', ')}.`)
    return found ?? usual
  }
  for (const name of Object.keys(query)) {
    if (!['q', 'show', 'sort', 'order'].includes(name)) refuse(name, 'There is no such parameter.')
  }
  const text = one('q').trim()
  if (text.length > maxTextLength) refuse('q', `It has at most ${maxTextLength} characters.`)
  const view: UpstreamsView = {
    text,
    show: pick('show', shownSets, usualView.show),
    sort: pick('sort', sortKeys, usualView.sort),
    order: pick('order', ['ascending', 'descending'], usualView.order),
  }
  if (details.length > 0) throw new AppError('invalid_request', undefined, { details })
  return view
}

/** The address of a view: what is usual is left out. */
export function toQuery(view: UpstreamsView): string {
  const query = new URLSearchParams()
  if (view.text !== '') query.set('q', view.text)
  for (const name of ['show', 'sort', 'order'] as const)
    if (view[name] !== usualView[name]) query.set(name, view[name])
  return query.size === 0 ? '' : `?${query}`
}

const belongs: Record<ShownSet, (row: UpstreamRow) => boolean> = {
  configured: row => row.isConfigured,
  troubled: row => isTroubled(row.standing),
  unconfigured: row => !row.isConfigured,
  all: () => true,
}

export function countRows(rows: readonly UpstreamRow[], show: ShownSet): number {
  return rows.filter(belongs[show]).length
}

export function selectRows(rows: readonly UpstreamRow[], view: UpstreamsView): UpstreamRow[] {
  const words = view.text.toLowerCase().split(/\s+/).filter(Boolean)
  const found = rows
    .filter(belongs[view.show])
    .filter(row => words.every(word => searchedText(row).includes(word)))
  return found.toSorted(
    (a, b) =>
      compareRows(a, b, view) ||
      compare(idleness(a), idleness(b)) ||
      compare(a.models[0] ?? '', b.models[0] ?? '') ||
      byRoute(a, b),
  )
}

function searchedText({ models, standing, lastFailure, ...route }: UpstreamRow): string {
  const error = lastFailure ? [lastFailure.kind, lastFailure.message] : []
  return [...models, nameOfRoute(route), standing.word, standing.note, ...error].join(' ').toLowerCase()
}

/** Among equals those come first where something goes on. */
function idleness({ inFlight, waiting, hour }: UpstreamRow): number {
  if (inFlight + waiting > 0) return 0
  return hour ? 1 : 2
}

const byRoute = (a: UpstreamRow, b: UpstreamRow) => compare(nameOfRoute(a), nameOfRoute(b))

/** What a column is sorted by; null = nothing is known, which comes last in either order. */
const sortedBy: Record<SortKey, (row: UpstreamRow) => number | string | null> = {
  state: ({ standing }) => standingNames.indexOf(standing.name),
  model: ({ models }) => models[0] ?? null,
  route: nameOfRoute,
  flight: ({ isConfigured, inFlight }) => (isConfigured ? inFlight : null),
  minute: ({ isConfigured, pacing }) =>
    isConfigured && (pacing?.imagesPerMinute || pacing?.imagesPerWindow) ? pacing.imagesLastMinute : null,
  queue: ({ waiting }) => (waiting > 0 ? waiting : null),
  success: ({ hour }) => hour && hour.succeeded / hour.calls,
  time: ({ hour }) => hour?.p95Ms ?? null,
  cost: ({ hour }) => hour?.costUsdMicro ?? null,
  error: ({ lastFailure }) => lastFailure?.at.getTime() ?? null,
}

function compareRows(a: UpstreamRow, b: UpstreamRow, { sort, order }: UpstreamsView): number {
  const [left, right] = [sortedBy[sort](a), sortedBy[sort](b)]
  if (left === null || right === null) return Number(left === null) - Number(right === null)
  return order === 'ascending' ? compare(left, right) : compare(right, left)
}

function compare(a: number | string, b: number | string): number {
  return a < b ? -1 : Number(a > b)
}
