// A provider's export of what it bills, laid beside our attempts. Lines go into a table of the database while they are
// read, and the transaction is rolled back at the end: files of any size need little memory, and nothing is changed.
import type { Db, Tx } from '../db/db.ts'
import { invalidField } from '../errors.ts'
import { type CsvRecord, readCsv } from './csv.ts'
import { sql } from './sql.ts'

/** Names of columns; null = the export has none. */
export type BillColumns = { id: string | null; amount: string; time: string | null; model: string | null }
export type BillUnit = 'usd' | 'cent' | 'usd-micro'

export type BillQuestion = {
  provider: string
  /** Left out, the first name of `knownColumns` that the header has. */
  columns: Partial<BillColumns>
  unit: BillUnit
  separator: string
  /** By day and model even where there are ids. */
  byDay: boolean
  /** Left out, the span of the lines' times. */
  since: Date | null
  until: Date | null
  /** Differences up to this are rounding, micro-USD. */
  toleranceUsdMicro: number
  /** Rows shown of each kind; all are counted. */
  limit: number
}

type Found<Row> = { count: number; totalUsdMicro: number; rows: Row[] }
export type UnknownLine = { line: number; requestId: string; amountUsdMicro: number }
export type OurCall = {
  requestId: string | null
  generationId: string
  n: number
  part: number
  state: string
  amountUsdMicro: number
}
export type Difference = {
  line: number
  requestId: string
  generationId: string
  oursUsdMicro: number
  billedUsdMicro: number
}
export type DayDifference = {
  day: string
  model: string
  calls: number
  oursUsdMicro: number
  billedUsdMicro: number
}

export type BillReport = {
  lines: number
  billedUsdMicro: number
  since: Date
  until: Date
} & (
  | {
      by: 'request'
      matched: { count: number; totalUsdMicro: number }
      /** They bill what we do not know. */
      unknownToUs: Found<UnknownLine>
      /** What we expected to pay and they do not bill. */
      notBilled: Found<OurCall>
      differing: Found<Difference>
      /** Lines without an id, which cannot be looked for. */
      withoutId: { count: number; totalUsdMicro: number }
    }
  | { by: 'day'; differing: Found<DayDifference> }
)

/** Tried in this order. */
export const knownColumns: Record<keyof BillColumns, readonly string[]> = {
  id: ['request_id', 'prediction_id', 'task_id', 'generation_id', 'id'],
  amount: ['cost', 'total_cost', 'amount', 'amount_usd', 'cost_usd', 'total', 'price'],
  time: ['created_at', 'started_at', 'timestamp', 'time', 'date', 'day'],
  model: ['model', 'model_name', 'endpoint', 'endpoint_id', 'sku', 'product'],
}

const unitUsdMicro: Record<BillUnit, number> = { usd: 1_000_000, cent: 10_000, 'usd-micro': 1 }
const batchLines = 1_000
/** Days times models: a year of a hundred models. More is a column that names no model. */
const maxTotals = 40_000
const limitMs = 1_800_000
const dayMs = 86_400_000

/** Ends the transaction without keeping anything of it. */
class RolledBack extends Error {}

/** Whether anything was ever asked of a provider of that name. */
export async function hasCalls(db: Db, provider: string): Promise<boolean> {
  return (await db.query(sql.findCall, [provider])).length > 0
}

/** Throws invalid_request for a file that cannot be read so, with its line. */
export async function compareBill(
  db: Db,
  question: BillQuestion,
  text: AsyncIterable<string>,
): Promise<BillReport> {
  let report: BillReport | null = null
  const run = async (tx: Tx) => {
    report = await compare(tx, question, text)
    throw new RolledBack()
  }
  await db.transaction(run, { statementTimeoutMs: limitMs }).catch(error => {
    if (!(error instanceof RolledBack)) throw error
  })
  if (!report) throw new Error('the comparison came to no end')
  return report
}

async function compare(tx: Tx, question: BillQuestion, text: AsyncIterable<string>): Promise<BillReport> {
  const bill = await takeLines(tx, question, text)
  const span = spanOf(question, bill)
  const head = { lines: bill.lines, billedUsdMicro: bill.billedUsdMicro, ...span }
  const values = [question.provider, span.since, span.until]
  if (question.byDay || !bill.hasIds) {
    return { ...head, by: 'day', differing: await compareDays(tx, { ...question, values }, bill.totals) }
  }
  return {
    ...head,
    by: 'request',
    ...(await compareRequests(tx, { ...question, values })),
    withoutId: bill.withoutId,
  }
}

