// Moves money and generations through the very statements the service uses, without a service around them:
// for suites that judge the database functions themselves. Nothing here may write a wallet or the ledger directly.
import { createHash, randomUUID } from 'node:crypto'
import type { SpendCap } from '../src/accounts/spend-caps.ts'
import { grantCredits } from '../src/credits/ledger.ts'
import { sql as creditsSql } from '../src/credits/sql.ts'
import type { Db, Queryable } from '../src/db/db.ts'
import { sql, toCreateCall } from '../src/generations/sql.ts'
import type { Dialect } from '../src/models/options.ts'

/** Longer than any test; expiry is tested by moving the clock. */
const deadlineMs = 600_000
const leaseMs = 600_000
const processName = 'money.ts'

/** An unprepared statement of a test's own. */
export async function ask<Row = Record<string, unknown>>(
  db: Queryable,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  return db.query<Row>({ name: '', text }, values)
}

/**
 * For suites that count by days of the UTC calendar: at the end of one the database's clock is moved into the next, so
 * that none ends while they count.
 */
export async function leaveMidnight(ownerDb: Queryable): Promise<void> {
  const text = `UPDATE clock_offset SET value = value + interval '40 minutes'
    WHERE (app_now() AT TIME ZONE 'UTC')::time > '23:25'`
  await ask(ownerDb, text)
}

/** The only row of a test's own statement. */
export async function askOne<Row = Record<string, unknown>>(
  db: Queryable,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row> {
  const [row, ...more] = await ask<Row>(db, text, values)
  if (row === undefined || more.length > 0) throw new Error(`not one row: ${text}`)
  return row
}

export async function openAccount(db: Db, credits: number): Promise<string> {
  const accountId = randomUUID()
  await ask(db, 'INSERT INTO account (id, name) VALUES ($1, $2)', [accountId, 'race'])
  if (credits > 0) await grant(db, accountId, { amount: credits, reference: 'opening' })
  return accountId
}

export function grant(
  db: Db,
  accountId: string,
  { amount, reference }: { amount: number; reference: string },
) {
  return db.transaction(tx =>
    grantCredits(tx, { accountId, amount, source: 'promo', reference, description: 'a gift' }),
  )
}

export type OrderInput = {
  accountId: string
  unitPrice: number
  count?: number
  idempotencyKey?: string
  slots?: { scope: string; cap: number }[]
  /** Claimed at once, as by a process with room; otherwise queued. */
  claim?: boolean
  id?: string
  expectedCostUsdMicro?: number
  filesLiveS?: number
  spendCaps?: SpendCap[]
  apiKeyId?: string
  dialect?: Dialect
  fingerprint?: Buffer
}

export type Order = { id: string; created: boolean; available: number | null }

const toCapValues = (caps: SpendCap[]) =>
  caps.length === 0
    ? [null, null, null]
    : [caps.map(cap => cap.scope), caps.map(cap => cap.period), caps.map(cap => cap.credits)]

/** T1. Rejects with the SQLSTATE of the guard that failed. */
export async function order(db: Queryable, input: OrderInput): Promise<Order> {
  const { claim = false, count = 1, slots = [] } = input
  const id = input.id ?? randomUUID()
  const fingerprint =
    input.fingerprint ??
    createHash('sha256')
      .update(input.idempotencyKey ?? id)
      .digest()
  const values = [
    id,
    input.accountId,
    input.apiKeyId ?? null,
    input.dialect ?? 'native',
    'test-model',
    'a small red boat',
    '{}',
    '{}',
    null,
    input.idempotencyKey ?? null,
    fingerprint,
    input.unitPrice,
    count,
    slots.map(slot => slot.scope),
    slots.map(slot => slot.cap),
    deadlineMs,
    processName,
    claim,
    leaseMs,
    claim ? 'test-provider' : null,
    claim ? 'test-upstream' : null,
    1,
    input.expectedCostUsdMicro ?? 40_000,
    null,
    'Generated image',
  ]
  const more = [
    input.filesLiveS ?? null,
    ...toCapValues(input.spendCaps ?? []),
    null,
    // Under the operator's keys.
    null,
  ]
  const { call, values: sent } = toCreateCall(values, more)
  const [row] = await db.query<{ created: boolean; found_id: string; available: number | null }>(call, sent)
  if (!row) throw new Error('T1 returned no row')
  return { id: row.found_id, created: row.created, available: row.available }
}

/** T5: the bytes are there. False when the claim is lost. */
export async function store(db: Queryable, id: string, epoch = 1): Promise<boolean> {
  const parts = JSON.stringify([{ part: 0, state: 'done', cost: 35_000 }])
  const [row] = await db.query<{ done: boolean }>(sql.beginStoring, [id, epoch, 1, '[]', null, parts])
  return row?.done === true
}

/** T6 with `delivered` images. False when somebody else settled it. */
export async function capture(
  db: Queryable,
  id: string,
  { delivered = 1, epoch = 1 }: { delivered?: number; epoch?: number } = {},
): Promise<boolean> {
  const images = JSON.stringify(
    Array.from({ length: delivered }, (_, index) => ({ index, key: `k${index}` })),
  )
  const manifest = createHash('sha256').update(id).digest()
  const values = [id, epoch, images, delivered, manifest, null, 0, processName, null, null, null, null]
  return (await db.query(sql.settleSucceeded, values)).length === 1
}

export const anyOpenState = ['queued', 'dispatching', 'awaiting', 'storing', 'reconciling'] as const

/** T7, T8, T13 or T14, by `state`. False when somebody else settled it. */
export async function release(
  db: Queryable,
  id: string,
  {
    state = 'failed',
    from = anyOpenState,
    lossUsdMicro = 0,
  }: {
    state?: 'failed' | 'blocked' | 'canceled'
    from?: readonly string[]
    lossUsdMicro?: number
  } = {},
): Promise<boolean> {
  const reason = { failed: 'upstream_failed', blocked: 'content_rejected', canceled: 'canceled' }[state]
  const attempt = state === 'canceled' ? 'not_run' : 'failed'
  const values = [id, null, from, state, reason, attempt, null, null, lossUsdMicro, processName, null]
  return (await db.query(sql.settleReleased, values)).length === 1
}

/** Gives captured credits back. Rejects with an SQLSTATE when that is not allowed. */
export async function refund(db: Queryable, id: string, amount: number): Promise<void> {
  await db.query(creditsSql.refund, [id, amount, 'refund'])
}

/** Empties every table that money touches, past the triggers: for suites that begin anew many times. */
export async function wipe(superuser: Db): Promise<void> {
  const tables = [
    'event',
    'attempt',
    'generation',
    'slot',
    'generation_total',
    'spending',
    'entry',
    'transfer',
    'account',
  ]
  await superuser.transaction(async tx => {
    await ask(tx, 'SET LOCAL session_replication_role = replica')
    for (const table of tables) await ask(tx, `DELETE FROM ${table}`)
  })
}
