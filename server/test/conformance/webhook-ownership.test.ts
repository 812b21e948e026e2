// Where WEBHOOK_CHALLENGE is on, a URL is sent a challenge first and nothing else before its echo; who does not own it
// can neither prove it nor use the challenges against it.
import { randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { endUnproven } from '../../src/webhooks/keep.ts'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { addressOf, kindsWritten, type MailServer, startMailServer } from '../mail-server.ts'
import {
  type Answering,
  type Received,
  type Receiver,
  startReceiver,
  withStatus,
} from '../webhook-receiver.ts'
import { type Called, deliveriesOf, moveClock, orderNative, call as send, signIn } from '../webhooks.ts'
import { type Documented, openDocumented } from './documented.ts'

let rig: Rig
let node: Node
/** A process of the same service that asks for no proof. */
let lax: Node
let receiver: Receiver
let mail: MailServer
let native: Documented
let accountId: string
let apiKey: string
let path: string
let url: string
let serial = 0
const webhooks = '/api/v1/webhooks'

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  receiver = await startReceiver()
  mail = await startMailServer()
  const sending = { OUTBOUND_ALLOW: receiver.host, ...mail.env(rig.dataDir) }
  node = await rig.startNode({ ...sending, WEBHOOK_CHALLENGE: 'on' })
  lax = await rig.startNode({ OUTBOUND_ALLOW: receiver.host })
  native = await openDocumented(node.url, '/openapi/native.json')
})
afterAll(async () => {
  await rig.close()
  await Promise.all([receiver.close(), mail.close()])
})
beforeEach(async () => {
  ;({ accountId, apiKey } = await rig.account({ credits: 1_000 }))
  serial += 1
  path = `/owned/${serial}`
  url = receiver.url + path
  receiver.answer(echo)
})

async function call(at: Node, request: Parameters<typeof send>[2], key = apiKey): Promise<Called> {
  const answer = await send(at, key, request)
  const template = request.path.replace(/(?<=\/webhooks\/)[^/]+/, '{id}')
  native.check({ ...request, template }, answer)
  return answer
}

const challengeOf = ({ body }: Received): string => JSON.parse(body).data.challenge ?? ''
const eventOf = ({ body }: Received): string => JSON.parse(body).event
const echo: Answering = (response, received) => void response.writeHead(200).end(challengeOf(received))

async function make(at = node, key = apiKey): Promise<{ id: string; secret: string }> {
  const { status, body } = await call(at, { path: webhooks, body: { url } }, key)
  expect([status, body.ownership]).toEqual([201, at === node ? 'pending' : undefined])
  return { id: String(body.id), secret: String(body.secret) }
}

const show = async (id: string) => (await call(node, { path: `${webhooks}/${id}` })).body
const change = (id: string, body: object, at = node) =>
  call(at, { method: 'PATCH', path: `${webhooks}/${id}`, body })
const askAgain = (id: string, at = node) => call(at, { method: 'POST', path: `${webhooks}/${id}/challenge` })
const arrived = (count: number, at = path) =>
  eventually(`${count} requests arrive`, () => receiver.at(at).length >= count)
const proven = (id: string) => eventually('it is proven', async () => (await show(id)).ownership === 'proven')
const attemptsOf = async (id: string) => {
  const deliveries = await deliveriesOf(node, apiKey, id)
  return deliveries.find(({ event }) => event === 'webhook.challenge')?.attempts ?? []
}