type Bill = {
  lines: number
  billedUsdMicro: number
  hasIds: boolean
  withoutId: { count: number; totalUsdMicro: number }
  first: Date | null
  last: Date | null
  /** By `day/model`. */
  totals: Map<string, number>
}

async function takeLines(tx: Tx, question: BillQuestion, text: AsyncIterable<string>): Promise<Bill> {
  const withoutId = { count: 0, totalUsdMicro: 0 }
  const bill: Bill = {
    ...{ lines: 0, billedUsdMicro: 0, hasIds: false, withoutId },
    ...{ first: null, last: null, totals: new Map() },
  }
  let places: Places | null = null
  let batch: [number, string | null, number][] = []
  const flush = async () => {
    const column = (at: number) => batch.map(each => each[at])
    if (batch.length > 0) await tx.query(sql.addLines, [column(0), column(1), column(2)])
    batch = []
  }
  for await (const record of readCsv(text, question.separator)) {
    if (!places) {
      places = findPlaces(record, question)
      bill.hasIds = places.id !== null
      continue
    }
    const line = readLine(record, places, question)
    addLine(bill, line)
    if (bill.hasIds) batch.push([record.line, line.id, line.amountUsdMicro])
    if (batch.length >= batchLines) await flush()
  }
  if (!places) throw invalidField('file', 'The file is empty: its first line must name the columns.')
  await flush()
  return bill
}

type Places = { id: number | null; amount: number; time: number | null; model: number | null }

function findPlaces({ fields }: CsvRecord, { columns }: BillQuestion): Places {
  const names = fields.map(name => name.trim().toLowerCase())
  const find = (column: keyof BillColumns): number | null => {
    const given = columns[column]
    if (given === null) return null
    const wanted = given === undefined ? knownColumns[column] : [given.toLowerCase()]
    const found = wanted.map(name => names.indexOf(name)).find(at => at >= 0)
    if (found === undefined && given !== undefined)
      throw invalidField(column, `There is no such column. The file has ${fields.join(', ')}.`.slice(0, 500))
    return found ?? null
  }
  const amount = find('amount')
  if (amount === null && fields.length === 1)
    throw invalidField(
      'separator',
      `The first line is one column, ${fields[0]}: name what stands between columns.`.slice(0, 500),
    )
  if (amount === null)
    throw invalidField(
      'amount',
      `Name the column of the amounts. The file has ${fields.join(', ')}.`.slice(0, 500),
    )
  return { id: find('id'), amount, time: find('time'), model: find('model') }
}

type Line = { id: string | null; amountUsdMicro: number; time: Date | null; model: string }

function readLine({ line, fields }: CsvRecord, places: Places, { unit }: BillQuestion): Line {
  const at = (place: number | null) => (place === null ? '' : (fields[place] ?? '').trim())
  const text = at(places.amount).replace(/^(-?)\$\s*/, '$1')
  const amount = /^-?\d{1,12}(?:\.\d{1,18})?(?:e-?\d{1,2})?$/i.test(text) ? Number(text) : Number.NaN
  if (!Number.isFinite(amount)) throw invalidField('file', `line ${line}: the amount is no number`)
  const time = at(places.time) === '' ? null : new Date(readTime(at(places.time)))
  if (time && Number.isNaN(time.getTime())) throw invalidField('file', `line ${line}: the time is none`)
  const amountUsdMicro = Math.round(amount * unitUsdMicro[unit])
  return { id: at(places.id) || null, amountUsdMicro, time, model: at(places.model) }
}

/** Seconds or milliseconds since 1970, or a time as it is written; without a zone it is UTC. */
function readTime(text: string): string | number {
  if (/^\d{9,10}(?:\.\d+)?$/.test(text)) return Number(text) * 1_000
  if (/^\d{12,13}$/.test(text)) return Number(text)
  return /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/.test(text) ? `${text.replace(' ', 'T')}Z` : text
}

