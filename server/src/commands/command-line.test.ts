// Guards the operator's commands: exact answers, exit codes, and that each works against a real database.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commandsOn, noModels } from '../../test/command-rig.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { authenticateKey } from '../accounts/authenticate.ts'
import { newSecret } from '../accounts/secret.ts'
import { findViolations } from '../credits/ledger.ts'
import { settingGroups } from '../settings.ts'

let database: TestDatabase
let folder: string
beforeAll(async () => {
  database = await createTestDatabase()
  folder = await mkdtemp(join(tmpdir(), 'darkroom-commands-'))
})
afterAll(async () => {
  await database.drop()
  await rm(folder, { recursive: true })
})

const { runLine, runJson, makeAccount } = commandsOn(() => ({ db: database.db, folder }))

async function balanceOf(accountId: string): Promise<unknown> {
  const { accounts } = await runJson(['accounts', 'list'])
  return (accounts as { id: string; available: number }[]).find(account => account.id === accountId)
    ?.available
}

test('accounts create answers exactly account, user and a key that works', async () => {
  const document = await makeAccount('--key-style', 'getimages', '--plan', 'pro')
  expect(Object.keys(document)).toEqual(['accountId', 'userId', 'apiKey'])
  const key = await authenticateKey(database.db, document.apiKey, null)
  expect(key).toMatchObject({ accountId: document.accountId, style: 'getimages', plan: 'pro' })
})

test('keys and accounts are created with either name of the style, and the help of both tells both', async () => {
  const { accountId, apiKey } = await makeAccount('--style', 'gptimage2')
  expect(await authenticateKey(database.db, apiKey, null)).toMatchObject({ style: 'gptimage2' })
  const key = await runJson(['keys', 'create', '--account', accountId, '--key-style', 'imgeo'])
  expect(await authenticateKey(database.db, String(key.apiKey), null)).toMatchObject({ style: 'imgeo' })
  for (const [group, flags] of [
    ['accounts', '--style, --key-style <style>'],
    ['keys', '--key-style, --style <style>'],
  ] as const) {
    const { code, out } = await runLine([group, 'create', '--help'])
    expect(code).toBe(0)
    expect(out).toContain(flags)
  }
})

test('SIGNUP_CREDITS are granted only when no number is named', async () => {
  expect(await balanceOf((await makeAccount()).accountId)).toBe(10)
  expect(await balanceOf((await makeAccount('--credits', '500')).accountId)).toBe(500)
  expect(await balanceOf((await makeAccount('--credits', '0')).accountId)).toBe(0)
})

test('a password may come from standard input, without its line end', async () => {
  const line = ['accounts', 'create', '--email', 'stdin@example.com', '--password-stdin']
  expect((await runLine(line, { input: 'short\n' })).err).toContain('password')
  expect(await runJson(line, { input: 'correct horse\n' })).toHaveProperty('userId')
})

test('credits grant answers the balance, and one reference is granted once', async () => {
  const { accountId } = await makeAccount('--credits', '0')
  const grant = ['credits', 'grant', '--account', accountId, '--amount', '25', '--reference', 'invoice 7']
  const granted = { accountId, amount: 25, granted: true, balance: 25, reference: 'invoice 7' }
  expect(await runJson(grant)).toEqual(granted)
  expect(await runJson(grant)).toEqual({ ...granted, granted: false })
  expect(await balanceOf(accountId)).toBe(25)
  // A slip under a used reference must not look like a grant.
  const other = await runLine([...grant.slice(0, 5), '250', ...grant.slice(6)])
  expect([other.code, other.out]).toEqual([2, ''])
  expect(other.err).toContain('reference: names a grant to this account of 25 credits already')
  expect(await balanceOf(accountId)).toBe(25)
})

test('credits adjust takes and gives; what the balance cannot bear becomes debt', async () => {
  const { accountId } = await makeAccount('--credits', '30')
  const adjust = (amount: string) => ['credits', 'adjust', '--account', accountId, '--amount', amount]
  expect(await runJson(adjust('-10'))).toMatchObject({ balance: 20, debt: 0 })
  expect(await runJson(adjust('5'))).toMatchObject({ balance: 25, debt: 0 })
  expect(await runJson(adjust('-40'))).toMatchObject({ balance: 0, debt: 15 })
  expect(await findViolations(database.db, null)).toEqual([])
})

