// Listing and clearing folders of real files.
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDiskStorage } from './disk.ts'
import { type Storage, StorageError } from './storage.ts'

let root: string
let storage: Storage

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'disk-list-'))
  storage = createDiskStorage({ root })
})
afterAll(() => rm(root, { recursive: true, force: true }))

async function fill(folder: string, names: string[]): Promise<void> {
  await mkdir(join(root, folder), { recursive: true })
  for (let at = 0; at < names.length; at += 200)
    await Promise.all(names.slice(at, at + 200).map(name => writeFile(join(root, folder, name), '')))
}

async function listAll(folder: string): Promise<string[][]> {
  const pages: string[][] = []
  for (let cursor: string | null = null; pages.length === 0 || cursor !== null; ) {
    const page = await storage.list(folder, cursor)
    pages.push(page.keys)
    cursor = page.next
  }
  return pages
}

test('a folder of any size is listed page by page, each object once', async () => {
  const names = Array.from({ length: 12_345 }, (_, at) => `object-${(at * 7_919) % 12_345}`)
  await fill('g/many', names)
  const pages = await listAll('g/many/')
  expect(pages.length).toBeGreaterThan(2)
  expect(pages.flat()).toHaveLength(names.length)
  expect(new Set(pages.flat())).toEqual(new Set(names.map(name => `g/many/${name}`)))
}, 60_000)

test('what comes and goes between two pages neither hides nor repeats the rest', async () => {
  const names = Array.from({ length: 6_000 }, (_, at) => `n${String(at).padStart(5, '0')}`)
  await fill('g/moving', names)
  const first = await storage.list('g/moving/', null)
  await storage.remove(first.keys.slice(0, 100))
  await fill('g/moving', ['a-new-one', 'z-new-one'])
  const second = await storage.list('g/moving/', first.next)
  const seen = [...first.keys, ...second.keys]
  expect(new Set(seen).size).toBe(seen.length)
  expect(seen.filter(key => key.includes('/n'))).toEqual(names.map(name => `g/moving/${name}`))
})

test('only objects directly in the folder are listed: no folders, links, unfinished writes or foreign names', async () => {
  await fill('g/mixed', ['one', 'two.json', '.put-1-abc', '.hidden', 'with space', '-dash'])
  await fill('g/mixed/deeper', ['three'])
  await symlink('one', join(root, 'g/mixed/link'))
  expect(await listAll('g/mixed/')).toEqual([['g/mixed/one', 'g/mixed/two.json']])
})

test('a folder that is not there is empty, and what is no folder of storage is refused', async () => {
  expect(await storage.list('g/none/', null)).toEqual({ keys: [], next: null })
  for (const folder of ['', '/', 'g', '../', 'g/../../etc/', 'g//']) {
    await expect(storage.list(folder, null), folder).rejects.toThrow(TypeError)
    await expect(storage.removeUnfinished(folder), folder).rejects.toThrow(TypeError)
  }
})

test('a folder that cannot be read is trouble of storage', async () => {
  await symlink('loop', join(root, 'loop'))
  await expect(storage.list('loop/', null)).rejects.toThrow(StorageError)
})

test('unfinished writes of more than a day ago are removed from one folder, and nothing else', async () => {
  const names = ['.put-1-old', '.put-2-young', 'old-object']
  await fill('g/torn', names)
  await fill('g/torn-too', ['.put-3-old'])
  const twoDaysAgo = new Date(performance.timeOrigin + performance.now() - 2 * 24 * 3_600_000)
  for (const path of ['g/torn/.put-1-old', 'g/torn/old-object', 'g/torn-too/.put-3-old'])
    await utimes(join(root, path), twoDaysAgo, twoDaysAgo)
  expect(await storage.removeUnfinished('g/torn/')).toBe(1)
  expect(await storage.removeUnfinished('g/torn/')).toBe(0)
  expect(await listAll('g/torn/')).toEqual([['g/torn/old-object']])
  expect(await storage.removeUnfinished('g/torn-too/')).toBe(1)
  expect(await storage.removeUnfinished('g/none/')).toBe(0)
})
