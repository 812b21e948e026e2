// L-13, L-14, C1, G-21: acknowledgements of the database that never come, what was acknowledged before it was killed,
// and a database that dies under load.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findViolations } from '../../src/credits/ledger.ts'
import { crashCounts } from '../counts.ts'
import { getTestServer } from '../database.ts'
import { startFaultProxy } from '../fault-proxy.ts'
import { ask, order as hold, openAccount } from '../money.ts'
import { type CrashRig, createCrashRig, eventually, order } from './crash-rig.ts'
import { createOwnDatabase } from './own-database.ts'
import { type BuiltProgram, buildProgram } from './program.ts'

const model = 'openai:gpt-image-2'
/** A database that has crashed may take a minute on a slow disk. */
const patienceMs = 180_000
let program: BuiltProgram

beforeAll(async () => {
  program = await buildProgram()
})
afterAll(() => program?.remove())

async function countOrders(rig: CrashRig, accountId: string) {
  const rows = await rig.database.db.query<{ orders: number; holds: number; sold: number }>(
    {
      name: 'test_count_orders',
      text: `SELECT count(*)::int AS orders, count(*) FILTER (WHERE state = 'succeeded')::int AS sold,
        (SELECT count(*)::int FROM transfer WHERE account_id = $1 AND kind = 'hold') AS holds
        FROM generation WHERE account_id = $1`,
    },
    [accountId],
  )
  return rows[0]
}

test(
  'an order whose acknowledgement is lost is taken once, whether it was committed or not',
  async () => {
    const rig = await createCrashRig({ program: program.file, latencyMs: 5 })
    const { embedded } = await getTestServer()
    const proxy = await startFaultProxy({ host: '127.0.0.1', port: embedded.port })
    const node = await rig.start({ DATABASE_URL: proxy.through(rig.database.appUrl), TEST_LEASE_MS: '10000' })
    const { accountId, apiKey } = await rig.account({ credits: 10_000, key: { inFlight: 1_000 } })
    try {
      for (let round = 0; round < crashCounts.lostCommits; round += 1) {
        const forward = round % 2 === 0
        await proxy.setMode({ kind: 'cutAtCommit', forward, marker: 'generation_create', times: 1 })
        const call = { apiKey, model, key: `lost-${round}`, prompt: `lost ${round}`, native: round % 4 > 1 }
        const answer = await order(node, { ...call, prefer: 'wait=20' })
        expect(answer?.status, `round ${round}`).toBe(200)
        expect(await countOrders(rig, accountId)).toEqual({
          orders: round + 1,
          holds: round + 1,
          sold: round + 1,
        })
      }
      expect(proxy.counts().cutAtCommit).toBe(crashCounts.lostCommits)
      expect(await rig.violations()).toEqual([])
    } finally {
      await rig.close()
      await proxy.close()
    }
  },
  crashCounts.databaseTimeoutMs,
)

test('an order whose statement still runs when its connection is lost is taken once', async () => {
  const rig = await createCrashRig({ program: program.file, latencyMs: 5 })
  const { embedded } = await getTestServer()
  const proxy = await startFaultProxy({ host: '127.0.0.1', port: embedded.port })
  const node = await rig.start({ DATABASE_URL: proxy.through(rig.database.appUrl), TEST_LEASE_MS: '10000' })
  const { accountId, apiKey } = await rig.account({ credits: 10_000, key: { inFlight: 1_000 } })
  try {
    const waiting = async () => {
      const text = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
      return (await rig.database.ownerDb.query({ name: 'test_waiting', text })).length > 0
    }
    const placed: ReturnType<typeof order>[] = []
    await rig.database.ownerDb.transaction(async tx => {
      const text = 'SELECT 1 FROM account WHERE id = $1 FOR UPDATE'
      await tx.query({ name: 'test_lock_account', text }, [accountId])
      const call = { apiKey, model, prompt: 'still running', native: false }
      placed.push(order(node, { ...call, key: 'running' }))
      await tx.query({ name: 'test_wait_a_moment', text: 'SELECT pg_sleep(0.7)' })
      proxy.cutAll()
      await tx.query({ name: 'test_wait_longer', text: 'SELECT pg_sleep(1.5)' })
    })
    expect((await placed[0])?.status).toBe(200)
    await eventually('nothing waits', async () => !(await waiting()))
    expect(await countOrders(rig, accountId)).toEqual({ orders: 1, holds: 1, sold: 1 })
    expect(await rig.violations()).toEqual([])
  } finally {
    await rig.close()
    await proxy.close()
  }
})

