// Notifications: who gets which, and what is promised when the connection is lost.
import { EventEmitter, once } from 'node:events'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, getTestServer, silentLog, type TestDatabase } from '../../test/database.ts'
import { type FaultProxy, startFaultProxy } from '../../test/fault-proxy.ts'
import { connectDatabase } from './connect.ts'
import type { Db } from './db.ts'

let database: TestDatabase
let proxy: FaultProxy
const opened: Db[] = []

beforeAll(async () => {
  database = await createTestDatabase({ empty: true })
  proxy = await startFaultProxy({ host: '127.0.0.1', port: (await getTestServer()).embedded.port })
})
afterEach(async () => {
  await proxy.setMode({ kind: 'pass' })
  for (const db of opened.splice(0)) await db.close()
})
afterAll(async () => {
  await proxy.close()
  await database.drop()
})

async function connectListener({ acquireTimeoutMs = 60_000 } = {}): Promise<Db> {
  const db = await connectDatabase({
    url: database.appUrl,
    directUrl: proxy.through(database.appUrl),
    maxConnections: 1,
    statementTimeoutMs: 60_000,
    acquireTimeoutMs,
    prepare: true,
    log: silentLog,
  })
  opened.push(db)
  return db
}

async function notify(channel: string, payload: string): Promise<void> {
  await database.db.query({ name: 'notify', text: 'SELECT pg_notify($1, $2)' }, [channel, payload])
}

async function countListeners(): Promise<number> {
  const rows = await database.db.query({
    name: 'count_listeners',
    text: `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`,
  })
  return rows.length
}

/** Collects payloads, and waits for one. */
function makeInbox() {
  const arrived: string[] = []
  const bell = new EventEmitter()
  return {
    arrived,
    receive(payload: string) {
      arrived.push(payload)
      bell.emit('arrival')
    },
    async waitFor(payload: string) {
      while (!arrived.includes(payload)) await once(bell, 'arrival')
    },
  }
}

test('a notification sent after listen() resolved arrives, in order, at every subscriber', async () => {
  const db = await connectListener()
  const first = makeInbox()
  const second = makeInbox()
  await Promise.all([db.listen('work', first.receive), db.listen('work', second.receive)])
  for (const payload of ['1', '2', 'end']) await notify('work', payload)
  await Promise.all([first.waitFor('end'), second.waitFor('end')])
  expect([first.arrived, second.arrived]).toEqual([
    ['1', '2', 'end'],
    ['1', '2', 'end'],
  ])
})

test('a subscriber to one payload hears only that, and thousands share one connection', async () => {
  const db = await connectListener()
  const before = proxy.counts().accepted
  const inboxes = Array.from({ length: 2_000 }, makeInbox)
  await Promise.all(
    inboxes.map((inbox, index) => db.listen('done', inbox.receive, { payload: `generation-${index}` })),
  )
  const everything = makeInbox()
  await db.listen('done', everything.receive)
  await notify('done', 'generation-7')
  await notify('done', 'generation-1999')
  await everything.waitFor('generation-1999')
  expect(inboxes.map(inbox => inbox.arrived).filter(arrived => arrived.length > 0)).toEqual([
    ['generation-7'],
    ['generation-1999'],
  ])
  expect(proxy.counts().accepted - before).toBe(1)
})

test('a subscription that ended hears nothing more, and the others go on', async () => {
  const db = await connectListener()
  const leaving = makeInbox()
  const staying = makeInbox()
  const leave = await db.listen('work', leaving.receive)
  const leaveLast = await db.listen('work', staying.receive)
  await leave()
  await notify('work', 'later')
  await staying.waitFor('later')
  expect(leaving.arrived).toEqual([])
  await leaveLast()
  // Leaving and coming back at once must not end up deaf.
  const back = makeInbox()
  const other = await db.listen('work', () => undefined)
  await Promise.all([other(), db.listen('work', back.receive)])
  await notify('work', 'again')
  await back.waitFor('again')
})

test('after a lost connection the subscriber is told once it listens again, and hears what follows', async () => {
  const db = await connectListener()
  const inbox = makeInbox()
  const told = new EventEmitter()
  await db.listen('work', inbox.receive, { onReconnect: () => told.emit('reconnect') })
  for (const round of ['one', 'two']) {
    const reconnected = once(told, 'reconnect')
    proxy.cutAll()
    await reconnected
    await notify('work', round)
    await inbox.waitFor(round)
  }
})

test('an outage of the database is survived: the subscription comes back with it', async () => {
  const db = await connectListener()
  const inbox = makeInbox()
  const told = new EventEmitter()
  await db.listen('work', inbox.receive, { onReconnect: () => told.emit('reconnect') })
  const reconnected = once(told, 'reconnect')
  await proxy.setMode({ kind: 'refuse' })
  // Somebody who comes during the outage waits for its end.
  const late = makeInbox()
  const lateListening = db.listen('other', late.receive)
  await proxy.setMode({ kind: 'pass' })
  await reconnected
  await lateListening
  await notify('work', 'back')
  await notify('other', 'back')
  await Promise.all([inbox.waitFor('back'), late.waitFor('back')])
})

test('listening to a database that is not there fails as unavailable', async () => {
  const db = await connectListener({ acquireTimeoutMs: 1_000 })
  await proxy.setMode({ kind: 'refuse' })
  await expect(db.listen('work', () => undefined)).rejects.toMatchObject({ code: 'unavailable' })
  await proxy.setMode({ kind: 'pass' })
  const inbox = makeInbox()
  await db.listen('work', inbox.receive)
  await notify('work', 'now')
  await inbox.waitFor('now')
})

test('a subscriber that throws harms nobody', async () => {
  const db = await connectListener()
  const inbox = makeInbox()
  await db.listen('work', () => {
    throw new Error('mine')
  })
  await db.listen('work', inbox.receive)
  await notify('work', 'still')
  await inbox.waitFor('still')
})

test('closing ends the connection and its attempts to come back', async () => {
  const db = await connectListener()
  await db.listen('work', () => undefined)
  expect(await countListeners()).toBe(1)
  await proxy.setMode({ kind: 'refuse' })
  await db.close()
  await proxy.setMode({ kind: 'pass' })
  const accepted = proxy.counts().accepted
  await expect(db.listen('work', () => undefined)).rejects.toThrow()
  expect(proxy.counts().accepted).toBe(accepted)
})
