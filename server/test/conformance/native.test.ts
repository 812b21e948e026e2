// The native API: orders for any model, their state, their bytes, and what they cost.
import { createHash } from 'node:crypto'
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey } from '../../src/accounts/keys.ts'
import { restoreModel } from '../../src/models/life-store.ts'
import { createRig, eventually, generateImage, type Node, type Rig } from '../harness.ts'
import { sendRaw } from './raw-request.ts'

type Output = {
  url: string
  png: string
  webp: string
  mediaType: string
  width: number
  height: number
  sizeBytes: number
  sha256: string
}
type Generation = {
  id: string
  status: string
  outputs: Output[]
  error: string | null
  reason: string | null
  costCredits: number
  code?: string
  issues?: { path: string; message: string; code: string }[]
  [field: string]: unknown
}
type Answer = { status: number; headers: Headers; body: Generation }

let rig: Rig
let node: Node
let ajv: Ajv2020
let document: { paths: Record<string, Record<string, { responses: Record<string, unknown> }>> }

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode({ WORKER_CONCURRENCY: '80' })
  document = (await (await fetch(`${node.url}/openapi/native.json`)).json()) as typeof document
  ajv = new Ajv2020({ strict: false })
  ajvFormats.default(ajv)
  ajv.addSchema(document, 'native')
})
afterAll(() => rig.close())

const generations = '/api/v1/generations'
const model = 'openai:gpt-image-2'

/** One call, held against the document that the server itself serves. */
async function call(
  apiKey: string,
  path: string,
  options: { body?: unknown; headers?: Record<string, string>; url?: string } = {},
): Promise<Answer> {
  const { body, headers = {}, url = node.url } = options
  const method = body === undefined ? 'GET' : 'POST'
  const sent = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const answer = { status: sent.status, headers: sent.headers, body: (await sent.json()) as Generation }
  const template = method === 'POST' ? generations : `${generations}/{id}`
  const operation = document.paths[template]?.[method.toLowerCase()]
  expect(Object.keys(operation?.responses ?? {})).toContain(String(answer.status))
  const at = [
    'paths',
    template,
    method.toLowerCase(),
    'responses',
    answer.status,
    'content',
    'application/json',
    'schema',
  ]
  const pointer = at.map(part => encodeURIComponent(String(part).replaceAll('/', '~1'))).join('/')
  const validate = ajv.compile({ $ref: `native#/${pointer}` })
  expect(validate(answer.body), JSON.stringify([validate.errors, answer.body])).toBe(true)
  return answer
}

const wait = { prefer: 'wait=20' }

async function settled(apiKey: string, id: string): Promise<Generation> {
  let body: Generation | null = null
  await eventually(`generation ${id} has ended`, async () => {
    body = (await call(apiKey, `${generations}/${id}`)).body
    return !['queued', 'running'].includes(body.status)
  })
  if (!body) throw new Error('unread')
  return body
}

