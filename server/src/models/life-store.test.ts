// What a node knows of models that are gone, when many orders meet the same one at once.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import type { Queryable } from '../db/db.ts'
import { createLog } from '../log.ts'
import { createMetrics } from '../telemetry.ts'
import { createLifeMemory, createLives, readLife, restoreModel } from './life-store.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

test('orders that meet it at once share the look at the database, and each finds it switched off', async () => {
  let asked = 0
  const query: Queryable['query'] = (statement, values) => {
    asked += 1
    return database.db.query(statement, values)
  }
  const life = createLifeMemory()
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const log = createLog({ level: 'info', logPrompts: false, destination })
  const lives = createLives({ db: { ...database.db, query }, log, metrics: createMetrics(), life })
  const orders = Array.from({ length: 100 }, () => randomUUID())
  await Promise.all(
    orders.map(async generationId => {
      const named = { provider: 'openai', upstreamModel: 'gpt-image-2' }
      await lives.noteGone({ ...named, said: 'no such model', generationId })
      expect(life.current().gone).toMatchObject([named])
    }),
  )
  expect(lines.filter(line => line.includes('"model.gone"'))).toHaveLength(1)
  // Each writes once; the looks, of two statements, are fewer than half as many.
  expect(asked).toBeLessThan(orders.length + orders.length)
})

test('what is gone and told to end later is restored first; its told end is overruled once it has come, or by a second time', async () => {
  const { db, ownerDb } = database
  const model = { provider: 'openai', upstreamModel: 'gpt-image-1.5' }
  const life = createLifeMemory()
  const lives = createLives({
    db,
    log: createLog({ level: 'silent', logPrompts: false }),
    metrics: createMetrics(),
    life,
  })
  const tell = (day: string) =>
    ownerDb.query({
      name: `test_tell_${day}`,
      text: `INSERT INTO told_model (provider, upstream_model, shutdown_on) VALUES ('openai', 'gpt-image-1.5', '${day}')
        ON CONFLICT (provider, upstream_model) DO UPDATE SET shutdown_on = excluded.shutdown_on`,
    })
  const noteGone = () => lives.noteGone({ ...model, said: 'no such model', generationId: randomUUID() })
  await tell('2099-01-31')
  await noteGone()
  expect(await restoreModel(db, model)).toMatchObject({ gone: model, overruledEnd: null })
  expect((await readLife(db)).told).toMatchObject([{ ...model, overruledEnd: null }])
  expect(await restoreModel(db, model)).toEqual({ gone: null, overruledEnd: '2099-01-31' })
  await expect(restoreModel(db, model)).rejects.toMatchObject({ code: 'not_found' })
  await tell('2026-01-31')
  await noteGone()
  expect(await restoreModel(db, model)).toMatchObject({ gone: model, overruledEnd: '2026-01-31' })
  expect((await readLife(db)).told).toMatchObject([{ shutdownOn: '2026-01-31', overruledEnd: '2026-01-31' }])
})
