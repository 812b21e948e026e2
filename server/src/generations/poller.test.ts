// What the poller claims and what it leaves in the database, over real rows and a provider that says what a test wants.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { eventually } from '../../test/harness.ts'
import { ask, askOne, openAccount, order } from '../../test/money.ts'
import type { OutboundRequest } from '../outbound.ts'
import type { CallContext, ProviderOutcome } from '../providers/provider.ts'
import { noUsage } from '../providers/provider.ts'
import type { Reading } from './poll.ts'
import { pollSql } from './poll-sql.ts'
import { createPoller, type Poller, type PollerNeeds } from './poller.ts'
import { findProgress } from './progress.ts'

let database: TestDatabase
let accountId: string
beforeAll(async () => {
  const why = 'orders are set to an end that they did not come to'
  const brokenBooks = {
    I3: why,
    I4: why,
    I9: why,
    I10: 'a second attempt is begun by hand, as after one that was not run',
  }
  database = await createTestDatabase({ maxConnections: 20, brokenBooks })
})
afterAll(() => database.drop())
beforeEach(async () => {
  await ask(database.ownerDb, 'DELETE FROM poll')
  accountId = await openAccount(database.db, 100_000)
})

/** Waits for its upstream, and is due. */
async function addAwaiting(): Promise<string> {
  const { id } = await order(database.db, { accountId, unitPrice: 1, claim: true })
  const { epoch } = await askOne<{ epoch: number }>(
    database.db,
    'SELECT epoch FROM generation WHERE id = $1',
    [id],
  )
  const parts = JSON.stringify([{ part: 0, state: 'accepted', task: { id } }])
  await database.db.query(pollSql.awaitParts, [id, epoch, 1, parts, 0, false])
  return id
}

async function addMany(count: number): Promise<string[]> {
  const ids: string[] = []
  for (let at = 0; at < count; at += 1) ids.push(await addAwaiting())
  return ids
}

const pending = (id: string): ProviderOutcome => ({ kind: 'pending', task: { id }, pollAfterMs: 60_000 })
const withAddress: ProviderOutcome = {
  kind: 'succeeded',
  images: [{ kind: 'url', url: 'https://files.example/a.png', mediaType: null }],
  usage: noUsage,
  warnings: [],
}

type Seen = {
  poller: Poller
  reads: string[]
  signals: AbortSignal[]
  /** Of the calls of each read: what they may not exceed. */
  limits: unknown[]
  acted: Reading[]
  ends: (() => void)[]
  faults: unknown[]
}

/** All that is acted on waits for a store of files until its answer in `ends` is called. */
function openPoller(tell: (id: string) => ProviderOutcome, mostResting: number): Seen {
  const seen = {
    reads: [] as string[],
    signals: [] as AbortSignal[],
    limits: [] as unknown[],
    acted: [] as Reading[],
    ends: [] as (() => void)[],
  }
  const faults: unknown[] = []
  const poll = async (task: { id: string }, { http, signal }: CallContext) => {
    seen.reads.push(task.id)
    seen.signals.push(signal)
    await http.request({} as OutboundRequest).catch(() => undefined)
    return tell(task.id)
  }
  // What it uses of all that work on orders needs.
  const needs = {
    db: database.db,
    processName: 'poller.test.ts',
    leaseMs: 60_000,
    providers: new Map([['test-provider', { name: 'test-provider', poll }]]),
    http: {
      request(_call: OutboundRequest, limits: unknown) {
        seen.limits.push(limits)
        return Promise.reject(new Error('nothing is asked'))
      },
    },
    attemptHeaders: () => ({}),
    moderation: { checksOutput: false },
    breaker: { note: () => undefined },
    events: { workFailed: (_what: string, error: unknown) => faults.push(error) },
  } as unknown as PollerNeeds
  const poller = createPoller(needs, {
    mostResting,
    act(reading, rest) {
      seen.acted.push(reading)
      seen.ends.push(rest())
    },
  })
  return { ...seen, poller, faults }
}

const dueOf = async (ids: string[]) => {
  const text = `SELECT count(*)::int AS count FROM poll
    WHERE generation_id = ANY ($1) AND reading_until IS NULL AND due_at > app_now()`
  return (await askOne<{ count: number }>(database.db, text, [ids])).count
}

test('polls of generations that have ended, however many, hold up no read of one that has not', async () => {
  const ended = await addMany(300)
  await ask(database.ownerDb, `UPDATE generation SET state = 'failed' WHERE id = ANY ($1)`, [ended])
  const open = await addMany(3)
  const seen = openPoller(pending, 10)
  await seen.poller.look()
  expect(seen.reads.toSorted()).toEqual(open.toSorted())
  expect(await ask(database.db, 'SELECT 1 FROM poll WHERE generation_id = ANY ($1)', [ended])).toEqual([])
  await seen.poller.stop()
  expect([await dueOf(open), seen.faults]).toEqual([3, []])
}, 60_000)

test('calls of reads are given up sooner than those of orders, and reads of one look end together', async () => {
  const open = await addMany(20)
  const seen = openPoller(pending, 10)
  await seen.poller.look()
  await seen.poller.stop()
  expect(seen.reads.toSorted()).toEqual(open.toSorted())
  expect(seen.limits).toEqual(open.map(() => ({ headersTimeoutMs: 8_000 })))
  // A moment may end among them.
  expect(new Set(seen.signals).size).toBeLessThanOrEqual(2)
}, 60_000)

