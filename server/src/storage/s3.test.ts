// The S3 driver against a real store: the contract of all drivers, and what only a store over a network can do wrong.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { CreateMultipartUploadCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  createTestBucket,
  createTestClient,
  nobody,
  owner,
  stranger,
  type TestBucket,
  useCredentials,
} from '../../test/bucket/swift.ts'
import { anyPut, cut, readAll, sha256, testStorageContract } from '../../test/storage-contract.ts'
import { createS3Storage } from './s3.ts'
import { parseBucketAddress } from './s3-address.ts'
import { openBucket } from './s3-bucket.ts'
import { type Storage, StorageError } from './storage.ts'

const now = () => new Date()

testStorageContract({
  severalPages: 25,
  async open() {
    const bucket = await createTestBucket()
    const url = bucket.url({ prefix: 'some/place' })
    const put = (key: string) =>
      bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key: key, Body: '', ContentLength: 0 }))
    return {
      storage: createS3Storage({ url, now, pageKeys: 10 }),
      open: options => createS3Storage({ ...options, url, now }),
      listAll: async () => {
        const keys = [...(await bucket.keys()), ...(await bucket.unfinished())]
        return keys.map(key => key.split('/').at(-1) ?? '')
      },
      async fill(folder, names) {
        for (let at = 0; at < names.length; at += 20)
          await Promise.all(names.slice(at, at + 20).map(name => put(`some/place/${folder}/${name}`)))
      },
      close: () => bucket.drop(),
    }
  },
})

let bucket: TestBucket
let storage: Storage

beforeAll(async () => {
  bucket = await createTestBucket()
  storage = createS3Storage({ url: bucket.url({ prefix: 'p' }), now })
})
afterAll(() => bucket?.drop())

const mebibyte = 1024 * 1024

async function failureOf(work: Promise<unknown>): Promise<StorageError> {
  const error: unknown = await work.then(
    () => null,
    reason => reason,
  )
  expect(error).toBeInstanceOf(StorageError)
  if (!(error instanceof StorageError)) throw new Error('no failure of storage')
  return error
}

