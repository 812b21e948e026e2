// `accounts create`, `list`, `set-plan`, `close` and `reopen`.
import type { Command } from 'commander'
import { checkPlan, createAccount, listAccounts, setClosed, setPlan } from '../accounts/accounts.ts'
import { createPasswords } from '../accounts/passwords.ts'
import type { KeyStyle } from '../accounts/secret.ts'
import type { Config } from '../config.ts'
import { jsonOption, parseInteger, parseLimit, styleOption } from './arguments.ts'
import type { CommandIo } from './needs.ts'
import { withDatabase } from './needs.ts'
import { answer, layOutTable, showTime } from './present.ts'

type CreateOptions = {
  email: string
  password?: string
  passwordStdin?: true
  credits?: number
  plan?: string
  keyStyle: KeyStyle
  json?: true
}

async function readPassword(io: CommandIo, options: CreateOptions): Promise<string | null> {
  if (options.passwordStdin === undefined) return options.password ?? null
  return (await io.readInput()).replace(/\r?\n$/, '')
}

const namesOf = ({ plans }: Pick<Config, 'plans'>) => plans.map(plan => plan.name)

async function runCreate(io: CommandIo, options: CreateOptions): Promise<void> {
  const password = await readPassword(io, options)
  const made = await withDatabase(io, ({ db, now, ledger, config }) => {
    if (options.plan !== undefined) checkPlan(options.plan, namesOf(config))
    return createAccount(
      { db, now, grantCredits: ledger.grantCredits, hashPassword: createPasswords().hash },
      {
        email: options.email,
        password,
        credits: options.credits ?? null,
        signupCredits: config.signupCredits,
        keyStyle: options.keyStyle,
        ...(options.plan === undefined ? {} : { plan: options.plan }),
      },
    )
  })
  const { accountId, userId, apiKey } = made
  const lines = [
    `account  ${accountId}`,
    `user     ${userId}`,
    `API key  ${apiKey}`,
    'The key is shown this once.',
  ]
  answer(io, options.json === true, { document: { accountId, userId, apiKey }, lines })
}

type ListOptions = { limit: number; after?: string; json?: true }

async function runList(io: CommandIo, options: ListOptions): Promise<void> {
  const page = { afterId: options.after ?? null, limit: options.limit }
  const accounts = await withDatabase(io, ({ db }) => listAccounts(db, page))
  const rows = accounts.map(account => [
    account.id,
    account.emails.join(', '),
    account.plan,
    String(account.available),
    String(account.held),
    showTime(account.createdAt),
    account.closedAt === null ? '' : 'closed',
  ])
  const lines = layOutTable(['account', 'users', 'plan', 'credits', 'held', 'created', ''], rows)
  answer(io, options.json === true, { document: { accounts }, lines })
}

async function runSetPlan(
  io: CommandIo,
  accountId: string,
  { plan, json }: { plan: string; json?: true },
): Promise<void> {
  await withDatabase(io, ({ db, config }) => setPlan(db, accountId, { plan, plans: namesOf(config) }))
  const lines = [`The account is on the plan ${plan} from now on.`]
  answer(io, json === true, { document: { accountId, plan }, lines })
}

async function runSetClosed(
  io: CommandIo,
  accountId: string,
  { closed, json }: { closed: boolean; json?: true },
): Promise<void> {
  await withDatabase(io, ({ db }) => setClosed(db, accountId, closed))
  const lines = [
    closed ? 'The account is closed: its keys and sessions are refused.' : 'The account is open.',
  ]
  answer(io, json === true, { document: { accountId, closed }, lines })
}

/** Adds the group `accounts`. */
export function addAccountCommands(program: Command, io: CommandIo): void {
  const accounts = program.command('accounts').description('accounts, each with one wallet')
  accounts
    .command('create')
    .description('make an account with its owner, a first API key and its first credits')
    .requiredOption('--email <address>', 'address the owner signs in with')
    .option('--password <text>', 'password for sign-in; visible to other users of this machine')
    .option('--password-stdin', 'read the password from standard input instead')
    .option('--credits <number>', 'first credits, instead of SIGNUP_CREDITS', parseInteger)
    .option('--plan <name>', 'one of PLANS; default free')
    .addOption(styleOption('keyStyle'))
    .addOption(jsonOption())
    .action((options: CreateOptions) => runCreate(io, options))
  accounts
    .command('list')
    .description('list accounts with their balance, oldest first')
    .option('--limit <number>', 'how many', parseLimit, 100)
    .option('--after <account>', 'continue after this account')
    .addOption(jsonOption())
    .action((options: ListOptions) => runList(io, options))
  accounts
    .command('set-plan')
    .description('move an account to another plan')
    .argument('<account>', 'id of the account')
    .requiredOption('--plan <name>', 'one of PLANS')
    .addOption(jsonOption())
    .action((accountId: string, options: { plan: string; json?: true }) => runSetPlan(io, accountId, options))
  for (const [name, closed] of [
    ['close', true],
    ['reopen', false],
  ] as const) {
    accounts
      .command(name)
      .description(closed ? 'refuse its keys and sessions; wallet and files stay' : 'undo `accounts close`')
      .argument('<account>', 'id of the account')
      .addOption(jsonOption())
      .action((accountId: string, { json }: { json?: true }) =>
        runSetClosed(io, accountId, { closed, ...(json ? { json } : {}) }),
      )
  }
}
