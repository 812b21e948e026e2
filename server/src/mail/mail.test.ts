// Letters from what they tell to a mail server: the functions of the database that write them, and the mailer, against
// real PostgreSQL and a real SMTP server.
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { testCertificate } from '../../test/certificate.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { addressOf, type MailServer, startMailServer } from '../../test/mail-server.ts'
import { ask, askOne } from '../../test/money.ts'
import { createAccount, setClosed } from '../accounts/accounts.ts'
import { listAddressees } from '../accounts/owner.ts'
import { readConfig } from '../config.ts'
import { grantCredits } from '../credits/ledger.ts'
import { createSeal } from '../seal.ts'
import { changeEndpoint, createEndpoint } from '../webhooks/endpoints.ts'
import { sql as webhookSql } from '../webhooks/sql.ts'
import { keepMail } from './keep.ts'
import { delaysMs } from './outcome.ts'
import { createMailer } from './send.ts'
import { createSmtp } from './smtp.ts'

let database: TestDatabase
let server: MailServer
let accountId: string
let address: string
/** What happened to letters, in order. */
let told: string[]

const now = () => new Date()
const day = 24 * 3_600
const origin = 'https://images.example.com'
const from = 'Darkroom <noreply@images.example.com>'

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())
beforeEach(async () => {
  server = await startMailServer()
  told = []
  ;({ accountId, address } = await makeAccount())
})
afterEach(async () => {
  await ask(database.ownerDb, 'DELETE FROM mail')
  await server.close()
})

async function makeAccount() {
  const needs = { db: database.db, now, grantCredits, hashPassword: async () => '' }
  const email = `${randomUUID()}@example.com`
  const made = await createAccount(needs, { email, password: null, credits: 0, signupCredits: 0 })
  return { accountId: made.accountId, address: await addressOf(database.db, made.accountId) }
}

const moveClock = (seconds: number) =>
  ask(database.ownerDb, "UPDATE clock_offset SET value = value + $1 * interval '1 s'", [seconds])

const needs = () => ({
  db: database.db,
  seal: createSeal(['the secret of the test'], 'webhook secrets'),
  now,
  refusalOf: () => null,
  challenges: false,
})

async function makeWebhook(url = 'https://hooks.example.com/in?key=hidden-in-the-url', of = accountId) {
  const made = await createEndpoint(needs(), of, { url, events: ['generation.succeeded'] })
  return made.endpoint.id
}

/** One delivery that gives up at once: its last attempt has failed. */
async function exhaust(webhookId: string, { policy = 'default', of = accountId } = {}): Promise<void> {
  const id = randomUUID()
  const { db } = database
  expect(await db.query(webhookSql.queueTest, [id, webhookId, of])).toEqual([{ id }])
  // Claimed by hand: others may wait, and whose turn it is does not matter here.
  await ask(db, "UPDATE webhook_delivery SET claimed_by = 'test', epoch = 1 WHERE id = $1", [id])
  const limits = policy === 'default' ? [8, null] : [null, 5 * day]
  const attempt = [500, null, 'broken', '{}', now(), 5, null, ...limits, false]
  await db.query(webhookSql.finish, [id, 1, webhookId, false, ...attempt])
}

type Mailing = { url?: string; name?: string; publicUrl?: string | null }

function openMailer({ url = server.url, name = 'test', publicUrl = origin }: Mailing = {}) {
  const { mail } = readConfig({ SMTP_URL: url, MAIL_FROM: from })
  if (!mail) throw new Error('no mail server')
  const note =
    (what: string) =>
    (_mail: object, error = '') =>
      void told.push(`${what} ${error}`.trim())
  return createMailer({
    db: database.db,
    smtp: createSmtp(mail, { ca: [testCertificate] }),
    events: {
      ...{ sent: note('sent'), deferred: note('deferred'), failed: note('failed'), expired: note('expired') },
    },
    listAddressees: (...asked) => listAddressees(database.db, ...asked),
    ...{ now, processName: name, origin: publicUrl, domain: 'images.example.com' },
  })
}

const send = (mailing?: Mailing) => openMailer(mailing).fill()
const countMails = async () =>
  (await askOne<{ count: number }>(database.db, 'SELECT count(*)::int AS count FROM mail')).count

