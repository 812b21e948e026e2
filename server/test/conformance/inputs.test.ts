// Pictures that customers send, over the wire: uploads, addresses and data URLs as inputs of the native API, and
// everything that must not come of them.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adjustCredits } from '../../src/credits/ledger.ts'
import { maxInputBytes } from '../../src/uploads/check-input.ts'
import { createRig, type Node, type Rig } from '../harness.ts'

let rig: Rig
let node: Node
let pictures: Server
let picturesUrl: string
let served = 0

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  pictures = createServer(async (request, response) => {
    served += 1
    if (request.url !== '/photo.png') return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': 'text/html' }).end(await photo())
  })
  pictures.listen(0, '127.0.0.1')
  await once(pictures, 'listening')
  const { port } = pictures.address() as AddressInfo
  picturesUrl = `http://127.0.0.1:${port}`
  node = await rig.startNode({ OUTBOUND_ALLOW: `127.0.0.1:${port}` })
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

/** Clear in its left half. */
async function mask(width = 96, height = 64): Promise<Buffer> {
  const hole = { width: width / 2, height, channels: 4 as const, background: '#ffffffff' }
  return await sharp({ create: { width, height, channels: 4, background: '#000000ff' } })
    .composite([
      { input: await sharp({ create: hole }).png().toBuffer(), left: 0, top: 0, blend: 'dest-out' },
    ])
    .ensureAlpha()
    .png()
    .toBuffer()
}

const dataUrl = (bytes: Buffer, type = 'image/png') => `data:${type};base64,${bytes.toString('base64')}`

type Answer = {
  status: number
  headers: Headers
  body: Record<string, unknown> & { issues?: { path: string }[] }
}

async function post(
  apiKey: string,
  path: string,
  { body, headers = {} }: { body: object; headers?: object },
): Promise<Answer> {
  const sent = await fetch(node.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: sent.status, headers: sent.headers, body: (await sent.json()) as Answer['body'] }
}

const generate = (apiKey: string, body: object, headers = {}) =>
  post(apiKey, '/api/v1/generations', {
    body: { prompt: 'a red boat', ...body },
    headers: { prefer: 'wait=30', ...headers },
  })

type Ticket = { url: string; key: string; expiresAt: string }

async function announce(apiKey: string, bytes: Buffer, headers = {}): Promise<Ticket> {
  const body = { filename: 'photo.png', contentType: 'image/png', size: bytes.length }
  const answer = await post(apiKey, '/api/v1/upload', { body, headers })
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  return answer.body as unknown as Ticket
}

const put = (url: string, bytes: Buffer, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'PUT',
    body: new Uint8Array(bytes),
    headers: { 'content-type': 'image/png', ...headers },
  })

async function upload(apiKey: string, bytes: Buffer): Promise<string> {
  const { url, key } = await announce(apiKey, bytes)
  expect((await put(url, bytes)).status).toBe(200)
  return key
}

