// `margin`, `reconcile` and `providers resume`: the books on the upstream side. Nothing of what was booked is changed.
import { createReadStream } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type BillColumns, type BillReport, type BillUnit, compareBill, hasCalls } from '../books/bill.ts'
import { acceptLosses, type LossToday } from '../books/losses.ts'
import { readMargins } from '../books/margin.ts'
import type { Config } from '../config.ts'
import type { Db } from '../db/db.ts'
import { invalidField } from '../errors.ts'
import { jsonOption, parseLimit, parseTime } from './arguments.ts'
import { type CommandIo, withDatabase } from './needs.ts'
import { answer, layOutTable } from './present.ts'

type Span = { since?: Date; until?: Date; json?: true }

const dayMs = 86_400_000
const defaultDays = 30

/** To the cent and, where there is more, to the millionth: a picture may cost less than a cent. */
function showUsd(usdMicro: number): string {
  return (usdMicro / 1_000_000).toFixed(6).replace(/0{1,4}$/, '')
}

function checkSpan({ since, until }: { since?: Date | undefined; until?: Date | undefined }): void {
  if (since && until && since >= until) throw invalidField('since', 'The span ends before it begins.')
}

/** A misspelt name would make a whole bill unknown. */
async function checkProvider(db: Db, config: Config, provider: string): Promise<void> {
  const engines = [...config.engines, ...config.packages].map(each => each.name)
  const names = [...Object.keys(config.providers), ...engines].sort()
  if (names.includes(provider) || (await hasCalls(db, provider))) return
  throw invalidField('provider', `There is no such provider. There are ${names.join(', ')}.`)
}

const unreadable = new Map<unknown, string>([
  ['ENOENT', 'there is no such file'],
  ['EACCES', 'this user may not read it'],
  ['EISDIR', 'it is a folder'],
])

/** Opened when it is read: before that nobody would hear that it is not there. */
async function* readText(file: string): AsyncGenerator<string> {
  try {
    yield* createReadStream(file, 'utf8') as AsyncIterable<string>
  } catch (error) {
    const why = unreadable.get(error instanceof Error ? Reflect.get(error, 'code') : null)
    throw why === undefined ? error : invalidField('file', `${file} cannot be read: ${why}.`)
  }
}

async function runMargin(io: CommandIo, options: Span): Promise<void> {
  const read = await withDatabase(io, async ({ db, now, config }) => {
    const until = options.until ?? now()
    const since = options.since ?? new Date(until.getTime() - defaultDays * dayMs)
    checkSpan({ since, until })
    return { since, until, models: await readMargins(db, { since, until }, config.creditPriceUsdMicro) }
  })
  const rows = read.models.map(each => [
    each.model,
    String(each.orders),
    String(each.ownOrders),
    String(each.credits),
    showUsd(each.revenueUsdMicro),
    showUsd(each.costUsdMicro),
    showUsd(each.lostUsdMicro),
    showUsd(each.marginUsdMicro),
    each.revenueUsdMicro > 0 ? `${Math.round((each.marginUsdMicro * 100) / each.revenueUsdMicro)} %` : '–',
  ])
  const header = ['model', 'orders', 'own keys', 'credits', 'revenue', 'cost', 'lost', 'margin', 'share']
  answer(io, options.json === true, { document: read, lines: layOutTable(header, rows) })
}

type BillOptions = Span & {
  id?: string | false
  amount?: string
  time?: string
  model?: string
  unit: BillUnit
  separator: string
  byDay?: true
  tolerance: number
  limit: number
}

async function runReconcile(
  io: CommandIo,
  { provider, file }: { provider: string; file: string },
  options: BillOptions,
): Promise<void> {
  const { id, amount, time, model } = options
  const columns: Partial<BillColumns> = {
    ...(id === undefined ? {} : { id: id === false ? null : id }),
    ...(amount === undefined ? {} : { amount }),
    ...(time === undefined ? {} : { time }),
    ...(model === undefined ? {} : { model }),
  }
  checkSpan(options)
  const report = await withDatabase(io, async ({ db, config }) => {
    await checkProvider(db, config, provider)
    const question = {
      ...{ provider, columns, unit: options.unit, byDay: options.byDay === true, limit: options.limit },
      separator: options.separator,
      since: options.since ?? null,
      until: options.until ?? null,
      toleranceUsdMicro: options.tolerance,
    }
    return compareBill(db, question, readText(file))
  })
  answer(io, options.json === true, { document: { provider, ...report }, lines: describeReport(report) })
}

