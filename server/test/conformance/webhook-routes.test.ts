// Managing webhooks, through both doors: an API key, and the session cookie as gptimage2 documents it. What is refused,
// what is shown to whom, and what secrets do when they are replaced.
import { createHmac } from 'node:crypto'
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resendFailed } from '../../src/webhooks/deliveries.ts'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import { type Received, type Receiver, startReceiver, withStatus } from '../webhook-receiver.ts'
import {
  type Called,
  deliveriesOf,
  makeWebhook,
  moveClock,
  orderNative,
  call as send,
  signIn,
} from '../webhooks.ts'
import { type Documented, openDocumented } from './documented.ts'

let rig: Rig
let node: Node
let receiver: Receiver
let native: Documented
let owner: { accountId: string; apiKey: string }
let stranger: { accountId: string; apiKey: string }
const unknownId = '01890000-0000-7000-8000-000000000000'
const webhooks = '/api/v1/webhooks'

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  receiver = await startReceiver()
  node = await rig.startNode({ OUTBOUND_ALLOW: receiver.host })
  native = await openDocumented(node.url, '/openapi/native.json')
  owner = await rig.account({ credits: 1_000 })
  stranger = await rig.account({ credits: 10 })
})
afterAll(async () => {
  await rig.close()
  await receiver.close()
})

/** One call, held against the document that the service itself serves. */
async function call(at: Node, apiKey: string, request: Parameters<typeof send>[2]): Promise<Called> {
  const answer = await send(at, apiKey, request)
  const template = request.path
    .replace(/\?.*$/, '')
    .replace(/(?<=\/webhooks\/)[^/]+/, '{id}')
    .replace(/(?<=\/deliveries\/)[^/]+/, '{deliveryId}')
  native.check({ ...request, template }, answer)
  return answer
}

test('an endpoint is made, shown without its secret, changed and removed', async () => {
  const url = `${receiver.url}/managed`
  const made = await call(node, owner.apiKey, { path: webhooks, body: { url, label: ' Production app ' } })
  expect(made.status).toBe(201)
  expect(made.headers.get('cache-control')).toBe('no-store')
  expect(made.body).toMatchObject({
    url,
    events: ['generation.succeeded', 'generation.failed'],
    label: 'Production app',
    policy: 'default',
    enabled: true,
    disabledReason: null,
    consecutiveFailures: 0,
    secret: expect.stringMatching(/^whsec_/),
  })
  const path = `${webhooks}/${made.body.id}`
  const { secret: _secret, ...shown } = made.body
  expect((await call(node, owner.apiKey, { path })).body).toEqual(shown)
  expect((await call(node, owner.apiKey, { path: webhooks })).body).toEqual({ webhooks: [shown] })

  const change = { url: `${url}/2`, events: ['generation.failed'], label: null, enabled: false }
  const changed = await call(node, owner.apiKey, { method: 'PATCH', path, body: change })
  expect(changed.status).toBe(200)
  expect(changed.body).toMatchObject({ ...change, disabledReason: 'owner', policy: 'default' })
  const again = await call(node, owner.apiKey, { method: 'PATCH', path, body: { enabled: true } })
  expect(again.body).toMatchObject({ ...change, enabled: true, disabledReason: null })

  expect((await call(node, owner.apiKey, { method: 'DELETE', path })).status).toBe(204)
  for (const method of ['GET', 'DELETE'])
    expect((await call(node, owner.apiKey, { method, path })).status).toBe(404)
  expect((await call(node, owner.apiKey, { path: webhooks })).body).toEqual({ webhooks: [] })
})

