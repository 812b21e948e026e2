// A-1, A-2, A-5, A-8, K-4, M-8: the whole surface as the service itself documents it, met by strangers: without a
// key, with somebody else's, and by whoever looks for doors that should not be there.
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createKey, revokeKey } from '../../src/accounts/keys.ts'
import { createRig, generateImage, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import { type RawAnswer, sendRaw } from './raw-request.ts'

type Operation = {
  method: string
  path: string
  isGetImages: boolean
  isImgeo: boolean
  isWebhook: boolean
  isProviderKey: boolean
  isOpenAi: boolean
  isGetimg: boolean
}

let rig: Rig
let node: Node
let operations: Operation[]
let owner: { accountId: string; apiKey: string }
let stranger: { accountId: string; apiKey: string }
/** An image of each surface, both the owner's. */
let ids: { native: string; getimages: string }

const unknownId = '01890000-0000-7000-8000-000000000000'
const bearer = (key: string) => ['authorization', `Bearer ${key}`]
const json = ['content-type', 'application/json']
/** White, 16 x 16. */
const picture = `data:image/png;base64,${await whitePicture()}`

async function whitePicture(): Promise<string> {
  const white = sharp({ create: { width: 16, height: 16, channels: 3, background: '#ffffff' } })
  return (await white.png().toBuffer()).toString('base64')
}

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
  owner = await rig.account({ credits: 100 })
  stranger = await rig.account({ credits: 100 })
  const document = (await (await fetch(`${node.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { security?: object[] }>>
  }
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      // A signed address needs no key; uploads and files have tests of their own.
      .filter(
        ([method, { security }]) => /^(get|put|post|delete|patch)$/.test(method) && security?.length !== 0,
      )
      .map(([method]) => ({
        method: method.toUpperCase(),
        path,
        isGetImages: /^\/api\/v1\/(images|(account|usage)$)/.test(path),
        isImgeo: /^\/api\/v1\/(generate|balance)$/.test(path),
        isProviderKey: /provider-keys/.test(path),
        isWebhook: /^\/api\/(?:v1|account)\/webhooks/.test(path),
        isOpenAi: path.startsWith('/v1/'),
        isGetimg: /^\/v2\//.test(path),
      })),
  )
  const made = await sendRaw(node.url, {
    method: 'POST',
    path: '/api/v1/generations',
    headers: [...bearer(owner.apiKey), ...json, 'prefer', 'wait=30'],
    body: JSON.stringify({ model: 'openai:gpt-image-2', prompt: 'mine' }),
  })
  const shown = await generateImage(node, owner.apiKey, { prompt: 'mine too' })
  ids = { native: String(JSON.parse(made.text).id), getimages: shown.body.image?.id ?? '' }
})
afterAll(() => rig.close())

function pathOf({ path, isGetImages }: Operation, id = isGetImages ? ids.getimages : ids.native): string {
  // Models are everybody's.
  const named = path.startsWith('/v1/models/') ? 'gpt-image-2' : id
  const filled = path
    .replace('{id}', named)
    .replace('{index}', '0')
    .replace('{deliveryId}', unknownId)
    .replace('{model}', 'gpt-image-2')
  return path.endsWith('/costs') ? `${filled}?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z` : filled
}

function send(operation: Operation, raw: { headers: readonly string[]; path?: string; method?: string }) {
  const { isGetImages, isImgeo, isGetimg } = operation
  const method = raw.method ?? operation.method
  const model = isImgeo ? 'google/nano-banana' : isGetimg ? 'gpt-image-2' : 'openai:gpt-image-2'
  const order = { [isGetImages ? 'modelId' : 'model']: model, prompt: 'a boat' }
  const upload = { filename: 'a.png', contentType: 'image/png', size: 100 }
  const edit = { prompt: 'a boat', images: [{ image_url: picture }] }
  const bodies: Record<string, object> = { upload, edits: edit }
  const body = JSON.stringify(bodies[operation.path.split('/').at(-1) ?? ''] ?? order)
  const hasBody = method !== 'GET' && method !== 'HEAD'
  return sendRaw(node.url, {
    method,
    path: raw.path ?? pathOf(operation),
    headers: [...raw.headers, ...(hasBody ? json : [])],
    ...(hasBody ? { body } : {}),
  })
}

async function countOrders(accountId: string): Promise<number> {
  const text = 'SELECT count(*)::int AS orders FROM generation WHERE account_id = $1'
  return (await ask<{ orders: number }>(rig.database.db, text, [accountId]))[0]?.orders ?? Number.NaN
}

async function makeKey(
  scopes: ('generate' | 'read' | 'admin')[],
): Promise<{ keyId: string; apiKey: string }> {
  const needs = { now: () => new Date() }
  const input = { accountId: owner.accountId, rate: 'off' as const, scopes }
  return await rig.database.db.transaction(tx => createKey({ ...needs, tx }, input))
}

test('no route of the document answers without a key, or to anything else than one', async () => {
  expect(operations.length).toBeGreaterThanOrEqual(16)
  const revoked = await makeKey(['generate', 'read'])
  await rig.database.db.transaction(tx => revokeKey(tx, revoked.keyId, owner.accountId))
  const before = await countOrders(owner.accountId)
  const key = owner.apiKey
  const credentials: string[][] = [
    [],
    bearer('dr_nonsense'),
    bearer(revoked.apiKey),
    ['authorization', `Basic ${Buffer.from(`${key}:`).toString('base64')}`],
    ['x-api-key', key],
    ['x-goog-api-key', key],
    ['api-key', key],
    ['cookie', `darkroom_session=${key}`],
    ['cookie', `authorization=Bearer ${key}`],
    [...bearer(key), ...bearer(key)],
  ]
  for (const operation of operations) {
    const mounts = {
      isGetImages: '/getimages',
      isImgeo: '/imgeo',
      isOpenAi: '/openai',
      isGetimg: '/getimg',
    } as const
    const mount = Object.entries(mounts).find(([name]) => operation[name as keyof typeof mounts])?.[1]
    const paths = [pathOf(operation), ...(mount ? [mount + pathOf(operation)] : [])]
    for (const path of paths) {
      for (const headers of credentials) {
        const { status } = await send(operation, { headers, path })
        expect(status, `${operation.method} ${path} ${headers[0]}`).toBe(401)
      }
      const inQuery = await send(operation, {
        headers: [],
        path: `${path}${path.includes('?') ? '&' : '?'}api_key=${key}&key=${key}`,
      })
      expect(inQuery.status, path).toBe(401)
    }
  }
  expect(await countOrders(owner.accountId)).toBe(before)
})

test('a key opens the routes of its scopes and no others', async () => {
  const [reader, maker] = [await makeKey(['read']), await makeKey(['generate'])]
  const keeper = await makeKey(['admin'])
  // Those of webhooks and provider keys are tried where there are some: webhook-routes.test.ts, provider-keys.test.ts.
  for (const operation of operations.filter(({ isWebhook, isProviderKey }) => !isWebhook && !isProviderKey)) {
    const isOrder = operation.method !== 'GET'
    const isOperators = operation.path === '/api/v1/routes'
    const [fits, lacks] = isOperators ? [keeper, reader] : isOrder ? [maker, reader] : [reader, maker]
    const path = `${operation.method} ${operation.path}`
    // What is deleted here would be missed by what follows.
    const at = operation.method === 'DELETE' ? { path: pathOf(operation, unknownId) } : {}
    const open = await send(operation, {
      headers: [...bearer(fits.apiKey), 'prefer', 'respond-async'],
      ...at,
    })
    expect(operation.method === 'DELETE' ? [404] : [200, 202], path).toContain(open.status)
    const shut = await send(operation, { headers: bearer(lacks.apiKey) })
    expect(shut.status, path).toBe(operation.isGetImages || operation.isGetimg ? 401 : 403)
  }
})

test('no id of another account is anything but unknown, on any route and by any method', async () => {
  const strip = ({ status, headers, text }: RawAnswer) => {
    const { 'x-request-id': _id, date: _date, ...rest } = headers
    const limits = Object.entries(rest).filter(([name]) => !name.startsWith('x-ratelimit'))
    return { status, headers: Object.fromEntries(limits), text }
  }
  const withId = operations.filter(
    ({ path, method, isWebhook, isOpenAi }) =>
      path.includes('{id}') && method !== 'DELETE' && !isWebhook && !isOpenAi,
  )
  expect(withId.length).toBeGreaterThanOrEqual(3)
  for (const operation of withId) {
    const mine = await send(operation, { headers: bearer(owner.apiKey) })
    expect(mine.status, operation.path).toBe(200)
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const headers = bearer(stranger.apiKey)
      const foreign = await send(operation, { headers, method })
      const unknown = await send(operation, { headers, method, path: pathOf(operation, unknownId) })
      expect([404, 405], `${method} ${operation.path}`).toContain(foreign.status)
      expect(strip(foreign), `${method} ${operation.path}`).toEqual(strip(unknown))
    }
    const again = await send(operation, { headers: bearer(owner.apiKey) })
    expect(again.text, operation.path).toBe(mine.text)
  }
  // Nor through a key of the stranger's own choosing.
  const headers = { 'idempotency-key': ids.getimages }
  const own = await generateImage(node, stranger.apiKey, { prompt: 'mine too', headers })
  expect([own.status, own.headers.get('idempotent-replayed')]).toEqual([200, null])
  expect(own.body.image?.id).not.toBe(ids.getimages)
})

test('what a service should not have is not there', async () => {
  const paths = [
    ...[
      '/admin',
      '/api/admin',
      '/api/v1/admin/accounts',
      '/api/v1/accounts',
      '/api/v1/keys',
      '/api/v1/credits',
    ],
    ...['/debug', '/debug/vars', '/.env', '/.git/config', '/server-status', '/actuator/env', '/graphql'],
    ...['/swagger', '/console', '/config.json', '/package.json', '/data/auth-secret', '/images/g/'],
    ...['/api/auth/admin/list-users', '/api/auth/list-sessions', '/api/auth/sign-up/email', '/api/auth/ok'],
    ...['/..%2f..%2fetc%2fpasswd', '/%2e%2e/%2e%2e/etc/passwd', '//etc/passwd', '/api/v1/../../data'],
  ]
  for (const path of paths) {
    for (const headers of [
      [],
      bearer(owner.apiKey),
      [...bearer(owner.apiKey), 'x-http-method-override', 'PUT'],
    ]) {
      for (const method of ['GET', 'POST']) {
        const answer = await sendRaw(node.url, { method, path, headers })
        expect(answer.status, `${method} ${path}`).toBe(404)
        expect(() => JSON.parse(answer.text), path).not.toThrow()
      }
    }
  }
})

type Fault = [status: number, send: () => Promise<RawAnswer>]

const get = (path: string, ...headers: string[]) =>
  sendRaw(node.url, { path, headers: [...bearer(owner.apiKey), ...headers] })
const post = (path: string, key: string, body: string) =>
  sendRaw(node.url, { method: 'POST', path, headers: [...bearer(key), ...json], body })
const bare = (method: string, path: string) =>
  sendRaw(node.url, { method, path, headers: [...bearer(owner.apiKey), 'origin', 'https://evil.example'] })

const markup = '<script>alert(1)</script>'
const orderOf = (field: string, directives = '') =>
  JSON.stringify({ [field]: 'openai:gpt-image-2', prompt: `a [[emulate: ${directives}]]` })

/** Whatever can go wrong with an order; `poor` has no credits, `hasty` has used up its rate. */
function listOrderFaults(path: string, { poor, hasty }: { poor: string; hasty: string }): Fault[] {
  const isNative = path.endsWith('/generations')
  const order = orderOf(isNative ? 'model' : 'modelId')
  return [
    [400, () => post(path, owner.apiKey, '{')],
    [400, () => post(path, owner.apiKey, '[]')],
    [400, () => post(path, owner.apiKey, JSON.stringify({ prompt: markup, [markup]: markup }))],
    [400, () => post(path, owner.apiKey, order.replace('openai:gpt-image-2', '<b>none</b>'))],
    [401, () => post(path, 'none', order)],
    [isNative ? 402 : 400, () => post(path, poor, order)],
    [
      isNative ? 415 : 400,
      () => sendRaw(node.url, { method: 'POST', path, headers: bearer(owner.apiKey), body: 'a' }),
    ],
    [429, () => post(path, hasty, order)],
    [405, () => bare('DELETE', path)],
    [405, () => bare('PUT', path)],
    [405, () => bare('TRACE', path)],
    [405, () => bare('OPTIONS', path)],
  ]
}

async function listFaults(): Promise<Fault[]> {
  const [native, getimages] = ['/api/v1/generations', '/api/v1/images/generate']
  const poor = (await rig.account({ credits: 0 })).apiKey
  const hasty = (await rig.account({ credits: 0, key: { rate: { requests: 1, windowS: 60 } } })).apiKey
  for (const path of ['/api/v1/account', `${native}/x`])
    await sendRaw(node.url, { path, headers: bearer(hasty) })
  return [
    ...[native, getimages].flatMap(path => listOrderFaults(path, { poor, hasty })),
    [500, () => post(getimages, owner.apiKey, orderOf('modelId', 'html_500'))],
    [400, () => post(getimages, owner.apiKey, orderOf('modelId', 'moderation_input'))],
    [404, () => get(`${native}/${unknownId}`)],
    [404, () => get(`${native}/${markup}`)],
    [404, () => get(`${native}/${ids.native}/images/7`)],
    [404, () => get(`/api/v1/images/${unknownId}`)],
    [404, () => get(`/${markup}`)],
    [400, () => get('/api/v1/images?limit=%3Cscript%3E')],
    ...['/api/v1/account', '/api/v1/images', '/healthz', '/readyz', '/openapi.json'].map(
      (path): Fault => [200, () => get(path)],
    ),
  ]
}

test('every answer says what it is and cannot be taken for a page', async () => {
  const faults = await listFaults()
  expect(faults.filter(([status]) => status >= 400).length).toBeGreaterThanOrEqual(30)
  for (const [status, sendFault] of faults) {
    const { headers, text, ...answer } = await sendFault()
    expect(answer.status, text.slice(0, 100)).toBe(status)
    expect(headers['content-type'], text.slice(0, 100)).toMatch(/^application\/json/)
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(headers['x-request-id']).toBeTruthy()
    for (const name of ['server', 'x-powered-by', 'access-control-allow-origin', 'set-cookie']) {
      expect(headers[name], name).toBeUndefined()
    }
    expect(text).not.toMatch(/\n\s+at |node_modules|dist-test|SELECT |\/home\/|\/tmp\//)
    const shown = JSON.parse(text) as { error?: string | { message: string } }
    const words = typeof shown.error === 'object' ? shown.error.message : shown.error
    if (status >= 400) expect(typeof words).toBe('string')
  }
})

test('an image cannot run script, whatever part of it is asked for', async () => {
  for (const range of [[], ['range', 'bytes=0-9'], ['range', 'bytes=99999999-'], ['range', 'lines=1']]) {
    const { status, headers } = await get(`/api/v1/generations/${ids.native}/images/0`, ...range)
    expect([200, 206, 416]).toContain(status)
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'cross-origin-resource-policy': 'same-origin',
    })
    if (status !== 416) expect(headers['content-type']).toMatch(/^image\/(png|jpeg|webp)$/)
    expect(headers['set-cookie']).toBeUndefined()
  }
})