describe('an order', () => {
  test('is accepted at once, can be read while it runs, and ends with its image', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const resume = rig.openai.pause()
    const made = await call(apiKey, generations, { body: { model, prompt: 'a mill at work' } })
    expect(made.status).toBe(202)
    expect(made.headers.get('location')).toBe(`${node.url}${generations}/${made.body.id}`)
    expect(made.headers.get('retry-after')).toBe('1')
    expect(made.headers.get('x-should-retry')).toBe('false')
    expect(made.body).toMatchObject({
      outputs: [],
      error: null,
      completedAt: null,
      dialect: 'native',
      type: 'text2img',
    })
    await rig.openai.waitUntil(() => rig.openai.requests.some(each => each.prompt === 'a mill at work'))
    const open = await call(apiKey, `${generations}/${made.body.id}`)
    resume()
    expect(open.body.status).toBe('running')
    expect(open.headers.get('retry-after')).toBe('1')
    const ended = await settled(apiKey, made.body.id)
    expect(ended).toMatchObject({ status: 'succeeded', model, error: null, reason: null, warnings: [] })
    expect(ended.outputs).toHaveLength(1)
    expect(await rig.balance(accountId)).toBe(100 - ended.costCredits)
    expect((await call(apiKey, `${generations}/${made.body.id}`)).headers.get('retry-after')).toBeNull()
  })

  test('waits as long as the caller prefers', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const body = { model, prompt: 'a quick one' }
    const quick = await call(apiKey, generations, { body, headers: wait })
    expect([quick.status, quick.body.status, quick.headers.get('preference-applied')]).toEqual([
      200,
      'succeeded',
      'wait=20',
    ])
    const slow = { model, prompt: 'a slow one' }
    for (const [prefer, applied] of [
      ['wait=1', 'wait=1'],
      ['respond-async', 'respond-async'],
      ['wait=x', null],
    ]) {
      const resume = rig.openai.pause()
      const late = await call(apiKey, generations, { body: slow, headers: { prefer: prefer ?? '' } })
      resume()
      expect([late.status, late.headers.get('preference-applied')], String(prefer)).toEqual([202, applied])
      expect((await settled(apiKey, late.body.id)).status).toBe('succeeded')
    }
  })

  test('runs on a model of every provider, the built-in one for nothing', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    for (const each of [
      'openai:gpt-image-1.5',
      'gpt-image-2',
      'google:gemini-2.5-flash-image',
      'darkroom:sketch',
    ]) {
      const before = await rig.balance(accountId)
      const made = await call(apiKey, generations, {
        body: { model: each, prompt: 'a red boat' },
        headers: wait,
      })
      expect([made.status, made.body.status], each).toEqual([200, 'succeeded'])
      expect(before - (await rig.balance(accountId))).toBe(made.body.costCredits)
      if (each === 'darkroom:sketch') expect(made.body.costCredits).toBe(0)
      else expect(made.body.costCredits).toBeGreaterThan(0)
    }
  })

  test('takes what the model offers and names what it does not', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const sketch = { model: 'darkroom:sketch', prompt: 'a tower' }
    const sized = await call(apiKey, generations, {
      body: { ...sketch, size: '640x480', outputFormat: 'webp' },
      headers: wait,
    })
    expect(sized.body.outputs).toMatchObject([{ width: 640, height: 480, mediaType: 'image/webp' }])
    const wide = await call(apiKey, generations, {
      body: { ...sketch, aspectRatio: '21:9', seed: 7 },
      headers: wait,
    })
    expect(wide.body.outputs).toMatchObject([{ width: 1552, height: 672 }])
    const refusals: [object, string][] = [
      [{ ...sketch, aspectRatio: '7:5' }, 'aspectRatio'],
      [{ ...sketch, size: '3x3' }, 'size'],
      [{ ...sketch, size: '640x480', aspectRatio: '4:3' }, 'size'],
      [{ ...sketch, n: 0 }, 'n'],
      [{ ...sketch, n: 11 }, 'n'],
      [{ ...sketch, n: 1.5 }, 'n'],
      [{ model, prompt: 'x', n: 9 }, 'n'],
      [{ model, prompt: 'x', thinkingLevel: 'deep' }, 'thinkingLevel'],
      [{ ...sketch, credits: 1 }, 'body'],
      [{ ...sketch, accountId }, 'body'],
      [{ ...sketch, prompt: ' ' }, 'prompt'],
      [{ ...sketch, prompt: '🎨'.repeat(32_001) }, 'prompt'],
      [{ prompt: 'x' }, 'model'],
    ]
    for (const [body, path] of refusals) {
      const answer = await call(apiKey, generations, { body })
      const shown = JSON.stringify(body).slice(0, 80)
      expect([answer.status, answer.body.code], shown).toEqual([400, 'invalid_request'])
      expect(
        answer.body.issues?.map(issue => issue.path),
        shown,
      ).toContain(path)
    }
    const unknown = await call(apiKey, generations, { body: { model: 'nobody/nothing', prompt: 'x' } })
    expect([unknown.status, unknown.body.code]).toEqual([400, 'invalid_request'])
    expect(await rig.balance(accountId)).toBe(100)
  })
})

describe('several images', () => {
  test('an order of three that yields fewer pays for those that came', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 1_000 })
    for (let fewer = 0; fewer <= 3; fewer += 1) {
      const before = await rig.balance(accountId)
      const body = { model: 'gpt-image-2', prompt: `a set [[emulate: fewer=${fewer}]]`, n: 3 }
      const { body: made } = await call(apiKey, generations, { body, headers: wait })
      expect(made.status, `${fewer} came`).toBe(fewer === 0 ? 'failed' : 'succeeded')
      expect(made.outputs).toHaveLength(fewer)
      const spent = before - (await rig.balance(accountId))
      expect(made.costCredits).toBe(spent)
      const one = made.costCredits / Math.max(fewer, 1)
      expect(Number.isInteger(one)).toBe(true)
      if (fewer === 0) expect(spent).toBe(0)
      for (const [index, output] of made.outputs.entries())
        expect(output.url).toMatch(new RegExp(`/${index}\\.png$`))
    }
  })
})

