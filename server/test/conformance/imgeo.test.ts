// imgeo: fourteen models, images as permanent public addresses, errors as a text and a code.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey } from '../../src/accounts/keys.ts'
import { createRig, eventually, generateImage, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import { type Documented, openDocumented, send } from './documented.ts'
import { sendRaw } from './raw-request.ts'

type Generated = {
  images: string[]
  model: string
  prompt: string
  aspect_ratio: string
  credits_used: number
  credits_remaining: number
}
type Refused = { error: string; code: string }
type Shown = Generated & Refused & { generationId: string; status: string }
type Model = {
  id: string
  name: string
  credits: number
  modes: string[]
  aspect_ratios: string[]
  supports_negative_prompt: boolean
  max_count: number
}

let rig: Rig
/** With keys of OpenAI and Google: serves the models that those make. */
let node: Node
/** Serves all models. */
let sandbox: Node
let documented: Documented
let pictures: Server
let pictureUrl: string

const banana = 'google/nano-banana'
const path = '/api/v1/generate'

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  pictures = createServer(async (request, response) => {
    if (request.url !== '/photo.png') return void response.writeHead(404).end()
    const create = { width: 96, height: 64, channels: 3 as const, background: '#3060a0' }
    response.writeHead(200, { 'content-type': 'image/png' }).end(await sharp({ create }).png().toBuffer())
  })
  pictures.listen(0, '127.0.0.1')
  await once(pictures, 'listening')
  const { port } = pictures.address() as AddressInfo
  pictureUrl = `http://127.0.0.1:${port}/photo.png`
  const OUTBOUND_ALLOW = `127.0.0.1:${port}`
  node = await rig.startNode({ OUTBOUND_ALLOW })
  sandbox = await rig.startNode({ OUTBOUND_ALLOW, DARKROOM_SANDBOX: 'on' })
  documented = await openDocumented(node.url, '/openapi/imgeo.json')
})
afterAll(async () => {
  pictures.close()
  expect(await rig.violations()).toEqual([])
  await rig.close()
})

async function imgeoAccount(credits: number): Promise<{ accountId: string; apiKey: string }> {
  return rig.account({ credits, key: { style: 'imgeo' } })
}

const generate = (key: string | null, body: unknown, more: { headers?: object; url?: string } = {}) =>
  documented.call<Shown>({
    path,
    key,
    body,
    headers: { ...more.headers },
    ...(more.url ? { url: more.url } : {}),
  })
const listModels = async (url: string) =>
  (await documented.call<Model[]>({ path: '/api/v1/models', key: null, url })).body
const readBalance = async (key: string) =>
  (await documented.call<{ balance: number; credits: number }>({ path: '/api/v1/balance', key })).body

/** id, name, credits, whether it works from a picture, whether it takes a negative prompt: as published. */
const published: [string, string, number, boolean, boolean][] = [
  ['stability-ai/sdxl', 'SDXL', 2, true, true],
  ['black-forest-labs/flux-kontext-max', 'Flux Kontext Max', 9, true, false],
  ['google/nano-banana', 'Nano Banana', 7, true, true],
  ['google/nano-banana-pro', 'Nano Banana Pro', 10, true, true],
  ['bytedance/seedream-4', 'Seedream 4', 5, true, true],
  ['black-forest-labs/flux-schnell', 'Flux Schnell', 1, false, false],
  ['prunaai/flux-fast', 'Flux Fast', 2, false, false],
  ['black-forest-labs/flux-dev', 'Flux Dev', 5, false, false],
  ['qwen/qwen-image', 'Qwen Image', 5, false, true],
  ['bytedance/seedream-4.5', 'Seedream 4.5', 7, false, true],
  ['google/imagen-4', 'Imagen 4', 7, false, true],
  ['google/imagen-3', 'Imagen 3', 9, false, true],
  ['black-forest-labs/flux-pro', 'Flux Pro', 9, false, false],
  ['stability-ai/stable-diffusion-3.5-large', 'SD 3.5 Large', 9, false, true],
]

