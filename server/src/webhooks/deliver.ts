// Sends deliveries: claims what is due while there is room, one place for each attempt, few places for each endpoint,
// so that a receiver that hangs delays nobody else. Leases and epochs decide; whoever dies has its work sent again.
import { setTimeout as pause } from 'node:timers/promises'
import type { Db } from '../db/db.ts'
import { gatherOn } from '../db/gather.ts'
import { fp } from '../failpoints.ts'
import { type OutboundClient, OutboundError } from '../outbound.ts'
import type { Seal } from '../seal.ts'
import { readBeginning, toKeptHeaders, toKeptText } from './answer.ts'
import { challengeEventType, isEcho, newChallenge, renderChallenge } from './challenge.ts'
import { type FindFacts, renderGenerationEvent, renderTestEvent } from './events.ts'
import { createHostPace, type HostPace } from './host-pace.ts'
import type { DeliveryEvents } from './observe.ts'
import { challengePolicy, decideNext, type NextStep, type Policy, policies } from './policy.ts'
import { signedHeaders } from './sign.ts'
import { type ClaimedRow, type FinishedRow, sql } from './sql.ts'

export type DelivererNeeds = {
  db: Db
  http: OutboundClient
  seal: Seal
  events: DeliveryEvents
  findFacts: FindFacts
  now: () => Date
  random: () => number
  processName: string
  leaseMs: number
}

export type Deliverer = {
  /** Claims and sends what is due while there is room. One at a time; a wake-up during one makes it look once more. */
  fill(): Promise<void>
  /** Claims nothing more; resolves when the last attempt has ended or the time is up. */
  stop(graceMs: number): Promise<void>
}

/** Attempts at one endpoint at a time, in this process: few, since it may hang. */
const placesPerEndpoint = 16
/** More of them while it answers at once, so that a burst does not wait; at most half of all places. */
const placesPerQuickEndpoint = 64
const quickMs = 1_000
/** More than this in an answer's head already ends it. */
const maxAnswerBytes = 64 * 1_024
const firstEndpoint = '00000000-0000-0000-0000-000000000000'

export function createDeliverer(needs: DelivererNeeds, { places }: { places: number }): Deliverer {
  const held = holdPlaces(places)
  const pace = createHostPace(() => performance.now())
  const running = new Set<Promise<void>>()
  let filling: Promise<void> | null = null
  let again = false
  let stopped = false
  let cursor = firstEndpoint

  function start(row: ClaimedRow, body: string | null): void {
    held.take(row.endpoint_id)
    const work = attempt(needs, pace, { row, body })
      .then(isQuick => held.noteQuick(row.endpoint_id, isQuick))
      .catch(error => needs.events.workFailed(row.id, error))
      .finally(() => {
        running.delete(work)
        held.giveBack(row.endpoint_id)
        // Whatever waited for a place, of the process or of the endpoint, is due.
        fill().catch(error => needs.events.workFailed('claim', error))
      })
    running.add(work)
  }

  /** Whether there may be more. */
  async function claimOnce(): Promise<boolean> {
    const limit = places - running.size
    const rows = await needs.db.query<ClaimedRow>(sql.claim, [
      ...[needs.processName, needs.leaseMs, limit, placesPerEndpoint, cursor],
      ...held.list(),
    ])
    const bodies = await renderAll(needs, rows)
    for (const row of rows) {
      if (row.state === 'pending') start(row, bodies.get(row.id) ?? null)
      else needs.events.deliveryEnded(row.state)
    }
    const wasAtStart = cursor === firstEndpoint
    // A full catch may have left endpoints behind it unseen; a short one has come to the end.
    const last = rows.reduce((max, row) => (row.endpoint_id > max ? row.endpoint_id : max), firstEndpoint)
    cursor = rows.length === limit ? last : firstEndpoint
    // Those of an endpoint that was disabled are dropped a few at a time, and hold no place.
    return rows.length === limit || rows.some(({ state }) => state !== 'pending') || !wasAtStart
  }

  async function drain(): Promise<void> {
    do {
      again = false
      while (!stopped && running.size < places) if (!(await claimOnce())) break
    } while (again && !stopped && running.size < places)
  }

  function fill(): Promise<void> {
    if (stopped || places === 0) return Promise.resolve()
    again = true
    filling ??= drain().finally(() => {
      filling = null
    })
    return filling
  }

  return {
    fill,
    async stop(graceMs) {
      stopped = true
      await filling?.catch(() => undefined)
      await atMost(graceMs, Promise.all(running))
    },
  }
}