test('a webhook whose creation is repeated under a key is made once, and its secret shown again for a day', async () => {
  const { apiKey } = await rig.account({ credits: 10 })
  const body = { url: `${receiver.url}/once`, label: 'Once' }
  const make = (key: string, change = {}) =>
    call(node, apiKey, { path: webhooks, body: { ...body, ...change }, headers: { 'idempotency-key': key } })
  const twins = await Promise.all([make('one'), make('one'), make('one')])
  expect(twins.map(({ status }) => status)).toEqual([201, 201, 201])
  expect(new Set(twins.map(({ body: made }) => JSON.stringify(made))).size).toBe(1)
  expect(twins.filter(({ headers }) => headers.get('idempotent-replayed') === 'true')).toHaveLength(2)
  const [first] = twins.map(({ body: made }) => made)
  expect((await make('one', { label: 'Other' })).status).toBe(422)
  expect((await make('')).status).toBe(400)
  const second = await make('two')
  expect(second.body.id).not.toBe(first?.id)
  // Another account's key is its own.
  const theirs = await call(node, stranger.apiKey, {
    ...{ path: webhooks, body, headers: { 'idempotency-key': 'one' } },
  })
  expect(theirs.body.id).not.toBe(first?.id)
  await call(node, stranger.apiKey, { method: 'DELETE', path: `${webhooks}/${theirs.body.id}` })
  // As it is now, and at the cap of webhooks, too.
  await call(node, apiKey, { method: 'PATCH', path: `${webhooks}/${first?.id}`, body: { enabled: false } })
  for (let nth = 2; nth < 20; nth += 1) expect((await make(`more-${nth}`)).status).toBe(201)
  expect((await make('too many')).status).toBe(400)
  expect((await make('one')).body).toMatchObject({ id: first?.id, enabled: false, secret: first?.secret })
  await call(node, apiKey, { method: 'POST', path: `${webhooks}/${second.body.id}/rotate-secret` })
  expect((await make('two')).body).not.toHaveProperty('secret')
  const age = (hours: number) =>
    ask(rig.database.db, "UPDATE webhook_endpoint SET shown_until = shown_until - $1 * interval '1 h'", [
      hours,
    ])
  await age(23)
  expect((await make('one')).body.secret).toBe(first?.secret)
  await age(1)
  const late = await make('one')
  expect([late.status, late.body.id, late.body.secret]).toEqual([201, first?.id, undefined])
  expect((await call(node, apiKey, { method: 'DELETE', path: `${webhooks}/${first?.id}` })).status).toBe(204)
  const anew = await make('one')
  expect([anew.status, anew.body.id === first?.id]).toEqual([201, false])
})

test.each([
  ['an http URL', { url: 'http://example.com/hook' }, 'url'],
  ['a user name in the URL', { url: 'https://me:secret@example.com/hook' }, 'url'],
  ['another port', { url: 'https://example.com:6379/' }, 'url'],
  ['no URL', { url: 'nowhere' }, 'url'],
  ['another scheme', { url: 'file:///etc/passwd' }, 'url'],
  ['our own machine', { url: 'https://127.0.0.1/hook' }, 'url'],
  ['our own machine by a number', { url: 'https://2130706433/hook' }, 'url'],
  ['our own machine in IPv6', { url: 'https://[::1]/hook' }, 'url'],
  ['a mapped private address', { url: 'https://[::ffff:10.0.0.1]/hook' }, 'url'],
  ['the metadata service', { url: 'https://169.254.169.254/latest' }, 'url'],
  ['a local name', { url: 'https://localhost/hook' }, 'url'],
  ['an internal name', { url: 'https://metadata.google.internal/' }, 'url'],
  ['an overlong URL', { url: `https://example.com/${'a'.repeat(2_100)}` }, 'url'],
  ['an unknown event', { url: 'https://example.com/', events: ['generation.queued'] }, 'events.0'],
  ['no event', { url: 'https://example.com/', events: [] }, 'events'],
  ['an unknown policy', { url: 'https://example.com/', policy: 'never' }, 'policy'],
  ['an overlong label', { url: 'https://example.com/', label: 'a'.repeat(101) }, 'label'],
  ['an unknown field', { url: 'https://example.com/', secret: 'mine' }, 'body'],
])('%s is refused by name', async (_what, body, field) => {
  const made = await call(node, owner.apiKey, { path: webhooks, body })
  expect(made.status).toBe(400)
  expect(made.body).toMatchObject({ code: 'invalid_request', error: expect.any(String) })
  expect((made.body.issues as { path: string }[]).map(issue => issue.path)).toContain(field)
  const { id } = await makeWebhook(node, owner.apiKey, { url: 'https://example.com/hook' })
  const path = `${webhooks}/${id}`
  expect((await call(node, owner.apiKey, { method: 'PATCH', path, body })).status).toBe(400)
  await call(node, owner.apiKey, { method: 'DELETE', path })
})

