// Repeats that name no idempotency key. An SDK that heard no answer sends its POST again and only says how often: such a
// repeat joins the order it repeats, so that one call of a customer is one generation and one charge.
import { AppError } from '../errors.ts'
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
/** Between two looks for an order that is on its way. */
const pauseMs = 250

/**
 * The order that this repeats, now joined, or null: then it is an order of its own. Identical calls in parallel are
 * legitimate, so each retry takes another order than the same retry of its twins; a later retry of the same call
 * finds again what an earlier one joined. Orders whose caller has hung up come first, then those that have ended and were
 * not sent, then open ones, and last those whose answer has just left in full; of each the oldest. While the same call
 * is on its way without a row (announce.ts), this waits, at most until `signal`: nothing is bought for who has gone.
 */
export async function joinRepeat(
  { db }: JoinNeeds,
  repeat: Repeat,
  signal?: AbortSignal,
): Promise<Generation | null> {
  const { accountId, apiKeyId, dialect, fingerprint, retryCount } = repeat
  const values = [accountId, apiKeyId, dialect, fingerprint, retryCount, maxAgeS, keptS, doubtS]
  for (;;) {
    // Looked at before the rows: what is announced no longer has its row by then, or will never have one.
    const coming = await findRow(db, sql.isAnnounced, values.slice(0, 5))
    const row = await findRow<GenerationRow>(db, sql.join, values)
    if (row) return toGeneration(row)
    if (!coming) return null
    await new Promise(resolve => setTimeout(resolve, pauseMs))
    if (signal?.aborted) throw new AppError('unavailable', 'The caller has gone.')
  }
}

/** Notes that the caller hung up unanswered. */
export async function noteCallerLeft({ db }: JoinNeeds, generationId: string): Promise<void> {
  await db.query(sql.noteLeft, [generationId])
}
