// Writing past the page cache, through the driver against a real folder: every size, every cut, byte for byte.
import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdtemp, open, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BLOCK_BYTES, giveBlockBack, PAGE_BYTES, takeBlock } from '../page-memory.ts'
import { createDiskStorage } from './disk.ts'

const unread = { mediaType: 'image/png', maxBytes: 50_000_000, commitName: false, readSoon: false }

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'disk-part-'))
})
afterEach(async () => {
  await rm(root, { recursive: true, force: true })
})

/** Pieces of the given lengths, one after the other in one block that is wiped behind each. */
async function* cutIntoPages(bytes: Buffer, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  const block = takeBlock()
  if (block === null) throw new Error('no block is free')
  try {
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const length = Math.min(lengths[turn % lengths.length] ?? BLOCK_BYTES, BLOCK_BYTES)
      const copied = bytes.copy(block, 0, at, at + length)
      yield block.subarray(0, copied)
      block.fill(0, 0, copied)
      at += copied
    }
  } finally {
    giveBlockBack(block)
  }
}

/** What Linux says about the file that is being written now: its open flags, or null when none is. */
async function flagsOfUnfinished(): Promise<number | null> {
  for (const fd of await readdir('/proc/self/fd')) {
    const path = await readlink(`/proc/self/fd/${fd}`).catch(() => '')
    if (!path.startsWith(root) || !path.includes('.put-')) continue
    const info = await readFile(`/proc/self/fdinfo/${fd}`, 'utf8')
    return Number.parseInt(/flags:\s+(\d+)/.exec(info)?.[1] ?? '0', 8)
  }
  return null
}

/** Whether this folder takes a page past the cache, asked without the driver. */
async function takesDirectWrites(): Promise<boolean> {
  const block = takeBlock()
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_DIRECT
    const file = await open(join(root, 'trial'), flags)
    await file.write(block ?? Buffer.alloc(0), 0, PAGE_BYTES).finally(() => file.close())
    return true
  } catch {
    return false
  } finally {
    if (block) giveBlockBack(block)
    await rm(join(root, 'trial'), { force: true })
  }
}

test('every size around pages and blocks is stored byte for byte and hashed right', async () => {
  const storage = createDiskStorage({ root })
  const edges = [0, PAGE_BYTES, 2 * PAGE_BYTES, 262_144, BLOCK_BYTES, 2 * BLOCK_BYTES, 3 * BLOCK_BYTES]
  for (const edge of edges) {
    for (const size of [edge - 1, edge, edge + 1].filter(each => each > 0)) {
      const bytes = randomBytes(size)
      const stored = await storage.put('g/abc/sized', cutIntoPages(bytes, [BLOCK_BYTES]), unread)
      expect(stored.sizeBytes).toBe(size)
      const read = await readFile(join(root, 'g/abc/sized'))
      expect(read.equals(bytes)).toBe(true)
      expect(stored.sha256).toBe(createHash('sha256').update(read).digest('hex'))
    }
  }
})

test('however the pages are cut, the object is the bytes in their order', async () => {
  const storage = createDiskStorage({ root })
  const length = fc.oneof(
    fc.integer({ min: 1, max: BLOCK_BYTES }),
    fc.integer({ min: 1, max: BLOCK_BYTES / PAGE_BYTES }).map(pages => pages * PAGE_BYTES),
  )
  const lengths = fc.array(length, { minLength: 1, maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1_200_000 }), lengths, async (size, cuts) => {
      const bytes = randomBytes(size)
      // Without one long piece among them, tiny ones would make thousands of turns.
      const stored = await storage.put('g/abc/cut', cutIntoPages(bytes, [...cuts, BLOCK_BYTES]), unread)
      const read = await readFile(join(root, 'g/abc/cut'))
      expect(read.equals(bytes)).toBe(true)
      expect(stored).toEqual({
        sizeBytes: size,
        sha256: createHash('sha256').update(read).digest('hex'),
      })
    }),
    { numRuns: 60 },
  )
})

test('pages go past the cache when nobody reads soon, and through it otherwise', async () => {
  const storage = createDiskStorage({ root })
  const bytes = randomBytes(3 * BLOCK_BYTES)
  async function* watched(seen: (number | null)[]): AsyncGenerator<Uint8Array> {
    for await (const piece of cutIntoPages(bytes, [BLOCK_BYTES])) {
      yield piece
      seen.push(await flagsOfUnfinished())
    }
  }
  const seen: Record<string, (number | null)[]> = { unread: [], read: [] }
  // A rest of a page must not be taken for a refusal.
  await storage.put('g/abc/odd', cutIntoPages(randomBytes(BLOCK_BYTES + 1), [BLOCK_BYTES]), unread)
  await storage.put('g/abc/odd', cutIntoPages(randomBytes(PAGE_BYTES + 1), [BLOCK_BYTES]), unread)
  await storage.put('g/abc/unread', watched(seen.unread ?? []), unread)
  await storage.put('g/abc/read', watched(seen.read ?? []), { ...unread, readSoon: true })
  const isDirect = (flags: number | null) => flags !== null && (flags & constants.O_DIRECT) !== 0
  const expected = await takesDirectWrites()
  expect(seen.unread?.map(isDirect)).toEqual([expected, expected, expected])
  expect(seen.read?.map(isDirect)).toEqual([false, false, false])
})

test('a source that fails among its pages leaves no file and no open one', async () => {
  const storage = createDiskStorage({ root })
  const cause = new Error('the upstream hung up')
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield* cutIntoPages(randomBytes(2 * BLOCK_BYTES), [BLOCK_BYTES])
    throw cause
  }
  await expect(storage.put('g/abc/broken', failing(), unread)).rejects.toBe(cause)
  expect(await readdir(join(root, 'g/abc'))).toEqual([])
  expect(await flagsOfUnfinished()).toBeNull()
})

test('a file where the folder should be is told before anything is kept', async () => {
  await writeFile(join(root, 'g'), '')
  const storage = createDiskStorage({ root })
  const put = storage.put('g/abc/x', cutIntoPages(randomBytes(BLOCK_BYTES), [BLOCK_BYTES]), unread)
  await expect(put).rejects.toThrow('a file stands where a folder')
})
