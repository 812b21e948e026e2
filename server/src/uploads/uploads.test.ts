// Guards uploads beneath the wire: times that tests of the wire cannot wait for, and what is left in storage.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import sharp from 'sharp'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { AppError } from '../errors.ts'
import { createSigner } from '../storage/links.ts'
import { openStorage } from '../storage/open.ts'
import type { Storage } from '../storage/storage.ts'
import { maxInputBytes } from './check-input.ts'
import {
  createUpload,
  purgeUploads,
  receiveUpload,
  takeUpload,
  type UploadNeeds,
  uploadPurpose,
} from './uploads.ts'

const account = '01930000-0000-7000-8000-000000000001'
const stranger = '01930000-0000-7000-8000-000000000002'
const hour = 3_600_000
const forever = new AbortController().signal
/** Stands still unless a test moves it. */
const beganAt = Date.UTC(2026, 10, 28, 12)

let database: TestDatabase
let folder: string
let storage: Storage
let aheadMs: number

beforeEach(async () => {
  database = await createTestDatabase()
  folder = mkdtempSync(join(tmpdir(), 'darkroom-uploads-'))
  storage = openStorage(`file:${folder}`)
  aheadMs = 0
})
afterEach(async () => {
  await database.drop()
  rmSync(folder, { recursive: true, force: true })
})

const needs = (more: Partial<UploadNeeds> = {}): UploadNeeds => ({
  db: database.db,
  storage,
  signer: createSigner(['a secret'], uploadPurpose),
  publicUrl: () => 'https://darkroom.example',
  now: () => new Date(beganAt + aheadMs),
  quota: { count: 100, bytes: 1e9 },
  ...more,
})

/** For signatures by the process, for rows by the database. */
async function forward(ms: number): Promise<void> {
  aheadMs += ms
  const text = "UPDATE clock_offset SET value = $1::bigint * interval '1 ms'"
  await database.ownerDb.query({ name: 'forward', text }, [aheadMs])
}

const picture = () =>
  sharp({ create: { width: 20, height: 10, channels: 3, background: 'teal' } })
    .png()
    .toBuffer()

async function announce(bytes: Buffer, idempotencyKey: string | null = null, from = needs()) {
  const input = { filename: 'x.png', contentType: 'image/png' as const, sizeBytes: bytes.length }
  const made = await createUpload(from, {
    ...input,
    accountId: account,
    idempotencyKey,
    fingerprint: Buffer.alloc(32),
  })
  const query = new URL(made.url).searchParams
  return { ...made, exp: query.get('exp') ?? '', sig: query.get('sig') ?? '' }
}

type Announced = Awaited<ReturnType<typeof announce>>

const send = ({ key, exp, sig }: Announced, bytes: Buffer) =>
  receiveUpload(needs(), {
    ...{ key, exp, sig },
    mediaType: 'image/png',
    sizeBytes: bytes.length,
    body: Readable.from([bytes]),
  })

const take = (key: string, accountId = account) =>
  takeUpload(needs(), accountId, { key, field: 'image', maxBytes: maxInputBytes, signal: forever })

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    error => (error instanceof AppError ? error.code : String(error)),
  )

const files = () =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => /up_\w+-/.test(name))

test('an address works until its last second and not after, whatever else is right', async () => {
  const bytes = await picture()
  const made = await announce(bytes)
  await forward(299_000)
  const other = needs({ signer: createSigner(['another secret'], uploadPurpose) })
  expect(
    await codeOf(
      receiveUpload(other, { ...made, mediaType: 'image/png', sizeBytes: 1, body: Readable.from([]) }),
    ),
  ).toBe('forbidden')
  const late = await announce(bytes)
  expect(await codeOf(send(made, bytes))).toBe('done')
  await forward(300_000)
  expect(await codeOf(send(late, bytes))).toBe('forbidden')
  const fresh = await announce(bytes, 'key')
  const again = await announce(bytes, 'key')
  expect([again.key, again.replayed]).toEqual([fresh.key, true])
})

test('a secret that was replaced still opens what it signed', async () => {
  const bytes = await picture()
  const made = await announce(bytes)
  const rotated = needs({ signer: createSigner(['a new secret', 'a secret'], uploadPurpose) })
  const sent = { ...made, mediaType: 'image/png', sizeBytes: bytes.length, body: Readable.from([bytes]) }
  expect(await codeOf(receiveUpload(rotated, sent))).toBe('done')
})

test('a body that is shorter or longer than announced leaves nothing, and may be sent again', async () => {
  const bytes = await picture()
  const made = await announce(bytes)
  for (const wrong of [bytes.subarray(1), Buffer.concat([bytes, bytes])]) {
    const sent = { ...made, mediaType: 'image/png', sizeBytes: bytes.length, body: Readable.from([wrong]) }
    expect(await codeOf(receiveUpload(needs(), sent))).toBe('invalid_request')
    expect(files()).toEqual([])
  }
  expect(await codeOf(send(made, bytes))).toBe('done')
})

test('what was sent is gone once it has been checked, and all orders share the one copy', async () => {
  const bytes = await picture()
  const made = await announce(bytes)
  await send(made, bytes)
  expect(files()).toHaveLength(1)
  // As many as one account may have decoded and waiting at once; a sixth could be asked to come again.
  const taken = await Promise.all(Array.from({ length: 5 }, () => take(made.key)))
  expect(new Set(taken.map(({ key }) => key)).size).toBe(1)
  expect(files()).toHaveLength(1)
  expect(files()[0]).toContain('picture')
  expect(await take(made.key)).toEqual(taken[0])
  expect(taken[0]).toMatchObject({ mediaType: 'image/png', width: 20, height: 10 })
  expect(await codeOf(take(made.key, stranger))).toBe('invalid_request')
})