test('credits adjust under one reference is made once; for another amount the reference is refused', async () => {
  const { accountId } = await makeAccount('--credits', '30')
  const line = ['credits', 'adjust', '--account', accountId, '--reference', 'ticket 8', '--amount']
  const adjusted = { accountId, amount: -40, adjusted: true, balance: 0, debt: 10, reference: 'ticket 8' }
  expect(await runJson([...line, '-40'])).toEqual(adjusted)
  expect(await runJson([...line, '-40'])).toEqual({ ...adjusted, adjusted: false })
  expect((await runLine([...line, '-40'])).out).toBe(
    'Adjusted before under this reference; nothing changed. Balance: 0. Debt: 10.\n',
  )
  const other = await runLine([...line, '-4', '--json'])
  expect(other).toMatchObject({ code: 2, out: '' })
  expect(other.err).toContain('reference: names an adjustment of this account by -40 credits already')
  // The repayment of debt bears the reference of its grant, which names no adjustment.
  await runJson(['credits', 'grant', '--account', accountId, '--amount', '15', '--reference', 'invoice 9'])
  const free = ['credits', 'adjust', '--account', accountId, '--reference', 'invoice 9', '--amount', '1']
  expect(await runJson(free)).toMatchObject({ adjusted: true, balance: 6, debt: 0 })
  expect((await runLine(['credits', 'adjust', '--help'])).out.replace(/\s+/g, ' ')).toContain(
    'a second adjust under it is not made',
  )
  expect(await findViolations(database.db, null)).toEqual([])
})

test('keys create answers exactly key and secret; list shows its limits; revoke ends it', async () => {
  const { accountId } = await makeAccount()
  const limits = ['--rate', '600/1h', '--in-flight', 'off', '--scopes', 'read,admin', '--name', 'Laptop']
  const key = await runJson(['keys', 'create', '--account', accountId, '--style', 'imgeo', ...limits])
  expect(Object.keys(key)).toEqual(['keyId', 'apiKey'])
  const listed = (await runJson(['keys', 'list', '--account', accountId])).keys as Record<string, unknown>[]
  expect(listed.find(one => one.id === key.keyId)).toMatchObject({
    style: 'imgeo',
    name: 'Laptop',
    scopes: ['read', 'admin'],
    rate: { requests: 600, windowS: 3_600 },
    inFlight: 'off',
    revokedAt: null,
  })
  expect(JSON.stringify(listed)).not.toContain(key.apiKey)
  expect(await authenticateKey(database.db, String(key.apiKey), null)).toMatchObject({ inFlightCap: 0 })
  expect(await runJson(['keys', 'revoke', String(key.keyId)])).toEqual({ keyId: key.keyId, revoked: true })
  expect(await authenticateKey(database.db, String(key.apiKey), null)).toBe(null)
})

test('keys scan names every key by its place, never whole, and fails where there is one', async () => {
  const place = await mkdtemp(join(tmpdir(), 'darkroom-scan-'))
  const [leaked, piped] = [newSecret('default'), newSecret('getimg')]
  await mkdir(join(place, 'src'))
  await mkdir(join(place, 'node_modules'))
  await writeFile(join(place, 'clean.txt'), `dr_${'x'.repeat(38)}`)
  expect(await runLine(['keys', 'scan', place])).toMatchObject({ code: 0, out: '0 API keys in 1 file.\n' })
  await writeFile(join(place, 'src', 'a.env'), `A=1\nKEY=${leaked}\n`)
  await writeFile(join(place, 'node_modules', 'b.env'), newSecret('default'))
  const found = await runLine(['keys', 'scan', place, '-'], { input: `see ${piped}` })
  expect([found.code, found.err]).toEqual([1, ''])
  expect(found.out.split('\n')).toEqual([
    `${join(place, 'src', 'a.env')}:2:5  ${leaked.slice(0, 12)}…`,
    `-:1:5  ${piped.slice(0, 12)}…`,
    '2 API keys in 3 files.',
    '',
  ])
  expect(found.closed).toBe(0)
  const json = await runLine(['keys', 'scan', join(place, 'src', 'a.env'), '--json'])
  expect(JSON.parse(json.out)).toMatchObject({ files: 1, found: [{ line: 2, column: 5 }] })
  await rm(place, { recursive: true })
})

