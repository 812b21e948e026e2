// Pictures that came in and that no row names: removed a day after they were first seen, from a folder and from a bucket,
// and nothing that an order, an upload or another installation still needs.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openOwnStorage } from '../src/generations/installation.ts'
import { sweepStrays } from '../src/generations/strays.ts'
import { newId, randomToken } from '../src/ids.ts'
import { createLog } from '../src/log.ts'
import {
  inputObjectKey,
  installationFolder,
  intakeFolder,
  intakeFolderCount,
  uploadObjectKey,
} from '../src/storage/keys.ts'
import { openStorage } from '../src/storage/open.ts'
import type { Storage } from '../src/storage/storage.ts'
import { createMetrics } from '../src/telemetry.ts'
import { createTestBucket, type TestBucket } from './bucket/swift.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { ask, askOne, openAccount, order, release } from './money.ts'

const folders = Array.from({ length: intakeFolderCount }, (_, at) => intakeFolder(at))
/** Each test has its own place in it. */
let bucket: TestBucket | null = null
afterAll(() => bucket?.drop())

const kinds = [
  {
    kind: 'folder',
    open: async () => {
      const root = mkdtempSync(join(tmpdir(), 'darkroom-strays-'))
      const close = () => rmSync(root, { recursive: true, force: true })
      return { storage: openStorage(`file:${root}`), close }
    },
  },
  {
    kind: 'bucket',
    open: async () => {
      bucket ??= await createTestBucket()
      return { storage: openStorage(bucket.url({ prefix: randomToken(8) })), close: () => undefined }
    },
  },
]

