// Guards sign-in and sessions: cookies, ends, guessing, other sites. Real PostgreSQL and real Better Auth.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cpuMsOf } from '../../test/cpu-time.ts'
import type { TestDatabase } from '../../test/database.ts'
import { createTestDatabase, silentLog } from '../../test/database.ts'
import type { AuthPool } from '../db/auth-pool.ts'
import { createAuthPool } from '../db/auth-pool.ts'
import { createLog } from '../log.ts'
import { createAccount } from './accounts.ts'
import { createPasswords, MAX_SIGN_INS, PASSWORD_COST } from './passwords.ts'
import type { SessionNeeds, Sessions } from './sessions.ts'
import { createSessions, SESSION_IDLE_S, SESSION_MAX_S } from './sessions.ts'
import { SIGN_IN_TRIES, SIGN_IN_WINDOW_S } from './sign-in-limit.ts'

const PASSWORD = 'correct horse battery'
/** Cheap, for the tests that are not about the cost. */
const CHEAP = { log2N: 12, r: 8, p: 1 }
const LOCAL = 'http://localhost:8787'
const SECURE = 'https://images.example.com'

let database: TestDatabase
let pool: AuthPool
let owner: { accountId: string; userId: string }
const now = () => new Date()
const log = createLog({ level: 'silent', logPrompts: false })
let emails = 0

