// Guards the doctor: what it looks at, what it says to do, and that one broken part hides no other.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commandsOn } from '../../test/command-rig.ts'
import { createTestDatabase, silentLog, type TestDatabase } from '../../test/database.ts'
import { ask, order, release } from '../../test/money.ts'
import { fingerprintOf, noteSecret } from '../accounts/secret-seen.ts'
import { noteRetention } from '../generations/retention.ts'
import type { Provider } from '../providers/provider.ts'
import { hostedNames } from '../providers/registry.ts'
import { keySettings } from '../read-providers.ts'
import type { RouteRow } from './needs.ts'

let database: TestDatabase
let folder: string
const now = () => new Date()

beforeAll(async () => {
  database = await createTestDatabase()
  folder = await mkdtemp(join(tmpdir(), 'darkroom-doctor-'))
})
afterAll(async () => {
  await database.drop()
  await rm(folder, { recursive: true })
})

const { runLine, diagnose, makeAccount } = commandsOn(() => ({ db: database.db, folder }))

test('doctor finds nothing wrong with a sound installation and says that the sandbox is on', async () => {
  const found = await diagnose()
  expect([found.code, found.ok]).toEqual([0, true])
  const names = [
    'settings',
    'origin',
    'sessions',
    'database',
    'clock',
    'secrets',
    'ledger',
    'sandbox',
    'storage',
    'mail',
    'models',
    ...hostedNames.map(name => `provider ${name}`),
  ]
  expect(found.checks.map(check => check.name)).toEqual(names)
  expect(found.named('models')?.message).toBe('1 model is offered.')
  expect(found.named('database')?.message).toMatch(/^PostgreSQL \d+/)
  expect(found.named('sandbox')).toMatchObject({ status: 'warn', message: expect.stringContaining('On') })
})

test('doctor names each provider without a key and the variable that gives it one, many in one line', async () => {
  const works = (name: string): Provider => ({
    name,
    idempotentCreates: false,
    submit: () => Promise.reject(new Error('a check makes no picture')),
    check: async () => ({ ok: true }),
  })
  const one = { env: { OPENAI_API_KEY: 'k' }, providers: [works('openai'), works('sketch')] }
  const found = await diagnose(one)
  expect(found.named('provider openai')?.message).toMatch(/^Key and address work\./)
  expect(found.named('provider sketch')?.message).toBe('Built in, and it works.')
  expect(found.named('provider google')).toMatchObject({
    status: 'ok',
    message: 'Not configured: GEMINI_API_KEY or `providers set-key google` gives it a key.',
  })
  const lines = async (surroundings: Parameters<typeof runLine>[1]) =>
    (await runLine(['doctor'], surroundings)).out.split('\n').filter(line => line.includes('Not configured'))
  expect(await lines(one)).toEqual([
    expect.stringMatching(
      /^ok {4}providers: Not configured: bfl \(BFL_API_KEY\), .*google \(GEMINI_API_KEY\)/,
    ),
  ])
  const all = Object.fromEntries(Object.values(keySettings).map(name => [name, 'k']))
  const { GEMINI_API_KEY: _, ...most } = all
  expect(await lines({ env: most })).toEqual([
    'ok    provider google: Not configured: GEMINI_API_KEY or `providers set-key google` gives it a key.',
  ])
  expect(await lines({ env: all })).toEqual([])
})

test('doctor warns of an engine that takes any key while accounts may bring theirs, and asks nothing of one without', async () => {
  const engine = (ok: boolean): Provider => ({
    name: 'sdapi',
    idempotentCreates: false,
    submit: () => Promise.reject(new Error('a check makes no picture')),
    check: async () => (ok ? { ok: true } : { ok: false, message: 'It refused the password.' }),
  })
  const env = { SDAPI_BASE_URL: 'http://gpu-1:7860', SDAPI_AUTH: 'user:password' }
  const careless = (await diagnose({ env, providers: [engine(true)] })).named('keys of sdapi')
  expect(careless).toMatchObject({ status: 'warn', advice: expect.stringContaining('BYOK=off') })
  const off = await diagnose({ env: { ...env, BYOK: 'off' }, providers: [engine(true)] })
  expect(off.named('keys of sdapi')).toBe(undefined)
  const careful = await diagnose({ env, providers: [engine(false)] })
  expect(careful.named('keys of sdapi')).toBe(undefined)
  expect(careful.named('provider sdapi')?.status).toBe('fail')
  const keyless = await diagnose({ env: { ...env, SDAPI_AUTH: '' }, providers: [engine(true)] })
  expect([keyless.named('provider sdapi')?.status, keyless.named('keys of sdapi')]).toEqual(['ok', undefined])
})