test('an account can have twenty endpoints and no more', async () => {
  const { apiKey } = await rig.account({ credits: 0 })
  const url = 'https://example.com/hook'
  const made = await Promise.all(
    Array.from({ length: 30 }, () => call(node, apiKey, { path: webhooks, body: { url } })),
  )
  expect(made.filter(each => each.status === 201)).toHaveLength(20)
  expect(made.filter(each => each.status === 400)).toHaveLength(10)
})

test('nobody reaches another account’s endpoint or deliveries, by any route', async () => {
  const { id } = await makeWebhook(node, owner.apiKey, { url: `${receiver.url}/mine` })
  const { body: delivery } = await call(node, owner.apiKey, {
    method: 'POST',
    path: `${webhooks}/${id}/test`,
  })
  const routes = (endpoint: unknown, sent: unknown) => [
    { method: 'GET', path: `${webhooks}/${endpoint}` },
    { method: 'PATCH', path: `${webhooks}/${endpoint}`, body: { enabled: false } },
    { method: 'DELETE', path: `${webhooks}/${endpoint}` },
    { method: 'POST', path: `${webhooks}/${endpoint}/rotate-secret` },
    { method: 'POST', path: `${webhooks}/${endpoint}/test` },
    { method: 'POST', path: `${webhooks}/${endpoint}/challenge` },
    { method: 'GET', path: `${webhooks}/${endpoint}/deliveries/${sent}/attempts` },
    {
      method: 'POST',
      path: `${webhooks}/${endpoint}/resend-failed`,
      body: { since: '2026-01-01T00:00:00Z' },
    },
    { method: 'GET', path: `${webhooks}/${endpoint}/deliveries` },
    { method: 'GET', path: `${webhooks}/${endpoint}/deliveries/${sent}` },
    { method: 'POST', path: `${webhooks}/${endpoint}/deliveries/${sent}/resend` },
  ]
  const { id: theirs } = await makeWebhook(node, stranger.apiKey, { url: `${receiver.url}/theirs` })
  for (const request of [
    ...routes(id, delivery.id),
    ...routes(unknownId, delivery.id),
    ...routes('nonsense', 'nonsense'),
    // A delivery of another endpoint, below one's own.
    ...routes(theirs, delivery.id).slice(-2),
  ]) {
    const { status, body } = await call(node, stranger.apiKey, request)
    expect(status, `${request.method} ${request.path}`).toBe(404)
    expect(body.code).toBe('not_found')
  }
  expect((await call(node, owner.apiKey, { path: `${webhooks}/${id}` })).body.enabled).toBe(true)
})

test('a key that only reads changes nothing', async () => {
  const reader = await rig.account({ credits: 0, key: { scopes: ['read'] } })
  expect((await call(node, reader.apiKey, { path: webhooks })).status).toBe(200)
  const body = { url: 'https://example.com/hook' }
  expect((await call(node, reader.apiKey, { path: webhooks, body })).status).toBe(403)
})

test('a replaced secret signs beside the new one for a day, then no more', async () => {
  const { apiKey } = await rig.account({ credits: 1_000 })
  const path = '/rotating'
  const { id, secret: old } = await makeWebhook(node, apiKey, { url: receiver.url + path })
  const rotated = await call(node, apiKey, { method: 'POST', path: `${webhooks}/${id}/rotate-secret` })
  const current = String(rotated.body.secret)
  expect(current).not.toBe(old)
  const verifies = (secret: string, { body, headers }: Received) => {
    try {
      return Boolean(new Webhook(secret).verify(body, headers))
    } catch {
      return false
    }
  }
  await orderNative(node, apiKey)
  await eventually('the first arrives', () => receiver.at(path).length === 1)
  await moveClock(rig, 24 * 3_600 + 1)
  await orderNative(node, apiKey)
  await eventually('the second arrives', () => receiver.at(path).length === 2)
  const [during, after] = receiver.at(path) as [Received, Received]
  expect([verifies(old, during), verifies(current, during)]).toEqual([true, true])
  expect([verifies(old, after), verifies(current, after)]).toEqual([false, true])
})

