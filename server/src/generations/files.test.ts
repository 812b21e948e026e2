// The end of files: by time, by the owner's wish, and what stays.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, silentLog, type TestDatabase } from '../../test/database.ts'
import { ask, askOne, capture, openAccount, order, release, store } from '../../test/money.ts'
import { createDeriver } from '../storage/derive.ts'
import { createDiskStorage } from '../storage/disk.ts'
import {
  generationObjectKey,
  inputObjectKey,
  keysOfOutput,
  manifestKey,
  uploadObjectKey,
} from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import { StorageError } from '../storage/storage.ts'
import { createMetrics } from '../telemetry.ts'
import { deleteFilesOf, deleteGeneration, openOutput, sweepFiles } from './files.ts'
import { findRowById } from './find.ts'
import { hasFiles } from './generation.ts'
import { createGenerationEvents } from './observe.ts'
import { findGeneration } from './read.ts'
import { toGeneration } from './sql.ts'

let database: TestDatabase
let root: string
let storage: Storage
const log = { ...silentLog, debug: () => undefined, fatal: () => undefined, child: () => log }
const events = createGenerationEvents(log, createMetrics())

beforeAll(async () => {
  database = await createTestDatabase()
  root = mkdtempSync(join(tmpdir(), 'darkroom-files-'))
  storage = createDiskStorage({ root })
})
afterAll(async () => {
  await database.drop()
  rmSync(root, { recursive: true, force: true })
})

const needs = () => ({ db: database.db, storage, events })
/** A picture of an upload, which other orders may use too. */
const uploaded = uploadObjectKey('up_0123456789', 'picture')
const put = (key: string, text: string) =>
  storage.put(key, Buffer.from(text), { mediaType: 'image/png', maxBytes: 1e6, commitName: false })

/** A generation that has succeeded with two outputs, one of them copied, and a reference picture. */
async function make(options: { filesLiveS?: number; accountId?: string } = {}) {
  const { db } = database
  const accountId = options.accountId ?? (await openAccount(db, 100))
  const { id } = await order(db, { accountId, unitPrice: 5, count: 2, claim: true, ...options })
  const keys = [generationObjectKey(id, 1, 0), generationObjectKey(id, 1, 1)]
  const [input, mask] = [inputObjectKey(id, '0'), inputObjectKey(id, 'mask')]
  const all = [...keysOfOutput(keys[0] ?? ''), keys[1] ?? '', input, mask, uploaded, manifestKey(id)]
  for (const key of all) await put(key, key)
  await store(db, id)
  await capture(db, id, { delivered: 2 })
  const images = keys.map((key, index) => ({
    ...{ index, key, mediaType: 'image/png', sizeBytes: key.length },
    ...{ sha256: 'ab'.repeat(32), width: 4, height: 4 },
  }))
  const pictureAt = (key: string) => ({ key, mediaType: 'image/png', sizeBytes: 1, width: 4, height: 4 })
  const inputs = { references: [input, uploaded].map(pictureAt), mask: pictureAt(mask) }
  await ask(
    db,
    `UPDATE generation SET images = $2, inputs = $3, echo = '{"style": "words of the caller"}',
      options = '{"style": "words of the caller", "negativePrompt": "more of them", "count": 2}' WHERE id = $1`,
    [id, JSON.stringify(images), JSON.stringify(inputs)],
  )
  await ask(
    db,
    `UPDATE attempt SET message = 'the upstream repeats the prompt',
      result = '{"usage": {"units": 1}, "images": [{"url": "https://upstream.example.com/kept-nowhere.png"}]}',
      upstream_task = '{"id": "task-1", "pollUrl": "https://upstream.example.com/?prompt=words of the caller"}'
      WHERE generation_id = $1`,
    [id],
  )
  return { id, accountId }
}

/** The row itself: a deleted one is found by no read of a customer. */
async function read(id: string, accountId: string) {
  const row = await findRowById(database.db, { id, accountId })
  if (!row) throw new Error('gone')
  expect((await findGeneration(database.db, accountId, id)) === null).toBe(row.deleted_at !== null)
  return toGeneration(row)
}

