// `keys create`, `keys list`, `keys revoke` and `keys scan`.
import type { Command } from 'commander'
import { getAccount } from '../accounts/accounts.ts'
import type { ApiKey, KeyScope, RateOverride } from '../accounts/keys.ts'
import { createKey, listKeys, revokeKey, setKeyModels } from '../accounts/keys.ts'
import type { KeyStyle } from '../accounts/secret.ts'
import { invalidField } from '../errors.ts'
import {
  jsonOption,
  parseInFlight,
  parseInteger,
  parseModels,
  parseRate,
  parseScopes,
  parseTime,
  styleOption,
} from './arguments.ts'
import { addScanCommand } from './key-scan.ts'
import type { CommandIo } from './needs.ts'
import { withDatabase, withOutside } from './needs.ts'
import { answer, layOutTable, showTime } from './present.ts'

type CreateOptions = {
  account: string
  style: KeyStyle
  name?: string
  scopes?: KeyScope[]
  rate?: RateOverride
  inFlight?: number | 'off'
  capDay?: number
  capMonth?: number
  models?: string[]
  expires?: Date
  json?: true
}

/** A mistyped id would close the key for everything: it is refused, and what it could have been is named. */
async function checkModels(io: CommandIo, ids: readonly string[] | undefined): Promise<void> {
  if (ids === undefined) return
  const known = (await withOutside(io, needs => needs.models.list())).map(({ id }) => id)
  const unknown = ids.find(id => !known.includes(id))
  if (unknown === undefined) return
  throw invalidField('models', `There is no model called ${unknown}; allowed: ${known.join(', ')}.`)
}

async function runCreate(io: CommandIo, options: CreateOptions): Promise<void> {
  await checkModels(io, options.models)
  const made = await withDatabase(io, ({ db, now }) =>
    db.transaction(tx =>
      createKey(
        { tx, now },
        {
          accountId: options.account,
          style: options.style,
          rate: options.rate ?? null,
          inFlight: options.inFlight ?? null,
          capDay: options.capDay ?? null,
          capMonth: options.capMonth ?? null,
          models: options.models ?? null,
          expiresAt: options.expires ?? null,
          ...(options.name === undefined ? {} : { name: options.name }),
          ...(options.scopes === undefined ? {} : { scopes: options.scopes }),
        },
      ),
    ),
  )
  const lines = [`key      ${made.keyId}`, `API key  ${made.apiKey}`, 'The key is shown this once.']
  answer(io, options.json === true, { document: made, lines })
}

function showRate(rate: RateOverride): string {
  return rate === null ? '–' : rate === 'off' ? 'off' : `${rate.requests}/${rate.windowS}s`
}

function showCaps({ capDay, capMonth }: ApiKey): string {
  const caps = [capDay === null ? [] : `${capDay}/day`, capMonth === null ? [] : `${capMonth}/month`].flat()
  return caps.join(' ') || '–'
}

function showState(key: ApiKey): string {
  if (key.revokedAt !== null) return key.revokedReason === 'leaked' ? 'revoked (leaked)' : 'revoked'
  return key.expired ? 'expired' : 'live'
}

async function runList(io: CommandIo, options: { account: string; json?: true }): Promise<void> {
  const keys = await withDatabase(io, async ({ db }) => {
    await getAccount(db, options.account)
    return listKeys(db, options.account)
  })
  const rows = keys.map(key => [
    key.id,
    key.displayPrefix,
    key.name,
    key.scopes.join(','),
    showRate(key.rate),
    String(key.inFlight ?? '–'),
    showCaps(key),
    key.models?.join(',') ?? 'all',
    showTime(key.lastUsedAt),
    showState(key),
  ])
  const lines = layOutTable(
    ['key', 'begins', 'name', 'scopes', 'rate', 'in flight', 'caps', 'models', 'last used', 'state'],
    rows,
  )
  answer(io, options.json === true, { document: { keys }, lines })
}

async function runRevoke(io: CommandIo, keyId: string, options: { json?: true }): Promise<void> {
  await withDatabase(io, ({ db }) => db.transaction(tx => revokeKey(tx, keyId, null)))
  const lines = ['Revoked. The key is refused from now on, everywhere.']
  answer(io, options.json === true, { document: { keyId, revoked: true }, lines })
}

async function runSetModels(
  io: CommandIo,
  keyId: string,
  { models, json }: { models: string[]; json?: true },
): Promise<void> {
  const allowed = models.join() === 'all' ? null : models
  await checkModels(io, allowed ?? undefined)
  await withDatabase(io, ({ db }) => setKeyModels(db, keyId, allowed))
  const lines = [`The key may be used for ${allowed?.join(', ') ?? 'every model'} from now on, everywhere.`]
  answer(io, json === true, { document: { keyId, models: allowed }, lines })
}

/** Adds the group `keys`. */
export function addKeyCommands(program: Command, io: CommandIo, fail: (code?: number) => void): void {
  const keys = program.command('keys').description('API keys')
  keys
    .command('create')
    .description('make an API key; its secret is shown once')
    .requiredOption('--account <account>', 'account it belongs to')
    .addOption(styleOption('style'))
    .option('--name <text>', 'name of up to 64 characters')
    .option('--scopes <list>', 'generate,read or admin; default generate,read', parseScopes)
    .option('--rate <limit>', 'requests per window such as 600/1h, or off', parseRate)
    .option('--in-flight <limit>', 'generations at once, or off', parseInFlight)
    .option('--cap-day <credits>', 'credits it may spend in a day (UTC)', parseInteger)
    .option('--cap-month <credits>', 'credits it may spend in a calendar month (UTC)', parseInteger)
    .option('--models <list>', 'ids of the models it may be used for; default all', parseModels)
    .option('--expires <time>', 'when it ends', parseTime)
    .addOption(jsonOption())
    .action((options: CreateOptions) => runCreate(io, options))
  keys
    .command('list')
    .description('list the keys of an account')
    .requiredOption('--account <account>', 'account they belong to')
    .addOption(jsonOption())
    .action((options: { account: string; json?: true }) => runList(io, options))
  keys
    .command('set-models')
    .description('say which models a key may be used for')
    .argument('<key>', 'id of the key')
    .requiredOption('--models <list>', 'ids of models, or all', parseModels)
    .addOption(jsonOption())
    .action((keyId: string, options: { models: string[]; json?: true }) => runSetModels(io, keyId, options))
  keys
    .command('revoke')
    .description('end a key at once')
    .argument('<key>', 'id of the key')
    .addOption(jsonOption())
    .action((keyId: string, options: { json?: true }) => runRevoke(io, keyId, options))
  addScanCommand(keys, io, fail)
}