test('nothing but the challenge is sent before its echo; what happened meanwhile arrives then', async () => {
  // A server that answers everybody what it was sent is nobody's consent.
  receiver.answer((response, received) => void response.writeHead(200).end(received.body))
  const { id, secret } = await make()
  const generationId = await orderNative(node, apiKey)
  await eventually('the attempt is on record', async () => (await attemptsOf(id)).length === 1)
  expect(await attemptsOf(id)).toMatchObject([{ status: 200, error: 'not_echoed' }])
  expect(await show(id)).toMatchObject({ enabled: true, ownership: 'pending', consecutiveFailures: 0 })
  for (const verb of ['test', 'resend-failed']) {
    const body = verb === 'test' ? {} : { body: { since: '2020-01-01T00:00:00Z' } }
    const refused = await call(node, { method: 'POST', path: `${webhooks}/${id}/${verb}`, ...body })
    expect([refused.status, (refused.body.issues as { path: string }[])[0]?.path]).toEqual([400, 'ownership'])
  }
  expect(receiver.at(path).map(eventOf)).toEqual(['webhook.challenge'])

  receiver.answer((response, received) => {
    const challenge = challengeOf(received)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ challenge }))
  })
  await moveClock(rig, 31)
  await proven(id)
  await arrived(3)
  const events = ['webhook.challenge', 'webhook.challenge', 'generation.succeeded']
  expect(receiver.at(path).map(eventOf)).toEqual(events)
  const [first, second, last] = receiver.at(path) as [Received, Received, Received]
  expect(JSON.parse(last.body)).toMatchObject({ data: { generationId } })
  expect(challengeOf(first)).toMatch(/^[\w-]{43}$/)
  expect(challengeOf(second)).not.toBe(challengeOf(first))
  expect(new Webhook(secret).verify(second.body, second.headers)).toMatchObject({ data: { endpointId: id } })
  expect(await show(id)).toMatchObject({ enabled: true, consecutiveFailures: 0 })
})

test('without an echo it ends after four tries, and begins anew when it is asked for again', async () => {
  receiver.answer(withStatus(204))
  const { id } = await make()
  await orderNative(node, apiKey)
  for (const [index, seconds] of [30, 120, 600].entries()) {
    await eventually('the attempt is on record', async () => (await attemptsOf(id)).length === index + 1)
    await moveClock(rig, seconds + 1)
  }
  await eventually('it is disabled', async () => (await show(id)).enabled === false)
  expect(await show(id)).toMatchObject({ disabledReason: 'unproven', ownership: 'unproven' })
  const address = await addressOf(rig.database.db, accountId)
  await eventually('the account is told', () => mail.lettersTo(address).length > 0)
  expect(await kindsWritten(rig.database.db, accountId)).toEqual(['webhook_disabled'])
  expect(mail.lettersTo(address)[0]?.text).toContain(`POST /api/v1/webhooks/${id}/challenge`)
  const statuses = (await deliveriesOf(node, apiKey, id)).map(({ event, status }) => [event, status])
  expect(new Map(statuses as [string, string][])).toEqual(
    new Map([
      ['generation.succeeded', 'dropped'],
      ['webhook.challenge', 'exhausted'],
    ]),
  )
  expect(receiver.at(path)).toHaveLength(4)

  receiver.answer(echo)
  const again = await askAgain(id)
  expect([again.status, again.body.ownership, again.body.enabled]).toEqual([202, 'pending', true])
  await proven(id)
  await orderNative(node, apiKey)
  await arrived(6)
  const since = { since: '2020-01-01T00:00:00Z' }
  const resent = await call(node, { path: `${webhooks}/${id}/resend-failed`, body: since })
  expect(resent.body).toEqual({ resent: 1 })
  await arrived(7)
  expect(receiver.at(path).slice(4).map(eventOf)).toEqual([
    'webhook.challenge',
    'generation.succeeded',
    'generation.succeeded',
  ])
  // Once proven there is nothing to ask for.
  expect((await askAgain(id)).body).toMatchObject({ ownership: 'proven' })
  const [challenge] = (await deliveriesOf(node, apiKey, id)).filter(
    ({ event }) => event === 'webhook.challenge',
  )
  const resend = `${webhooks}/${id}/deliveries/${challenge?.id}/resend`
  expect((await send(node, apiKey, { method: 'POST', path: resend })).status).toBe(400)
})

