// The log of an endpoint: what was sent, what came of each attempt; a test event, and sending again what has ended.
import type { Db } from '../db/db.ts'
import { AppError, invalidField } from '../errors.ts'
import { isId, newId } from '../ids.ts'
import { type Endpoint, getEndpoint } from './endpoints.ts'
import { type DeliveryRow, shownAttempts, sql } from './sql.ts'

export { shownAttempts }

export const deliveryStates = ['pending', 'delivered', 'exhausted', 'dropped'] as const
export type DeliveryState = (typeof deliveryStates)[number]

/**
 * Test events and resends in a minute: of one account, and to one host, whoever asks. Nobody hammers somebody else's
 * server through us, and nobody alone uses up what others may send to a host that they share.
 */
const perMinute = { account: 10, host: 60 }
/** A delivery that was tried so often is not sent again. */
export const maxAttempts = 50
/** Of one call; a caller who has more to send again calls again. */
export const resendAtMost = 1_000

export type DeliveryAttempt = {
  n: number
  startedAt: Date
  durationMs: number
  status: number | null
  error: string | null
  answer: string | null
}

export type Delivery = {
  id: string
  event: string
  /** Null: a test. */
  generationId: string | null
  state: DeliveryState
  /** Null once it has ended. */
  nextAttemptAt: Date | null
  attemptCount: number
  /** The newest, oldest first. */
  attempts: DeliveryAttempt[]
  createdAt: Date
  endedAt: Date | null
}

export type DeliveryPage = { limit: number; state: DeliveryState | null; cursor: string | null }

type Owner = { accountId: string; endpointId: string }

/** Newest first. Throws not_found for the endpoint, invalid_request for a cursor that no page ended with. */
export async function listDeliveries(
  db: Db,
  { accountId, endpointId }: Owner,
  page: DeliveryPage,
): Promise<{ deliveries: Delivery[]; nextCursor: string | null }> {
  const { id } = await getEndpoint(db, accountId, endpointId)
  const after = page.cursor === null ? [null, null] : readCursor(page.cursor)
  // One more than asked for tells whether there is a next page.
  const values = [id, accountId, page.state, ...after, page.limit + 1]
  const rows = await db.query<DeliveryRow>(sql.listDeliveries, values)
  const shown = rows.slice(0, page.limit)
  const last = rows.length > page.limit ? shown.at(-1) : undefined
  return { deliveries: shown.map(toDelivery), nextCursor: last ? writeCursor(last) : null }
}

/** Throws not_found. */
export async function getDelivery(db: Db, { accountId, endpointId }: Owner, id: string): Promise<Delivery> {
  const found = isId(endpointId) && isId(id)
  const [row] = found ? await db.query<DeliveryRow>(sql.findDelivery, [id, endpointId, accountId]) : []
  if (!row) throw new AppError('not_found', 'There is no such delivery.')
  return toDelivery(row)
}

/** Queues an event that is none, so that a receiver can be tried. */
export async function sendTest(
  needs: { db: Db; now: () => Date },
  { accountId, endpointId }: Owner,
): Promise<Delivery> {
  const endpoint = await getEnabled(needs.db, accountId, endpointId)
  await takeFromWindows(needs.db, accountId, endpoint)
  const id = newId(needs.now)
  const [row] = await needs.db.query<{ id: string | null }>(sql.queueTest, [id, endpoint.id, accountId])
  if (!row?.id) throw disabled()
  return getDelivery(needs.db, { accountId, endpointId }, id)
}

/** Sends one delivery again, under its old id. One that is still being tried is left alone. */
export async function resendDelivery(db: Db, owner: Owner, id: string): Promise<Delivery> {
  const { accountId, endpointId } = owner
  const { attemptCount } = await getDelivery(db, owner, id)
  const endpoint = await getEnabled(db, accountId, endpointId)
  if (attemptCount >= maxAttempts) {
    throw invalidField('deliveryId', `A delivery of ${maxAttempts} attempts is not sent again.`, 'too_big')
  }
  await takeFromWindows(db, accountId, endpoint)
  await db.query(sql.resend, [endpointId, accountId, id, null, 1, maxAttempts])
  return getDelivery(db, owner, id)
}

/** Sends again what has failed since then, the oldest of it; answers how many. */
export async function resendFailed(
  db: Db,
  { accountId, endpointId }: Owner,
  { since, atMost = resendAtMost }: { since: Date; atMost?: number },
): Promise<number> {
  await takeFromWindows(db, accountId, await getEnabled(db, accountId, endpointId))
  const values = [endpointId, accountId, null, since, atMost, maxAttempts]
  const [row] = await db.query<{ count: number }>(sql.resend, values)
  return row?.count ?? 0
}

async function getEnabled(db: Db, accountId: string, id: string): Promise<Endpoint> {
  const endpoint = await getEndpoint(db, accountId, id)
  if (!endpoint.enabled) throw disabled()
  return endpoint
}

function disabled(): AppError {
  return invalidField('enabled', 'The webhook is disabled and is sent nothing; enable it first.')
}

/** Throws rate_limited. A call that sends many again counts once: what arrives of them is not sent a third time. */
async function takeFromWindows(db: Db, accountId: string, { url }: Endpoint): Promise<void> {
  const values = [accountId, new URL(url).host, perMinute.account, perMinute.host]
  const [row] = await db.query<{ wait_s: number }>(sql.takeFromWindows, values)
  const retryAfterSeconds = row?.wait_s ?? 0
  if (retryAfterSeconds === 0) return
  throw new AppError('rate_limited', 'Enough test events and resends for now; wait a minute.', {
    retryAfterSeconds,
  })
}

/** Where a page ended, opaque to callers; as exact as the database has it. */
function writeCursor({ place, id }: DeliveryRow): string {
  return Buffer.from(`${place}/${id}`).toString('base64url')
}

const placePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/

function readCursor(cursor: string): [string, string] {
  const [place = '', id = ''] = Buffer.from(cursor, 'base64url').toString('latin1').split('/')
  if (!isPlace(place) || !isId(id)) throw invalidField('cursor', 'cursor is none of this list.')
  return [place, id]
}

/** A day that no month has is another day to Date, and none to the database. */
function isPlace(text: string): boolean {
  const at = placePattern.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at) || text.startsWith('0000')) return false
  return new Date(at).toISOString().slice(0, 19) === text.slice(0, 19)
}

function toDelivery(row: DeliveryRow): Delivery {
  return {
    id: row.id,
    event: row.type,
    generationId: row.generation_id,
    state: deliveryStates.find(state => state === row.state) ?? 'dropped',
    nextAttemptAt: row.ended_at ? null : row.due_at,
    attemptCount: row.attempts,
    attempts: (row.log ?? []).map(attempt => ({
      n: attempt.n,
      startedAt: new Date(attempt.started_at),
      durationMs: attempt.duration_ms,
      status: attempt.status,
      error: attempt.error,
      answer: attempt.answer,
    })),
    createdAt: row.created_at,
    endedAt: row.ended_at,
  }
}
