// Who calls, and may they call now: one statement for all who ask at once, no cache. Every reason for refusal gives the
// same null, so that nobody learns which keys exist.
import type { Db, Queryable } from '../db/db.ts'
import { gatherOn } from '../db/gather.ts'
import type { AllowedModels } from './allowed-models.ts'
import type { KeyScope } from './keys.ts'
import type { PlanRates } from './plans.ts'
import type { KeyStyle } from './secret.ts'
import { hashSecret, isWellFormedSecret } from './secret.ts'
import type { SpendCap } from './spend-caps.ts'
import * as sql from './sql.ts'

/** What to count a request against. A key's own limit, if it has one, replaces `requests` and `windowS`. */
export type RateRule = {
  /** Each dialect counts by itself. */
  dialect: string
  /** `account`: all keys of the account share the window, save those with a limit of their own. */
  per: 'key' | 'account'
  /** Zero = no limit. */
  requests: number
  /** Seconds, from the full second of a window's first request. */
  windowS: number
}

export type CountedRule = RateRule & {
  /** False: the window is shown as it is and the request takes nothing from it. */
  isCounted?: boolean
  /** Limits by plan: for keys without one of their own, in place of the rule's. */
  byPlan?: PlanRates | null
}

export type RateState = {
  limit: number
  /** Requests left in the window after this one. */
  remaining: number
  resetAt: Date
  /** Whole seconds to the window's end, at least 1: a caller that waits so long is admitted. */
  retryAfterSeconds: number
  /** False = refuse this request with `rate_limited`. */
  allowed: boolean
}

export type AuthenticatedKey = {
  accountId: string
  plan: string
  keyId: string
  style: KeyStyle
  scopes: KeyScope[]
  /** Generations at once, of this key alone: null = it has no number of its own, zero = no cap. */
  inFlightCap: number | null
  /** The same by its account's plan, for keys without a number of their own; null until the plan is known, too. */
  planInFlightCap: number | null
  /** Caps on what the key, and its account by its plan, may spend: every order takes them along. */
  spendCaps: SpendCap[]
  allowedModels: AllowedModels
  /** Null when no rule was given or no limit applies. */
  rate: RateState | null
}

type AdmittedRow = {
  /** Whose answer it is, counted from one. */
  at: number
  account_id: string
  plan: string
  key_id: string
  style: KeyStyle
  scopes: KeyScope[]
  in_flight_cap: number | null
  cap_day: number | null
  cap_month: number | null
  models: string[] | null
  rate_limit: number | null
  rate_remaining: number
  rate_reset_at: Date
  rate_retry_after_s: number
  rate_allowed: boolean
}

const bearerPattern = /^bearer +(\S+) *$/i

/** The credential of an `Authorization` header, or null when there is none of that scheme. */
export function findBearer(authorization: string | null | undefined): string | null {
  return bearerPattern.exec(authorization ?? '')?.[1] ?? null
}

/**
 * The key behind a presented secret, having taken one request from its window when a rule is given. Null for a
 * missing, malformed, unknown, revoked or expired secret and for a closed account.
 */
export async function authenticateKey(
  db: Db,
  presented: string | null,
  rule: CountedRule | null,
): Promise<AuthenticatedKey | null> {
  if (presented === null || !isWellFormedSecret(presented)) return null
  const hash = hashSecret(presented)
  const row = rule ? await doorOf(rule.byPlan ?? null)(db, { hash, rule }) : await findKey(db, hash)
  if (row === null) return null
  return {
    accountId: row.account_id,
    plan: row.plan,
    keyId: row.key_id,
    style: row.style,
    scopes: row.scopes,
    inFlightCap: row.in_flight_cap,
    planInFlightCap: null,
    spendCaps: toSpendCaps(row),
    allowedModels: row.models,
    rate: row.rate_limit === null ? null : toRateState(row, row.rate_limit),
  }
}

type Asked = { hash: Buffer; rule: CountedRule }

/** In the order of the questions; null = no such key. */
function sortOut(rows: AdmittedRow[], count: number): (AdmittedRow | null)[] {
  const answers: (AdmittedRow | null)[] = Array.from({ length: count }, () => null)
  for (const row of rows) answers[row.at - 1] = row
  return answers
}

const findKey = gatherOn<Buffer, AdmittedRow | null>(async (db, hashes) =>
  sortOut(await db.query<AdmittedRow>(sql.findAskedKeys, [hashes]), hashes.length),
)

/** One for each table of plans; a process has one. */
const doors = new Map<PlanRates | null, (db: Queryable, asked: Asked) => Promise<AdmittedRow | null>>()

function doorOf(byPlan: PlanRates | null) {
  const door = doors.get(byPlan) ?? openDoor(byPlan && JSON.stringify(byPlan))
  doors.set(byPlan, door)
  return door
}

function openDoor(byPlan: string | null) {
  return gatherOn<Asked, AdmittedRow | null>(async (db, asked) => {
    const rules = asked.map(({ rule }) => rule)
    const rows = await db.query<AdmittedRow>(sql.admitRequests, [
      asked.map(({ hash }) => hash),
      rules.map(rule => rule.dialect),
      rules.map(rule => rule.per === 'account'),
      rules.map(rule => rule.requests),
      rules.map(rule => rule.windowS),
      rules.map(rule => rule.isCounted ?? true),
      byPlan,
    ])
    return sortOut(rows, asked.length)
  })
}

function toSpendCaps({ key_id, cap_day, cap_month }: AdmittedRow): SpendCap[] {
  const scope = `key:${key_id}`
  const caps: SpendCap[] = []
  if (cap_day !== null) caps.push({ scope, period: 'day', credits: cap_day })
  if (cap_month !== null) caps.push({ scope, period: 'month', credits: cap_month })
  return caps
}

function toRateState(row: AdmittedRow, limit: number): RateState {
  return {
    limit,
    remaining: row.rate_remaining,
    resetAt: row.rate_reset_at,
    retryAfterSeconds: row.rate_retry_after_s,
    allowed: row.rate_allowed,
  }
}
