// `credits grant`, `credits adjust` and `credits refund`.
import type { Command } from 'commander'
import { getAccount } from '../accounts/accounts.ts'
import { invalidField } from '../errors.ts'
import { newId } from '../ids.ts'
import { jsonOption, parseInteger } from './arguments.ts'
import type { CommandIo } from './needs.ts'
import { withDatabase } from './needs.ts'
import { answer } from './present.ts'

type MoveOptions = { account: string; amount: number; reference?: string; description?: string; json?: true }

/** A slip of some zeros should not reach the ledger, which cannot forget. */
const MAX_AMOUNT = 1_000_000_000

function checkAmount(amount: number, smallest: number): void {
  if (amount >= smallest && amount <= MAX_AMOUNT && amount !== 0) return
  const but = smallest < 0 ? ', not 0' : ''
  throw invalidField('amount', `must be a whole number of credits from ${smallest} to ${MAX_AMOUNT}${but}`)
}

/** An empty one comes from an unset variable of a script: the second such movement would silently be none. */
function checkReference(reference: string | undefined): void {
  if (reference === undefined || /^[^\p{Cc}]{1,200}$/u.test(reference)) return
  throw invalidField('reference', 'must be a text of 1 to 200 characters, or left out')
}

async function runGrant(io: CommandIo, options: MoveOptions): Promise<void> {
  checkAmount(options.amount, 1)
  checkReference(options.reference)
  const { account: accountId, amount } = options
  const moved = await withDatabase(io, async ({ db, now, ledger }) => {
    await getAccount(db, accountId)
    const reference = options.reference ?? `operator:${newId(now)}`
    const description = options.description ?? 'Credits granted by the operator'
    const grant = { accountId, amount, source: 'operator', reference, description } as const
    return { reference, ...(await db.transaction(tx => ledger.grantCredits(tx, grant))) }
  })
  const { reference, granted, balance } = moved
  const done = granted
    ? `Granted ${amount} credits.`
    : 'Granted before under this reference; nothing changed.'
  const document = { accountId, amount, granted, balance, reference }
  answer(io, options.json === true, { document, lines: [`${done} Balance: ${balance}.`] })
}

async function runAdjust(io: CommandIo, options: MoveOptions): Promise<void> {
  checkAmount(options.amount, -MAX_AMOUNT)
  checkReference(options.reference)
  const { account: accountId, amount } = options
  const moved = await withDatabase(io, async ({ db, now, ledger }) => {
    await getAccount(db, accountId)
    const reference = options.reference ?? `operator:${newId(now)}`
    const description = options.description ?? 'Correction by the operator'
    const adjustment = { accountId, amount, reference, description }
    return { reference, ...(await db.transaction(tx => ledger.adjustCredits(tx, adjustment))) }
  })
  const { reference, adjusted, balance, debt } = moved
  const done = adjusted
    ? `Adjusted by ${amount} credits.`
    : 'Adjusted before under this reference; nothing changed.'
  const owed = debt > 0 ? ` Debt: ${debt}.` : ''
  const document = { accountId, amount, adjusted, balance, debt, reference }
  answer(io, options.json === true, {
    document,
    lines: [`${done} Balance: ${balance}.${owed}`],
  })
}

type RefundOptions = { amount?: number; description?: string; json?: true }

async function runRefund(io: CommandIo, generationId: string, options: RefundOptions): Promise<void> {
  if (options.amount !== undefined) checkAmount(options.amount, 1)
  const description = options.description ?? 'Refund by the operator'
  const amount = options.amount ?? null
  const moved = await withDatabase(io, ({ db, ledger }) =>
    ledger.refundGeneration(db, { id: generationId, amount, description }),
  )
  const lines = [`Gave ${moved.refunded} credits back. Balance: ${moved.balance}.`]
  answer(io, options.json === true, { document: { generationId, ...moved }, lines })
}

/** Adds the group `credits`. */
export function addCreditCommands(program: Command, io: CommandIo): void {
  const credits = program.command('credits').description('movements of credits by the operator')
  const addMove = (name: string, description: string) =>
    credits
      .command(name)
      .description(description)
      .requiredOption('--account <account>', 'account whose wallet it is')
      .requiredOption('--amount <number>', 'whole credits', parseInteger)
      .option('--reference <text>', `names the cause: a second ${name} under it is not made`)
      .option('--description <text>', 'shown in the usage list')
      .addOption(jsonOption())
  credits
    .command('refund')
    .description('give back what a delivered generation was charged, once')
    .argument('<generation>', 'its id')
    .option('--amount <number>', 'fewer credits than it was charged', parseInteger)
    .option('--description <text>', 'shown in the usage list')
    .addOption(jsonOption())
    .action((id: string, options: RefundOptions) => runRefund(io, id, options))
  addMove('grant', 'give credits').action((options: MoveOptions) => runGrant(io, options))
  addMove('adjust', 'correct a balance, up or down').action((options: MoveOptions) => runAdjust(io, options))
}
