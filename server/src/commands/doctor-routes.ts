// What doctor says of each route to an upstream: whether it works, what it is given, its last error.
import { describeOverruledEnd } from '../models/life.ts'
import { pinnedVersionOf } from '../models/read-lists.ts'
import type { RouteRow } from './needs.ts'

type RouteReport = { name: string; status: 'ok' | 'warn'; message: string; advice?: string }

/** All that is said of a route that no order has taken. */
export const unusedRoute = 'not used yet'

/** As old as this, an error is history. */
const recentMs = 60 * 60 * 1_000

export function describeRoute(route: RouteRow, now: Date): RouteReport {
  const name = `route ${route.provider}/${route.upstreamModel}`
  if (route.gone) return describeGone(name, route, route.gone)
  const drift = describeDrift(route, now)
  const message = [...describeHealth(route), ...describeLoad(route), ...describeEnd(route), ...drift].join(
    '; ',
  )
  if (route.breaker === 'open') {
    const advice =
      'It fails every call and is only probed. Read the error; its orders take other routes meanwhile.'
    return { name, status: 'warn', message: `breaker open; ${message}`, advice }
  }
  const { lastFailure, lastSuccessAt } = route
  const isFailing =
    lastFailure !== null &&
    now.getTime() - lastFailure.at.getTime() < recentMs &&
    (lastSuccessAt === null || lastSuccessAt < lastFailure.at)
  if (isFailing) return { name, status: 'warn', message, advice: 'Its last call failed. Read the error.' }
  if (drift.length > 0) {
    const advice = 'Look at what it makes now; a route with a version of its own stays as it is.'
    return { name, status: 'warn', message, advice }
  }
  return { name, status: 'ok', message }
}

function describeEnd({ told }: RouteRow): string[] {
  const overruled = describeOverruledEnd(told)
  if (overruled !== null) return [overruled]
  return told?.shutdownOn ? [`its upstream serves it no more from ${told.shutdownOn} on`] : []
}

/** As old as this, a change is what one is used to. */
const newVersionMs = 30 * 24 * recentMs

function describeDrift({ upstreamModel, told }: RouteRow, now: Date): string[] {
  if (!told?.version) return []
  const pinned = pinnedVersionOf(upstreamModel)
  if (pinned !== null)
    return pinned === told.version
      ? []
      : [`its upstream's latest version is ${told.version}, not the one of the route`]
  const { versionAt, versionBefore } = told
  if (!versionAt || !versionBefore || now.getTime() - versionAt.getTime() > newVersionMs) return []
  return [
    `its upstream serves the version ${told.version} since ${versionAt.toISOString()}, before it ${versionBefore}`,
  ]
}

function describeGone(
  name: string,
  { provider, upstreamModel }: RouteRow,
  { since, said, generationId }: NonNullable<RouteRow['gone']>,
): RouteReport {
  const message = `switched off since ${since.toISOString()}, when the order ${generationId} met it: ${said}`
  const advice = `Its orders take other routes, or are refused. Once it is there again, run \`models restore ${provider} ${upstreamModel}\`.`
  return { name, status: 'warn', message, advice }
}

function describeHealth({ lastSuccessAt, lastFailure }: RouteRow): string[] {
  if (!lastSuccessAt && !lastFailure) return [unusedRoute]
  return [
    lastSuccessAt ? `last success ${lastSuccessAt.toISOString()}` : 'no success yet',
    ...(lastFailure
      ? [`last error ${lastFailure.kind} ${lastFailure.at.toISOString()}: ${lastFailure.message}`]
      : []),
  ]
}

function describeLoad({ inFlight, waiting, pacing }: RouteRow): string[] {
  const atOnce = pacing?.maxInFlight == null ? '' : ` of ${pacing.maxInFlight}`
  const load = inFlight > 0 || pacing ? [`${inFlight}${atOnce} in flight`] : []
  if (pacing?.imagesPerMinute != null)
    load.push(`${pacing.imagesLastMinute} of ${pacing.imagesPerMinute} images in the last minute`)
  if (pacing?.imagesPerWindow) {
    const { images, seconds } = pacing.imagesPerWindow
    load.push(`${pacing.imagesLastWindow ?? 0} of ${images} images in the last ${seconds} seconds`)
  }
  if (waiting > 0) load.push(`${waiting} orders wait for it`)
  return load
}
