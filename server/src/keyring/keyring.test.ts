// Keys that are replaced while tasks are under way: none is ever missed between two looks, and what cannot be read any
// more is said, and nothing else.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { openTestContext, plainRequest } from '../../test/provider-context.ts'
import {
  defaultReplicateKey,
  type ReplicateUpstream,
  startReplicateUpstream,
} from '../../test/upstreams/replicate.ts'
import { createAccount } from '../accounts/accounts.ts'
import { readConfig } from '../config.ts'
import { grantCredits } from '../credits/ledger.ts'
import type { Queryable } from '../db/db.ts'
import { createLog } from '../log.ts'
import { createOutbound } from '../outbound.ts'
import type { UpstreamTask } from '../providers/provider.ts'
import { hostedNames } from '../providers/registry.ts'
import { createProviderSource, type KeyedProviders } from '../providers/source.ts'
import { createSeal } from '../seal.ts'
import { findOwnKey, fingerprintOf, readKeys, removeKey, setKey } from './key-store.ts'
import { openKeyring } from './keyring.ts'

const first = defaultReplicateKey
const second = 'r8_AnotherAccountOfReplicate0123456789ab'

let database: TestDatabase
let upstream: ReplicateUpstream
let http: ReturnType<typeof createOutbound>

beforeAll(async () => {
  database = await createTestDatabase()
  upstream = await startReplicateUpstream({ latencyMs: 60_000, otherKeys: [second] })
  http = createOutbound({ allow: [], configuredOrigins: [upstream.url] })
})
afterAll(async () => {
  await http.close()
  await upstream.close()
  await database.drop()
})
beforeEach(async () => {
  for (const table of ['provider_key', 'replaced_provider_key'])
    await database.db.query({ name: `test_empty_${table}`, text: `DELETE FROM ${table}` })
})

const storeWith = (...secrets: string[]) => ({
  db: database.db,
  seal: createSeal(secrets, 'provider keys'),
  providers: hostedNames,
})
const setTo = (key: string, store = storeWith('one')) =>
  setKey(store, 'operator', { provider: 'replicate', key })

async function openNode(...secrets: string[]) {
  const lines: string[] = []
  const log = createLog({
    level: 'info',
    logPrompts: false,
    destination: { write: line => void lines.push(line) },
  })
  const source = createProviderSource(readConfig({ REPLICATE_BASE_URL: `${upstream.url}/v1` }))
  const keyring = await openKeyring({ db: database.db, log, source, providers: hostedNames, secrets })
  const linesOf = (event: string) => lines.filter(line => line.includes(`"${event}"`))
  return { keyring, source, linesOf }
}

const openContext = () => openTestContext({ http, storage: null, attempt: randomUUID() })

async function begin(source: KeyedProviders): Promise<UpstreamTask> {
  const made = await source.get('replicate')?.submit(plainRequest('google/nano-banana'), openContext())
  if (made?.kind !== 'pending') throw new Error(`no task: ${JSON.stringify(made)}`)
  return made.task
}

const read = (source: KeyedProviders, task: UpstreamTask) =>
  source.get('replicate')?.poll?.(task, openContext())

test('a key that is replaced between two reads of the table is found', async () => {
  await setTo(first)
  let reads = 0
  const between: Queryable = {
    async query<Row>(asked: Parameters<Queryable['query']>[0], values?: unknown[]) {
      const rows = await database.db.query<Row>(asked, values)
      reads += 1
      if (reads === 1) await setTo(second)
      return rows
    },
  }
  const { keys, replaced } = await readKeys({ ...storeWith('one'), db: between })
  const known = [keys.get('replicate'), ...(replaced.get('replicate') ?? [])]
  expect(known).toContain(first)
})

test('a task of a key that this node learns of a moment later is no orphan', async () => {
  await setTo(first)
  const [one, other] = [await openNode('one'), await openNode('one')]
  await one.keyring.set('operator', { provider: 'replicate', key: second })
  const task = await begin(one.source)
  // The other has not heard of the key yet.
  expect(await read(other.source, task)).toMatchObject({ kind: 'failed', failure: 'misconfigured' })
  for (let looks = 0; looks < 3; looks += 1) await other.keyring.refresh()
  expect(await read(other.source, task)).toMatchObject({ kind: 'pending' })
  expect(other.linesOf('provider_key.orphans')).toEqual([])
})