describe('the models', () => {
  test('are listed without a key, a bare array with everything the contract says of each', async () => {
    const listed = await listModels(sandbox.url)
    expect(listed.map(each => [each.id, each.name, each.credits])).toEqual(
      published.map(([id, name, credits]) => [id, name, credits]),
    )
    for (const [id, , , edits, negative] of published) {
      const model = listed.find(each => each.id === id)
      expect(model, id).toMatchObject({
        modes: edits ? ['text2img', 'img2img'] : ['text2img'],
        supports_negative_prompt: negative,
        max_count: 4,
      })
      expect(model?.aspect_ratios, id).toContain('1:1')
    }
    const shown = await fetch(`${sandbox.url}/imgeo/api/v1/models`, {
      headers: { authorization: 'Bearer stray' },
    })
    expect([shown.status, await shown.json()]).toEqual([200, listed])
  })

  test('that no configured provider serves are neither listed nor taken', async () => {
    const listed = (await listModels(node.url)).map(each => each.id)
    expect(listed).toEqual(published.map(([id]) => id).filter(id => id.startsWith('google/')))
    const { apiKey, accountId } = await imgeoAccount(50)
    for (const model of ['prunaai/flux-fast', 'nobody/nothing', 'gpt-image-2']) {
      const answer = await generate(apiKey, { model, prompt: 'a boat' })
      expect([answer.status, answer.body.code], model).toEqual([400, 'invalid_request'])
      expect(answer.body.error).toContain(model)
    }
    expect(await rig.balance(accountId)).toBe(50)
  })

  for (const [nth, [model, , credits, edits, negative]] of published.entries()) {
    test(`${model} makes images for ${credits} credits each, in its modes and ratios`, async () => {
      const { apiKey, accountId } = await imgeoAccount(1_000)
      const url = sandbox.url
      const offered = (await listModels(url)).find(each => each.id === model)?.aspect_ratios ?? []
      // Each model shows a quarter of its ratios; all four quarters are shown by some model.
      const shown = offered.filter((_, at) => at % 4 === nth % 4)
      for (const aspect_ratio of shown) {
        const made = await generate(apiKey, { model, prompt: 'a red boat', aspect_ratio }, { url })
        expect([made.status, made.body.aspect_ratio, made.body.credits_used]).toEqual([
          200,
          aspect_ratio,
          credits,
        ])
      }
      expect(await rig.balance(accountId)).toBe(1_000 - credits * shown.length)
      const all = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '9:21', '21:9']
      for (const aspect_ratio of all.filter(each => !offered.includes(each))) {
        const answer = await generate(apiKey, { model, prompt: 'a boat', aspect_ratio }, { url })
        expect([answer.status, answer.body.error]).toEqual([400, expect.stringMatching(/aspect_ratio/)])
      }
      const few = await generate(apiKey, { model, prompt: 'no birds', negative_prompt: 'birds' }, { url })
      expect(few.status).toBe(negative ? 200 : 400)
      if (!negative) expect(few.body.error).toMatch(/negative_prompt/)
      const edit = { model, prompt: 'at night', mode: 'img2img', image: pictureUrl }
      const edited = await generate(apiKey, edit, { url })
      expect(edited.status).toBe(edits ? 200 : 400)
      if (!edits) expect(edited.body.error).toMatch(/mode/)
    })
  }
})

