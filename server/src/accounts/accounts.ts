// Accounts and the users who sign in for them. An account, its owner, its first key and its first credits come
// into being in one transaction or not at all.
import type { Db, Queryable, Tx } from '../db/db.ts'
import { AppError, invalidField } from '../errors.ts'
import { isId, newId } from '../ids.ts'
import { createKey } from './keys.ts'
import { PASSWORD_MAX_LENGTH, PASSWORD_MIN_LENGTH } from './passwords.ts'
import type { KeyStyle } from './secret.ts'
import * as sql from './sql.ts'

export type Account = {
  id: string
  name: string
  plan: string
  /** Credits that can be spent, are held for running work, and are owed. */
  available: number
  held: number
  debt: number
  createdAt: Date
  closedAt: Date | null
  /** Addresses of its members, the oldest member first. */
  emails: string[]
}

/** The ledger's grant, in the caller's transaction; repeating a reference changes nothing. */
export type GrantCredits = (
  tx: Tx,
  grant: {
    accountId: string
    amount: number
    source: 'promo' | 'purchase' | 'operator'
    reference: string
    description: string
  },
) => Promise<{ balance: number }>

export type AccountNeeds = {
  db: Db
  now: () => Date
  grantCredits: GrantCredits
  hashPassword: (password: string) => Promise<string>
}

export type AccountInput = {
  email: string
  /** Null = the user cannot sign in yet. */
  password: string | null
  /** First credits; null = the sign-up grant. Zero grants nothing. */
  credits: number | null
  /** Credits granted when `credits` is null. */
  signupCredits: number
  plan?: string
  keyStyle?: KeyStyle
}

export type CreatedAccount = { accountId: string; userId: string; keyId: string; apiKey: string }

