// Guards the door: which keys open it, how often, and how fast a revoked one is dead. Real PostgreSQL.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestDatabase } from '../../test/database.ts'
import { createTestDatabase, silentLog } from '../../test/database.ts'
import { connectDatabase } from '../db/connect.ts'
import type { Db } from '../db/db.ts'
import { createAccount } from './accounts.ts'
import type { CountedRule, RateRule } from './authenticate.ts'
import { authenticateKey } from './authenticate.ts'
import type { KeyInput } from './keys.ts'
import { createKey, listKeys, revokeKey } from './keys.ts'
import { createPlans } from './plans.ts'
import { newSecret } from './secret.ts'

let database: TestDatabase
let nodes: Db[]
let made = 0
const now = () => new Date()

beforeAll(async () => {
  database = await createTestDatabase()
  const connect = () =>
    connectDatabase({
      url: database.appUrl,
      maxConnections: 4,
      statementTimeoutMs: 10_000,
      prepare: true,
      log: silentLog,
    })
  nodes = await Promise.all([connect(), connect(), connect()])
})

afterAll(async () => {
  await Promise.all(nodes.map(node => node.close()))
  await database.drop()
})

const firstNode = () => nodes[0] ?? database.db

async function makeAccount() {
  const needs = {
    db: database.db,
    now,
    grantCredits: () => Promise.reject(new Error('no credits were asked for')),
    hashPassword: () => Promise.reject(new Error('no password was given')),
  }
  const input = { email: `user${made++}@example.com`, password: null, credits: 0, signupCredits: 10 }
  return createAccount(needs, input)
}

async function makeKey(input: Partial<KeyInput> = {}) {
  const accountId = input.accountId ?? (await makeAccount()).accountId
  const key = await database.db.transaction(tx => createKey({ tx, now }, { ...input, accountId }))
  return { accountId, ...key }
}

const perMinute: RateRule = { dialect: 'getimages', per: 'key', requests: 60, windowS: 60 }

async function moveClock(seconds: number) {
  await database.ownerDb.query(
    {
      name: 'test_move_clock',
      text: 'UPDATE clock_offset SET value = value + make_interval(secs => $1::float8)',
    },
    [seconds],
  )
}

test('a key of any style is found with its account, scopes and caps', async () => {
  for (const style of ['default', 'getimages', 'getimg', 'gptimage2', 'imgeo'] as const) {
    const key = await makeKey({ style, scopes: ['admin', 'read'], inFlight: 7 })
    const found = await authenticateKey(firstNode(), key.apiKey, null)
    expect(found).toEqual({
      accountId: key.accountId,
      allowedModels: null,
      plan: 'free',
      keyId: key.keyId,
      style,
      scopes: ['admin', 'read'],
      inFlightCap: 7,
      planInFlightCap: null,
      spendCaps: [],
      rate: null,
    })
  }
})

test('missing, malformed, unknown, revoked and expired keys and closed accounts are answered alike', async () => {
  const revoked = await makeKey()
  await database.db.transaction(tx => revokeKey(tx, revoked.keyId, revoked.accountId))
  const expired = await makeKey({ expiresAt: new Date(now().getTime() + 3_600_000) })
  const closed = await makeKey()
  await database.ownerDb.query(
    { name: 'test_close', text: 'UPDATE account SET closed_at = app_now() WHERE id = $1' },
    [closed.accountId],
  )
  expect(await authenticateKey(firstNode(), expired.apiKey, null)).not.toBe(null)
  await moveClock(3_601)
  const presented = [null, '', 'x', newSecret('default'), revoked.apiKey, expired.apiKey, closed.apiKey]
  for (const secret of presented) {
    expect(await authenticateKey(firstNode(), secret, null)).toBe(null)
    expect(await authenticateKey(firstNode(), secret, perMinute)).toBe(null)
  }
  await moveClock(-3_601)
})