/** How many attempts are under way at each endpoint, and which of them have answered at once. */
function holdPlaces(places: number) {
  const held = new Map<string, number>()
  const quick = new Set<string>()
  const bonus = Math.max(0, Math.min(placesPerQuickEndpoint, Math.floor(places / 2)) - placesPerEndpoint)
  return {
    take: (endpointId: string) => void held.set(endpointId, (held.get(endpointId) ?? 0) + 1),
    giveBack(endpointId: string) {
      const left = (held.get(endpointId) ?? 1) - 1
      if (left > 0) return void held.set(endpointId, left)
      held.delete(endpointId)
      quick.delete(endpointId)
    },
    noteQuick(endpointId: string, isQuick: boolean) {
      if (isQuick) quick.add(endpointId)
      else quick.delete(endpointId)
    },
    /** The endpoints and the places each has taken, less those it has earned. */
    list: (): [string[], number[]] => [
      [...held.keys()],
      [...held].map(([endpointId, count]) => (quick.has(endpointId) ? count - bonus : count)),
    ],
  }
}

/** Resolves when the work has ended or the time is up. */
async function atMost(graceMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeUp = new Promise<void>(resolve => {
    timer = setTimeout(resolve, graceMs)
  })
  await Promise.race([work, timeUp])
  clearTimeout(timer)
}

/** True when it arrived and was answered at once. */
async function attempt(
  needs: DelivererNeeds,
  pace: HostPace,
  { row, body }: { row: ClaimedRow; body: string | null },
): Promise<boolean> {
  const ids = { deliveryId: row.id, endpointId: row.endpoint_id }
  if (body === null) {
    await needs.db.query(sql.drop, [row.id, row.epoch])
    needs.events.deliveryEnded('dropped')
    return false
  }
  const challenge = row.type === challengeEventType ? newChallenge() : null
  const policy = challenge === null ? policies[row.policy] : challengePolicy
  const waitMs = pace.takeTurn(row.url)
  if (waitMs > 0) await pause(waitMs)
  const startedAt = needs.now()
  const begunMs = performance.now()
  if (__FAILPOINTS__) await fp('webhook.before')
  const asked = challenge === null ? body : renderChallenge(row.endpoint_id, challenge, row.created_at)
  const sent = await send(needs, { row, body: asked, startedAt, timeoutMs: policy.timeoutMs, challenge })
  if (__FAILPOINTS__) await fp('webhook.after')
  // A status alone, without the echo, is as good as none.
  const outcome = sent.error === null ? sent : { status: null, retryAfter: null }
  const next = decideNext(policy, outcome, { tries: row.tries + 1, random: needs.random() })
  const tried = { row, sent, startedAt, durationMs: Math.round(performance.now() - begunMs), policy }
  const finished = next.ok ? await finishArrived(needs.db, tried) : await finishFailed(needs.db, tried, next)
  const isQuick = next.ok && tried.durationMs < quickMs
  if (!finished) return isQuick
  needs.events.attemptEnded(ids, {
    result: next.ok ? 'succeeded' : 'failed',
    status: sent.status,
    error: sent.error,
  })
  if (finished.state !== 'pending') needs.events.deliveryEnded(finished.state)
  if (finished.disabled) needs.events.endpointDisabled(ids)
  return isQuick
}

type Tried = { row: ClaimedRow; sent: Sent; startedAt: Date; durationMs: number; policy: Policy }

