// POST /api/v1/generate belongs to gptimage2 and imgeo: the mount decides, then the first letters of the key, then the
// body. Whatever is decided, one request is counted once, and nobody is charged by an API that was not meant.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey } from '../../src/accounts/keys.ts'
import type { KeyStyle } from '../../src/accounts/secret.ts'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import { type Answer, type Documented, openDocumented, send } from './documented.ts'
import { sendRaw } from './raw-request.ts'

type Body = {
  generationId?: string
  images?: string[]
  error?: string
  code?: string
  message?: string
  issues?: { path: string }[]
}

let rig: Rig
let node: Node
let documented: Documented
let accountId: string
const keys = {} as Record<KeyStyle, string>

const path = '/api/v1/generate'
const styles = ['default', 'getimages', 'getimg', 'gptimage2', 'imgeo'] as const
/** Keys that say nothing about the dialect. */
const neutral = ['default', 'getimages', 'getimg'] as const

async function makeKey(style: KeyStyle, more: object = {}): Promise<string> {
  const input = { accountId, style, rate: null, inFlight: 'off' as const, ...more }
  const { apiKey } = await rig.database.db.transaction(tx => createKey({ tx, now: () => new Date() }, input))
  return apiKey
}

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
  documented = await openDocumented(node.url, '/openapi.json')
  accountId = (await rig.account({ credits: 10_000, plan: 'max' })).accountId
  for (const style of styles) keys[style] = await makeKey(style)
})
afterAll(async () => {
  // What still runs ends before the books are looked at.
  const text = 'SELECT id FROM generation WHERE completed_at IS NULL'
  await eventually('all orders have ended', async () => (await ask(rig.database.db, text)).length === 0)
  expect(await rig.violations()).toEqual([])
  await rig.close()
})

/** Held to the one description of the endpoint in the document of everything. */
const post = (key: string | null, body: unknown, more: { headers?: Record<string, string> } = {}) =>
  documented.call<Body>({ path, key, body, ...more })
const postBelow = (mount: string, key: string | null, body: unknown) =>
  documented.call<Body>({ path, key, body, url: `${node.url}/${mount}` })

/** Which contract answered, by what only it would say. */
function speakerOf({ status, headers, body }: Answer<Body>): string {
  const isCounted = headers.has('x-ratelimit-limit')
  if (status === 202) return isCounted && body.generationId ? 'gptimage2' : 'nobody'
  if (status === 200) return !isCounted && body.images ? 'imgeo' : 'nobody'
  if (body.message) return 'both'
  return isCounted ? 'gptimage2' : 'imgeo'
}

const theirs = { prompt: 'a boat', quality: 'low' }
const imgeos = { prompt: 'a boat', model: 'google/nano-banana' }

describe('the document', () => {
  test('describes the endpoint once, with a body of either kind and the answers of both', async () => {
    const operation = documented.document.paths[path]?.post as unknown as {
      requestBody: { content: Record<string, { schema: { oneOf: { $ref: string }[] } }> }
      responses: Record<string, unknown>
    }
    const { oneOf } = operation.requestBody.content['application/json']?.schema ?? { oneOf: [] }
    expect(oneOf.map(({ $ref }) => $ref.split('/').at(-1))).toEqual([
      'Gptimage2GenerateRequest',
      'ImgeoGenerateRequest',
    ])
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['200', '202']))
    const { components } = documented.document as unknown as { components: { schemas: object } }
    for (const { $ref } of oneOf) expect(components.schemas).toHaveProperty($ref.split('/').at(-1) ?? '')
    const own = { gptimage2: ['202'], imgeo: ['200', '202'] }
    for (const [dialect, statuses] of Object.entries(own)) {
      const alone = await openDocumented(node.url, `/openapi/${dialect}.json`)
      const answers = Object.keys(alone.document.paths[path]?.post?.responses ?? {})
      expect(answers.filter(status => status.startsWith('2'))).toEqual(statuses)
      const mounted = await fetch(`${node.url}/${dialect}/openapi.json`)
      expect(await mounted.json()).toEqual(alone.document)
    }
  })
})