test(
  'every acknowledged hold survives the kill of all of PostgreSQL, round after round',
  async () => {
    const database = await createOwnDatabase()
    let isOver = false
    try {
      const accountId = await openAccount(database.db, 10_000_000)
      const acknowledged: string[] = []
      let lost = 0
      const write = async () => {
        while (!isOver) {
          try {
            acknowledged.push((await hold(database.db, { accountId, unitPrice: 1 })).id)
          } catch {
            lost += 1
          }
        }
      }
      const writers = Array.from({ length: 4 }, write)
      for (let round = 0; round < crashCounts.postgresKills; round += 1) {
        const before = acknowledged.length
        await eventually('holds are taken', () => acknowledged.length > before + 50, patienceMs)
        await database.crash('kill')
      }
      isOver = true
      await Promise.all(writers)
      const text = `SELECT g.id FROM generation g JOIN transfer t ON t.generation_id = g.id AND t.kind = 'hold'`
      const kept = new Set((await ask<{ id: string }>(database.db, text)).map(row => row.id))
      expect(acknowledged.filter(id => !kept.has(id))).toEqual([])
      // Each kill met statements that were under way, or it proves nothing.
      expect(lost).toBeGreaterThanOrEqual(crashCounts.postgresKills)
      expect(await findViolations(database.db, null)).toEqual([])
    } finally {
      // Else the writers go on at a pool that has ended, and never let the loop turn.
      isOver = true
      await database.drop()
    }
  },
  crashCounts.databaseTimeoutMs,
)

test(
  'a database that dies under load kills no process, and callers see at worst 503',
  async () => {
    const database = await createOwnDatabase()
    const rig = await createCrashRig({ program: program.file, database, latencyMs: 60 })
    // Leases outlast the outage, as the long ones of production do.
    const nodes = await Promise.all([1, 2].map(() => rig.start({ TEST_LEASE_MS: '60000' })))
    const { accountId, apiKey } = await rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } })
    const statuses = new Map<string, number>()
    let isOver = false
    const call = async (caller: number) => {
      for (let at = 0; !isOver; at += 1) {
        const node = nodes[at % 2]
        const key = `${caller}-${at}`
        if (!node) return
        const answer = await order(node, { apiKey, model, key, prompt: key, native: false })
        const status = `${answer?.status ?? 'reset'}`
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }
    try {
      const callers = Array.from({ length: 8 }, (_, caller) => call(caller))
      for (let crash = 0; crash < crashCounts.databaseCrashes; crash += 1) {
        const soldBefore = statuses.get('200') ?? 0
        await eventually('work flows', () => (statuses.get('200') ?? 0) > soldBefore + 10, patienceMs)
        await database.crash()
      }
      const soldAfter = statuses.get('200') ?? 0
      await eventually('work flows again', () => (statuses.get('200') ?? 0) > soldAfter + 10, patienceMs)
      isOver = true
      await Promise.all(callers)
      expect([...statuses.keys()].filter(status => !['200', '503'].includes(status))).toEqual([])
      const gone = await Promise.race([
        ...nodes.map(node => node.exited.then(() => 'gone')),
        Promise.resolve('alive'),
      ])
      expect(gone).toBe('alive')
      expect(await rig.violations()).toEqual([])
      expect((await countOrders(rig, accountId))?.sold).toBeGreaterThan(20)
    } finally {
      isOver = true
      await rig.close()
    }
  },
  crashCounts.databaseTimeoutMs,
)