test('a rotation says how long the old secret lasts; without an overlap the new one alone signs at once', async () => {
  const { apiKey } = await rig.account({ credits: 1_000 })
  const path = '/leaked'
  const { id, secret: old } = await makeWebhook(node, apiKey, { url: receiver.url + path })
  const rotate = `${webhooks}/${id}/rotate-secret`
  for (const body of [
    { overlapSeconds: -1 },
    { overlapSeconds: 86_401 },
    { overlapSeconds: 1.5 },
    { soon: true },
  ])
    expect((await call(node, apiKey, { path: rotate, body })).status, JSON.stringify(body)).toBe(400)
  const hexOf = (secret: string, { body }: Received) =>
    createHmac('sha256', secret).update(body).digest('hex')
  let sent = 0
  const next = async () => {
    await orderNative(node, apiKey)
    sent += 1
    await eventually('it arrives', () => receiver.at(path).length === sent)
    return receiver.at(path)[sent - 1] as Received
  }
  const overlap = await call(node, apiKey, { path: rotate, body: { overlapSeconds: 600 } })
  const during = await next()
  expect(during.headers['x-gptimg-signature']).toBe(hexOf(old, during))
  await moveClock(rig, 601)
  const later = await next()
  expect(later.headers['x-gptimg-signature']).toBe(hexOf(String(overlap.body.secret), later))
  const cut = await call(node, apiKey, { path: rotate, body: { overlapSeconds: 0 } })
  const after = await next()
  expect(after.headers['x-gptimg-signature']).toBe(hexOf(String(cut.body.secret), after))
  expect(String(after.headers['webhook-signature']).split(' ')).toHaveLength(1)
})

test('a test event and a resend are delivered and on record; the log has pages', async () => {
  const { apiKey } = await rig.account({ credits: 1_000 })
  const path = '/logged'
  const { id, secret } = await makeWebhook(node, apiKey, { url: receiver.url + path })
  receiver.answer((response, received) => {
    const headers = { 'x-echo': secret, 'set-cookie': 'sid=1', 'x-long': 'v'.repeat(4_000) }
    if (received.path === path) response.writeHead(200, headers).end(`thanks, ${secret}`)
    else withStatus(204)(response, received)
  })
  const test = await call(node, apiKey, { method: 'POST', path: `${webhooks}/${id}/test` })
  expect(test.status).toBe(202)
  // A quick receiver may have it before the answer is written.
  const status = expect.stringMatching(/^(pending|delivered)$/)
  expect(test.body).toMatchObject({ event: 'webhook.test', generationId: null, status })
  await eventually('it arrives', () => receiver.at(path).length === 1)
  const [received] = receiver.at(path) as [Received]
  expect(new Webhook(secret).verify(received.body, received.headers)).toMatchObject({
    event: 'webhook.test',
    data: { endpointId: id },
  })
  const one = `${webhooks}/${id}/deliveries/${test.body.id}`
  await eventually('it is on record', async () => {
    return (await call(node, apiKey, { path: one })).body.status === 'delivered'
  })
  const again = await call(node, apiKey, { method: 'POST', path: `${one}/resend` })
  expect(again.status).toBe(202)
  await eventually('it arrives again', () => receiver.at(path).length === 2)
  expect(new Set(receiver.at(path).map(each => each.headers['webhook-id']))).toEqual(new Set([test.body.id]))
  await eventually('both attempts are on record', async () => {
    const { body } = await call(node, apiKey, { path: one })
    return (body.attempts as unknown[]).length === 2
  })
  const { body } = await call(node, apiKey, { path: one })
  // What a receiver sends back may be anything, also our own secret.
  expect(body.attempts).toMatchObject([
    { number: 1, status: 200, error: null, answer: 'thanks, whsec_[redacted]' },
    { number: 2, status: 200 },
  ])
  const [{ headers } = { headers: {} }] = body.attempts as { headers: Record<string, string> }[]
  expect(headers).toMatchObject({ 'x-echo': 'whsec_[redacted]', 'set-cookie': '[redacted]' })
  expect([headers['x-long'], headers.date]).toEqual(['v'.repeat(256), expect.any(String)])

  for (let order = 0; order < 4; order += 1) await orderNative(node, apiKey)
  const seen: string[] = []
  let cursor: unknown = null
  do {
    const query = cursor === null ? '' : `&cursor=${cursor}`
    const page = await call(node, apiKey, { path: `${webhooks}/${id}/deliveries?limit=2${query}` })
    seen.push(...(page.body.deliveries as { id: string }[]).map(each => each.id))
    cursor = page.body.nextCursor
  } while (cursor !== null)
  expect(seen).toEqual((await deliveriesOf(node, apiKey, id)).map(each => each.id))
  expect(new Set(seen).size).toBe(5)
  // Times that look right: February's 31st, an hour too many, a year that the database does not have.
  const cursors = ['2026-02-31T00:00:00', '2026-02-01T24:00:00', '0000-02-01T00:00:00'].map(
    time => `cursor=${Buffer.from(`${time}.000000Z/${test.body.id}`).toString('base64url')}`,
  )
  for (const query of ['limit=0', 'limit=101', 'limit=x', 'cursor=x', 'status=open', 'page=2', ...cursors]) {
    const refused = await call(node, apiKey, { path: `${webhooks}/${id}/deliveries?${query}` })
    expect(refused.status, query).toBe(400)
  }
})