test('polls of generations that somebody acts on hold up no read of another, and are kept', async () => {
  const held = await addMany(130)
  await ask(
    database.ownerDb,
    `UPDATE generation SET lease_owner = 'another', lease_until = app_now() + interval '1 hour' WHERE id = ANY ($1)`,
    [held],
  )
  const [open = ''] = await addMany(1)
  const seen = openPoller(pending, 10)
  await seen.poller.look()
  expect(seen.reads).toEqual([open])
  expect(await ask(database.db, 'SELECT 1 FROM poll WHERE generation_id = ANY ($1)', [held])).toHaveLength(
    130,
  )
  await seen.poller.stop()
}, 60_000)

test('while many pictures wait for a store of files, further ones stay in the database and are read again', async () => {
  const first = await addMany(4)
  const seen = openPoller(() => withAddress, 4)
  await seen.poller.look()
  await eventually('they wait', () => seen.ends.length === 4)
  const others = await addMany(5)
  const [late = ''] = await addMany(1)
  await ask(database.ownerDb, `UPDATE generation SET deadline = app_now() + interval '5 s' WHERE id = $1`, [
    late,
  ])
  await seen.poller.look()
  await eventually('they are put back', async () => (await dueOf(others)) === 5)
  // Its last try is made all the same.
  await eventually('the late one is acted on', () => seen.acted.length === 5)
  expect(seen.acted.map(({ generation }) => generation.id).toSorted()).toEqual([...first, late].toSorted())
  for (const end of seen.ends) end()
  await ask(database.ownerDb, 'UPDATE poll SET due_at = app_now() WHERE generation_id = ANY ($1)', [others])
  await seen.poller.look()
  await eventually('the store is back', () => seen.acted.length === 10)
  await seen.poller.stop()
  expect(seen.faults).toEqual([])
}, 60_000)

type Told = { progress?: number | null; queuePosition?: number | null }
const shown = (id: string) => findProgress(database.db, { id, state: 'awaiting' })

/** One read after the other that tells so; what is shown after each. */
async function readAll(id: string, outcomes: ProviderOutcome[]) {
  const seen: (Told | null)[] = []
  for (const outcome of outcomes) {
    await ask(database.ownerDb, 'UPDATE poll SET due_at = app_now() WHERE generation_id = $1', [id])
    const { poller, reads, faults } = openPoller(() => outcome, 10)
    await poller.look()
    await poller.stop()
    expect([reads, faults]).toEqual([[id], []])
    const progress = await shown(id)
    seen.push(progress && { progress: progress.share, queuePosition: progress.queuePosition })
  }
  return seen
}

test('a read that told nothing keeps what is known of progress and place, and another attempt starts from nothing', async () => {
  const [id = ''] = await addMany(1)
  const tell = (told: Told): ProviderOutcome => ({ ...pending(id), ...told }) as ProviderOutcome
  const failed: ProviderOutcome = { kind: 'failed', failure: 'unavailable', message: 'no answer' }
  const told = { progress: 0.1, queuePosition: 3 }
  expect(await readAll(id, [failed, tell({}), tell(told), failed, tell({})])).toEqual([
    ...[null, null],
    ...[told, told, told],
  ])
  const later = [tell({ queuePosition: null, progress: 0.4 }), failed, tell({ progress: 0.3 }), tell({})]
  const running = { progress: 0.4, queuePosition: null }
  expect(await readAll(id, later)).toEqual([
    ...[running, running],
    ...[0.3, 0.3].map(progress => ({ ...running, progress })),
  ])
  const repeat = (n: number) => database.db.query(pollSql.repeat, [[id], [n], [1_000], [0], [0.9], [7]])
  await ask(database.ownerDb, `UPDATE generation SET state = 'dispatching' WHERE id = $1`, [id])
  const begin = `SELECT begin_attempt(id, epoch, 'test-provider', 'test-upstream', 1, 40000, NULL), epoch
    FROM generation WHERE id = $1`
  const { epoch } = await askOne<{ epoch: number }>(database.db, begin, [id])
  const parts = JSON.stringify([{ part: 0, state: 'accepted', task: { id } }])
  await database.db.query(pollSql.awaitParts, [id, epoch, 2, parts, 0, false])
  expect(await shown(id)).toBeNull()
  // The read of the one before it comes late.
  await repeat(1)
  expect(await shown(id)).toBeNull()
  await repeat(2)
  expect(await shown(id)).toMatchObject({ queuePosition: 7 })
}, 60_000)

test('where one part could not be read, what the others tell does not replace what is known', async () => {
  const id = await addAwaiting()
  await ask(
    database.ownerDb,
    `INSERT INTO attempt SELECT (jsonb_populate_record(a, '{"part": 1}')).* FROM attempt a WHERE generation_id = $1`,
    [id],
  )
  const read = async (tell: (part: number) => ProviderOutcome) => {
    await ask(database.ownerDb, 'UPDATE poll SET due_at = app_now() WHERE generation_id = $1', [id])
    let part = 0
    const { poller, reads } = openPoller(() => tell(part++), 10)
    await poller.look()
    await poller.stop()
    expect(reads).toEqual([id, id])
    return shown(id)
  }
  const at = (progress: number): ProviderOutcome => ({ ...pending(id), progress }) as ProviderOutcome
  expect(await read(part => at(part === 0 ? 0.25 : 0.75))).toMatchObject({ share: 0.25 })
  const failed: ProviderOutcome = { kind: 'failed', failure: 'unavailable', message: 'no answer' }
  expect(await read(part => (part === 0 ? failed : at(0.875)))).toMatchObject({ share: 0.25 })
  expect(await read(part => at(part === 0 ? 0.5 : 0.875))).toMatchObject({ share: 0.5 })
}, 60_000)
