// Slows guessing without locking owners out: tries are counted for each account, but a browser that signed in
// before carries a signed device cookie and is counted by itself. Counts live in the database, for all nodes.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Db } from '../db/db.ts'
import { randomToken } from '../ids.ts'
import { networkOf } from './client-address.ts'
import * as sql from './sql.ts'

export const SIGN_IN_TRIES = 10
export const SIGN_IN_WINDOW_S = 15 * 60
/** Tries at any accounts from one address: more people than that rarely share one and mistype at once. */
export const SIGN_IN_TRIES_PER_ADDRESS = 60
/** A year: long enough that an owner's own browser is nearly always known. */
export const DEVICE_COOKIE_MAX_AGE_S = 365 * 86_400
const DEVICE_ID_LENGTH = 22

export type SignInTry = {
  /** Normalised address the caller wants to sign in as, known to us or not. */
  email: string
  /** Value of the device cookie, if sent. */
  device: string | null
  /** The caller's network address, if known. */
  address: string | null
}

function hashText(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

function signDevice(secret: string, email: string, id: string): string {
  return createHmac('sha256', secret).update(`device\n${email}\n${id}`).digest('base64url')
}

/** The value of a device cookie: it is good for this user only. */
export function newDevice(secret: string, email: string): string {
  const id = randomToken(DEVICE_ID_LENGTH)
  return `${id}.${signDevice(secret, email, id)}`
}

function findDeviceId(secret: string, attempt: SignInTry): string | null {
  const [id, signature] = attempt.device?.split('.') ?? []
  if (id === undefined || signature === undefined) return null
  const expected = Buffer.from(signDevice(secret, attempt.email, id))
  const given = Buffer.from(signature)
  return given.length === expected.length && timingSafeEqual(given, expected) ? id : null
}

function scopeOf(secret: string, attempt: SignInTry): string {
  const device = findDeviceId(secret, attempt)
  return device === null ? `sign-in:account:${hashText(attempt.email)}` : `sign-in:device:${device}`
}

/** Counts a try. Null = go on; else whole seconds to wait. Says the same for unknown users. */
export async function takeSignInTry(db: Db, secret: string, attempt: SignInTry): Promise<number | null> {
  const limits: [string, number][] = [[scopeOf(secret, attempt), SIGN_IN_TRIES]]
  if (attempt.address !== null)
    limits.unshift([`sign-in:address:${networkOf(attempt.address)}`, SIGN_IN_TRIES_PER_ADDRESS])
  for (const [scope, tries] of limits) {
    const values = [scope, tries, SIGN_IN_WINDOW_S]
    const [taken] = await db.query<{ allowed: boolean; retry_after_s: number }>(sql.takeFromWindow, values)
    if (taken?.allowed !== true) return taken?.retry_after_s ?? SIGN_IN_WINDOW_S
  }
  return null
}

/** After a success the tries before it count no more. */
export async function forgetSignInTries(db: Db, secret: string, attempt: SignInTry): Promise<void> {
  await db.query(sql.removeWindow, [scopeOf(secret, attempt)])
}

/** With a key that is none: an admin key is a secret that nobody guesses, so only the address is counted. */
function keyScopeOf(address: string | null): string {
  return `sign-in:key:${address === null ? 'unknown' : networkOf(address)}`
}

/** Counts a try with a key that is none. Null = go on; else whole seconds to wait. */
export async function takeKeyTry(db: Db, address: string | null): Promise<number | null> {
  // Callers whose address is not known share one window.
  const tries = address === null ? SIGN_IN_TRIES_PER_ADDRESS : SIGN_IN_TRIES
  const values = [keyScopeOf(address), tries, SIGN_IN_WINDOW_S]
  const [taken] = await db.query<{ allowed: boolean; retry_after_s: number }>(sql.takeFromWindow, values)
  return taken?.allowed === true ? null : (taken?.retry_after_s ?? SIGN_IN_WINDOW_S)
}