beforeAll(async () => {
  database = await createTestDatabase()
  pool = createAuthPool({ url: database.appUrl, log: silentLog })
  owner = await makeUser('ada@example.com')
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

async function makeUser(email: string, password: string | null = PASSWORD) {
  const needs = {
    db: database.db,
    now,
    grantCredits: () => Promise.reject(new Error('no credits were asked for')),
    hashPassword: createPasswords({ cost: CHEAP }).hash,
  }
  return createAccount(needs, { email, password, credits: 0, signupCredits: 0 })
}

function open(options: Partial<SessionNeeds> = {}): Sessions {
  const base = {
    db: database.db,
    pool,
    now,
    log,
    secret: 's'.repeat(43),
    publicUrl: LOCAL,
    allowInsecureCookies: false,
    passwordCost: CHEAP,
  }
  return createSessions({ ...base, ...options })
}

type Call = {
  path: string
  method?: string
  body?: unknown
  headers?: Record<string, string>
  origin?: string
}

function call(sessions: Sessions, { path, method = 'POST', body, headers = {}, origin = LOCAL }: Call) {
  const init: RequestInit = { method, headers: { 'content-type': 'application/json', ...headers } }
  if (body !== undefined) init.body = typeof body === 'string' ? body : JSON.stringify(body)
  return sessions.handler(new Request(`${origin}/api/auth${path}`, init))
}

function signIn(sessions: Sessions, body: unknown, headers: Record<string, string> = {}) {
  return call(sessions, { path: '/sign-in/email', body, headers: { origin: LOCAL, ...headers } })
}

/** The cookies an answer sets, as a browser would send them back. */
function cookiesOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .map(line => line.split(';')[0])
    .join('; ')
}

async function signedIn(sessions: Sessions, email = 'ada@example.com'): Promise<Headers> {
  const response = await signIn(sessions, { email, password: PASSWORD })
  expect(response.status).toBe(200)
  return new Headers({ cookie: cookiesOf(response) })
}

const clockMove = {
  name: 'test_move_clock',
  text: 'UPDATE clock_offset SET value = value + make_interval(secs => $1::float8)',
}
const moveClock = (seconds: number) => database.ownerDb.query(clockMove, [seconds])

test('the right password opens a session for the user and the account', async () => {
  const sessions = open()
  const headers = await signedIn(sessions, 'Ada@Example.com')
  expect(await sessions.findSession(headers)).toEqual({ userId: owner.userId, accountId: owner.accountId })
  const seen = await call(sessions, {
    path: '/get-session',
    method: 'GET',
    headers: Object.fromEntries(headers),
  })
  expect(await seen.json()).toMatchObject({ user: { email: 'ada@example.com' } })
})

test('no cookie, a foreign cookie and a forged cookie open nothing', async () => {
  const sessions = open()
  const cookie = (await signedIn(sessions)).get('cookie') ?? ''
  const forged = [
    '',
    'darkroom_session=',
    'darkroom_session=abc.def',
    cookie.replace(/(darkroom_session=)(.)/, (_, name, letter) => name + (letter === 'A' ? 'B' : 'A')),
    cookie.replace('darkroom_session', '__Host-darkroom_session'),
  ]
  for (const value of forged) expect(await sessions.findSession(new Headers({ cookie: value }))).toBe(null)
  expect(await sessions.findSession(new Headers())).toBe(null)
  const otherSecret = open({ secret: 't'.repeat(43) })
  expect(await otherSecret.findSession(new Headers({ cookie }))).toBe(null)
})

test('a wrong password, an unknown user and a user without a password are answered alike', async () => {
  const sessions = open()
  await makeUser('keyonly@example.com', null)
  const answers = []
  for (const email of ['ada@example.com', 'nobody@example.com', 'keyonly@example.com']) {
    const response = await signIn(sessions, { email, password: 'wrong password here' })
    const headers = [...response.headers].filter(([name]) => name !== 'date')
    answers.push({ status: response.status, body: await response.text(), headers })
  }
  expect(answers[0]?.status).toBe(401)
  expect(answers[1]).toEqual(answers[0])
  expect(answers[2]).toEqual(answers[0])
})

test('a crowd that signs in at once is told to come again, counts no try for that, and the next one gets in', async () => {
  const sessions = open()
  const countTries = async () => {
    const text = `SELECT count(*)::int AS count FROM rate_window WHERE scope LIKE 'sign-in:account:%'`
    return (await database.db.query<{ count: number }>({ name: 'tries', text }))[0]?.count ?? 0
  }
  const before = await countTries()
  const many = Array.from({ length: MAX_SIGN_INS + 5 }, (_, at) => at)
  const answers = await Promise.all(
    many.map(at => signIn(sessions, { email: `crowd-${at}@example.com`, password: 'wrong password here' })),
  )
  const refused = answers.filter(answer => answer.status === 503)
  expect(refused).toHaveLength(5)
  for (const answer of refused) {
    expect(answer.headers.get('retry-after')).toBe('5')
    expect(await answer.json()).toMatchObject({ code: 'AT_CAPACITY' })
  }
  expect(answers.filter(answer => answer.status === 401)).toHaveLength(MAX_SIGN_INS)
  expect((await countTries()) - before).toBe(MAX_SIGN_INS)
  expect((await signIn(sessions, { email: 'ada@example.com', password: PASSWORD })).status).toBe(200)
})

test('bodies that never end take no place from those who sign in', async () => {
  const sessions = open()
  const waiting = Array.from({ length: MAX_SIGN_INS }, () => {
    let end = () => {}
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{'))
        end = () => controller.close()
      },
    })
    const headers = { 'content-type': 'application/json', origin: LOCAL }
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', headers, body, duplex: 'half' }
    const answer = sessions.handler(new Request(`${LOCAL}/api/auth/sign-in/email`, init))
    return { answer, end: () => end() }
  })
  expect((await signIn(sessions, { email: 'ada@example.com', password: PASSWORD })).status).toBe(200)
  for (const { end } of waiting) end()
  const answers = await Promise.all(waiting.map(({ answer }) => answer))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400]))
})

test('sign-in takes as long for an unknown user as for a known one', async () => {
  const sessions = open({ passwordCost: PASSWORD_COST })
  const spent = (email: string) =>
    cpuMsOf(() => signIn(sessions, { email, password: 'wrong password here' }), 4)
  // A user whose hash has today's cost; without the hash an unknown user takes a few milliseconds.
  await createAccount(
    {
      db: database.db,
      now,
      grantCredits: () => Promise.reject(new Error('unused')),
      hashPassword: createPasswords().hash,
    },
    { email: 'timed@example.com', password: PASSWORD, credits: 0, signupCredits: 0 },
  )
  // Almost all of it is the hash.
  const known = await spent('timed@example.com')
  const ratio = (await spent('ghost@example.com')) / known
  expect(ratio).toBeGreaterThan(0.4)
  expect(ratio).toBeLessThan(2.5)
})