describe('the mount decides before all', () => {
  for (const style of styles) {
    test(`with a key of the style ${style}`, async () => {
      expect(speakerOf(await postBelow('gptimage2', keys[style], theirs))).toBe('gptimage2')
      expect(speakerOf(await postBelow('imgeo', keys[style], imgeos))).toBe('imgeo')
      const crossed = await postBelow('gptimage2', keys[style], imgeos)
      expect([crossed.status, speakerOf(crossed)]).toEqual([400, 'gptimage2'])
      const forgotten = await postBelow('imgeo', keys[style], theirs)
      expect([forgotten.status, speakerOf(forgotten)]).toEqual([400, 'imgeo'])
    })
  }
})

describe('the key decides at the root', () => {
  test('gimg_ is gptimage2, whatever the body says', async () => {
    expect(speakerOf(await post(keys.gptimage2, theirs))).toBe('gptimage2')
    for (const body of [imgeos, { ...theirs, aspect_ratio: '1:1' }, '{', '[]']) {
      const answer = await post(keys.gptimage2, body)
      expect([answer.status, speakerOf(answer)], JSON.stringify(body)).toEqual([400, 'gptimage2'])
    }
  })

  test('imgeo_sk_ is imgeo, whatever the body says, though sk_ stands in it', async () => {
    expect(speakerOf(await post(keys.imgeo, imgeos))).toBe('imgeo')
    for (const body of [theirs, '{', '[]']) {
      const answer = await post(keys.imgeo, body)
      expect([answer.status, speakerOf(answer)], JSON.stringify(body)).toEqual([400, 'imgeo'])
    }
  })
})

describe('the body decides with any other key', () => {
  for (const style of neutral) {
    test(`of the style ${style}: with model imgeo, without gptimage2`, async () => {
      expect(speakerOf(await post(keys[style], imgeos))).toBe('imgeo')
      expect(speakerOf(await post(keys[style], theirs))).toBe('gptimage2')
      expect(speakerOf(await post(keys[style], { prompt: 'bare' }))).toBe('gptimage2')
      for (const model of ['', null, 7, 'nobody/nothing']) {
        const answer = await post(keys[style], { prompt: 'x', model })
        expect([answer.status, speakerOf(answer)], String(model)).toEqual([400, 'imgeo'])
      }
    })
  }

  test('one that forgets its model is refused where it has a field of imgeo, and nothing is charged', async () => {
    const before = await rig.balance(accountId)
    for (const fields of [
      { aspect_ratio: '1:1' },
      { count: 1 },
      { negative_prompt: 'x' },
      { mode: 'text2img' },
      { image: 'https://pictures.example/a.png' },
      { count: 2, aspect_ratio: '3:2', n: 1 },
      { count: null },
    ]) {
      const answer = await post(keys.default, { prompt: 'a boat', ...fields })
      const label = JSON.stringify(fields)
      expect([answer.status, answer.body.code], label).toEqual([400, 'invalid_request'])
      const given = Object.keys(fields).filter(field => field !== 'n')
      expect(answer.body.error, label).toBe(`model is required with ${given.join(', ')}.`)
      expect(answer.body.issues?.map(issue => issue.path)).toEqual(['model'])
    }
    expect(await rig.balance(accountId)).toBe(before)
  })

  test('one that nobody can read is counted and refused as one without a model', async () => {
    const key = await makeKey('default')
    const remaining = (answer: Answer<Body>) => Number(answer.headers.get('x-ratelimit-remaining'))
    const bodies: [unknown, number][] = [
      ['{', 400],
      ['', 400],
      ['[]', 400],
      ['"model"', 400],
      ['{"model":"a","model":"b"}', 400],
      [{ prompt: 'x'.repeat(70_000) }, 413],
    ]
    for (const [nth, [body, status]] of bodies.entries()) {
      const answer = await post(key, body)
      expect([answer.status, remaining(answer)], JSON.stringify(body).slice(0, 40)).toEqual([
        status,
        599 - nth,
      ])
    }
    const plain = await post(key, 'model=x', { headers: { 'content-type': 'text/plain' } })
    expect([plain.status, remaining(plain)]).toEqual([415, 593])
  })
})