describe('writing', () => {
  test('a picture of 20 MB passes in less than 8 MB of memory', async () => {
    const piece = randomBytes(65_536)
    const sizeBytes = 20 * mebibyte
    // A driver of its own has no part at hand from other pictures: that memory is counted too.
    const fresh = createS3Storage({ url: bucket.url({ prefix: 'p' }), now })
    // What the client and its connections need once is no matter of the picture.
    await fresh.head('g/ab/none')
    const held = () => process.memoryUsage().external
    const before = held()
    let peak = 0
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < sizeBytes; at += piece.length) {
        peak = Math.max(peak, held())
        yield piece
      }
    }
    const stored = await fresh.put('g/ab/large', source(), { ...anyPut, readSoon: false })
    expect(stored.sizeBytes).toBe(sizeBytes)
    expect(peak - before).toBeLessThan(8 * mebibyte)
  })

  test('a part is given to its connection in pieces, since TLS keeps a copy of what it is given', async () => {
    const { client } = await openBucket(parseBucketAddress(bucket.url())).open()
    const sending = vi.spyOn(client.config.requestHandler, 'handle')
    const bytes = randomBytes(mebibyte + 1)
    const object = { Bucket: bucket.name, Key: 'p/g/ab/pieces' }
    await client.send(new PutObjectCommand({ ...object, Body: bytes, ContentLength: bytes.length }))
    expect(sending.mock.calls.map(([request]) => request.body instanceof Readable)).toEqual([true])
    client.destroy()
    expect(sha256(await readAll(storage, 'g/ab/pieces'))).toBe(sha256(bytes))
  })

  test('calls that were cut off are repeated, and the object is whole', async () => {
    const proxy = await bucket.startProxy()
    try {
      const through = createS3Storage({ url: bucket.url({ through: proxy.endpoint }), now })
      const bytes = randomBytes(12 * mebibyte)
      for (const [at, marker] of ['PUT /', 'uploads', 'partNumber=2', 'CompleteMultipartUpload'].entries()) {
        for (const forward of [true, false]) {
          const key = `g/ab/cut-${at}-${forward}`
          const source = at === 0 ? cut(bytes.subarray(0, 100_000), 30_000) : cut(bytes, 300_000)
          await proxy.setMode({ kind: 'cutAtCommit', forward, marker, times: 1 })
          const before = proxy.counts().cutAtCommit
          const stored = await through.put(key, source, anyPut)
          expect(proxy.counts().cutAtCommit, marker).toBe(before + 1)
          expect(sha256(await readAll(through, key))).toBe(stored.sha256)
        }
      }
    } finally {
      await proxy.close()
    }
  })

  test('an upload that was completed while every answer to that was lost is not told as failed', async () => {
    const proxy = await bucket.startProxy()
    try {
      const through = createS3Storage({ url: bucket.url({ through: proxy.endpoint }), now })
      const bytes = randomBytes(6 * mebibyte)
      await proxy.setMode({ kind: 'cutAtCommit', forward: true, marker: 'CompleteMultipartUpload', times: 3 })
      const stored = await through.put('g/ab/answered', cut(bytes, 500_000), anyPut)
      expect(proxy.counts().cutAtCommit).toBe(3)
      expect(sha256(await readAll(through, 'g/ab/answered'))).toBe(stored.sha256)
      await proxy.setMode({
        kind: 'cutAtCommit',
        forward: false,
        marker: 'CompleteMultipartUpload',
        times: 3,
      })
      await failureOf(through.put('g/ab/unanswered', cut(bytes, 500_000), anyPut))
      expect(await through.head('g/ab/unanswered')).toBeNull()
      expect(await bucket.unfinished()).not.toContain('g/ab/unanswered')
    } finally {
      await proxy.close()
    }
  })

  test('a store that fails every call is asked three times, and the failure says what it said', async () => {
    let asked = 0
    const failing = createServer((request, response) => {
      asked += 1
      request.resume().on('end', () => {
        response.writeHead(503).end('<Error><Code>SlowDown</Code><Message>Reduce.</Message></Error>')
      })
    })
    await once(failing.listen(0, '127.0.0.1'), 'listening')
    try {
      const { port } = failing.address() as AddressInfo
      const url = `s3://bucket?endpoint=http://127.0.0.1:${port}`
      const failure = await failureOf(
        createS3Storage({ url, now }).put('g/ab/busy', cut(randomBytes(100_000), 10_000), anyPut),
      )
      expect(failure.message).toMatch(/asks to be called less often.*SlowDown, status 503/)
      expect(asked).toBe(3)
    } finally {
      failing.close()
      failing.closeAllConnections()
    }
  })

  test('two dozen pictures are gathered at once; slow ones keep the others out for a moment only', async () => {
    const gates: (() => void)[] = []
    let begun = 0
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(1_000, 1)
      begun += 1
      await new Promise<void>(resolve => gates.push(resolve))
      yield Buffer.alloc(1_000, 2)
    }
    const began = performance.now()
    const puts = Array.from({ length: 30 }, (_, at) => storage.put(`g/ab/slow-${at}`, slow(), anyPut))
    await vi.waitFor(() => expect(begun).toBeGreaterThanOrEqual(24), { timeout: 60_000 })
    if (performance.now() - began < 900) expect(begun).toBe(24)
    await vi.waitFor(() => expect(begun).toBe(30), { timeout: 60_000 })
    for (const open of gates) open()
    for (const { sizeBytes } of await Promise.all(puts)) expect(sizeBytes).toBe(2_000)
  })
})