describe('an order', () => {
  test('answers with permanent public WebP addresses, its charge and the balance', async () => {
    const { apiKey, accountId } = await imgeoAccount(100)
    const answer = await generate(apiKey, { model: banana, prompt: '  a lighthouse ', count: 3 })
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      images: [expect.any(String), expect.any(String), expect.any(String)],
      model: banana,
      prompt: 'a lighthouse',
      aspect_ratio: '1:1',
      credits_used: 21,
      credits_remaining: 79,
    })
    expect(answer.headers.get('x-should-retry')).toBe('false')
    expect([...answer.headers.keys()].filter(name => name.startsWith('x-ratelimit'))).toEqual([])
    expect(new Set(answer.body.images).size).toBe(3)
    for (const [index, url] of answer.body.images.entries()) {
      expect(url).toMatch(new RegExp(`^${node.url}/files/.*/${index}\\.webp$`))
      expect(url).not.toContain(accountId)
      const file = await fetch(url)
      expect([file.status, file.headers.get('content-type'), file.headers.get('cache-control')]).toEqual([
        200,
        'image/webp',
        'public, max-age=31536000, immutable',
      ])
      const bytes = Buffer.from(await file.arrayBuffer())
      expect(await sharp(bytes).metadata()).toMatchObject({ format: 'webp', width: 1024, height: 1024 })
    }
    expect(await readBalance(apiKey)).toEqual({ balance: 79, credits: 79 })
  })

  test('works from the picture at an address, and ignores it when it makes one from text', async () => {
    const { apiKey, accountId } = await imgeoAccount(100)
    const edit = { model: banana, prompt: 'in the rain', mode: 'img2img' }
    expect((await generate(apiKey, { ...edit, image: pictureUrl })).status).toBe(200)
    const sent = rig.google.requests.find(each => each.prompt?.includes('in the rain'))
    expect(sent?.fields).toMatchObject({ referenceBytes: [expect.any(Number)] })
    const plain = { model: banana, prompt: 'from words', image: 'nothing that is an address' }
    expect((await generate(apiKey, plain)).status).toBe(200)
    expect(await rig.balance(accountId)).toBe(100 - 14)
    const refusals: [object, RegExp][] = [
      [edit, /image/],
      [{ ...edit, image: 'https://127.0.0.1/photo.png' }, /image/],
      [{ ...edit, image: 'http://pictures.example/photo.png' }, /image/],
      [{ ...edit, image: 'https://169.254.169.254/latest/meta-data' }, /image/],
      [{ ...edit, image: `${pictureUrl}?gone`.replace('photo', 'none') }, /image/],
      [{ ...edit, image: 'data:image/png;base64,AAAA' }, /image/],
      [{ ...edit, image: 'ftp://pictures.example/a.png' }, /image/],
      [{ ...edit, image: '' }, /image/],
    ]
    for (const [body, names] of refusals) {
      const answer = await generate(apiKey, body)
      expect([answer.status, answer.body.code], JSON.stringify(body)).toEqual([400, 'invalid_request'])
      expect(answer.body.error).toMatch(names)
    }
    expect(await rig.balance(accountId)).toBe(100 - 14)
  })

  test('that yields fewer images than ordered answers and charges those that came', async () => {
    const { apiKey, accountId } = await imgeoAccount(100)
    const body = { model: banana, prompt: 'a set [[emulate: text_only, first=1]]', count: 4 }
    const answer = await generate(apiKey, body)
    expect([answer.status, answer.body.images.length]).toEqual([200, 3])
    expect([answer.body.credits_used, answer.body.credits_remaining]).toEqual([21, 79])
    expect(await rig.balance(accountId)).toBe(79)
  })

  test('without any image is 500, or 400 when it was refused; it costs nothing and must not be repeated', async () => {
    const { apiKey, accountId } = await imgeoAccount(30)
    for (const [directive, status, code] of [
      ['html_500', 500, 'generation_failed'],
      ['null_base64', 500, 'generation_failed'],
      ['block', 400, 'content_rejected'],
      ['text_only', 400, 'content_rejected'],
    ] as const) {
      const answer = await generate(apiKey, { model: banana, prompt: `bad luck [[emulate: ${directive}]]` })
      expect([answer.status, answer.body.code], directive).toEqual([status, code])
      expect(Object.keys(answer.body)).toEqual(['error', 'code'])
      expect(answer.body.error).toMatch(/nothing was charged/i)
      expect(answer.headers.get('x-should-retry')).toBe('false')
    }
    expect(await readBalance(apiKey)).toEqual({ balance: 30, credits: 30 })
    expect(await rig.balance(accountId)).toBe(30)
  })

  test('above the balance is 402, and of two that it would pay for once one is taken', async () => {
    const { apiKey, accountId } = await imgeoAccount(13)
    const twice = await Promise.all(
      [1, 2].map(nth => generate(apiKey, { model: banana, prompt: `one of ${nth}` })),
    )
    expect(twice.map(each => each.status).sort()).toEqual([200, 402])
    const refused = twice.find(each => each.status === 402)
    expect(refused?.body).toEqual({ error: expect.stringMatching(/7 credits/), code: 'insufficient_credits' })
    expect(await rig.balance(accountId)).toBe(6)
  })

  test('of a caller who prefers not to wait is 202 with the place to look', async () => {
    const { apiKey } = await imgeoAccount(30)
    const body = { model: banana, prompt: 'later [[emulate: slow=600]]' }
    const headers = { prefer: 'respond-async', 'idempotency-key': 'later' }
    const accepted = await generate(apiKey, body, { headers })
    const { generationId } = accepted.body
    expect([accepted.status, accepted.headers.get('location')]).toEqual([
      202,
      `${node.url}/api/v1/generations/${generationId}`,
    ])
    expect(accepted.headers.get('preference-applied')).toBe('respond-async')
    const waited = await generate(apiKey, body, {
      headers: { 'idempotency-key': 'later', prefer: 'wait=30' },
    })
    expect([waited.status, waited.headers.get('idempotent-replayed')]).toEqual([200, 'true'])
    expect(waited.body.images).toHaveLength(1)
  })

  test('of a lenient caller is changed to what the model offers, and is charged so', async () => {
    const { apiKey } = await imgeoAccount(50)
    const body = { model: banana, prompt: 'too many', count: 9, negative_prompt: 'rain' }
    expect((await generate(apiKey, body)).status).toBe(400)
    const bent = await generate(apiKey, body, { headers: { prefer: 'handling=lenient' } })
    expect([bent.status, bent.body.images.length, bent.body.credits_used]).toEqual([200, 4, 28])
    expect(bent.headers.get('preference-applied')).toBe('handling=lenient')
    expect(bent.headers.get('x-darkroom-warnings')).toBe('The number of images 9 is not offered; 4 was used.')
  })

  test('goes on when its caller leaves, and is charged', async () => {
    const { apiKey, accountId } = await imgeoAccount(30)
    const leave = new AbortController()
    const body = { model: banana, prompt: 'left alone [[emulate: slow=500]]' }
    const call = fetch(node.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: leave.signal,
    })
    await rig.google.waitUntil(() => rig.google.requests.some(each => each.prompt?.includes('left alone')))
    leave.abort()
    await expect(call).rejects.toThrow()
    const text = "SELECT state FROM generation WHERE account_id = $1 AND state = 'succeeded'"
    await eventually(
      'the image is made',
      async () => (await ask(rig.database.db, text, [accountId])).length === 1,
    )
    expect(await rig.balance(accountId)).toBe(23)
  })
})

