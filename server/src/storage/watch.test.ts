// A failed write closes the door until a probe goes through; what is gone is counted.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openStorage } from './open.ts'
import { type Storage, StorageError } from './storage.ts'
import { watchStorage } from './watch.ts'

const folder = mkdtempSync(join(tmpdir(), 'darkroom-watch-'))
afterAll(() => {
  chmodSync(folder, 0o755)
  rmSync(folder, { recursive: true, force: true })
})

const options = { mediaType: 'text/plain', maxBytes: 100, commitName: false }

test('after a failed write storage counts as failing until a probe was written', async () => {
  const disk = openStorage(`file:${folder}`)
  let isFull = true
  const full: Storage = {
    ...disk,
    put: (...args) => (isFull ? Promise.reject(new StorageError('the disk is full')) : disk.put(...args)),
    check: async () => (isFull ? { ok: false, message: 'the disk is full' } : await disk.check()),
  }
  const events: unknown[] = []
  const note = (fields: Record<string, unknown>) => events.push(fields.event)
  const watched = watchStorage(full, { log: { error: note, info: note }, noteMissing: () => undefined })
  await expect(watched.put('g/ab/x', Buffer.from('x'), options)).rejects.toThrow(StorageError)
  expect(watched.isFailing()).toBe(true)
  await watched.probe()
  expect(watched.isFailing()).toBe(true)
  isFull = false
  await watched.probe()
  expect(watched.isFailing()).toBe(false)
  expect(events).toEqual(['storage.failed', 'storage.recovered'])
})

test('an object that is gone is told and counted', async () => {
  let missing = 0
  const events: unknown[] = []
  const note = (fields: Record<string, unknown>) => events.push(fields.event)
  const log = { error: note, info: note }
  const watched = watchStorage(openStorage(`file:${folder}`), { log, noteMissing: () => (missing += 1) })
  expect(await watched.read('g/ab/never')).toBeNull()
  expect({ missing, events }).toEqual({ missing: 1, events: ['object.missing'] })
})