test('keys scan goes on behind what it cannot read, names it, and fails in another way where it found nothing', async () => {
  const place = await mkdtemp(join(tmpdir(), 'darkroom-scan-'))
  const leaked = newSecret('default')
  await writeFile(join(place, 'a.env'), `KEY=${leaked}`)
  const absent = join(place, 'absent')
  // A file that opens and cannot be read at its beginning.
  const broken = '/proc/self/mem'
  const found = await runLine(['keys', 'scan', absent, broken, place])
  expect([found.code, found.out.split('\n').slice(-2)]).toEqual([1, ['1 API key in 1 file.', '']])
  expect(found.err.split('\n')).toEqual([
    expect.stringContaining(`${absent} was not read: ENOENT`),
    expect.stringContaining(`${broken} was not read: `),
    '',
  ])
  const json = await runLine(['keys', 'scan', absent, place, '--json'])
  expect(JSON.parse(json.out)).toMatchObject({ files: 1, found: [{ line: 1, column: 5 }], unread: [absent] })
  await rm(join(place, 'a.env'))
  const clean = await runLine(['keys', 'scan', absent, place])
  expect([clean.code, clean.out]).toEqual([3, '0 API keys in 0 files.\n'])
  await rm(place, { recursive: true })
})

test('keys are for the models that are named, by ids that exist, until others are', async () => {
  const { accountId } = await makeAccount()
  const create = ['keys', 'create', '--account', accountId]
  const refused = await runLine([...create, '--models', 'darkroom:sketch,gpt-imaeg-2'])
  expect(refused.code).not.toBe(0)
  expect(refused.err).toContain('no model called gpt-imaeg-2; allowed: darkroom:sketch')
  const { keyId } = await runJson([...create, '--models', 'darkroom:sketch, darkroom:sketch'])
  const modelsOf = async () => {
    const { keys } = await runJson(['keys', 'list', '--account', accountId])
    return (keys as { id: string; models: string[] | null }[]).find(({ id }) => id === keyId)?.models
  }
  expect(await modelsOf()).toEqual(['darkroom:sketch'])
  const set = ['keys', 'set-models', String(keyId), '--models']
  expect(await runJson([...set, 'all'])).toEqual({ keyId, models: null })
  expect(await modelsOf()).toBeNull()
  expect(await runJson([...set, 'darkroom:sketch'])).toEqual({ keyId, models: ['darkroom:sketch'] })
  expect((await runLine([...set, 'nothing'])).code).not.toBe(0)
  expect(await modelsOf()).toEqual(['darkroom:sketch'])
  expect((await runLine(['keys', 'set-models', accountId, '--models', 'all'])).err).toContain(
    'no such API key',
  )
})

test('keys create takes spend caps, zero among them, and list shows them', async () => {
  const { accountId } = await makeAccount()
  const create = (...caps: string[]) => runJson(['keys', 'create', '--account', accountId, ...caps])
  const capped = await create('--cap-day', '0', '--cap-month', '250')
  const scope = `key:${capped.keyId}`
  expect((await authenticateKey(database.db, String(capped.apiKey), null))?.spendCaps).toEqual([
    { scope, period: 'day', credits: 0 },
    { scope, period: 'month', credits: 250 },
  ])
  const free = await create()
  expect((await authenticateKey(database.db, String(free.apiKey), null))?.spendCaps).toEqual([])
  const listed = (await runJson(['keys', 'list', '--account', accountId])).keys as Record<string, unknown>[]
  expect(listed.map(({ capDay, capMonth }) => [capDay, capMonth])).toEqual([
    [null, null],
    [0, 250],
    [null, null],
  ])
  expect((await runLine(['keys', 'list', '--account', accountId])).out).toContain('0/day 250/month')
  const wrong = await runLine(['keys', 'create', '--account', accountId, '--cap-day', '-1'])
  expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('capDay: must be') })
})

test('accounts set-plan moves an account among the configured plans, and to no other', async () => {
  const { accountId, apiKey } = await makeAccount()
  const plan = async () => (await authenticateKey(database.db, apiKey, null))?.plan
  expect(await plan()).toBe('free')
  expect(await runJson(['accounts', 'set-plan', accountId, '--plan', 'max'])).toEqual({
    accountId,
    plan: 'max',
  })
  expect(await plan()).toBe('max')
  const gold = await runLine(['accounts', 'set-plan', accountId, '--plan', 'gold'])
  expect(gold).toMatchObject({ code: 2, err: expect.stringContaining('must be one of free, pro, max') })
  const env = { PLANS: 'free, gold' }
  const line = ['accounts', 'set-plan', accountId, '--plan', 'gold']
  expect(await runJson(line, { env })).toEqual({ accountId, plan: 'gold' })
  const absent = '00000000-0000-7000-8000-000000000000'
  expect((await runLine(['accounts', 'set-plan', absent, '--plan', 'max'])).err).toContain('no such account')
  const refused = await runLine(['accounts', 'create', '--email', 'gold@example.com', '--plan', 'gold'])
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('plan: must be one of') })
})

