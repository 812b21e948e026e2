// The service with its pictures in a bucket: killed, cut off from it, and robbed of what is in it. What cannot be read
// is never sold, what was stored is delivered, and what lies there is looked after as in a folder.
import { createHash } from 'node:crypto'
import { CreateMultipartUploadCommand, DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sweepLeftovers } from '../../src/generations/leftovers.ts'
import { createScrub } from '../../src/generations/scrub.ts'
import { newId } from '../../src/ids.ts'
import { createLog } from '../../src/log.ts'
import { openStorage } from '../../src/storage/open.ts'
import { createMetrics } from '../../src/telemetry.ts'
import { createTestBucket, owner, type TestBucket } from '../bucket/swift.ts'
import type { FaultProxy } from '../fault-proxy.ts'
import { ask } from '../money.ts'
import {
  type CrashRig,
  createCrashRig,
  eventually,
  type Fate,
  isEnded,
  type Node,
  order,
} from './crash-rig.ts'
import { type BuiltProgram, buildProgram } from './program.ts'

const model = 'openai:gpt-image-2'
/** Of more than one part. */
const pictureSizeBytes = 6_000_000

let program: BuiltProgram
let bucket: TestBucket
let proxy: FaultProxy & { endpoint: string }
let rig: CrashRig
let account: { accountId: string; apiKey: string }

beforeAll(async () => {
  bucket = await createTestBucket()
  proxy = await bucket.startProxy()
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file, pictureSizeBytes, latencyMs: 5 })
  account = await rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } })
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
  await proxy?.close()
  await bucket?.drop()
})

/** Through the proxy; with leases that a busy machine renews in time. */
function start(env: Record<string, string> = {}): Promise<Node> {
  const place = bucket.env({ through: proxy.endpoint })
  return rig.start({ ...place, TEST_LEASE_MS: '4000', ...env })
}

const place = (node: Node, key: string, more: { prompt?: string; n?: number } = {}) =>
  order(node, { apiKey: account.apiKey, key, model, prompt: key, native: true, prefer: 'wait=60', ...more })

async function endOf(key: string): Promise<Fate> {
  const find = async () => (await rig.fates(account.accountId, key))[0]
  await eventually(`${key} ends`, async () => isEnded(await find()))
  const fate = await find()
  if (!fate) throw new Error(`${key} is gone`)
  return fate
}

const headers = () => ({ authorization: `Bearer ${account.apiKey}` })
const openImage = (node: Node, id: string, query = '') =>
  fetch(`${node.url}/api/v1/generations/${id}/images/0${query}`, { headers: headers() })

