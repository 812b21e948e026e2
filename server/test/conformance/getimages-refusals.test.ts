// What Get Images refuses: credentials, bodies, rates. Nothing here may end in a 5xx, and nothing may be charged.
import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey, revokeKey } from '../../src/accounts/keys.ts'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import { detailsOf, errorOf, get, type Judged, judge, postGenerate, withKey } from './getimages-contract.ts'

let rig: Rig
let node: Node
let apiKey: string
let accountId: string
const credits = 50

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
  const made = await rig.account({ credits })
  apiKey = made.apiKey
  accountId = made.accountId
})
afterAll(async () => {
  expect(rig.openai.requests).toHaveLength(acceptedCalls)
  expect(await rig.balance(accountId)).toBe(credits)
  expect(await rig.violations()).toEqual([])
  await rig.close()
})

/** Upstream calls that this file made on purpose. */
const acceptedCalls = 0

const path = '/api/v1/images/generate'
const good = { prompt: 'a harbour', modelId: 'openai:gpt-image-2' }
const generate = (body: unknown) => postGenerate(node.url, apiKey, { body })

function send(raw: { headers?: readonly string[]; body?: string | Buffer | Buffer[]; chunked?: boolean }) {
  return judge(node.url, { method: 'POST', path, headers: withKey(apiKey), ...raw })
}

function expectRefusal(answer: Judged, details: string[] | undefined): void {
  expect(answer.status).toBe(400)
  expect(errorOf(answer).details === undefined ? undefined : detailsOf(answer)).toEqual(details)
}

describe('credentials', () => {
  test('missing, malformed, unknown, revoked and expired ones all get the very same 401', async () => {
    const now = () => new Date()
    const revoked = await rig.database.db.transaction(async tx => {
      const key = await createKey({ tx, now }, { accountId })
      await revokeKey(tx, key.keyId, accountId)
      return key.apiKey
    })
    const soon = new Date(now().getTime() + 2_000)
    const expired = await rig.database.db.transaction(tx =>
      createKey({ tx, now }, { accountId, expiresAt: soon }),
    )
    await eventually('the key has expired', () => now() > soon)
    const [head = '', last = ''] = [apiKey.slice(0, -1), apiKey.slice(-1)]
    const credentials: string[][] = [
      [],
      ['authorization', ''],
      ['authorization', 'Bearer'],
      ['authorization', 'Bearer '],
      ['authorization', apiKey],
      ['authorization', `Basic ${apiKey}`],
      ['authorization', `Bearer ${head}${last === 'a' ? 'b' : 'a'}`],
      ['authorization', `Bearer ${apiKey} ${apiKey}`],
      ['authorization', `Bearer ${apiKey},Bearer ${apiKey}`],
      ['authorization', `Bearer "${apiKey}"`],
      ['authorization', `Bearer ${apiKey.toUpperCase()}`],
      ['authorization', `Bearer ${revoked}`],
      ['authorization', `Bearer ${expired.apiKey}`],
      ['authorization', "Bearer ' OR 1=1 --"],
      ['authorization', "Bearer dr_'; SELECT pg_sleep(5); --"],
      ['authorization', `Bearer ${'x'.repeat(10_000)}`],
      ['authorization', `Bearer ${apiKey}`, 'authorization', `Bearer ${apiKey}`],
      ['authorization', `Bearer ${apiKey}`, 'authorization', 'Bearer other'],
      ['x-api-key', apiKey],
      ['x-goog-api-key', apiKey],
      ['cookie', `authorization=Bearer ${apiKey}`],
    ]
    const seen = new Set<string>()
    for (const headers of credentials) {
      for (const where of ['/api/v1/account', '/api/v1/images', `/api/v1/account?api_key=${apiKey}`]) {
        const answer = await judge(node.url, { path: where, headers })
        expect(answer.status, headers.join(' ').slice(0, 80)).toBe(401)
        seen.add(answer.text)
      }
      const posted = await judge(node.url, { method: 'POST', path, headers, body: JSON.stringify(good) })
      expect(posted.status).toBe(401)
      seen.add(posted.text)
    }
    expect(seen.size).toBe(1)
  })

  test('the word Bearer is taken in any case, and keys of every style', async () => {
    for (const word of ['bearer', 'BEARER', 'bEaReR', 'Bearer  ']) {
      const answer = await judge(node.url, {
        path: '/api/v1/account',
        headers: ['authorization', `${word} ${apiKey}`],
      })
      expect(answer.status, word).toBe(200)
    }
    for (const style of ['default', 'getimages', 'getimg', 'gptimage2', 'imgeo'] as const) {
      const account = await rig.account({ credits: 0, key: { style } })
      expect((await get(node.url, account.apiKey, '/api/v1/account')).status, style).toBe(200)
    }
  })

  test('a key without the scope is no key for this', async () => {
    const reader = await rig.account({ credits: 10, key: { scopes: ['read'] } })
    expect((await get(node.url, reader.apiKey, '/api/v1/account')).status).toBe(200)
    expect((await postGenerate(node.url, reader.apiKey, { body: good })).status).toBe(401)
    expect(await rig.balance(reader.accountId)).toBe(10)
  })
})