test('a delivery that gives up is told once, with the host of the URL and no more of it', async () => {
  const webhook = await makeWebhook()
  await exhaust(webhook)
  await send()
  await send()
  expect(server.letters).toHaveLength(1)
  const [letter] = server.lettersTo(address)
  expect(letter?.subject).toBe('Webhook deliveries to hooks.example.com failed')
  expect(letter?.text).toContain('1 delivery to one of your webhooks failed')
  expect(letter?.text).toContain(`POST ${origin}/api/v1/webhooks/${webhook}/resend-failed`)
  expect(letter?.text).toContain('From: Darkroom <noreply@images.example.com>')
  expect(letter?.text).not.toContain('hidden-in-the-url')
  expect(letter?.messageId).toMatch(/^<[0-9a-f-]{36}@images\.example\.com>$/)
  expect(told).toEqual(['sent'])
})

test('two hundred deliveries that give up make one letter a day, and the next one counts those since', async () => {
  const webhook = await makeWebhook()
  // Of a policy that bears many failures.
  const fail = (count: number) =>
    Promise.all(Array.from({ length: count }, () => exhaust(webhook, { policy: 'standard' })))
  await fail(150)
  await send()
  await fail(50)
  await moveClock(day - 60)
  await fail(1)
  await send()
  expect(server.letters).toHaveLength(1)
  expect(server.letters[0]?.text).toContain('150 deliveries to one of your webhooks failed')
  await moveClock(120)
  await fail(2)
  await send()
  expect(server.letters).toHaveLength(2)
  expect(server.letters[1]?.text).toContain('53 deliveries to one of your webhooks failed')
  // Another webhook has a day of its own.
  await exhaust(await makeWebhook('https://other.example.com/'))
  await send()
  expect(server.letters).toHaveLength(3)
})

test('each time that failures disable a webhook is told in one letter, what its owner does in none', async () => {
  const webhook = await makeWebhook()
  const fail = async () => {
    for (let failure = 0; failure < 8; failure += 1) await exhaust(webhook)
  }
  await fail()
  await send()
  const subjects = () => server.letters.map(({ subject }) => subject)
  const disabled = 'Your webhook to hooks.example.com was disabled'
  expect(subjects()).toEqual(['Webhook deliveries to hooks.example.com failed', disabled])
  expect(server.letters[1]?.text).toContain('was disabled after 8 failed attempts in a row, the first at 20')
  expect(server.letters[1]?.text).toContain(`PATCH ${origin}/api/v1/webhooks/${webhook}`)

  await changeEndpoint(needs(), { accountId, id: webhook }, { enabled: true })
  await fail()
  await send()
  expect(subjects().slice(2)).toEqual([disabled])
  await changeEndpoint(needs(), { accountId, id: webhook }, { enabled: true })
  await changeEndpoint(needs(), { accountId, id: webhook }, { enabled: false })
  await send()
  expect(subjects()).toHaveLength(3)
})

test('the letter of a webhook that is gone reaches back to what was last tried and to what no letter told', async () => {
  const webhook = await makeWebhook()
  const gone = [410, null, 'gone', '{}', now(), 5, null, 8, null, true]
  await exhaust(webhook)
  await send()
  const before = new Date(Date.now() - 3_600_000).toISOString()
  await ask(database.ownerDb, 'UPDATE mail SET untold = 2, since = $1', [before])
  const id = randomUUID()
  await database.db.query(webhookSql.queueTest, [id, webhook, accountId])
  await ask(database.db, "UPDATE webhook_delivery SET claimed_by = 'test', epoch = 1 WHERE id = $1", [id])
  await database.db.query(webhookSql.finish, [id, 1, webhook, false, ...gone])
  const row = "SELECT since FROM mail WHERE kind = 'webhook_disabled'"
  expect((await askOne<{ since: Date }>(database.db, row)).since.toISOString()).toBe(before)

  const other = await makeWebhook('https://other.example.com/')
  const old = randomUUID()
  await database.db.query(webhookSql.queueTest, [old, other, accountId])
  const claimed = "UPDATE webhook_delivery SET claimed_by = 'test', epoch = 1, created_at = $2 WHERE id = $1"
  await ask(database.ownerDb, claimed, [old, before])
  await database.db.query(webhookSql.finish, [old, 1, other, false, ...gone])
  const made = `${row} AND subject_id = '${other}'`
  expect((await askOne<{ since: Date }>(database.db, made)).since.toISOString()).toBe(before)
})

test('whoever enables a failing webhook again and again gets forty letters a day and no more', async () => {
  const webhook = await makeWebhook()
  for (let round = 0; round < 45; round += 1) {
    await ask(database.db, 'UPDATE webhook_endpoint SET failures = 7 WHERE id = $1', [webhook])
    await exhaust(webhook)
    await changeEndpoint(needs(), { accountId, id: webhook }, { enabled: true })
    // As if a minute of its own had passed: how often one may ask is not what is tested.
    await ask(database.ownerDb, 'DELETE FROM rate_window')
  }
  expect(await countMails()).toBe(40)
  await moveClock(day + 60)
  await exhaust(webhook)
  expect(await countMails()).toBe(41)
})