test('nor one that it meets while it reads the keys, before that key was stored', async () => {
  await setTo(first)
  const [one, other] = [await openNode('one'), await openNode('one')]
  const { setKeys } = other.source
  await setTo(second)
  await one.keyring.refresh()
  const task = await begin(one.source)
  await read(other.source, task)
  // As a look that began before the second key was stored.
  setKeys(new Map([['replicate', first]]))
  expect(other.source.takeOrphans()).toEqual([])
  await other.keyring.refresh()
  expect([other.source.takeOrphans(), other.linesOf('provider_key.orphans')]).toEqual([[], []])
})

test('a task whose key is known nowhere is told of once', async () => {
  await setTo(second)
  const { keyring, source, linesOf } = await openNode('one')
  const task = { ...(await begin(source)), id: 'notmine', madeWith: fingerprintOf(first) }
  for (let looks = 0; looks < 4; looks += 1) {
    await read(source, task)
    await keyring.refresh()
  }
  expect(linesOf('provider_key.orphans')).toHaveLength(1)
})

test('a replaced key that cannot be opened is told of once, until it can or is in force again', async () => {
  await setTo(first)
  await setTo(second, storeWith('two'))
  const lost = { provider: 'replicate', fingerprint: fingerprintOf(first) }
  const { keyring, linesOf } = await openNode('two')
  await keyring.refresh()
  expect(linesOf('provider_key.replaced_unreadable')).toHaveLength(1)
  expect(linesOf('provider_key.replaced_unreadable')[0]).toContain('AUTH_SECRET_EARLIER')
  expect((await readKeys(storeWith('two'))).unreadableReplaced).toEqual([lost])
  const mended = await openNode('two', 'one')
  expect(mended.linesOf('provider_key.replaced_unreadable')).toEqual([])
  await setTo(first, storeWith('two'))
  expect((await readKeys(storeWith('two'))).unreadableReplaced).toEqual([])
})

test('an account’s earlier keys are kept for its tasks, the ten newest, until it removes its key or a day is over', async () => {
  const hashPassword = async () => ''
  const person = { email: 'own@example.com', password: null, credits: 0, signupCredits: 0 }
  const { accountId } = await createAccount(
    { db: database.db, now: () => new Date(), grantCredits, hashPassword },
    person,
  )
  const store = storeWith('one')
  const set = (key: string) => setKey(store, { accountId }, { provider: 'replicate', key })
  const find = () => findOwnKey(store, accountId, 'replicate')
  await set(first)
  await set(second)
  expect(await find()).toEqual({ key: second, earlier: [first] })
  // The first again is in force, not earlier; and nobody else's key is touched.
  await set(first)
  expect(await find()).toEqual({ key: first, earlier: expect.arrayContaining([second]) })
  for (let n = 0; n < 20; n += 1) await set(`r8_OneOfTwentyKeys0123456789abcde_${n}`)
  const found = await find()
  expect(found).toMatchObject({ key: 'r8_OneOfTwentyKeys0123456789abcde_19' })
  expect(found === 'unreadable' ? [] : found?.earlier).toHaveLength(10)
  const age = "UPDATE replaced_account_provider_key SET replaced_at = app_now() - interval '26 hours'"
  await database.db.query({ name: 'test_age_own', text: age })
  expect(await find()).toMatchObject({ earlier: [] })
  await (await openNode('one')).keyring.refresh()
  const count = 'SELECT count(*)::int AS rows FROM replaced_account_provider_key'
  const countRows = () => database.db.query({ name: 'test_count_own', text: count })
  expect(await countRows()).toEqual([{ rows: 0 }])
  await set(second)
  await removeKey(store, { accountId }, 'replicate')
  expect([await find(), await countRows()]).toEqual([null, [{ rows: 0 }]])
})
