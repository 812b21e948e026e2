// How many requests customers can make us send at their word, in a minute: test events, resends, challenges.
import type { Db } from '../db/db.ts'
import { AppError } from '../errors.ts'
import { hostOf } from './host-pace.ts'
import { sql } from './sql.ts'

/**
 * Of one account, and to one host, whoever asks. Nobody hammers somebody else's server through us, and nobody alone
 * uses up what others may send to a host that they share.
 */
const perMinute = { account: 10, host: 60 }

/** Throws rate_limited. A call that sends many again counts once: what arrives of them is not sent a third time. */
export async function takeFromWindows(db: Db, accountId: string, url: string): Promise<void> {
  const [row] = await db.query<{ wait_s: number }>(sql.takeFromWindows, [accountId, ...toWindowValues(url)])
  const waitS = row?.wait_s ?? 0
  if (waitS > 0) throw usedUp(waitS)
}

/** The host and both limits, for a statement that takes for itself. */
export function toWindowValues(url: string): [string, number, number] {
  return [hostOf(url), perMinute.account, perMinute.host]
}

export function usedUp(retryAfterSeconds: number): AppError {
  return new AppError('rate_limited', 'Enough test events, resends and challenges for now; wait a minute.', {
    retryAfterSeconds,
  })
}