test('a new URL must prove itself, other changes need no proof, and an echo of the old one proves nothing', async () => {
  let release = (): void => undefined
  receiver.answer((response, received) => {
    if (received.path === path) release = () => echo(response, received)
  })
  const { id } = await make()
  await arrived(1)
  expect((await change(id, { url: `${url}/moved` })).body.ownership).toBe('pending')
  await arrived(1, `${path}/moved`)
  release()
  await eventually('the old challenge is on record', async () => {
    const all = await deliveriesOf(node, apiKey, id)
    return all.some(({ attempts }) => attempts.some(({ status, error }) => status === 200 && error === null))
  })
  expect(await show(id)).toMatchObject({ ownership: 'pending', url: `${url}/moved` })

  receiver.answer(echo)
  await moveClock(rig, 60)
  await proven(id)
  const before = receiver.at(`${path}/moved`).length
  const same = { url: `${url}/moved`, label: 'named', events: ['generation.failed'], policy: 'standard' }
  expect((await change(id, same)).body.ownership).toBe('proven')
  expect((await change(id, { enabled: false })).body.ownership).toBe('proven')
  expect((await change(id, { enabled: true })).body.ownership).toBe('proven')
  // Moved while it is disabled, it is asked when it is enabled.
  await change(id, { url: `${url}/third`, enabled: false })
  expect(await show(id)).toMatchObject({ ownership: 'unproven', enabled: false })
  expect(receiver.at(`${path}/third`)).toEqual([])
  expect((await change(id, { enabled: true })).body.ownership).toBe('pending')
  await proven(id)
  expect(receiver.at(`${path}/moved`)).toHaveLength(before)
})

test('it is asked for at the cookie’s door as well, and nowhere where the setting is off', async () => {
  const { cookie } = await signIn(rig, node, 'owner@example.com')
  const init = { method: 'POST', headers: { cookie, 'content-type': 'application/json' } }
  const body = JSON.stringify({ url, events: ['generation.succeeded'], label: 'Production app' })
  const made = await fetch(`${node.url}/gptimage2/api/account/webhooks`, { ...init, body })
  const shown = (await made.json()) as { ownership?: string }
  expect([made.status, shown.ownership]).toEqual([201, 'pending'])
  await arrived(1)
  expect(receiver.at(path).map(eventOf)).toEqual(['webhook.challenge'])

  receiver.answer(withStatus(204))
  const { id } = await make(lax)
  expect('ownership' in (await show(id))).toBe(false)
  const refused = await askAgain(id, lax)
  expect([refused.status, (refused.body.issues as { path: string }[])[0]?.path]).toEqual([400, 'ownership'])
  await orderNative(lax, apiKey)
  await arrived(2)
  expect(eventOf(receiver.at(path)[1] as Received)).toBe('generation.succeeded')
  // One that was made before is asked when its URL changes, or its owner asks.
  receiver.answer(echo)
  expect((await askAgain(id)).body.ownership).toBe('pending')
  await proven(id)
  expect('ownership' in (await change(id, { url: `${url}/free` }, lax)).body).toBe(false)
})

test('making, moving, enabling and asking send one host no more than tests may, by whomever', async () => {
  const victim = 'https://challenged.example/'
  const tries = await Promise.all(
    Array.from({ length: 10 }, async (_, index) => {
      const { apiKey: key } = await rig.account({ credits: 0 })
      const statuses: number[] = []
      const ask = async (request: Parameters<typeof send>[2]) => {
        const answer = await call(node, request, key)
        statuses.push(answer.status)
        return answer
      }
      for (let turn = 0; turn < 5; turn += 1) {
        // A dot at its end makes no other host of it.
        const host = turn % 2 === 0 ? victim : victim.replace('.example', '.example.')
        const { body } = await ask({ path: webhooks, body: { url: `${host}${index}/${turn}` } })
        const one = `${webhooks}/${body.id}`
        if (typeof body.id !== 'string') continue
        await ask({ method: 'PATCH', path: one, body: { url: `${host}${index}/moved` } })
        await ask({ method: 'POST', path: `${one}/challenge` })
        await send(node, key, { method: 'DELETE', path: one })
      }
      return statuses
    }),
  )
  for (const statuses of tries) expect(statuses.filter(status => status < 300).length).toBeLessThanOrEqual(10)
  expect(tries.flat().filter(status => status < 300).length).toBeLessThanOrEqual(60)
  expect(tries.flat()).toContain(429)
})

