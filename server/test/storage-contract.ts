// What every storage driver must keep, wherever it puts the bytes. A driver's test runs this suite and adds what only
// it can get wrong.
import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ObjectTooLarge, type Storage } from '../src/storage/storage.ts'

export type StorageSubject = {
  storage: Storage
  /** Another driver on the same place. */
  open(options: { assertNoTransaction(what: string): void }): Storage
  /** Names of everything that is there, unfinished writes included. */
  listAll(): Promise<string[]>
  /** Puts empty objects there by the shortest way; names in a folder that is named without the `/`. */
  fill(folder: string, names: string[]): Promise<void>
  close(): Promise<void>
}

export type StorageContract = {
  open(): Promise<StorageSubject>
  /** Objects that do not fit one page of a list. */
  severalPages: number
}

export const anyPut = { mediaType: 'image/png', maxBytes: 50_000_000, commitName: false }
export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

export async function* cut(bytes: Buffer, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
}

export async function readAll(
  storage: Storage,
  key: string,
  range?: { start: number; end: number },
): Promise<Buffer> {
  const found = await storage.read(key, range)
  if (found === null) throw new Error(`${key} is absent`)
  const chunks: Buffer[] = await found.stream.toArray()
  return Buffer.concat(chunks)
}

export function testStorageContract(contract: StorageContract): void {
  let subject: StorageSubject
  beforeEach(async () => {
    subject = await contract.open()
  })
  afterEach(() => subject.close())
  const get = () => subject
  describe('the contract of storage', () => {
    testWriting(get)
    testCrowds(get)
    testEnds(get)
    testOverwriting(get)
    testReading(get)
    testKeys(get)
    testLists(get, contract)
  })
}

type Get = () => StorageSubject

function testWriting(get: Get): void {
  test.each([1, 1_000, 16_384, 65_536, 131_071, 131_072, 262_144, 1_000_000, 6_000_000])(
    'bytes that arrive in chunks of %i are stored unchanged and hashed right',
    async chunkBytes => {
      const { storage } = get()
      const bytes = randomBytes(chunkBytes === 1 ? 3_000 : Math.max(1_500_001, chunkBytes))
      const stored = await storage.put('g/abc/one', cut(bytes, chunkBytes), anyPut)
      expect(stored).toEqual({ sizeBytes: bytes.length, sha256: sha256(bytes) })
      expect(sha256(await readAll(storage, 'g/abc/one'))).toBe(stored.sha256)
    },
  )

  test('chunks of every size in one object keep their order', async () => {
    const { storage } = get()
    const bytes = randomBytes(12_000_000)
    async function* mixed(): AsyncGenerator<Uint8Array> {
      const sizes = [5, 200_000, 0, 131_000, 131_072, 262_144, 7, 500_000, 5_242_880]
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const end = at + (sizes[turn % sizes.length] ?? 1)
        yield bytes.subarray(at, end)
        at = end
      }
    }
    const stored = await storage.put('g/abc/mixed', mixed(), anyPut)
    expect(stored.sha256).toBe(sha256(bytes))
    expect(sha256(await readAll(storage, 'g/abc/mixed'))).toBe(sha256(bytes))
  })

  test('a source may use its buffer again for the next chunk', async () => {
    const { storage } = get()
    const bytes = randomBytes(7_000_000)
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
    expect(sha256(await readAll(storage, 'g/abc/reused'))).toBe(sha256(bytes))
  })

  test('an object in memory is stored unchanged, and so is an empty one, in memory or not', async () => {
    const { storage } = get()
    const bytes = randomBytes(700_000)
    await storage.put('g/abc/buffer', bytes, { ...anyPut, commitName: true })
    expect((await readAll(storage, 'g/abc/buffer')).equals(bytes)).toBe(true)
    await storage.put('g/abc/empty', Buffer.alloc(0), anyPut)
    await storage.put('g/abc/empty-stream', cut(Buffer.alloc(0), 1), anyPut)
    for (const key of ['g/abc/empty', 'g/abc/empty-stream']) {
      expect(await readAll(storage, key)).toHaveLength(0)
      expect(await storage.head(key)).toEqual({ sizeBytes: 0 })
    }
  })
}

