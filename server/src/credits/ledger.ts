// The wallet and its history. Holds, captures and releases happen with their generation (generations/sql.ts);
// here are grants, adjustments and reading. Amounts are whole credits.

import { findDatabaseError, sqlStateOf } from '../db/database-error.ts'
import type { Db, Queryable, Tx } from '../db/db.ts'
import { gatherOn } from '../db/gather.ts'
import { AppError, invalidField } from '../errors.ts'
import { isId } from '../ids.ts'
import { sql } from './sql.ts'

export type Wallet = { available: number; held: number; debt: number; usageRows: number }

type WalletRow = { id: string; available: number; held: number; debt: number; usage_rows: number }

const findRow = gatherOn<string, WalletRow | null>(async (db, accountIds) => {
  const rows = await db.query<WalletRow>(sql.wallets, [[...new Set(accountIds)]])
  const found = new Map(rows.map(row => [row.id, row]))
  return accountIds.map(id => found.get(id) ?? null)
})

/** Wallets that are asked for at once are read together. */
export async function findWallet(db: Queryable, accountId: string): Promise<Wallet | null> {
  const row = await findRow(db, accountId)
  return row && { available: row.available, held: row.held, debt: row.debt, usageRows: row.usage_rows }
}

type Adjusted = { adjusted: boolean; balance: number; debt: number }

export type GrantSource = 'purchase' | 'promo' | 'operator'

export type Grant = {
  accountId: string
  /** 1 or more. */
  amount: number
  source: GrantSource
  /** Names the cause; the same reference is granted once per account. */
  reference: string
  description: string
}

/**
 * A repeated reference changes nothing and answers granted = false; with another amount it throws invalid_request. Throws
 * not_found without such an account.
 */
export async function grantCredits(tx: Tx, grant: Grant): Promise<{ granted: boolean; balance: number }> {
  const bucket = grant.source === 'purchase' ? 'stripe_clearing' : 'promo'
  const values = [grant.accountId, grant.amount, bucket, grant.reference, null, grant.description]
  const [row] = await refuse('a grant to', () =>
    tx.query<{ granted: boolean; balance: number }>(sql.grant, values),
  )
  if (!row) throw new AppError('internal')
  return row
}

/**
 * Adds or takes credits. What `available` cannot bear becomes debt, which blocks new holds until repaid. A repeated
 * reference changes nothing and answers adjusted = false; with another amount it throws invalid_request.
 */
export async function adjustCredits(
  tx: Tx,
  adjustment: { accountId: string; amount: number; reference: string; description: string },
): Promise<Adjusted> {
  const { accountId, amount, reference, description } = adjustment
  const values = [accountId, amount, 'adjustments', reference, null, description]
  const [row] = await refuse('an adjustment of', () => tx.query<Adjusted>(sql.adjust, values))
  if (!row) throw new AppError('internal')
  return row
}

/**
 * Credits of a delivered order back, once: all that was captured, or less. Throws not_found, and invalid_request where
 * nothing was captured, more is asked than was, or it was given back before.
 */
export async function refundGeneration(
  db: Queryable,
  { id, amount, description }: { id: string; amount: number | null; description: string },
): Promise<{ accountId: string; refunded: number; balance: number }> {
  type Row = { account_id: string; captured: number }
  const [order] = isId(id) ? await db.query<Row>(sql.captured, [id]) : []
  if (!order) throw new AppError('not_found', 'There is no such generation.')
  const refunded = amount ?? order.captured
  try {
    const [row] = await db.query<{ available: number }>(sql.refund, [id, refunded, description])
    if (!row) throw new AppError('internal')
    return { accountId: order.account_id, refunded, balance: row.available }
  } catch (error) {
    if (sqlStateOf(error) !== 'DR015') throw error
    const message = `It cannot be given back: ${order.captured} credits were charged, and an order is refunded once.`
    throw new AppError('invalid_request', message)
  }
}

async function refuse<Result>(movement: string, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run()
  } catch (error) {
    const state = sqlStateOf(error)
    if (state === 'DR003') throw new AppError('not_found', 'There is no such account.')
    if (state === 'DR012')
      throw new AppError('invalid_request', 'The amount must be a whole number other than 0.')
    if (state === 'DR016') {
      const earlier = findDatabaseError(error)?.detail
      const of = movement.startsWith('a grant') ? 'of' : 'by'
      throw invalidField('reference', `names ${movement} this account ${of} ${earlier} credits already`)
    }
    throw error
  }
}

export type UsageKind = 'addition' | 'deduction' | 'refund'

export type UsageRow = {
  id: string
  amount: number
  kind: UsageKind
  description: string | null
  /** The generation, or the order or note behind a grant. */
  referenceId: string | null
  createdAt: Date
}

type UsageSqlRow = {
  id: string
  kind: 'grant' | 'hold' | 'capture' | 'release' | 'refund' | 'adjustment'
  generation_id: string | null
  reference: string | null
  description: string | null
  amount: number
  created_at: Date
}

/** A page of the account's history, newest first. The amounts of all rows sum to the balance. */
export async function listUsage(
  db: Db,
  accountId: string,
  page: { limit: number; offset: number },
): Promise<{ rows: UsageRow[]; total: number }> {
  const [rows, wallet] = await Promise.all([
    db.query<UsageSqlRow>(sql.usage, [accountId, page.limit, page.offset]),
    findWallet(db, accountId),
  ])
  return { rows: rows.map(toUsageRow), total: wallet?.usageRows ?? 0 }
}

function toUsageRow(row: UsageSqlRow): UsageRow {
  return {
    id: row.id,
    amount: row.amount,
    kind: usageKindOf(row),
    description: row.description,
    referenceId: row.generation_id ?? row.reference,
    createdAt: row.created_at,
  }
}

function usageKindOf({ kind, amount }: UsageSqlRow): UsageKind {
  if (kind === 'hold') return 'deduction'
  if (kind === 'capture' || kind === 'release' || kind === 'refund') return 'refund'
  return amount < 0 ? 'deduction' : 'addition'
}

export type Violation = { rule: string; subject: string }

/**
 * Rules of the ledger that do not hold; any row is an incident. Null looks at everything, within the time that any
 * statement has.
 */
export async function findViolations(db: Queryable, since: Date | null): Promise<Violation[]> {
  return db.query<Violation>(sql.violations, [since])
}

/** Of what was touched so recently, by the database's clock. */
export async function findRecentViolations(db: Queryable, ageMs: number): Promise<Violation[]> {
  const [row] = await db.query<{ since: Date }>(sql.timeAgo, [ageMs])
  return row ? findViolations(db, row.since) : []
}

/**
 * How long the look at everything may take: a million orders took 70 to 90 s on two cores. While it reads, PostgreSQL
 * cannot clean up rows that were replaced since it began, so it must end within a night.
 */
export const fullCheckLimitMs = 3_600_000

/** Everything, within a limit of its own. Throws when that is over, or when the signal ends it. */
export async function findAllViolations(
  db: Db,
  { limitMs, signal }: { limitMs: number; signal?: AbortSignal },
): Promise<Violation[]> {
  const options = { statementTimeoutMs: limitMs, ...(signal ? { signal } : {}) }
  return db.transaction(tx => findViolations(tx, null), options)
}
