// Many who watch generations cost the database few statements: all of a process look at once.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Db } from '../src/db/db.ts'
import { findGeneration } from '../src/generations/read.ts'
import { watchGeneration } from '../src/generations/watch.ts'
import { createNativeClient, generations } from './conformance/native-client.ts'
import { createRig, eventually, type Rig } from './harness.ts'

let rig: Rig

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
})
afterAll(() => rig.close())

/** The database, and how often and for how many generations it was asked. */
function countFinds(db: Db) {
  const seen = { statements: 0, asked: 0 }
  const query: Db['query'] = (statement, values) => {
    if (statement.name === 'generation_find') {
      const [ids] = values as [unknown[]]
      seen.statements += 1
      seen.asked += ids.length
    }
    return db.query(statement, values)
  }
  return { seen, db: { ...db, query } }
}

test('twelve watchers who came one by one are answered by a statement each time they look', async () => {
  const node = await rig.startNode({ WORKER_CONCURRENCY: '1' })
  const client = await createNativeClient(node)
  const { apiKey, accountId } = await rig.account({ credits: 100, key: { rate: null } })
  const resume = rig.openai.pause()
  const body = { model: 'openai:gpt-image-2', prompt: 'a mill' }
  const { id } = (await client.call(apiKey, `POST ${generations}`, { body })).body
  const generation = await findGeneration(rig.database.db, accountId, id)
  if (!generation) throw new Error('the order is not there')
  const { seen, db } = countFinds(rig.database.db)
  const leaving = new AbortController()
  const nobody = { subscribe: () => () => undefined }
  const needs = { db, settled: nobody, partials: nobody, runner: { draining: () => false, runs: () => true } }
  const watchers: Promise<unknown>[] = []
  for (let count = 1; count <= 12; count += 1) {
    const { signal } = leaving
    const quiet = { signal, onStatus() {}, onPartial() {}, onProgress() {} }
    watchers.push(watchGeneration(needs, generation, quiet))
    await eventually('it has looked', () => seen.asked >= count)
  }
  const { statements, asked } = seen
  await eventually('each has looked four times more', () => seen.asked >= asked + 4 * 12)
  // One for each beat, and room for a beat that fell among those who came.
  expect(seen.statements - statements).toBeLessThanOrEqual(7)
  leaving.abort()
  await Promise.all(watchers)
  resume()
  await eventually('it has ended', async () => {
    const shown = await client.call(apiKey, `GET ${generations}/${id}`)
    return shown.body.status === 'succeeded'
  })
})