describe('reading', () => {
  test('a stream that breaks is taken up where it broke', async () => {
    const bytes = randomBytes(3 * mebibyte)
    await storage.put('g/ab/broken', bytes, anyPut)
    const proxy = await bucket.startProxy()
    try {
      const url = bucket.url({ prefix: 'p', through: proxy.endpoint })
      const through = createS3Storage({ url, now })
      await proxy.setMode({ kind: 'cutAfter', bytes: 700_001, direction: 'toClient' })
      expect(sha256(await readAll(through, 'g/ab/broken'))).toBe(sha256(bytes))
      expect(proxy.counts().accepted).toBeGreaterThan(4)
      const part = await readAll(through, 'g/ab/broken', { start: 5, end: 2_000_000 })
      expect(part.equals(bytes.subarray(5, 2_000_001))).toBe(true)
    } finally {
      await proxy.close()
    }
  })

  test('a stream that cannot be taken up is an error to its reader, never a short picture', async () => {
    const first = randomBytes(2 * mebibyte)
    await storage.put('g/ab/gone', first, anyPut)
    const proxy = await bucket.startProxy()
    try {
      const url = bucket.url({ prefix: 'p', through: proxy.endpoint })
      const found = await createS3Storage({ url, now }).read('g/ab/gone')
      // Another object of the same name must not be taken for the rest of this one.
      await storage.put('g/ab/gone', randomBytes(2 * mebibyte), anyPut)
      proxy.cutAll()
      await failureOf(found?.stream.toArray() ?? Promise.resolve())
      const lost = await createS3Storage({ url, now }).read('g/ab/gone')
      await storage.remove(['g/ab/gone'])
      proxy.cutAll()
      await failureOf(lost?.stream.toArray() ?? Promise.resolve())
    } finally {
      await proxy.close()
    }
  })

  test('giving up a stream closes it at once', async () => {
    await storage.put('g/ab/left', randomBytes(9 * mebibyte), anyPut)
    for (let turn = 0; turn < 70; turn += 1) {
      const found = await storage.read('g/ab/left')
      found?.stream.read(1)
      found?.stream.destroy()
      if (found) await once(found.stream, 'close')
    }
    expect((await storage.head('g/ab/left'))?.sizeBytes).toBe(9 * mebibyte)
  })

  test('a bucket that is missing or closed is trouble, and not an object that is missing', async () => {
    for (const url of [`s3://no-such-bucket?endpoint=${bucket.endpoint}`, bucket.url()]) {
      if (url === bucket.url()) useCredentials(nobody)
      const foreign = createS3Storage({ url, now })
      await failureOf(foreign.read('g/ab/any'))
      await failureOf(foreign.head('g/ab/any'))
      await failureOf(foreign.list('g/ab/', null))
      await failureOf(foreign.put('g/ab/any', Buffer.from('x'), anyPut))
      await failureOf(foreign.remove(['g/ab/any']))
      await failureOf(foreign.removeUnfinished('g/ab/'))
    }
    useCredentials(owner)
  })
})

describe('signatures', () => {
  const limits = { mediaType: 'image/png', sizeBytes: 5, expiresInSeconds: 300 }
  const send = async (url: string, headers: Record<string, string>, body: string) =>
    (await fetch(url, { method: 'PUT', headers, body })).status
  const presign = async (key: string, expiresInSeconds = 300) =>
    (await storage.presignPut?.(key, { ...limits, expiresInSeconds })) ?? ''

  test('an upload address takes the announced type and length and nothing else', async () => {
    const url = await presign('u/ab/one')
    const png = { 'content-type': 'image/png' }
    const other = url.replace('u/ab/one', 'u/ab/two')
    expect(url).toMatch(/X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost/)
    expect(url).toContain('X-Amz-Expires=300')
    expect(url).not.toContain(owner.secretAccessKey)
    for (const [target, headers, body] of [
      [url, png, '123456'],
      [url, png, '1234'],
      [url, png, ''],
      [url, { 'content-type': 'image/jpeg' }, '12345'],
      [url, {}, '12345'],
      [other, png, '12345'],
      [url.replace(/Expires=300/, 'Expires=30000'), png, '12345'],
      [url.replace(/(?<=Signature=.)./, digit => (digit === '0' ? '1' : '0')), png, '12345'],
      [url.split('?')[0] ?? '', png, '12345'],
    ] as const) {
      expect(await send(target, headers, body), `${target} ${body}`).toBeGreaterThanOrEqual(400)
    }
    expect(await storage.head('u/ab/one')).toBeNull()
    expect(await storage.head('u/ab/two')).toBeNull()
    expect(await send(url, png, '12345')).toBe(200)
    expect((await readAll(storage, 'u/ab/one')).toString()).toBe('12345')
  })

  test('an upload address ends', async () => {
    const url = await presign('u/ab/late', 1)
    const status = () => send(url, { 'content-type': 'image/png' }, '12345')
    await vi.waitFor(async () => expect(await status()).toBe(403), { timeout: 60_000 })
  })

  test('the store of these tests takes neither requests without a signature nor with a wrong one', async () => {
    const Key = 'p/u/ab/signed'
    await storage.put('u/ab/signed', Buffer.from('x'), anyPut)
    const forged = [{ ...owner, secretAccessKey: 'guessed' }, stranger, nobody]
    for (const credentials of forged) {
      const client = createTestClient(bucket.endpoint, credentials)
      const read = new GetObjectCommand({ Bucket: bucket.name, Key })
      const write = new PutObjectCommand({ Bucket: bucket.name, Key, Body: Buffer.from('y') })
      await expect(client.send(read)).rejects.toThrow()
      await expect(client.send(write)).rejects.toThrow()
      client.destroy()
    }
    const unsigned = await fetch(`${bucket.endpoint}/${bucket.name}/${Key}`)
    expect(unsigned.status).toBeGreaterThanOrEqual(400)
    expect((await readAll(storage, 'u/ab/signed')).toString()).toBe('x')
  })

  test('clients may be sent to another name of the store, or not to the store at all', async () => {
    const url = `${bucket.url()}&public-endpoint=https://pictures.example.com`
    const elsewhere = await createS3Storage({ url, now }).presignPut?.('u/ab/x', limits)
    expect(elsewhere).toMatch(new RegExp(`^https://pictures.example.com/${bucket.name}/u/ab/x\\?`))
    expect(createS3Storage({ url: `${bucket.url()}&presign=off`, now }).presignPut).toBeUndefined()
  })
})

