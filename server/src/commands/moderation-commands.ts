// `moderation list` and `moderation clear`.
import type { Command } from 'commander'
import { getAccount } from '../accounts/accounts.ts'
import { clearStrikes, listStrikes } from '../moderation/strikes.ts'
import { jsonOption, parseLimit } from './arguments.ts'
import type { CommandIo } from './needs.ts'
import { withDatabase } from './needs.ts'
import { answer, layOutTable, showTime } from './present.ts'

async function runList(io: CommandIo, options: { limit: number; json?: true }): Promise<void> {
  const strikes = await withDatabase(io, ({ db }) => listStrikes(db, options.limit))
  const rows = strikes.map(each => [
    each.accountId,
    String(each.strikes),
    each.lastStage,
    each.lastCategories.join(', '),
    showTime(each.lastAt),
  ])
  const lines = layOutTable(['account', 'strikes', 'last at', 'for', 'when'], rows)
  answer(io, options.json === true, { document: { strikes }, lines })
}

async function runClear(io: CommandIo, options: { account: string; json?: true }): Promise<void> {
  const { account: accountId } = options
  const cleared = await withDatabase(io, async ({ db }) => {
    await getAccount(db, accountId)
    return clearStrikes(db, accountId)
  })
  const lines = [cleared === 0 ? 'It has no strikes.' : `Cleared ${cleared}; its orders are taken again.`]
  answer(io, options.json === true, { document: { accountId, cleared }, lines })
}

/** Adds the group `moderation`. */
export function addModerationCommands(program: Command, io: CommandIo): void {
  const moderation = program.command('moderation').description('accounts that the safety checks have refused')
  moderation
    .command('list')
    .description('list accounts with strikes, most first')
    .option('--limit <number>', 'how many', parseLimit, 100)
    .addOption(jsonOption())
    .action((options: { limit: number; json?: true }) => runList(io, options))
  moderation
    .command('clear')
    .description('forget the strikes of an account')
    .requiredOption('--account <id>', 'whose')
    .addOption(jsonOption())
    .action((options: { account: string; json?: true }) => runClear(io, options))
}
