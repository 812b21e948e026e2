// The smallest tests that catch the mutants beside them: each one guarantee, each red when its mechanism is taken
// away. They pass in ordinary runs; mutants.test.ts runs them against the mutated service.
import { afterEach, beforeAll, expect, test } from 'vitest'
import {
  type Answer,
  type CrashRig,
  createCrashRig,
  eventually,
  idOf,
  isEnded,
  order,
} from '../crash/crash-rig.ts'
import { type BuiltProgram, buildProgram } from '../crash/program.ts'
import { createTestDatabase, getTestServer, type TestDatabase } from '../database.ts'
import { startFaultProxy } from '../fault-proxy.ts'

const model = 'openai:gpt-image-2'
let program: BuiltProgram
let rig: CrashRig | null = null

beforeAll(async () => {
  program = await buildProgram()
})
afterEach(async () => {
  await rig?.close()
  rig = null
})

async function open(role: 'all' | 'serve', env: Record<string, string> = {}, database?: TestDatabase) {
  const opened = await createCrashRig({
    program: program.file,
    latencyMs: 10,
    ...(database ? { database } : {}),
  })
  rig = opened
  const node = await opened.start(env, role)
  const account = await opened.account({ credits: 100, key: { inFlight: 1_000 } })
  const place = (key: string, options: { prompt?: string; native?: boolean; prefer?: string } = {}) =>
    order(node, { apiKey: account.apiKey, key, model, prompt: key, native: false, ...options })
  const fates = (key: string) => opened.fates(account.accountId, key)
  return { rig: opened, node, place, fates, ...account }
}

function statusesOf(answers: (Answer | null)[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const answer of answers) counts[answer?.status ?? 'lost'] = (counts[answer?.status ?? 'lost'] ?? 0) + 1
  return counts
}

test('a failed order is shown again under its key, not run again', async () => {
  const { rig, place, fates } = await open('all')
  const prompt = 'once [[emulate: error_500, first=1]]'
  const answers = [
    await place('failed', { prompt }),
    await place('failed', { prompt }),
    await place('failed', { prompt }),
  ]
  expect(statusesOf(answers)).toEqual({ 500: 3 })
  expect(await fates('failed')).toMatchObject([{ state: 'failed', captured: 0 }])
  expect(rig.openai.total.requests).toBe(1)
})

/** Longer than the pauses that these tests make inside the database. */
const calmLease = { TEST_LEASE_MS: '10000' }

/** Holds the wallet's row for so long, as a slow transaction would; everybody who spends waits and is let go at once. */
function holdWallet(rig: CrashRig, accountId: string, seconds: number): Promise<void> {
  return rig.database.ownerDb.transaction(async tx => {
    await tx.query({ name: 'test_lock', text: 'SELECT 1 FROM account WHERE id = $1 FOR UPDATE' }, [accountId])
    await tx.query({ name: `test_wait_${seconds}`, text: `SELECT pg_sleep(${seconds})` })
  })
}

test('parallel orders with one key are one order', async () => {
  const { rig, place, fates, accountId } = await open('all', calmLease)
  for (const key of ['one', 'two', 'three']) {
    // None commits before others have looked for its key.
    const held = holdWallet(rig, accountId, 0.5)
    const answers = await Promise.all(Array.from({ length: 30 }, () => place(key)))
    await held
    expect(statusesOf(answers)).toEqual({ 200: 30 })
    expect(new Set(answers.map(idOf)).size).toBe(1)
    expect(await fates(key)).toHaveLength(1)
  }
  expect(rig.openai.total.billable).toBe(3)
})

test('parallel orders spend what is there and no credit more', async () => {
  const { rig, node } = await open('all', calmLease)
  for (const [round, affordable] of [3, 1].entries()) {
    const { accountId, apiKey } = await rig.account({ credits: affordable * 5 })
    const held = holdWallet(rig, accountId, 1)
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, at) => {
        const key = `spend-${round}-${at}`
        return order(node, { apiKey, key, model, prompt: key, native: true, prefer: 'wait=20' })
      }),
    )
    await held
    expect(statusesOf(answers)).toEqual({ 200: affordable, 402: 12 - affordable })
    expect(await rig.balance(accountId)).toBe(0)
  }
  expect(await rig.violations()).toEqual([])
})

/** T7 as the service calls it. */
function release(rig: CrashRig, id: string, { epoch, from }: { epoch: number | null; from: string[] }) {
  return rig.database.db.query(
    {
      name: 'test_release',
      text: `SELECT * FROM settle_released($1, $2, $3, 'failed', 'upstream_failed', 'failed', NULL, NULL, 0, 'a test')`,
    },
    [id, epoch, from],
  )
}

test('a hold is released once, however many try', async () => {
  const { rig, place, accountId } = await open('serve')
  for (const key of ['one', 'two', 'three']) {
    const id = idOf(await place(key, { native: true })) ?? ''
    const all = Array.from({ length: 8 }, () => release(rig, id, { epoch: null, from: ['queued'] }))
    expect((await Promise.all(all)).map(rows => rows.length).sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 1])
  }
  expect(await rig.balance(accountId)).toBe(100)
  expect(await rig.violations()).toEqual([])
})

