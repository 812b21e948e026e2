// The disk driver against a real folder.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, readlink, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createDiskStorage } from './disk.ts'
import { sweepStaleParts } from './disk-folders.ts'
import type { Storage } from './storage.ts'
import { ObjectTooLarge, StorageError } from './storage.ts'

const anyPut = { mediaType: 'image/png', maxBytes: 50_000_000, commitName: false }

/** The first of January 2020, as file times are told. */
const LONG_AGO_SECONDS = 1_577_836_800

let root: string
let storage: Storage

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'disk-test-'))
  storage = createDiskStorage({ root })
})
afterEach(async () => {
  await rm(root, { recursive: true, force: true })
})

async function listFiles(): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(entry => entry.name)
}

async function* cut(bytes: Buffer, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
}

async function readAll(key: string, range?: { start: number; end: number }): Promise<Buffer> {
  const found = await storage.read(key, range)
  if (found === null) throw new Error(`${key} is absent`)
  const chunks: Buffer[] = await found.stream.toArray()
  return Buffer.concat(chunks)
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

test.each([1, 1_000, 16_384, 65_536, 131_071, 131_072, 262_144, 1_000_000])(
  'bytes that arrive in chunks of %i are stored unchanged and hashed right',
  async chunkBytes => {
    const bytes = randomBytes(chunkBytes === 1 ? 3_000 : 1_500_001)
    const stored = await storage.put('g/abc/one', cut(bytes, chunkBytes), anyPut)
    expect(stored).toEqual({ sizeBytes: bytes.length, sha256: sha256(bytes) })
    expect(sha256(await readFile(join(root, 'g/abc/one')))).toBe(stored.sha256)
  },
)

test('chunks of every size in one object keep their order', async () => {
  const bytes = randomBytes(3_000_000)
  async function* mixed(): AsyncGenerator<Uint8Array> {
    const sizes = [5, 200_000, 0, 131_000, 131_072, 262_144, 7, 500_000]
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const end = at + (sizes[turn % sizes.length] ?? 1)
      yield bytes.subarray(at, end)
      at = end
    }
  }
  const stored = await storage.put('g/abc/mixed', mixed(), anyPut)
  expect(stored.sha256).toBe(sha256(bytes))
  expect(sha256(await readAll('g/abc/mixed'))).toBe(sha256(bytes))
})

test('a source may use its buffer again for the next chunk', async () => {
  const bytes = randomBytes(2_000_000)
  async function* reusing(): AsyncGenerator<Uint8Array> {
    const scratch = Buffer.alloc(200_000)
    for (let at = 0, size = 50_000; at < bytes.length; at += size, size = 250_000 - size) {
      const copied = bytes.copy(scratch, 0, at, at + size)
      yield scratch.subarray(0, copied)
      scratch.fill(0)
    }
  }
  const stored = await storage.put('g/abc/reused', reusing(), anyPut)
  expect(stored.sizeBytes).toBe(bytes.length)
  expect(sha256(await readAll('g/abc/reused'))).toBe(sha256(bytes))
})

test('an object in memory is stored unchanged, and so is an empty one', async () => {
  const bytes = randomBytes(700_000)
  await storage.put('g/abc/buffer', bytes, { ...anyPut, commitName: true })
  expect((await readAll('g/abc/buffer')).equals(bytes)).toBe(true)
  await storage.put('g/abc/empty', Buffer.alloc(0), anyPut)
  expect(await readAll('g/abc/empty')).toHaveLength(0)
  expect(await storage.head('g/abc/empty')).toEqual({ sizeBytes: 0 })
})

test('an object is not visible before its last byte was written', async () => {
  let headMidway: unknown = 'not asked'
  async function* source(): AsyncGenerator<Uint8Array> {
    yield randomBytes(600_000)
    headMidway = [await storage.head('g/abc/late'), await storage.read('g/abc/late')]
    yield randomBytes(10)
  }
  await storage.put('g/abc/late', source(), anyPut)
  expect(headMidway).toEqual([null, null])
  expect(await storage.head('g/abc/late')).toEqual({ sizeBytes: 600_010 })
})

test('a source that fails midway gets its own error back and leaves no file', async () => {
  const cause = new Error('the upstream hung up')
  async function* source(): AsyncGenerator<Uint8Array> {
    yield randomBytes(600_000)
    throw cause
  }
  await expect(storage.put('g/abc/broken', source(), anyPut)).rejects.toBe(cause)
  expect(await listFiles()).toEqual([])
})

