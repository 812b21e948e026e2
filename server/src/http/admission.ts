// The door: who calls (one statement, which also counts the request against its window), and with which scope.
import {
  type AuthenticatedKey,
  authenticateKey,
  findBearer,
  type RateRule,
} from '../accounts/authenticate.ts'
import type { KeyScope } from '../accounts/keys.ts'
import type { LastUsed } from '../accounts/last-used.ts'
import type { Db } from '../db/db.ts'
import { AppError } from '../errors.ts'
import type { HttpContext } from './context.ts'

export type AdmissionNeeds = { db: Db; lastUsed: LastUsed }

/** Throws unauthorized for every bad credential alike, rate_limited, or forbidden for a missing scope. */
export async function admit(
  needs: AdmissionNeeds,
  context: HttpContext,
  rule: { rate: RateRule | null; scope: KeyScope },
): Promise<AuthenticatedKey> {
  const caller = await authenticateKey(needs.db, presentedKey(context), rule.rate)
  if (!caller) throw new AppError('unauthorized')
  // Before the refusals: their answers, too, may show the state of the window.
  context.set('caller', caller)
  needs.lastUsed.note(caller.keyId)
  if (caller.rate && !caller.rate.allowed) {
    throw new AppError('rate_limited', undefined, { retryAfterSeconds: caller.rate.retryAfterSeconds })
  }
  if (!caller.scopes.includes(rule.scope)) {
    throw new AppError('forbidden', `The API key lacks the scope "${rule.scope}".`)
  }
  return caller
}

/** Two Authorization headers are no credential: Node keeps the first, a proxy may keep the last. */
function presentedKey(context: HttpContext): string | null {
  const raw = context.env.incoming.rawHeaders
  const times = raw.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'authorization').length
  return times === 1 ? findBearer(context.req.header('authorization')) : null
}
