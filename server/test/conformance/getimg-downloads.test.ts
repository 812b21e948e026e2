// getimg's signed downloads: what an address opens, for how long, and that everything wrong with one is the same 404.
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLinks } from '../../src/storage/links.ts'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import {
  type Contract,
  faultOf,
  fileOf,
  type GetimgFile,
  imageOf,
  openAccount,
  openContract,
} from './getimg-contract.ts'

let rig: Rig
let node: Node
let getimg: Contract
let apiKey: string

const secret = 'a secret that is long enough for links of this test'

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode({
    AUTH_SECRET: secret,
    GETIMG_REQUESTS_PER_MINUTE: '100000',
    GETIMG_FILES_LIFETIME_S: '3600',
  })
  getimg = await openContract(node.url)
  apiKey = (await openAccount(rig, 10_000)).apiKey
})
afterAll(() => rig.close())

async function make(body: Record<string, unknown> = {}): Promise<{ id: string; file: GetimgFile }> {
  const order = { model: 'gemini-3-1-flash-image', prompt: 'a kettle', output_format: 'webp', ...body }
  const answer = await getimg.post(apiKey, { body: order })
  return { id: imageOf(answer).id, file: fileOf(answer) }
}

const get = (url: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(url, { headers, method })
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer())

async function newestRow(): Promise<string> {
  const text = "SELECT id FROM generation WHERE dialect = 'getimg' ORDER BY created_at DESC LIMIT 1"
  const [row] = await ask<{ id: string }>(rig.database.db, text)
  return row?.id ?? ''
}

/** Names of the objects of a generation, without its manifest. */
function filesOf(id: string): string[] {
  const folder = join(rig.dataDir, 'images', 'g', id.slice(-2))
  return readdirSync(folder).filter(name => name.startsWith(`${id}-`))
}

const refusal = {
  error: {
    message: 'There is no such file.',
    type: 'invalid_request_error',
    param: null,
    code: 'not_found',
    doc_url: null,
  },
}

async function expectGone(answer: Response): Promise<void> {
  expect([answer.status, await answer.json()], answer.url).toEqual([404, refusal])
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  })
}