test('too many bytes are refused, the source is closed, no file stays', async () => {
  let closed = false
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield randomBytes(100_000)
    } finally {
      closed = true
    }
  }
  const limited = { ...anyPut, maxBytes: 1_000_000 }
  await expect(storage.put('g/abc/endless', source(), limited)).rejects.toBeInstanceOf(ObjectTooLarge)
  expect(closed).toBe(true)
  await expect(storage.put('g/abc/big', randomBytes(1_000_001), limited)).rejects.toBeInstanceOf(
    ObjectTooLarge,
  )
  expect(await listFiles()).toEqual([])
  await storage.put('g/abc/fits', randomBytes(1_000_000), limited)
})

test('a second put replaces the object; one that fails leaves the first as it was', async () => {
  await storage.put('g/abc/twice', Buffer.from('first'), anyPut)
  await storage.put('g/abc/twice', Buffer.from('second'), anyPut)
  expect((await readAll('g/abc/twice')).toString()).toBe('second')
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('third')
    throw new Error('no')
  }
  await expect(storage.put('g/abc/twice', failing(), anyPut)).rejects.toThrow('no')
  expect((await readAll('g/abc/twice')).toString()).toBe('second')
})

test('a reader that began before an overwrite gets the old object whole', async () => {
  const first = randomBytes(1_200_000)
  await storage.put('g/abc/swap', first, anyPut)
  const found = await storage.read('g/abc/swap')
  await storage.put('g/abc/swap', randomBytes(900_000), anyPut)
  const chunks: Buffer[] = (await found?.stream.toArray()) ?? []
  expect(Buffer.concat(chunks).equals(first)).toBe(true)
})

test('fifty puts at once, ten of them of one name, all end whole', async () => {
  const contents = Array.from({ length: 50 }, () => randomBytes(300_000))
  const keyOf = (index: number): string => (index < 10 ? 'g/abc/shared' : `g/${index % 7}/own-${index}`)
  await Promise.all(contents.map((bytes, index) => storage.put(keyOf(index), cut(bytes, 50_000), anyPut)))
  for (const [index, bytes] of contents.entries()) {
    if (index >= 10) expect((await readAll(keyOf(index))).equals(bytes)).toBe(true)
  }
  const shared = await readAll('g/abc/shared')
  expect(contents.slice(0, 10).some(bytes => bytes.equals(shared))).toBe(true)
  expect(await listFiles()).toHaveLength(41)
})

test('a range gives exactly its bytes, both ends included', async () => {
  const bytes = randomBytes(1_000_000)
  await storage.put('g/abc/range', bytes, anyPut)
  const ranges = [
    [0, 0],
    [0, 999_999],
    [999_999, 999_999],
    [10, 400_000],
    [393_215, 393_216],
    [500_000, 2_000_000],
  ]
  for (const [start = 0, end = 0] of ranges) {
    const read = await readAll('g/abc/range', { start, end })
    expect(read.equals(bytes.subarray(start, end + 1))).toBe(true)
  }
  expect((await storage.read('g/abc/range', { start: 5, end: 9 }))?.sizeBytes).toBe(1_000_000)
  for (const [start, end] of [
    [1_000_000, 1_000_001],
    [5, 4],
    [-1, 4],
    [Number.NaN, 4],
  ] as const) {
    await expect(storage.read('g/abc/range', { start, end })).rejects.toBeInstanceOf(RangeError)
  }
})

test('the base64 of the chunks joins to the base64 of the object', async () => {
  const bytes = randomBytes(1_500_000)
  await storage.put('g/abc/base64', bytes, anyPut)
  const found = await storage.read('g/abc/base64')
  let joined = ''
  for await (const chunk of found?.stream ?? []) joined += (chunk as Buffer).toString('base64')
  expect(joined).toBe(bytes.toString('base64'))
})

test('a file that was cut behind our back is an error to its reader, never a short image', async () => {
  await storage.put('g/abc/cut', randomBytes(900_000), anyPut)
  const found = await storage.read('g/abc/cut')
  await truncate(join(root, 'g/abc/cut'), 500_000)
  await expect(found?.stream.toArray()).rejects.toBeInstanceOf(StorageError)
})