test('what failed since a time is sent again, so many in a call, each under its old id', async () => {
  const { apiKey, accountId } = await rig.account({ credits: 1_000 })
  const path = '/resent'
  const { id } = await makeWebhook(node, apiKey, { url: receiver.url + path })
  receiver.answer(withStatus(500))
  await Promise.all(Array.from({ length: 9 }, () => orderNative(node, apiKey)))
  await eventually('it is disabled', async () => {
    if (!(await call(node, apiKey, { path: `${webhooks}/${id}` })).body.enabled) return true
    await moveClock(rig, 120)
    return false
  })
  const since = '2020-01-01T00:00:00.000Z'
  const resend = { path: `${webhooks}/${id}/resend-failed`, body: { since } }
  expect((await call(node, apiKey, resend)).status).toBe(400)
  receiver.answer(withStatus(204))
  await call(node, apiKey, { method: 'PATCH', path: `${webhooks}/${id}`, body: { enabled: true } })
  const sentIds = () => receiver.at(path).map(each => each.headers['webhook-id'])
  const before = sentIds()
  const owner = { accountId, endpointId: id }
  const some = { since: new Date(since), atMost: 4 }
  expect(await resendFailed(rig.database.db, owner, some)).toBe(4)
  expect((await call(node, apiKey, resend)).body).toEqual({ resent: 5 })
  await eventually('all are delivered', async () => {
    return (await deliveriesOf(node, apiKey, id)).every(each => each.status === 'delivered')
  })
  const ids = (await deliveriesOf(node, apiKey, id)).map(each => each.id)
  expect(ids).toHaveLength(9)
  for (const sent of before) expect(ids).toContain(sent)
  expect((await call(node, apiKey, resend)).body).toEqual({ resent: 0 })
  // The receiver was sent each of them once more, and nothing else.
  expect(sentIds().slice(before.length).sort()).toEqual(ids.sort())
})

/** Statuses of test events, all asked for at once. */
const sendTests = async (apiKey: string, id: string, count: number) => {
  const request = { method: 'POST', path: `${webhooks}/${id}/test` }
  const sent = Array.from({ length: count }, () => call(node, apiKey, request))
  return (await Promise.all(sent)).map(each => each.status)
}

