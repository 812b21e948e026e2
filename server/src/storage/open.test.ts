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

test('a bucket is refused by naming what is supported, without repeating the address', () => {
  const open = (): unknown => openStorage('s3://AKIAEXAMPLE:topsecret@bucket/prefix')
  expect(open).toThrow(StorageError)
  expect(open).toThrow(/S3 bucket is not supported by this version; supported is a folder, as file:/)
  expect(open).not.toThrow(/topsecret|AKIA/)
})

test('what is no address of a folder is refused', () => {
  for (const url of ['', '/var/files', 'http://host/x', 'file:', 'file://host/x', 'file:x?y', 'file:%zz']) {
    expect(() => openStorage(url)).toThrow(StorageError)
  }
})