test('over https the cookies are bound to the host, unreadable to scripts and never sent in the clear', async () => {
  const sessions = open({ publicUrl: SECURE })
  const response = await call(sessions, {
    path: '/sign-in/email',
    body: { email: 'ada@example.com', password: PASSWORD },
    headers: { origin: SECURE },
    origin: SECURE,
  })
  expect(response.status).toBe(200)
  const lines = response.headers.getSetCookie()
  expect(lines.map(line => line.split('=')[0])).toEqual(['__Host-darkroom_session', '__Host-darkroom_device'])
  for (const line of lines) {
    expect(line).toMatch(/; Path=\/(;|$)/)
    expect(line).toMatch(/; HttpOnly(;|$)/)
    expect(line).toMatch(/; Secure(;|$)/)
    expect(line).toMatch(/; SameSite=Lax(;|$)/i)
    expect(line).not.toMatch(/Domain=/i)
  }
  expect(await sessions.findSession(new Headers({ cookie: cookiesOf(response) }))).not.toBe(null)
})

test('on loopback http the cookies are plain; elsewhere plain http needs the operator to say so', async () => {
  const body = { email: 'ada@example.com', password: PASSWORD }
  const local = (await signIn(open(), body)).headers.getSetCookie()
  expect(local.map(line => line.split('=')[0])).toEqual(['darkroom_session', 'darkroom_device'])
  for (const line of local) expect(line).not.toMatch(/Secure/i)
  const plain = 'http://images.lan'
  const signInThere = (sessions: Sessions) =>
    call(sessions, { path: '/sign-in/email', body, headers: { origin: plain }, origin: plain })
  const refused = await signInThere(open({ publicUrl: plain }))
  expect(refused.status).toBe(403)
  expect(refused.headers.getSetCookie()).toEqual([])
  expect(await refused.text()).toContain('ALLOW_INSECURE_COOKIES')
  expect((await signInThere(open({ publicUrl: plain, allowInsecureCookies: true }))).status).toBe(200)
})

test('every sign-in gets a session id of its own, with at least 64 bits', async () => {
  const sessions = open()
  const ids = new Set<string>()
  for (let round = 0; round < 5; round++) {
    const cookie = (await signedIn(sessions)).get('cookie') ?? ''
    ids.add(/darkroom_session=([^.;]+)/.exec(cookie)?.[1] ?? '')
  }
  expect(ids.size).toBe(5)
  for (const id of ids) expect(id.length).toBeGreaterThanOrEqual(32)
  const fixed = 'darkroom_session=fixedfixedfixedfixedfixedfixed12.sig'
  const response = await signIn(sessions, { email: 'ada@example.com', password: PASSWORD }, { cookie: fixed })
  expect(cookiesOf(response)).not.toContain('fixed')
})

test('signing out ends the session on the server, not only in the browser', async () => {
  const sessions = open()
  const headers = await signedIn(sessions)
  const cookie = headers.get('cookie') ?? ''
  const out = await call(sessions, { path: '/sign-out', body: {}, headers: { cookie, origin: LOCAL } })
  expect(out.status).toBe(200)
  expect(await sessions.findSession(headers)).toBe(null)
  expect(await open().findSession(headers)).toBe(null)
})

test('a session ends half an hour after its last use and twelve hours after sign-in', async () => {
  const sessions = open()
  const idle = await signedIn(sessions)
  await moveClock(SESSION_IDLE_S - 60)
  expect(await sessions.findSession(idle)).not.toBe(null)
  await moveClock(SESSION_IDLE_S - 60)
  expect(await sessions.findSession(idle)).not.toBe(null)
  await moveClock(SESSION_IDLE_S + 1)
  expect(await sessions.findSession(idle)).toBe(null)
  await moveClock(-(3 * SESSION_IDLE_S - 119))
  const busy = await signedIn(sessions)
  for (let passed = 0; passed + 1_700 < SESSION_MAX_S; passed += 1_700) {
    await moveClock(1_700)
    expect(await sessions.findSession(busy)).not.toBe(null)
  }
  await moveClock(1_700)
  expect(await sessions.findSession(busy)).toBe(null)
  await moveClock(-Math.ceil(SESSION_MAX_S / 1_700) * 1_700)
})