describe('bodies', () => {
  test('unknown fields are refused at the root, whatever they are called', async () => {
    const names = [
      'n',
      'credits',
      'price',
      'status',
      'accountId',
      'role',
      'scopes',
      'Prompt',
      'prоmpt',
      'modelid',
    ]
    for (const name of [
      ...names,
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      '',
      '\u0000',
      '💥',
      'a.b',
    ]) {
      const body = `${JSON.stringify(good).slice(0, -1)},${JSON.stringify(name)}:{"a":1}}`
      expectRefusal(await generate(body), ['body: unrecognized_keys'])
    }
  })

  test('keys that stand twice are refused', async () => {
    expectRefusal(await generate('{"prompt":"a","modelId":"openai:gpt-image-2","prompt":"b"}'), [
      'prompt: custom',
    ])
    expectRefusal(await generate('{"prompt":"a","modelId":"openai:gpt-image-2","\\u0070rompt":"b"}'), [
      'prompt: custom',
    ])
  })

  test('wrong types are named one by one', async () => {
    const wrong: unknown[] = [null, 1, true, [], {}, ['a harbour']]
    for (const field of ['prompt', 'style']) {
      for (const value of wrong)
        expectRefusal(await generate({ ...good, [field]: value }), [`${field}: invalid_type`])
    }
    for (const field of ['modelId', 'aspectRatio', 'thinkingLevel']) {
      for (const value of wrong)
        expectRefusal(await generate({ ...good, [field]: value }), [`${field}: invalid_value`])
    }
    for (const aspectRatio of ['1:2', '16x9', ' 1:1', '', '1:1:1']) {
      expectRefusal(await generate({ ...good, aspectRatio }), ['aspectRatio: invalid_value'])
    }
    expectRefusal(await generate({}), ['prompt: invalid_type', 'modelId: invalid_value'])
    expectRefusal(await generate({ modelId: good.modelId }), ['prompt: invalid_type'])
    expectRefusal(await generate({ prompt: 'x' }), ['modelId: invalid_value'])
  })

  test('what is no JSON object is refused', async () => {
    for (const body of ['[]', 'null', '"text"', '1', 'true'])
      expectRefusal(await generate(body), ['body: invalid_type'])
    for (const body of [
      '{',
      '{"prompt":',
      "{'prompt':'a'}",
      '{"prompt":"a",}',
      'prompt=a',
      '{}{}',
      'NaN',
      '\ufeff{}x',
    ]) {
      expectRefusal(await generate(body), undefined)
    }
    for (const body of ['', ' ', '\n']) expectRefusal(await generate(body), undefined)
    expectRefusal(await send({}), undefined)
    expectRefusal(await send({ body: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]) }), undefined)
    expectRefusal(await generate('['.repeat(10_000) + ']'.repeat(10_000)), undefined)
    expectRefusal(await generate(`{"prompt":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`), undefined)
  })

  test('text that could not be kept as it was sent is refused, named by its place', async () => {
    for (const broken of ['a\\u0000b', '\\u0000', 'a\\ud800b', '\\uDC00', '\\udc00\\ud800']) {
      const body = (field: string) => `{"modelId":"${good.modelId}","prompt":"a","${field}":"${broken}"}`
      expectRefusal(await generate(body('style')), ['style: custom'])
      expectRefusal(await generate(body('prompt').replace('"prompt":"a",', '')), ['prompt: custom'])
    }
  })

  test('what is wrong outside the body is not blamed on the body', async () => {
    const paged = await get(node.url, apiKey, '/api/v1/images?limit=x')
    expectRefusal(paged, ['limit: invalid_type'])
    expect(errorOf(paged).message).toBe('Invalid pagination.')
    const headers = [...withKey(apiKey), 'idempotency-key', 'a b']
    const keyed = await send({ headers, body: JSON.stringify(good) })
    expectRefusal(keyed, ['Idempotency-Key: invalid_format'])
    expect(errorOf(keyed).message).toContain('Idempotency-Key')
    expect(errorOf(await generate({ ...good, aspectRatio: '21:9' })).message).toBe('Invalid request body.')
  })

  test('a caller that hangs up in the middle of its body alarms nobody', async () => {
    const lines = node.output.length
    const { hostname, port } = new URL(node.url)
    const socket = connect(Number(port), hostname)
    const head = [`POST ${path} HTTP/1.1`, 'Host: a', `Authorization: Bearer ${apiKey}`]
    const rest = ['Content-Type: application/json', 'Content-Length: 500', '', '{"prompt":"a ']
    socket.write([...head, ...rest].join('\r\n'))
    const left = async () => {
      const metrics = await (await fetch(`${node.url}/metrics`)).text()
      const line = metrics.split('\n').find(each => each.includes('generate') && each.includes('"499"'))
      return Number(line?.split(' ').at(-1) ?? 0)
    }
    const before = await left()
    await eventually('the request is being read', () => socket.bytesWritten > 0 && !socket.pending)
    socket.destroy()
    await eventually('the service has noticed', async () => (await left()) > before)
    expect(node.output.slice(lines).filter(line => line.includes('request.failed'))).toEqual([])
  })

  test('another content type is 400', async () => {
    const bare = ['authorization', `Bearer ${apiKey}`]
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'json',
      '',
    ]) {
      const answer = await send({ headers: [...bare, 'content-type', type], body: JSON.stringify(good) })
      expectRefusal(answer, undefined)
    }
    expectRefusal(await send({ headers: bare, body: JSON.stringify(good) }), undefined)
  })

  test('more than 64 KiB is 400, declared or in chunks, and is not read to its end', async () => {
    const big = Buffer.from(JSON.stringify({ ...good, style: 'x'.repeat(70_000) }))
    expectRefusal(await send({ body: big }), undefined)
    expectRefusal(await send({ body: [big.subarray(0, 100), big.subarray(100)] }), undefined)
    const huge = Buffer.alloc(11 * 1024 * 1024, ' ')
    const answered = await send({ body: huge }).catch((error: Error) => error)
    // The connection may be cut while the rest is still being sent; an answer, if it arrives, is the refusal.
    if (!(answered instanceof Error)) expectRefusal(answered, undefined)
  })

  test('no malformed request of 400 ends in a 5xx or costs anything', { timeout: 300_000 }, async () => {
    const field = fc.constantFrom(
      'prompt',
      'modelId',
      'aspectRatio',
      'style',
      'thinkingLevel',
      'extra',
      '__proto__',
    )
    const bytes = fc.uint8Array({ maxLength: 200 }).map(each => Buffer.from(each))
    const bodies = fc.oneof(
      fc.json().map(text => Buffer.from(text)),
      bytes,
      fc
        .dictionary(field, fc.jsonValue())
        .map(value => Buffer.from(JSON.stringify({ ...value, modelId: 1 }))),
      fc
        .nat(60)
        .map(at => Buffer.from(JSON.stringify(good).slice(0, at % (JSON.stringify(good).length - 1)))),
    )
    const types = fc.constantFrom(
      'application/json',
      'application/json; charset=utf-16',
      'text/json',
      'application/xml',
    )
    const suffix = fc.constantFrom('', '?a=1', '?%', '?limit=x')
    await fc.assert(
      fc.asyncProperty(bodies, types, suffix, async (body, type, query) => {
        const headers = ['authorization', `Bearer ${apiKey}`, 'content-type', type]
        const answer = await judge(node.url, { method: 'POST', path: path + query, headers, body })
        expect(answer.status).toBe(400)
      }),
      { numRuns: 400 },
    )
    expect(await rig.balance(accountId)).toBe(credits)
    expect(node.output.filter(line => /unexpectedly/.test(line))).toEqual([])
  })
})