describe('the bytes', () => {
  test('are the ones promised: type, size, digest, dimensions; private to the account', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const stranger = await rig.account({ credits: 0 })
    const { body } = await call(apiKey, generations, { body: { model, prompt: 'kept' }, headers: wait })
    const [output] = body.outputs
    if (!output) throw new Error('no output')
    const read = (url: string, key: string | null) =>
      fetch(url, { headers: key === null ? {} : { authorization: `Bearer ${key}` } })
    const own = `${node.url}${generations}/${body.id}/images/0`
    const answer = await read(own, apiKey)
    const bytes = Buffer.from(await answer.arrayBuffer())
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(output.sha256)
    expect(bytes).toHaveLength(output.sizeBytes)
    expect(await sharp(bytes).metadata()).toMatchObject({ width: output.width, height: output.height })
    const headers = Object.fromEntries(answer.headers)
    expect(headers).toMatchObject({
      'content-type': output.mediaType,
      'content-length': String(output.sizeBytes),
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      etag: `"${output.sha256}"`,
    })
    expect(headers['cache-control']).toMatch(/private/)
    expect((await read(own, null)).status).toBe(401)
    expect((await read(own, stranger.apiKey)).status).toBe(404)
    for (const index of ['1', '-1', '00001', 'x', '1e3', '%2e%2e']) {
      expect((await read(own.replace(/0$/, index), apiKey)).status, index).toBe(404)
    }
  })

  test('a stranger learns nothing: every foreign id answers as an unknown one', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const stranger = await rig.account({ credits: 0 })
    const { body } = await call(apiKey, generations, { body: { model, prompt: 'hidden' }, headers: wait })
    const answers = []
    for (const id of [body.id, '01890000-0000-7000-8000-000000000000', 'quote', "' OR 1=1 --"]) {
      const answer = await call(stranger.apiKey, `${generations}/${encodeURIComponent(id)}`)
      answers.push([answer.status, answer.body])
    }
    expect(answers[0]?.[0]).toBe(404)
    for (const answer of answers) expect(answer).toEqual(answers[0])
  })
})