describe('an edit', () => {
  test('works from an upload, an address and a data URL alike, at the emulated and the built-in model', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 1_000 })
    const key = await upload(apiKey, await photo())
    const images = [{ uploadKey: key }, { url: `${picturesUrl}/photo.png` }, { url: dataUrl(await photo()) }]
    for (const model of ['gpt-image-2', 'darkroom:sketch']) {
      const made = await generate(apiKey, { model, images, mask: { url: dataUrl(await mask()) } })
      expect([made.status, made.body.status, made.body.type], JSON.stringify(made.body)).toEqual([
        200,
        'succeeded',
        'edit',
      ])
    }
    const sent = rig.openai.requests.find(({ path }) => path === '/v1/images/edits')
    expect(sent?.fields).toMatchObject({
      images: [{ mediaType: 'image/png' }, { mediaType: 'image/png' }, { mediaType: 'image/png' }],
      mask: { sizeBytes: expect.any(Number) },
    })
    expect(await rig.balance(accountId)).toBeLessThan(1_000)
  })

  test('needs a mask that is transparent somewhere, wherever the mask lies, and costs nothing otherwise', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 1_000 })
    const images = [{ url: dataUrl(await photo()) }]
    const withoutAlpha = await photo()
    const opaque = await sharp(withoutAlpha).ensureAlpha().png().toBuffer()
    const key = await upload(apiKey, opaque)
    for (const [mask, field] of [
      [{ url: dataUrl(withoutAlpha) }, 'mask.url'],
      [{ url: dataUrl(opaque) }, 'mask.url'],
      [{ url: `${picturesUrl}/photo.png` }, 'mask.url'],
      [{ uploadKey: key }, 'mask.uploadKey'],
      // The second time it lies there checked.
      [{ uploadKey: key }, 'mask.uploadKey'],
    ] as const) {
      const refused = await generate(apiKey, { model: 'gpt-image-2', images, mask })
      expect([refused.status, refused.body.issues?.[0]?.path], JSON.stringify(mask).slice(0, 60)).toEqual([
        400,
        field,
      ])
      expect(refused.body.error).toMatch(/no transparent pixel/)
    }
    expect(await rig.balance(accountId)).toBe(1_000)
    const good = { uploadKey: await upload(apiKey, await mask()) }
    for (const model of ['gpt-image-2', 'darkroom:sketch']) {
      const made = await generate(apiKey, { model, images, mask: good })
      expect([made.status, made.body.status]).toEqual([200, 'succeeded'])
    }
  })

  test('takes a data URL of the largest picture there may be', async () => {
    const { apiKey } = await rig.account({ credits: 1_000 })
    const [width, height] = [2_000, 1_600]
    const noise = randomBytes(width * height * 3)
    const bytes = await sharp(noise, { raw: { width, height, channels: 3 } })
      .png({ compressionLevel: 0 })
      .toBuffer()
    // What stands behind the end of a PNG is no part of the picture.
    const largest = Buffer.concat([bytes, Buffer.alloc(maxInputBytes - bytes.length)])
    const made = await generate(apiKey, { model: 'darkroom:sketch', images: [{ url: dataUrl(largest) }] })
    expect([made.status, made.body.status], JSON.stringify(made.body)).toEqual([200, 'succeeded'])
    const larger = Buffer.concat([largest, Buffer.alloc(1)])
    const refused = await generate(apiKey, { model: 'darkroom:sketch', images: [{ url: dataUrl(larger) }] })
    expect([refused.status, refused.body.issues?.[0]?.path]).toEqual([400, 'images.0.url'])
  })

  test('refuses a body of very many values at once, in a short answer', async () => {
    const { apiKey } = await rig.account({ credits: 0 })
    const crowd = Object.fromEntries(Array.from({ length: 500_000 }, (_, at) => [`k${at}`, at]))
    const refused = await generate(apiKey, crowd)
    expect([refused.status, refused.body.error]).toEqual([
      400,
      'The request body holds more than 2000 values.',
    ])
    const some = Object.fromEntries(Array.from({ length: 1_500 }, (_, at) => [`key-${at}`, at]))
    const short = await generate(apiKey, some)
    expect(short.status).toBe(400)
    expect(JSON.stringify(short.body).length).toBeLessThan(2_000)
  })

  test('is another order when its pictures differ, and the same when they do not', async () => {
    const { apiKey } = await rig.account({ credits: 1_000 })
    const key = { 'idempotency-key': 'edit-1' }
    const body = { model: 'darkroom:sketch', images: [{ url: `${picturesUrl}/photo.png` }] }
    const first = await generate(apiKey, body, key)
    expect(first.body.status).toBe('succeeded')
    const before = served
    const again = await generate(apiKey, body, key)
    expect([again.body.id, again.headers.get('idempotent-replayed')]).toEqual([first.body.id, 'true'])
    // The picture may be gone by now, and a repeat must show the same all the same.
    expect(served).toBe(before)
    const other = await generate(apiKey, { ...body, images: [{ url: dataUrl(await photo()) }] }, key)
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused'])
  })

  test('names the picture that is wrong, charges nothing and leaves the key unused', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 1_000 })
    const model = 'darkroom:sketch'
    const good = { url: dataUrl(await photo()) }
    const cases: [object, string][] = [
      [{ images: [good, { url: 'iVBORw0KGgo' }] }, 'images.1.url'],
      [{ images: [good, { url: 'http://pictures.example/a.png' }] }, 'images.1.url'],
      [{ images: [{ url: 'https://127.0.0.1/a.png' }] }, 'images.0.url'],
      [{ images: [{ url: `${picturesUrl}/gone.png` }] }, 'images.0.url'],
      [
        { images: [{ url: dataUrl(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')) }] },
        'images.0.url',
      ],
      [{ images: [{ url: 'data:image/png;base64,@@@@' }] }, 'images.0.url'],
      [{ images: [{ url: 'data:text/html;base64,AAAA' }] }, 'images.0.url'],
      [{ images: [{ uploadKey: `up_${'x'.repeat(32)}` }] }, 'images.0.uploadKey'],
      [{ images: [{ uploadKey: '../../etc/passwd' }] }, 'images.0.uploadKey'],
      [{ images: [{}] }, 'images.0'],
      [{ images: [{ ...good, uploadKey: 'x' }] }, 'images.0'],
      [{ images: [{ ...good, role: 'style' }] }, 'images.0.role'],
      [{ images: Array.from({ length: 5 }, () => good) }, 'images'],
      [{ mask: good }, 'mask'],
      [{ images: [good], mask: { url: dataUrl(await mask(64, 64)) } }, 'mask.url'],
      [
        {
          images: [good],
          mask: {
            url: dataUrl(
              await sharp(await photo())
                .jpeg()
                .toBuffer(),
            ),
          },
        },
        'mask.url',
      ],
    ]
    for (const [body, path] of cases) {
      const answer = await generate(apiKey, { model, ...body }, { 'idempotency-key': 'unused' })
      const shown = JSON.stringify(body).slice(0, 100)
      expect([answer.status, answer.body.code], shown).toEqual([400, 'invalid_request'])
      expect(
        answer.body.issues?.map(issue => issue.path),
        shown,
      ).toContain(path)
    }
    const none = await generate(apiKey, { model: 'black-forest-labs/flux-schnell', images: [good] })
    expect(none.status).toBe(400)
    const used = await generate(apiKey, { model, images: [good] }, { 'idempotency-key': 'unused' })
    expect(used.body.status).toBe('succeeded')
    expect(await rig.balance(accountId)).toBe(1_000)
  })

  test('fetches and checks nothing for an account that cannot pay or has no place left', async () => {
    const model = 'openai:gpt-image-2'
    const before = served
    const images = [{ url: `${picturesUrl}/photo.png` }]
    const poor = await rig.account({ credits: 1 })
    const refused = await generate(poor.apiKey, { model, images })
    expect([refused.status, refused.body.code]).toEqual([402, 'insufficient_credits'])
    const busy = await rig.account({ credits: 1_000, key: { inFlight: 1 } })
    const slow = await generate(
      busy.apiKey,
      { model, prompt: 'a boat [[emulate: hang]]' },
      { prefer: 'respond-async' },
    )
    const full = await generate(busy.apiKey, { model, images })
    expect([full.status, full.body.code]).toEqual([429, 'too_many_in_flight'])
    expect(served).toBe(before)
    // The same order again is no new one, whatever is left to pay with.
    const once = await rig.account({ credits: 1_000 })
    const headers = { 'idempotency-key': 'spent' }
    const made = await generate(once.apiKey, { model, images }, headers)
    await rig.database.db.transaction(tx =>
      adjustCredits(tx, {
        ...{ accountId: once.accountId, amount: -1_000 },
        ...{ reference: 'all', description: 'spent' },
      }),
    )
    expect((await generate(once.apiKey, { model, images }, headers)).body.id).toBe(made.body.id)
    await fetch(`${node.url}/api/v1/generations/${slow.body.id}/cancel`, {
      method: 'POST',
      headers: { authorization: `Bearer ${busy.apiKey}` },
    })
  })

  test('tells the same of every address that it may not or cannot reach', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const texts = new Set<unknown>()
    const urls = [
      'https://10.0.0.1/x',
      'https://localhost/x',
      'https://169.254.169.254/latest',
      'https://[::1]/x',
    ]
    for (const url of [...urls, `${picturesUrl}/gone.png`, `${node.url.replace('http:', 'https:')}/x`]) {
      const answer = await generate(apiKey, { model: 'darkroom:sketch', images: [{ url }] })
      expect(answer.status).toBe(400)
      texts.add(answer.body.error)
    }
    expect([...texts]).toEqual([
      'The picture in images.0.url could not be fetched; its address must be https, public and without a redirect.',
    ])
  })
})

