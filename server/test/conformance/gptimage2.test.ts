// gptimage2: orders that are answered at once and polled, edits of uploaded pictures, public files, and an hour of
// 600 requests that every answer shows.
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey } from '../../src/accounts/keys.ts'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import { type Answer, type Call, type Documented, openDocumented, send } from './documented.ts'
import { sendRaw } from './raw-request.ts'

type Output = { png: string; webp: string; width: number; height: number }
type Shown = {
  id: string
  status: string
  type: string
  outputs: Output[]
  costCredits: number
  createdAt: string
  completedAt: string | null
  generationId: string
  error: string | null
  code?: string
  issues?: { path: string; message: string; code: string }[]
}
type Ticket = { url: string; key: string }

let rig: Rig
let node: Node
let documented: Documented

const mount = '/gptimage2'
const path = '/api/v1/generate'

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
  documented = await openDocumented(node.url, '/openapi/gptimage2.json')
})
afterAll(() => rig.close())

/** An account that may use this API, with a key of its style and the contract's limits. */
const open = (credits: number, key: object = {}) =>
  rig.account({ credits, plan: 'pro', key: { style: 'gptimage2', rate: null, inFlight: null, ...key } })

/** Every call is held to the document and must show the three headers of the window. */
async function call<Body = Shown>(options: Call): Promise<Answer<Body>> {
  const answer = await documented.call<Body>({ ...options, url: options.url ?? node.url + mount })
  expect(limitsOf(answer).every(Number.isInteger), `${options.path} ${answer.status}`).toBe(true)
  return answer
}

function limitsOf({ headers }: { headers: Headers }): [limit: number, remaining: number, reset: number] {
  const read = (name: string) => Number.parseInt(headers.get(`x-ratelimit-${name}`) ?? '', 10)
  return [read('limit'), read('remaining'), read('reset')]
}

const submit = (key: string | null, body: unknown, headers: Record<string, string> = {}) =>
  call({ path, key, body, headers })
const poll = (key: string | null, id: string) =>
  call({ path: `/api/v1/generations/${id}`, template: '/api/v1/generations/{id}', key })

async function settle(key: string, id: string): Promise<Shown> {
  let last: Shown | null = null
  await eventually(`generation ${id} has ended`, async () => {
    last = (await poll(key, id)).body
    return !['queued', 'running'].includes(last.status)
  })
  if (!last) throw new Error('unread')
  return last
}

async function make(key: string, body: object): Promise<Shown> {
  const accepted = await submit(key, body)
  expect(accepted.status, JSON.stringify(accepted.body)).toBe(202)
  return settle(key, accepted.body.generationId)
}

const photo = (width = 96, height = 64) =>
  sharp({ create: { width, height, channels: 3, background: '#3060a0' } })
    .png()
    .toBuffer()

async function announce(key: string, bytes: Buffer): Promise<Ticket> {
  const body = { filename: 'house.png', contentType: 'image/png', size: bytes.length }
  const answer = await call<Ticket>({ path: '/api/v1/upload', key, body })
  expect(answer.status).toBe(200)
  return answer.body
}

async function upload(key: string): Promise<string> {
  const bytes = await photo()
  const ticket = await announce(key, bytes)
  const body = new Uint8Array(bytes)
  const put = await fetch(ticket.url, { method: 'PUT', body, headers: { 'content-type': 'image/png' } })
  expect(put.status).toBe(200)
  return ticket.key
}

const idOf = ({ body }: Answer<Shown>) => body.generationId