test('the end of a key goes by the clock of the database, also while it is made', async () => {
  const inMinutes = (minutes: number) => new Date(now().getTime() + minutes * 60_000)
  const { accountId } = await makeAccount()
  await moveClock(-3_600)
  const past = await makeKey({ accountId, expiresAt: inMinutes(-30) })
  expect(await authenticateKey(firstNode(), past.apiKey, null)).not.toBe(null)
  await moveClock(7_200)
  const refused = makeKey({ accountId, expiresAt: inMinutes(30) })
  await expect(refused).rejects.toMatchObject({ options: { details: [{ path: 'expiresAt' }] } })
  const ahead = await makeKey({ accountId, expiresAt: inMinutes(90) })
  expect(await authenticateKey(firstNode(), ahead.apiKey, null)).not.toBe(null)
  const listed = await listKeys(database.db, accountId)
  expect(listed.filter(key => key.expired).map(key => key.id)).toEqual([past.keyId])
  await moveClock(-3_600)
})

test('of 300 requests at once over three nodes exactly the limit is admitted', async () => {
  const key = await makeKey()
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, n) =>
      authenticateKey(nodes[n % nodes.length] ?? firstNode(), key.apiKey, perMinute),
    ),
  )
  const allowed = answers.filter(answer => answer?.rate?.allowed === true)
  expect(allowed).toHaveLength(60)
  expect(new Set(allowed.map(answer => answer?.rate?.remaining)).size).toBe(60)
  expect(new Set(answers.map(answer => answer?.rate?.resetAt.getTime())).size).toBe(1)
})