/** RFC 5321's longest address. */
const EMAIL_MAX_LENGTH = 254
const emailPattern =
  /^[^\s@"(),:;<>[\]\\]+@(?:localhost|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.[a-z0-9-]*[a-z0-9])$/
/** As for any grant by hand: a slip of some zeros should not reach the ledger, which cannot forget. */
const FIRST_CREDITS_MAX = 1_000_000_000
const planPattern = /^[a-z][a-z0-9-]{0,31}$/

/** The one spelling of an address we store and compare. */
export function normalizeEmail(email: string): string {
  return email.trim().toLowerCase()
}

function checkAccountInput(input: AccountInput): void {
  const email = normalizeEmail(input.email)
  if (email.length > EMAIL_MAX_LENGTH || !emailPattern.test(email)) {
    throw invalidField('email', 'must be an e-mail address such as ada@example.com')
  }
  const { password, credits } = input
  if (password !== null && (password.length < PASSWORD_MIN_LENGTH || password.length > PASSWORD_MAX_LENGTH)) {
    throw invalidField('password', `must have ${PASSWORD_MIN_LENGTH} to ${PASSWORD_MAX_LENGTH} characters`)
  }
  if (credits !== null && !(Number.isSafeInteger(credits) && credits >= 0 && credits <= FIRST_CREDITS_MAX)) {
    throw invalidField('credits', `must be a whole number of credits from 0 to ${FIRST_CREDITS_MAX}`)
  }
  if (input.plan !== undefined && !planPattern.test(input.plan)) {
    throw invalidField('plan', 'must be a short name of small letters, digits and hyphens')
  }
}

async function grantFirstCredits(
  needs: AccountNeeds,
  tx: Tx,
  grant: { accountId: string; input: AccountInput },
) {
  const { accountId, input } = grant
  const amount = input.credits ?? input.signupCredits
  if (amount === 0) return
  await needs.grantCredits(tx, {
    accountId,
    amount,
    source: input.credits === null ? 'promo' : 'operator',
    reference: `signup:${accountId}`,
    description: input.credits === null ? 'Sign-up credits' : 'Credits granted by the operator',
  })
}

/** Makes account, owner, first key and first credits. Throws invalid_request, also when the address is taken. */
export async function createAccount(needs: AccountNeeds, input: AccountInput): Promise<CreatedAccount> {
  checkAccountInput(input)
  const email = normalizeEmail(input.email)
  // Before the transaction: a hash takes long, and no transaction waits for it.
  const passwordHash = input.password === null ? null : await needs.hashPassword(input.password)
  const accountId = newId(needs.now)
  const userId = newId(needs.now)
  return needs.db.transaction(async tx => {
    const [user] = await tx.query(sql.insertUser, [userId, email.split('@')[0] ?? email, email])
    if (user === undefined) throw invalidField('email', 'is taken by another user')
    await tx.query(sql.insertAccount, [accountId, email, input.plan ?? 'free'])
    await tx.query(sql.insertOrganization, [accountId, email])
    await tx.query(sql.insertMember, [newId(needs.now), accountId, userId])
    if (passwordHash !== null) await tx.query(sql.insertPassword, [newId(needs.now), userId, passwordHash])
    const key = await createKey({ tx, now: needs.now }, { accountId, style: input.keyStyle ?? 'default' })
    await grantFirstCredits(needs, tx, { accountId, input })
    return { accountId, userId, ...key }
  })
}

type AccountRow = {
  id: string
  name: string
  plan: string
  available: number
  held: number
  debt: number
  created_at: Date
  closed_at: Date | null
  emails: string[]
}

function toAccount(row: AccountRow): Account {
  const { created_at: createdAt, closed_at: closedAt, ...rest } = row
  return { ...rest, createdAt, closedAt }
}

/** The account, closed ones too, or null. */
export async function findAccount(db: Queryable, accountId: string): Promise<Account | null> {
  if (!isId(accountId)) return null
  const [row] = await db.query<AccountRow>(sql.selectAccount, [accountId])
  return row === undefined ? null : toAccount(row)
}

/** Throws not_found. */
export async function getAccount(db: Queryable, accountId: string): Promise<Account> {
  const account = await findAccount(db, accountId)
  if (account === null) throw new AppError('not_found', 'There is no such account.')
  return account
}

/** Moves an account to another plan, of the names given. Throws invalid_request or not_found. */
export async function setPlan(
  db: Queryable,
  accountId: string,
  { plan, plans }: { plan: string; plans: readonly string[] },
): Promise<void> {
  checkPlan(plan, plans)
  const [row] = isId(accountId) ? await db.query(sql.setPlan, [accountId, plan]) : []
  if (row === undefined) throw new AppError('not_found', 'There is no such account.')
}

/**
 * A closed account's keys and sessions are refused from now on and nothing is held from it; its orders that are under way
 * end as ever, its wallet and files stay. Opened again, everything is as before.
 */
export async function setClosed(db: Queryable, accountId: string, isClosed: boolean): Promise<void> {
  const [row] = isId(accountId) ? await db.query(sql.setClosed, [accountId, isClosed]) : []
  if (row === undefined) throw new AppError('not_found', 'There is no such account.')
}

export function checkPlan(plan: string, plans: readonly string[]): void {
  if (!plans.includes(plan)) throw invalidField('plan', `must be one of ${plans.join(', ')}`)
}

/** Oldest first, after the account named, at most `limit`. */
export async function listAccounts(
  db: Queryable,
  page: { afterId: string | null; limit: number },
): Promise<Account[]> {
  if (page.afterId !== null && !isId(page.afterId)) throw invalidField('after', 'must be an account id')
  return (await db.query<AccountRow>(sql.selectAccounts, [page.afterId, page.limit])).map(toAccount)
}

/** Twice the longest rate window: whatever is older counts nothing any more. */
const WINDOW_KEPT_S = 2 * 86_400

/** Two months: the longest period, and another for refunds that come late. */
const SPENDING_KEPT_DAYS = 62

/** Throws away spent rate windows, counters of past periods and ended sessions. Cheap: they are few, because it is done again and again. */
export async function sweepAccounts(db: Queryable): Promise<void> {
  await db.query(sql.removeOldWindows, [WINDOW_KEPT_S])
  await db.query(sql.removeOldSpending, [SPENDING_KEPT_DAYS])
  await db.query(sql.removeOldSessions)
  await db.query(sql.removeOldVerifications)
}
