// The books on the upstream side against a real database: losses of a day, margins, and bills laid beside attempts.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, silentLog, type TestDatabase } from '../../test/database.ts'
import { leaveMidnight } from '../../test/money.ts'
import { createAccount } from '../accounts/accounts.ts'
import { grantCredits, refundGeneration } from '../credits/ledger.ts'
import { newId } from '../ids.ts'
import { createMetrics } from '../telemetry.ts'
import { type BillQuestion, compareBill } from './bill.ts'
import { acceptLosses, createLossWatch, listLossesToday } from './losses.ts'
import { readMargins } from './margin.ts'

let database: TestDatabase
let accountId: string
/** Days are those of the database's clock: the tests ask no other. */
let aheadMs = 0
const now = () => new Date(Date.now() + aheadMs)
beforeAll(async () => {
  database = await createTestDatabase()
  await leaveMidnight(database.ownerDb)
  const [clock] = await ask<{ now: Date }>('SELECT app_now() AS now')
  aheadMs = (clock?.now.getTime() ?? 0) - Date.now()
  const person = { email: 'a@example.com', password: null, credits: 100_000, signupCredits: 0 }
  const needs = { db: database.db, now, grantCredits, hashPassword: async () => '' }
  accountId = (await createAccount(needs, person)).accountId
})
afterAll(() => database.drop())

let serial = 0
const ask = <Row>(text: string, values: unknown[] = []) =>
  database.db.query<Row>({ name: `test_books_${serial++}`, text }, values)

type Order = {
  provider?: string
  model?: string
  price?: number
  cost?: number
  /** Null: it fails, and this much is lost. */
  requestId?: string | null
  loss?: number
}

/** An order through the functions that move the money: delivered, or failed with a loss. */
async function makeOrder(order: Order = {}): Promise<string> {
  const { provider = 'openai', model = 'gpt-image-2', price = 10, cost = 40_000, loss = 0 } = order
  const id = newId(now)
  await ask(
    `SELECT * FROM create_generation($1, $2, NULL, 'native', $3, 'x', '{}', '{}', NULL, NULL, '\\x00', $4, 1, '{}', '{}',
      60000, 'p', true, 60000, $5, $3, 1, $6, NULL, 'x')`,
    [id, accountId, model, price, provider, cost],
  )
  if (loss > 0) {
    await ask(
      `SELECT * FROM settle_released($1, 1, '{dispatching}', 'failed', 'unknown_outcome', 'unknown', 'unknown_outcome',
        NULL, $2, 'p')`,
      [id, loss],
    )
    return id
  }
  const usage = JSON.stringify({ upstreamRequestId: order.requestId ?? null })
  await ask(`SELECT * FROM settle_succeeded($1, 1, '[]', 1, '\\x00', NULL, 0, 'p', 1, $2, $3)`, [
    id,
    [cost],
    usage,
  ])
  return id
}

test('losses of a day are counted with every one, raise an alarm once, and at the cap stop the provider until accepted', async () => {
  const limits = { alarmUsdMicro: 600_000, capUsdMicro: 1_000_000 }
  const said: string[] = []
  const log = {
    ...silentLog,
    error: (fields: object) => void said.push(JSON.stringify(fields)),
    warn: (fields: object) => void said.push(JSON.stringify(fields)),
  }
  let stopped: string[] = []
  const source = {
    setStopped(names: ReadonlySet<string>) {
      stopped = [...names]
    },
  }
  const metrics = createMetrics()
  const look = createLossWatch({ db: database.db, log: log as never, metrics, source }, limits)
  await makeOrder({ provider: 'fal', loss: 599_999 })
  await look()
  expect([stopped, said]).toEqual([[], []])
  // The alarm comes first, and it alone stops nothing.
  await makeOrder({ provider: 'fal', loss: 1 })
  await look()
  await look()
  expect([stopped, said]).toEqual([[], [expect.stringContaining('loss_alarm.raised')]])
  await makeOrder({ provider: 'fal', loss: 400_000 })
  await makeOrder({ provider: 'sdapi:gpu-1', loss: 5_000 })
  await look()
  await look()
  expect(stopped).toEqual(['fal'])
  expect(said).toEqual([
    expect.stringContaining('loss_alarm.raised'),
    expect.stringContaining('loss_cap.reached'),
  ])
  const both = { lossUsdMicro: 1_000_000, openUsdMicro: 1_000_000, isAlarm: true, isAtCap: true }
  const none = { lossUsdMicro: 5_000, openUsdMicro: 5_000, isAlarm: false, isAtCap: false }
  expect(await listLossesToday(database.db, limits)).toEqual([
    { provider: 'fal', losses: 3, ...both },
    { provider: 'sdapi:gpu-1', losses: 1, ...none },
  ])
  const shown = await metrics.registry.metrics()
  expect(shown).toContain('darkroom_operator_loss_alarm{provider="fal"} 1')
  expect(shown).toContain('darkroom_operator_loss_at_cap{provider="fal"} 1')
  expect(shown).toContain('darkroom_operator_loss_today_usd{provider="fal"} 1')
  expect(await acceptLosses(database.db, limits, 'fal')).toMatchObject({
    ...{ openUsdMicro: 0, isAlarm: false, isAtCap: false },
  })
  await look()
  expect([stopped, said.length]).toEqual([[], 3])
  await makeOrder({ provider: 'fal', loss: 999_999 })
  await look()
  expect([stopped, said.length]).toEqual([[], 4])
  await expect(acceptLosses(database.db, limits, 'nobody')).rejects.toThrow('Nothing was lost')
})