test('requests of two keys that share a window, and of others beside them, are counted exactly when they come at once', async () => {
  const one = await makeKey()
  const two = await makeKey({ accountId: one.accountId })
  const other = await makeKey()
  const rule: RateRule = { dialect: 'getimg', per: 'account', requests: 10, windowS: 60 }
  const secrets = [one.apiKey, two.apiKey, other.apiKey, `${one.apiKey.slice(0, -1)}!`]
  const answers = await Promise.all(
    Array.from({ length: 80 }, (_, n) => authenticateKey(firstNode(), secrets[n % 4] ?? '', rule)),
  )
  const of = (...keys: { keyId: string }[]) =>
    answers.filter(answer => keys.some(key => key.keyId === answer?.keyId)).map(answer => answer?.rate)
  expect(answers.filter(answer => answer === null)).toHaveLength(20)
  for (const rates of [of(one, two), of(other)]) {
    expect(rates.filter(rate => rate?.allowed)).toHaveLength(10)
    const left = rates.filter(rate => rate?.allowed).map(rate => rate?.remaining)
    expect(left.sort((a = 0, b = 0) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  }
  expect((await authenticateKey(firstNode(), other.apiKey, rule))?.rate).toMatchObject({ allowed: false })
})

test('the window is fixed from its first request, and a caller that waits Retry-After is admitted', async () => {
  const key = await makeKey()
  const rule = { ...perMinute, requests: 2 }
  const take = async () => (await authenticateKey(firstNode(), key.apiKey, rule))?.rate
  const first = await take()
  expect(first).toMatchObject({ limit: 2, remaining: 1, allowed: true })
  await moveClock(30)
  expect(await take()).toMatchObject({ remaining: 0, allowed: true })
  const refused = await take()
  expect(refused).toMatchObject({ remaining: 0, allowed: false })
  expect(refused?.resetAt).toEqual(first?.resetAt)
  const waitSeconds = refused?.retryAfterSeconds ?? 0
  expect(Number.isInteger(waitSeconds) && waitSeconds >= 29 && waitSeconds <= 30).toBe(true)
  await moveClock(waitSeconds - 1.5)
  const still = await take()
  expect(still?.allowed).toBe(false)
  expect(still?.retryAfterSeconds).toBeGreaterThanOrEqual(1)
  await moveClock(still?.retryAfterSeconds ?? 0)
  expect(await take()).toMatchObject({ remaining: 1, allowed: true })
})

test('each dialect counts by itself; an account-wide rule counts all keys of the account', async () => {
  const one = await makeKey()
  const two = await makeKey({ accountId: one.accountId })
  const rule: RateRule = { dialect: 'getimg', per: 'account', requests: 3, windowS: 60 }
  const remaining = async (secret: string, counted: RateRule) =>
    (await authenticateKey(firstNode(), secret, counted))?.rate?.remaining
  expect(await remaining(one.apiKey, rule)).toBe(2)
  expect(await remaining(two.apiKey, rule)).toBe(1)
  expect(await remaining(one.apiKey, perMinute)).toBe(59)
  expect(await remaining(two.apiKey, perMinute)).toBe(59)
  expect(await remaining(one.apiKey, { ...perMinute, dialect: 'native' })).toBe(59)
  expect(await remaining(one.apiKey, rule)).toBe(0)
})

test("a key's own limit replaces the dialect's, and off writes no window", async () => {
  const tight = await makeKey({ rate: { requests: 1, windowS: 3_600 } })
  const rule: RateRule = { dialect: 'getimg', per: 'account', requests: 100, windowS: 60 }
  const first = await authenticateKey(firstNode(), tight.apiKey, rule)
  expect(first?.rate).toMatchObject({ limit: 1, remaining: 0, allowed: true, retryAfterSeconds: 3_600 })
  expect((await authenticateKey(firstNode(), tight.apiKey, rule))?.rate?.allowed).toBe(false)
  const free = await makeKey({ rate: 'off', inFlight: 'off' })
  const found = await authenticateKey(firstNode(), free.apiKey, perMinute)
  expect(found).toMatchObject({ rate: null, inFlightCap: 0 })
  const windows = await database.ownerDb.query(
    { name: 'test_windows', text: 'SELECT 1 FROM rate_window WHERE scope LIKE $1' },
    [`%${free.keyId}%`],
  )
  expect(windows).toHaveLength(0)
})

test('a revoked key is refused at once on every node, 200 times of 200', async () => {
  const account = await makeAccount()
  for (let round = 0; round < 200; round++) {
    const key = await makeKey({ accountId: account.accountId })
    for (const node of nodes) expect(await authenticateKey(node, key.apiKey, null)).not.toBe(null)
    await firstNode().transaction(tx => revokeKey(tx, key.keyId, null))
    for (const node of nodes) expect(await authenticateKey(node, key.apiKey, null)).toBe(null)
  }
})

test('the secret is nowhere in the database, and lists show its beginning only', async () => {
  const key = await makeKey({ style: 'imgeo', name: 'Laptop', rate: { requests: 5, windowS: 60 } })
  const [listed] = (await listKeys(database.db, key.accountId)).filter(one => one.id === key.keyId)
  expect(listed).toMatchObject({ name: 'Laptop', rate: { requests: 5, windowS: 60 }, revokedAt: null })
  expect(key.apiKey.startsWith(listed?.displayPrefix ?? '-')).toBe(true)
  expect(listed?.displayPrefix).toHaveLength(12)
  const stored = await database.ownerDb.query<{ row: string }>({
    name: 'test_dump_keys',
    text: 'SELECT api_key::text AS row FROM api_key',
  })
  expect(stored.length).toBeGreaterThan(0)
  expect(stored.map(({ row }) => row).join('')).not.toContain(key.apiKey.slice(12))
})

test('a key is refused to a closed or absent account, and limits out of range are named', async () => {
  const { accountId } = await makeAccount()
  const make = (input: Partial<KeyInput>) => makeKey({ accountId, ...input })
  await expect(make({ accountId: 'x' })).rejects.toMatchObject({ code: 'not_found' })
  const absent = '00000000-0000-7000-8000-000000000000'
  await expect(make({ accountId: absent })).rejects.toMatchObject({ code: 'not_found' })
  const wrong: [Partial<KeyInput>, string][] = [
    [{ name: 'x'.repeat(65) }, 'name'],
    [{ name: '' }, 'name'],
    [{ scopes: [] }, 'scopes'],
    [{ inFlight: 0 }, 'inFlight'],
    [{ inFlight: 1.5 }, 'inFlight'],
    [{ rate: { requests: 0, windowS: 60 } }, 'rate'],
    [{ rate: { requests: 1, windowS: 86_401 } }, 'rate'],
    [{ expiresAt: new Date(0) }, 'expiresAt'],
  ]
  for (const [input, path] of wrong) {
    await expect(make(input)).rejects.toMatchObject({
      code: 'invalid_request',
      options: { details: [{ path }] },
    })
  }
  expect(await make({ name: '😀'.repeat(64) })).toHaveProperty('keyId')
})

test("a plan's rate holds for keys without one of their own, also where the whole account is counted", async () => {
  const { accountId, apiKey } = await makeKey()
  const second = await makeKey({ accountId })
  const own = await makeKey({ accountId, rate: { requests: 7, windowS: 60 } })
  const rule = { ...perMinute, byPlan: { free: { requests: 3, windowS: 3_600 } } }
  const rateOf = async (secret: string, counted: CountedRule) =>
    (await authenticateKey(firstNode(), secret, counted))?.rate
  expect(await rateOf(apiKey, rule)).toMatchObject({ limit: 3, remaining: 2, retryAfterSeconds: 3_600 })
  expect(await rateOf(own.apiKey, rule)).toMatchObject({ limit: 7, remaining: 6 })
  expect(
    await rateOf(second.apiKey, { ...rule, byPlan: { pro: { requests: 3, windowS: 3_600 } } }),
  ).toMatchObject({
    limit: 60,
  })
  const whole = { ...rule, dialect: 'getimg', per: 'account' } as const
  expect(await rateOf(apiKey, whole)).toMatchObject({ limit: 3, remaining: 2 })
  expect(await rateOf(second.apiKey, whole)).toMatchObject({ limit: 3, remaining: 1 })
  expect(await rateOf(second.apiKey, { ...whole, byPlan: { free: { requests: 0, windowS: 1 } } })).toBe(null)
})

test('a look at the window takes nothing from it and refuses nobody', async () => {
  const { apiKey } = await makeKey()
  const rule: CountedRule = { dialect: 'getimg', per: 'key', requests: 2, windowS: 60 }
  const look = async () => (await authenticateKey(firstNode(), apiKey, { ...rule, isCounted: false }))?.rate
  expect(await look()).toMatchObject({ limit: 2, remaining: 2, allowed: true })
  const taken = (await authenticateKey(firstNode(), apiKey, rule))?.rate
  expect(await look()).toMatchObject({ remaining: 1, allowed: true, resetAt: taken?.resetAt })
  await authenticateKey(firstNode(), apiKey, rule)
  await authenticateKey(firstNode(), apiKey, rule)
  for (let nth = 0; nth < 3; nth += 1) expect(await look()).toMatchObject({ remaining: 0, allowed: true })
  await moveClock(61)
  expect(await look()).toMatchObject({ remaining: 2 })
})

test('an account of a plan that is not configured has the rate of the first, and one without a rate the dialect’s', async () => {
  const plans = (rates: Partial<Record<'basic' | 'free', { requests: number; windowS: number }>>) =>
    createPlans(
      (['basic', 'free'] as const).map(name => ({
        ...{ name, gptimage2: true, capMonth: null, inFlight: null },
        rate: rates[name] ?? null,
      })),
    ).rates
  const { accountId, apiKey } = await makeKey()
  const rateOf = async (byPlan: CountedRule['byPlan']) =>
    (await authenticateKey(firstNode(), apiKey, { ...perMinute, byPlan: byPlan ?? null }))?.rate
  const five = { requests: 5, windowS: 60 }
  expect(await rateOf(plans({ basic: five }))).toMatchObject({ limit: 60 })
  await database.ownerDb.query(
    { name: 'test_plan', text: "UPDATE account SET plan = 'gone' WHERE id = $1" },
    [accountId],
  )
  expect(await rateOf(plans({ basic: five }))).toMatchObject({ limit: 5 })
  expect(await rateOf(plans({ free: five }))).toMatchObject({ limit: 60 })
})
