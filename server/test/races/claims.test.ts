// Workers of many processes take from one queue: each order goes to one of them, tenants take turns, and orders
// that are put off or locked hide nobody else's.
import { afterAll, beforeEach, expect, test } from 'vitest'
import { pollSql } from '../../src/generations/poll-sql.ts'
import { sql } from '../../src/generations/sql.ts'
import type { TestDatabase } from '../database.ts'
import { createTestDatabase } from '../database.ts'
import { ask, openAccount, order, release } from '../money.ts'
import { times } from './cluster.ts'

const leaseMs = 60_000
const firstAccount = '00000000-0000-0000-0000-000000000000'

const databases: TestDatabase[] = []
let database: TestDatabase
beforeEach(async () => {
  database = await createTestDatabase({ maxConnections: 20 })
  databases.push(database)
})
afterAll(async () => {
  for (const each of databases) await each.drop()
})

type Claimed = { id: string; account_id: string; epoch: number }

const claim = (limit: number, after = firstAccount, process = 'p') =>
  database.db.query<Claimed>(sql.claimQueued, [process, leaseMs, limit, after])

/** Accounts in the order in which the walk meets them. */
async function openAccounts(count: number): Promise<string[]> {
  const made = await times(count, () => openAccount(database.db, 10_000))
  return made.toSorted()
}

test('every queued order is claimed by exactly one of many workers', async () => {
  const accounts = await openAccounts(7)
  const ids = await times(140, async index => {
    const accountId = accounts[index % accounts.length] ?? ''
    return (await order(database.db, { accountId, unitPrice: 1 })).id
  })
  const claimed: string[] = []
  await times(12, async worker => {
    for (let empty = 0; empty < 20; ) {
      const rows = await claim(5, firstAccount, `process ${worker}`)
      claimed.push(...rows.map(row => row.id))
      empty = rows.length === 0 ? empty + 1 : 0
    }
  })
  expect(claimed.toSorted()).toEqual(ids.toSorted())
})

test('what was handed back to wait for its upstream is not taken into a lease again by the process that held it', async () => {
  const accountId = await openAccount(database.db, 100)
  const { id } = await order(database.db, { accountId, unitPrice: 1 })
  const [claimed] = await claim(1)
  const epoch = claimed?.epoch ?? 0
  const renew = (process: string) => database.db.query(sql.renewLeases, [[id], [epoch], leaseMs, process])
  const leaseOf = async () =>
    (
      await ask<{ lease: Date | null }>(
        database.db,
        'SELECT lease_until AS lease FROM generation WHERE id = $1',
        [id],
      )
    )[0]?.lease
  await ask(database.db, "UPDATE generation SET lease_until = app_now() + interval '1 s' WHERE id = $1", [id])
  const before = await leaseOf()
  await renew('another')
  expect(await leaseOf()).toEqual(before)
  await renew('p')
  expect((await leaseOf())?.getTime()).toBeGreaterThan((before?.getTime() ?? 0) + leaseMs / 2)
  await database.db.query(pollSql.awaitParts, [id, epoch, 1, '[]', 0, false])
  await renew('p')
  expect(await leaseOf()).toBe(null)
  expect(await database.db.query(pollSql.claim, [leaseMs, 10, [], []])).toMatchObject([{ id }])
})

test('tenants take turns however long their queues are', async () => {
  const accounts = await openAccounts(4)
  for (const [nth, accountId] of accounts.entries()) {
    await times(nth === 0 ? 30 : 2, () => order(database.db, { accountId, unitPrice: 1 }))
  }
  const turns: string[] = []
  let after = firstAccount
  for (let turn = 0; turn < 9; turn += 1) {
    const [row] = await claim(1, after)
    if (row) turns.push(row.account_id)
    after = row?.account_id ?? firstAccount
  }
  // One turn finds the end of the walk and starts it anew.
  expect(turns).toEqual([...accounts, ...accounts])
})

test('the oldest order of a tenant goes first', async () => {
  const [accountId = ''] = await openAccounts(1)
  const ids: string[] = []
  for (let nth = 0; nth < 5; nth += 1) ids.push((await order(database.db, { accountId, unitPrice: 1 })).id)
  const claimed: string[] = []
  for (const _ of ids) claimed.push((await claim(1))[0]?.id ?? '')
  expect(claimed).toEqual(ids)
})

test('a tenant whose orders are put off hides no other tenant', async () => {
  const accounts = await openAccounts(3)
  for (const accountId of accounts) await order(database.db, { accountId, unitPrice: 1 })
  const [putOff = '', ready] = accounts
  await ask(
    database.db,
    `UPDATE generation SET not_before = app_now() + interval '1 hour' WHERE account_id = $1`,
    [putOff],
  )
  expect((await claim(1)).map(row => row.account_id)).toEqual([ready])
})

test('a tenant whose orders have run out of time hides no other tenant', async () => {
  const accounts = await openAccounts(2)
  for (const accountId of accounts) await order(database.db, { accountId, unitPrice: 1 })
  const [expired = '', ready] = accounts
  await ask(
    database.db,
    `UPDATE generation SET deadline = app_now() - interval '1 second' WHERE account_id = $1`,
    [expired],
  )
  expect((await claim(1)).map(row => row.account_id)).toEqual([ready])
})

test('a claim and a cancel of the same order have one winner', async () => {
  const [accountId = ''] = await openAccounts(1)
  for (let round = 0; round < 60; round += 1) {
    const { id } = await order(database.db, { accountId, unitPrice: 1 })
    const [claimed, isCanceled] = await Promise.all([
      claim(1),
      release(database.db, id, { state: 'canceled', from: ['queued'] }),
    ])
    expect(claimed.length + Number(isCanceled)).toBe(1)
  }
})
