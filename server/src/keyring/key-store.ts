// Keys of upstreams in the database. A key comes in once and goes out to an adapter only: nothing here shows more of
// it than its last letters and a fingerprint. The account is part of every statement on a customer's key.
import type { Queryable } from '../db/db.ts'
import { AppError, invalidField } from '../errors.ts'
import { isId } from '../ids.ts'
import { fingerprintOf } from '../providers/made-with.ts'
import type { Seal } from '../seal.ts'
import { sql } from './sql.ts'

export { fingerprintOf }

export type KeyOwner = 'operator' | { accountId: string }

/** What may be shown of a key. */
export type KeptKey = {
  provider: string
  /** The last four; empty where the key is so short that they would tell much of it. */
  lastLetters: string
  /** The same for the same key, on every installation. */
  fingerprint: string
  setAt: Date
  /** `earlier`: lost when that secret leaves AUTH_SECRET_EARLIER. `unreadable`: it is lost already. */
  seal: 'good' | 'earlier' | 'unreadable'
}

export type KeyStoreNeeds = {
  db: Queryable
  seal: Seal
  /** Providers that a key can be kept for. */
  providers: readonly string[]
  /** Of these, engines that the environment gives none: they take any key for want of one of their own. */
  keylessEngines?: readonly string[]
}

type Row = { provider: string; last_letters: string; fingerprint: string; set_at: Date; sealed: string }

/** Keys of vendors have 20 letters and more; below 16 four of them would be a quarter. */
const shortKeyLength = 16
const shownLetters = 4
export const keyLengths = { min: 8, max: 1_000 } as const

export function lastLettersOf(key: string): string {
  return key.length < shortKeyLength ? '' : key.slice(-shownLetters)
}

/** Throws invalid_request and never repeats what was given. */
export function checkKey(key: string): void {
  const isFit = key.length >= keyLengths.min && key.length <= keyLengths.max && /^[\x21-\x7e]+$/.test(key)
  if (!isFit)
    throw invalidField(
      'key',
      `A key has ${keyLengths.min} to ${keyLengths.max} visible ASCII characters and no space.`,
    )
}

/** Throws invalid_request, naming the providers there are. */
export function checkProvider({ providers }: Pick<KeyStoreNeeds, 'providers'>, provider: string): void {
  if (providers.includes(provider)) return
  throw invalidField('provider', `No provider of that name takes a key. There are ${providers.join(', ')}.`)
}

/**
 * Throws invalid_request where an account may bring no key. An engine that asks for none would draw on the operator's
 * machine for the fee alone, whatever key it is shown.
 */
async function checkOwnable(
  { db, providers, keylessEngines = [] }: Pick<KeyStoreNeeds, 'db' | 'providers' | 'keylessEngines'>,
  provider: string,
): Promise<void> {
  if (providers.includes(provider) && !keylessEngines.includes(provider)) return
  const kept = (await db.query<Row>(sql.list)).map(row => row.provider)
  const ownable = providers.filter(name => !keylessEngines.includes(name) || kept.includes(name))
  if (ownable.includes(provider)) return
  const why = providers.includes(provider)
    ? 'It is an engine of the operator that asks for no key, so there is none to bring.'
    : 'No provider of that name takes a key.'
  throw invalidField('provider', `${why} Keys can be brought for ${ownable.join(', ')}.`)
}

export async function listKeptKeys(needs: KeyStoreNeeds, owner: KeyOwner): Promise<KeptKey[]> {
  const rows =
    owner === 'operator'
      ? await needs.db.query<Row>(sql.list)
      : isId(owner.accountId)
        ? await needs.db.query<Row>(sql.listOwn, [owner.accountId])
        : []
  return rows.map(row => toKeptKey(needs.seal, row))
}

/** Replaces the key before it, everywhere and at once; calls and tasks under way end with that one. */
export async function setKey(
  needs: KeyStoreNeeds,
  owner: KeyOwner,
  { provider, key }: { provider: string; key: string },
): Promise<KeptKey> {
  if (owner === 'operator') checkProvider(needs, provider)
  else await checkOwnable(needs, provider)
  checkKey(key)
  const values = [provider, needs.seal.seal(key), lastLettersOf(key), fingerprintOf(key)]
  const [row] =
    owner === 'operator'
      ? await needs.db.query<Row>(sql.set, values)
      : await needs.db.query<Row>(sql.setOwn, [owner.accountId, ...values])
  if (!row) throw new Error('the key was not stored')
  return toKeptKey(needs.seal, row)
}

