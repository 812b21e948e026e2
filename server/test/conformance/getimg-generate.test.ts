// getimg's order as its callers meet it: what an answer holds, in which format the file is, what may be asked for, what
// it costs, and what becomes of an order without an image.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import {
  addKey,
  type Contract,
  faultOf,
  fileOf,
  imageOf,
  openAccount,
  openContract,
} from './getimg-contract.ts'

let rig: Rig
let node: Node
let getimg: Contract
let pictures: Server
let picturesUrl: string

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  pictures = createServer(async (request, response) => {
    if (request.url !== '/photo.png') return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': 'image/png' }).end(await photo())
  })
  pictures.listen(0, '127.0.0.1')
  await once(pictures, 'listening')
  const { port } = pictures.address() as AddressInfo
  picturesUrl = `http://127.0.0.1:${port}`
  node = await rig.startNode({
    OUTBOUND_ALLOW: `127.0.0.1:${port}`,
    GETIMG_REQUESTS_PER_MINUTE: '100000',
    GETIMG_IN_FLIGHT: '3',
    CREDIT_PRICE_USD: '0.0125',
  })
  getimg = await openContract(node.url)
})
afterAll(async () => {
  pictures.close()
  expect(await rig.violations()).toEqual([])
  await rig.close()
})

const photo = (width = 96, height = 64) =>
  sharp({ create: { width, height, channels: 3, background: '#3060a0' } })
    .png()
    .toBuffer()
const dataUrl = (bytes: Buffer, type = 'image/png') => `data:${type};base64,${bytes.toString('base64')}`
const callsOf = (prompt: string) =>
  [...rig.openai.requests, ...rig.google.requests].filter(each => each.prompt?.includes(prompt)).length

async function countRows(accountId: string): Promise<number> {
  const text = 'SELECT count(*)::int AS rows FROM generation WHERE account_id = $1'
  return (await ask<{ rows: number }>(rig.database.db, text, [accountId]))[0]?.rows ?? Number.NaN
}