function addLine(bill: Bill, { id, amountUsdMicro, time, model }: Line): void {
  bill.lines += 1
  bill.billedUsdMicro += amountUsdMicro
  if (bill.hasIds && id === null) {
    bill.withoutId.count += 1
    bill.withoutId.totalUsdMicro += amountUsdMicro
  }
  if (!time) return
  if (!bill.first || time < bill.first) bill.first = time
  if (!bill.last || time > bill.last) bill.last = time
  const key = `${time.toISOString().slice(0, 10)}/${model}`
  bill.totals.set(key, (bill.totals.get(key) ?? 0) + amountUsdMicro)
  if (bill.totals.size > maxTotals)
    throw invalidField('model', 'There are too many days and models: name the column that holds the model.')
}

/** Whole UTC days around the lines, where the operator says nothing. */
function spanOf({ since, until }: BillQuestion, { first, last }: Bill): { since: Date; until: Date } {
  const from = since ?? (first && new Date(Math.floor(first.getTime() / dayMs) * dayMs))
  const to = until ?? (last && new Date((Math.floor(last.getTime() / dayMs) + 1) * dayMs))
  if (!from || !to) throw invalidField('since', 'The file tells no times: give --since and --until.')
  return { since: from, until: to }
}

type Asked = BillQuestion & { values: unknown[] }
type Counted = { count: number; total: number }

function toFound<Row extends Counted, Shown>(rows: Row[], show: (row: Row) => Shown): Found<Shown> {
  const [first] = rows
  return { count: first?.count ?? 0, totalUsdMicro: first?.total ?? 0, rows: rows.map(show) }
}

type UnknownRow = Counted & { line: number; request_id: string; amount: number }
type UnbilledRow = Counted & {
  request_id: string | null
  generation_id: string
  n: number
  part: number
  state: string
  amount: number
}
type DifferingRow = UnknownRow & { generation_id: string; ours: number }

async function compareRequests(tx: Tx, { values, limit, toleranceUsdMicro }: Asked) {
  const unknown = await tx.query<UnknownRow>(sql.unknownLines, [...values, limit])
  const unbilled = await tx.query<UnbilledRow>(sql.unbilled, [...values, limit])
  const differing = await tx.query<DifferingRow>(sql.differing, [...values, limit, toleranceUsdMicro])
  const [matched] = await tx.query<Counted>(sql.matched, values)
  return {
    matched: { count: matched?.count ?? 0, totalUsdMicro: matched?.total ?? 0 },
    unknownToUs: toFound(unknown, row => ({
      ...{ line: row.line, requestId: row.request_id, amountUsdMicro: row.amount },
    })),
    notBilled: toFound(unbilled, row => ({
      ...{ requestId: row.request_id, generationId: row.generation_id, n: row.n, part: row.part },
      ...{ state: row.state, amountUsdMicro: row.amount },
    })),
    differing: toFound(differing, row => ({
      ...{ line: row.line, requestId: row.request_id, generationId: row.generation_id },
      ...{ oursUsdMicro: row.ours, billedUsdMicro: row.amount },
    })),
  }
}

/** Models are matched by the upstream's own ids; a bill that names none has one total a day. */
async function compareDays(
  tx: Tx,
  { values, limit, toleranceUsdMicro }: Asked,
  totals: ReadonlyMap<string, number>,
): Promise<Found<DayDifference>> {
  type Row = { day: string; model: string; ours: number; calls: number }
  const namesModels = [...totals.keys()].some(key => key.length > dayLength + 1)
  const days = new Map<string, DayDifference>()
  const dayOf = (day: string, model: string) => {
    const key = `${day}/${model}`
    const known = days.get(key) ?? { day, model, calls: 0, oursUsdMicro: 0, billedUsdMicro: 0 }
    days.set(key, known)
    return known
  }
  for (const row of await tx.query<Row>(sql.daysOfOurs, values)) {
    const known = dayOf(row.day, namesModels ? row.model : '')
    known.calls += row.calls
    known.oursUsdMicro += row.ours
  }
  for (const [key, amount] of totals)
    dayOf(key.slice(0, dayLength), key.slice(dayLength + 1)).billedUsdMicro += amount
  const gap = (each: DayDifference) => each.billedUsdMicro - each.oursUsdMicro
  const found = [...days.values()].filter(each => Math.abs(gap(each)) > toleranceUsdMicro)
  found.sort((a, b) => Math.abs(gap(b)) - Math.abs(gap(a)) || a.day.localeCompare(b.day))
  const totalUsdMicro = found.reduce((sum, each) => sum + gap(each), 0)
  return { count: found.length, totalUsdMicro, rows: found.slice(0, limit) }
}

/** `2026-11-28` */
const dayLength = 10
