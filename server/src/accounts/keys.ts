// API keys: made, listed, revoked. The secret leaves createKey once and exists nowhere else afterwards.
import type { Queryable, Tx } from '../db/db.ts'
import { AppError, invalidField } from '../errors.ts'
import { isId, newId } from '../ids.ts'
import type { KeyStyle } from './secret.ts'
import { displayPrefixOf, hashSecret, newSecret } from './secret.ts'
import * as sql from './sql.ts'

export const keyScopes = ['generate', 'read', 'admin'] as const
export type KeyScope = (typeof keyScopes)[number]

/** Named in the contracts. */
export const KEY_NAME_MAX_LENGTH = 64
/** A day: windows older than two are swept, so none may be longer. */
export const RATE_WINDOW_MAX_S = 86_400
/** PostgreSQL's `int`. */
const COUNT_MAX = 2_147_483_647
/** As much as an operator can grant at once. */
const CAP_MAX = 1_000_000_000
/** Three times the catalogue as shipped. */
const MODELS_MAX = 200

/** A limit of the key's own: null = the dialect's; `off` = none. */
export type RateOverride = { requests: number; windowS: number } | 'off' | null

export type KeyInput = {
  accountId: string
  style?: KeyStyle
  /** 1 to 64 characters. */
  name?: string
  scopes?: readonly KeyScope[]
  rate?: RateOverride
  /** Generations at once; null = the dialect's own cap. */
  inFlight?: number | 'off' | null
  /** Credits the key may spend in a day or month of the UTC calendar; null = no cap. */
  capDay?: number | null
  capMonth?: number | null
  expiresAt?: Date | null
  /** Public ids of the models it may be used for; null = every one. The caller has looked whether there are such. */
  models?: readonly string[] | null
}

export type ApiKey = {
  id: string
  accountId: string
  style: KeyStyle
  displayPrefix: string
  name: string
  scopes: KeyScope[]
  rate: RateOverride
  inFlight: number | 'off' | null
  capDay: number | null
  capMonth: number | null
  models: string[] | null
  createdAt: Date
  expiresAt: Date | null
  /** Its end has come. */
  expired: boolean
  lastUsedAt: Date | null
  revokedAt: Date | null
  /** `leaked`: somebody found it and reported it. Null too where it was revoked before reasons were noted. */
  revokedReason: 'operator' | 'leaked' | null
}

type KeyRow = {
  id: string
  account_id: string
  style: KeyStyle
  display_prefix: string
  name: string
  scopes: KeyScope[]
  rate_requests: number | null
  rate_window_s: number | null
  in_flight_cap: number | null
  cap_day: number | null
  cap_month: number | null
  models: string[] | null
  created_at: Date
  expires_at: Date | null
  expired: boolean
  last_used_at: Date | null
  revoked_at: Date | null
  revoked_reason: 'operator' | 'leaked' | null
}

function checkCount(path: string, value: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return
  throw invalidField(path, `must be a whole number from 1 to ${max}, or off`)
}

/** Zero is a cap: a key that may look and not buy. */
function checkCap(path: string, credits: number | null): void {
  if (credits === null || (Number.isSafeInteger(credits) && credits >= 0 && credits <= CAP_MAX)) return
  throw invalidField(path, `must be a whole number of credits from 0 to ${CAP_MAX}`)
}

/** Each is a text of the size of an id. */
function checkModels(models: readonly string[] | null): void {
  if (models === null) return
  const isGood =
    models.length >= 1 && models.length <= MODELS_MAX && models.every(id => /^.{1,200}$/.test(id))
  if (!isGood) throw invalidField('models', `must name 1 to ${MODELS_MAX} models`)
}