const objectsOf = (id: string) =>
  ['g', 'in'].flatMap(area => readdirSync(join(root, area, id.slice(-2))).filter(name => name.startsWith(id)))

describe('deleting', () => {
  test('takes every object and every word of the caller; the books, the key and the row stay', async () => {
    const { id, accountId } = await make()
    expect(objectsOf(id)).toHaveLength(9)
    expect(await deleteGeneration(needs(), accountId, id)).toBe('deleted')
    expect(objectsOf(id)).toEqual([])
    expect(await storage.head(uploaded)).not.toBeNull()
    const row = await askOne(database.db, 'SELECT * FROM generation WHERE id = $1', [id])
    expect(JSON.stringify(row)).not.toMatch(/words of the caller|more of them|a small red boat/)
    expect(row).toMatchObject({ prompt: '', inputs: null, images: null, state: 'succeeded', captured: 10 })
    expect(row.files_removed_at).not.toBeNull()
    const calls = 'SELECT message, upstream_task, result FROM attempt WHERE generation_id = $1'
    // By the upstream's own name of it a bill that comes later finds the call.
    expect(await askOne(database.db, calls, [id])).toEqual({
      message: null,
      upstream_task: { id: 'task-1' },
      result: { usage: { units: 1 } },
    })
    const transfers = await ask(database.db, 'SELECT kind FROM transfer WHERE generation_id = $1', [id])
    expect(transfers.map(({ kind }) => kind).sort()).toEqual(['capture', 'hold'])
    const { succeeded } = await askOne(
      database.db,
      'SELECT succeeded FROM generation_total WHERE account_id = $1',
      [accountId],
    )
    expect(succeeded).toBe(0)
    expect(await deleteGeneration(needs(), accountId, id)).toBe('deleted')
    const again = await askOne(database.db, 'SELECT succeeded FROM generation_total WHERE account_id = $1', [
      accountId,
    ])
    expect(again.succeeded).toBe(0)
  })

  test('is refused for what is open, and sees nothing of other accounts', async () => {
    const { id, accountId } = await make()
    const open = await order(database.db, { accountId, unitPrice: 1 })
    expect(await deleteGeneration(needs(), accountId, open.id)).toBe('open')
    const stranger = await openAccount(database.db, 0)
    expect(await deleteGeneration(needs(), stranger, id)).toBe('not_found')
    expect(objectsOf(id)).toHaveLength(9)
    expect(hasFiles(await read(id, accountId), new Date())).toBe(true)
    await release(database.db, open.id)
  })

  test('refuses reads at once when storage fails, and the sweep takes the bytes later', async () => {
    const { id, accountId } = await make()
    const remove = () => Promise.reject(new StorageError('unreachable'))
    expect(await deleteGeneration({ ...needs(), storage: { remove } }, accountId, id)).toBe('deleted')
    const generation = await read(id, accountId)
    const now = () => new Date()
    const reading = { storage, deriver: createDeriver({ storage, log }), now }
    expect(await openOutput(reading, generation, { index: 0, format: 'original' })).toBeNull()
    expect(generation.filesRemovedAt).toBeNull()
    expect(objectsOf(id)).toHaveLength(9)
    await sweepFiles({ ...needs(), storage: { remove } })
    await sweepFiles(needs())
    expect(objectsOf(id)).toEqual([])
    expect((await read(id, accountId)).filesRemovedAt).not.toBeNull()
  })
})