describe('limits', () => {
  test('every answer shows the window: orders, reads, refusals, and without a valid key a fresh one', async () => {
    const { apiKey } = await rig.account({ credits: 100, key: { rate: { requests: 5, windowS: 60 } } })
    const show = (answer: Answer) =>
      ['limit', 'remaining'].map(name => Number(answer.headers.get(`x-ratelimit-${name}`)))
    const made = await call(apiKey, generations, { body: { model, prompt: 'counted' }, headers: wait })
    expect(show(made)).toEqual([5, 4])
    expect(show(await call(apiKey, `${generations}/${made.body.id}`))).toEqual([5, 3])
    expect(show(await call(apiKey, `${generations}/unknown`))).toEqual([5, 2])
    expect(show(await call(apiKey, generations, { body: {} }))).toEqual([5, 1])
    const bytes = await fetch(`${node.url}${generations}/${made.body.id}/images/0`, {
      headers: { authorization: `Bearer ${apiKey}` },
    })
    expect([bytes.status, bytes.headers.get('x-ratelimit-remaining')]).toEqual([200, '0'])
    const over = await call(apiKey, `${generations}/${made.body.id}`)
    expect([over.status, over.body.code, ...show(over)]).toEqual([429, 'rate_limited', 5, 0])
    const reset = Number(over.headers.get('x-ratelimit-reset'))
    const seconds = Number(over.headers.get('retry-after'))
    expect(Math.abs(reset - Date.now() / 1000 - seconds)).toBeLessThan(5)
    const nobody = await call('dr_none', `${generations}/x`)
    expect([nobody.status, ...show(nobody)]).toEqual([401, 600, 600])
    expect(Number(nobody.headers.get('x-ratelimit-reset'))).toBeGreaterThan(Date.now() / 1000)
    const fresh = await rig.account({ credits: 0, key: { rate: null } })
    expect(show(await call(fresh.apiKey, `${generations}/x`))).toEqual([600, 599])
  })

  test('calls that no endpoint takes are counted and show the window as well', async () => {
    const { apiKey } = await rig.account({ credits: 0, key: { rate: { requests: 50, windowS: 3_600 } } })
    const misses = [
      ['GET', '/api/v1/nothere', 404],
      ['POST', '/api/nothere', 404],
      ['PUT', generations, 405],
      ['PATCH', `${generations}/quote`, 405],
      ['POST', `${generations}/x`, 405],
      ['GET', `${generations}/x/cancel`, 405],
      ['POST', `${generations}/x/events`, 405],
      ['POST', `${generations}/x/images/0`, 405],
      ['POST', '/api/v1/routes', 405],
      ['GET', '/api/v1/upload', 405],
      ['GET', '/uploads/up_x', 405],
      ['PUT', '/api/v1/webhooks', 405],
      ['PUT', '/api/v1/webhooks/x', 405],
      ['GET', '/api/v1/webhooks/x/test', 405],
      ['POST', '/api/v1/provider-keys', 405],
      ['POST', '/api/v1/provider-keys/openai', 405],
      ['POST', '/api/v1/admin/provider-keys', 405],
    ] as const
    const show = (answer: Response) => [
      answer.status,
      ...['limit', 'remaining'].map(name => Number(answer.headers.get(`x-ratelimit-${name}`))),
    ]
    for (const [nth, [method, path, status]] of misses.entries()) {
      const headers = { authorization: `Bearer ${apiKey}` }
      expect(show(await fetch(node.url + path, { method, headers })), path).toEqual([status, 50, 49 - nth])
      expect(show(await fetch(node.url + path, { method })), path).toEqual([status, 600, 600])
    }
    // What is no part of the API belongs to no window.
    const page = await fetch(`${node.url}/nothere`)
    expect([page.status, page.headers.get('x-ratelimit-limit')]).toEqual([404, null])
    // A window that is used up is told as such.
    const { apiKey: hasty } = await rig.account({
      credits: 0,
      key: { rate: { requests: 1, windowS: 3_600 } },
    })
    const headers = { authorization: `Bearer ${hasty}` }
    for (const status of [404, 429])
      expect((await fetch(`${node.url}/api/v1/nothere`, { headers })).status).toBe(status)
  })

  for (const [inFlight, cap] of [
    [null, 50],
    [2, 2],
  ] as const) {
    test(`a key has at most ${cap} generations in flight${inFlight === null ? '' : ' when it says so'}`, async () => {
      const { apiKey, accountId } = await rig.account({ credits: 1_000, key: { inFlight } })
      const other = await rig.database.db.transaction(tx =>
        createKey({ tx, now: () => new Date() }, { accountId, rate: 'off', inFlight }),
      )
      const body = { model, prompt: `crowd of ${cap}` }
      const resume = rig.openai.pause()
      const answers = await Promise.all(
        Array.from({ length: cap + 5 }, () => call(apiKey, generations, { body })),
      )
      const refused = answers.filter(each => each.status === 429)
      expect(answers.filter(each => each.status === 202)).toHaveLength(cap)
      expect(refused).toHaveLength(5)
      for (const { body: shown, headers } of refused) {
        expect(shown.code).toBe('too_many_in_flight')
        expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
      }
      expect((await call(other.apiKey, generations, { body })).status).toBe(202)
      resume()
      for (const { status, body: shown } of answers) if (status === 202) await settled(apiKey, shown.id)
      expect((await call(apiKey, generations, { body: { model, prompt: 'room again' } })).status).toBe(202)
    })
  }
})