function checkKeyInput(input: KeyInput): void {
  if (!isId(input.accountId)) throw new AppError('not_found', 'There is no such account.')
  const nameLength = [...(input.name ?? 'x')].length
  if (nameLength < 1 || nameLength > KEY_NAME_MAX_LENGTH) {
    throw invalidField('name', `must have 1 to ${KEY_NAME_MAX_LENGTH} characters`)
  }
  if (input.scopes?.length === 0) throw invalidField('scopes', `must name some of ${keyScopes.join(', ')}`)
  checkModels(input.models ?? null)
  checkCap('capDay', input.capDay ?? null)
  checkCap('capMonth', input.capMonth ?? null)
  if (typeof input.inFlight === 'number') checkCount('inFlight', input.inFlight, COUNT_MAX)
  if (input.rate !== null && input.rate !== undefined && input.rate !== 'off') {
    checkCount('rate', input.rate.requests, COUNT_MAX - 1)
    checkCount('rate', input.rate.windowS, RATE_WINDOW_MAX_S)
  }
}

/** By the database's clock, which the end is measured by later. */
async function checkExpiry(tx: Tx, expiresAt: Date | null): Promise<void> {
  if (expiresAt === null) return
  const [row] = await tx.query<{ ahead: boolean }>(sql.isAhead, [expiresAt])
  if (row?.ahead !== true) throw invalidField('expiresAt', 'must lie in the future')
}

/** Makes a key and returns its secret for the only time. Throws not_found when the account is absent or closed. */
export async function createKey(
  needs: { tx: Tx; now: () => Date },
  input: KeyInput,
): Promise<{ keyId: string; apiKey: string }> {
  checkKeyInput(input)
  await checkExpiry(needs.tx, input.expiresAt ?? null)
  const style = input.style ?? 'default'
  const secret = newSecret(style)
  const rate = input.rate ?? null
  const [row] = await needs.tx.query<{ id: string }>(sql.insertKey, [
    newId(needs.now),
    input.accountId,
    hashSecret(secret),
    style,
    displayPrefixOf(secret),
    input.name ?? 'API key',
    input.scopes ?? ['generate', 'read'],
    rate === 'off' ? 0 : (rate?.requests ?? null),
    rate === 'off' ? null : (rate?.windowS ?? null),
    input.inFlight === 'off' ? 0 : (input.inFlight ?? null),
    input.expiresAt ?? null,
    input.capDay ?? null,
    input.capMonth ?? null,
    input.models ? [...new Set(input.models)] : null,
  ])
  if (row === undefined) throw new AppError('not_found', 'There is no such account.')
  return { keyId: row.id, apiKey: secret }
}

function toRateOverride(row: KeyRow): RateOverride {
  if (row.rate_requests === null) return null
  if (row.rate_requests === 0 || row.rate_window_s === null) return 'off'
  return { requests: row.rate_requests, windowS: row.rate_window_s }
}

function toApiKey(row: KeyRow): ApiKey {
  return {
    id: row.id,
    accountId: row.account_id,
    style: row.style,
    displayPrefix: row.display_prefix,
    name: row.name,
    scopes: row.scopes,
    rate: toRateOverride(row),
    inFlight: row.in_flight_cap === 0 ? 'off' : row.in_flight_cap,
    capDay: row.cap_day,
    capMonth: row.cap_month,
    models: row.models,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    expired: row.expired,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
    revokedReason: row.revoked_reason,
  }
}

/** Every key of the account, revoked ones too, oldest first. */
export async function listKeys(db: Queryable, accountId: string): Promise<ApiKey[]> {
  if (!isId(accountId)) return []
  return (await db.query<KeyRow>(sql.selectKeys, [accountId])).map(toApiKey)
}

/** Ends a key at once on every node. With an account it must be one of its keys. Throws not_found. */
export async function revokeKey(tx: Tx, keyId: string, accountId: string | null): Promise<void> {
  const found = isId(keyId) && (await tx.query(sql.revokeKey, [keyId, accountId])).length > 0
  if (!found) throw new AppError('not_found', 'There is no such API key.')
}

/** From the next request on, on every node; null = every model. Throws not_found. */
export async function setKeyModels(
  db: Queryable,
  keyId: string,
  models: readonly string[] | null,
): Promise<void> {
  checkModels(models)
  const found = isId(keyId) && (await db.query(sql.setKeyModels, [keyId, models])).length > 0
  if (!found) throw new AppError('not_found', 'There is no such API key.')
}