describe('an idempotency key', () => {
  test('shows the same images and charges once, even to twins and with an empty wallet', async () => {
    const { apiKey, accountId } = await imgeoAccount(7)
    const body = { model: banana, prompt: 'once [[emulate: slow=200]]' }
    const headers = { 'idempotency-key': 'imgeo-1' }
    const answers = await Promise.all(Array.from({ length: 10 }, () => generate(apiKey, body, { headers })))
    expect(answers.map(each => each.status)).toEqual(Array(10).fill(200))
    expect(new Set(answers.map(each => each.body.images[0])).size).toBe(1)
    expect(answers.filter(each => each.headers.get('idempotent-replayed') !== 'true')).toHaveLength(1)
    expect((await generate(apiKey, body, { headers })).body).toEqual(answers[0]?.body)
    expect(await rig.balance(accountId)).toBe(0)
    const other = await generate(apiKey, { ...body, count: 2 }, { headers })
    expect([other.status, other.body.code]).toEqual([400, 'idempotency_key_reused'])
    const malformed = await generate(apiKey, body, { headers: { 'idempotency-key': 'a b' } })
    expect([malformed.status, malformed.body.code]).toEqual([400, 'invalid_request'])
  })
})

describe('what is refused', () => {
  test('is refused by name, before anything is charged', async () => {
    const { apiKey, accountId } = await imgeoAccount(100)
    const good = { model: banana, prompt: 'a boat' }
    const refusals: [unknown, RegExp][] = [
      [{ prompt: 'a boat' }, /model/],
      [{ model: banana }, /prompt/],
      [{ ...good, model: 7 }, /model/],
      [{ ...good, prompt: ' \n ' }, /prompt/],
      [{ ...good, prompt: 'x'.repeat(2_001) }, /prompt/],
      [{ ...good, prompt: '🎨'.repeat(2_001) }, /prompt/],
      [{ ...good, negative_prompt: 'x'.repeat(2_001) }, /negative_prompt/],
      [{ ...good, negative_prompt: 3 }, /negative_prompt/],
      ...[0, -1, 5, 1.5, '2', null, 1e9].map((count): [unknown, RegExp] => [{ ...good, count }, /count/]),
      ...['7:5', '1x1', '', 1].map((aspect_ratio): [unknown, RegExp] => [
        { ...good, aspect_ratio },
        /aspect_ratio/,
      ]),
      ...['edit', '', 1].map((mode): [unknown, RegExp] => [{ ...good, mode }, /mode/]),
      [{ ...good, image: 5 }, /image/],
      [{ ...good, n: 2 }, /"n"/],
      [{ ...good, credits: 0 }, /credits/],
      [[good], /body/],
      ['"text"', /body/],
      ['{', /JSON/],
      ['', /empty/],
      ['{"model":"a","model":"b","prompt":"x"}', /model/],
    ]
    for (const [body, names] of refusals) {
      const answer = await generate(apiKey, body)
      const label = JSON.stringify(body).slice(0, 100)
      expect([answer.status, answer.body.code], label).toEqual([400, 'invalid_request'])
      expect(answer.body.error, label).toMatch(names)
      expect(Object.keys(answer.body)).toEqual(['error', 'code'])
    }
    const longest = await generate(apiKey, { ...good, prompt: '🎨'.repeat(2_000) })
    expect(longest.status).toBe(200)
    expect(await rig.balance(accountId)).toBe(93)
  })

  test('has the status of its kind, and the shape of imgeo on every path of imgeo', async () => {
    const { apiKey } = await imgeoAccount(0)
    const reader = await rig.account({ credits: 9, key: { style: 'imgeo', scopes: ['read'] } })
    const body = { model: banana, prompt: 'x' }
    const cases: [Promise<{ status: number; body: Refused }>, number, string][] = [
      [generate('imgeo_sk_wrong', body), 401, 'unauthorized'],
      [documented.call<Refused>({ path: '/api/v1/balance', key: null }), 401, 'unauthorized'],
      [generate(reader.apiKey, body), 403, 'forbidden'],
      [generate(apiKey, body), 402, 'insufficient_credits'],
      [generate(apiKey, { ...body, prompt: 'x'.repeat(70_000) }), 413, 'payload_too_large'],
      [generate(apiKey, 'x=1', { headers: { 'content-type': 'text/plain' } }), 415, 'unsupported_media_type'],
    ]
    for (const [call, status, code] of cases) {
      const answer = await call
      expect([answer.status, answer.body.code]).toEqual([status, code])
      expect(Object.keys(answer.body)).toEqual(['error', 'code'])
    }
    for (const [method, at, allow] of [
      ['POST', '/api/v1/models', 'GET'],
      ['DELETE', '/api/v1/balance', 'GET'],
      ['GET', '/imgeo/api/v1/generate', 'POST'],
    ]) {
      const answer = await sendRaw(node.url, { method: method ?? '', path: at ?? '' })
      expect([answer.status, answer.headers.allow]).toEqual([405, allow])
      expect(Object.keys(JSON.parse(answer.text))).toEqual(['error', 'code'])
    }
    for (const at of ['/imgeo', '/imgeo/api/v1/generations/x', '/imgeo/api/v1/account', '/api/v1/models/x']) {
      const answer = await sendRaw(node.url, { path: at, headers: ['authorization', `Bearer ${apiKey}`] })
      expect([answer.status, JSON.parse(answer.text).code], at).toEqual([404, 'not_found'])
    }
  })

  test('for the rate only when the key has a limit of its own, with the time to wait', async () => {
    const key = { style: 'imgeo' as const, rate: { requests: 2, windowS: 60 }, inFlight: 1 }
    const { apiKey } = await rig.account({ credits: 100, key })
    const body = { model: banana, prompt: 'counted' }
    const resume = rig.google.pause()
    const pair = [generate(apiKey, body), generate(apiKey, body)]
    expect((await Promise.race(pair)).status).toBe(429)
    resume()
    expect((await Promise.all(pair)).map(each => each.status).sort()).toEqual([200, 429])
    const third = await generate(apiKey, body)
    expect([third.status, third.body.code]).toEqual([429, 'rate_limited'])
    expect(third.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    const unlimited = await rig.account({ credits: 0, key: { style: 'imgeo', rate: null } })
    const many = await Promise.all(Array.from({ length: 80 }, () => generate(unlimited.apiKey, body)))
    expect(new Set(many.map(each => each.status))).toEqual(new Set([402]))
  })
})

describe('beside the other APIs', () => {
  test('any key of the account opens it, below its mount and at the root, and all show one balance', async () => {
    const { accountId, apiKey } = await imgeoAccount(100)
    for (const style of ['default', 'getimages', 'getimg', 'gptimage2'] as const) {
      const { apiKey: other } = await rig.database.db.transaction(tx =>
        createKey({ tx, now: () => new Date() }, { accountId, style, rate: 'off', inFlight: 'off' }),
      )
      const url = `${node.url}/imgeo`
      const made = await generate(other, { model: banana, prompt: `by ${style}` }, { url })
      const available = await rig.balance(accountId)
      expect([made.status, made.body.credits_remaining]).toEqual([200, available])
      expect(await readBalance(other)).toEqual({ balance: available, credits: available })
      const read = await send<{ creditBalance: number }>(node.url, { path: '/api/v1/account', key: other })
      expect(read.body.creditBalance).toBe(available)
    }
    const shown = await generateImage(node, apiKey, { prompt: 'elsewhere' })
    expect(shown.body.credits?.remaining).toBe((await readBalance(apiKey)).balance)
  })

  test("another account's idempotency key is another order", async () => {
    const [mine, yours] = [await imgeoAccount(10), await imgeoAccount(10)]
    const headers = { 'idempotency-key': 'shared-words' }
    const body = { model: banana, prompt: 'whose is it' }
    const first = await generate(mine.apiKey, body, { headers })
    const second = await generate(yours.apiKey, body, { headers })
    expect(second.headers.get('idempotent-replayed')).toBeNull()
    expect(second.body.images[0]).not.toBe(first.body.images[0])
    expect([await rig.balance(mine.accountId), await rig.balance(yours.accountId)]).toEqual([3, 3])
  })
})
