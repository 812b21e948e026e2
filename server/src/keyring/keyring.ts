// The keys as this node has them now. A change is told to every node at once; a look every few seconds finds what a
// lost notification did not tell.
import type { Db } from '../db/db.ts'
import type { Log } from '../log.ts'
import type { KeyedProviders } from '../providers/source.ts'
import { createSeal, type Seal } from '../seal.ts'
import {
  findOwnKey,
  type KeptKey,
  type KeyOwner,
  listKeptKeys,
  type OwnKey,
  readKeys,
  removeKey,
  setKey,
} from './key-store.ts'
import { sql } from './sql.ts'

export type Keyring = {
  /** Reads what has changed. */
  refresh(): Promise<void>
  /** Takes a notification: the account whose keys changed, or nothing for the operator's. */
  note(payload: string): void
  /** Whether the account may have keys of its own; false costs nothing and is right within a look. */
  mayOwn(accountId: string): boolean
  list(owner: KeyOwner): Promise<KeptKey[]>
  /** Read anew for every call: a key that was removed is gone. Null: there is none. */
  findOwn(accountId: string, provider: string): Promise<OwnKey | null>
  /** In force here when it resolves, and on every other node a moment later. */
  set(owner: KeyOwner, given: { provider: string; key: string }): Promise<KeptKey>
  /** Throws not_found. */
  remove(owner: KeyOwner, provider: string): Promise<void>
}

export type KeyringNeeds = {
  db: Db
  seal: Seal
  log: Log
  source: KeyedProviders
  /** Providers that a key can be kept for. */
  providers: readonly string[]
  keylessEngines?: readonly string[]
}

/** How soon a key is in force where its notification was lost. */
export const refreshEveryMs = 5_000

/** With the keys of the database in force before anybody is served. */
export async function openKeyring({
  secrets,
  ...needs
}: Omit<KeyringNeeds, 'seal'> & { secrets: readonly string[] }): Promise<Keyring> {
  const keyring = createKeyring({ ...needs, seal: createSeal(secrets, 'provider keys') })
  await keyring.refresh()
  return keyring
}

function createKeyring(needs: KeyringNeeds): Keyring {
  const { db, log } = needs
  const refreshOperator = createOperatorLook(needs)
  const owners = new Set<string>()
  const noteOwn = createOwnNotes(log)
  let lookedAt: Date | null = null

  async function refreshOwners(): Promise<void> {
    const [{ now = null } = {}] = await db.query<{ now: Date }>(sql.now)
    for (const row of await db.query<{ account_id: string }>(sql.owners, [lookedAt]))
      owners.add(row.account_id)
    lookedAt = now
    await db.query(sql.forgetOwn)
  }

  const refresh = async () => {
    await refreshOperator()
    await refreshOwners()
  }
  return {
    refresh,
    note(payload) {
      if (payload !== '') owners.add(payload)
      else
        refreshOperator().catch(error =>
          log.error({ event: 'provider_keys.unread', err: error }, 'changed keys could not be read'),
        )
    },
    mayOwn: accountId => owners.has(accountId),
    async list(owner) {
      const kept = await listKeptKeys(needs, owner)
      if (owner !== 'operator')
        for (const { provider, seal } of kept) noteOwn(owner.accountId, provider, seal === 'unreadable')
      return kept
    },
    async findOwn(accountId, provider) {
      const found = await findOwnKey(needs, accountId, provider)
      if (found) noteOwn(accountId, provider, found === 'unreadable')
      return found
    },
    async set(owner, given) {
      const kept = await setKey(needs, owner, given)
      if (owner === 'operator') await refreshOperator()
      else owners.add(owner.accountId)
      return kept
    },
    async remove(owner, provider) {
      await removeKey(needs, owner, provider)
      if (owner === 'operator') await refreshOperator()
    },
  }
}

/** Puts the operator's keys in force as the database has them, and says what is wrong with them. */
function createOperatorLook(needs: KeyringNeeds): () => Promise<void> {
  const { log, source } = needs
  let told = ''
  let toldReplaced = ''
  async function look(): Promise<void> {
    const { keys, replaced, unreadable, unreadableReplaced } = await readKeys(needs)
    source.setKeys(keys, replaced)
    for (const orphan of source.takeOrphans()) {
      log.error(
        { event: 'provider_key.orphans', ...orphan },
        'tasks were made with a key that is not known any more, and the key in use does not show them; set that key again',
      )
    }
    if (unreadable.join() !== told && unreadable.length > 0) {
      log.error(
        { event: 'provider_key.unreadable', providers: unreadable },
        'keys in the database were sealed with another AUTH_SECRET and are not used',
      )
    }
    told = unreadable.join()
    const now = unreadableReplaced.map(({ fingerprint }) => fingerprint).join()
    if (now !== toldReplaced && unreadableReplaced.length > 0) {
      log.error(
        { event: 'provider_key.replaced_unreadable', keys: unreadableReplaced },
        'keys that were replaced in the last 25 hours were sealed with another AUTH_SECRET: tasks that were made with them cannot be read; name that secret in AUTH_SECRET_EARLIER, or set that key and then the new one again',
      )
    }
    toldReplaced = now
  }
  let looking: Promise<void> = Promise.resolve()
  /** One after the other: a look that began before a change must not put the old key back after it. */
  return () => {
    looking = looking.catch(() => undefined).then(look)
    return looking
  }
}

/** Says once of each account's key that this node cannot open it, until it can. */
function createOwnNotes(log: Log) {
  const told = new Set<string>()
  return (accountId: string, provider: string, isUnreadable: boolean): void => {
    const name = `${accountId} ${provider}`
    if (!isUnreadable) told.delete(name)
    if (!isUnreadable || told.has(name)) return
    told.add(name)
    log.error(
      { event: 'provider_key.own_unreadable', accountId, provider },
      "an account's own key was sealed with another AUTH_SECRET; its orders are left to nodes that open it: set AUTH_SECRET as it is there, or name that secret in AUTH_SECRET_EARLIER, or have the key set again",
    )
  }
}