async function digestOf(answer: Response): Promise<{ sizeBytes: number; sha256: string }> {
  const bytes = Buffer.from(await answer.arrayBuffer())
  return { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

async function recordOf(id: string): Promise<{ key: string; sizeBytes: number; sha256: string }> {
  const [row] = await ask<{ image: { key: string; sizeBytes: number; sha256: string } }>(
    rig.database.db,
    `SELECT images -> 0 AS image FROM generation WHERE id = '${id}'`,
  )
  if (!row) throw new Error(`${id} has no row`)
  return row.image
}

const keysOf = async (id: string) =>
  (await bucket.keys(`g/${id.slice(-2)}/${id}`)).map(key => key.split(id)[1] ?? '').sort()

/** A step of a sweep or of the scrub as a node runs it. */
function openTools() {
  const told: Record<string, unknown>[] = []
  const log = createLog({
    level: 'info',
    logPrompts: false,
    destination: { write: line => void told.push(JSON.parse(line) as Record<string, unknown>) },
  })
  const inTwoDays = () => new Date(Date.now() + 48 * 3_600_000)
  const storage = openStorage(bucket.url(), { now: inTwoDays })
  return {
    told,
    needs: { db: rig.database.db, processName: 'a test', storage, log, metrics: createMetrics() },
  }
}

const moveClock = (by: string) =>
  ask(rig.database.ownerDb, 'UPDATE clock_offset SET value = value + $1::interval', [by])

describe('a process that is killed', () => {
  // Of a picture that came with the answer, the manifest is the first record.
  test.each([
    ['receive.after', 'failed'],
    ['manifest.before', 'failed'],
    ['manifest.after', 'succeeded'],
    ['T6.before', 'succeeded'],
  ])(
    'at %s leaves an order that %s once, and whose picture is readable if it is charged',
    async (point, state) => {
      const key = `killed-${point}`
      const dying = await start({ FAILPOINT: `${point}:1:kill` })
      await place(dying, key)
      await dying.exited
      const heir = await start()
      const fate = await endOf(key)
      expect([fate.state, fate.billed]).toEqual([state, 1])
      expect(fate.captured > 0).toBe(fate.state === 'succeeded')
      if (fate.state === 'succeeded') {
        const { sizeBytes, sha256 } = await recordOf(fate.id)
        expect(sizeBytes).toBeGreaterThanOrEqual(pictureSizeBytes)
        expect(await digestOf(await openImage(heir, fate.id))).toEqual({ sizeBytes, sha256 })
      }
      await heir.kill()
    },
  )

  test('between two parts of a picture shows none of it, and the parts are given up a day later', async () => {
    const dying = await start()
    await proxy.setMode({ kind: 'cutAtCommit', forward: false, marker: 'partNumber=2', times: 100 })
    const before = proxy.counts().cutAtCommit
    void place(dying, 'torn')
    await eventually('the second part is under way', () => proxy.counts().cutAtCommit > before)
    await dying.kill()
    await proxy.setMode({ kind: 'pass' })
    const heir = await start()
    const { id, state, captured } = await endOf('torn')
    expect([state, captured]).toEqual(['failed', 0])
    await heir.kill()
    expect(await keysOf(id)).toEqual([])
    const torn = `g/${id.slice(-2)}/${id}-1-0`
    expect(await bucket.unfinished()).toContain(torn)
    const { needs } = openTools()
    expect(await needs.storage.removeUnfinished(`g/${id.slice(-2)}/`)).toBeGreaterThanOrEqual(1)
    expect(await bucket.unfinished()).not.toContain(torn)
  })
})

describe('a bucket that is away', () => {
  test.each([
    ['the third of four pictures', '-1-2?', 4],
    ['the manifest', '.json?', 1],
  ] as const)('at %s sells nothing, and the purchase is in the books', async (what, marker, n) => {
    const node = await start()
    await proxy.setMode({ kind: 'cutAtCommit', forward: false, marker, times: 1_000 })
    const answer = await place(node, `away-${n}`, { n })
    const fate = await endOf(`away-${n}`)
    await proxy.setMode({ kind: 'pass' })
    expect(fate, what).toMatchObject({ state: 'failed', reason: 'storage_failed', captured: 0 })
    expect(fate.lossUsdMicro).toBeGreaterThan(0)
    expect(answer?.body.status).toBe('failed')
    await node.kill()
  })

  test('refuses orders before anything is bought, and serves again when it is back', async () => {
    const node = await start()
    await proxy.setMode({ kind: 'refuse' })
    expect((await place(node, 'first-in-outage'))?.body.status).toBe('failed')
    expect(await endOf('first-in-outage')).toMatchObject({ reason: 'storage_failed', captured: 0 })
    const refused = await place(node, 'refused-in-outage')
    expect(refused?.status).toBe(503)
    expect(await rig.fates(account.accountId, 'refused-in-outage')).toEqual([])
    const ready = await fetch(`${node.url}/readyz`)
    expect([ready.status, ((await ready.json()) as { checks: { storage: unknown } }).checks.storage]).toEqual(
      [503, { ok: false, message: 'does not work; the log says why' }],
    )
    const told = () =>
      node.output.some(line => /cannot be reached; check `endpoint` in STORAGE_URL/.test(line))
    await eventually('it is told why', told)
    await proxy.setMode({ kind: 'pass' })
    await eventually('orders are taken again', async () => {
      return (await place(node, 'after-outage'))?.body.status === 'succeeded'
    })
    const { id } = await endOf('after-outage')
    expect((await openImage(node, id)).status).toBe(200)
    expect(node.output.join('\n')).not.toContain(owner.secretAccessKey)
    await node.kill()
  })

  test('keeps no stored picture from being sold when it is back', async () => {
    const dying = await start({ FAILPOINT: 'manifest.after:1:kill' })
    await place(dying, 'patience')
    await dying.exited
    await proxy.setMode({ kind: 'refuse' })
    const node = await start()
    const failed = () => node.output.some(line => line.includes('generation.work_failed'))
    await eventually('the reconciler has tried in vain', failed)
    await proxy.setMode({ kind: 'pass' })
    const fate = await endOf('patience')
    expect(fate).toMatchObject({ state: 'succeeded', billed: 1 })
    expect((await openImage(node, fate.id)).status).toBe(200)
    await node.kill()
  })
})

describe('what is in the bucket', () => {
  test('is served with ranges, heads and copies in other formats, also by link', async () => {
    const node = await start()
    await place(node, 'served')
    const { id } = await endOf('served')
    const { sizeBytes, sha256 } = await recordOf(id)
    const whole = Buffer.from(await (await openImage(node, id)).arrayBuffer())
    expect(createHash('sha256').update(whole).digest('hex')).toBe(sha256)
    const shown = (await (
      await fetch(`${node.url}/api/v1/generations/${id}`, { headers: headers() })
    ).json()) as { outputs: { url: string }[] }
    const url = shown.outputs[0]?.url ?? ''
    const head = await fetch(url, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), head.headers.get('etag')]).toEqual([
      200,
      String(sizeBytes),
      `"${sha256}"`,
    ])
    for (const [range, start, end] of [
      ['bytes=0-0', 0, 0],
      ['bytes=5242870-5242899', 5_242_870, 5_242_899],
      [`bytes=-10`, sizeBytes - 10, sizeBytes - 1],
    ] as const) {
      const part = await fetch(url, { headers: { range } })
      expect([part.status, part.headers.get('content-range')]).toEqual([
        206,
        `bytes ${start}-${end}/${sizeBytes}`,
      ])
      expect(Buffer.from(await part.arrayBuffer()).equals(whole.subarray(start, end + 1))).toBe(true)
    }
    expect((await fetch(url, { headers: { range: `bytes=${sizeBytes}-` } })).status).toBe(416)
    for (const format of ['webp', 'thumb']) {
      const copy = await openImage(node, id, `?format=${format}`)
      const bytes = Buffer.from(await copy.arrayBuffer())
      expect([copy.status, (await sharp(bytes).metadata()).format]).toEqual([200, 'webp'])
    }
    expect(await keysOf(id)).toEqual(['-1-0', '-1-0.thumb.webp', '-1-0.webp', '.json'])
    const removed = await fetch(`${node.url}/api/v1/generations/${id}`, {
      method: 'DELETE',
      headers: headers(),
    })
    expect(removed.status).toBeLessThan(300)
    expect((await fetch(url)).status).toBe(404)
    await eventually('its files are gone', async () => (await keysOf(id)).length === 0)
    expect(await node.stop()).toBe(0)
  })

  test('is told when it is missing, and another picture under its name is never served', async () => {
    const node = await start()
    await place(node, 'robbed')
    const { id } = await endOf('robbed')
    const { key } = await recordOf(id)
    const at = { Bucket: bucket.name, Key: key }
    await bucket.client.send(new PutObjectCommand({ ...at, Body: Buffer.from('another picture') }))
    const replaced = await openImage(node, id)
    expect(replaced.status).toBeGreaterThanOrEqual(400)
    await bucket.client.send(new DeleteObjectCommand(at))
    const missing = await openImage(node, id)
    expect(missing.status).toBeGreaterThanOrEqual(400)
    const isTold = () => node.output.some(line => line.includes('object.missing') && line.includes(key))
    await eventually('it is told', isTold)
    const metrics = await (await fetch(`${node.url}/metrics`)).text()
    expect(metrics).toMatch(/darkroom_objects_missing_total [1-9]/)
    await ask(rig.database.db, `UPDATE generation SET deleted_at = app_now() WHERE id = '${id}'`)
    await node.kill()
  })

  test('is read again and compared by the scrub', async () => {
    const node = await start()
    await place(node, 'scrubbed', { n: 2 })
    await node.kill()
    const { id } = await endOf('scrubbed')
    const { key, sizeBytes } = await recordOf(id)
    await bucket.client.send(
      new PutObjectCommand({ Bucket: bucket.name, Key: key, Body: Buffer.alloc(sizeBytes, 1) }),
    )
    await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: key.replace(/0$/, '1') }))
    await ask(
      rig.database.db,
      `UPDATE round SET due_at = app_now(), position = '', holder = NULL WHERE name = 'scrub'`,
    )
    const { told, needs } = openTools()
    let clockMs = 0
    const scrub = createScrub(needs, () => clockMs)
    for (let looks = 0; looks < 300 && !told.some(({ event }) => event === 'scrub.ended'); looks += 1) {
      clockMs += 1_000
      await scrub.step()
    }
    const problems = told.flatMap(({ event, key, problem }) =>
      event === 'scrub.ended' ? [] : [[key, problem]],
    )
    expect(problems.sort()).toEqual([
      [key, 'wrong-hash'],
      [key.replace(/0$/, '1'), 'missing'],
    ])
    await ask(rig.database.db, `UPDATE generation SET deleted_at = app_now() WHERE id = '${id}'`)
  })

  test('is cleared of what killed processes left, and of nothing else', async () => {
    const node = await start()
    await place(node, 'kept')
    await node.kill()
    const { id } = await endOf('kept')
    await moveClock('26 hours')
    const shard = `g/${id.slice(-2)}`
    const unknown = `${shard}/${newId(() => new Date()).slice(0, -2)}${id.slice(-2)}-1-0`
    const put = (Key: string) =>
      bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key, Body: Buffer.from('left') }))
    await put(`${shard}/${id}-1-5`)
    await put(`${shard}/${id}-2-0.webp`)
    await put(unknown)
    await bucket.client.send(
      new CreateMultipartUploadCommand({ Bucket: bucket.name, Key: `${shard}/${id}-3-0` }),
    )
    const before = String((Number.parseInt(id.slice(-2), 16) + 255) % 256)
    await ask(
      rig.database.db,
      `UPDATE round SET due_at = app_now(), position = $1 WHERE name = 'leftovers'`,
      [before],
    )
    const { told, needs } = openTools()
    await sweepLeftovers(needs)
    expect(await keysOf(id)).toEqual(['-1-0', '.json'])
    expect(await bucket.keys(unknown)).toEqual([unknown])
    expect(await bucket.unfinished()).not.toContain(`${shard}/${id}-3-0`)
    expect(told.map(({ event }) => event).sort()).toEqual(['leftovers.removed', 'objects.unknown'])
  })
})

