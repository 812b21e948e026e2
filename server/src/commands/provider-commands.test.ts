// The operator's commands on keys of upstreams: read from standard input, proved before they replace one that works,
// never written out, and their origin told by `doctor`.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { createAccount } from '../accounts/accounts.ts'
import { readConfig } from '../config.ts'
import { adjustCredits, findAllViolations, grantCredits, refundGeneration } from '../credits/ledger.ts'
import { findRoleFault, findSettingFaults } from '../db/check-settings.ts'
import { findAnnouncedTerm, listDifferingTerms } from '../generations/retention.ts'
import { findOwnKey, readKeys } from '../keyring/key-store.ts'
import { noLife } from '../models/life.ts'
import type { Provider } from '../providers/provider.ts'
import { hostedNames } from '../providers/registry.ts'
import { createSeal } from '../seal.ts'
import { runCommand } from './command-line.ts'
import type { CommandIo } from './needs.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const goodKey = 'sk-good-key-of-an-upstream-4321'
const badKey = 'sk-bad-key-of-an-upstream-98765'
const envKey = 'AIza-key-of-the-environment-1122'
const now = () => new Date()

/** Takes the good key alone. */
function providerWith(name: string, apiKey: string): Provider | null {
  if (!(hostedNames as string[]).includes(name)) return null
  return {
    name,
    idempotentCreates: false,
    submit: () => Promise.reject(new Error('a check makes no picture')),
    check: async () =>
      apiKey === goodKey ? { ok: true } : { ok: false, message: 'The upstream refused the key.' },
  }
}

type Around = { input?: string; secrets?: string[]; env?: Record<string, string> }

async function run(line: string, { input = '', secrets = ['first'], env = {} }: Around = {}) {
  const outcome = { code: -1, out: '', err: '' }
  const refuse = () => Promise.reject(new Error('not here'))
  const store = { db: database.db, seal: createSeal(secrets, 'provider keys'), providers: hostedNames }
  const io: CommandIo = {
    writeOut(text) {
      outcome.out += text
    },
    writeError(text) {
      outcome.err += text
    },
    readInput: async () => input,
    loadConfig: () => readConfig({ GEMINI_API_KEY: envKey, ...env }),
    openDatabase: async () => ({
      db: database.db,
      now,
      ledger: { grantCredits, adjustCredits, findAllViolations, refundGeneration },
      findSettingFaults,
      findRoleFault,
      findAnnouncedTerm,
      listDifferingTerms,
      openKeyStore: async () => store,
      close: async () => {},
    }),
    findStored: async () => ({ keys: (await readKeys(store)).keys, life: noLife }),
    openOutside: async () => ({
      models: { list: () => [], check: () => ({ problems: [], warnings: [] }) },
      providers: [],
      listRoutes: async () => [],
      checkMail: async () => null,
      providerWith,
      sandbox: () => ({ on: false, reason: '', warning: null }),
      http: { request: refuse },
      storage: { check: async () => ({ ok: true }) } as never,
      close: async () => {},
    }),
    roles: { serve: refuse, work: refuse, all: refuse },
    migrate: refuse,
  }
  outcome.code = await runCommand(line.split(' '), io)
  for (const key of [goodKey, badKey, envKey]) expect(outcome.out + outcome.err).not.toContain(key)
  return { ...outcome, json: () => JSON.parse(outcome.out) }
}

async function makeAccount(): Promise<string> {
  const hashPassword = async () => ''
  const email = `${Math.random().toString(36).slice(2)}@example.com`
  const person = { email, password: null, credits: 0, signupCredits: 0 }
  return (await createAccount({ db: database.db, now, grantCredits, hashPassword }, person)).accountId
}

test('a key is proved before it is stored, and one that is refused changes nothing', async () => {
  const refused = await run('providers set-key openai', { input: `${badKey}\n` })
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('The upstream refused the key.')])
  expect((await run('providers list --json')).json().providers).toContainEqual(
    expect.objectContaining({ provider: 'openai', keyFrom: null }),
  )
  const stored = await run('providers set-key openai --json', { input: `${goodKey}\n` })
  expect(stored.json()).toMatchObject({ provider: 'openai', lastLetters: '4321', accountId: null })
  const listed = (await run('providers list --json')).json().providers
  expect(listed).toContainEqual(
    expect.objectContaining({ provider: 'openai', keyFrom: 'database', seal: 'good' }),
  )
  expect(listed).toContainEqual(
    expect.objectContaining({ provider: 'google', keyFrom: 'environment', lastLetters: '1122' }),
  )
})

test('a key may be stored untested; the test then names it, and doctor where it comes from', async () => {
  await run('providers set-key google --untested', { input: badKey })
  const tested = await run('providers test --json')
  expect([tested.code, tested.json()]).toEqual([
    1,
    {
      ok: false,
      providers: expect.arrayContaining([
        expect.objectContaining({ provider: 'google', keyFrom: 'database', works: false }),
        expect.objectContaining({ provider: 'openai', keyFrom: 'database', works: true }),
      ]),
    },
  ])
  expect((await run('providers test openai')).code).toBe(0)
  const { checks } = (await run('doctor --json')).json()
  expect(checks).toContainEqual(
    expect.objectContaining({
      name: 'provider google',
      status: 'fail',
      message: expect.stringContaining('that of the database'),
    }),
  )
  expect((await run('providers remove-key google')).code).toBe(0)
  const after = (await run('doctor --json')).json().checks
  expect(after).toContainEqual(
    expect.objectContaining({
      name: 'provider google',
      message: expect.stringContaining('that of the environment'),
    }),
  )
  expect((await run('providers remove-key google')).err).toContain('There is no key')
})

