// Guards that no picture comes in before the mark of its installation lies in storage.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { newId, randomToken } from '../ids.ts'
import { generationObjectKey, inputObjectKey, installationFolder, uploadObjectKey } from '../storage/keys.ts'
import { openStorage } from '../storage/open.ts'
import { type Storage, StorageError } from '../storage/storage.ts'
import { watchStorage } from '../storage/watch.ts'
import { leaveMarkAtStart, markStorage } from './installation.ts'

const root = mkdtempSync(join(tmpdir(), 'darkroom-mark-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const id = newId(() => new Date())
const mark = installationFolder + id
const options = { mediaType: 'image/png', maxBytes: 100, commitName: false }
const bytes = Buffer.from('a picture')

let written: string[]
let isAway: boolean
let inner: Storage
beforeEach(() => {
  const disk = openStorage(`file:${join(root, randomToken(8))}`)
  written = []
  isAway = false
  inner = {
    ...disk,
    async put(key, source, how) {
      if (isAway) throw new StorageError('away')
      written.push(key)
      return await disk.put(key, source, how)
    },
    presignPut: async key => `https://store.example.com/${key}`,
  }
})

const events: unknown[] = []
const note = (fields: object) => void events.push((fields as { event: unknown }).event)
const log = { info: note, warn: note, error: note }
const open = () => markStorage(watchStorage(inner, { log, noteMissing: () => undefined }), mark)

test('the mark lies there before the first picture that comes in, and is left once', async () => {
  const storage = open()
  const [input, upload] = [inputObjectKey(id, '0'), uploadObjectKey(`up_${randomToken(32)}`, 'raw')]
  await storage.put(input, bytes, options)
  await storage.put(upload, bytes, options)
  expect(written).toEqual([mark, input, upload])
})

test('no picture comes in, and no address for one is given out, while the mark cannot be left', async () => {
  const storage = open()
  isAway = true
  const key = inputObjectKey(id, '0')
  const limits = { mediaType: 'image/png', sizeBytes: 9, expiresInSeconds: 60 }
  await expect(storage.put(key, bytes, options)).rejects.toThrow(StorageError)
  await expect(storage.presignPut?.(key, limits)).rejects.toThrow(StorageError)
  // The start goes on without storage, and says so.
  events.length = 0
  await leaveMarkAtStart({ storage, log })
  expect(events).toContain('storage.unmarked')
  isAway = false
  expect(await storage.presignPut?.(key, limits)).toContain(key)
  expect(written).toEqual([mark])
})

test('results need no mark, and a store that takes no uploads gets no address by it', async () => {
  const key = generationObjectKey(id, 1, 0)
  await open().put(key, bytes, options)
  expect(written).toEqual([key])
  const { presignPut, ...without } = inner
  inner = without
  expect('presignPut' in open()).toBe(presignPut === undefined)
})