describe('files that end', () => {
  test('have their end, a whole second, from the moment the order is taken', async () => {
    const { id, accountId } = await make({ filesLiveS: 86_400 })
    const { filesExpireAt, createdAt } = await read(id, accountId)
    if (!filesExpireAt) throw new Error('no end')
    expect(filesExpireAt.getTime() % 1000).toBe(0)
    const liveMs = filesExpireAt.getTime() - createdAt.getTime()
    expect(liveMs).toBeLessThanOrEqual(86_400_000)
    expect(liveMs).toBeGreaterThan(86_399_000)
    const other = await make()
    expect((await read(other.id, other.accountId)).filesExpireAt).toBeNull()
  })

  test('are shown while now is before the end and not at it, whether or not the sweep has come', async () => {
    const { id, accountId } = await make({ filesLiveS: 60 })
    const generation = await read(id, accountId)
    const end = generation.filesExpireAt?.getTime() ?? 0
    expect(hasFiles(generation, new Date(end - 1))).toBe(true)
    expect(hasFiles(generation, new Date(end))).toBe(false)
    const deriver = createDeriver({ storage, log })
    const openAt = (ms: number) =>
      openOutput({ storage, deriver, now: () => new Date(ms) }, generation, { index: 1, format: 'original' })
    expect(await openAt(end - 1)).not.toBeNull()
    expect(await openAt(end)).toBeNull()
  })

  test('are removed by one sweep however many there are, others and open ones stay', async () => {
    const { db } = database
    const accountId = await openAccount(db, 10_000)
    const ended: string[] = []
    for (let index = 0; index < 230; index += 1) {
      const { id } = await order(db, { accountId, unitPrice: 1, claim: true, filesLiveS: 60 })
      await release(db, id)
      ended.push(id)
    }
    const stays = await make({ accountId, filesLiveS: 86_400 })
    const forever = await make({ accountId })
    const ends = await make({ accountId, filesLiveS: 60 })
    const open = await order(db, { accountId, unitPrice: 1, filesLiveS: 60 })
    const past = [...ended, ends.id, open.id]
    await ask(db, "UPDATE generation SET files_expire_at = app_now() - interval '1 s' WHERE id = ANY ($1)", [
      past,
    ])
    await sweepFiles(needs())
    const { left } = await askOne<{ left: number }>(
      db,
      'SELECT count(*)::int AS left FROM generation WHERE id = ANY ($1) AND files_removed_at IS NULL',
      [past],
    )
    // The open one: its files end with it.
    expect(left).toBe(1)
    expect(objectsOf(ends.id)).toEqual([])
    for (const { id } of [stays, forever]) expect(objectsOf(id)).toHaveLength(9)
    // What it was is still known; only a deletion forgets that.
    const kept = await read(ends.id, accountId)
    expect([kept.images.length, kept.inputs, kept.prompt]).toEqual([2, null, 'a small red boat'])
    await release(db, open.id)
  })
})

test('removal may be repeated and leaves other generations alone', async () => {
  const accountId = await openAccount(database.db, 100)
  const [one, other] = [await make({ accountId }), await make({ accountId })]
  const generation = await read(one.id, accountId)
  await deleteFilesOf(needs(), generation)
  await deleteFilesOf(needs(), generation)
  expect([objectsOf(one.id).length, objectsOf(other.id).length]).toEqual([0, 9])
})

test('what came with an order that ended without an image goes an hour later; other orders keep theirs', async () => {
  const { db } = database
  const accountId = await openAccount(db, 100)
  const place = async () => {
    const { id } = await order(db, { accountId, unitPrice: 1, claim: true })
    const key = inputObjectKey(id, '0')
    await put(key, key)
    const picture = (at: string) => ({ key: at, mediaType: 'image/png', sizeBytes: 1, width: 4, height: 4 })
    const inputs = { references: [picture(key), picture(uploaded)], mask: null }
    await ask(db, 'UPDATE generation SET inputs = $2 WHERE id = $1', [id, JSON.stringify(inputs)])
    return id
  }
  const [failed, open] = [await place(), await place()]
  await put(uploaded, uploaded).catch(() => undefined)
  await release(db, failed)
  const isThere = async (id: string) => (await storage.head(inputObjectKey(id, '0'))) !== null
  await sweepFiles(needs())
  expect(await isThere(failed)).toBe(true)
  await ask(db, "UPDATE generation SET completed_at = completed_at - interval '61 minutes' WHERE id = $1", [
    failed,
  ])
  await sweepFiles(needs())
  expect([await isThere(failed), await isThere(open)]).toEqual([false, true])
  expect(await storage.head(uploaded)).not.toBeNull()
  expect((await read(failed, accountId)).inputs).toBeNull()
  await release(db, open)
})
