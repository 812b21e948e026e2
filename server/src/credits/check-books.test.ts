// The look at everything has the time it needs, ends when it must, and never ends unnoticed.
import { PassThrough } from 'node:stream'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { createTestDatabase, silentLog, type TestDatabase } from '../../test/database.ts'
import { eventually } from '../../test/harness.ts'
import { connectDatabase } from '../db/connect.ts'
import { createLog } from '../log.ts'
import { createMetrics } from '../telemetry.ts'
import { checkBooks } from './check-books.ts'
import { findAllViolations, findViolations } from './ledger.ts'

/** Of every other statement. */
const usualLimitMs = 1_500

const opened: TestDatabase[] = []
let database: TestDatabase
let lines: Record<string, unknown>[]
let needs: Parameters<typeof checkBooks>[0]

beforeEach(async () => {
  // One connection: what a look leaves behind on it would show.
  const connect = { maxConnections: 1, statementTimeoutMs: usualLimitMs }
  database = await createTestDatabase({ connect, brokenBooks: { all: 'tests of the look itself' } })
  opened.push(database)
  lines = []
  const destination = new PassThrough()
  destination.on('data', chunk => lines.push(JSON.parse(String(chunk))))
  const log = createLog({ level: 'info', logPrompts: false, destination })
  needs = { db: database.db, log, metrics: createMetrics() }
})
afterAll(async () => {
  for (const one of opened) await one.drop()
})

let statements = 0
async function run<Row>(text: string): Promise<Row[]> {
  statements += 1
  return database.ownerDb.query<Row>({ name: `test_books_${statements}`, text })
}

/** As with millions of orders: the check takes so long, and tells what it told before. */
async function slowDown(seconds: number): Promise<void> {
  await run('ALTER FUNCTION invariant_violations (timestamptz) RENAME TO quick_violations')
  await run(`CREATE FUNCTION invariant_violations(since timestamptz) RETURNS TABLE (rule text, subject text)
    LANGUAGE plpgsql AS $$ BEGIN
      PERFORM pg_sleep(${seconds});
      RETURN QUERY SELECT * FROM quick_violations(since);
    END $$`)
}

async function breakWallet(): Promise<void> {
  await run("INSERT INTO account (id, name, available) VALUES (gen_random_uuid(), 'broken', 5)")
}

async function gauge(name: string, scope: string): Promise<number | undefined> {
  const metric = await needs.metrics.registry.getSingleMetric(name)?.get()
  return metric?.values.find(({ labels }) => labels.scope === scope)?.value
}

const events = () => lines.map(({ event }) => event)
const all = (limitMs: number, signal = new AbortController().signal) =>
  ({ scope: 'all', limitMs, signal }) as const

test('a look at everything may take longer than any other statement, and still sees', async () => {
  await run("INSERT INTO slot (scope, in_flight) VALUES ('held by nobody', 1)")
  await slowDown(2.5)
  await expect(findViolations(database.db, null)).rejects.toThrow()
  await checkBooks(needs, all(30_000))
  expect(await gauge('darkroom_invariant_violations', 'all')).toBe(1)
  expect(await gauge('darkroom_invariant_check_failed', 'all')).toBe(0)
  expect(await gauge('darkroom_invariant_check_seconds', 'all')).toBeGreaterThan(2.4)
  expect(events()).toEqual(['invariant.violated'])
  // The longer limit was that look's alone.
  await expect(findViolations(database.db, null)).rejects.toThrow()
})

test('a look at everything adds the ledger up once, not once for each wallet', async () => {
  // So many that an index pays off wherever there is one.
  await run("INSERT INTO account (id, name) SELECT gen_random_uuid(), 'one' FROM generate_series(1, 1000)")
  await run("SELECT grant_credits(id, 10, 'promo', 'opening', NULL, 'a gift') FROM account")
  await run('ANALYZE')
  const [row] = await run<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    'EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM invariant_violations(NULL)',
  )
  const scans = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(scans)]
  const nodes = row ? scans(row['QUERY PLAN'][0].Plan) : []
  expect(nodes.some(node => node['Relation Name'] === 'entry')).toBe(true)
  const repeated = nodes.filter(node => node['Node Type'] === 'Seq Scan' && node['Actual Loops'] > 1)
  expect(repeated).toEqual([])
})

type PlanNode = { 'Node Type': string; 'Relation Name'?: string; 'Actual Loops': number; Plans?: PlanNode[] }

test('a look that is cut at its own limit is an alarm in log and metric until one succeeds', async () => {
  await slowDown(60)
  await checkBooks(needs, all(400))
  expect(await gauge('darkroom_invariant_check_failed', 'all')).toBe(1)
  expect(await gauge('darkroom_invariant_violations', 'all')).toBe(undefined)
  expect(lines).toMatchObject([{ event: 'invariant.check_failed', scope: 'all', level: 'error' }])
  // What others look at does not take it back.
  await run('DROP FUNCTION invariant_violations')
  await run('ALTER FUNCTION quick_violations (timestamptz) RENAME TO invariant_violations')
  await checkBooks(needs, { scope: 'recent', ageMs: 60_000 })
  expect(await gauge('darkroom_invariant_check_failed', 'all')).toBe(1)
  await checkBooks(needs, all(30_000))
  expect(await gauge('darkroom_invariant_check_failed', 'all')).toBe(0)
  expect(await gauge('darkroom_invariant_violations', 'all')).toBe(0)
})

test('a look at recent accounts that is cut is an alarm too', async () => {
  await slowDown(60)
  await checkBooks(needs, { scope: 'recent', ageMs: 60_000 })
  expect(await gauge('darkroom_invariant_check_failed', 'recent')).toBe(1)
  expect(events()).toEqual(['invariant.check_failed'])
})

test('recent is so by the clock of the database', async () => {
  await breakWallet()
  await run("UPDATE account SET touched_at = app_now() - interval '10 minutes'")
  await checkBooks(needs, { scope: 'recent', ageMs: 300_000 })
  expect(await gauge('darkroom_invariant_violations', 'recent')).toBe(0)
  await run("UPDATE clock_offset SET value = interval '-8 minutes'")
  await checkBooks(needs, { scope: 'recent', ageMs: 300_000 })
  expect(await gauge('darkroom_invariant_violations', 'recent')).toBe(1)
})

test('a process that stops ends its look, here and in the database, and calls nobody', async () => {
  await slowDown(600)
  const stopping = new AbortController()
  const look = checkBooks(needs, all(600_000, stopping.signal))
  const admin = await connectDatabase({
    url: database.adminUrl,
    maxConnections: 1,
    statementTimeoutMs: 30_000,
    prepare: true,
    log: silentLog,
  })
  // Only a superuser sees what another role runs.
  const sleepers = () =>
    admin.query({
      name: 'test_books_sleepers',
      text: `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`,
    })
  await eventually('the look is under way', async () => (await sleepers()).length === 1)
  stopping.abort()
  await look
  expect(await sleepers()).toEqual([])
  await admin.close()
  expect(events()).toEqual([])
  expect(await gauge('darkroom_invariant_check_failed', 'all')).toBe(undefined)
  // The connection serves whoever comes next, and a look that is no longer wanted does not begin.
  expect(await database.db.query({ name: 'test_books_next', text: 'SELECT 1 AS one' })).toEqual([{ one: 1 }])
  await expect(findAllViolations(database.db, { limitMs: 60_000, signal: stopping.signal })).rejects.toThrow(
    'aborted',
  )
})
