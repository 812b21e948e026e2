// Passwords at rest: scrypt with a cost that takes 128 MiB for each guess. The parameters stand in the hash, so
// that the cost can be raised later: an old hash still verifies and is replaced at the next sign-in.
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { AppError } from '../errors.ts'

export type ScryptCost = { log2N: number; r: number; p: number }

/** OWASP's choice for scrypt: N = 2^17, r = 8, p = 1. */
export const PASSWORD_COST: ScryptCost = { log2N: 17, r: 8, p: 1 }
/** Shorter ones fall to guessing. */
export const PASSWORD_MIN_LENGTH = 10
/** Room for any passphrase; the bound keeps a request from carrying megabytes into the hash. */
export const PASSWORD_MAX_LENGTH = 1_024

const KEY_BYTES = 32
const SALT_BYTES = 16
/** Two of the pool's four threads: files and name look-ups keep the others, and memory stays below 300 MiB. */
const MAX_PARALLEL_HASHES = 2
/**
 * Each takes a third of a second of a core: who would wait longer than some seconds is better told to come again. A
 * sign-in may need two, one after the other.
 */
const MAX_WAITING_HASHES = 32
/** A stored hash may not ask for more than four times the memory of ours. */
const MAX_LOG2N = 19

/** So many sign-ins at once never find the line of hashes full. */
export const MAX_SIGN_INS = MAX_PARALLEL_HASHES + MAX_WAITING_HASHES

/** Both throw AppError `overloaded` when too many wait. */
export type Passwords = {
  hash(password: string): Promise<string>
  /** False for a wrong password and for a hash that is not ours. */
  verify(stored: string, password: string): Promise<boolean>
}

export type PasswordOptions = {
  cost?: ScryptCost
  /** Gets a new hash when a right password was stored at another cost than today's. */
  onOutdated?: (stored: string, fresh: string) => Promise<void>
}

function deriveKey(password: string, salt: Buffer, cost: ScryptCost): Promise<Buffer> {
  const N = 2 ** cost.log2N
  // The algorithm needs 128·N·r bytes and a little; Node refuses above `maxmem`.
  const options = { N, r: cost.r, p: cost.p, maxmem: 128 * N * cost.r + 1024 * 1024 }
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, KEY_BYTES, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })
}

/** Lets only so many tasks run at once; as many as have a chair wait in turn, and whoever comes then is sent away. */
function createTurnstile(
  places: number,
  chairs: number,
): <Result>(task: () => Promise<Result>) => Promise<Result> {
  const waiting: (() => void)[] = []
  let free = places
  return async task => {
    if (free > 0) free--
    else if (waiting.length >= chairs)
      throw new AppError('overloaded', 'Too many passwords are waiting.', { retryAfterSeconds: 5 })
    else await new Promise<void>(enter => waiting.push(enter))
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    }
  }
}

const hashPattern = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([\w-]{16,})\$([\w-]{43})$/

function parseHash(stored: string): { cost: ScryptCost; salt: Buffer; key: Buffer } | null {
  const [, log2N, r, p, salt, key] = hashPattern.exec(stored) ?? []
  if (salt === undefined || key === undefined) return null
  const cost = { log2N: Number(log2N), r: Number(r), p: Number(p) }
  if (cost.log2N < 1 || cost.log2N > MAX_LOG2N || cost.r < 1 || cost.r > 16 || cost.p < 1 || cost.p > 4)
    return null
  return { cost, salt: Buffer.from(salt, 'base64url'), key: Buffer.from(key, 'base64url') }
}

/** Hashes and checks passwords without holding up the event loop. */
export function createPasswords(options: PasswordOptions = {}): Passwords {
  const cost = options.cost ?? PASSWORD_COST
  const inTurn = createTurnstile(MAX_PARALLEL_HASHES, MAX_WAITING_HASHES)

  const hash = async (password: string): Promise<string> => {
    const salt = randomBytes(SALT_BYTES)
    const key = await inTurn(() => deriveKey(password, salt, cost))
    const parts = [
      'scrypt',
      cost.log2N,
      cost.r,
      cost.p,
      salt.toString('base64url'),
      key.toString('base64url'),
    ]
    return parts.join('$')
  }

  const verify = async (stored: string, password: string): Promise<boolean> => {
    const parsed = parseHash(stored)
    if (parsed === null) return false
    const key = await inTurn(() => deriveKey(password, parsed.salt, parsed.cost))
    if (!timingSafeEqual(key, parsed.key)) return false
    const outdated = parsed.cost.log2N !== cost.log2N || parsed.cost.r !== cost.r || parsed.cost.p !== cost.p
    if (outdated && options.onOutdated) await options.onOutdated(stored, await hash(password))
    return true
  }

  return { hash, verify }
}