test('accounts close refuses the keys of an account at once, and reopen takes them again', async () => {
  const { accountId, apiKey } = await makeAccount('--credits', '30')
  const isKnown = async () => (await authenticateKey(database.db, apiKey, null)) !== null
  for (const times of [1, 2]) {
    expect(await runJson(['accounts', 'close', accountId]), `${times}`).toEqual({ accountId, closed: true })
    expect(await isKnown()).toBe(false)
  }
  expect((await runLine(['accounts', 'list', '--limit', '1000'])).out).toMatch(
    new RegExp(`${accountId}.*closed`),
  )
  expect(await runJson(['accounts', 'reopen', accountId])).toEqual({ accountId, closed: false })
  expect([await isKnown(), await balanceOf(accountId)]).toEqual([true, 30])
  const absent = '00000000-0000-7000-8000-000000000000'
  expect((await runLine(['accounts', 'close', absent])).err).toContain('no such account')
})

test('a failure writes nothing to standard output, says why on standard error and ends with 1, or 2 where a value was wrong', async () => {
  const { accountId } = await makeAccount()
  const absent = '00000000-0000-7000-8000-000000000000'
  const failures: [string[], RegExp, number?][] = [
    [['accounts', 'create', '--email', 'nonsense'], /email: must be/, 2],
    [['accounts', 'create', '--email', 'user0@example.com'], /email: is taken/, 2],
    [['credits', 'grant', '--account', absent, '--amount', '5'], /no such account/],
    [['credits', 'grant', '--account', accountId, '--amount', '0'], /amount: must be/, 2],
    [['credits', 'grant', '--account', accountId, '--amount', '-5'], /amount: must be/, 2],
    [['keys', 'create', '--account', absent], /no such account/],
    [['keys', 'create', '--account', accountId, '--expires', '2001-01-01'], /future/, 2],
    [['accounts', 'create', '--email', 'rich@example.com', '--credits', '9000000000'], /credits: must be/, 2],
    [
      ['credits', 'grant', '--account', accountId, '--amount', '5', '--reference', ''],
      /reference: must be/,
      2,
    ],
    [['accounts', 'create', '--email', 'gold@example.com', '--plan', 'gold'], /plan: must be one of/, 2],
    [['keys', 'revoke', absent], /no such API key/],
    [['keys', 'list', '--account', 'x'], /no such account/],
  ]
  for (const [line, reason, wanted = 1] of failures) {
    const { code, out, err } = await runLine([...line, '--json'])
    expect([line, code, out]).toEqual([line, wanted, ''])
    expect(err).toMatch(reason)
    expect(err).not.toMatch(/^\s+at /m)
  }
})

test('wrong use ends with 2 and says what is allowed', async () => {
  const misuses: [string[], RegExp][] = [
    [['nonsense'], /unknown command/],
    [['accounts', 'create'], /--email/],
    [
      ['keys', 'create', '--account', 'x', '--style', 'openai'],
      /default, getimages, getimg, gptimage2, imgeo/,
    ],
    [['keys', 'create', '--account', 'x', '--rate', 'fast'], /600\/1h, or off/],
    [['keys', 'create', '--account', 'x', '--rate', '10/2d'], /up to 1d/],
    [['keys', 'create', '--account', 'x', '--in-flight', '0'], /positive/],
    [['keys', 'create', '--account', 'x', '--scopes', 'root'], /generate, read, admin/],
    [['credits', 'grant', '--account', 'x', '--amount', '1.5'], /whole number/],
    [['accounts', 'list', '--colour'], /unknown option/],
    [['accounts', 'list', '--limit', '-1'], /from 1 to 10000/],
    [['accounts', 'list', '--limit', '999999999999'], /from 1 to 10000/],
    [['keys', 'create', '--account', 'x', '--expires', '2999-02-31'], /Give a date/],
    [['keys', 'create', '--account', 'x', '--expires', '2999-02-31T10:00:00Z'], /Give a date/],
  ]
  for (const [line, reason] of misuses) {
    const { code, out, err } = await runLine(line)
    expect([line, code, out]).toEqual([line, 2, ''])
    expect(err).toMatch(reason)
  }
  const help = await runLine(['--help'])
  expect([help.code, help.err]).toEqual([0, ''])
  expect(help.out).toContain('accounts')
})