describe('who may not call', () => {
  test('is told in the shape of the key, genuine or not; else in one that is right in both', async () => {
    const wrong = [
      ['gimg_', 'gptimage2'],
      ['gimg_wrong', 'gptimage2'],
      ['imgeo_sk_wrong', 'imgeo'],
      ['sk_wrong', 'both'],
      ['gi_live_wrong', 'both'],
      ['dr_wrong', 'both'],
      ['nonsense', 'both'],
      ['xgimg_wrong', 'both'],
      ['GIMG_wrong', 'both'],
      [null, 'both'],
    ] as const
    for (const [key, speaker] of wrong) {
      for (const body of [theirs, imgeos, '{']) {
        const answer = await post(key, body)
        expect([answer.status, answer.body.code], String(key)).toEqual([401, 'unauthorized'])
        expect(speakerOf(answer), String(key)).toBe(speaker)
        if (speaker === 'both') {
          expect(Object.keys(answer.body).sort()).toEqual(['code', 'error', 'message'])
          expect(answer.body.message).toBe(answer.body.error)
        }
      }
      expect(speakerOf(await postBelow('imgeo', key, imgeos))).toBe('imgeo')
      expect(speakerOf(await postBelow('gptimage2', key, theirs))).toBe('gptimage2')
    }
    const twice = await sendRaw(node.url, {
      method: 'POST',
      path,
      headers: ['authorization', `Bearer ${keys.gptimage2}`, 'authorization', `Bearer ${keys.imgeo}`],
      body: '{}',
    })
    expect([twice.status, JSON.parse(twice.text)]).toEqual([
      401,
      { error: expect.any(String), message: expect.any(String), code: 'unauthorized' },
    ])
  })

  test('for want of a scope is told by the dialect that was meant, once it has counted', async () => {
    const reader = await makeKey('default', { scopes: ['read'] })
    const order = await post(reader, theirs)
    expect([order.status, speakerOf(order), order.headers.get('x-ratelimit-remaining')]).toEqual([
      403,
      'gptimage2',
      '599',
    ])
    const other = await post(reader, imgeos)
    expect([other.status, speakerOf(other)]).toEqual([403, 'imgeo'])
  })

  test('by another method is told so', async () => {
    for (const [key, keyed] of [
      [keys.gptimage2, ['error', 'code']],
      [keys.imgeo, ['error', 'code']],
      [keys.default, ['error', 'message', 'code']],
    ] as const) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const answer = await send<Body>(node.url, { method, path, key })
        expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
        expect(Object.keys(answer.body)).toEqual(keyed)
      }
    }
  })
})

describe('each request is counted once, by the dialect that answers it', () => {
  test('the limit of a known dialect comes before the body is read', async () => {
    const key = await makeKey('gptimage2', { rate: { requests: 1, windowS: 3_600 } })
    expect((await post(key, '{')).status).toBe(400)
    const huge = await post(key, { prompt: 'x'.repeat(70_000) })
    expect([huge.status, huge.body.code]).toEqual([429, 'rate_limited'])
  })

  test('a neutral key has a window of gptimage2 that imgeo does not take from', async () => {
    const key = await makeKey('default')
    const remaining = async () => Number((await post(key, '{}')).headers.get('x-ratelimit-remaining'))
    expect(await remaining()).toBe(599)
    for (let nth = 0; nth < 3; nth += 1) expect((await post(key, imgeos)).status).toBe(200)
    expect(await remaining()).toBe(598)
    const mounted = await postBelow('gptimage2', key, {})
    expect(mounted.headers.get('x-ratelimit-remaining')).toBe('597')
  })
})

test('an idempotency key is of the account and the route: neither mount nor dialect makes it another', async () => {
  const headers = { 'idempotency-key': 'one-name' }
  const first = await post(keys.gptimage2, theirs, { headers })
  const below = await documented.call<Body>({
    ...{ path, key: keys.default, body: theirs, headers, url: `${node.url}/gptimage2` },
  })
  expect([below.status, below.body.generationId]).toEqual([202, first.body.generationId])
  const other = await post(keys.default, imgeos, { headers })
  expect([other.status, other.body.code, speakerOf(other)]).toEqual([400, 'idempotency_key_reused', 'imgeo'])
  const twins = await Promise.all(
    Array.from({ length: 8 }, (_, nth) =>
      post(keys[neutral[nth % 3] ?? 'default'], imgeos, { headers: { 'idempotency-key': 'crossing' } }),
    ),
  )
  expect(twins.map(each => each.status)).toEqual(Array(8).fill(200))
  expect(new Set(twins.map(each => each.body.images?.[0])).size).toBe(1)
})