function testCrowds(get: Get): void {
  test('an object that nobody reads soon is stored like any other', async () => {
    const { storage } = get()
    const bytes = randomBytes(1_300_000)
    const stored = await storage.put('g/abc/unread', cut(bytes, 458_752), { ...anyPut, readSoon: false })
    expect(stored).toEqual({ sizeBytes: bytes.length, sha256: sha256(bytes) })
    expect((await readAll(storage, 'g/abc/unread')).equals(bytes)).toBe(true)
  })

  test('fifty puts at once, ten of them of one name, all end whole', async () => {
    const { storage, listAll } = get()
    const contents = Array.from({ length: 50 }, () => randomBytes(300_000))
    const keyOf = (index: number): string => (index < 10 ? 'g/abc/shared' : `g/${index % 7}/own-${index}`)
    await Promise.all(contents.map((bytes, index) => storage.put(keyOf(index), cut(bytes, 50_000), anyPut)))
    for (const [index, bytes] of contents.entries()) {
      if (index >= 10) expect((await readAll(storage, keyOf(index))).equals(bytes)).toBe(true)
    }
    const shared = await readAll(storage, 'g/abc/shared')
    expect(contents.slice(0, 10).some(bytes => bytes.equals(shared))).toBe(true)
    expect(await listAll()).toHaveLength(41)
  })
}

/** How a write ends: visible as a whole, or as if it had never begun. */
function testEnds(get: Get): void {
  test.each([600_000, 11_000_000])(
    'an object is not visible before its last byte was written: %i bytes',
    async before => {
      const { storage } = get()
      let headMidway: unknown = 'not asked'
      async function* source(): AsyncGenerator<Uint8Array> {
        yield randomBytes(before)
        headMidway = [await storage.head('g/abc/late'), await storage.read('g/abc/late')]
        yield randomBytes(10)
      }
      await storage.put('g/abc/late', source(), anyPut)
      expect(headMidway).toEqual([null, null])
      expect(await storage.head('g/abc/late')).toEqual({ sizeBytes: before + 10 })
    },
  )

  test.each([600_000, 11_000_000])(
    'a source that fails midway gets its own error back and leaves nothing: %i bytes',
    async before => {
      const { storage, listAll } = get()
      const cause = new Error('the upstream hung up')
      async function* source(): AsyncGenerator<Uint8Array> {
        yield randomBytes(before)
        throw cause
      }
      await expect(storage.put('g/abc/broken', source(), anyPut)).rejects.toBe(cause)
      expect(await listAll()).toEqual([])
    },
  )

  test.each([1_000_000, 11_000_000])(
    'too many bytes are refused, the source is closed, nothing stays: %i bytes',
    async maxBytes => {
      const { storage, listAll } = get()
      let closed = false
      async function* source(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) yield randomBytes(100_000)
        } finally {
          closed = true
        }
      }
      const limited = { ...anyPut, maxBytes }
      await expect(storage.put('g/abc/endless', source(), limited)).rejects.toBeInstanceOf(ObjectTooLarge)
      expect(closed).toBe(true)
      await expect(storage.put('g/abc/big', Buffer.alloc(maxBytes + 1), limited)).rejects.toBeInstanceOf(
        ObjectTooLarge,
      )
      expect(await listAll()).toEqual([])
      await storage.put('g/abc/fits', Buffer.alloc(maxBytes), limited)
    },
  )
}