test('an account sends ten test events and resends a minute, and takes nothing from others beyond that', async () => {
  const [greedy, modest] = [await rig.account({ credits: 0 }), await rig.account({ credits: 0 })]
  const urls = ['https://shared.example/a', 'https://elsewhere.example/b']
  const tries = await Promise.all(
    urls.map(async url => sendTests(greedy.apiKey, (await makeWebhook(node, greedy.apiKey, { url })).id, 40)),
  )
  const accepted = tries.flat().filter(status => status === 202).length
  expect(accepted).toBeGreaterThan(0)
  expect(accepted).toBeLessThanOrEqual(10)
  expect(tries.flat()).toContain(429)
  const { id } = await makeWebhook(node, modest.apiKey, { url: urls[0] ?? '' })
  expect(await sendTests(modest.apiKey, id, 1)).toEqual([202])
})

test('one host is sent no more tests than it can bear, by whomever', async () => {
  const tries = await Promise.all(
    Array.from({ length: 12 }, async (_, index) => {
      const { apiKey } = await rig.account({ credits: 0 })
      const { id } = await makeWebhook(node, apiKey, { url: `https://victim.example/${index}` })
      return sendTests(apiKey, id, 9)
    }),
  )
  expect(tries.flat().filter(status => status === 202).length).toBeLessThanOrEqual(60)
  expect(tries.flat()).toContain(429)
})

test('a delivery is sent again ten times a minute, never after fifty attempts, and all of them can be read', async () => {
  const { apiKey } = await rig.account({ credits: 0 })
  const path = '/again'
  receiver.answer(withStatus(204))
  const { id } = await makeWebhook(node, apiKey, { url: receiver.url + path })
  const test = await call(node, apiKey, { method: 'POST', path: `${webhooks}/${id}/test` })
  const one = `${webhooks}/${id}/deliveries/${test.body.id}`
  const isDelivered = async () => (await call(node, apiKey, { path: one })).body.status === 'delivered'
  await eventually('it is delivered', isDelivered)
  const resend = () => call(node, apiKey, { method: 'POST', path: `${one}/resend` })
  for (let nth = 0; nth < 9; nth += 1) expect((await resend()).status).toBe(202)
  const refused = await resend()
  expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited'])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  const since = { path: `${webhooks}/${id}/resend-failed`, body: { since: '2020-01-01T00:00:00Z' } }
  expect((await call(node, apiKey, since)).status).toBe(429)

  await moveClock(rig, 61)
  await eventually('the last is delivered', isDelivered)
  const { db } = rig.database
  await ask(db, 'DELETE FROM webhook_attempt WHERE delivery_id = $1', [test.body.id])
  await ask(
    db,
    `INSERT INTO webhook_attempt (delivery_id, n, started_at, duration_ms, status)
      SELECT $1::uuid, n, app_now(), 1, 500 FROM generate_series(1, 50) n`,
    [test.body.id],
  )
  const text = "UPDATE webhook_delivery SET attempts = 50, state = 'exhausted' WHERE id = $1"
  await ask(db, text, [test.body.id])
  const shown = await call(node, apiKey, { path: one })
  expect(shown.body.attemptCount).toBe(50)
  const numbers = (shown.body.attempts as { number: number }[]).map(each => each.number)
  expect(numbers).toEqual(Array.from({ length: 20 }, (_, index) => 31 + index))
  const all: unknown[] = []
  for (let cursor: unknown = ''; cursor !== null; ) {
    const page = await call(node, apiKey, {
      path: `${one}/attempts?limit=20${cursor && `&cursor=${cursor}`}`,
    })
    all.push(...(page.body.attempts as { number: number }[]).map(each => each.number))
    cursor = page.body.nextCursor
  }
  expect(all).toEqual(Array.from({ length: 50 }, (_, index) => 1 + index))
  for (const query of ['cursor=0', 'cursor=x', 'limit=0', 'status=pending']) {
    expect((await call(node, apiKey, { path: `${one}/attempts?${query}` })).status, query).toBe(400)
  }
  const worn = await resend()
  expect([worn.status, (worn.body.issues as { path: string }[])[0]?.path]).toEqual([400, 'deliveryId'])
  expect((await call(node, apiKey, since)).body).toEqual({ resent: 0 })
})

