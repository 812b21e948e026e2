// The sample of the queue between two looks at the database.
import { expect, test } from 'vitest'
import type { Db } from '../db/db.ts'
import { createMetrics } from '../telemetry.ts'
import { createQueueSample } from './queue.ts'

/** A database that finds nobody waiting, and answers when it is told to. */
function openSlow() {
  let answer = () => {}
  const asked = new Promise<void>(resolve => {
    answer = resolve
  })
  const query = async () => {
    await asked
    return [{ depth: 0, age_s: 0, waiting: 0, open: 0 }]
  }
  return { db: { query } as unknown as Db, answer }
}

test('orders that enter the queue while it is counted are not forgotten, until the next look', async () => {
  const { db, answer } = openSlow()
  const queue = createQueueSample({ db, metrics: createMetrics(), elapsedMs: () => performance.now() }, 2)
  const refreshing = queue.refresh()
  for (const isTaken of [true, false, true]) queue.arrive()(isTaken)
  answer()
  await refreshing
  expect([queue.isFull(), queue.depth()]).toEqual([true, 2])
  await queue.refresh()
  expect([queue.isFull(), queue.isEmpty()]).toEqual([false, true])
})