describe('an address', () => {
  test('opens without a key and whatever key is sent, at the root and below /getimg, kept no longer than it lasts', async () => {
    const { file } = await make()
    const below = file.url.replace('/v2/', '/getimg/v2/')
    const digests = new Set<string>()
    for (const [url, headers] of [
      [file.url, {}],
      [file.url, { authorization: 'Bearer stray' }],
      [below, {}],
    ] as const) {
      const answer = await get(url, { ...headers })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('image/webp')
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      const [, maxAge] = /^private, max-age=(\d+)$/.exec(answer.headers.get('cache-control') ?? '') ?? []
      expect(Number(maxAge)).toBeGreaterThan(3_000)
      expect(Number(maxAge)).toBeLessThanOrEqual(3_600)
      digests.add(
        createHash('sha256')
          .update(await bytesOf(answer))
          .digest('hex'),
      )
    }
    expect(digests.size).toBe(1)
  })

  test('answers HEAD, ranges and what the caller has already', async () => {
    for (const format of ['webp', 'png']) {
      const { file } = await make({ output_format: format })
      const whole = await bytesOf(await get(file.url))
      const head = await get(file.url, {}, 'HEAD')
      expect([head.status, head.headers.get('content-length')]).toEqual([200, String(whole.length)])
      const etag = head.headers.get('etag') ?? ''
      const part = await get(file.url, { range: 'bytes=5-14' })
      expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 5-14/${whole.length}`])
      expect((await bytesOf(part)).equals(whole.subarray(5, 15))).toBe(true)
      expect((await get(file.url, { range: `bytes=${whole.length}-` })).status).toBe(416)
      const known = await get(file.url, { 'if-none-match': etag })
      expect([known.status, known.headers.get('etag')]).toEqual([304, etag])
      expect((await get(file.url, { 'if-none-match': '"other"' })).status).toBe(200)
      expect((await sharp(whole).metadata()).format).toBe(format)
      const same = await get(file.url, { 'if-none-match': etag }, 'HEAD')
      expect([same.status, same.headers.get('etag')]).toEqual([304, etag])
    }
    // The framework wraps an answer to HEAD once more: it must not be sent twice.
    expect(node.output.filter(line => line.includes('ERR_'))).toEqual([])
  })

  test('opens nothing with any part of it changed, by another method, or made with another secret', async () => {
    const { file, id } = await make()
    const other = await make({ prompt: 'another kettle' })
    const url = new URL(file.url)
    const exp = url.searchParams.get('exp') ?? ''
    const sig = url.searchParams.get('sig') ?? ''
    const at = `${node.url}/v2/downloads/${id}/0`
    const flip = (text: string, index: number) =>
      text.slice(0, index) + (text[index] === '0' ? '1' : '0') + text.slice(index + 1)
    const foreign = createLinks({
      secrets: ['a secret of nobody that is long enough'],
      origin: () => node.url,
    })
    const generationId = await newestRow()
    const wrongSecret = foreign.sign({ generationId, index: 0, format: 'webp' }, new Date(Number(exp) * 1000))
    const links = createLinks({ secrets: [secret], origin: () => node.url })
    const past = links.sign({ generationId, index: 0, format: 'webp' }, new Date(Date.now() - 5_000))
    const wrong = [
      at,
      `${at}?exp=${exp}`,
      `${at}?sig=${sig}`,
      `${at}?exp=${Number(exp) + 1}&sig=${sig}`,
      `${at}?exp=0${exp}&sig=${sig}`,
      `${at}?exp=${exp}&exp=${exp}&sig=${sig}`,
      `${at}?exp=${exp}&sig=${sig.toUpperCase()}`,
      `${at}?exp=${exp}&sig=${sig}0`,
      ...[0, 31, 63].map(index => `${at}?exp=${exp}&sig=${flip(sig, index)}`),
      `${node.url}/v2/downloads/${id}/1?exp=${exp}&sig=${sig}`,
      `${node.url}/v2/downloads/${id}/00?exp=${exp}&sig=${sig}`,
      `${node.url}/v2/downloads/${id}/-1?exp=${exp}&sig=${sig}`,
      `${node.url}/v2/downloads/${id}/0/x?exp=${exp}&sig=${sig}`,
      `${node.url}/v2/downloads/${id}?exp=${exp}&sig=${sig}`,
      `${node.url}/v2/downloads/${id.toLowerCase()}/0?exp=${exp}&sig=${sig}`,
      `${node.url}/v2/downloads/${generationId}/0?exp=${exp}&sig=${sig}`,
      `${node.url}/v2/downloads/${other.id}/0?exp=${exp}&sig=${sig}`,
      `${node.url}/v2/downloads/req-00000000000000000000000000/0?exp=${exp}&sig=${sig}`,
      `${node.url}/v2/downloads/${other.id}/0?exp=${wrongSecret.exp}&sig=${wrongSecret.sig}`,
      `${node.url}/v2/downloads/${other.id}/0?exp=${past.exp}&sig=${past.sig}`,
    ]
    for (const each of wrong) await expectGone(await get(each))
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
      await expectGone(await get(file.url, {}, method))
    expect((await get(file.url)).status).toBe(200)
  })

  test('no signature reaches the log', async () => {
    const { file } = await make()
    const sig = new URL(file.url).searchParams.get('sig') ?? 'none'
    await get(file.url, { 'x-request-id': 'the-signed-one' })
    await get(file.url.replace('exp=', 'exp=9'), { 'x-request-id': 'the-wrong-one' })
    await eventually('both are served', async () => (await get(file.url)).status === 200)
    expect(node.output.join('\n').includes(sig)).toBe(false)
  })
})

describe('the end of a file', () => {
  const shift = (by: string) =>
    ask(rig.database.ownerDb, 'UPDATE clock_offset SET value = value + $1::interval', [by])

  test('is refused from its second on though the sweep is late; the sweep then takes the bytes', async () => {
    const { apiKey: reader, accountId } = await openAccount(rig, 1_000)
    // By the database's clock an hour but ten seconds ago: the file ends in ten.
    await shift('-3590 seconds')
    const body = { model: 'gemini-3-1-flash-image', prompt: 'gone soon', output_format: 'png' }
    const answer = await getimg.post(reader, { body, headers: ['idempotency-key', 'soon'] })
    const file = fileOf(answer)
    const [row] = await ask<{ id: string }>(
      rig.database.db,
      'SELECT id FROM generation WHERE account_id = $1',
      [accountId],
    )
    const id = row?.id ?? ''
    const endsAt = Date.parse(file.deletes_at)
    expect(endsAt % 1000).toBe(0)
    const before = await get(file.url)
    if (Date.now() < endsAt) expect(before.status).toBe(200)
    await eventually('its end has come', () => Date.now() >= endsAt)
    await expectGone(await get(file.url))
    // The database's clock is far behind: nothing was swept, and all the same nothing is shown.
    expect(filesOf(id).length).toBeGreaterThan(0)
    const native = (await (
      await get(`${node.url}/api/v1/generations/${id}`, { authorization: `Bearer ${reader}` })
    ).json()) as { outputs: unknown[]; status: string }
    expect([native.status, native.outputs]).toEqual(['succeeded', []])
    await shift('3600 seconds')
    await eventually('the sweep has taken the bytes', () => filesOf(id).length === 0)
    await expectGone(await get(file.url))
    await shift('-10 seconds')
    // A repeat by key shows no address that does not open any more, and its SDK is not to try again.
    const balance = await rig.balance(accountId)
    const again = await getimg.post(reader, { body, headers: ['idempotency-key', 'soon'] })
    expect([again.status, faultOf(again).code, again.headers['x-should-retry']]).toEqual([
      404,
      'not_found',
      'false',
    ])
    expect(await rig.balance(accountId)).toBe(balance)
  })

  test('comes for every copy at once when its owner deletes it, and no repeat shows it', async () => {
    const { file } = await make({ output_format: 'jpeg' })
    const id = await newestRow()
    await ask(rig.database.db, 'UPDATE generation SET deleted_at = app_now() WHERE id = $1', [id])
    await expectGone(await get(file.url))
  })
})
