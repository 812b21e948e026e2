// Pictures on their way into a real folder.
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { ImageRejected } from '../providers/provider.ts'
import { createDiskStorage } from './disk.ts'
import { receiveImage } from './receive-image.ts'
import type { Storage } from './storage.ts'
import { StorageError } from './storage.ts'

const limits = { key: 'g/abc/picture-1-0', maxBytes: 20_000_000 }

let root: string
let storage: Storage
let png: Buffer
let jpeg: Buffer
let webp: Buffer

beforeAll(async () => {
  const noise = sharp(randomBytes(600 * 500 * 3), { raw: { width: 600, height: 500, channels: 3 } })
  png = await noise.clone().png().toBuffer()
  jpeg = await noise.clone().jpeg().toBuffer()
  webp = await noise.clone().webp().toBuffer()
})
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'receive-'))
  storage = createDiskStorage({ root })
})
afterEach(async () => {
  await rm(root, { recursive: true, force: true })
})

type Source = AsyncGenerator<Uint8Array> & { closed: boolean }

/** A source that yields pieces, then fails if told so, and notes that it was closed. */
function makeSource(bytes: Buffer, options: { chunkBytes?: number; failure?: Error } = {}): Source {
  const { chunkBytes = 16_384 } = options
  async function* yieldPieces(): AsyncGenerator<Uint8Array> {
    try {
      for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
      if (options.failure) throw options.failure
    } finally {
      source.closed = true
    }
  }
  const source: Source = Object.assign(yieldPieces(), { closed: false })
  return source
}

async function listFiles(): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(entry => entry.name)
}

test('a picture is stored byte for byte and described by its bytes', async () => {
  for (const [mediaType, bytes] of [
    ['image/png', png],
    ['image/jpeg', jpeg],
    ['image/webp', webp],
  ] as const) {
    for (const chunkBytes of [3, 4_096, 70_000, 5_000_000]) {
      const received = await receiveImage(storage, limits, makeSource(bytes, { chunkBytes }))
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      const expected = {
        storageKey: limits.key,
        mediaType,
        sizeBytes: bytes.length,
        sha256,
        width: 600,
        height: 500,
      }
      expect(received).toEqual(expected)
      expect((await readFile(join(root, limits.key))).equals(bytes)).toBe(true)
    }
  }
})

test('the key may follow what the bytes are', async () => {
  const key = (mediaType: string): string => `g/abc/named.${mediaType.slice(6)}`
  const received = await receiveImage(storage, { ...limits, key }, makeSource(webp))
  expect(received.storageKey).toBe('g/abc/named.webp')
  expect(await storage.head('g/abc/named.webp')).toEqual({ sizeBytes: webp.length })
})

test('a picture cut anywhere is rejected, its source closed, and no file stays', async () => {
  for (const bytes of [png, jpeg, webp]) {
    for (let turn = 0; turn <= 20; turn++) {
      const length = turn === 20 ? bytes.length - 1 : Math.floor((bytes.length * turn) / 20)
      const source = makeSource(bytes.subarray(0, length))
      await expect(receiveImage(storage, limits, source)).rejects.toBeInstanceOf(ImageRejected)
      expect(source.closed).toBe(true)
    }
  }
  expect(await listFiles()).toEqual([])
})

test('what is no picture is rejected before storage is touched', async () => {
  const html = makeSource(Buffer.from('<!doctype html>'.repeat(100_000)))
  await expect(receiveImage(storage, limits, html)).rejects.toThrow(/are no png, jpeg or webp/)
  expect(html.closed).toBe(true)
  expect(await readdir(root)).toEqual([])
})

test('too many bytes are rejected without reading on', async () => {
  let pulledBytes = 0
  async function* endless(): AsyncGenerator<Uint8Array> {
    // A header that promises a chunk of two gigabytes, then zeros without end.
    const front = Buffer.from(png.subarray(0, 41))
    front.writeUInt32BE(0x7fffffff, 33)
    yield front
    for (;;) {
      pulledBytes += 65_536
      yield Buffer.alloc(65_536)
    }
  }
  await expect(receiveImage(storage, { ...limits, maxBytes: 1_000_000 }, endless())).rejects.toThrow(
    new ImageRejected('the picture is larger than 1000000 bytes'),
  )
  expect(pulledBytes).toBeLessThan(1_100_000)
  expect(await listFiles()).toEqual([])
  const exact = { ...limits, maxBytes: png.length }
  expect(await receiveImage(storage, exact, makeSource(png))).toMatchObject({ sizeBytes: png.length })
})

test('an error of the source comes back as it is, at any point, and no file stays', async () => {
  for (const length of [0, 5, 12, 1_000, 300_000, png.length]) {
    const failure = new Error(`lost after ${length}`)
    const source = makeSource(png.subarray(0, length), { failure })
    await expect(receiveImage(storage, limits, source)).rejects.toBe(failure)
  }
  expect(await listFiles()).toEqual([])
})

test('trouble of the storage is a StorageError and closes the source', async () => {
  await writeFile(join(root, 'g'), 'a file where the folder should be')
  const source = makeSource(png)
  await expect(receiveImage(storage, limits, source)).rejects.toBeInstanceOf(StorageError)
  await vi.waitFor(() => expect(source.closed).toBe(true), { timeout: 60_000 })
})

test('a rejected second picture leaves the first under the same name', async () => {
  await receiveImage(storage, limits, makeSource(png))
  const cut = makeSource(jpeg.subarray(0, jpeg.length - 2))
  await expect(receiveImage(storage, limits, cut)).rejects.toBeInstanceOf(ImageRejected)
  expect((await readFile(join(root, limits.key))).equals(png)).toBe(true)
})

test('thirty pictures at once all arrive whole', async () => {
  const pictures = Array.from({ length: 30 }, (_, index) => [png, jpeg, webp][index % 3] ?? png)
  const received = await Promise.all(
    pictures.map((bytes, index) =>
      receiveImage(storage, { ...limits, key: `g/abc/p-${index}` }, makeSource(bytes)),
    ),
  )
  for (const [index, image] of received.entries()) {
    const stored = await readFile(join(root, image.storageKey))
    expect(stored.equals(pictures[index] ?? Buffer.alloc(0))).toBe(true)
  }
})
