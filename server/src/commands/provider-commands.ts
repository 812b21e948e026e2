// `providers list`, `set-key`, `remove-key` and `test`. A key is read from standard input, so that it stands in no
// shell history and in no list of processes; it is never written out again.
import type { Command } from 'commander'
import { getAccount } from '../accounts/accounts.ts'
import type { Config } from '../config.ts'
import { AppError, invalidField } from '../errors.ts'
import { listKeyPlaces } from '../key-places.ts'
import {
  checkKey,
  checkProvider,
  fingerprintOf,
  type KeptKey,
  type KeyOwner,
  type KeyStoreNeeds,
  lastLettersOf,
  listKeptKeys,
  readKeys,
  removeKey,
  setKey,
} from '../keyring/key-store.ts'
import { jsonOption } from './arguments.ts'
import { type CommandIo, type DatabaseNeeds, type OutsideNeeds, withDatabase } from './needs.ts'
import { answer, layOutTable, showTime } from './present.ts'
import { proveProvider } from './provider-check.ts'

type Options = { account?: string; untested?: true; json?: true }

export type ProviderRow = {
  provider: string
  /** What its calls are made with. */
  keyFrom: 'database' | 'environment' | null
  lastLetters: string | null
  fingerprint: string | null
  setAt: Date | null
  seal: KeptKey['seal'] | null
}

/** One row for each provider that takes a key. A key of the database goes before that of the environment. */
export function describeKeys(config: Config, kept: readonly KeptKey[]): ProviderRow[] {
  return listKeyPlaces(config).map(({ provider, apiKey: configured }) => {
    const stored = kept.find(each => each.provider === provider)
    if (stored && (stored.seal !== 'unreadable' || configured === null)) {
      const { lastLetters, fingerprint, setAt, seal } = stored
      return { provider, keyFrom: 'database', lastLetters, fingerprint, setAt, seal }
    }
    const shown =
      configured === null
        ? { lastLetters: null, fingerprint: null }
        : { lastLetters: lastLettersOf(configured), fingerprint: fingerprintOf(configured) }
    return {
      ...{ provider, keyFrom: configured === null ? null : 'environment', ...shown },
      ...{ setAt: null, seal: stored?.seal ?? null },
    }
  })
}

async function ownerOf({ db }: DatabaseNeeds, { account }: Options): Promise<KeyOwner> {
  if (account === undefined) return 'operator'
  return { accountId: (await getAccount(db, account)).id }
}

async function runList(io: CommandIo, options: Options): Promise<void> {
  const providers = await withDatabase(io, async needs => {
    const owner = await ownerOf(needs, options)
    const store = await needs.openKeyStore()
    const kept = await listKeptKeys(store, owner)
    if (owner === 'operator') return describeKeys(needs.config, kept)
    return kept.map(({ seal, ...key }): ProviderRow => ({ ...key, keyFrom: 'database', seal }))
  })
  const rows = providers.map(each => [
    each.provider,
    each.keyFrom ?? '–',
    each.lastLetters ? `…${each.lastLetters}` : '–',
    each.fingerprint ?? '–',
    showTime(each.setAt),
    each.seal ?? '–',
  ])
  const header = ['provider', 'key from', 'ends with', 'fingerprint', 'set', 'seal']
  answer(io, options.json === true, { document: { providers }, lines: layOutTable(header, rows) })
}

async function readKey(io: CommandIo): Promise<string> {
  const key = (await io.readInput()).trim()
  if (key === '')
    throw invalidField('key', 'Give the key on standard input, as in: … set-key openai < key.txt')
  checkKey(key)
  return key
}

/** A key that the upstream refuses would end every order: it is proved before it replaces one that works. */
async function prove(
  io: CommandIo,
  { config, provider, key }: { config: Config; provider: string; key: string },
): Promise<string> {
  const outside = await io.openOutside(config)
  try {
    const made = outside.providerWith(provider, key)
    if (!made) throw new Error(`there is no adapter called ${provider}`)
    const { works, message } = await proveProvider(outside, made)
    if (works !== false) return message
    throw new AppError(
      'invalid_request',
      `${/\.$/.test(message) ? message : `${message}.`} Nothing was changed; --untested stores it all the same.`,
    )
  } finally {
    await outside.close()
  }
}

async function runSet(io: CommandIo, provider: string, options: Options): Promise<void> {
  const key = await readKey(io)
  const { kept, proof } = await withDatabase(io, async needs => {
    const owner = await ownerOf(needs, options)
    const store = await needs.openKeyStore()
    checkProvider(store, provider)
    const { config } = needs
    const proof = options.untested === true ? 'Not tested.' : await prove(io, { config, provider, key })
    return { kept: await setKey(store, owner, { provider, key }), proof }
  })
  const { lastLetters, fingerprint } = kept
  const lines = [
    `${proof} Every node uses it from now on; calls under way end with the key before it.`,
    `fingerprint ${fingerprint}${lastLetters === '' ? '' : `, ends with ${lastLetters}`}`,
  ]
  answer(io, options.json === true, { document: { ...kept, accountId: options.account ?? null }, lines })
}

