// Files by address alone: what opens, what it carries, and what does not open whatever is tried.
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findFreePort } from '../../src/db/embedded-cluster.ts'
import { createLinks } from '../../src/storage/links.ts'
import { createRig, eventually, generateImage, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import { sendRaw } from './raw-request.ts'

const secret = 'the secret that all nodes of this test share'
const earlier = 'the secret that was replaced by another one'
const filesHost = 'files.example.test'

let rig: Rig
let node: Node
let apiKey: string
let made: Shown

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode({ AUTH_SECRET: secret, AUTH_SECRET_EARLIER: earlier, LOG_LEVEL: 'info' })
  apiKey = (await rig.account({ credits: 1_000 })).apiKey
  made = await create('a fox')
})
afterAll(() => rig.close())

type Output = { url: string; png: string; webp: string; sha256: string; mediaType: string; sizeBytes: number }
type Shown = { id: string; outputs: Output[]; status: string }

async function create(prompt: string): Promise<Shown> {
  const answer = await fetch(`${node.url}/api/v1/generations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', prefer: 'wait=20' },
    body: JSON.stringify({ model: 'openai:gpt-image-2', prompt }),
  })
  return (await answer.json()) as Shown
}

async function show(id: string): Promise<Shown> {
  const headers = { authorization: `Bearer ${apiKey}` }
  return (await (await fetch(`${node.url}/api/v1/generations/${id}`, { headers })).json()) as Shown
}

function firstOf({ outputs }: Shown): Output {
  const [output] = outputs
  if (!output) throw new Error('no output')
  return output
}

const links = createLinks({ secrets: [secret], origin: () => node.url })
const inAnHour = () => new Date(Date.now() + 3_600_000)
const get = (url: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(url, { headers, method })
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer())

/** Every file answer, refusals included, is harmless in a browser. */
function expectHarmless(answer: Response): void {
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'cross-origin',
    'referrer-policy': 'no-referrer',
  })
  expect(answer.headers.get('set-cookie')).toBeNull()
}

describe('a permanent link', () => {
  test('gives the original byte for byte to anybody, with or without a key that means nothing here', async () => {
    const { url, png, sha256, mediaType, sizeBytes } = firstOf(made)
    expect(url).toBe(png)
    for (const headers of [
      {},
      { authorization: 'Bearer stray' },
      { authorization: `Bearer ${apiKey}` },
    ] as const) {
      const answer = await get(url, { ...headers })
      expect(answer.status).toBe(200)
      expectHarmless(answer)
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-type': mediaType,
        'content-length': String(sizeBytes),
        etag: `"${sha256}"`,
        'cache-control': 'public, max-age=31536000, immutable',
        'content-disposition': `inline; filename="${made.id}-0.png"`,
        'accept-ranges': 'bytes',
      })
      expect(
        createHash('sha256')
          .update(await bytesOf(answer))
          .digest('hex'),
      ).toBe(sha256)
    }
  })

  test('gives the same picture as WebP, each with a tag of its own, kept beside the original', async () => {
    const { webp, sha256 } = firstOf(made)
    expect(webp).toMatch(/\/0\.webp$/)
    const first = await get(webp)
    expectHarmless(first)
    expect(first.headers.get('content-type')).toBe('image/webp')
    const bytes = await bytesOf(first)
    expect(await sharp(bytes).metadata()).toMatchObject({ format: 'webp', width: 1024, height: 1024 })
    const tag = first.headers.get('etag')
    expect(tag).not.toBe(`"${sha256}"`)
    const again = await get(webp)
    expect(again.headers.get('etag')).toBe(tag)
    expect((await bytesOf(again)).equals(bytes)).toBe(true)
    expect(filesOf(made.id).filter(name => name.endsWith('.webp'))).toHaveLength(1)
    const thumb = links.publicLink({ generationId: made.id, index: 0, format: 'thumb' })
    expect(await sharp(await bytesOf(await get(thumb))).metadata()).toMatchObject({ width: 512, height: 512 })
  })

  test('answers HEAD, ranges and what the caller has already', async () => {
    for (const url of [firstOf(made).png, firstOf(made).webp]) {
      const whole = await bytesOf(await get(url))
      const head = await get(url, {}, 'HEAD')
      expect([head.status, head.headers.get('content-length')]).toEqual([200, String(whole.length)])
      expectHarmless(head)
      const etag = head.headers.get('etag') ?? ''
      for (const [range, from, to] of [
        ['bytes=0-9', 0, 10],
        ['bytes=10-', 10, whole.length],
        ['bytes=-7', whole.length - 7, whole.length],
        [`bytes=5-${whole.length + 100}`, 5, whole.length],
      ] as const) {
        const part = await get(url, { range })
        expect([part.status, part.headers.get('content-range')], range).toEqual([
          206,
          `bytes ${from}-${to - 1}/${whole.length}`,
        ])
        expectHarmless(part)
        expect((await bytesOf(part)).equals(whole.subarray(from, to)), range).toBe(true)
      }
      for (const range of [`bytes=${whole.length}-`, 'bytes=-0']) {
        const none = await get(url, { range })
        expect([none.status, none.headers.get('content-range')], range).toEqual([
          416,
          `bytes */${whole.length}`,
        ])
        expectHarmless(none)
      }
      for (const range of ['bytes=9-1', 'bytes=0-1,4-5', 'lines=1-2', 'bytes=x-', 'bytes=-']) {
        expect((await get(url, { range })).status, range).toBe(200)
      }
      expect((await get(url, { range: 'bytes=0-9', 'if-range': etag })).status).toBe(206)
      expect((await get(url, { range: 'bytes=0-9', 'if-range': '"other"' })).status).toBe(200)
      for (const tags of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const known = await get(url, { 'if-none-match': tags })
        expect([known.status, known.headers.get('etag')], tags).toEqual([304, etag])
      }
      expect((await get(url, { 'if-none-match': '"other"' })).status).toBe(200)
    }
  })

  test('opens nothing once a letter, the index, the format or the method is another', async () => {
    const { png } = firstOf(made)
    const flip = (text: string) => (text.endsWith('A') ? 'B' : 'A')
    const token = png.split('/').at(-2) ?? ''
    const wrong = [
      png.replace(token, token.slice(0, -1) + flip(token)),
      png.replace(token, token.toLowerCase() === token ? token.toUpperCase() : token.toLowerCase()),
      png.replace(/0\.png$/, '1.png'),
      png.replace(/png$/, 'webp'),
      png.replace(/png$/, 'jpg'),
      png.replace(/0\.png$/, '0.svg'),
      png.replace(/0\.png$/, ''),
      png.replace(made.id, made.id.toUpperCase()),
      png.replace(made.id, '0198c0de-7000-7abc-8def-0123456789ab'),
      `${png}/x`,
      `${node.url}/files/`,
      `${node.url}/files/${made.id}/0.png`,
    ]
    const answers = await Promise.all(wrong.map(url => get(url)))
    answers.push(
      ...(await Promise.all(['POST', 'PUT', 'DELETE', 'OPTIONS'].map(method => get(png, {}, method)))),
    )
    for (const answer of answers) {
      expect([answer.status, await answer.json()], answer.url).toEqual([
        404,
        { error: 'There is no such file.', code: 'not_found' },
      ])
      expectHarmless(answer)
      expect(answer.headers.get('cache-control')).toBe('no-store')
    }
  })

  test('of a secret that was replaced still opens, of a foreign one does not', async () => {
    const output = { generationId: made.id, index: 0, format: 'png' as const }
    const of = (text: string) => createLinks({ secrets: [text], origin: () => node.url }).publicLink(output)
    expect((await get(of(earlier))).status).toBe(200)
    expect((await get(of('a secret of nobody that is long enough'))).status).toBe(404)
  })

  test('does not exist for what its dialect keeps private, which its owner reads in any format', async () => {
    const { body } = await generateImage(node, apiKey, { prompt: 'private' })
    const id = body.image?.id ?? ''
    const { outputs } = await show(id)
    const [output] = outputs
    expect(output?.url).toBe(`${node.url}/api/v1/generations/${id}/images/0`)
    expect(output?.webp).toBe(`${output?.url}?format=webp`)
    expect((await get(links.publicLink({ generationId: id, index: 0, format: 'png' }))).status).toBe(404)
    expect((await get(output?.webp ?? '')).status).toBe(401)
    const own = await get(output?.webp ?? '', { authorization: `Bearer ${apiKey}` })
    expect(await sharp(await bytesOf(own)).metadata()).toMatchObject({ format: 'webp' })
    expect(own.headers.get('cache-control')).toMatch(/^private/)
    expect(own.headers.get('cross-origin-resource-policy')).toBe('same-origin')
    const wrong = await get(`${output?.url}?format=svg`, { authorization: `Bearer ${apiKey}` })
    expect([wrong.status, JSON.stringify(await wrong.json())]).toEqual([
      400,
      expect.stringContaining('format'),
    ])
  })
})

describe('a signed link', () => {
  test('opens until its end, is kept by the caller alone, and is refused with anything changed', async () => {
    const output = { generationId: made.id, index: 0, format: 'webp' as const }
    const url = links.signedLink(output, inAnHour())
    const answer = await get(url)
    expect(answer.status).toBe(200)
    expectHarmless(answer)
    const [, maxAge] = /^private, max-age=(\d+)$/.exec(answer.headers.get('cache-control') ?? '') ?? []
    expect(Number(maxAge)).toBeGreaterThan(3_000)
    expect(Number(maxAge)).toBeLessThanOrEqual(3_600)
    const { exp, sig } = links.sign(output, inAnHour())
    const past = links.signedLink(output, new Date(Date.parse('2026-01-01T00:00:00Z')))
    const at = `${node.url}/files/${made.id}/0.webp`
    const wrong = [
      past,
      at,
      `${at}?exp=${exp}`,
      `${at}?sig=${sig}`,
      `${at}?exp=${exp + 1}&sig=${sig}`,
      `${at}?exp=${exp}&sig=${sig.slice(0, -1)}${sig.endsWith('0') ? '1' : '0'}`,
      `${at}?exp=${exp}&exp=${exp}&sig=${sig}`,
      `${node.url}/files/${made.id}/1.webp?exp=${exp}&sig=${sig}`,
      `${node.url}/files/${made.id}/0.png?exp=${exp}&sig=${sig}`,
    ]
    for (const each of wrong) {
      const refused = await get(each)
      expect([refused.status, await refused.json()], each).toEqual([
        404,
        { error: 'There is no such file.', code: 'not_found' },
      ])
    }
    expect((await get(`${at}?exp=${exp}&sig=${sig}`, {}, 'POST')).status).toBe(404)
  })

  test('no token and no signature reaches the log', async () => {
    const token = firstOf(made).png.split('/').at(-2) ?? 'none'
    const { sig } = links.sign({ generationId: made.id, index: 0, format: 'png' }, inAnHour())
    await get(links.signedLink({ generationId: made.id, index: 0, format: 'png' }, inAnHour()), {
      'x-request-id': 'the-signed-one',
    })
    await eventually('the request is logged', () => node.output.some(line => line.includes('the-signed-one')))
    const log = node.output.join('\n')
    expect(log).toContain('/files/:id/:token/:name')
    for (const hidden of [token, sig, secret, earlier]) expect(log.includes(hidden)).toBe(false)
  })
})

describe('files that end', () => {
  test('show signed links until then; from then on nothing is shown or read, and the sweep takes the bytes', async () => {
    const { id } = await create('a picture for a day')
    const end = new Date(Math.floor(inAnHour().getTime() / 1000) * 1000)
    await ask(
      rig.database.db,
      "UPDATE generation SET dialect = 'getimg', files_expire_at = $2 WHERE id = $1",
      [id, end],
    )
    await ask(
      rig.database.db,
      `UPDATE generation_total SET succeeded = succeeded - 1 WHERE dialect = 'native'`,
    )
    const { webp, url } = firstOf(await show(id))
    expect(new URL(webp).searchParams.get('exp')).toBe(String(end.getTime() / 1000))
    for (const each of [webp, url]) expect((await get(each)).status).toBe(200)
    expect(filesOf(id)).toHaveLength(2)
    // A longer signature does not outlive the file.
    const longer = links.signedLink(
      { generationId: id, index: 0, format: 'png' },
      new Date(end.getTime() + 9e9),
    )
    expect(
      Number(/max-age=(\d+)/.exec((await get(longer)).headers.get('cache-control') ?? '')?.[1]),
    ).toBeLessThan(3_601)
    await ask(
      rig.database.db,
      "UPDATE generation SET files_expire_at = app_now() - interval '1 s' WHERE id = $1",
      [id],
    )
    for (const each of [webp, url, longer]) expect((await get(each)).status).toBe(404)
    expect((await show(id)).outputs).toEqual([])
    await eventually('the sweep has removed the bytes', () => filesOf(id).length === 0)
    await eventually('the row says so', async () => {
      const [row] = await ask<{ done: boolean }>(
        rig.database.db,
        'SELECT files_removed_at IS NOT NULL AS done FROM generation WHERE id = $1',
        [id],
      )
      return row?.done === true
    })
    expect((await show(id)).status).toBe('succeeded')
  })
})

describe('FILES_URL', () => {
  test('is the origin of links, and under its host nothing but files is answered', async () => {
    const port = await findFreePort()
    const apart = { url: `http://127.0.0.1:${port}` }
    await rig.startNode({
      AUTH_SECRET: secret,
      PORT: String(port),
      PUBLIC_URL: 'https://images.example.test',
      FILES_URL: `https://${filesHost}`,
    })
    const answer = await sendRaw(apart.url, {
      path: `/api/v1/generations/${made.id}`,
      headers: ['authorization', `Bearer ${apiKey}`],
    })
    const { png } = firstOf(JSON.parse(answer.text) as Shown)
    expect(new URL(png).origin).toBe(`https://${filesHost}`)
    const path = new URL(png).pathname
    const names = [
      filesHost,
      filesHost.toUpperCase(),
      `${filesHost}.`,
      `${filesHost}:443`,
      `${filesHost}:8080`,
    ]
    for (const host of names) {
      expect((await sendRaw(apart.url, { path, host })).status, host).toBe(200)
      for (const other of [
        '/healthz',
        '/',
        '/openapi.json',
        `/api/v1/generations/${made.id}`,
        '/api/auth/session',
      ]) {
        const refused = await sendRaw(apart.url, {
          path: other,
          host,
          headers: ['authorization', `Bearer ${apiKey}`],
        })
        expect([refused.status, refused.headers['set-cookie']], `${host}${other}`).toEqual([404, undefined])
      }
      expect((await sendRaw(apart.url, { path: '/api/v1/generations', host, method: 'POST' })).status).toBe(
        404,
      )
    }
    // The whole address in the request line wins over the header, so it must not get round it either.
    const absolute = await sendRaw(apart.url, {
      path: `http://${filesHost}/healthz`,
      host: 'images.example.test',
    })
    expect(absolute.status).toBe(404)
    const reversed = await sendRaw(apart.url, { path: 'http://images.example.test/healthz', host: filesHost })
    expect(reversed.status).toBe(404)
    for (const host of ['images.example.test', 'balancer', `x${filesHost}`, `${filesHost}.evil.test`]) {
      expect((await sendRaw(apart.url, { path: '/healthz', host })).status, host).toBe(200)
      // Links given out before FILES_URL was set go on opening.
      expect((await sendRaw(apart.url, { path, host })).status, host).toBe(200)
    }
  })
})

/** Names of the objects of a generation, without its manifest. */
function filesOf(id: string): string[] {
  const folder = join(rig.dataDir, 'images', 'g', id.slice(-2))
  return readdirSync(folder).filter(name => name.startsWith(`${id}-`))
}