test('without a cap nothing is stopped, and the alarm is raised all the same', async () => {
  const said: string[] = []
  const log = { ...silentLog, error: (fields: object) => void said.push(JSON.stringify(fields)) }
  const stopped: string[] = []
  const source = { setStopped: (names: ReadonlySet<string>) => void stopped.push(...names) }
  const limits = { alarmUsdMicro: 2_000_000, capUsdMicro: 0 }
  const needs = { db: database.db, log: log as never, metrics: createMetrics(), source }
  const look = createLossWatch(needs, limits)
  await makeOrder({ provider: 'unstopped', loss: 2_000_000 })
  await look()
  expect(stopped).toEqual([])
  expect(said).toEqual([expect.stringMatching(/loss_alarm.raised.*unstopped/)])
  // A cap below the alarm is an alarm too.
  const low = await listLossesToday(database.db, { alarmUsdMicro: 9_000_000, capUsdMicro: 1_000_000 })
  expect(low.find(each => each.provider === 'unstopped')).toMatchObject({ isAlarm: true, isAtCap: true })
})

test('what was lost at a provider is what the ledger says', async () => {
  const [ledger] = await ask<{ total: number }>(
    `SELECT sum(amount)::bigint AS total FROM entry WHERE bucket = 'operator_loss'`,
  )
  const [days] = await ask<{ total: number }>('SELECT sum(loss_usd_micro)::bigint AS total FROM loss_day')
  expect(days).toEqual(ledger)
})

test('the margin of a model is what was captured and not refunded, less what its calls cost and lost', async () => {
  const model = 'margin-model'
  const refunded = await makeOrder({ model, price: 10, cost: 50_000 })
  await makeOrder({ model, price: 20, cost: 150_000 })
  await makeOrder({ model, price: 20, loss: 30_000 })
  await refundGeneration(database.db, { id: refunded, amount: 4, description: 'x' })
  const span = { since: new Date(Date.parse('2020-01-01')), until: new Date(Date.parse('2100-01-01')) }
  const margins = await readMargins(database.db, span, 10_000)
  expect(margins.find(each => each.model === model)).toEqual({
    ...{ model, orders: 3, ownOrders: 0, credits: 26, revenueUsdMicro: 260_000 },
    ...{ costUsdMicro: 200_000, lostUsdMicro: 30_000, marginUsdMicro: 30_000 },
  })
  const none = { since: span.since, until: new Date(Date.parse('2020-01-02')) }
  expect(await readMargins(database.db, none, 10_000)).toEqual([])
})

test('a refund is made once, of what was charged at most', async () => {
  const id = await makeOrder({ price: 10 })
  const refund = (amount: number | null) => refundGeneration(database.db, { id, amount, description: 'x' })
  await expect(refund(11)).rejects.toThrow('10 credits were charged')
  const given = await refund(null)
  expect(given).toMatchObject({ accountId, refunded: 10 })
  await expect(refund(1)).rejects.toThrow('refunded once')
  const failed = await makeOrder({ loss: 1 })
  await expect(refundGeneration(database.db, { id: failed, amount: null, description: 'x' })).rejects.toThrow(
    '0 credits were charged',
  )
  for (const unknown of ['nothing', newId(now)])
    await expect(
      refundGeneration(database.db, { id: unknown, amount: null, description: 'x' }),
    ).rejects.toThrow('no such generation')
})

const question: BillQuestion = {
  ...{ provider: 'bill', columns: {}, unit: 'usd', separator: ',', byDay: false },
  ...{ since: null, until: null, toleranceUsdMicro: 1_000, limit: 10 },
}
const compare = (text: string, change: Partial<BillQuestion> = {}) => {
  async function* pieces() {
    for (let at = 0; at < text.length; at += 7) yield text.slice(at, at + 7)
  }
  return compareBill(database.db, { ...question, ...change }, pieces())
}
const today = () => now().toISOString()