function testOverwriting(get: Get): void {
  test('a second put replaces the object; one that fails leaves the first as it was', async () => {
    const { storage } = get()
    await storage.put('g/abc/twice', Buffer.from('first'), anyPut)
    await storage.put('g/abc/twice', Buffer.from('second'), anyPut)
    expect((await readAll(storage, 'g/abc/twice')).toString()).toBe('second')
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('third')
      throw new Error('no')
    }
    await expect(storage.put('g/abc/twice', failing(), anyPut)).rejects.toThrow('no')
    expect((await readAll(storage, 'g/abc/twice')).toString()).toBe('second')
  })

  test('a reader that began before an overwrite gets the old object whole', async () => {
    const { storage } = get()
    const first = randomBytes(1_200_000)
    await storage.put('g/abc/swap', first, anyPut)
    const found = await storage.read('g/abc/swap')
    await storage.put('g/abc/swap', randomBytes(900_000), anyPut)
    const chunks: Buffer[] = (await found?.stream.toArray()) ?? []
    expect(Buffer.concat(chunks).equals(first)).toBe(true)
  })
}

function testReading(get: Get): void {
  test.each([1_000_000, 11_000_000])(
    'a range gives exactly its bytes, both ends included: %i bytes',
    async sizeBytes => {
      const { storage } = get()
      const bytes = randomBytes(sizeBytes)
      await storage.put('g/abc/range', cut(bytes, 400_000), anyPut)
      const ranges = [
        [0, 0],
        [0, sizeBytes - 1],
        [sizeBytes - 1, sizeBytes - 1],
        [10, 400_000],
        [393_215, 393_216],
        [500_000, 20_000_000],
      ]
      for (const [start = 0, end = 0] of ranges) {
        const read = await readAll(storage, 'g/abc/range', { start, end })
        expect(read.equals(bytes.subarray(start, end + 1))).toBe(true)
      }
      const found = await storage.read('g/abc/range', { start: 5, end: 9 })
      expect(found?.sizeBytes).toBe(sizeBytes)
      found?.stream.destroy()
      for (const [start, end] of [
        [sizeBytes, sizeBytes + 1],
        [5, 4],
        [-1, 4],
        [Number.NaN, 4],
      ] as const) {
        await expect(storage.read('g/abc/range', { start, end })).rejects.toBeInstanceOf(RangeError)
      }
    },
  )

  test('the base64 of the chunks joins to the base64 of the object', async () => {
    const { storage } = get()
    const bytes = randomBytes(1_500_001)
    await storage.put('g/abc/base64', bytes, anyPut)
    const found = await storage.read('g/abc/base64')
    let joined = ''
    for await (const chunk of found?.stream ?? []) joined += (chunk as Buffer).toString('base64')
    expect(joined).toBe(bytes.toString('base64'))
  })

  test('what is absent, or a folder, is no object', async () => {
    const { storage } = get()
    await storage.put('g/abc/file', Buffer.from('x'), anyPut)
    for (const key of ['nothing', 'g', 'g/abc', 'g/abc/none', 'g/abc/file/below']) {
      expect(await storage.head(key)).toBeNull()
      expect(await storage.read(key)).toBeNull()
    }
  })
}