describe.each(kinds)('in a $kind', ({ open }) => {
  let database: TestDatabase
  let storage: Storage
  let close: () => void
  let lines: string[]
  let metrics: ReturnType<typeof createMetrics>

  beforeEach(async () => {
    const brokenBooks = { I6: 'the clock moves on while nobody works on the orders' }
    database = await createTestDatabase({ brokenBooks })
    ;({ storage, close } = await open())
    lines = []
    metrics = createMetrics()
  })
  afterEach(async () => {
    await database.drop()
    close()
  })

  const put = async (key: string) => {
    const bytes = Buffer.from('a picture')
    await storage.put(key, bytes, { mediaType: 'image/png', maxBytes: 100, commitName: true })
    return key
  }
  const isThere = async (keys: string[]) => {
    const found = await Promise.all(keys.map(async key => ((await storage.head(key)) ? key : null)))
    return found.filter(key => key !== null)
  }
  const forward = (by: string) =>
    ask(database.ownerDb, 'UPDATE clock_offset SET value = value + $1::interval', [by])
  const log = createLog({
    level: 'info',
    logPrompts: false,
    destination: { write: line => void lines.push(line) },
  })
  const events = () => lines.map(line => (JSON.parse(line) as { event: string }).event)
  const needs = () => ({ db: database.db, processName: 'a test', storage, log, metrics })

  /** The walk's step at the folder of each key. */
  async function sweepAt(keys: string[], with_ = needs()): Promise<void> {
    for (const folder of new Set(keys.map(key => key.slice(0, key.lastIndexOf('/') + 1)))) {
      const at = folders.indexOf(folder)
      if (at < 0) throw new Error(`no folder of the walk: ${folder}`)
      // Never from the beginning, which is that of another walk.
      await ask(database.db, `UPDATE round SET due_at = app_now(), position = $1 WHERE name = 'strays'`, [
        String((at - 1 + intakeFolderCount) % intakeFolderCount),
      ])
      await sweepStrays(with_)
    }
  }

  async function makeOrder(name: string, named: boolean) {
    const accountId = await openAccount(database.db, 100)
    const { id } = await order(database.db, { accountId, unitPrice: 5, claim: true })
    const key = await put(inputObjectKey(id, name))
    const inputs = JSON.stringify({ references: named ? [{ key }] : [], mask: null })
    await ask(database.db, 'UPDATE generation SET inputs = $2 WHERE id = $1', [id, inputs])
    return { id, key }
  }

  const stray = () =>
    inputObjectKey(
      newId(() => new Date()),
      '0',
    )

  async function makeUpload(row: { raw?: string; picture?: string }) {
    const key = `up_${randomToken(32)}`
    const text = `INSERT INTO upload (key, account_id, filename, media_type, size_bytes, fingerprint, created_at, raw_key,
      picture) VALUES ($1, $2, 'x', 'image/png', 9, '', app_now(), $3, $4)`
    const [raw, picture] = [row.raw, row.picture].map(name => name && uploadObjectKey(key, name))
    const values = [
      key,
      newId(() => new Date()),
      raw ?? null,
      picture ? JSON.stringify({ key: picture }) : null,
    ]
    await ask(database.db, text, values)
    return key
  }

  test('what no row names is removed a day after it was first seen, and all that one names stays', async () => {
    const nobody = newId(() => new Date())
    const ended = await makeOrder('0', true)
    const loser = await put(inputObjectKey(ended.id, '1'))
    expect(await release(database.db, ended.id, {})).toBe(true)
    const open = await makeOrder('0', false)
    const [unsent, sent, used, gone] = [
      await makeUpload({}),
      await makeUpload({ raw: 'rawAbc' }),
      await makeUpload({ picture: 'pictureAbc' }),
      `up_${randomToken(32)}`,
    ]
    const kept = [
      ...[ended.key, open.key, await put(uploadObjectKey(unsent, 'raw'))],
      ...[await put(uploadObjectKey(sent, 'rawAbc')), await put(uploadObjectKey(used, 'pictureAbc'))],
      // Names of others, and one where we would not have put it.
      ...[await put('in/ab/notes.txt'), await put(`u/zz/${gone}-raw`)],
    ]
    const strays = [
      ...[await put(inputObjectKey(nobody, '0')), await put(inputObjectKey(nobody, 'mask')), loser],
      ...[await put(uploadObjectKey(sent, 'pictureXyz')), await put(uploadObjectKey(used, 'raw'))],
      ...[await put(uploadObjectKey(used, 'pictureXyz')), await put(uploadObjectKey(gone, 'raw'))],
    ]
    const all = [...kept, ...strays]
    const present = () => isThere(all)

    await sweepAt(all)
    await forward('24 hours')
    await sweepAt(all)
    expect(await present(), 'young').toEqual(all)
    await forward('26 hours')
    await sweepAt(all)
    // The loser's order had ended less than a day before it was first looked at.
    expect(await present()).toEqual([...kept, loser])
    await forward('26 hours')
    await sweepAt(all)
    expect(await present()).toEqual(kept)
    expect((await metrics.leftovers.get()).values[0]?.value).toBe(strays.length)
    expect(new Set(events())).toEqual(new Set(['strays.removed']))
    const left = await askOne<{ count: number }>(
      database.db,
      'SELECT count(*)::int AS count FROM stray_object',
    )
    expect(left.count).toBe(0)
  })

  test('a picture that has got its row meanwhile is not removed', async () => {
    const id = newId(() => new Date())
    const key = await put(inputObjectKey(id, '0'))
    await sweepAt([key])
    await forward('26 hours')
    const accountId = await openAccount(database.db, 100)
    await order(database.db, { accountId, unitPrice: 5, claim: true, id })
    await sweepAt([key])
    expect(await isThere([key])).toEqual([key])
  })

  test('a picture whose order is taken between the first look and the removal stays', async () => {
    const [late, nobody] = [newId(() => new Date()), newId(() => new Date())]
    const keys = [await put(inputObjectKey(late, '0')), await put(inputObjectKey(nobody, '0'))]
    await sweepAt(keys)
    await forward('26 hours')
    const accountId = await openAccount(database.db, 100)
    const taken = new Set<string>()
    // The order's row comes right after its picture was found to be ripe.
    const query: typeof database.db.query = async (statement, values) => {
      const rows = await database.db.query(statement, values)
      if (statement.name !== 'stray_sight' || taken.has(late)) return rows as never
      if (!rows.some(row => (row as { key: string; ripe: boolean }).key === keys[0])) return rows as never
      taken.add(late)
      await order(database.db, { accountId, unitPrice: 5, claim: true, id: late })
      return rows as never
    }
    await sweepAt(keys, { ...needs(), db: { ...database.db, query } })
    expect(taken.size, 'the order was taken in between').toBe(1)
    expect(await isThere(keys)).toEqual([keys[0]])
  })

  test('beside another installation nothing is taken for a stray, and that is told once a walk', async () => {
    const key = await put(stray())
    await sweepAt([key])
    const otherId = newId(() => new Date())
    const other = await put(installationFolder + otherId)
    await forward('26 hours')
    await sweepAt([key])
    await sweepAt([key])
    expect(await isThere([key])).toEqual([key])
    expect(events()).toEqual(['storage.shared'])
    const { id } = await askOne<{ id: string }>(database.db, 'SELECT id FROM installation')
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ installation: id, other: otherId })
    await forward('1 hour')
    await ask(database.db, `UPDATE round SET began_at = app_now() WHERE name = 'strays'`)
    await sweepAt([key])
    expect(events()).toEqual(['storage.shared', 'storage.shared'])
    await storage.remove([other])
    await sweepAt([key])
    expect(await isThere([key])).toEqual([])
  })

  test('what another installation has begun to store is safe from its first picture on', async () => {
    const theirs = await createTestDatabase()
    try {
      // A copy of a database is the same installation.
      await ask(theirs.ownerDb, 'UPDATE installation SET id = gen_random_uuid()')
      const { missingObjects } = metrics
      const own = { db: theirs.db, storage, log, metrics: { missingObjects } }
      const key = stray()
      await (await openOwnStorage(own)).put(key, Buffer.from('a picture'), {
        ...{ mediaType: 'image/png', maxBytes: 100, commitName: true },
      })
      await sweepAt([key])
      await forward('26 hours')
      await sweepAt([key])
      expect(await isThere([key])).toEqual([key])
      expect(events()).toEqual(['storage.shared'])
    } finally {
      await theirs.drop()
    }
  })

  test('where most of what came in has no row, nothing is removed', async () => {
    const strays = await Promise.all(Array.from({ length: 11 }, () => put(stray())))
    const named = await Promise.all(Array.from({ length: 10 }, () => makeOrder('0', true)))
    const all = [...strays, ...named.map(({ key }) => key)]
    await sweepAt(all)
    await forward('26 hours')
    await sweepAt(all)
    expect(await isThere(strays)).toEqual(strays)
    expect(events()).toEqual(['strays.doubted'])
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ objects: 21, nameless: 11 })
    // As many with a row as without: they are strays after all.
    const more = await makeOrder('0', true)
    await sweepAt([more.key, ...all])
    expect(await isThere(strays)).toEqual([])
    expect(await isThere(named.map(({ key }) => key))).toHaveLength(named.length)
  })
})

test('all folders of pictures that come in are in the walk, each once', () => {
  expect(new Set(folders).size).toBe(intakeFolderCount)
  const id = newId(() => new Date())
  for (let i = 0; i < 200; i += 1) {
    const key = uploadObjectKey(`up_${randomToken(32)}`, 'raw')
    expect(folders).toContain(key.slice(0, 5))
  }
  expect(folders).toContain(`in/${id.slice(-2)}/`)
  for (const at of [-1, 0.5, intakeFolderCount]) expect(() => intakeFolder(at)).toThrow(TypeError)
})