test('reading to the end or giving up closes the file', async () => {
  await storage.put('g/abc/closed', randomBytes(3_000_000), anyPut)
  const path = join(root, 'g/abc/closed')
  const countOpen = async (): Promise<number> => {
    const links = await Promise.all(
      (await readdir('/proc/self/fd')).map(fd => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    )
    return links.filter(link => link === path).length
  }
  const given = await storage.read('g/abc/closed')
  expect(await countOpen()).toBe(1)
  given?.stream.read(1)
  given?.stream.destroy()
  if (given) await once(given.stream, 'close')
  expect(await countOpen()).toBe(0)
  await readAll('g/abc/closed')
  await vi.waitFor(async () => expect(await countOpen()).toBe(0))
})

test('what is absent, or a folder, is no object', async () => {
  await storage.put('g/abc/file', Buffer.from('x'), anyPut)
  for (const key of ['nothing', 'g', 'g/abc', 'g/abc/none', 'g/abc/file/below']) {
    expect(await storage.head(key)).toBeNull()
    expect(await storage.read(key)).toBeNull()
  }
})

test('removing takes the named objects and minds no absent ones', async () => {
  const keys = Array.from({ length: 9 }, (_, index) => `g/abc/r-${index}`)
  for (const key of keys) await storage.put(key, Buffer.from(key), anyPut)
  await storage.remove([...keys.slice(0, 8), 'g/abc/never', 'g/none/never'])
  expect(await listFiles()).toEqual(['r-8'])
})

test('no key leads out of the folder', async () => {
  const keys = [
    '../x',
    'g/../../x',
    '/etc/passwd',
    'g//x',
    'g/',
    '',
    '.',
    '..',
    'g/.hidden',
    'g\\x',
    'g/x\0',
    'ä',
  ]
  for (const key of [...keys, 'a'.repeat(201), 'C:/x', 'g/x y', 'g/%2e%2e']) {
    await expect(storage.put(key, Buffer.from('x'), anyPut)).rejects.toBeInstanceOf(TypeError)
    await expect(storage.read(key)).rejects.toBeInstanceOf(TypeError)
    await expect(storage.head(key)).rejects.toBeInstanceOf(TypeError)
    await expect(storage.remove([key])).rejects.toBeInstanceOf(TypeError)
  }
  expect(await listFiles()).toEqual([])
})

test('storage is refused inside a transaction', async () => {
  const refused = new Error('inside a transaction')
  const asked: string[] = []
  const guarded = createDiskStorage({
    root,
    assertNoTransaction: what => {
      asked.push(what)
      throw refused
    },
  })
  await expect(guarded.put('g/abc/x', Buffer.from('x'), anyPut)).rejects.toBe(refused)
  await expect(guarded.read('g/abc/x')).rejects.toBe(refused)
  await expect(guarded.head('g/abc/x')).rejects.toBe(refused)
  await expect(guarded.remove(['g/abc/x'])).rejects.toBe(refused)
  expect(asked).toEqual(['storage.put', 'storage.read', 'storage.head', 'storage.remove'])
  expect(await listFiles()).toEqual([])
})

test('a folder that was removed while the server runs is made again', async () => {
  await storage.put('g/abc/one', Buffer.from('1'), anyPut)
  await rm(join(root, 'g'), { recursive: true })
  await storage.put('g/abc/two', Buffer.from('2'), anyPut)
  await rm(root, { recursive: true })
  await storage.put('g/abc/three', Buffer.from('3'), anyPut)
  expect(await listFiles()).toEqual(['three'])
})

test('the check passes on a sound folder and leaves nothing', async () => {
  const fresh = createDiskStorage({ root: join(root, 'not/yet/there') })
  expect(await fresh.check()).toEqual({ ok: true })
  expect(await listFiles()).toEqual([])
})

test('a file where the folder should be is told in words', async () => {
  await writeFile(join(root, 'file'), '')
  for (const path of ['file', 'file/below']) {
    const misplaced = createDiskStorage({ root: join(root, path) })
    const answer = await misplaced.check()
    expect(answer).toMatchObject({
      ok: false,
      message: expect.stringContaining('a file stands where a folder'),
    })
    await expect(misplaced.put('g/abc/x', Buffer.from('x'), anyPut)).rejects.toBeInstanceOf(StorageError)
  }
})

test('leftovers of dead processes go after a day; young ones and objects stay', async () => {
  await storage.put('g/abc/object', Buffer.from('x'), anyPut)
  await utimes(join(root, 'g/abc/object'), LONG_AGO_SECONDS, LONG_AGO_SECONDS)
  await writeFile(join(root, 'g/abc/.put-1-old'), 'half')
  await utimes(join(root, 'g/abc/.put-1-old'), LONG_AGO_SECONDS, LONG_AGO_SECONDS)
  await writeFile(join(root, 'g/abc/.put-1-young'), 'half')
  expect(await sweepStaleParts(root)).toBe(1)
  expect((await listFiles()).sort()).toEqual(['.put-1-young', 'object'])
})

test('opening the folder starts the sweep', async () => {
  const part = join(root, '.put-1-old')
  await writeFile(part, 'half')
  await utimes(part, LONG_AGO_SECONDS, LONG_AGO_SECONDS)
  createDiskStorage({ root })
  await vi.waitFor(async () => expect(await listFiles()).toEqual([]))
})