test('greylisting is waited out, and the letter then arrives once', async () => {
  let asked = 0
  server.answer(() => {
    asked += 1
    return asked <= 2 ? 451 : null
  })
  await exhaust(await makeWebhook())
  await send()
  await send()
  expect(told).toEqual(['deferred refused_451'])
  await moveClock(61)
  await send()
  await moveClock(60)
  await send()
  expect(server.letters).toEqual([])
  await moveClock(4 * 60)
  await send()
  await send()
  expect(server.lettersTo(address)).toHaveLength(1)
  expect(told).toEqual(['deferred refused_451', 'deferred refused_451', 'sent'])
})

test('a server that never takes it has eight tries over almost two days, and then the letter is given up', async () => {
  server.answer(() => 451)
  await exhaust(await makeWebhook())
  for (const [tried, delayMs] of delaysMs.entries()) {
    await send()
    await moveClock(delayMs / 1_000 - 30)
    await send()
    expect(told).toHaveLength(tried + 1)
    await moveClock(31)
  }
  await send()
  await moveClock(day)
  await send()
  expect(told).toEqual([...Array<string>(7).fill('deferred refused_451'), 'failed refused_451'])
})

test('an address that is refused for good is not tried again', async () => {
  server.answer(() => 550)
  await exhaust(await makeWebhook())
  await send()
  await moveClock(3_600)
  await send()
  expect(told).toEqual(['failed refused_550'])
  expect(server.letters).toEqual([])
})

test('who may not send by way of the server keeps the letter until that is mended', async () => {
  server.answer(() => '554 5.7.1 Relay access denied')
  await exhaust(await makeWebhook())
  await send()
  server.answer(() => null)
  await moveClock(61)
  await send()
  expect(told).toEqual(['deferred refused_554', 'sent'])
})

/** Recipients that the server was asked about and has not answered yet. */
function holdAnswers(): ((answer: number | null) => void)[] {
  const held: ((answer: number | null) => void)[] = []
  server.answer(() => new Promise(resolve => held.push(resolve)))
  return held
}

test('a letter whose lease has ended is the next one’s, whatever its first sender hears', async () => {
  const held = holdAnswers()
  await exhaust(await makeWebhook())
  const first = send({ name: 'first' })
  await expect.poll(() => held.length).toBe(1)
  await moveClock(91)
  const second = send({ name: 'second' })
  await expect.poll(() => held.length).toBe(2)
  held[0]?.(550)
  await first
  expect(told).toEqual([])
  held[1]?.(null)
  await second
  expect(told).toEqual(['sent'])
  expect(server.lettersTo(address)).toHaveLength(1)
})

test('the lease begins anew before each user: nobody else takes a letter whose server is slow', async () => {
  await addColleague()
  const held = holdAnswers()
  await exhaust(await makeWebhook())
  const first = send({ name: 'first' })
  await expect.poll(() => held.length).toBe(1)
  await moveClock(60)
  held[0]?.(451)
  await expect.poll(() => held.length).toBe(2)
  await moveClock(60)
  await send({ name: 'second' })
  expect(held).toHaveLength(2)
  held[1]?.(null)
  await first
  expect(told).toEqual(['deferred refused_451'])
})

test('a mailer that stops gives the letter under way back, uncounted, and begins no other', async () => {
  const held = holdAnswers()
  await exhaust(await makeWebhook())
  await exhaust(await makeWebhook('https://other.example.com/'))
  const mailer = openMailer()
  const run = mailer.fill()
  await expect.poll(() => held.length).toBe(1)
  await mailer.stop(0)
  await Promise.all([run, mailer.fill()])
  expect(held).toHaveLength(1)
  const rows = await ask<{ attempts: number }>(
    database.db,
    "SELECT attempts FROM mail WHERE state = 'waiting'",
  )
  expect(rows).toEqual([{ attempts: 0 }, { attempts: 0 }])
  server.answer(() => null)
  await send()
  expect(server.lettersTo(address)).toHaveLength(2)
  expect(told).toEqual(['sent', 'sent'])
})

test('while the mail server is down or refuses the password letters wait, and nobody else is asked meanwhile', async () => {
  const { port } = server
  await server.close()
  await exhaust(await makeWebhook())
  await exhaust(await makeWebhook('https://other.example.com/'))
  await send()
  expect(told).toEqual(['deferred unreachable'])
  server = await startMailServer({ port, password: 'another one' })
  await send()
  expect(told.slice(1)).toEqual(['deferred auth_refused_535'])
  await server.close()
  server = await startMailServer({ port })
  await moveClock(61)
  await send()
  expect(told.slice(2)).toEqual(['sent', 'sent'])
  expect(server.lettersTo(address)).toHaveLength(2)
})

