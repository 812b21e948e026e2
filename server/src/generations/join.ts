// Repeats that name no idempotency key. An SDK that heard no answer sends its POST again and only says how often: such a
// repeat joins the order it repeats, so that one call of a customer is one generation and one charge.
import type { Dialect } from '../models/options.ts'
import type { Generation } from './generation.ts'
import { findRow, type GenerationRow, sql, toGeneration } from './sql.ts'

type JoinNeeds = { db: Parameters<typeof findRow>[0] }

export type Repeat = {
  accountId: string
  apiKeyId: string | null
  dialect: Dialect
  fingerprint: Buffer
  /** At least 1. */
  retryCount: number
}

/** An SDK gives up long before; an older twin is another call. */
const maxAgeS = 600
/** How long an order that has ended without being heard waits for its repeat: longer than SDKs back off. */
const keptS = 60
/**
 * The last byte of an answer has left, and may be lost on the way all the same. An SDK that heard nothing asks again
 * about a second later; until then nobody can tell that it did.
 */
const doubtS = 3

/**
 * The order that this repeats, now joined, or null: then it is an order of its own. Identical calls in parallel are
 * legitimate, so each retry takes another order than the same retry of its twins; a later retry of the same call
 * finds again what an earlier one joined. Orders whose caller has hung up come first, then those that have ended and were
 * not sent, then open ones, and last those whose answer has just left in full; of each the oldest.
 */
export async function joinRepeat({ db }: JoinNeeds, repeat: Repeat): Promise<Generation | null> {
  const { accountId, apiKeyId, dialect, fingerprint, retryCount } = repeat
  const values = [accountId, apiKeyId, dialect, fingerprint, retryCount, maxAgeS, keptS, doubtS]
  const row = await findRow<GenerationRow>(db, sql.join, values)
  return row ? toGeneration(row) : null
}

/** Notes that the caller hung up unanswered. */
export async function noteCallerLeft({ db }: JoinNeeds, generationId: string): Promise<void> {
  await db.query(sql.noteLeft, [generationId])
}