describe('a picture that a customer sends', () => {
  const photo = () =>
    sharp({ create: { width: 96, height: 64, channels: 3, background: '#3060a0' } })
      .png()
      .toBuffer()

  test('goes straight to the bucket, is taken once, and what is written there later changes nothing', async () => {
    const node = await start()
    const bytes = await photo()
    const post = async (path: string, body: object) => {
      const answer = await fetch(node.url + path, {
        method: 'POST',
        headers: { ...headers(), 'content-type': 'application/json', prefer: 'wait=60' },
        body: JSON.stringify(body),
      })
      return { status: answer.status, body: (await answer.json()) as Record<string, string> }
    }
    const ticket = { filename: 'photo.png', contentType: 'image/png', size: bytes.length }
    const { url = '', key = '' } = (await post('/api/v1/upload', ticket)).body
    expect(new URL(url).origin).toBe(proxy.endpoint)
    const put = (body: Buffer, type = 'image/png') =>
      fetch(url, { method: 'PUT', body: new Uint8Array(body), headers: { 'content-type': type } })
    const edit = () =>
      post('/api/v1/generations', { model, prompt: 'at night', images: [{ uploadKey: key }] })
    expect((await edit()).status).toBe(400)
    expect((await put(Buffer.concat([bytes, Buffer.from('x')]))).status).toBe(403)
    expect((await put(bytes, 'image/jpeg')).status).toBe(403)
    expect((await put(bytes)).status).toBe(200)
    const made = await edit()
    expect([made.status, made.body.status, made.body.type]).toEqual([200, 'succeeded', 'edit'])
    const other = Buffer.from(bytes).fill(0, 60)
    expect((await put(other)).status).toBe(200)
    expect((await edit()).body.status).toBe('succeeded')
    const sent = rig.openai.requests.filter(({ path }) => path === '/v1/images/edits')
    expect(sent.length).toBe(2)
    await node.kill()
  })
})