test('three mailers side by side send each letter once', async () => {
  const accounts = await Promise.all(Array.from({ length: 12 }, makeAccount))
  for (const each of accounts) {
    await exhaust(await makeWebhook('https://hooks.example.com/', each.accountId), { of: each.accountId })
  }
  const mailers = ['one', 'two', 'three'].map(name => openMailer({ name }))
  await Promise.all(mailers.map(mailer => mailer.fill()))
  expect(server.letters.map(({ to }) => to).sort()).toEqual(accounts.map(each => each.address).sort())
  expect(new Set(server.letters.map(({ messageId }) => messageId)).size).toBe(12)
})

test('no letter and no password goes to a server without TLS, unless the setting says so', async () => {
  const plain = await startMailServer({ plain: true })
  try {
    await exhaust(await makeWebhook())
    await send({ url: `smtp://localhost:${plain.port}` })
    expect(told).toEqual([expect.stringMatching(/^deferred no_tls/)])
    expect(plain.letters).toEqual([])
    await moveClock(61)
    await send({ url: plain.url })
    expect(plain.lettersTo(address)).toHaveLength(1)
  } finally {
    await plain.close()
  }
})

test('a certificate of another name or of nobody known is not trusted; TLS from the first byte works', async () => {
  const implicit = await startMailServer({ implicit: true, host: '0.0.0.0' })
  const { mail } = readConfig({ SMTP_URL: implicit.url, MAIL_FROM: from })
  if (!mail) throw new Error('no mail server')
  try {
    expect(await createSmtp(mail).check()).toMatchObject({ error: 'bad_certificate' })
    const ca = [testCertificate]
    expect(await createSmtp({ ...mail, host: '127.0.0.2' }, { ca }).check()).toMatchObject({
      error: 'bad_certificate',
    })
    expect(await createSmtp({ ...mail, host: '127.0.0.1' }, { ca }).check()).toEqual({ result: 'sent' })
    await exhaust(await makeWebhook())
    await send({ url: implicit.url })
    expect(implicit.lettersTo(address)).toHaveLength(1)
  } finally {
    await implicit.close()
  }
})

async function addColleague() {
  const colleague = await makeAccount()
  await ask(
    database.ownerDb,
    `INSERT INTO auth.member (id, "organizationId", "userId", role)
      SELECT gen_random_uuid(), $1, "userId", 'member' FROM auth.member WHERE "organizationId" = $2`,
    [accountId, colleague.accountId],
  )
  return colleague
}

test('an address that is refused for good is not asked again while another user’s is greylisted', async () => {
  const colleague = await addColleague()
  const asked: string[] = []
  server.answer(each => {
    asked.push(each)
    return each === address ? 550 : asked.length <= 2 ? 451 : null
  })
  await exhaust(await makeWebhook())
  await send()
  await moveClock(61)
  await send()
  expect(asked.sort()).toEqual([address, colleague.address, colleague.address].sort())
  expect(told).toEqual(['deferred refused_451', 'sent'])
})

test('every user of an account is told once, also where one is greylisted; a closed account has nobody', async () => {
  const colleague = await addColleague()
  server.answer(asked => (asked === address ? 451 : null))
  await exhaust(await makeWebhook())
  await send()
  expect(server.letters.map(({ to }) => to)).toEqual([colleague.address])
  server.answer(() => null)
  await moveClock(61)
  await send()
  expect(server.letters.map(({ to }) => to)).toEqual([colleague.address, address])
  expect(told).toEqual(['deferred refused_451', 'sent'])

  await exhaust(await makeWebhook('https://other.example.com/'))
  await setClosed(database.db, accountId, true)
  await send()
  expect(told.at(-1)).toBe('failed nobody')
  expect(server.letters).toHaveLength(2)
})

test('letters that nobody sends end after three days, and are gone after thirty more', async () => {
  await exhaust(await makeWebhook())
  const keep = () =>
    keepMail({ db: database.db, events: { expired: ({ kind }) => void told.push(`expired ${kind}`) } })
  await moveClock(3 * day - 60)
  await keep()
  expect(told).toEqual([])
  await moveClock(120)
  await send()
  await keep()
  await keep()
  expect(told).toEqual(['expired webhook_exhausted'])
  expect(server.letters).toEqual([])
  await moveClock(30 * day + 60)
  await keep()
  expect(await countMails()).toBe(0)
})