describe('rates', () => {
  test('60 requests a minute and key pass, of all endpoints together; the 61st is 429 with Retry-After', async () => {
    const limited = await rig.account({ credits: 0, key: { rate: null } })
    const other = await rig.account({ credits: 0, key: { rate: null } })
    const statuses: number[] = []
    for (let count = 0; count < 60; count += 1) {
      const where =
        ['/api/v1/account', '/api/v1/images', '/api/v1/usage', '/api/v1/images/x'][count % 4] ?? ''
      statuses.push((await get(node.url, limited.apiKey, where)).status)
    }
    expect(statuses.filter(status => status === 429)).toEqual([])
    const refused = await get(node.url, limited.apiKey, '/api/v1/account')
    expect(refused.status).toBe(429)
    const seconds = Number(refused.headers['retry-after'])
    expect(seconds).toBeGreaterThanOrEqual(1)
    expect(seconds).toBeLessThanOrEqual(60)
    expect((await postGenerate(node.url, limited.apiKey, { body: good })).status).toBe(429)
    expect((await get(node.url, other.apiKey, '/api/v1/account')).status).toBe(200)
    // Another dialect counts by itself.
    const native = await fetch(`${node.url}/api/v1/generations/x`, {
      headers: { authorization: `Bearer ${limited.apiKey}` },
    })
    expect(native.status).toBe(404)
  })

  test('whoever waits as long as Retry-After says is admitted', async () => {
    const limited = await rig.account({ credits: 0, key: { rate: { requests: 3, windowS: 60 } } })
    const call = () => get(node.url, limited.apiKey, '/api/v1/account')
    for (let count = 0; count < 3; count += 1) expect((await call()).status).toBe(200)
    const refused = await call()
    expect(refused.status).toBe(429)
    const seconds = Number(refused.headers['retry-after'])
    expect(seconds).toBeLessThanOrEqual(60)
    // Windows are measured by the database's clock.
    await ask(
      rig.database.ownerDb,
      'UPDATE clock_offset SET value = value + make_interval(secs => $1::float8)',
      [seconds],
    )
    expect((await call()).status).toBe(200)
  })

  test('a wait above a minute is told in full, with the word not to repeat by itself', async () => {
    const limited = await rig.account({ credits: 0, key: { rate: { requests: 1, windowS: 3_600 } } })
    await get(node.url, limited.apiKey, '/api/v1/account')
    const refused = await get(node.url, limited.apiKey, '/api/v1/account')
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(3_500)
    expect(refused.headers['x-should-retry']).toBe('false')
  })

  test('of 40 parallel requests against a limit of 10 exactly 10 pass', async () => {
    const limited = await rig.account({ credits: 0, key: { rate: { requests: 10, windowS: 60 } } })
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => get(node.url, limited.apiKey, '/api/v1/account')),
    )
    expect(answers.filter(each => each.status === 200)).toHaveLength(10)
    expect(answers.filter(each => each.status === 429)).toHaveLength(30)
  })
})
