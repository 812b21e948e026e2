// Sign-in by e-mail and password, and sessions. Better Auth does the protocol; only the three paths named here are
// open, whatever else the library can do, and a session is asked of the database every time.
import { betterAuth } from 'better-auth'
import type { AuthPool } from '../db/auth-pool.ts'
import type { Db } from '../db/db.ts'
import { newId } from '../ids.ts'
import type { Log } from '../log.ts'
import { normalizeEmail } from './accounts.ts'
import type { CookieRules } from './cookies.ts'
import { cookieRulesFor, findCookie, isSameOrigin, trustedOriginsFor, writeCookie } from './cookies.ts'
import type { ScryptCost } from './passwords.ts'
import { createPasswords, MAX_SIGN_INS, PASSWORD_COST, PASSWORD_MAX_LENGTH } from './passwords.ts'
import type { SignInTry } from './sign-in-limit.ts'
import { DEVICE_COOKIE_MAX_AGE_S, forgetSignInTries, newDevice, takeSignInTry } from './sign-in-limit.ts'
import * as sql from './sql.ts'

export const AUTH_PATH = '/api/auth'
/** A session ends so long after sign-in, used or not. */
export const SESSION_MAX_S = 12 * 3_600
/** A session unused for so long is over. */
export const SESSION_IDLE_S = 30 * 60
/**
 * The library ends a session by the clock of its process, and we by the database's: ours comes first unless the
 * process is off by more than this.
 */
const LIBRARY_SLACK_S = 3_600
/** An address, a password and their names fit in this several times over. */
const BODY_MAX_BYTES = 16_384
/** Where the caller's address is handed to the library; whatever the caller wrote there is dropped. */
const ADDRESS_HEADER = 'x-darkroom-client-address'

export type SessionNeeds = {
  db: Db
  pool: AuthPool
  now: () => Date
  log: Log
  /** At least 32 characters; see loadAuthSecret. */
  secret: string
  /** The origin people see, such as `https://images.example.com`. */
  publicUrl: string
  allowInsecureCookies: boolean
  /** Default: PASSWORD_COST. */
  passwordCost?: ScryptCost
}

export type Session = { userId: string; accountId: string }

export type Sessions = {
  /** Serves everything below AUTH_PATH. The address is the caller's, or null when it is not known. */
  handler(request: Request, clientAddress?: string | null): Promise<Response>
  /** Who is signed in, and for which account; null when nobody is. */
  findSession(headers: Headers): Promise<Session | null>
  /** Whether a request with a session cookie may change something. */
  mayChange(headers: Headers): boolean
}

function refuse(status: number, refusal: { code: string; message: string; retryAfter?: number }): Response {
  const { code, message, retryAfter } = refusal
  const headers = {
    'cache-control': 'no-store',
    ...(retryAfter ? { 'retry-after': String(retryAfter) } : {}),
  }
  return Response.json({ code, message }, { status, headers })
}

function buildAuth(needs: SessionNeeds, rules: CookieRules, trustedOrigins: string[]) {
  const passwords = createPasswords({
    cost: needs.passwordCost ?? PASSWORD_COST,
    onOutdated: async (stored, fresh) => {
      await needs.db.query(sql.replacePassword, [stored, fresh])
    },
  })
  return betterAuth({
    appName: 'Darkroom',
    baseURL: new URL(needs.publicUrl).origin,
    basePath: AUTH_PATH,
    secret: needs.secret,
    trustedOrigins,
    database: needs.pool,
    telemetry: { enabled: false },
    logger: { level: 'error', log: (_level, message) => needs.log.warn({}, `auth: ${message}`) },
    user: { modelName: 'auth.user' },
    account: { modelName: 'auth.account' },
    verification: { modelName: 'auth.verification' },
    session: {
      modelName: 'auth.session',
      expiresIn: SESSION_MAX_S + LIBRARY_SLACK_S,
      disableSessionRefresh: true,
      additionalFields: { activeOrganizationId: { type: 'string', required: false, input: false } },
    },
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      password: { hash: passwords.hash, verify: ({ hash, password }) => passwords.verify(hash, password) },
    },
    // Its windows go by the process's clock. Ours (sign-in-limit.ts) are in the database too, narrower, and come first.
    rateLimit: { enabled: false },
    advanced: {
      // Both are switched off by the library in tests unless said, and neither ever may be.
      disableCSRFCheck: false,
      disableOriginCheck: false,
      useSecureCookies: false,
      defaultCookieAttributes: { httpOnly: true, sameSite: 'lax', secure: rules.secure, path: '/' },
      cookies: { session_token: { name: rules.sessionName } },
      ipAddress: { ipAddressHeaders: [ADDRESS_HEADER] },
      database: { generateId: () => newId(needs.now) },
    },
  })
}

type SignInBody = { text: string; email: string }