describe('an order', () => {
  test('answers with the file, when it ends, and its cost in exact dollars, at the root and below /getimg', async () => {
    const { accountId, apiKey } = await openAccount(rig, 1_000)
    for (const mount of ['', '/getimg']) {
      const before = await rig.balance(accountId)
      const body = {
        model: 'gpt-image-2',
        prompt: `a lantern${mount}`,
        aspect_ratio: '3:2',
        resolution: '1K',
      }
      const answer = await getimg.post(apiKey, { mount, body })
      expect(answer.status, answer.text).toBe(200)
      const image = imageOf(answer)
      expect(image.id).toMatch(/^req-[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
      expect(image).toMatchObject({ status: 'completed', model: 'gpt-image-2' })
      expect(image.data).toHaveLength(1)
      expect(answer.headers['x-should-retry']).toBe('false')
      const spent = before - (await rig.balance(accountId))
      expect(spent).toBeGreaterThan(0)
      const cost = (spent * 125) / 10_000
      expect(image.usage).toEqual({ total_cost: cost, unit_price: cost, quantity: 1, billable_unit: 'image' })
      const file = fileOf(answer)
      const url = new URL(file.url)
      expect(url.origin).toBe(node.url)
      expect(url.pathname).toBe(`/v2/downloads/${image.id}/0`)
      expect(url.searchParams.get('sig')).toMatch(/^[0-9a-f]{64}$/)
      // One instant, a whole second, says both.
      expect(Number(url.searchParams.get('exp')) * 1000).toBe(Date.parse(file.deletes_at))
      const aheadMs = Date.parse(file.deletes_at) - Date.now()
      expect(aheadMs).toBeGreaterThan(86_400_000 - 60_000)
      expect(aheadMs).toBeLessThanOrEqual(86_400_000 + 1_000)
      const bytes = Buffer.from(await (await fetch(file.url)).arrayBuffer())
      expect(await sharp(bytes).metadata()).toMatchObject({
        format: 'jpeg',
        width: file.width,
        height: file.height,
      })
      expect([file.width, file.height]).toEqual([1248, 832])
    }
  })

  test.each([
    ['gpt-image-2', undefined, 'jpeg'],
    ['gpt-image-2', 'png', 'png'],
    ['gpt-image-2', 'webp', 'webp'],
    ['gemini-3-1-flash-image', undefined, 'jpeg'],
    ['gemini-3-1-flash-image', 'png', 'png'],
    ['gemini-3-1-flash-image', 'webp', 'webp'],
  ] as const)('of %s in output_format %s gives a file that is %s', async (model, asked, format) => {
    const { apiKey } = await openAccount(rig, 1_000)
    const body = { model, prompt: `a jug ${model} ${asked}`, ...(asked ? { output_format: asked } : {}) }
    const file = fileOf(await getimg.post(apiKey, { body }))
    expect(file.mime_type).toBe(`image/${format}`)
    const download = await fetch(file.url)
    expect(download.headers.get('content-type')).toBe(`image/${format}`)
    const found = await sharp(Buffer.from(await download.arrayBuffer())).metadata()
    expect(found).toMatchObject({ format, width: file.width, height: file.height })
  })

  test('takes reference pictures by address and as data, with and without a role', async () => {
    const { apiKey } = await openAccount(rig, 1_000)
    const images = [
      { url: `${picturesUrl}/photo.png`, role: 'reference_image' },
      { url: dataUrl(await photo(40, 40)) },
      {
        url: dataUrl(
          await sharp(await photo())
            .webp()
            .toBuffer(),
          'image/webp',
        ),
      },
      {
        url: dataUrl(
          await sharp(await photo())
            .jpeg()
            .toBuffer(),
          'image/jpeg',
        ),
      },
    ]
    for (const model of ['gpt-image-2', 'gemini-3-1-flash-image']) {
      const answer = await getimg.post(apiKey, { body: { model, prompt: `follow these ${model}`, images } })
      expect(answer.status, answer.text).toBe(200)
      expect(callsOf(`follow these ${model}`)).toBe(1)
    }
    const eight = Array.from({ length: 8 }, () => images[1])
    const most = await getimg.post(apiKey, { body: { model: 'gpt-image-2', prompt: 'eight', images: eight } })
    expect(most.status, most.text).toBe(200)
  })

  test('takes a picture of nearly 10 MiB, and one above it is refused', async () => {
    const { apiKey } = await openAccount(rig, 1_000)
    const base = await photo()
    const padded = (size: number) => {
      // Bytes behind the end of a PNG are no part of it.
      return dataUrl(Buffer.concat([base, Buffer.alloc(size - base.length)]))
    }
    const order = (size: number) => ({
      model: 'gpt-image-2',
      prompt: `padded ${size}`,
      images: [{ url: padded(size) }],
    })
    const fits = await getimg.post(apiKey, { body: order(10 * 1024 * 1024) })
    expect([200, 400]).toContain(fits.status)
    if (fits.status === 400) expect(faultOf(fits).message).not.toMatch(/larger/)
    const above = await getimg.post(apiKey, { body: order(10 * 1024 * 1024 + 1) })
    expect([above.status, faultOf(above).param]).toEqual([400, 'images[0].url'])
    expect(faultOf(above).message).toMatch(/larger than 10485760 bytes/)
  })

  test('a body above 25 MiB is refused', async () => {
    const { apiKey } = await openAccount(rig, 1_000)
    const body = JSON.stringify({ model: 'gpt-image-2', prompt: 'x'.repeat(25 * 1024 * 1024) })
    const answer = await getimg.post(apiKey, { body })
    expect([answer.status, faultOf(answer).code]).toEqual([413, 'invalid_parameter'])
  })

  test('is answered with 202 when the caller prefers not to wait, and is there natively later', async () => {
    const { apiKey } = await openAccount(rig, 1_000)
    const answer = await getimg.post(apiKey, {
      body: { model: 'gpt-image-2', prompt: 'not now' },
      headers: ['prefer', 'respond-async'],
    })
    expect(answer.status).toBe(202)
    expect(answer.headers).toMatchObject({
      'preference-applied': 'respond-async',
      'retry-after': '1',
      'x-should-retry': 'false',
      location: `${node.url}/api/v1/generations/${answer.body.generationId}`,
    })
    const headers = { authorization: `Bearer ${apiKey}` }
    await eventually('it has succeeded', async () => {
      const shown = (await (await fetch(String(answer.headers.location), { headers })).json()) as {
        status: string
      }
      return shown.status === 'succeeded'
    })
  })
})

const good = { model: 'gpt-image-2', prompt: 'a harbour' }
const long = '🪨'.repeat(4_096)

describe('what is not a request', () => {
  let apiKey: string
  let accountId: string
  beforeAll(async () => {
    const made = await openAccount(rig, 500)
    apiKey = made.apiKey
    accountId = made.accountId
  })

  test.each<[string, unknown, string | null, string]>([
    ['no model', { prompt: 'x' }, 'model', 'parameter_missing'],
    ['no prompt', { model: 'gpt-image-2' }, 'prompt', 'parameter_missing'],
    ['a prompt of nothing', { ...good, prompt: '' }, 'prompt', 'invalid_parameter'],
    ['a prompt of white space', { ...good, prompt: ' \n\t ' }, 'prompt', 'invalid_parameter'],
    ['a prompt too long', { ...good, prompt: `${long}a` }, 'prompt', 'invalid_parameter'],
    ['a prompt of another type', { ...good, prompt: 5 }, 'prompt', 'invalid_parameter'],
    ['a prompt of null', { ...good, prompt: null }, 'prompt', 'invalid_parameter'],
    ['an unknown model', { ...good, model: 'nobody-1' }, 'model', 'invalid_parameter'],
    ['a model of another surface', { ...good, model: 'openai:gpt-image-1.5' }, 'model', 'invalid_parameter'],
    ['a model that nothing serves', { ...good, model: 'wan-2-7-image' }, 'model', 'invalid_parameter'],
    ['an unknown ratio', { ...good, aspect_ratio: '7:5' }, 'aspect_ratio', 'invalid_parameter'],
    ['a ratio of another type', { ...good, aspect_ratio: 1 }, 'aspect_ratio', 'invalid_parameter'],
    ['a ratio in other letters', { ...good, aspect_ratio: '1x1' }, 'aspect_ratio', 'invalid_parameter'],
    ['a resolution in other letters', { ...good, resolution: '2k' }, 'resolution', 'invalid_parameter'],
    ['a resolution it does not have', { ...good, resolution: '8K' }, 'resolution', 'invalid_parameter'],
    ['an unknown format', { ...good, output_format: 'gif' }, 'output_format', 'invalid_parameter'],
    ['a format in other letters', { ...good, output_format: 'JPEG' }, 'output_format', 'invalid_parameter'],
    ['jpg, which is no name of it', { ...good, output_format: 'jpg' }, 'output_format', 'invalid_parameter'],
    ['images of another type', { ...good, images: 'x' }, 'images', 'invalid_parameter'],
    [
      'nine images',
      { ...good, images: Array(9).fill({ url: 'https://a.example/b' }) },
      'images',
      'invalid_parameter',
    ],
    [
      'an image that is a text',
      { ...good, images: ['https://a.example/b'] },
      'images[0]',
      'invalid_parameter',
    ],
    ['an image without url', { ...good, images: [{}] }, 'images[0].url', 'parameter_missing'],
    ['an empty url', { ...good, images: [{ url: '' }] }, 'images[0].url', 'invalid_parameter'],
    [
      'bare base64',
      { ...good, images: [{ url: 'iVBORw0KGgoAAAANSUhEUg' }] },
      'images[0].url',
      'invalid_parameter',
    ],
    [
      'plain http',
      { ...good, images: [{ url: 'http://example.com/a.png' }] },
      'images[0].url',
      'invalid_parameter',
    ],
    [
      'an address within',
      { ...good, images: [{ url: 'https://127.0.0.1/a.png' }] },
      'images[0].url',
      'invalid_parameter',
    ],
    [
      'a data URL of text',
      { ...good, images: [{ url: 'data:text/plain;base64,aGk=' }] },
      'images[0].url',
      'invalid_parameter',
    ],
    [
      'a data URL of no picture',
      { ...good, images: [{ url: dataUrl(Buffer.from('hello')) }] },
      'images[0].url',
      'invalid_parameter',
    ],
    [
      'another role',
      { ...good, images: [{ url: 'https://a.example/b', role: 'style' }] },
      'images[0].role',
      'invalid_parameter',
    ],
    [
      'a member an image does not have',
      { ...good, images: [{ url: 'https://a.example/b', weight: 1 }] },
      'images[0].weight',
      'invalid_parameter',
    ],
    ['n, which is not honoured', { ...good, n: 2 }, 'n', 'invalid_parameter'],
    ['a seed, which is not honoured', { ...good, seed: 7 }, 'seed', 'invalid_parameter'],
    ['a list', [good], null, 'invalid_parameter'],
    ['no JSON', '{"model":', null, 'invalid_parameter'],
    ['nothing', ' ', null, 'invalid_parameter'],
    ['a key that stands twice', '{"model":"a","model":"b","prompt":"x"}', 'model', 'invalid_parameter'],
  ])('%s is 400 and names the field', async (_name, body, param, code) => {
    const answer = await getimg.post(apiKey, { body })
    expect([answer.status, faultOf(answer).param, faultOf(answer).code], answer.text.slice(0, 300)).toEqual([
      400,
      param,
      code,
    ])
    expect(faultOf(answer).message).not.toMatch(/aspectRatio|outputFormat|referenceCount/)
  })

  test('the second picture is named as the second, when it cannot be fetched', async () => {
    const images = [{ url: dataUrl(await photo()) }, { url: `${picturesUrl}/missing.png` }]
    const answer = await getimg.post(apiKey, { body: { ...good, images } })
    expect([answer.status, faultOf(answer).param]).toEqual([400, 'images[1].url'])
  })

  test('more pictures than the model takes are refused, and the number it takes is said', async () => {
    const images = Array(5).fill({ url: dataUrl(await photo()) })
    const answer = await getimg.post(apiKey, { body: { ...good, model: 'gemini-3-1-flash-image', images } })
    expect([answer.status, faultOf(answer).param]).toEqual([400, 'images'])
    expect(faultOf(answer).message).toBe('The number of images must be at most 4 for this model.')
  })

  test('another content type is 415, another method 405, and another path 404, each in five members', async () => {
    const headers = ['authorization', `Bearer ${apiKey}`]
    const path = '/v2/images/generations'
    const typed = await getimg.judge({
      method: 'POST',
      path,
      headers: [...headers, 'content-type', 'text/plain'],
      body: JSON.stringify(good),
    })
    expect([typed.status, faultOf(typed).code]).toEqual([415, 'invalid_parameter'])
    for (const mount of ['', '/getimg']) {
      const wrong = await getimg.judge({ method: 'GET', path: mount + path, headers })
      expect([wrong.status, wrong.headers.allow]).toEqual([405, 'POST'])
      // The window as it stands: no order, so it is not counted.
      expect(wrong.headers['x-ratelimit-remaining']).toBe(typed.headers['x-ratelimit-remaining'])
      for (const unknown of ['/v2/nothing', '/v2', '/v2/images', '/v2/models/x/y/z']) {
        const missing = await getimg.judge({ path: mount + unknown, headers })
        expect([missing.status, faultOf(missing).code], unknown).toEqual([404, 'not_found'])
      }
    }
    const below = await getimg.judge({ path: '/getimg/api/v1/account', headers })
    expect([below.status, faultOf(below).code]).toEqual([404, 'not_found'])
  })

  test('without a valid key it is 401, whatever else is wrong, and says where keys are managed', async () => {
    for (const headers of [[], ['authorization', 'Bearer sk_nonsense'], ['authorization', apiKey]]) {
      const answer = await getimg.judge({
        method: 'POST',
        path: '/v2/images/generations',
        headers: [...headers, 'content-type', 'application/json'],
        body: '{',
      })
      expect([answer.status, faultOf(answer).code, faultOf(answer).param]).toEqual([
        401,
        'invalid_api_key',
        null,
      ])
      expect(faultOf(answer).message).toMatch(/^Incorrect API key.*managed by the operator/)
    }
  })

  afterAll(async () => {
    // Nothing above was an order.
    expect(await countRows(accountId)).toBe(0)
    expect(await rig.balance(accountId)).toBe(500)
  })
})

test('a prompt of 4,096 code points is taken', async () => {
  const { apiKey } = await openAccount(rig, 1_000)
  expect((await getimg.post(apiKey, { body: { ...good, prompt: long } })).status).toBe(200)
})

describe('an order without an image', () => {
  test.each([
    ['refused by the model', 'moderation_input', 422, 'content_policy_violation'],
    ['failed at the model', 'html_500', 500, 'server_error'],
  ])('%s costs nothing and is not to be sent again', async (_name, directive, status, code) => {
    const { accountId, apiKey } = await openAccount(rig, 100)
    const body = { ...good, prompt: `ends badly [[emulate: ${directive}]]` }
    const answer = await getimg.post(apiKey, { body })
    expect([answer.status, faultOf(answer).code, faultOf(answer).param]).toEqual([status, code, null])
    expect(answer.headers['x-should-retry']).toBe('false')
    expect(answer.headers['x-darkroom-generation-id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(await rig.balance(accountId)).toBe(100)
  })

  test('too small a balance is 402 and nothing is begun', async () => {
    const { accountId, apiKey } = await openAccount(rig, 1)
    const answer = await getimg.post(apiKey, { body: { ...good, prompt: 'too poor' } })
    expect([answer.status, faultOf(answer).code]).toEqual([402, 'quota_exceeded'])
    // This API speaks dollars alone, whatever the wallet counts in.
    expect(faultOf(answer).message).toBe('This needs $0.075, and the account has less.')
    expect(answer.headers['x-should-retry']).toBeUndefined()
    expect(callsOf('too poor')).toBe(0)
    expect(await countRows(accountId)).toBe(0)
  })

  test('a cap of the key is 402, said in dollars', async () => {
    const { accountId } = await openAccount(rig, 1_000)
    const capped = await addKey(rig, { accountId, rate: null, inFlight: null, capDay: 1 })
    const answer = await getimg.post(capped, { body: { ...good, prompt: 'capped' } })
    expect([answer.status, faultOf(answer).code]).toEqual([402, 'quota_exceeded'])
    const text = 'This needs $0.075, and the API key may spend $0.0125 a day (UTC).'
    expect(faultOf(answer).message).toBe(text)
    expect(await countRows(accountId)).toBe(0)
  })

  test('one more than may be under way is 429 with Retry-After 1, counted over all keys of the account', async () => {
    const { accountId, apiKey } = await openAccount(rig, 1_000)
    const busy = Array.from({ length: 3 }, (_, index) =>
      getimg.post(apiKey, { body: { ...good, prompt: `busy ${index} [[emulate: slow=60000]]` } }),
    )
    for (const each of busy) each.catch(() => undefined)
    await eventually('three are under way', () => callsOf('busy') === 3)
    const sibling = await addKey(rig, { accountId })
    const answer = await getimg.post(sibling, { body: { ...good, prompt: 'one more' } })
    expect([answer.status, faultOf(answer).code, answer.headers['retry-after']]).toEqual([
      429,
      'rate_limit',
      '1',
    ])
    expect(answer.headers['x-should-retry']).toBeUndefined()
    expect(await countRows(accountId)).toBe(3)
    const own = await addKey(rig, { accountId, inFlight: 1 })
    expect((await getimg.post(own, { body: { ...good, prompt: 'by itself' } })).status).toBe(200)
  })
})

test("a plan's number of orders at once takes the place of ours and is shared by the keys of the account", async () => {
  const planned = await rig.startNode({ PLANS: 'free in-flight=1', GETIMG_REQUESTS_PER_MINUTE: '100000' })
  const { accountId, apiKey } = await openAccount(rig, 1_000)
  const post = async (key: string, prompt: string) => {
    const init = {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    }
    const answer = await fetch(`${planned.url}/v2/images/generations`, {
      ...init,
      body: JSON.stringify({ ...good, prompt }),
    })
    await answer.arrayBuffer()
    return answer.status
  }
  const busy = post(apiKey, 'planned [[emulate: slow=60000]]').catch(() => null)
  await eventually('one is under way', () => callsOf('planned') === 1)
  const sibling = await addKey(rig, { accountId })
  expect(await post(sibling, 'one more than the plan has')).toBe(429)
  const own = await addKey(rig, { accountId, inFlight: 1 })
  expect(await post(own, 'by its own number')).toBe(200)
  await planned.kill()
  expect(await busy).toBe(null)
})

describe('an idempotency key', () => {
  test('shows the same order again and charges once; with another body it is 422', async () => {
    const { accountId, apiKey } = await openAccount(rig, 1_000)
    const headers = ['idempotency-key', 'k-1']
    const body = { ...good, prompt: 'once' }
    const first = await getimg.post(apiKey, { body, headers })
    const left = await rig.balance(accountId)
    const again = await getimg.post(apiKey, { body, headers, mount: '/getimg' })
    expect([again.status, again.body, again.headers['idempotent-replayed']]).toEqual([
      200,
      first.body,
      'true',
    ])
    expect(callsOf('once')).toBe(1)
    expect(await rig.balance(accountId)).toBe(left)
    const other = await getimg.post(apiKey, { body: { ...body, resolution: '2K' }, headers })
    expect([other.status, faultOf(other).code, faultOf(other).param]).toEqual([
      422,
      'invalid_parameter',
      'Idempotency-Key',
    ])
  })
})

test('what the model does not offer is adapted for a caller who prefers that, and it is said', async () => {
  const { apiKey } = await openAccount(rig, 1_000)
  const body = { ...good, prompt: 'adapted', aspect_ratio: '7:5' }
  const answer = await getimg.post(apiKey, { body, headers: ['prefer', 'handling=lenient'] })
  expect(answer.status, answer.text).toBe(200)
  expect(answer.headers['preference-applied']).toBe('handling=lenient')
  expect(answer.headers['x-darkroom-warnings']).toMatch(/7:5/)
  expect(fileOf(answer).width).toBeGreaterThan(fileOf(answer).height)
})