/** Most deliveries arrive, and many end at once: they are noted together. Null = taken from us meanwhile. */
const finishArrived = gatherOn<Tried, FinishedRow | null>(async (db, tried) => {
  // Rows of endpoints are locked in one order by all who lock several.
  const sorted = tried.toSorted((a, b) => (a.row.endpoint_id < b.row.endpoint_id ? -1 : 1))
  const column = <Value>(pick: (each: Tried) => Value) => sorted.map(pick)
  const rows = await db.query<FinishedRow & { id: string }>(sql.finishArrived, [
    ...[column(({ row }) => row.id), column(({ row }) => row.epoch), column(({ row }) => row.endpoint_id)],
    ...[
      column(({ sent }) => sent.status),
      column(({ sent }) => sent.answer),
      column(({ sent }) => sent.headers),
    ],
    ...[column(({ startedAt }) => startedAt), column(({ durationMs }) => durationMs)],
  ])
  const found = new Map(rows.map(row => [row.id, row]))
  return tried.map(({ row }) => found.get(row.id) ?? null)
})

async function finishFailed(
  db: Db,
  { row, sent, startedAt, durationMs, policy }: Tried,
  next: NextStep,
): Promise<FinishedRow | null> {
  const { maxFailures, maxFailingMs } = policy
  const [finished] = await db.query<FinishedRow>(sql.finish, [
    ...[row.id, row.epoch, row.endpoint_id, false, sent.status, sent.error, sent.answer, sent.headers],
    ...[startedAt, durationMs, next.delayMs],
    ...[maxFailures, maxFailingMs === null ? null : maxFailingMs / 1000, next.gone],
  ])
  return finished ?? null
}

/** By delivery; the same bytes for every attempt as long as the generation is as it was, none when it is no more. */
async function renderAll(needs: DelivererNeeds, rows: ClaimedRow[]): Promise<Map<string, string>> {
  const ids = rows.flatMap(row => row.generation_id ?? [])
  const facts = ids.length > 0 ? await needs.findFacts(ids) : null
  return new Map(
    rows.flatMap(row => {
      const id = row.generation_id
      // Each attempt makes a challenge of its own.
      if (row.type === challengeEventType) return [[row.id, ''] as const]
      if (id === null) return [[row.id, renderTestEvent(row.endpoint_id, row.created_at)] as const]
      const found = facts?.get(id)
      return found ? [[row.id, renderGenerationEvent(row.type, found)] as const] : []
    }),
  )
}

type Sent = {
  status: number | null
  retryAfter: string | null
  error: string | null
  answer: string | null
  /** JSON. */
  headers: string | null
}

/** The status decides, whatever becomes of the rest of the answer. */
async function send(
  needs: DelivererNeeds,
  delivery: { row: ClaimedRow; body: string; startedAt: Date; timeoutMs: number; challenge: string | null },
): Promise<Sent> {
  const { row, body, startedAt, timeoutMs, challenge } = delivery
  const secrets = {
    current: needs.seal.open(row.secret),
    old: row.old_secret === null ? null : needs.seal.open(row.old_secret),
  }
  try {
    const response = await needs.http.request({
      method: 'POST',
      url: row.url,
      trust: 'customer',
      headers: signedHeaders(secrets, { id: row.id, event: row.type, body, sentAt: startedAt }),
      body,
      connectTimeoutMs: timeoutMs,
      timeoutMs,
      maxBodyBytes: maxAnswerBytes,
    })
    const answer = await readBeginning(response)
    const { status, headers } = response
    const isMissed = challenge !== null && !isEcho(answer, challenge)
    return {
      status,
      retryAfter: headers['retry-after'] ?? null,
      error: isMissed ? 'not_echoed' : null,
      answer: toKeptText(answer),
      headers: toKeptHeaders(headers),
    }
  } catch (error) {
    // Given up by our own stop: nothing is known of the receiver, and whoever takes it up tries again.
    if (!(error instanceof OutboundError) || error.code === 'aborted') throw error
    return { status: null, retryAfter: null, error: errorWords[error.code], answer: null, headers: null }
  }
}

/** All that an owner learns of a failed connection: nothing of what lies where their URL led. */
const errorWords: Record<Exclude<OutboundError['code'], 'aborted'>, string> = {
  blocked: 'blocked_address',
  unreachable: 'unreachable',
  reset: 'connection_lost',
  timeout: 'timeout',
  too_large: 'connection_lost',
}