test('doctor says that nodes hold different secrets, and which', async () => {
  const say = (secret: string, processName: string) =>
    noteSecret({ db: database.db, log: silentLog, processName, secretPrint: fingerprintOf(secret) })
  await say('the secret of one node', 'one:1')
  expect((await diagnose()).named('secrets')).toMatchObject({ status: 'ok' })
  await say('the secret of another', 'two:1')
  const found = await diagnose()
  expect([found.ok, found.named('secrets')?.status]).toEqual([false, 'fail'])
  expect(found.named('secrets')?.message).toMatch(/2 different secrets: .*(one:1.*two:1|two:1.*one:1)/)
  expect(found.named('secrets')?.advice).toContain('AUTH_SECRET')
  await database.db.query({ name: 'no_nodes', text: 'DELETE FROM secret_seen' })
})

test('doctor tells of each route whether it works, what it is given and its last error', async () => {
  const route: RouteRow = {
    ...{ provider: 'openai', upstreamModel: 'gpt-image-2', breaker: 'closed', lastSuccessAt: null },
    ...{ lastFailure: null, gone: null, told: null, inFlight: 0, waiting: 0, pacing: null },
  }
  const at = new Date(now().getTime() - 60_000)
  const failed = { ...route, lastFailure: { kind: 'unavailable', message: 'overloaded', at } }
  const worked = { ...failed, lastSuccessAt: now() }
  const pacing = {
    ...{ maxInFlight: 3, imagesPerMinute: 50, imagesLastMinute: 12 },
    ...{ imagesPerWindow: { images: 28, seconds: 10 }, imagesLastWindow: 5 },
  }
  const gone = { since: at, said: 'no such model', generationId: '0198c0de-0000-7000-8000-000000000000' }
  const untold = { shutdownOn: null, version: null, versionAt: null, versionBefore: null, overruledEnd: null }
  const drifted = { ...untold, version: 'new', versionAt: at, versionBefore: 'old' }
  const names = [
    'unused',
    'failing',
    'healed',
    'open',
    'full',
    'gone',
    'ending',
    'drifted',
    `a/b:${'a'.repeat(64)}`,
    'overruled',
  ]
  const states: RouteRow[] = [
    route,
    failed,
    worked,
    { ...worked, breaker: 'open' },
    { ...worked, pacing, inFlight: 3, waiting: 7 },
    { ...worked, gone },
    { ...worked, told: { ...untold, shutdownOn: '2099-01-31' } },
    { ...worked, told: drifted },
    { ...worked, told: { ...untold, version: 'b'.repeat(64) } },
    { ...worked, told: { ...untold, shutdownOn: '2026-01-31', overruledEnd: '2026-01-31' } },
  ]
  const routes = states.map((each, nth) => ({ ...each, upstreamModel: names[nth] ?? '' }))
  const found = await diagnose({ routes })
  const shown = names.map(name => found.named(`route openai/${name}`))
  expect(shown.map(each => each?.status)).toEqual([
    'ok',
    'warn',
    'ok',
    'warn',
    'ok',
    'warn',
    'ok',
    'warn',
    'warn',
    'ok',
  ])
  expect(shown[9]?.message).toMatch(/; told to end on 2026-01-31, overruled$/)
  expect(shown[6]?.message).toMatch(/; its upstream serves it no more from 2099-01-31 on$/)
  expect(shown[7]?.message).toMatch(/; its upstream serves the version new since .*, before it old$/)
  expect(shown[8]?.message).toMatch(/; its upstream's latest version is b{64}, not the one of the route$/)
  expect(shown[5]?.message).toBe(
    `switched off since ${at.toISOString()}, when the order ${gone.generationId} met it: no such model`,
  )
  expect(shown[5]?.advice).toContain('`models restore openai gone`')
  expect(shown[0]?.message).toBe('not used yet')
  expect(shown[1]?.message).toBe(`no success yet; last error unavailable ${at.toISOString()}: overloaded`)
  expect(shown[3]?.message).toMatch(/^breaker open; last success /)
  expect(shown[4]?.message).toMatch(
    /; 3 of 3 in flight; 12 of 50 images in the last minute; 5 of 28 images in the last 10 seconds; 7 orders wait for it$/,
  )
})

test('doctor folds routes that no order has taken into one line, and lists each of them with --json', async () => {
  const route: RouteRow = {
    ...{ provider: 'openai', upstreamModel: 'a', breaker: 'closed', lastSuccessAt: null },
    ...{ lastFailure: null, gone: null, told: null, inFlight: 0, waiting: 0, pacing: null },
  }
  const routes = ['b', 'c', 'd'].map(upstreamModel => ({ ...route, upstreamModel }))
  const surroundings = { routes: [{ ...route, lastSuccessAt: now() }, ...routes] }
  const { out } = await runLine(['doctor'], surroundings)
  const lines = out.split('\n').filter(line => /route|not used yet/.test(line))
  expect(lines).toEqual([
    expect.stringMatching(/^ok {4}route openai\/a: last success /),
    'ok    routes: 3 routes are not used yet. With --json they are listed.',
  ])
  const { checks } = await diagnose(surroundings)
  expect(checks.filter(({ message }) => message === 'not used yet')).toHaveLength(3)
})

test('doctor says when a shorter RETENTION_DAYS comes into force and what it will delete', async () => {
  const run = (text: string) => database.ownerDb.query({ name: `test_term_${text.length}`, text })
  await run(
    `UPDATE retention_term SET days = 365, next_days = 30, counted_days = 30, seen_at = '2026-11-01',
      counted_at = '2026-11-01', generations = 1234`,
  )
  const found = (await diagnose()).named('retention')
  expect(found).toMatchObject({ status: 'warn', advice: expect.stringContaining('put the old number back') })
  expect(found?.message).toBe(
    'From 2026-11-02T00:00:00.000Z on RETENTION_DAYS is 30, until then it is 365. 1234 generations will then be deleted at once.',
  )
  await run('UPDATE retention_term SET is_more = true')
  expect((await diagnose()).named('retention')?.message).toContain('. At least 1234 generations')
  await run('UPDATE retention_term SET counted_days = NULL')
  expect((await diagnose()).named('retention')?.message).toContain('. An unknown number of generations')
  await run('UPDATE retention_term SET days = 0, next_days = NULL, seen_at = NULL, generations = NULL')
  expect((await diagnose()).named('retention')).toBe(undefined)
})

test('doctor says that workers have different RETENTION_DAYS, and which', async () => {
  const note = (processName: string, days: number) =>
    noteRetention({ db: database.db, log: silentLog, processName }, days)
  await note('one:1', 365)
  await note('two:1', 365)
  expect((await diagnose()).named('retention workers')).toBe(undefined)
  await note('three:1', 30)
  await note('one:1', 365)
  const found = (await diagnose()).named('retention workers')
  expect(found).toMatchObject({ status: 'warn', advice: expect.stringContaining('on all workers') })
  expect(found?.message).toContain('365 (one:1), 30 (three:1). While they differ nothing is deleted')
  await database.db.query({ name: 'no_workers', text: 'DELETE FROM retention_seen' })
  expect((await diagnose()).named('retention workers')).toBe(undefined)
})

test('doctor tells of each broken part what to do, and one hides no other', async () => {
  const provider = (name: string, check: NonNullable<Provider['check']>): Provider => ({
    name,
    idempotentCreates: false,
    submit: () => Promise.reject(new Error('a check makes no picture')),
    check,
  })
  const found = await diagnose({
    env: {
      PUBLIC_URL: 'http://images.lan',
      STORAGE_URL: 'file:/dev/null/images',
      OPENAI_API_KEY: 'k',
      GEMINI_API_KEY: 'k',
      MODERATION: 'words',
      MODERATION_WORDS: '/dev/null/words',
    },
    openDatabase: () => Promise.reject(new Error('connect ECONNREFUSED postgres://app:hunter22@db:5432')),
    providers: [
      provider('openai', async () => ({ ok: false, message: 'The key was refused.' })),
      provider('google', () => Promise.reject(new Error('no way out'))),
      provider('quiet', async () => ({ ok: true })),
    ],
  })
  expect([found.code, found.ok]).toEqual([1, false])
  for (const name of ['database', 'storage', 'moderation', 'provider openai', 'provider google']) {
    expect(found.named(name)?.status).toBe('fail')
    expect(found.named(name)?.advice).not.toBe(null)
  }
  expect(found.named('provider google')?.message).toBe('no way out. The key is that of the environment.')
  expect(found.named('provider quiet')?.status).toBe('ok')
  expect(found.named('origin')?.status).toBe('warn')
  expect(JSON.stringify(found)).not.toContain('hunter22')
  const unread = await diagnose({ env: { PORT: 'x', LOG_LEVEL: 'x' } })
  expect(unread.checks.map(check => check.status)).toEqual(['fail', 'fail'])
})

test('doctor notices a clock that runs apart and a balance that its entries do not sum to', async () => {
  const { accountId } = await makeAccount('--credits', '7')
  let statements = 0
  const run = (text: string) => database.ownerDb.query({ name: `test_break_${statements++}`, text })
  await run(`UPDATE clock_offset SET value = '45 seconds'`)
  await run(`UPDATE account SET available = 8 WHERE id = '${accountId}'`)
  const found = await diagnose()
  expect(found.named('clock')?.status).toBe('fail')
  expect(found.named('ledger')?.message).toContain(accountId)
  expect(found.named('ledger')?.advice).toContain('never heals by itself')
  await run(`UPDATE clock_offset SET value = '0'`)
  await run(`UPDATE account SET available = 7 WHERE id = '${accountId}'`)
  expect((await diagnose()).ok).toBe(true)
})

test('doctor says of holds that stay open that nothing ends them now, and how they end', async () => {
  const { db } = database
  const { accountId } = await makeAccount('--credits', '50')
  const { id } = await order(db, { accountId, unitPrice: 5 })
  await ask(db, "UPDATE generation SET deadline = app_now() - interval '75 s' WHERE id = $1", [id])
  const late = (await diagnose()).named('ledger')
  expect(late).toMatchObject({ status: 'fail', message: expect.stringContaining(`I6 (${id})`) })
  expect(late?.advice).toMatch(/^Start a worker: .*ends by itself/)
  expect(late?.advice).not.toContain('never')
  await ask(db, "INSERT INTO slot (scope, in_flight) VALUES ('test', 1)")
  const both = (await diagnose()).named('ledger')?.advice
  expect(both).toMatch(/^A limit is counted wrongly.*never heals by itself.*Start a worker/)
  expect(both).not.toContain('payments')
  await ask(db, "DELETE FROM slot WHERE scope = 'test'")
  expect(await release(db, id)).toBe(true)
  expect((await diagnose()).named('ledger')?.status).toBe('ok')
})

test('doctor warns of one role for the service and its tables, and says what to do', async () => {
  expect((await diagnose()).named('database role')).toBe(undefined)
  const asOwner = await commandsOn(() => ({ db: database.ownerDb, folder })).diagnose()
  expect([asOwner.ok, asOwner.named('database role')?.status]).toEqual([true, 'warn'])
  expect(asOwner.named('database role')?.advice).toContain('DATABASE_OWNER_URL')
})

test('doctor says that nobody is told by mail, or what is wrong with the mail server and how to mend it', async () => {
  expect((await diagnose()).named('mail')).toMatchObject({
    ...{ status: 'ok', message: expect.stringContaining('SMTP_URL is unset') },
    advice: expect.stringContaining('MAIL_FROM'),
  })
  const env = { SMTP_URL: 'smtp://user:the-password@mail.example.com', MAIL_FROM: 'noreply@example.com' }
  expect((await diagnose({ env })).named('mail')).toEqual({
    ...{ name: 'mail', status: 'ok', advice: null },
    message: 'mail.example.com:587 is ready; letters are sent from noreply@example.com.',
  })
  const refused = await diagnose({ env, mailTrouble: 'auth_refused_535' })
  expect(refused.code).toBe(1)
  expect(refused.named('mail')).toMatchObject({
    ...{ status: 'fail', message: expect.stringContaining('auth_refused_535') },
    advice: expect.stringContaining('user and password of SMTP_URL'),
  })
  expect(JSON.stringify(refused.checks)).not.toContain('the-password')
})