describe('the journey of the contract', () => {
  test('upload, send, edit, poll, and open both files of the result without a key', async () => {
    const { apiKey, accountId } = await open(20)
    const accepted = await submit(apiKey, {
      ...{ prompt: 'the same house at night', type: 'edit', size: '1536x1024', quality: 'medium', n: 2 },
      inputImageKeys: [await upload(apiKey)],
    })
    expect([accepted.status, accepted.body]).toEqual([
      202,
      { generationId: expect.any(String), status: 'queued' },
    ])
    const made = await settle(apiKey, idOf(accepted))
    expect(made).toMatchObject({ id: idOf(accepted), status: 'succeeded', type: 'edit', error: null })
    expect(made.costCredits).toBe(8)
    expect(Date.parse(made.completedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(made.createdAt))
    expect(made.outputs).toHaveLength(2)
    for (const output of made.outputs) {
      expect([output.width, output.height]).toEqual([1536, 1024])
      for (const format of ['png', 'webp'] as const) {
        const file = await fetch(output[format])
        expect([file.status, file.headers.get('content-type'), file.headers.get('cache-control')]).toEqual([
          200,
          `image/${format}`,
          'public, max-age=31536000, immutable',
        ])
        const bytes = Buffer.from(await file.arrayBuffer())
        expect(await sharp(bytes).metadata()).toMatchObject({ format, width: 1536, height: 1024 })
        expect(output[format]).toMatch(new RegExp(`^${node.url}/files/.*\\.${format}$`))
        expect(output[format]).not.toContain(accountId)
      }
    }
    const sent = rig.openai.requests.find(each => each.prompt?.includes('the same house'))
    expect([sent?.path, sent?.fields]).toMatchObject(['/v1/images/edits', { images: [{}] }])
    expect(await rig.balance(accountId)).toBe(12)
    // The native API at the root shows the same object.
    const atRoot = await send<Shown>(node.url, { path: `/api/v1/generations/${made.id}`, key: apiKey })
    expect(atRoot.body).toEqual(made)
  })

  test('is open while it runs: no outputs, no error, no end', async () => {
    const { apiKey } = await open(20)
    const resume = rig.openai.pause()
    const accepted = await submit(apiKey, { prompt: 'a slow boat' })
    const running = await poll(apiKey, idOf(accepted))
    resume()
    expect(running.body).toMatchObject({
      ...{ type: 'text2img', outputs: [], error: null, completedAt: null, costCredits: 4 },
    })
    expect(['queued', 'running']).toContain(running.body.status)
    expect(running.headers.get('retry-after')).toBeNull()
    expect((await settle(apiKey, idOf(accepted))).status).toBe('succeeded')
  })
})

describe('sizes, qualities and prices', () => {
  for (const [size, doubled] of [
    ['1024x1024', [2048, 2048]],
    ['1024x1536', [2048, 3072]],
    ['1536x1024', [3072, 2048]],
  ] as const) {
    test(`${size} costs 1, 4 and 12 credits an image, and high doubles its edges`, async () => {
      const { apiKey, accountId } = await open(100)
      const edges = size.split('x').map(Number)
      let spent = 0
      for (const [quality, credits] of [
        ['low', 1],
        ['medium', 4],
        ['high', 12],
      ] as const) {
        const made = await make(apiKey, { prompt: `a ${quality} tower`, size, quality, n: 2 })
        const [first] = made.outputs
        expect([made.costCredits, made.outputs.length]).toEqual([credits * 2, 2])
        expect([first?.width, first?.height]).toEqual(quality === 'high' ? doubled : edges)
        spent += credits * 2
      }
      expect(await rig.balance(accountId)).toBe(100 - spent)
    })
  }

  test('what is not said is a square of medium quality made from text, once', async () => {
    const { apiKey } = await open(100)
    const made = await make(apiKey, { prompt: 'bare words' })
    expect([made.type, made.costCredits, made.outputs.length]).toEqual(['text2img', 4, 1])
    expect(made.outputs[0]).toMatchObject({ width: 1024, height: 1024 })
    const sent = rig.openai.requests.find(each => each.prompt?.includes('bare words'))
    expect(JSON.parse(sent?.body?.toString() ?? '{}')).toMatchObject({ model: 'gpt-image-2', n: 1 })
  })
})

describe('the outcome', () => {
  test('with fewer images than ordered is a success that charges those that came', async () => {
    const { apiKey, accountId } = await open(100)
    const made = await make(apiKey, { prompt: 'a set [[emulate: fewer=3]]', n: 4 })
    expect([made.status, made.outputs.length, made.costCredits]).toEqual(['succeeded', 3, 12])
    expect(await rig.balance(accountId)).toBe(88)
  })

  test('without an image is failed, or blocked when a safety system refused; the number charged stays and is given back', async () => {
    const { apiKey, accountId } = await open(100)
    for (const [directive, status] of [
      ['moderation_input', 'blocked'],
      ['no_data', 'failed'],
      ['html_500', 'failed'],
    ]) {
      const ended = await make(apiKey, { prompt: `bad luck [[emulate: ${directive}]]`, n: 2 })
      expect(ended, directive).toMatchObject({ status, outputs: [], costCredits: 8 })
      expect(ended.error).toMatch(/nothing was charged/i)
      expect(ended.completedAt).not.toBeNull()
      const atRoot = await send<Shown>(node.url, { path: `/api/v1/generations/${ended.id}`, key: apiKey })
      expect(atRoot.body).toEqual(ended)
    }
    expect(await rig.balance(accountId)).toBe(100)
  })
})

describe('an idempotency key', () => {
  test('makes one order of twins at once, and shows its status as it is now', async () => {
    const { apiKey, accountId } = await open(4, { rate: 'off', inFlight: 'off' })
    const body = { prompt: 'twins' }
    const resume = rig.openai.pause()
    const headers = { 'idempotency-key': 'twins' }
    const one = () => documented.call<Shown>({ path, key: apiKey, body, headers, url: node.url })
    const answers = await Promise.all(Array.from({ length: 20 }, one))
    resume()
    expect(answers.map(each => each.status)).toEqual(Array(20).fill(202))
    expect(new Set(answers.map(idOf)).size).toBe(1)
    expect(answers.filter(each => each.headers.get('idempotent-replayed') !== 'true')).toHaveLength(1)
    const id = idOf(await one())
    await eventually('it has ended', async () => (await one()).body.status === 'succeeded')
    expect(idOf(await one())).toBe(id)
    expect(await rig.balance(accountId)).toBe(0)
    expect(rig.openai.requests.filter(each => each.prompt?.includes('twins'))).toHaveLength(1)
    for (const other of [{ ...body, n: 2 }, { prompt: 'other' }]) {
      const mismatch = await documented.call<Shown>({ path, key: apiKey, body: other, headers })
      expect([mismatch.status, mismatch.body.code]).toEqual([422, 'idempotency_key_reused'])
    }
  })

  test('shows a failure and a refusal again and runs neither anew', async () => {
    const { apiKey } = await open(50)
    for (const [directive, status] of [
      ['no_data, first=1', 'failed'],
      ['moderation_input, first=1', 'blocked'],
    ]) {
      const body = { prompt: `once only [[emulate: ${directive}]]` }
      const headers = { 'idempotency-key': `again-${status}` }
      const first = await submit(apiKey, body, headers)
      await settle(apiKey, idOf(first))
      const again = await submit(apiKey, body, headers)
      expect([again.status, again.body]).toEqual([202, { generationId: idOf(first), status }])
    }
  })

  test('is not used up by a request that was refused', async () => {
    const { apiKey } = await open(4)
    const headers = { 'idempotency-key': 'spare' }
    expect((await submit(apiKey, { prompt: '' }, headers)).status).toBe(400)
    expect((await submit(apiKey, { prompt: 'dear', quality: 'high' }, headers)).status).toBe(402)
    expect((await submit(apiKey, { prompt: 'cheap' }, headers)).status).toBe(202)
    for (const key of ['', 'a b', 'x'.repeat(256), 'ü']) {
      const raw = await sendRaw(node.url, {
        method: 'POST',
        path: mount + path,
        headers: [
          ...['authorization', `Bearer ${apiKey}`, 'content-type', 'application/json'],
          ...['idempotency-key', key],
        ],
        body: '{"prompt":"x"}',
      })
      expect([raw.status, JSON.parse(raw.text).code], key.slice(0, 5)).toEqual([400, 'invalid_request'])
    }
  })

  test('of an upload gives the same key with a fresh address', async () => {
    const { apiKey } = await open(0)
    const body = { filename: 'a.png', contentType: 'image/png', size: 100 }
    const headers = { 'idempotency-key': 'upload-1' }
    const ask = (size = 100) =>
      call<Ticket>({ path: '/api/v1/upload', key: apiKey, body: { ...body, size }, headers })
    const [first, again] = [await ask(), await ask()]
    expect(again.body.key).toBe(first.body.key)
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    expect((await ask(101)).status).toBe(422)
  })
})

describe('limits', () => {
  test('600 an hour from the first call: every answer counts and shows it, errors and polls too', async () => {
    const { apiKey } = await open(20)
    const before = Date.now() / 1000
    const first = await submit(apiKey, { prompt: 'counted', quality: 'low' })
    const [limit, remaining, reset] = limitsOf(first)
    expect([limit, remaining]).toEqual([600, 599])
    expect(reset).toBeGreaterThanOrEqual(Math.floor(before) + 3_600)
    expect(reset).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000) + 3_600)
    const others: Call[] = [
      { path: `/api/v1/generations/${idOf(first)}`, template: '/api/v1/generations/{id}', key: apiKey },
      { path: '/api/v1/generations/x', template: '/api/v1/generations/{id}', key: apiKey },
      { path, key: apiKey, body: {} },
      { path, key: apiKey, body: '{' },
      { path: '/api/v1/upload', key: apiKey, body: {} },
    ]
    for (const [nth, each] of others.entries()) {
      expect(limitsOf(await call(each))).toEqual([600, 598 - nth, reset])
    }
    const nobody = await submit('gimg_none', { prompt: 'x' })
    expect([nobody.status, ...limitsOf(nobody).slice(0, 2)]).toEqual([401, 600, 600])
    const misses = [
      ['GET', `${mount}/nowhere`, 404],
      ['GET', mount, 404],
      ['DELETE', `${mount}${path}`, 405],
      ['GET', `${mount}/api/v1/upload`, 405],
      ['POST', `${mount}/api/v1/generations/x`, 405],
      ['DELETE', path, 405],
    ] as const
    for (const [nth, [method, at, status]] of misses.entries()) {
      const answer = await fetch(node.url + at, { method, headers: { authorization: `Bearer ${apiKey}` } })
      expect([answer.status, ...limitsOf(answer)], at).toEqual([status, 600, 593 - nth, reset])
      const keyless = await fetch(node.url + at, { method })
      expect(keyless.status, at).toBe(status)
    }
  })

  test('at the end of the window the next call is 429 with the seconds to wait', async () => {
    const { apiKey } = await open(20, { rate: { requests: 2, windowS: 3_600 } })
    for (const remaining of [1, 0]) expect(limitsOf(await poll(apiKey, 'x'))[1]).toBe(remaining)
    const over = await submit(apiKey, { prompt: 'x' })
    expect([over.status, over.body.code, limitsOf(over)[1]]).toEqual([429, 'rate_limited', 0])
    const seconds = Number(over.headers.get('retry-after'))
    expect(Math.abs(limitsOf(over)[2] - Date.now() / 1000 - seconds)).toBeLessThan(5)
    expect(over.headers.get('x-should-retry')).toBe('false')
  })

  test('of twenty at once 5 are taken; the rest are 429 and there is room again when one has ended', async () => {
    const { apiKey, accountId } = await open(100)
    const body = { prompt: 'a crowd', quality: 'low', n: 2 }
    const resume = rig.openai.pause()
    const answers = await Promise.all(Array.from({ length: 20 }, () => submit(apiKey, body)))
    const refused = answers.filter(each => each.status === 429)
    expect([answers.filter(each => each.status === 202).length, refused.length]).toEqual([5, 15])
    for (const each of refused) {
      expect(each.body.code).toBe('too_many_in_flight')
      expect(each.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    }
    // Another key of the account has five of its own.
    const { apiKey: other } = await rig.database.db.transaction(tx =>
      createKey({ tx, now: () => new Date() }, { accountId, style: 'gptimage2', rate: null }),
    )
    expect((await submit(other, body)).status).toBe(202)
    resume()
    for (const each of answers) if (each.status === 202) await settle(apiKey, idOf(each))
    expect((await submit(apiKey, { prompt: 'room again' })).status).toBe(202)
  })
})