/** Throws not_found. */
export async function removeKey(
  needs: Pick<KeyStoreNeeds, 'db'>,
  owner: KeyOwner,
  provider: string,
): Promise<void> {
  const gone =
    owner === 'operator'
      ? await needs.db.query(sql.remove, [provider])
      : await needs.db.query(sql.removeOwn, [owner.accountId, provider])
  if (gone.length === 0) throw new AppError('not_found', 'There is no key for this provider.')
}

type ReadKeys = {
  keys: Map<string, string>
  replaced: Map<string, string[]>
  unreadable: string[]
  unreadableReplaced: LostKey[]
}
/** One that was replaced and cannot be opened, nor is in force again. */
export type LostKey = { provider: string; fingerprint: string }

/** The operator's keys that can be opened, those that they replaced, and the names of those that cannot be opened. */
export async function readKeys({ db, seal }: Pick<KeyStoreNeeds, 'db' | 'seal'>): Promise<ReadKeys> {
  const keys = new Map<string, string>()
  const unreadable: string[] = []
  for (const { provider, sealed } of await db.query<Row>(sql.list)) {
    const key = tryToOpen(seal, sealed)
    if (key === null) unreadable.push(provider)
    else keys.set(provider, key)
  }
  // After those in force: one that is replaced between both reads is then found twice, never nowhere.
  const replaced = new Map<string, string[]>()
  const unreadableReplaced: LostKey[] = []
  for (const { provider, fingerprint, sealed } of await db.query<Row>(sql.listReplaced)) {
    const key = tryToOpen(seal, sealed)
    const inForce = keys.get(provider)
    if (key !== null) replaced.set(provider, [...(replaced.get(provider) ?? []), key])
    else if (inForce === undefined || fingerprintOf(inForce) !== fingerprint)
      unreadableReplaced.push({ provider, fingerprint })
  }
  return { keys, replaced, unreadable, unreadableReplaced }
}

/** Tasks under way that were made with a key that is known no more: neither stored nor one of `configured`. */
export function listOrphans(
  { db }: Pick<KeyStoreNeeds, 'db'>,
  configured: readonly string[],
): Promise<{ provider: string; fingerprint: string; tasks: number }[]> {
  return db.query(sql.orphans, [configured.map(fingerprintOf)])
}

/**
 * `earlier`: those that it replaced, for nothing but tasks that were made with one. `unreadable`: there is one, which no
 * secret of this node opens; another node's may.
 */
export type OwnKey = { key: string; earlier: string[] } | 'unreadable'

/** Null: the account has none. */
export async function findOwnKey(
  { db, seal }: Pick<KeyStoreNeeds, 'db' | 'seal'>,
  accountId: string,
  provider: string,
): Promise<OwnKey | null> {
  const rows = await db.query<{ sealed: string; in_force: boolean }>(sql.findOwn, [accountId, provider])
  const inForce = rows.find(row => row.in_force)
  if (!inForce) return null
  const key = tryToOpen(seal, inForce.sealed)
  if (key === null) return 'unreadable'
  const earlier = rows.filter(row => !row.in_force).flatMap(row => tryToOpen(seal, row.sealed) ?? [])
  return { key, earlier }
}

type SealCounts = Record<KeptKey['seal'], number>

/**
 * How many keys of accounts the secrets here open no more, and how many only those of AUTH_SECRET_EARLIER: of those in
 * force, and of those that were replaced and are kept for tasks under way.
 */
export async function countOwnSeals({
  db,
  seal,
}: Pick<KeyStoreNeeds, 'db' | 'seal'>): Promise<{ inForce: SealCounts; replaced: SealCounts }> {
  const count = (rows: { sealed: string }[]) => {
    const counts = { good: 0, earlier: 0, unreadable: 0 }
    for (const { sealed } of rows) counts[sealOf(seal, sealed)] += 1
    return counts
  }
  return {
    inForce: count(await db.query<{ sealed: string }>(sql.listAllOwn)),
    replaced: count(await db.query<{ sealed: string }>(sql.listAllReplacedOwn)),
  }
}

function tryToOpen(seal: Seal, sealed: string): string | null {
  try {
    return seal.open(sealed)
  } catch {
    return null
  }
}

function toKeptKey(seal: Seal, row: Row): KeptKey {
  const { provider, last_letters: lastLetters, fingerprint, set_at: setAt, sealed } = row
  return { provider, lastLetters, fingerprint, setAt, seal: sealOf(seal, sealed) }
}

function sealOf(seal: Seal, sealed: string): KeptKey['seal'] {
  if (seal.isFresh(sealed)) return 'good'
  return tryToOpen(seal, sealed) === null ? 'unreadable' : 'earlier'
}