async function runRemove(io: CommandIo, provider: string, options: Options): Promise<void> {
  await withDatabase(io, async needs =>
    removeKey(await needs.openKeyStore(), await ownerOf(needs, options), provider),
  )
  const document = { provider, accountId: options.account ?? null, removed: true }
  answer(io, options.json === true, { document, lines: ['Removed, on every node.'] })
}

type Tested = { provider: string; keyFrom: ProviderRow['keyFrom']; works: boolean | null; message: string }

async function testOne(
  needs: Pick<OutsideNeeds, 'http' | 'providerWith'>,
  { provider, keyFrom }: ProviderRow,
  key: string | null,
): Promise<Tested> {
  const made = key === null ? null : needs.providerWith(provider, key)
  if (!made) return { provider, keyFrom, works: false, message: 'Its key cannot be opened: set it again.' }
  try {
    return { provider, keyFrom, ...(await proveProvider(needs, made)) }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { provider, keyFrom, works: false, message }
  }
}

/** Every provider that has a key, or the one that is named. */
export async function testProviders(
  needs: Pick<OutsideNeeds, 'http' | 'providerWith'>,
  known: { config: Config; keys: ReadonlyMap<string, string>; rows: readonly ProviderRow[] },
): Promise<Tested[]> {
  const places = listKeyPlaces(known.config)
  const keyOf = ({ provider, keyFrom }: ProviderRow) =>
    keyFrom === 'database'
      ? (known.keys.get(provider) ?? null)
      : (places.find(each => each.provider === provider)?.apiKey ?? null)
  const keyed = known.rows.filter(({ keyFrom }) => keyFrom !== null)
  return Promise.all(keyed.map(row => testOne(needs, row, keyOf(row))))
}

/** What the database and the environment have, for whoever proves it. */
export async function readKnownKeys(config: Config, store: KeyStoreNeeds) {
  const { keys, unreadableReplaced } = await readKeys(store)
  const rows = describeKeys(config, await listKeptKeys(store, 'operator'))
  return { config, keys, unreadableReplaced, rows }
}

async function runTest(io: CommandIo, provider: string | undefined, options: Options): Promise<boolean> {
  const known = await withDatabase(io, async needs => {
    const store = await needs.openKeyStore()
    if (provider !== undefined) checkProvider(store, provider)
    return readKnownKeys(needs.config, store)
  })
  const rows = known.rows.filter(each => provider === undefined || each.provider === provider)
  const outside = await io.openOutside(known.config)
  try {
    const tested = await testProviders(outside, { ...known, rows })
    if (tested.length === 0) throw new AppError('not_found', 'There is no key to test.')
    const ok = tested.every(({ works }) => works !== false)
    const word = (works: boolean | null) => (works === null ? '?' : works ? 'ok' : 'fail')
    const lines = tested.map(({ works, provider: name, keyFrom, message }) => {
      const said = /\.$/.test(message) ? message : `${message}.`
      return `${word(works).padEnd(4)}  ${name}: ${said} The key is that of the ${keyFrom}.`
    })
    answer(io, options.json === true, { document: { ok, providers: tested }, lines })
    return ok
  } finally {
    await outside.close()
  }
}

/** Adds the group `providers`. `fail` marks the run as failed without an error text. */
export function addProviderCommands(program: Command, io: CommandIo, fail: () => void): void {
  const providers = program.command('providers').description('keys of the upstreams')
  const accountFlag = ['--account <account>', "an account's own key instead of yours"] as const
  providers
    .command('list')
    .description('where each key comes from, and what it ends with')
    .option(...accountFlag)
    .addOption(jsonOption())
    .action((options: Options) => runList(io, options))
  providers
    .command('set-key')
    .description('read a key from standard input, prove it, and use it on every node at once')
    .argument('<provider>', 'as `providers list` names it')
    .option(...accountFlag)
    .option('--untested', 'store it without the free call that proves it')
    .addOption(jsonOption())
    .action((provider: string, options: Options) => runSet(io, provider, options))
  providers
    .command('remove-key')
    .description('forget a key of the database; that of the environment, if any, takes its place')
    .argument('<provider>', 'as `providers list` names it')
    .option(...accountFlag)
    .addOption(jsonOption())
    .action((provider: string, options: Options) => runRemove(io, provider, options))
  providers
    .command('test')
    .description('prove keys by a free call')
    .argument('[provider]', 'only this one')
    .addOption(jsonOption())
    .action(async (provider: string | undefined, options: Options) => {
      if (!(await runTest(io, provider, options))) fail()
    })
}