function testKeys(get: Get): void {
  test('removing takes the named objects and minds no absent ones', async () => {
    const { storage, listAll } = get()
    const keys = Array.from({ length: 9 }, (_, index) => `g/abc/r-${index}`)
    for (const key of keys) await storage.put(key, Buffer.from(key), anyPut)
    await storage.remove([...keys.slice(0, 8), 'g/abc/never', 'g/none/never'])
    expect(await listAll()).toEqual(['r-8'])
    await storage.remove([])
  })

  test('no key leads out of its place', async () => {
    const { storage, listAll } = get()
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
    expect(await listAll()).toEqual([])
  })

  test('storage is refused inside a transaction', async () => {
    const { open, listAll } = get()
    const refused = new Error('inside a transaction')
    const asked: string[] = []
    const guarded = open({
      assertNoTransaction: what => {
        asked.push(what)
        throw refused
      },
    })
    const limits = { mediaType: 'image/png', sizeBytes: 1, expiresInSeconds: 1 }
    const calls: Record<string, () => Promise<unknown>> = {
      put: () => guarded.put('g/abc/x', Buffer.from('x'), anyPut),
      read: () => guarded.read('g/abc/x'),
      head: () => guarded.head('g/abc/x'),
      remove: () => guarded.remove(['g/abc/x']),
      list: async () => await guarded.list('g/abc/', null),
      removeUnfinished: async () => await guarded.removeUnfinished('g/abc/'),
      ...(guarded.presignPut
        ? { presignPut: async () => await guarded.presignPut?.('g/abc/x', limits) }
        : {}),
    }
    for (const call of Object.values(calls)) await expect((async () => await call())()).rejects.toBe(refused)
    expect(asked).toEqual(Object.keys(calls).map(name => `storage.${name}`))
    expect(await listAll()).toEqual([])
  })

  test('the check passes and leaves nothing', async () => {
    const { storage, listAll } = get()
    expect(await storage.check()).toEqual({ ok: true })
    expect(await listAll()).toEqual([])
  })
}

function testLists(get: Get, { severalPages }: StorageContract): void {
  test('a folder of any size is listed page by page, each object once', async () => {
    const { storage, fill } = get()
    const names = Array.from({ length: severalPages }, (_, at) => `object-${(at * 7_919) % severalPages}`)
    await fill('g/many', names)
    const pages = await listAllPages(storage, 'g/many/')
    expect(pages.length).toBeGreaterThan(1)
    expect(pages.flat()).toHaveLength(names.length)
    expect(new Set(pages.flat())).toEqual(new Set(names.map(name => `g/many/${name}`)))
  })

  test('what comes and goes between two pages neither hides nor repeats the rest', async () => {
    const { storage, fill } = get()
    const names = Array.from({ length: severalPages }, (_, at) => `n${String(at).padStart(5, '0')}`)
    await fill('g/moving', names)
    const first = await storage.list('g/moving/', null)
    await storage.remove(first.keys.slice(0, first.keys.length >> 1))
    await fill('g/moving', ['a-new-one', 'z-new-one'])
    const rest: string[] = []
    for (let cursor = first.next; cursor !== null; ) {
      const page = await storage.list('g/moving/', cursor)
      rest.push(...page.keys)
      cursor = page.next
    }
    const seen = [...first.keys, ...rest]
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen.filter(key => key.includes('/n'))).toEqual(names.map(name => `g/moving/${name}`))
  })

  test('only objects directly in the folder are listed', async () => {
    const { storage, fill } = get()
    await fill('g/mixed', ['one', 'two.json', '.hidden', 'with space', '-dash'])
    await fill('g/mixed/deeper', ['three'])
    await fill('g/mixed-too', ['four'])
    expect(await listAllPages(storage, 'g/mixed/')).toEqual([['g/mixed/one', 'g/mixed/two.json']])
  })

  test('a folder that is not there is empty, and what is no folder of storage is refused', async () => {
    const { storage } = get()
    expect(await storage.list('g/none/', null)).toEqual({ keys: [], next: null })
    expect(await storage.removeUnfinished('g/none/')).toBe(0)
    for (const folder of ['', '/', 'g', '../', 'g/../../etc/', 'g//']) {
      await expect(storage.list(folder, null), folder).rejects.toThrow(TypeError)
      await expect(storage.removeUnfinished(folder), folder).rejects.toThrow(TypeError)
    }
  })
}

export async function listAllPages(storage: Storage, folder: string): Promise<string[][]> {
  const pages: string[][] = []
  for (let cursor: string | null = null; pages.length === 0 || cursor !== null; ) {
    const page = await storage.list(folder, cursor)
    pages.push(page.keys)
    cursor = page.next
  }
  return pages
}