describe('an upload', () => {
  test('is written once, with the type and length announced, at an address that ends', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const bytes = await photo()
    const { url, key, expiresAt } = await announce(apiKey, bytes)
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(250_000)
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(300_000)
    const later = url.replace(/exp=\d+/, `exp=${Math.floor(Date.now() / 1000) + 9_000}`)
    const refused: [string, Promise<Response>, number][] = [
      ['a byte more', put(url, Buffer.concat([bytes, Buffer.from('x')])), 400],
      ['a byte less', put(url, bytes.subarray(1)), 400],
      ['another type', put(url, bytes, { 'content-type': 'image/webp' }), 400],
      ['no type', put(url, bytes, { 'content-type': '' }), 400],
      ['a later end', put(later, bytes), 403],
      ['no signature', put(url.replace(/&sig=.*/, ''), bytes), 403],
      [
        'another signature',
        put(
          url.replace(/.$/, last => (last === '0' ? '1' : '0')),
          bytes,
        ),
        403,
      ],
      ['another key', put(url.replace(key, `up_${'a'.repeat(32)}`), bytes), 403],
      ['a path', put(url.replace(key, '..%2F..%2Fx'), bytes), 403],
    ]
    for (const [what, answer, status] of refused)
      expect([what, (await answer).status]).toEqual([what, status])
    // Chunked: nobody says how long it is.
    const chunked = await fetch(url, {
      method: 'PUT',
      headers: { 'content-type': 'image/png' },
      body: new Blob([new Uint8Array(bytes)]).stream(),
      duplex: 'half',
    } as RequestInit)
    expect(chunked.status).toBe(400)
    expect((await fetch(url)).status).toBe(405)
    const both = await Promise.all([put(url, bytes), put(url, bytes)])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 400])
    expect((await put(url, bytes)).status).toBe(400)
    const made = await generate(apiKey, { model: 'darkroom:sketch', images: [{ uploadKey: key }] })
    expect(made.body.status).toBe('succeeded')
  })

  test('is of use to its own account alone, and looks unknown to any other, as does one never sent', async () => {
    const owner = await rig.account({ credits: 100 })
    const stranger = await rig.account({ credits: 100 })
    const key = await upload(owner.apiKey, await photo())
    const unsent = (await announce(owner.apiKey, await photo())).key
    const model = 'darkroom:sketch'
    const asks: [string, string][] = [
      [stranger.apiKey, key],
      [owner.apiKey, unsent],
      [owner.apiKey, `up_${'0'.repeat(32)}`],
    ]
    const texts = new Set<unknown>()
    for (const [apiKey, uploadKey] of asks) {
      const answer = await generate(apiKey, { model, images: [{ uploadKey }] })
      expect(answer.status).toBe(400)
      texts.add(answer.body.error)
    }
    expect(texts.size).toBe(1)
    expect((await generate(owner.apiKey, { model, images: [{ uploadKey: key }] })).body.status).toBe(
      'succeeded',
    )
  })

  test('serves two orders at once and more later, each with the same checked picture', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const key = await upload(apiKey, await photo())
    const order = (seed: number) =>
      generate(apiKey, { model: 'darkroom:sketch', images: [{ uploadKey: key }], seed })
    const made = [...(await Promise.all([order(1), order(2), order(3)])), await order(4)]
    expect(made.map(({ body }) => body.status)).toEqual(made.map(() => 'succeeded'))
    const rows = await rig.database.db.query<{ key: string }>({
      name: 'inputs_of_upload',
      text: `SELECT DISTINCT inputs->'references'->0->>'key' AS key FROM generation
        WHERE inputs->'references'->0->>'key' LIKE 'u/%' AND created_at > now() - interval '1 minute'
          AND inputs->'references'->0->>'key' LIKE '%${key}%'`,
    })
    expect(rows).toHaveLength(1)
  })

  test('under one idempotency key is one upload, and another request under it is refused', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const bytes = await photo()
    const headers = { 'idempotency-key': 'upload-1' }
    const first = await announce(apiKey, bytes, headers)
    const again = await announce(apiKey, bytes, headers)
    expect(again.key).toBe(first.key)
    expect((await put(again.url, bytes)).status).toBe(200)
    const body = { filename: 'other.png', contentType: 'image/png', size: bytes.length }
    expect((await post(apiKey, '/api/v1/upload', { body, headers })).status).toBe(422)
    const stranger = await rig.account({ credits: 0 })
    expect((await announce(stranger.apiKey, bytes, headers)).key).not.toBe(first.key)
  })

  test('is announced with a type, a length and a name that are possible', async () => {
    const { apiKey } = await rig.account({ credits: 0 })
    const good = { filename: 'a.png', contentType: 'image/png', size: 10 }
    const cases: [object, string][] = [
      [{ ...good, size: 0 }, 'size'],
      [{ ...good, size: 10_000_001 }, 'size'],
      [{ ...good, size: 1.5 }, 'size'],
      [{ ...good, contentType: 'image/svg+xml' }, 'contentType'],
      [{ ...good, contentType: undefined }, 'contentType'],
      [{ ...good, filename: '' }, 'filename'],
      [{ ...good, filename: '🎨'.repeat(201) }, 'filename'],
      [{ ...good, accountId: 'x' }, 'body'],
    ]
    for (const [body, path] of cases) {
      const answer = await post(apiKey, '/api/v1/upload', { body })
      expect([answer.status, answer.body.issues?.map(issue => issue.path)]).toEqual([400, [path]])
    }
    expect(
      (await post(apiKey, '/api/v1/upload', { body: { ...good, filename: '🎨'.repeat(200) } })).status,
    ).toBe(200)
    expect((await post('dr_wrong', '/api/v1/upload', { body: good })).status).toBe(401)
    const reader = await rig.account({ credits: 0, key: { scopes: ['read'] } })
    expect((await post(reader.apiKey, '/api/v1/upload', { body: good })).status).toBe(403)
  })
})
