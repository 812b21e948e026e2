// Sign-in of the operator, who is no user with a password but whoever holds a key with the scope `admin`. The key is
// shown once and never kept: a signed cookie names it for a short time, and the database is asked at every look.
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Db } from '../db/db.ts'
import { isId } from '../ids.ts'
import { cookieRulesFor, findCookie, isSameOrigin, trustedOriginsFor, writeCookie } from './cookies.ts'
import { hashSecret, isWellFormedSecret } from './secret.ts'
import { takeKeyTry } from './sign-in-limit.ts'
import * as sql from './sql.ts'

/** Long enough to sit through a bad afternoon, short enough for a machine that was left alone. */
export const OPERATOR_SESSION_S = 2 * 3_600

export type Operator = { keyId: string; keyName: string }

export type OperatorSignIn =
  | { cookie: string; keyId: string }
  | { refused: 'insecure' | 'foreign' | 'unknown' }
  | { refused: 'too_many'; retryAfterSeconds: number }

export type Operators = {
  /** Every bad key is refused alike: unknown, revoked, expired, or without the scope. */
  signIn(tried: { headers: Headers; key: string; address: string | null }): Promise<OperatorSignIn>
  find(headers: Headers): Promise<Operator | null>
  /** The cookie that takes the sign-in away from the browser. */
  signOut(): string
  /** Whether a form was sent by a page of ours. */
  isOwnForm(headers: Headers): boolean
}

export type OperatorNeeds = {
  db: Db
  /** At least 32 characters; see loadAuthSecret. */
  secret: string
  /** The origin people see; asked when the first of them comes. */
  publicUrl: () => string
  allowInsecureCookies: boolean
}

type KeyRow = { id: string; name: string }

export function createOperators({ db, secret, publicUrl, allowInsecureCookies }: OperatorNeeds): Operators {
  const rulesNow = () => cookieRulesFor(publicUrl(), allowInsecureCookies)
  const isOwnForm = (headers: Headers) => isSameOrigin(headers, trustedOriginsFor(publicUrl()))
  const toCookie = (value: string, maxAgeSeconds: number) => {
    const rules = rulesNow()
    return writeCookie(rules, { name: rules.operatorName, value, maxAgeSeconds, strict: true })
  }
  return {
    isOwnForm,
    signOut: () => toCookie('', 0),
    async signIn({ headers, key, address }) {
      if (!rulesNow().allowed) return { refused: 'insecure' }
      if (!isOwnForm(headers)) return { refused: 'foreign' }
      // Nobody guesses a key, so only those that are none are counted: no stranger locks the operator out.
      const values = [hashSecret(key), OPERATOR_SESSION_S]
      const [row] = isWellFormedSecret(key)
        ? await db.query<KeyRow & { ends_s: number }>(sql.openOperatorSession, values)
        : []
      if (!row) {
        const retryAfterSeconds = await takeKeyTry(db, address)
        return retryAfterSeconds === null
          ? { refused: 'unknown' }
          : { refused: 'too_many', retryAfterSeconds }
      }
      return {
        cookie: toCookie(writeSession(secret, row.id, row.ends_s), OPERATOR_SESSION_S),
        keyId: row.id,
      }
    },
    async find(headers) {
      const value = findCookie(headers.get('cookie'), rulesNow().operatorName)
      const named = value ? readSession(secret, value) : null
      if (!named) return null
      const [row] = await db.query<KeyRow>(sql.findOperatorSession, [named.keyId, named.endsS])
      return row ? { keyId: row.id, keyName: row.name } : null
    },
  }
}

function sign(secret: string, text: string): string {
  return createHmac('sha256', secret).update(`operator\n${text}`).digest('base64url')
}

function writeSession(secret: string, keyId: string, endsS: number): string {
  const text = `${keyId}.${endsS}`
  return `${text}.${sign(secret, text)}`
}

function readSession(secret: string, value: string): { keyId: string; endsS: number } | null {
  const [keyId = '', ends = '', signature = ''] = value.split('.')
  if (!isId(keyId) || !/^\d{1,12}$/.test(ends)) return null
  const expected = Buffer.from(sign(secret, `${keyId}.${ends}`))
  const given = Buffer.from(signature)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null
  return { keyId, endsS: Number(ends) }
}