describe('refusals', () => {
  test('have a text and a stable code', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 1 })
    const reader = await rig.account({ credits: 5, key: { scopes: ['read'] } })
    const body = { model, prompt: 'x' }
    const cases: [Promise<Answer>, number, string][] = [
      [call('dr_wrong', generations, { body }), 401, 'unauthorized'],
      [call(reader.apiKey, generations, { body }), 403, 'forbidden'],
      [call(apiKey, generations, { body }), 402, 'insufficient_credits'],
      [call(apiKey, `${generations}/x`), 404, 'not_found'],
      [call(apiKey, generations, { body: '{' }), 400, 'invalid_request'],
      [
        call(apiKey, generations, { body: `{"prompt":"${'x'.repeat(27_000_000)}"}` }),
        413,
        'payload_too_large',
      ],
      [
        call(apiKey, generations, { body: 'x=1', headers: { 'content-type': 'text/plain' } }),
        415,
        'unsupported_media_type',
      ],
      [
        call(apiKey, generations, { body, headers: { 'content-encoding': 'gzip' } }),
        415,
        'unsupported_media_type',
      ],
      [call(apiKey, generations, { body, headers: { 'idempotency-key': 'a b' } }), 400, 'invalid_request'],
    ]
    for (const [answer, status, code] of cases) {
      const got = await answer
      expect([got.status, got.body.code]).toEqual([status, code])
      expect(typeof got.body.error).toBe('string')
    }
    expect(await rig.balance(accountId)).toBe(1)
    for (const [method, path, allow] of [
      ['DELETE', generations, 'GET, POST'],
      ['PUT', `${generations}/x`, 'GET, DELETE'],
    ] as const) {
      const answer = await sendRaw(node.url, { method, path, headers: ['authorization', `Bearer ${apiKey}`] })
      expect([answer.status, answer.headers.allow, JSON.parse(answer.text).code]).toEqual([
        405,
        allow,
        'method_not_allowed',
      ])
    }
    const unmatched = await sendRaw(node.url, { path: '/api/v1/nothing' })
    expect([unmatched.status, JSON.parse(unmatched.text).code]).toEqual([404, 'not_found'])
  })

  test('a generation that ends without an image says why and costs nothing', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    for (const [directive, status, reason] of [
      ['moderation_input', 'blocked', 'content_rejected'],
      ['no_data', 'failed', 'malformed_result'],
      ['retired', 'failed', 'upstream_unavailable'],
    ]) {
      const body = { model, prompt: `no luck [[emulate: ${directive}]]` }
      const ended = await call(apiKey, generations, { body, headers: wait })
      expect(ended.status).toBe(200)
      expect(ended.body, directive).toMatchObject({ status, reason, outputs: [], costCredits: 0 })
      expect(ended.body.error).toMatch(/nothing was charged/i)
    }
    expect(await rig.balance(accountId)).toBe(100)
    // The last one has switched the model off.
    await restoreModel(rig.database.db, { provider: 'openai', upstreamModel: 'gpt-image-2' })
    await eventually('it is used again', async () => {
      const { status } = await call(apiKey, generations, { body: { model, prompt: 'luck' }, headers: wait })
      return status < 300
    })
  })
})

test('an idempotency key names one order of the account, whichever surface it came through', async () => {
  const { apiKey, accountId } = await rig.account({ credits: 100 })
  const headers = { 'idempotency-key': 'native-1' }
  const body = { model, prompt: 'once' }
  const resume = rig.openai.pause()
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => call(apiKey, generations, { body, headers })),
  )
  resume()
  expect(answers.map(each => each.status)).toEqual(Array(10).fill(202))
  expect(new Set(answers.map(each => each.body.id)).size).toBe(1)
  expect(answers.filter(each => each.headers.get('idempotent-replayed') !== 'true')).toHaveLength(1)
  const ended = await settled(apiKey, answers[0]?.body.id ?? '')
  const replay = await call(apiKey, generations, { body, headers })
  expect([replay.status, replay.body]).toEqual([200, ended])
  const mismatch = await call(apiKey, generations, { body: { ...body, n: 2 }, headers })
  expect([mismatch.status, mismatch.body.code]).toEqual([422, 'idempotency_key_reused'])
  const elsewhere = await generateImage(node, apiKey, { prompt: 'once', headers })
  expect(elsewhere.status).toBe(400)
  expect(await rig.balance(accountId)).toBe(100 - ended.costCredits)
})

test('the sandbox serves every model itself, at its price, and says so on every answer', async () => {
  const sandbox = await rig.startNode({ DARKROOM_SANDBOX: 'on' })
  const { apiKey, accountId } = await rig.account({ credits: 100 })
  const calls = rig.openai.total.requests
  const body = { model, prompt: 'pretend' }
  const made = await call(apiKey, generations, { body, headers: wait, url: sandbox.url })
  expect([made.status, made.body.status, made.headers.get('x-darkroom-sandbox')]).toEqual([
    200,
    'succeeded',
    '1',
  ])
  expect(await rig.balance(accountId)).toBe(100 - made.body.costCredits)
  expect(made.body.costCredits).toBeGreaterThan(0)
  expect(rig.openai.total.requests).toBe(calls)
  const image = await generateImage(sandbox, apiKey, { prompt: 'pretend too' })
  expect([image.status, image.headers.get('x-darkroom-sandbox')]).toEqual([200, '1'])
  for (const path of ['/healthz', '/nowhere', '/openapi.json', `${generations}/x`, '/api/v1/usage']) {
    expect((await fetch(sandbox.url + path)).headers.get('x-darkroom-sandbox'), path).toBe('1')
  }
  const usage = await fetch(`${sandbox.url}/api/v1/usage`, { headers: { authorization: `Bearer ${apiKey}` } })
  expect(JSON.stringify(await usage.json())).toMatch(/sandbox/)
  expect((await fetch(`${node.url}/healthz`)).headers.get('x-darkroom-sandbox')).toBeNull()
})
