// Orders of which there is no row yet: their pictures are still being fetched, or they are being judged. A repeat that
// names no idempotency key has to know of them (join.ts), or it would buy what is about to be bought.
import type { Db } from '../db/db.ts'
import { AppError } from '../errors.ts'
import type { Dialect } from '../models/options.ts'
import type { Moderation } from '../moderation/moderation.ts'
import type { InputRequests } from '../uploads/input.ts'
import { sql } from './sql.ts'

type Announced = {
  id: string
  accountId: string
  apiKeyId: string | null
  dialect: Dialect
  fingerprint: Buffer
  idempotencyKey: string | null
  retryCount?: number
  inputs: InputRequests | null
}

/** Far longer than pictures may take; so long a repeat waits for an order whose process has died. */
const expiryS = 120

/**
 * Takes the order by `take`, announced meanwhile if a repeat could join it and anything takes time before its row is
 * there. One that may have been taken without our knowing stays announced, until it is found or the time is up.
 */
export async function announced<Result>(
  { db, moderation }: { db: Db; moderation: Pick<Moderation, 'checksInput'> },
  order: Announced,
  take: () => Promise<Result>,
): Promise<Result> {
  const { id, accountId, apiKeyId, dialect, fingerprint, retryCount } = order
  const isJoinable = retryCount !== undefined && apiKeyId !== null && order.idempotencyKey === null
  if (!isJoinable || !(order.inputs || moderation.checksInput)) return take()
  await db.query(sql.announce, [id, accountId, apiKeyId, dialect, fingerprint, retryCount, expiryS])
  let isKnown = true
  try {
    return await take()
  } catch (error) {
    isKnown = !(error instanceof AppError && error.options.generationId !== undefined)
    throw error
  } finally {
    // Behind the commit: who finds it gone finds the order.
    if (isKnown) await db.query(sql.withdraw, [id]).catch(() => {})
  }
}