test('a worker whose claim has moved on settles nothing', async () => {
  const { rig, place } = await open('serve')
  const id = idOf(await place('stale', { native: true })) ?? ''
  const claim = (text: string) =>
    rig.database.db.query<{ epoch: number }>({ name: `test_${text.length}`, text })
  const [first] = await claim(
    `SELECT epoch FROM claim_queued('a', 0, 1, '00000000-0000-0000-0000-000000000000')`,
  )
  const [second] = await claim(`SELECT epoch FROM claim_reconciling('b', 60000, 1, '{}')`)
  expect([first?.epoch, second?.epoch]).toEqual([1, 2])
  const from = ['dispatching', 'storing', 'reconciling']
  expect(await release(rig, id, { epoch: 1, from })).toEqual([])
  expect(await release(rig, id, { epoch: 2, from })).toHaveLength(1)
})

test('what is delivered in part is charged in part', async () => {
  const { rig, node, apiKey, accountId } = await open('all')
  const body = { model, prompt: 'four [[emulate: fewer=2]]', n: 4 }
  const answer = await fetch(`${node.url}/api/v1/generations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', prefer: 'wait=20' },
    body: JSON.stringify(body),
  })
  const made = (await answer.json()) as { status: string; outputs: unknown[] }
  expect([made.status, made.outputs.length]).toEqual(['succeeded', 2])
  const text = 'SELECT price::int, captured::int FROM generation'
  const [row] = await rig.database.db.query<{ price: number; captured: number }>({ name: 'test_part', text })
  expect(row?.captured).toBe((row?.price ?? 0) / 2)
  expect(await rig.balance(accountId)).toBe(100 - (row?.captured ?? 0))
  expect(await rig.violations()).toEqual([])
})

test('an order whose answer was lost is never bought again', async () => {
  const { rig, place, fates } = await open('all')
  const answer = await place('lost', { prompt: 'lost [[emulate: reset_before_headers]]' })
  expect(answer?.status).toBe(500)
  expect(await fates('lost')).toMatchObject([{ state: 'failed', billed: 1, captured: 0 }])
  expect(rig.openai.total.requests).toBe(1)
})

test('whoever dies after a settlement has written its event', async () => {
  const { rig, node, place, fates } = await open('all', { FAILPOINT: 'T6.after:1:kill' })
  await place('event')
  await node.exited
  expect(await fates('event')).toMatchObject([{ state: 'succeeded' }])
  expect(await rig.violations()).toEqual([])
})

test('a process survives the loss of connections that are in use', async () => {
  const { embedded } = await getTestServer()
  const proxy = await startFaultProxy({ host: '127.0.0.1', port: embedded.port })
  const database = await createTestDatabase()
  const { rig, node, place, fates, accountId } = await open(
    'all',
    { ...calmLease, DATABASE_URL: proxy.through(database.appUrl) },
    database,
  )
  const held = holdWallet(rig, accountId, 6)
  const placed = place('cut')
  const text = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  const isWaiting = async () => (await rig.database.db.query({ name: 'test_waiting', text })).length > 0
  await eventually('a statement is in flight', isWaiting)
  proxy.cutAll()
  await held
  expect((await placed)?.status).toBe(200)
  await eventually('it ends', async () => isEnded((await fates('cut'))[0]))
  const alive = await Promise.race([node.exited.then(() => false), Promise.resolve(true)])
  expect(alive).toBe(true)
  await node.kill()
  await proxy.close()
})

test('a limiter that does not answer refuses orders before the hold, and reads stay open', async () => {
  const { rig, node, accountId } = await open('all')
  const limited = await rig.account({ credits: 100, key: { rate: { requests: 1_000, windowS: 60 } } })
  const call = { apiKey: limited.apiKey, key: 'limited', model, prompt: 'limited', native: false }
  const placed: Promise<Answer | null>[] = []
  const reads: Promise<Response>[] = []
  await rig.database.ownerDb.transaction(async tx => {
    await tx.query({ name: 'test_lock', text: 'LOCK TABLE rate_window IN ACCESS EXCLUSIVE MODE' })
    placed.push(order(node, call))
    for (const path of ['/api/v1/account', '/api/v1/images']) {
      reads.push(fetch(node.url + path, { headers: { authorization: `Bearer ${limited.apiKey}` } }))
    }
    // Longer than two waits for a lock: the order may first wait behind the reads that are asked with it.
    await tx.query({ name: 'test_wait', text: 'SELECT pg_sleep(12)' })
  })
  const answer = await placed[0]
  expect(answer?.status).toBe(503)
  expect(answer?.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  expect((await Promise.all(reads)).map(each => each.status)).toEqual([200, 200])
  expect(await rig.fates(limited.accountId, 'limited')).toEqual([])
  expect(await rig.balance(accountId)).toBe(100)
})

test('a caller who has sent the whole request is still there', async () => {
  const { place, fates } = await open('all')
  const answer = await place('patient', { prompt: 'patient [[emulate: slow=300]]' })
  expect(answer?.status).toBe(200)
  expect(await fates('patient')).toMatchObject([{ state: 'succeeded', billed: 1 }])
})

test('a stranger is shown nothing of an order, by any of its addresses', async () => {
  const { rig, node, place, apiKey } = await open('all')
  const ids = [idOf(await place('mine', { native: true, prefer: 'wait=20' })), idOf(await place('mine-too'))]
  const stranger = await rig.account({ credits: 100 })
  const show = async (key: string, path: string) =>
    (await fetch(node.url + path, { headers: { authorization: `Bearer ${key}` } })).status
  const paths = [
    `/api/v1/generations/${ids[0]}`,
    `/api/v1/generations/${ids[0]}/images/0`,
    `/api/v1/images/${ids[1]}`,
  ]
  for (const path of paths)
    expect([await show(apiKey, path), await show(stranger.apiKey, path)]).toEqual([200, 404])
})
