// Which storage addresses are understood.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openStorage } from './open.ts'
import { StorageError } from './storage.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'open storage-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

test('a folder opens by absolute path, by URL and by a path relative to the working directory', async () => {
  const urls = [
    `file:${folder.replaceAll(' ', '%20')}`,
    pathToFileURL(folder).href,
    `file:${relative(process.cwd(), folder)}`,
    `FILE:./${relative(process.cwd(), folder)}`,
  ]
  for (const [index, url] of urls.entries()) {
    const storage = openStorage(url)
    const options = { mediaType: 'text/plain', maxBytes: 100, commitName: true }
    await storage.put(`by-${index}`, Buffer.from(url), options)
    expect((await readFile(join(folder, `by-${index}`))).toString()).toBe(url)
  }
})

test('a bucket opens without a call, and an address with credentials in it is refused without repeating them', () => {
  expect(openStorage('s3://bucket/prefix?endpoint=http://127.0.0.1:1').presignPut).toBeDefined()
  const open = (): unknown => openStorage('s3://AKIAEXAMPLE:topsecret@bucket/prefix')
  expect(open).toThrow(StorageError)
  expect(open).toThrow(/holds credentials; set AWS_ACCESS_KEY_ID/)
  expect(open).not.toThrow(/topsecret|AKIA/)
})

test('what is no address of a folder is refused', () => {
  for (const url of ['', '/var/files', 'http://host/x', 'file:', 'file://host/x', 'file:x?y', 'file:%zz']) {
    expect(() => openStorage(url)).toThrow(StorageError)
  }
})