test('a replaced AUTH_SECRET is warned of while it opens the key, and told when it does not', async () => {
  const warned = (await run('doctor --json', { secrets: ['second', 'first'] })).json().checks
  expect(warned).toContainEqual(expect.objectContaining({ name: 'key openai', status: 'warn' }))
  const lost = await run('doctor --json', { secrets: ['second'] })
  expect(lost.json().checks).toContainEqual(expect.objectContaining({ name: 'key openai', status: 'fail' }))
  await run('providers set-key openai', { input: goodKey, secrets: ['second'] })
  const mended = (await run('doctor --json', { secrets: ['second'] })).json().checks
  const names = mended.map((check: { name: string }) => check.name)
  expect(names).not.toContain('key openai')
  expect(names).not.toContain('replaced key openai')
  // The one that it replaces was sealed with a secret that is gone.
  await run('providers set-key openai --untested', { input: badKey, secrets: ['third'] })
  const replaced = (await run('doctor --json', { secrets: ['third'] })).json().checks
  expect(replaced).toContainEqual(
    expect.objectContaining({ name: 'replaced key openai', status: 'fail', advice: expect.any(String) }),
  )
  const known = (await run('doctor --json', { secrets: ['third', 'second'] })).json().checks
  expect(known.map((check: { name: string }) => check.name)).not.toContain('replaced key openai')
})

test('an account’s own key is kept apart from the operator’s and from other accounts’', async () => {
  const [first, second] = [await makeAccount(), await makeAccount()]
  const store = { db: database.db, seal: createSeal(['first'], 'provider keys') }
  await run(`providers set-key google --account ${first}`, { input: goodKey })
  expect(await findOwnKey(store, first, 'google')).toEqual({ key: goodKey, earlier: [] })
  const stranger = { db: database.db, seal: createSeal(['second'], 'provider keys') }
  expect(await findOwnKey(stranger, first, 'google')).toBe('unreadable')
  const told = (await run('doctor --json', { secrets: ['second'] })).json().checks
  expect(told).toContainEqual(expect.objectContaining({ name: 'own keys', status: 'fail' }))
  const warned = (await run('doctor --json', { secrets: ['second', 'first'] })).json().checks
  expect(warned).toContainEqual(expect.objectContaining({ name: 'own keys', status: 'warn' }))
  expect(await findOwnKey(store, second, 'google')).toBe(null)
  const checkNamed = async (name: string, secrets: string[]) => {
    const { checks } = (await run('doctor --json', { secrets })).json()
    return checks.find((check: { name: string }) => check.name === name)
  }
  expect(await checkNamed('replaced own keys', ['first'])).toBeUndefined()
  await run(`providers set-key google --account ${first} --untested`, { input: badKey, secrets: ['second'] })
  expect(await checkNamed('replaced own keys', ['second', 'first'])).toMatchObject({
    ...{ status: 'ok', advice: null },
    message: expect.stringMatching(/^1 keys that accounts have replaced are kept/),
  })
  expect(await checkNamed('replaced own keys', ['second'])).toMatchObject({
    ...{ status: 'warn', advice: expect.stringContaining('AUTH_SECRET_EARLIER') },
    message: expect.stringContaining('1 of them were sealed with another AUTH_SECRET'),
  })
  expect(await checkNamed('own keys', ['second'])).toBeUndefined()
  // That which is in force again is none of them; the one between is.
  await run(`providers set-key google --account ${first}`, { input: goodKey })
  expect(await checkNamed('replaced own keys', ['first', 'second'])).toMatchObject({
    message: expect.stringMatching(/^1 keys that accounts have replaced are kept/),
  })
  const rows = (await run(`providers list --account ${first} --json`)).json().providers
  expect(rows).toEqual([expect.objectContaining({ provider: 'google', lastLetters: '4321' })])
  expect((await run(`providers list --account ${second} --json`)).json().providers).toEqual([])
  expect((await run(`providers remove-key google --account ${second}`)).code).toBe(1)
  expect((await run(`providers remove-key google --account ${first}`)).code).toBe(0)
  expect(await findOwnKey(store, first, 'google')).toBe(null)
})

test('what is no key, no provider or no account is refused', async () => {
  for (const [line, input, said] of [
    ['providers set-key openai', '\n', 'standard input'],
    ['providers set-key openai', 'two words', 'no space'],
    ['providers set-key nobody', goodKey, 'There are'],
    ['providers test nobody', '', 'There are'],
    ['providers set-key openai --account 0190f2f0-0000-7000-8000-000000000000', goodKey, 'no such account'],
  ] as const) {
    const refused = await run(line, { input })
    const code = said === 'no such account' ? 1 : 2
    expect([refused.code, refused.err], line).toEqual([code, expect.stringContaining(said)])
  }
})