test('a wait ends after an hour, however often another challenge or URL is asked for, and with it what was held', async () => {
  receiver.answer(withStatus(204))
  const { id } = await make()
  await orderNative(node, apiKey)
  for (let turn = 0; turn < 8; turn += 1) {
    await moveClock(rig, 440)
    const asked = turn % 2 === 0 ? await askAgain(id) : await change(id, { url: `${url}/${turn}` })
    expect([asked.body.ownership, asked.body.enabled, asked.body.consecutiveFailures]).toEqual([
      'pending',
      true,
      0,
    ])
  }
  const { db } = rig.database
  const ended: string[] = []
  const events = { endpointDisabled: ({ endpointId }: { endpointId: string }) => void ended.push(endpointId) }
  await endUnproven({ db, events })
  expect(ended).not.toContain(id)
  expect((await show(id)).enabled).toBe(true)

  await moveClock(rig, 81)
  await endUnproven({ db, events })
  expect(await show(id)).toMatchObject({ enabled: false, disabledReason: 'unproven', ownership: 'unproven' })
  expect(await kindsWritten(db, accountId)).toEqual(['webhook_disabled'])
  const states = (await deliveriesOf(node, apiKey, id)).map(({ status }) => status)
  expect(states).not.toContain('pending')
  // Asked for again it is another wait, and an echo ends it for good.
  receiver.answer(echo)
  expect((await askAgain(id)).body.enabled).toBe(true)
  await proven(id)
  await moveClock(rig, 3_601)
  await endUnproven({ db, events })
  expect(await show(id)).toMatchObject({ enabled: true, ownership: 'proven' })
})

test('challenges that fail count nowhere: the first event that fails after them disables nothing', async () => {
  receiver.answer(withStatus(500))
  const { id } = await make()
  for (let count = 1; count <= 9; count += 1) {
    await arrived(count)
    if (count % 8 === 0) await moveClock(rig, 61)
    if (count < 9) await askAgain(id)
  }
  expect(await show(id)).toMatchObject({ enabled: true, ownership: 'pending', consecutiveFailures: 0 })
  // The tenth is echoed; what it finds is what the nine have left.
  await moveClock(rig, 61)
  receiver.answer((response, received) => {
    const challenge = challengeOf(received)
    response.writeHead(challenge === '' ? 500 : 200).end(challenge)
  })
  await askAgain(id)
  await proven(id)
  await orderNative(node, apiKey)
  await eventually('it failed', async () => (await show(id)).consecutiveFailures === 1)
  expect(await show(id)).toMatchObject({ enabled: true, ownership: 'proven' })
})

test('a repeat of making one costs nothing, also where its account has used up what it may send', async () => {
  const headers = { 'idempotency-key': randomUUID() }
  const request = { path: webhooks, body: { url }, headers }
  const twins = await Promise.all(Array.from({ length: 12 }, () => call(node, request)))
  expect(twins.map(({ status, body }) => [status, body.id])).toEqual(
    twins.map(() => [201, twins[0]?.body.id]),
  )
  for (let index = 1; index < 10; index += 1) {
    expect((await call(node, { path: webhooks, body: { url: `${url}/${index}` } })).status).toBe(201)
  }
  const refused = await call(node, { path: webhooks, body: { url: `${url}/last` } })
  expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true])
  const again = await call(node, request)
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true'])
  expect(again.body.id).toBe(twins[0]?.body.id)
  expect((await call(node, { path: webhooks })).body.webhooks).toHaveLength(10)
})
