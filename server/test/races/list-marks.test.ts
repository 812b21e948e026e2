// Deep pages begin at marks: whatever is deleted, comes late or is written while marks are set, each page shows what
// counting the whole list from its newest row would show.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { connectDatabase } from '../../src/db/connect.ts'
import type { Db } from '../../src/db/db.ts'
import { markLists, markSpacing } from '../../src/generations/marks.ts'
import { listSucceeded } from '../../src/generations/read.ts'
import { createTestDatabase, silentLog, type TestDatabase } from '../database.ts'
import { ask, askOne } from '../money.ts'

const rows = 6_500
const limit = 20
const dialect = 'getimages'
/** The last row is so old; nothing younger than a minute is marked. */
const youngestS = 1_000

let database: TestDatabase
let admin: Db
let accountId: string

beforeAll(async () => {
  const why = 'its orders are rows only, made by the thousand'
  database = await createTestDatabase({ brokenBooks: { I4: why, I9: why } })
  admin = await connectDatabase({
    url: database.adminUrl,
    maxConnections: 2,
    statementTimeoutMs: 60_000,
    prepare: false,
    log: silentLog,
  })
})
afterAll(async () => {
  await admin.close()
  await database.drop()
})
beforeEach(async () => {
  accountId = randomUUID()
  await ask(admin, 'INSERT INTO account (id, name) VALUES ($1, $2)', [accountId, 'marks'])
  await add({ count: rows, youngestS })
})

/** Generations in bulk, three to a second, so that many share their time; `state` of all of them. */
async function add(batch: { count: number; youngestS: number; state?: string }): Promise<void> {
  const { count, state = 'succeeded' } = batch
  await ask(
    admin,
    `INSERT INTO generation (id, account_id, dialect, model, prompt, options, fingerprint, unit_price, count, price,
        state, created_by, deadline, created_at, completed_at, images, manifest_sha256)
      SELECT gen_random_uuid(), $1, $2, 'm', 'a small red boat', '{}', '\\x00', 0, 1, 0, $5, 'p',
        app_now() + interval '1 day', date_trunc('second', app_now()) - ($4 + n / 3) * interval '1 second', app_now(), '[]', '\\x00'
      FROM generate_series(0, $3::int - 1) n`,
    [accountId, dialect, count, batch.youngestS, state],
  )
  if (state === 'succeeded') await raiseTotal(count)
}

async function raiseTotal(added: number): Promise<void> {
  await ask(
    admin,
    `INSERT INTO generation_total AS t (account_id, dialect, succeeded) VALUES ($1, $2, $3)
      ON CONFLICT (account_id, dialect) DO UPDATE SET succeeded = t.succeeded + $3`,
    [accountId, dialect, added],
  )
}

/** Ids of the list as counting gives them, newest first. */
async function listByCounting(): Promise<string[]> {
  const found = await ask<{ id: string }>(
    admin,
    `SELECT id FROM generation WHERE account_id = $1 AND state = 'succeeded' AND deleted_at IS NULL
      ORDER BY created_at DESC, id DESC`,
    [accountId],
  )
  return found.map(each => each.id)
}

function countMarks(): Promise<{ marks: number; highest: number }> {
  return askOne(
    admin,
    'SELECT count(*)::int AS marks, coalesce(max(rank), 0)::int AS highest FROM generation_mark WHERE account_id = $1',
    [accountId],
  )
}

async function expectPagesAsCounted(): Promise<void> {
  const all = await listByCounting()
  const offsets = [0, 999, 1_000, 1_001, all.length - limit, all.length - 1, all.length, all.length + 5_000]
  for (let offset = 7; offset < all.length; offset += 173) offsets.push(offset)
  for (const offset of offsets) {
    const { generations, total } = await listSucceeded(database.db, { accountId, dialect }, { limit, offset })
    expect(total).toBe(all.length)
    expect(generations.map(each => each.id)).toEqual(all.slice(offset, offset + limit))
  }
}

async function remove(ids: string[]): Promise<void> {
  await Promise.all(
    ids.map(async id => {
      const { outcome } = await askOne<{ outcome: string }>(
        database.db,
        'SELECT delete_generation($1, $2) AS outcome',
        [id, accountId],
      )
      expect(outcome).toBe('deleted')
    }),
  )
}

test('every page is as counted: without marks, with them, and when all of them are thrown away', async () => {
  await expectPagesAsCounted()
  await markLists(database.db)
  expect(await countMarks()).toEqual({ marks: 6, highest: 6 * markSpacing })
  await expectPagesAsCounted()
  await ask(admin, 'DELETE FROM generation_mark WHERE account_id = $1', [accountId])
  await expectPagesAsCounted()
})

test('marks follow a list that grows, and a second look sets none twice', async () => {
  await Promise.all([markLists(database.db), markLists(database.db), markLists(database.db)])
  await expectPagesAsCounted()
  await add({ count: 2_200, youngestS: 120 })
  await expectPagesAsCounted()
  await Promise.all([markLists(database.db), markLists(database.db)])
  expect(await countMarks()).toEqual({ marks: 8, highest: 8 * markSpacing })
  await expectPagesAsCounted()
})

test('deleted generations leave every page as counted, also the very ones that marks stand on', async () => {
  await markLists(database.db)
  const marked = await ask<{ id: string }>(admin, 'SELECT id FROM generation_mark WHERE account_id = $1', [
    accountId,
  ])
  const all = await listByCounting()
  await remove([...marked.map(each => each.id), ...all.slice(2_000, 3_300), ...all.slice(-30)])
  await expectPagesAsCounted()
})

test('what is deleted while marks are set is counted once', async () => {
  const all = await listByCounting()
  await Promise.all([markLists(database.db), remove(all.filter((_, index) => index % 9 === 0))])
  await markLists(database.db)
  await expectPagesAsCounted()
})

test('nothing is marked above a generation that may still take its place', async () => {
  await add({ count: 1, youngestS: youngestS + 700, state: 'storing' })
  await markLists(database.db)
  const { highest } = await countMarks()
  // Three to a second: some 2,100 rows are younger than the open one.
  expect(highest).toBe(4 * markSpacing)
  await ask(admin, `UPDATE generation SET state = 'succeeded' WHERE account_id = $1 AND state = 'storing'`, [
    accountId,
  ])
  await raiseTotal(1)
  await expectPagesAsCounted()
  await markLists(database.db)
  expect((await countMarks()).highest).toBe(6 * markSpacing)
  await expectPagesAsCounted()
})