describe('in flight', () => {
  test('are all asynchronous generations of the key, by whichever API, and no synchronous one', async () => {
    const { apiKey } = await open(500)
    const prompt = 'side by side'
    const resume = rig.openai.pause()
    const native = () =>
      send<Shown>(node.url, {
        ...{ path: '/api/v1/generations', key: apiKey },
        body: { model: 'openai:gpt-image-2', prompt },
      })
    const held = fetch(`${node.url}/api/v1/images/generate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ modelId: 'openai:gpt-image-2', prompt }),
    })
    await rig.openai.waitUntil(() => rig.openai.requests.some(each => each.prompt?.includes('side by side')))
    const three = await Promise.all([native(), native(), native()])
    expect(three.map(each => each.status)).toEqual([202, 202, 202])
    const more = await Promise.all([1, 2, 3].map(() => submit(apiKey, { prompt, quality: 'low' })))
    expect(more.map(each => each.status).sort()).toEqual([202, 202, 429])
    // The native API has a cap of its own on the same count.
    const sixth = await native()
    expect(sixth.status).toBe(202)
    resume()
    for (const { body } of [...three, sixth]) await settle(apiKey, body.id)
    for (const each of more) if (each.status === 202) await settle(apiKey, idOf(each))
    expect((await held).status).toBe(200)
    expect((await submit(apiKey, { prompt: 'room again' })).status).toBe(202)
  })
})

describe('plans', () => {
  test('without the API are 403 after the body is right, for orders and uploads, here alone', async () => {
    const { apiKey, accountId } = await rig.account({
      credits: 50,
      plan: 'free',
      key: { style: 'gptimage2', rate: null },
    })
    const order = await submit(apiKey, { prompt: 'x' })
    expect([order.status, order.body.code]).toEqual([403, 'plan_required'])
    expect(order.body.error).toMatch(/Pro\/Max plan required/)
    expect((await submit(apiKey, { prompt: '' })).status).toBe(400)
    const ticket = { filename: 'a.png', contentType: 'image/png', size: 100 }
    const sent = await call({ path: '/api/v1/upload', key: apiKey, body: ticket })
    expect([sent.status, sent.body.code]).toEqual([403, 'plan_required'])
    expect((await send(node.url, { path: '/api/v1/upload', key: apiKey, body: ticket })).status).toBe(200)
    const headers = { prefer: 'wait=20' }
    const body = { model: 'gpt-image-2', prompt: 'native', quality: 'low' }
    const native = await send<Shown>(node.url, { path: '/api/v1/generations', key: apiKey, body, headers })
    expect([native.status, native.body.status]).toEqual([200, 'succeeded'])
    expect((await poll(apiKey, native.body.id)).status).toBe(200)
    expect(await rig.balance(accountId)).toBe(50 - native.body.costCredits)
  })

  test('that end do not take away a repeat', async () => {
    const { apiKey, accountId } = await open(10)
    const headers = { 'idempotency-key': 'before' }
    const first = await submit(apiKey, { prompt: 'while it lasted' }, headers)
    await ask(rig.database.db, "UPDATE account SET plan = 'free' WHERE id = $1", [accountId])
    const again = await submit(apiKey, { prompt: 'while it lasted' }, headers)
    expect([again.status, idOf(again)]).toEqual([202, idOf(first)])
    expect((await submit(apiKey, { prompt: 'anew' })).status).toBe(403)
  })
})

describe('what is refused', () => {
  test('is refused by name with the words of the schema, before anything is charged', async () => {
    const { apiKey, accountId } = await open(100)
    const mine = await upload(apiKey)
    const good = { prompt: 'a boat', quality: 'low' }
    const edit = { ...good, type: 'edit' }
    const refusals: [unknown, string][] = [
      [{}, 'prompt'],
      [{ ...good, prompt: 5 }, 'prompt'],
      [{ ...good, prompt: ' \t' }, 'prompt'],
      [{ ...good, prompt: 'x'.repeat(4_001) }, 'prompt'],
      [{ ...good, prompt: '🎨'.repeat(4_001) }, 'prompt'],
      ...['upscale', '', null, 1].map((type): [unknown, string] => [{ ...good, type }, 'type']),
      ...['512x512', '2048x2048', 'auto', '', 1024].map((size): [unknown, string] => [
        { ...good, size },
        'size',
      ]),
      ...['hd', 'auto', '', 1].map((quality): [unknown, string] => [{ ...good, quality }, 'quality']),
      ...[0, 5, -1, 1.5, '2', null, 1e9].map((n): [unknown, string] => [{ ...good, n }, 'n']),
      [edit, 'inputImageKeys'],
      [{ ...edit, inputImageKeys: [] }, 'inputImageKeys'],
      [{ ...edit, inputImageKeys: mine }, 'inputImageKeys'],
      [{ ...edit, inputImageKeys: Array(5).fill(mine) }, 'inputImageKeys'],
      [{ ...edit, inputImageKeys: [mine, 7] }, 'inputImageKeys.1'],
      [{ ...edit, inputImageKeys: [mine, 'up_unknown'] }, 'inputImageKeys.1'],
      [{ ...edit, inputImageKeys: ['../../etc/passwd'] }, 'inputImageKeys.0'],
      [{ ...good, inputImageKeys: [mine] }, 'inputImageKeys'],
      [{ ...good, model: 'gpt-image-2' }, 'body'],
      [{ ...good, price: 0 }, 'body'],
      [[good], 'body'],
      ['"text"', 'body'],
    ]
    for (const [body, at] of refusals) {
      const answer = await submit(apiKey, body)
      const label = JSON.stringify(body).slice(0, 100)
      expect([answer.status, answer.body.code], label).toEqual([400, 'invalid_request'])
      expect(
        answer.body.issues?.map(issue => issue.path),
        label,
      ).toContain(at)
      for (const issue of answer.body.issues ?? []) expect(answer.body.error).toContain(issue.message)
    }
    for (const body of ['{', '', '{"prompt":"a","prompt":"b"}'])
      expect((await submit(apiKey, body)).status, body).toBe(400)
    const tooLong = await submit(apiKey, { prompt: 'x'.repeat(4_001) })
    expect(tooLong.body.error).toBe('prompt: Too big: expected string to have <=4000 characters')
    expect(await rig.balance(accountId)).toBe(100)
    const edges = [{ prompt: '🎨'.repeat(4_000) }, { ...edit, inputImageKeys: Array(4).fill(mine) }]
    for (const body of edges) expect((await submit(apiKey, body)).status).toBe(202)
    expect((await submit(apiKey, { ...good, type: 'text2img', inputImageKeys: [] })).status).toBe(202)
  })

  test('of uploads: names, types, sizes; and what is sent must be what was announced', async () => {
    const { apiKey } = await open(0)
    const good = { filename: 'a.png', contentType: 'image/png', size: 100 }
    const refusals: [object, string][] = [
      [{ ...good, filename: '' }, 'filename'],
      [{ ...good, filename: 'x'.repeat(201) }, 'filename'],
      [{ ...good, contentType: 'image/gif' }, 'contentType'],
      [{ ...good, contentType: 'image/PNG' }, 'contentType'],
      ...[0, -1, 1.5, '100', 10_000_001].map((size): [object, string] => [{ ...good, size }, 'size']),
      [{ ...good, key: 'mine' }, 'body'],
    ]
    for (const [body, at] of refusals) {
      const answer = await call({ path: '/api/v1/upload', key: apiKey, body })
      expect([answer.status, answer.body.issues?.[0]?.path], JSON.stringify(body)).toEqual([400, at])
    }
    const bytes = await photo()
    const { url } = await announce(apiKey, bytes)
    const put = (body: Buffer, type: string) =>
      fetch(url, { method: 'PUT', body: new Uint8Array(body), headers: { 'content-type': type } })
    expect((await put(bytes, 'image/jpeg')).status).toBe(400)
    expect((await put(Buffer.concat([bytes, Buffer.from('x')]), 'image/png')).status).toBe(400)
    expect((await put(bytes, 'image/png')).status).toBe(200)
    expect((await put(bytes, 'image/png')).status).toBe(400)
  })

  test("another account's pictures, and those never sent, are as unknown ones", async () => {
    const [mine, yours] = [await open(50), await open(50)]
    const foreign = await upload(yours.apiKey)
    const unsent = (await announce(mine.apiKey, await photo())).key
    const unknown = `up_${'x'.repeat(32)}`
    const answers = await Promise.all(
      [foreign, unsent, unknown].map(key =>
        submit(mine.apiKey, { prompt: 'whose?', type: 'edit', inputImageKeys: [key] }),
      ),
    )
    for (const answer of answers) {
      expect([answer.status, answer.body]).toEqual([400, answers[2]?.body])
    }
    expect(await rig.balance(mine.accountId)).toBe(50)
    const used = await submit(yours.apiKey, { prompt: 'mine', type: 'edit', inputImageKeys: [foreign] })
    expect(used.status).toBe(202)
    const id = idOf(used)
    const read = await poll(mine.apiKey, id)
    expect([read.status, read.body]).toEqual([404, (await poll(mine.apiKey, unknown)).body])
  })

  test('has the status of its kind', async () => {
    const { apiKey, accountId } = await open(3)
    const reader = await open(9, { scopes: ['read'] })
    const body = { prompt: 'x' }
    const cases: [Promise<Answer<Shown>>, number, string][] = [
      [submit(null, body), 401, 'unauthorized'],
      [submit('gimg_wrong', body), 401, 'unauthorized'],
      [poll('gimg_wrong', 'x'), 401, 'unauthorized'],
      [submit(reader.apiKey, body), 403, 'forbidden'],
      [submit(apiKey, body), 402, 'insufficient_credits'],
      [submit(apiKey, { prompt: 'x'.repeat(70_000) }), 413, 'payload_too_large'],
      [submit(apiKey, 'x=1', { 'content-type': 'text/plain' }), 415, 'unsupported_media_type'],
    ]
    for (const [made, status, code] of cases) {
      const answer = await made
      expect([answer.status, answer.body.code]).toEqual([status, code])
      expect(typeof answer.body.error).toBe('string')
    }
    expect(await rig.balance(accountId)).toBe(3)
  })

  test('prompts that a word list knows are 422 at once and leave no row', async () => {
    const strict = await rig.startNode({ MODERATION: 'words' })
    const { apiKey, accountId } = await open(20)
    const words = await call({
      ...{ path, key: apiKey, body: { prompt: 'csam' }, url: strict.url + mount },
    })
    expect([words.status, words.body.code]).toEqual([422, 'content_rejected'])
    const text = 'SELECT id FROM generation WHERE account_id = $1'
    expect(await ask(rig.database.db, text, [accountId])).toEqual([])
    await strict.stop()
  })
})

test('the model behind it is the one of the setting; one that is not listed stops the start', async () => {
  await expect(rig.startNode({ GPTIMAGE2_MODEL: 'nobody/nothing' })).rejects.toThrow(/GPTIMAGE2_MODEL/)
  const sandbox = await rig.startNode({ DARKROOM_SANDBOX: 'on' })
  const { apiKey } = await open(12)
  const url = sandbox.url + mount
  const made = await call({ path, key: apiKey, body: { prompt: 'x', quality: 'high' }, url })
  expect([made.status, made.headers.get('x-darkroom-sandbox')]).toEqual([202, '1'])
  const ended = await settle(apiKey, idOf(made))
  expect([ended.status, ended.outputs[0]?.width]).toEqual(['succeeded', 2048])
  const bare = await rig.startNode({ OPENAI_API_KEY: '', OPENAI_BASE_URL: '', DARKROOM_SANDBOX: 'off' })
  const refused = await call({ path, key: apiKey, body: { prompt: 'x' }, url: bare.url + mount })
  expect([refused.status, refused.body.code]).toEqual([503, 'unavailable'])
})

test('one balance is shown by every API after an order of each', async () => {
  const { apiKey, accountId } = await open(200)
  await make(apiKey, { prompt: 'here' })
  await send(node.url, {
    path: '/imgeo/api/v1/generate',
    key: apiKey,
    body: { model: 'google/nano-banana', prompt: 'there' },
  })
  await send(node.url, {
    path: '/api/v1/images/generate',
    key: apiKey,
    body: { modelId: 'openai:gpt-image-2', prompt: 'elsewhere' },
  })
  const balance = 200 - 4 - 7 - 5
  expect(await rig.balance(accountId)).toBe(balance)
  const read = async (at: string) =>
    (await send<Record<string, number>>(node.url, { path: at, key: apiKey })).body
  expect((await read('/api/v1/account')).creditBalance).toBe(balance)
  expect(await read('/api/v1/balance')).toEqual({ balance, credits: balance })
  const usage = (await read('/api/v1/usage')) as unknown as { transactions: { amount: number }[] }
  expect(usage.transactions.reduce((sum, { amount }) => sum + amount, 0)).toBe(balance)
})
