// What waits for the proof of its endpoint costs no claim anything, however much it is.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { ask, askOne, openAccount } from '../../test/money.ts'
import type { Tx } from '../db/db.ts'
import { type ClaimedRow, sql } from './sql.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const held = 5_000

async function addEndpoint(accountId: string, ownership: string): Promise<string> {
  const { id } = await askOne<{ id: string }>(
    database.db,
    `INSERT INTO webhook_endpoint (id, account_id, url, events, policy, secret, created_at, updated_at, ownership)
      VALUES (gen_random_uuid(), $1, 'https://held.example/', '{generation.succeeded}', 'default', '', app_now(),
        app_now(), $2) RETURNING id`,
    [accountId, ownership],
  )
  return id
}

const queue = (accountId: string, endpointId: string, many: number) =>
  ask(
    database.db,
    `INSERT INTO webhook_delivery (id, endpoint_id, account_id, generation_id, type, due_at, created_at)
      SELECT gen_random_uuid(), $2, $1, gen_random_uuid(), 'generation.succeeded', app_now(), app_now()
        FROM generate_series(1, $3::int)`,
    [accountId, endpointId, many],
  )

/** What the work answers, and how many rows of deliveries it has read for that. */
const count = <Row>(work: (tx: Tx) => Promise<Row[]>) =>
  database.db.transaction(async tx => {
    const readSoFar = async () => {
      const { read } = await askOne<{ read: number }>(
        tx,
        `SELECT (seq_tup_read + idx_tup_fetch)::int AS read FROM pg_stat_xact_user_tables
          WHERE relname = 'webhook_delivery'`,
      )
      return read
    }
    // The connection may still count what was done before.
    const before = await readSoFar()
    const taken = await work(tx)
    return { taken, read: (await readSoFar()) - before }
  })

const claim = () =>
  count(tx =>
    tx.query<ClaimedRow>(sql.claim, [
      ...['held', 30_000, 100, 16, '00000000-0000-0000-0000-000000000000'],
      ...[[], []],
    ]),
  )

test('a claim reads none of what waits for a proof, and takes its challenge and what others are due', async () => {
  const accountId = await openAccount(database.db, 0)
  const pending = [await addEndpoint(accountId, 'pending'), await addEndpoint(accountId, 'pending')]
  const proven = await addEndpoint(accountId, 'proven')
  for (const id of pending) await queue(accountId, id, held)
  await queue(accountId, proven, 3)
  const [challenged = ''] = pending
  const challengeId = randomUUID()
  await ask(database.ownerDb, 'ANALYZE')
  for (const id of [randomUUID(), challengeId]) {
    const started = await count(tx => ask(tx, 'SELECT start_challenge($1, $2)', [challenged, id]))
    expect(started.read).toBeLessThan(50)
  }

  const first = await claim()
  const challenges = first.taken.filter(({ type }) => type === 'webhook.challenge')
  expect(challenges.map(({ id }) => id)).toEqual([challengeId])
  const events = first.taken.filter(({ type }) => type === 'generation.succeeded')
  expect(events.map(row => row.endpoint_id)).toEqual([proven, proven, proven])
  expect(first.read).toBeLessThan(50)
  const second = await claim()
  expect(second.taken).toEqual([])
  expect(second.read).toBeLessThan(50)

  await ask(database.db, "UPDATE webhook_endpoint SET ownership = 'proven' WHERE id = $1", [challenged])
  expect((await claim()).taken.map(row => row.endpoint_id)).toEqual(
    Array.from({ length: 16 }, () => challenged),
  )
})