test('a bill beside the books: known to both, at another amount, unknown to us, and not billed', async () => {
  const same = await makeOrder({ provider: 'bill', requestId: 'req-same', cost: 40_000 })
  const other = await makeOrder({ provider: 'bill', requestId: 'req-other', cost: 40_000 })
  const unbilled = await makeOrder({ provider: 'bill', requestId: 'req-free', cost: 70_000 })
  const lost = await makeOrder({ provider: 'bill', loss: 30_000, cost: 30_000 })
  const lines = [
    ['created_at', 'request_id', 'model', 'cost'],
    [today(), 'req-same', 'gpt-image-2', '0.0404'],
    [today(), 'req-other', 'gpt-image-2', '$0.10'],
    [today(), 'req-nobody', '"gpt, image"', '1.5'],
    [today(), '', 'gpt-image-2', '0.2'],
  ]
  const report = await compare(lines.map(line => line.join(',')).join('\r\n'))
  expect(report).toMatchObject({
    ...{ by: 'request', lines: 4, billedUsdMicro: 1_840_400 },
    matched: { count: 2, totalUsdMicro: 140_400 },
    withoutId: { count: 1, totalUsdMicro: 200_000 },
    unknownToUs: {
      ...{ count: 1, totalUsdMicro: 1_500_000 },
      rows: [{ line: 4, requestId: 'req-nobody', amountUsdMicro: 1_500_000 }],
    },
    notBilled: { count: 2, totalUsdMicro: 100_000 },
    differing: {
      count: 1,
      rows: [{ line: 3, generationId: other, oursUsdMicro: 40_000, billedUsdMicro: 100_000 }],
    },
  })
  if (report.by !== 'request') throw new Error('by request')
  expect(report.notBilled.rows.map(each => each.generationId)).toEqual([unbilled, lost])
  expect(JSON.stringify(report)).not.toContain(same)
  // Nothing of it stays.
  expect(await ask('SELECT * FROM billed_line')).toEqual([])
})

test('a bill that comes after the generation was deleted finds its call', async () => {
  const made = await makeOrder({ provider: 'late', cost: 40_000 })
  const lost = await makeOrder({ provider: 'late', loss: 30_000, cost: 30_000 })
  for (const [id, task] of [
    [made, 'task-made'],
    [lost, 'task-lost'],
  ]) {
    const task_ = JSON.stringify({ id: task, pollUrl: 'https://upstream.example.com/' })
    await ask('UPDATE attempt SET upstream_task = $2 WHERE generation_id = $1', [id, task_])
    await ask('SELECT delete_generation($1, $2)', [id, accountId])
  }
  const lines = ['created_at,id,cost', `${today()},task-made,0.04`, `${today()},task-lost,0.03`]
  expect(await compare(lines.join('\n'), { provider: 'late' })).toMatchObject({
    matched: { count: 2 },
    unknownToUs: { count: 0 },
    notBilled: { count: 0 },
  })
})

test('without ids the totals of days and models are compared', async () => {
  await makeOrder({ provider: 'daily', model: 'a', cost: 40_000 })
  await makeOrder({ provider: 'daily', model: 'b', cost: 60_000 })
  const day = today().slice(0, 10)
  const text = `date,model,amount\n${day},a,4\n${day},c,7\n`
  expect(await compare(text, { provider: 'daily', unit: 'cent' })).toMatchObject({
    by: 'day',
    differing: {
      ...{ count: 2, totalUsdMicro: 10_000 },
      rows: [
        { day, model: 'c', calls: 0, oursUsdMicro: 0, billedUsdMicro: 70_000 },
        { day, model: 'b', calls: 1, oursUsdMicro: 60_000, billedUsdMicro: 0 },
      ],
    },
  })
  // A bill that names no model has one total a day.
  const bare = await compare(`day;total\n${day};0.10`, { provider: 'daily', separator: ';' })
  expect(bare).toMatchObject({ by: 'day', differing: { count: 0 } })
})

test('what cannot be read is refused by its column or line', async () => {
  const wrong: [string, Partial<BillQuestion>, string][] = [
    ['', {}, 'first line must name the columns'],
    ['a,b\n1,2', {}, 'Name the column of the amounts'],
    ['cost\n1', { columns: { id: 'nowhere' } }, 'no such column'],
    ['cost,date\nfree,2026-11-28', {}, 'line 2: the amount is no number'],
    ['cost,date\n1,soon', {}, 'line 2: the time is none'],
    ['cost\n1', {}, 'give --since and --until'],
  ]
  for (const [text, change, said] of wrong) await expect(compare(text, change), text).rejects.toThrow(said)
})

test('a file of a hundred thousand lines is read in batches', async () => {
  async function* many() {
    yield 'id,created_at,cost\n'
    for (let at = 0; at < 100_000; at += 1) yield `x${at},2026-11-20T10:00:00Z,0.01\n`
  }
  const before = process.memoryUsage().heapUsed
  const report = await compareBill(database.db, question, many())
  expect(report).toMatchObject({ lines: 100_000, unknownToUs: { count: 100_000 } })
  if (report.by !== 'request') throw new Error('by request')
  expect(report.unknownToUs.rows).toHaveLength(10)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(150_000_000)
})