test('bytes that are no picture are refused at first use, each time', async () => {
  const bytes = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')
  const made = await announce(bytes)
  await send(made, bytes)
  for (const _ of [1, 2]) expect(await codeOf(take(made.key))).toBe('invalid_request')
})

test('never sent is gone after a day, sent after thirty, unless saved or just used', async () => {
  const bytes = await picture()
  const unsent = await announce(bytes, 'unsent')
  const [sent, used, kept] = await Promise.all([announce(bytes), announce(bytes), announce(bytes)])
  for (const each of [sent, used, kept]) {
    await send(each, bytes)
    await take(each.key)
  }
  const save = { name: 'save', text: 'UPDATE upload SET saved_at = app_now() WHERE key = $1' }
  await database.db.query(save, [kept.key])
  const left = async () => {
    await purgeUploads(needs())
    const rows = await database.db.query<{ key: string }>({ name: 'left', text: 'SELECT key FROM upload' })
    return rows.map(({ key }) => key).sort()
  }
  const all = [unsent, sent, used, kept].map(({ key }) => key)
  await forward(23 * hour)
  expect(await left()).toEqual([...all].sort())
  await forward(2 * hour)
  expect(await left()).toEqual([sent, used, kept].map(({ key }) => key).sort())
  // The key is free again.
  expect((await announce(bytes, 'unsent')).replayed).toBe(false)
  await forward(29 * 24 * hour + 22 * hour)
  await take(used.key)
  await forward(2 * hour)
  expect(await left()).toEqual([used, kept].map(({ key }) => key).sort())
  expect(await codeOf(take(sent.key))).toBe('invalid_request')
  await forward(25 * hour)
  expect(await left()).toEqual([kept.key])
  expect(files().every(name => name.includes(kept.key))).toBe(true)
})

test('a purge that died in the middle is finished by the next', async () => {
  const bytes = await picture()
  const made = await announce(bytes)
  await send(made, bytes)
  await forward(31 * 24 * hour)
  const broken = { ...storage, remove: () => Promise.reject(new Error('no disk')) }
  await expect(purgeUploads({ ...needs(), storage: broken })).rejects.toThrow('no disk')
  expect(await codeOf(take(made.key))).toBe('invalid_request')
  expect(files()).toHaveLength(1)
  await forward(11 * 60_000)
  await purgeUploads(needs())
  expect(files()).toEqual([])
})

test('a bucket that takes uploads itself is asked for the address, and looked into when an order comes', async () => {
  const bytes = await picture()
  const bucket: Storage = {
    ...storage,
    presignPut: async (key, limits) => `https://bucket.example/${key}?${JSON.stringify(limits)}`,
  }
  const from = needs({ storage: bucket })
  const made = await announce(bytes, null, from)
  const idle = await announce(bytes, null, from)
  const late = await announce(bytes, null, from)
  const rawKey = new URL(made.url).pathname.slice(1)
  expect(made.url).toContain(String(bytes.length))
  const ask = { key: made.key, field: 'image', maxBytes: maxInputBytes, signal: forever }
  expect(await codeOf(takeUpload(from, account, ask))).toBe('invalid_request')
  const put = { mediaType: 'image/png', maxBytes: bytes.length, commitName: true }
  await storage.put(rawKey, bytes, put)
  await storage.put(new URL(late.url).pathname.slice(1), bytes, put)
  const taken = await takeUpload(from, account, ask)
  expect(taken.key).not.toBe(rawKey)
  // Written over after the first use: nobody sees it.
  await storage.put(rawKey, Buffer.from('something else'), put)
  expect(await takeUpload(from, account, ask)).toEqual(taken)
  await forward(25 * hour)
  await purgeUploads(from)
  expect(await codeOf(takeUpload(from, account, { ...ask, key: idle.key }))).toBe('invalid_request')
  // Sent, though no order has used it.
  expect((await takeUpload(from, account, { ...ask, key: late.key })).width).toBe(20)
})

test('an account announces only so many that no order has used, in number and in bytes', async () => {
  const bytes = await picture()
  const few = needs({ quota: { count: 2, bytes: 1e9 } })
  const first = await announce(bytes, 'first', few)
  await announce(bytes, null, few)
  expect(await codeOf(announce(bytes, null, few))).toBe('rate_limited')
  expect(await codeOf(announce(bytes, 'new', few))).toBe('rate_limited')
  // A repeat is no new one.
  expect((await announce(bytes, 'first', few)).key).toBe(first.key)
  await send(first, bytes)
  expect(await codeOf(announce(bytes, null, few))).toBe('rate_limited')
  await take(first.key)
  const third = await announce(bytes, null, few)
  expect(third.replayed).toBe(false)
  const small = needs({ quota: { count: 100, bytes: 3 * bytes.length } })
  await announce(bytes, null, small)
  expect(await codeOf(announce(bytes, null, small))).toBe('rate_limited')
  // Never sent: gone after a day, and out of the count.
  await forward(25 * hour)
  await purgeUploads(needs())
  expect(await codeOf(announce(bytes, null, small))).toBe('done')
})
