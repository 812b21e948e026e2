// What the operator is told of a route in a word, why, and whether to look at it. Pure.
import { probeEveryMs } from '../../generations/breaker.ts'
import type { RouteState } from '../../generations/route-states.ts'
import { describeOverruledEnd } from '../../models/life.ts'
import { showAge, showSpan } from './words.ts'

export type StandingName =
  | 'gone'
  | 'stopped'
  | 'resting'
  | 'probing'
  | 'failing'
  | 'healthy'
  | 'unused'
  | 'retired'
  | 'unconfigured'

export type RouteStanding = {
  name: StandingName
  word: string
  /** Why, or what comes next; empty = the word says it. */
  note: string
}

/** The worst first, as the page lists them. */
export const standingNames: readonly StandingName[] = [
  'gone',
  'stopped',
  'resting',
  'probing',
  'failing',
  'healthy',
  'unused',
  'retired',
  'unconfigured',
]

const words: Record<StandingName, string> = {
  gone: 'Switched off',
  stopped: 'Stopped',
  resting: 'Resting',
  probing: 'Probing',
  failing: 'Failing',
  healthy: 'Healthy',
  unused: 'Not used yet',
  retired: 'Retired',
  unconfigured: 'Not configured',
}

/** As old as this, an error is history; `doctor` says the same. */
const recentMs = 60 * 60 * 1_000

export function isTroubled({ name }: RouteStanding): boolean {
  return (
    name === 'gone' || name === 'stopped' || name === 'resting' || name === 'probing' || name === 'failing'
  )
}

export type Seen = {
  /** Its provider has lost as much today as it may, and is sent nothing new. */
  isStopped: boolean
  /** The breaker of this process; `waitMs` until it lets a probe through. */
  breaker: { state: 'closed' | 'open' | 'half_open'; waitMs: number }
  now: Date
}

/** With what the operator did, whatever the state: nobody else says on which day to look again. */
export function judgeRoute(route: RouteState, seen: Seen): RouteStanding {
  const judged = judgeState(route, seen)
  const overruled = describeOverruledEnd(route.told) ?? ''
  return { ...judged, note: [judged.note, overruled].filter(Boolean).join('; ') }
}

function judgeState(route: RouteState, { isStopped, breaker, now }: Seen): RouteStanding {
  if (route.gone) return judgeGone(route, route.gone, now)
  if (route.isRetired) return judgeRetired(route)
  if (isStopped) return standing('stopped', 'at its cap on losses')
  if (breaker.state === 'half_open') return standing('probing', 'the next call decides')
  if (breaker.state === 'open') return standing('resting', `next probe in ${showSpan(breaker.waitMs)}`)
  // Another process has said so.
  if (route.breaker === 'open') return standing('resting', `probed every ${showSpan(probeEveryMs)}`)
  const { lastFailure, lastSuccessAt } = route
  const isFailing =
    lastFailure !== null &&
    now.getTime() - lastFailure.at.getTime() < recentMs &&
    (lastSuccessAt === null || lastSuccessAt < lastFailure.at)
  if (isFailing) return standing('failing', `its last call failed ${showAge(lastFailure.at, now)}`)
  if (!lastSuccessAt) return { ...standing('unused', soon(route)), word: wordUnproven(route) }
  return standing('healthy', soon(route))
}

/** A route that has delivered nothing yet. */
function wordUnproven({ lastFailure, inFlight }: RouteState): string {
  if (lastFailure) return 'No success yet'
  return inFlight > 0 ? 'No result yet' : words.unused
}

/** A route of a provider without a key or an address; `setting` names what is missing. */
export function judgeUnconfigured(setting: string): RouteStanding {
  return standing('unconfigured', `set ${setting}`)
}

/** Its own words stand beside it, as its last error. */
function judgeGone(
  { provider, upstreamModel, successor }: RouteState,
  { since }: NonNullable<RouteState['gone']>,
  now: Date,
): RouteStanding {
  const why = `its upstream has no such model, ${showAge(since, now)}`
  const restore = `models restore ${provider} ${upstreamModel}`
  return standing('gone', [why, successor ? `use ${successor}` : '', restore].filter(Boolean).join('; '))
}

function judgeRetired({ retiresAt, successor }: RouteState): RouteStanding {
  const since = retiresAt ? `since ${retiresAt}` : ''
  return standing('retired', [since, successor ? `use ${successor}` : ''].filter(Boolean).join('; '))
}

/** A retirement that is still to come. */
function soon({ retiresAt, successor }: RouteState): string {
  if (!retiresAt) return ''
  return `retires ${retiresAt}${successor ? `; then ${successor}` : ''}`
}

function standing(name: StandingName, note: string): RouteStanding {
  return { name, word: words[name], note }
}
