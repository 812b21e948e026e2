// The disk driver against a real folder: the contract of all drivers, and what only a folder can do wrong.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readlink, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { anyPut, readAll, testStorageContract } from '../../test/storage-contract.ts'
import { createDiskStorage } from './disk.ts'
import { sweepStaleParts } from './disk-folders.ts'
import type { Storage } from './storage.ts'
import { StorageError } from './storage.ts'

/** What is awaited is the event, not the time. */
const patience = { timeout: 60_000 }

/** The first of January 2020, as file times are told. */
const LONG_AGO_SECONDS = 1_577_836_800

const makeRoot = () => mkdtemp(join(tmpdir(), 'disk-test-'))

async function listFilesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(entry => entry.name)
}

testStorageContract({
  severalPages: 12_345,
  async open() {
    const folder = await makeRoot()
    return {
      storage: createDiskStorage({ root: folder }),
      open: options => createDiskStorage({ ...options, root: folder }),
      listAll: () => listFilesIn(folder),
      async fill(below, names) {
        await mkdir(join(folder, below), { recursive: true })
        for (let at = 0; at < names.length; at += 200)
          await Promise.all(names.slice(at, at + 200).map(name => writeFile(join(folder, below, name), '')))
      },
      close: () => rm(folder, { recursive: true, force: true }),
    }
  },
})

let root: string
let storage: Storage
const listFiles = () => listFilesIn(root)

beforeEach(async () => {
  root = await makeRoot()
  storage = createDiskStorage({ root })
})
afterEach(async () => {
  await rm(root, { recursive: true, force: true })
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
  await readAll(storage, 'g/abc/closed')
  await vi.waitFor(async () => expect(await countOpen()).toBe(0), patience)
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
  await vi.waitFor(async () => expect(await listFiles()).toEqual([]), patience)
})
