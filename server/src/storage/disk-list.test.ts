// Listing and clearing folders of real files.
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listAllPages } from '../../test/storage-contract.ts'
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

test('only objects directly in the folder are listed: no folders, links, unfinished writes or foreign names', async () => {
  await fill('g/mixed', ['one', 'two.json', '.put-1-abc', '.hidden', 'with space', '-dash'])
  await fill('g/mixed/deeper', ['three'])
  await symlink('one', join(root, 'g/mixed/link'))
  expect(await listAllPages(storage, 'g/mixed/')).toEqual([['g/mixed/one', 'g/mixed/two.json']])
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
  expect(await listAllPages(storage, 'g/torn/')).toEqual([['g/torn/old-object']])
  expect(await storage.removeUnfinished('g/torn-too/')).toBe(1)
  expect(await storage.removeUnfinished('g/none/')).toBe(0)
})