test('a session goes by the clock of the database, whatever that of the process says', async () => {
  const sessions = open()
  for (const offMinutes of [-45, 45]) {
    await moveClock(offMinutes * 60)
    const headers = await signedIn(sessions)
    expect(await sessions.findSession(headers)).not.toBe(null)
    await moveClock(SESSION_IDLE_S - 60)
    expect(await sessions.findSession(headers)).not.toBe(null)
    await moveClock(SESSION_IDLE_S + 1)
    expect(await sessions.findSession(headers)).toBe(null)
    await moveClock(-(2 * SESSION_IDLE_S - 59) - offMinutes * 60)
  }
})

test('a process whose clock is ahead ends no session before its twelve hours, and shows their end', async () => {
  const sessions = open()
  const aheadS = 3_000
  // Ten minutes before their end the process is already forty beyond it.
  await moveClock(-aheadS - SESSION_MAX_S + 600)
  const headers = await signedIn(sessions)
  const steps = Math.floor((SESSION_MAX_S - 600) / 1_700)
  for (let step = 0; step < steps; step += 1) {
    await moveClock(1_700)
    expect(await sessions.findSession(headers)).not.toBe(null)
  }
  await moveClock(SESSION_MAX_S - 600 - steps * 1_700)
  const shown = await call(sessions, {
    path: '/get-session',
    method: 'GET',
    headers: Object.fromEntries(headers),
  })
  const { session } = (await shown.json()) as { session: { createdAt: string; expiresAt: string } }
  expect(Date.parse(session.expiresAt) - Date.parse(session.createdAt)).toBe(SESSION_MAX_S * 1_000)
  await moveClock(601)
  expect(await sessions.findSession(headers)).toBe(null)
  await moveClock(aheadS - 601)
})

test('a closed account has no sessions', async () => {
  const made = await makeUser('closing@example.com')
  const sessions = open()
  const headers = await signedIn(sessions, 'closing@example.com')
  await database.ownerDb.query(
    { name: 'test_close', text: 'UPDATE account SET closed_at = app_now() WHERE id = $1' },
    [made.accountId],
  )
  expect(await sessions.findSession(headers)).toBe(null)
})

test('sign-up is closed, and so is everything else the library could do', async () => {
  const sessions = open()
  const body = { email: 'intruder@example.com', password: PASSWORD, name: 'x' }
  const paths = [
    '/sign-up/email',
    '/forget-password',
    '/request-password-reset',
    '/reset-password',
    '/update-user',
  ]
  paths.push(
    '/change-email',
    '/delete-user',
    '/sign-in/social',
    '/link-social',
    '/list-sessions',
    '/ok',
    '/error',
  )
  paths.push('/SIGN-UP/email', '//sign-up/email', '/sign-up/email/', '/organization/create')
  for (const path of paths) {
    for (const method of ['GET', 'POST']) {
      const response = await call(sessions, {
        path,
        method,
        ...(method === 'POST' ? { body } : {}),
        headers: { origin: LOCAL },
      })
      expect([path, response.status]).toEqual([path, 404])
    }
  }
  const found = await database.ownerDb.query({
    name: 'test_intruder',
    text: `SELECT 1 FROM auth."user" WHERE email LIKE 'intruder%'`,
  })
  expect(found).toHaveLength(0)
})

test('another site can neither sign somebody in nor out', async () => {
  const sessions = open()
  const body = { email: 'ada@example.com', password: PASSWORD }
  const headers = await signedIn(sessions)
  const cookie = headers.get('cookie') ?? ''
  const foreign: Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', origin: LOCAL },
    { origin: 'http://localhost:8788' },
    { origin: 'http://localhost:8787.evil.example' },
  ]
  for (const extra of foreign) {
    const attempts = [
      await call(sessions, { path: '/sign-in/email', body, headers: extra }),
      await call(sessions, { path: '/sign-in/email', body, headers: { ...extra, cookie } }),
      await call(sessions, { path: '/sign-out', body: {}, headers: { ...extra, cookie } }),
    ]
    for (const attempt of attempts) expect([extra, attempt.status]).toEqual([extra, 403])
    expect(sessions.mayChange(new Headers(extra))).toBe(false)
  }
  expect(await sessions.findSession(headers)).not.toBe(null)
  expect(sessions.mayChange(new Headers({ origin: LOCAL, 'sec-fetch-site': 'same-origin' }))).toBe(true)
  expect(sessions.mayChange(new Headers({ cookie }))).toBe(true)
})

