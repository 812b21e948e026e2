// Handles that are kept for many tasks at once, and polls that are put back, by several nodes that have read the same ones.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { eventually } from '../../test/harness.ts'
import type { Queryable } from '../db/db.ts'
import { newId } from '../ids.ts'
import { pollSql } from './poll-sql.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

let serial = 0
const ask = <Row>(text: string, values: unknown[] = [], on: Queryable = database.db) =>
  on.query<Row>({ name: `test_keep_tasks_${serial++}`, text }, values)

async function addTask(state = 'accepted', id = newId(() => new Date())): Promise<string> {
  await ask(
    `INSERT INTO attempt (generation_id, n, part, provider, upstream_model, state, upstream_task,
        expected_cost_usd_micro, started_at)
      VALUES ($1, 1, 0, 'fal', 'x', $2, '{"id": "t", "polls": 0}', 0, now())`,
    [id, state],
    database.ownerDb,
  )
  return id
}

const keep = (ids: string[], polls: number) => {
  const tasks = ids.map(() => JSON.stringify({ id: 't', polls }))
  return database.db.query(pollSql.keepTasks, [ids, ids.map(() => 1), ids.map(() => 0), tasks])
}
const pollsOf = async (ids: string[]) => {
  const text = `SELECT generation_id AS id, (upstream_task ->> 'polls')::int AS polls FROM attempt
    WHERE generation_id = ANY ($1)`
  const rows = await ask<{ id: string; polls: number }>(text, [ids])
  return ids.map(id => rows.find(row => row.id === id)?.polls)
}

/**
 * Whoever waits for the row of the first holds none of the others: who holds the first may take them. Whichever they
 * are given in.
 */
async function expectOneOrder(
  ids: string[],
  lock: string,
  write: (ids: string[]) => Promise<unknown>,
): Promise<void> {
  const [first = '', , last = ''] = ids
  for (const given of [ids, ids.toReversed()]) {
    let begin: () => void = () => undefined
    const isLocked = new Promise<void>(resolve => {
      begin = resolve
    })
    // Begun from outside of the transaction, as another node would.
    const written = isLocked.then(() => write(given))
    await database.ownerDb.transaction(async tx => {
      await ask(lock, [first], tx)
      begin()
      const isWaiting = `SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'
        AND transactionid = pg_current_xact_id()::xid`
      await eventually('it waits for the first', async () => (await ask(isWaiting, [], tx)).length === 1)
      await ask(`${lock} NOWAIT`, [last], tx)
    })
    await written
  }
}

const newIds = () => [0, 1, 2].map(() => newId(() => new Date())).toSorted()

test('their rows are locked in one order, whichever they are given in', async () => {
  const ids = newIds()
  // The last lies first in the table.
  for (const id of ids.toReversed()) await addTask('accepted', id)
  await expectOneOrder(ids, 'SELECT 1 FROM attempt WHERE generation_id = $1 FOR UPDATE', given =>
    keep(given, 7),
  )
  expect(await pollsOf(ids)).toEqual([7, 7, 7])
})

test('polls that are put back are locked in one order, whichever they are given in', async () => {
  const ids = newIds()
  const add = `INSERT INTO poll (generation_id, n, due_at, began_at, deadline, told)
    VALUES ($1, 1, now(), now(), now() + interval '1 hour', false)`
  for (const id of ids.toReversed()) await ask(add, [id], database.ownerDb)
  await expectOneOrder(ids, 'SELECT 1 FROM poll WHERE generation_id = $1 FOR UPDATE', given => {
    const [ns, delays, wakes, none] = [1, 1_000, 0, null].map(each => given.map(() => each))
    return database.db.query(pollSql.repeat, [given, ns, delays, wakes, none, none])
  })
  const text =
    'SELECT 1 FROM poll WHERE generation_id = ANY ($1) AND read_at IS NOT NULL AND due_at > app_now()'
  expect(await ask(text, [ids])).toHaveLength(3)
})

test('a task that has ended keeps the handle it had', async () => {
  const [open, ended] = [await addTask(), await addTask('done')]
  await keep([ended, open], 3)
  expect(await pollsOf([open, ended])).toEqual([3, 0])
})