test('a refusal of one field is told once, and a name cannot command the terminal', async () => {
  const { accountId } = await makeAccount()
  const refused = await runLine(['credits', 'grant', '--account', accountId, '--amount', '0'])
  expect(refused.err.trim().split('\n')).toHaveLength(1)
  await runJson(['keys', 'create', '--account', accountId, '--name', 'a\u001b[31mred'])
  const { out } = await runLine(['keys', 'list', '--account', accountId])
  expect(out).toContain('[31mred')
  expect(out).not.toContain('\u001b')
})

test('every command closes what it opened, also when it fails', async () => {
  expect((await runLine(['accounts', 'list'])).closed).toBe(1)
  expect((await runLine(['keys', 'revoke', 'x'])).closed).toBe(1)
  expect((await runLine(['models', 'list'])).closed).toBe(1)
  expect((await runLine(['doctor'])).closed).toBe(3)
})

test('a wrong environment is told in full and ends with 1', async () => {
  const { code, err, out } = await runLine(['accounts', 'list', '--json'], {
    env: { PORT: 'x', LOG_LEVEL: 'x' },
  })
  expect([code, out]).toEqual([1, ''])
  expect(err).toContain('PORT')
  expect(err).toContain('LOG_LEVEL')
})

test('no word starts serving and working; each role can be started alone', async () => {
  const started: string[] = []
  const role = (name: string) => async () => void started.push(name)
  const roles = { all: role('all'), serve: role('serve'), work: role('work') }
  for (const line of [[], ['all'], ['serve'], ['work']]) expect((await runLine(line, { roles })).code).toBe(0)
  expect(started).toEqual(['all', 'all', 'serve', 'work'])
  expect(await runJson(['migrate'])).toEqual({ applied: ['0001-accounts.sql'] })
})

test('models check fails the run when the catalogue has a problem', async () => {
  const models = {
    ...noModels,
    check: () => ({ problems: ['models.0.price: must be set'], warnings: ['retires'] }),
  }
  const { code, out } = await runLine(['models', 'check', '--json'], { models })
  expect(code).toBe(1)
  expect(JSON.parse(out)).toEqual({
    ok: false,
    problems: ['models.0.price: must be set'],
    warnings: ['retires'],
  })
  expect((await runLine(['models', 'list'])).out).toMatch(/darkroom:sketch +Sketch +native +yes/)
})

test('settings lists every variable, and as the page of the documentation', async () => {
  const { settings } = await runJson(['settings'])
  expect(settings).toHaveLength(settingGroups.flatMap(group => group.settings).length)
  expect((await runLine(['settings', '--markdown'])).out).toMatch(/^# Configuration\n/)
})

test('a bill is refused by what is wrong with it or with the call, and never breaks the program', async () => {
  const bill = join(folder, 'bill.csv')
  await writeFile(bill, 'request_id;cost;created_at\nx\u001b[2J;0.0035;2026-11-20T10:00:00Z\n')
  const reconcile = (...options: string[]) => runLine(['reconcile', ...options])
  expect(await reconcile('openai', join(folder, 'nowhere.csv'))).toMatchObject({
    ...{ code: 2, out: '', closed: 1 },
    err: expect.stringContaining('nowhere.csv cannot be read: there is no such file'),
  })
  expect(await reconcile('openai', folder)).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^file: .* cannot be read: it is a folder/),
  })
  expect(await reconcile('opnai', bill)).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^provider: There is no such provider.*openai/),
  })
  expect(await reconcile('openai', bill)).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^separator: /),
  })
  const backwards = ['--since', '2026-11-21', '--until', '2026-11-20']
  expect(await reconcile('openai', bill, ...backwards)).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^since: /),
  })
  for (const wrong of [
    ['--tolerance', 'some'],
    ['--separator', ', '],
    ['--unit', 'eur'],
    ['--limit', '0'],
  ])
    expect(await reconcile('openai', bill, ...wrong), wrong.join(' ')).toMatchObject({ code: 2, out: '' })
  // Amounts below a cent are seen, and what a file holds does not command the terminal.
  const { code, out } = await reconcile('openai', bill, '--separator', ';')
  expect(out).toMatch(/^1 line, /)
  expect([code, out]).toEqual([0, expect.stringContaining('  line 2  x\ufffd[2J  0.0035\n')])
  const { unknownToUs } = await runJson(['reconcile', 'openai', bill, '--separator', ';'])
  expect(unknownToUs).toMatchObject({ count: 1, rows: [{ requestId: 'x\u001b[2J', amountUsdMicro: 3_500 }] })
  expect((await runLine(['reconcile', '--help'])).out.replace(/\s+/g, ' ')).toContain(
    'rounding (default: 0.001)',
  )
})