describe('unfinished uploads', () => {
  test('are given up after a day, in one folder, and young ones stay', async () => {
    const begin = (Key: string) =>
      bucket.client.send(new CreateMultipartUploadCommand({ Bucket: bucket.name, Key }))
    for (const key of ['p/g/cd/one', 'p/g/cd/two', 'p/g/cd-too/three', 'other/g/cd/four']) await begin(key)
    expect(await storage.removeUnfinished('g/cd/')).toBe(0)
    const inTwoDays = () => new Date(Date.now() + 48 * 3_600_000)
    const later = createS3Storage({ url: bucket.url({ prefix: 'p' }), now: inTwoDays })
    expect(await later.removeUnfinished('g/cd/')).toBe(2)
    expect(await later.removeUnfinished('g/cd/')).toBe(0)
    const left = (await bucket.unfinished()).filter(key => key.includes('/cd'))
    expect(left.sort()).toEqual(['other/g/cd/four', 'p/g/cd-too/three'])
  })
})

describe('the check', () => {
  const check = async (url: string) => {
    const answer = await createS3Storage({ url, now }).check()
    return answer.ok ? 'ok' : answer.message
  }

  test('says what to mend', async () => {
    const { endpoint, name } = bucket
    expect(await check(`s3://no-such-bucket?endpoint=${endpoint}`)).toMatch(/no such bucket; make it/)
    expect(await check(`s3://${name}?endpoint=${endpoint}&region=eu-1`)).toMatch(/region is wrong/)
    expect(await check(`s3://${name}?endpoint=http://127.0.0.1:9`)).toMatch(/cannot be reached.*ECONNREFUSED/)
    expect(await check(`s3://${name}?endpoint=http://nowhere.invalid`)).toMatch(/host is not found/)
    useCredentials(nobody)
    expect(await check(bucket.url())).toMatch(/access is denied; allow s3:GetObject/)
    useCredentials({ ...owner, secretAccessKey: 'guessed' })
    expect(await check(bucket.url())).toMatch(/signature is refused; check AWS_SECRET_ACCESS_KEY/)
    useCredentials({ accessKeyId: 'darkroom:unknown', secretAccessKey: 'x' })
    expect(await check(bucket.url())).toMatch(/AWS_ACCESS_KEY_ID|access is denied|signature/)
    useCredentials(owner)
    expect(await check(bucket.url())).toBe('ok')
  })

  test('waits ten seconds and no longer for a store that is silent', async () => {
    const proxy = await bucket.startProxy()
    try {
      await proxy.setMode({ kind: 'halfOpen' })
      const begun = performance.now()
      expect(await check(bucket.url({ through: proxy.endpoint }))).toMatch(/does not answer in time/)
      // Asked again, it would be thirty.
      expect(performance.now() - begun).toBeLessThan(25_000)
    } finally {
      await proxy.close()
    }
  })

  test('no failure holds a secret or the request that was signed', async () => {
    useCredentials({ ...owner, secretAccessKey: 'a-secret-that-was-mistyped' })
    const failure = await failureOf(createS3Storage({ url: bucket.url(), now }).read('g/ab/any'))
    useCredentials(owner)
    const told = JSON.stringify([failure, failure.message, failure.cause, String(failure.cause)])
    expect(told).not.toMatch(/a-secret-that|AWS4-HMAC|X-Amz-|darkroom:app/i)
    expect(Object.keys(failure.cause ?? {})).toEqual([])
  })
})
