// The log of an endpoint: what was sent, what came of each attempt; a test event, and sending again what has ended.
import type { Db } from '../db/db.ts'
import { AppError, invalidField } from '../errors.ts'
import { isId, newId } from '../ids.ts'
import { challengeEventType } from './challenge.ts'
import { type Endpoint, getEndpoint } from './endpoints.ts'
import { type AttemptJson, type DeliveryRow, shownAttempts, sql } from './sql.ts'
import { takeFromWindows } from './windows.ts'

export { shownAttempts }

export const deliveryStates = ['pending', 'delivered', 'exhausted', 'dropped'] as const
export type DeliveryState = (typeof deliveryStates)[number]

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
  /** Null: no answer, or from before they were kept. */
  headers: Record<string, string> | null
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

/** Every attempt, oldest first; `nextCursor` counts those that were shown. Throws not_found and invalid_request. */
export async function listAttempts(
  db: Db,
  owner: Owner,
  { id, limit, cursor }: { id: string; limit: number; cursor: string | null },
): Promise<{ attempts: DeliveryAttempt[]; nextCursor: string | null }> {
  await getDelivery(db, owner, id)
  if (cursor !== null && !/^[1-9]\d{0,8}$/.test(cursor)) {
    throw invalidField('cursor', 'cursor is none of this list.')
  }
  const values = [id, Number(cursor ?? 0), limit + 1]
  const rows = await db.query<{ attempt: AttemptJson }>(sql.listAttempts, values)
  const shown = rows.slice(0, limit).map(({ attempt }) => toAttempt(attempt))
  return { attempts: shown, nextCursor: rows.length > limit ? String(shown.at(-1)?.n) : null }
}

/** Queues an event that is none, so that a receiver can be tried. */
export async function sendTest(
  needs: { db: Db; now: () => Date },
  { accountId, endpointId }: Owner,
): Promise<Delivery> {
  const endpoint = await getEnabled(needs.db, accountId, endpointId)
  await takeFromWindows(needs.db, accountId, endpoint.url)
  const id = newId(needs.now)
  const [row] = await needs.db.query<{ id: string | null }>(sql.queueTest, [id, endpoint.id, accountId])
  if (!row?.id) throw disabled()
  return getDelivery(needs.db, { accountId, endpointId }, id)
}

/** Sends one delivery again, under its old id. One that is still being tried is left alone. */
export async function resendDelivery(db: Db, owner: Owner, id: string): Promise<Delivery> {
  const { accountId, endpointId } = owner
  const { attemptCount, event } = await getDelivery(db, owner, id)
  const endpoint = await getEnabled(db, accountId, endpointId)
  if (event === challengeEventType) {
    throw invalidField('deliveryId', 'A challenge is no event; ask for a new one.')
  }
  if (attemptCount >= maxAttempts) {
    throw invalidField('deliveryId', `A delivery of ${maxAttempts} attempts is not sent again.`, 'too_big')
  }
  await takeFromWindows(db, accountId, endpoint.url)
  await db.query(sql.resend, [endpointId, accountId, id, null, 1, maxAttempts])
  return getDelivery(db, owner, id)
}

/** Sends again what has failed since then, the oldest of it; answers how many. */
export async function resendFailed(
  db: Db,
  { accountId, endpointId }: Owner,
  { since, atMost = resendAtMost }: { since: Date; atMost?: number },
): Promise<number> {
  const { url } = await getEnabled(db, accountId, endpointId)
  await takeFromWindows(db, accountId, url)
  const values = [endpointId, accountId, null, since, atMost, maxAttempts]
  const [row] = await db.query<{ count: number }>(sql.resend, values)
  return row?.count ?? 0
}

async function getEnabled(db: Db, accountId: string, id: string): Promise<Endpoint> {
  const endpoint = await getEndpoint(db, accountId, id)
  if (!endpoint.enabled) throw disabled()
  if (endpoint.ownership === 'pending') {
    throw invalidField('ownership', 'The webhook has not echoed its challenge yet and is sent nothing else.')
  }
  return endpoint
}

function disabled(): AppError {
  return invalidField('enabled', 'The webhook is disabled and is sent nothing; enable it first.')
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
    attempts: (row.log ?? []).map(toAttempt),
    createdAt: row.created_at,
    endedAt: row.ended_at,
  }
}

function toAttempt(row: AttemptJson): DeliveryAttempt {
  const { started_at: startedAt, duration_ms: durationMs, ...same } = row
  return { ...same, startedAt: new Date(startedAt), durationMs }
}