function describeReport(report: BillReport): string[] {
  const head = [
    `${report.lines} ${report.lines === 1 ? 'line' : 'lines'}, ${showUsd(report.billedUsdMicro)} USD, from ${report.since.toISOString()} to ${report.until.toISOString()}`,
  ]
  if (report.by === 'day') {
    const rows = report.differing.rows.map(each => [
      ...[each.day, each.model || '(all)', String(each.calls)],
      ...[showUsd(each.oursUsdMicro), showUsd(each.billedUsdMicro)],
    ])
    const count = `${report.differing.count} days and models differ, by ${showUsd(report.differing.totalUsdMicro)} USD`
    return [...head, count, ...layOutTable(['day', 'model', 'calls', 'ours', 'billed'], rows)]
  }
  const { matched, unknownToUs, notBilled, differing, withoutId } = report
  return [
    ...head,
    `${matched.count} known to both, ${showUsd(matched.totalUsdMicro)} USD`,
    `${differing.count} of them at another amount, by ${showUsd(differing.totalUsdMicro)} USD`,
    ...differing.rows.map(
      each =>
        `  ${each.requestId}  ${each.generationId}  ours ${showUsd(each.oursUsdMicro)}, billed ${showUsd(each.billedUsdMicro)}`,
    ),
    `${unknownToUs.count} billed and not known here, ${showUsd(unknownToUs.totalUsdMicro)} USD`,
    ...unknownToUs.rows.map(
      each => `  line ${each.line}  ${each.requestId}  ${showUsd(each.amountUsdMicro)}`,
    ),
    `${notBilled.count} expected and not billed, ${showUsd(notBilled.totalUsdMicro)} USD`,
    ...notBilled.rows.map(
      each =>
        `  ${each.requestId ?? '–'}  ${each.generationId}/${each.n}/${each.part}  ${each.state}  ${showUsd(each.amountUsdMicro)}`,
    ),
    ...(withoutId.count > 0
      ? [
          `${withoutId.count} ${withoutId.count === 1 ? 'line has' : 'lines have'} no id, ${showUsd(withoutId.totalUsdMicro)} USD`,
        ]
      : []),
  ]
}

async function runResume(io: CommandIo, provider: string, options: { json?: true }): Promise<void> {
  const loss: LossToday = await withDatabase(io, ({ db, config }) =>
    acceptLosses(db, config.lossLimits, provider),
  )
  const lines = [
    `Accepted: ${showUsd(loss.lossUsdMicro)} USD lost today. Alarm and cap count from here, on every node within seconds.`,
  ]
  answer(io, options.json === true, { document: loss, lines })
}

function parseTolerance(text: string): number {
  const usd = /^\d{1,4}(?:\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(usd)) throw new InvalidArgumentError('Give dollars such as 0.001.')
  return Math.round(usd * 1_000_000)
}

function parseSeparator(text: string): string {
  if (text === 'tab') return '\t'
  if (/^[^"\r\n]$/.test(text)) return text
  throw new InvalidArgumentError('Give one letter, or tab.')
}

/** Adds `margin` and `reconcile`, and `resume` to the group `providers`. */
export function addBookCommands(program: Command, io: CommandIo): void {
  program
    .command('margin')
    .description('what each model brought and cost; the last 30 days unless told otherwise')
    .option('--since <time>', 'from this time on', parseTime)
    .option('--until <time>', 'before this time', parseTime)
    .addOption(jsonOption())
    .action((options: Span) => runMargin(io, options))
  program
    .command('reconcile')
    .description(
      "lay a provider's usage export (CSV) beside the books and list what differs; changes nothing",
    )
    .argument('<provider>', 'as the books name it')
    .argument('<file>', 'with the names of its columns in the first line')
    .option('--id <column>', 'the upstream’s own id of a call')
    .option('--no-id', 'compare by day and model though there are ids')
    .option('--amount <column>', 'what is billed')
    .option('--time <column>', 'when')
    .option('--model <column>', "the upstream's id of the model")
    .addOption(
      new Option('--unit <unit>', 'of the amounts').choices(['usd', 'cent', 'usd-micro']).default('usd'),
    )
    .option('--separator <letter>', 'between columns; `tab` for a tabulator', parseSeparator, ',')
    .option('--by-day', 'compare totals of days and models')
    .option('--since <time>', 'our calls from this time on', parseTime)
    .option('--until <time>', 'our calls before this time', parseTime)
    .addOption(
      new Option('--tolerance <usd>', 'differences up to this are rounding')
        .argParser(parseTolerance)
        .default(1_000, '0.001'),
    )
    .option('--limit <number>', 'rows shown of each kind', parseLimit, 100)
    .addOption(jsonOption())
    .action((provider: string, file: string, options: BillOptions) =>
      runReconcile(io, { provider, file }, options),
    )
  program.commands
    .find(command => command.name() === 'providers')
    ?.command('resume')
    .description('accept what was lost at a provider today: its daily cap counts from here')
    .argument('<provider>', 'as the books name it')
    .addOption(jsonOption())
    .action((provider: string, options: { json?: true }) => runResume(io, provider, options))
}
