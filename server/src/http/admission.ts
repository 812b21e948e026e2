// The door: who calls (one statement, which also counts the request against its window), and with which scope.
import {
  type AuthenticatedKey,
  authenticateKey,
  findBearer,
  type RateRule,
} from '../accounts/authenticate.ts'
import type { KeyScope } from '../accounts/keys.ts'
import type { LastUsed } from '../accounts/last-used.ts'
import { monthlyCapOf, type Plans } from '../accounts/plans.ts'
import { type KeyStyle, styleOfSecret } from '../accounts/secret.ts'
import { sqlStateOf } from '../db/database-error.ts'
import type { Db } from '../db/db.ts'
import { AppError } from '../errors.ts'
import type { HttpContext } from './context.ts'

export type AdmissionNeeds = { db: Db; lastUsed: LastUsed; plans: Plans }

export type AdmissionRule = {
  rate: RateRule | null
  scope: KeyScope
  /** False: the window is only looked at, and nobody is refused by it. */
  isCounted?: boolean
}

/**
 * The caller, with the limits of its plan where the key has none of its own. Throws unauthorized for every bad
 * credential alike, rate_limited, or forbidden for a missing scope.
 */
export async function admit(
  needs: AdmissionNeeds,
  context: HttpContext,
  rule: AdmissionRule,
): Promise<AuthenticatedKey> {
  const found = await authenticate(needs, presentedKey(context), rule)
  if (!found) throw new AppError('unauthorized')
  const caller = withPlan(found, needs.plans)
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

/** For `catch` where a call is answered alike whoever makes it: a stranger, or a key without the scope, is no error. */
export function passUnknown(error: unknown): void {
  const isUnknown = error instanceof AppError && ['unauthorized', 'forbidden'].includes(error.code)
  if (!isUnknown) throw error
}

/** A limiter whose table is locked refuses orders; reads cost nothing and stay open, uncounted. */
async function authenticate(
  { db, plans }: AdmissionNeeds,
  presented: string | null,
  { rate, scope, isCounted = true }: AdmissionRule,
): Promise<AuthenticatedKey | null> {
  try {
    return await authenticateKey(db, presented, rate && { ...rate, isCounted, byPlan: plans.rates })
  } catch (error) {
    if (scope !== 'read' || sqlStateOf(error) !== lockNotAvailable) throw error
    // Without a rule nothing is counted, not even against a limit of the key's own.
    return authenticateKey(db, presented, null)
  }
}

function withPlan(key: AuthenticatedKey, plans: Plans): AuthenticatedKey {
  const plan = plans.find(key.plan)
  return {
    ...key,
    planInFlightCap: plan.inFlight === 'off' ? 0 : plan.inFlight,
    spendCaps: [...key.spendCaps, ...monthlyCapOf(plan, key.accountId)],
  }
}

const lockNotAvailable = '55P03'

/** The style that the presented key claims by its first letters, genuine or not; null for none. Proves nothing. */
export function readPresentedStyle(context: HttpContext): KeyStyle | null {
  const presented = presentedKey(context)
  return presented === null ? null : styleOfSecret(presented)
}

/** Two Authorization headers are no credential: Node keeps the first, a proxy may keep the last. */
function presentedKey(context: HttpContext): string | null {
  const raw = context.env.incoming.rawHeaders
  const times = raw.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'authorization').length
  return times === 1 ? findBearer(context.req.header('authorization')) : null
}