test('the documented call with the session cookie registers, and the same cookie manages', async () => {
  const { cookie } = await signIn(rig, node, 'hooks@example.com')
  const registered = await fetch(`${node.url}/api/account/webhooks`, {
    method: 'POST',
    headers: { Cookie: cookie, 'Content-Type': 'application/json' },
    body: JSON.stringify({
      url: 'https://your-app.com/hooks/gptimg',
      events: ['generation.succeeded', 'generation.failed'],
      label: 'Production app',
    }),
  })
  expect(registered.status).toBe(201)
  const made = (await registered.json()) as { id: string; secret: string }
  expect(made).toMatchObject({ id: expect.any(String), secret: expect.stringMatching(/^whsec_/) })
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${node.url}${path}`, { ...init, headers: { cookie, ...init.headers } })
  for (const base of ['/api/account/webhooks', '/gptimage2/api/account/webhooks']) {
    const list = (await (await ask(base)).json()) as { webhooks: { id: string }[] }
    expect(list.webhooks.map(each => each.id)).toEqual([made.id])
  }
  const one = `/api/account/webhooks/${made.id}`
  const json = { 'content-type': 'application/json' }
  const off = await ask(one, { method: 'PATCH', headers: json, body: JSON.stringify({ enabled: false }) })
  expect(await off.json()).toMatchObject({ enabled: false })
  expect((await ask(one, { method: 'DELETE' })).status).toBe(204)
  expect((await ask(one)).status).toBe(404)
})

test('a browser on another site, a form and a stranger are refused at the cookie’s door', async () => {
  const { cookie } = await signIn(rig, node, 'csrf@example.com')
  const path = '/api/account/webhooks'
  const url = 'https://example.com/hook'
  const json = { 'content-type': 'application/json' }
  const post = async (headers: Record<string, string>) => {
    const answer = await fetch(node.url + path, { method: 'POST', headers, body: JSON.stringify({ url }) })
    const body = (await answer.json()) as { error: string; code: string }
    return [answer.status, body.code]
  }
  expect(await post({ ...json })).toEqual([401, 'unauthorized'])
  expect(await post({ ...json, cookie: 'darkroom_session=forged' })).toEqual([401, 'unauthorized'])
  expect(await post({ ...json, authorization: `Bearer ${owner.apiKey}` })).toEqual([401, 'unauthorized'])
  expect(await post({ ...json, cookie, origin: 'https://evil.example' })).toEqual([403, 'forbidden'])
  expect(await post({ ...json, cookie, origin: 'null' })).toEqual([403, 'forbidden'])
  for (const site of ['cross-site', 'same-site'])
    expect(await post({ ...json, cookie, 'sec-fetch-site': site })).toEqual([403, 'forbidden'])
  for (const type of ['text/plain', 'application/x-www-form-urlencoded'])
    expect(await post({ cookie, 'content-type': type })).toEqual([415, 'unsupported_media_type'])
  const own = { ...json, cookie, origin: node.url, 'sec-fetch-site': 'same-origin' }
  expect((await post(own))[0]).toBe(201)
  const list = await fetch(node.url + path, { headers: { cookie } })
  expect(((await list.json()) as { webhooks: unknown[] }).webhooks).toHaveLength(1)
})

test('every answer at the cookie’s door shows the window as to a caller without a key', async () => {
  const { cookie } = await signIn(rig, node, 'window@example.com')
  const json = { 'content-type': 'application/json', cookie }
  const limitsOf = ({ headers }: Response) =>
    ['limit', 'remaining'].map(name => headers.get(`x-ratelimit-${name}`))
  for (const base of ['/api/account/webhooks', '/gptimage2/api/account/webhooks']) {
    const ask = (init: RequestInit, path = base) => fetch(node.url + path, init)
    const post = (headers: Record<string, string>, body: object) =>
      ask({ method: 'POST', headers, body: JSON.stringify(body) })
    const made = await post(json, { url: `${receiver.url}/window` })
    const { id } = (await made.clone().json()) as { id: string }
    const one = `${base}/${id}`
    const answers: [Response, number][] = [
      [made, 201],
      [await ask({ headers: json }), 200],
      [await ask({ headers: json }, one), 200],
      [await post(json, { url: 'nowhere' }), 400],
      [await ask({}), 401],
      [await post({ ...json, origin: 'https://evil.example' }, {}), 403],
      [await ask({ headers: json }, `${base}/x`), 404],
      [await ask({ method: 'PUT', headers: json }), 405],
      [await ask({ method: 'PUT', headers: json }, one), 405],
      [await post({ cookie, 'content-type': 'text/plain' }, {}), 415],
      [await ask({ method: 'DELETE', headers: json }, one), 204],
    ]
    for (const [answer, status] of answers) {
      expect([answer.status, ...limitsOf(answer)], `${base} ${answer.url}`).toEqual([status, '600', '600'])
      const reset = Number(answer.headers.get('x-ratelimit-reset')) - Date.now() / 1000
      expect(reset).toBeGreaterThan(-1)
      expect(reset).toBeLessThanOrEqual(3_601)
    }
  }
})

test('the cookie’s door is described where gptimage2 is, with the events, and not in Get Images’ document', async () => {
  type Described = { paths: object; webhooks?: object; components: { securitySchemes: object } }
  const read = async (name: string) => (await (await fetch(`${node.url}${name}`)).json()) as Described
  const path = '/api/account/webhooks'
  for (const name of ['/openapi.json', '/openapi/gptimage2.json', '/gptimage2/openapi.json']) {
    const document = await read(name)
    expect(Object.keys(document.paths)).toContain(path)
    expect(Object.keys(document.webhooks ?? {})).toEqual([
      'generation.succeeded',
      'generation.failed',
      'webhook.challenge',
    ])
    expect(document.components.securitySchemes).toHaveProperty('SessionCookie')
  }
  const getimages = await read('/openapi/getimages.json')
  expect(getimages.webhooks).toBeUndefined()
  expect(Object.keys(getimages.components.securitySchemes)).toEqual(['ApiKeyBearer'])
})

type Sent = { schema: { $ref: string }; example: unknown }

test('the document tells receivers what they are sent, with an example that fits its own schema', () => {
  const { webhooks: sent } = native.document as unknown as {
    webhooks: Record<string, { post: { requestBody: { content: Record<string, Sent> } } }>
  }
  expect(Object.keys(sent)).toEqual(['generation.succeeded', 'generation.failed', 'webhook.challenge'])
  const ajv = new Ajv2020({ strict: false })
  ajvFormats.default(ajv)
  ajv.addSchema(native.document, 'native')
  for (const [event, { post }] of Object.entries(sent)) {
    const { schema, example } = post.requestBody.content['application/json'] as Sent
    const fits = ajv.compile({ $ref: `native${schema.$ref}` })
    expect(example).toMatchObject({ event })
    expect(fits(example), JSON.stringify(fits.errors)).toBe(true)
  }
})

test('the session of a customer opens none of the operator’s doors, whatever the method says it is', async () => {
  const { cookie } = await signIn(rig, node, 'no-operator@example.com')
  expect((await fetch(`${node.url}/api/account/webhooks`, { headers: { cookie } })).status).toBe(200)
  const doors = [
    'GET /operator/upstreams',
    'POST /operator/upstreams',
    'GET /api/v1/routes',
    'GET /api/v1/admin/provider-keys',
    'GET /api/v1/admin/provider-keys/openai',
    'PUT /api/v1/admin/provider-keys/openai',
    'DELETE /api/v1/admin/provider-keys/openai',
  ]
  for (const door of doors) {
    const [method = '', path = ''] = door.split(' ')
    for (const override of [{}, { 'x-http-method-override': 'GET' }]) {
      const headers = { cookie, origin: node.url, ...override }
      expect((await fetch(node.url + path, { method, headers, redirect: 'manual' })).status, door).toBe(401)
    }
  }
})