/** The body of a sign-in, or the refusal. Only JSON: a form of another site cannot send that type. */
async function readSignIn(request: Request): Promise<SignInBody | Response> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? '')) {
    return refuse(415, {
      code: 'UNSUPPORTED_MEDIA_TYPE',
      message: 'Send JSON with content-type application/json.',
    })
  }
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of request.body ?? []) {
    sizeBytes += chunk.length
    if (sizeBytes > BODY_MAX_BYTES)
      return refuse(413, { code: 'PAYLOAD_TOO_LARGE', message: 'The body is too large.' })
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString('utf8')
  const invalid = () =>
    refuse(400, { code: 'INVALID_BODY', message: 'Send {"email": "…", "password": "…"}.' })
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return invalid()
  }
  if (typeof body !== 'object' || body === null || !('email' in body) || !('password' in body))
    return invalid()
  const { email, password } = body
  if (typeof email !== 'string' || typeof password !== 'string' || password.length > PASSWORD_MAX_LENGTH) {
    return invalid()
  }
  return { text, email: normalizeEmail(email) }
}

/** With the end that counts, in place of the library's. */
async function showSession(answer: Response): Promise<Response> {
  const found = (await answer.json()) as { session?: { createdAt: string; expiresAt: string } } | null
  const headers = new Headers(answer.headers)
  headers.delete('content-length')
  if (!found?.session) return Response.json(found, { status: answer.status, headers })
  const endsAt = new Date(Date.parse(found.session.createdAt) + SESSION_MAX_S * 1_000)
  const session = { ...found.session, expiresAt: endsAt.toISOString() }
  return Response.json({ ...found, session }, { status: answer.status, headers })
}

type SignIn = (request: Request, body: SignInBody, address: string | null) => Promise<Response>

/** Sends a crowd away before a try is counted: who finds no room has not guessed. A body still on its way takes none. */
function boundSignIns(signIn: SignIn): SignIn {
  let signingIn = 0
  return async (...given) => {
    if (signingIn >= MAX_SIGN_INS) {
      const message = 'Too many people sign in right now. Try again in a few seconds.'
      return refuse(503, { code: 'AT_CAPACITY', message, retryAfter: 5 })
    }
    signingIn += 1
    try {
      return await signIn(...given)
    } finally {
      signingIn -= 1
    }
  }
}

/** Opens sign-in, sign-out and the session look-up. Connects to nothing before the first request. */
export function createSessions(needs: SessionNeeds): Sessions {
  const rules = cookieRulesFor(needs.publicUrl, needs.allowInsecureCookies)
  const trustedOrigins = trustedOriginsFor(needs.publicUrl)
  const auth = buildAuth(needs, rules, trustedOrigins)

  const takeSignIn = boundSignIns(async (request, body, address) => {
    const device = findCookie(request.headers.get('cookie'), rules.deviceName)
    const attempt: SignInTry = { email: body.email, device, address }
    const waitSeconds = await takeSignInTry(needs.db, needs.secret, attempt)
    if (waitSeconds !== null) {
      const message = 'Too many attempts to sign in. Wait and try again.'
      return refuse(429, { code: 'TOO_MANY_ATTEMPTS', message, retryAfter: waitSeconds })
    }
    const response = await auth.handler(
      new Request(request.url, { method: 'POST', headers: request.headers, body: body.text }),
    )
    if (!response.ok) return response
    await forgetSignInTries(needs.db, needs.secret, attempt)
    const cookie = { name: rules.deviceName, value: newDevice(needs.secret, body.email) }
    response.headers.append(
      'set-cookie',
      writeCookie(rules, { ...cookie, maxAgeSeconds: DEVICE_COOKIE_MAX_AGE_S }),
    )
    return response
  })

  const signIn = async (request: Request, address: string | null): Promise<Response> => {
    if (!rules.allowed) {
      const hint = 'Sign-in needs https: set PUBLIC_URL to an https origin, or ALLOW_INSECURE_COOKIES=on.'
      return refuse(403, { code: 'INSECURE_ORIGIN', message: hint })
    }
    const body = await readSignIn(request)
    return body instanceof Response ? body : takeSignIn(request, body, address)
  }

  const findSession = async (headers: Headers): Promise<Session | null> => {
    // Most callers have no cookie of ours; they cost nothing.
    if (findCookie(headers.get('cookie'), rules.sessionName) === null) return null
    const found = await auth.api.getSession({ headers })
    if (found === null) return null
    const values = [found.session.id, SESSION_IDLE_S, SESSION_MAX_S]
    const [row] = await needs.db.query<{ user_id: string; account_id: string }>(sql.continueSession, values)
    return row === undefined ? null : { userId: row.user_id, accountId: row.account_id }
  }

  const handler = async (request: Request, clientAddress: string | null = null): Promise<Response> => {
    const route = `${request.method} ${new URL(request.url).pathname}`
    const headers = new Headers(request.headers)
    headers.delete(ADDRESS_HEADER)
    if (clientAddress !== null) headers.set(ADDRESS_HEADER, clientAddress)
    const clean = new Request(request, { headers })
    if (route === `GET ${AUTH_PATH}/get-session`) {
      return (await findSession(headers)) === null
        ? Response.json(null)
        : showSession(await auth.handler(clean))
    }
    if (route !== `POST ${AUTH_PATH}/sign-in/email` && route !== `POST ${AUTH_PATH}/sign-out`) {
      return refuse(404, { code: 'NOT_FOUND', message: 'There is no such thing here.' })
    }
    if (!isSameOrigin(headers, trustedOrigins))
      return refuse(403, { code: 'INVALID_ORIGIN', message: 'This origin may not do that.' })
    return route.endsWith('/sign-out') ? auth.handler(clean) : signIn(clean, clientAddress)
  }

  return { handler, findSession, mayChange: headers => isSameOrigin(headers, trustedOrigins) }
}