test('a form, a text body, a broken body and a huge body are refused before any look-up', async () => {
  const sessions = open()
  const body = JSON.stringify({ email: 'ada@example.com', password: PASSWORD })
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    '',
  ]) {
    expect((await signIn(sessions, body, { 'content-type': type })).status).toBe(415)
  }
  for (const bad of ['', '{', 'null', '[]', '{}', '{"email":1,"password":2}', '{"email":"a@b.c"}']) {
    expect((await signIn(sessions, bad)).status).toBe(400)
  }
  const long = { email: 'ada@example.com', password: 'x'.repeat(1_025) }
  expect((await signIn(sessions, long)).status).toBe(400)
  expect((await signIn(sessions, { ...long, password: 'x'.repeat(20_000) })).status).toBe(413)
})

test('guessing at one account is stopped after ten tries, known or not, and the owner still gets in', async () => {
  const sessions = open()
  const email = `target${emails++}@example.com`
  await makeUser(email)
  const known = await signedIn(sessions, email)
  for (const victim of [email, `ghost${emails++}@example.com`]) {
    for (let guess = 0; guess < SIGN_IN_TRIES; guess++) {
      expect((await signIn(sessions, { email: victim, password: 'wrong password' })).status).toBe(401)
    }
    const stopped = await signIn(sessions, { email: victim, password: PASSWORD })
    expect(stopped.status).toBe(429)
    expect(Number(stopped.headers.get('retry-after'))).toBeGreaterThan(SIGN_IN_WINDOW_S - 120)
  }
  const cookie = known.get('cookie') ?? ''
  expect((await signIn(sessions, { email, password: PASSWORD }, { cookie })).status).toBe(200)
  // A device cookie of somebody else opens no bucket of its own.
  const other = (await signedIn(sessions)).get('cookie') ?? ''
  expect((await signIn(sessions, { email, password: PASSWORD }, { cookie: other })).status).toBe(429)
  await moveClock(SIGN_IN_WINDOW_S)
  expect((await signIn(sessions, { email, password: PASSWORD })).status).toBe(200)
  await moveClock(-SIGN_IN_WINDOW_S)
})

test('one address trying many accounts is stopped, whatever it writes into its headers', async () => {
  const sessions = open()
  const statuses: number[] = []
  for (let guess = 0; guess < 62; guess++) {
    const request = new Request(`${LOCAL}/api/auth/sign-in/email`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-forwarded-for': `203.0.113.${guess}`,
        'x-darkroom-client-address': `203.0.113.${guess}`,
      },
      body: JSON.stringify({ email: `not an address ${guess}`, password: PASSWORD }),
    })
    statuses.push((await sessions.handler(request, '198.51.100.7')).status)
  }
  expect(statuses.slice(0, 60).every(status => status === 400)).toBe(true)
  expect(statuses.slice(60)).toEqual([429, 429])
})

test('a password stored at a lower cost is hashed again when its owner signs in', async () => {
  const email = `old${emails++}@example.com`
  const made = await makeUser(email)
  const stored = async () => {
    const rows = await database.ownerDb.query<{ password: string }>(
      { name: 'test_password', text: 'SELECT password FROM auth.account WHERE "userId" = $1' },
      [made.userId],
    )
    return rows[0]?.password
  }
  expect(await stored()).toMatch(/^scrypt\$12\$/)
  const today = open({ passwordCost: PASSWORD_COST })
  await signedIn(today, email)
  expect(await stored()).toMatch(/^scrypt\$17\$8\$1\$/)
  await signedIn(today, email)
})
