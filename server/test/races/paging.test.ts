// Lists stay flat: at twenty thousand rows a page, the first as the deepest, is read from an index; nothing is
// scanned, and nothing larger than the page is sorted. Judged by the database's own account of what it did.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listUsage } from '../../src/credits/ledger.ts'
import { sql as creditsSql } from '../../src/credits/sql.ts'
import { connectDatabase } from '../../src/db/connect.ts'
import type { Db, Statement } from '../../src/db/db.ts'
import { listGenerations, readCursor } from '../../src/generations/list.ts'
import { markLists, markSpacing } from '../../src/generations/marks.ts'
import { listSucceeded } from '../../src/generations/read.ts'
import { sql } from '../../src/generations/sql.ts'
import { createTestDatabase, silentLog, type TestDatabase } from '../database.ts'
import { ask } from '../money.ts'

const rowsOfOne = 20_000
const pageSize = 100
/** Tables of a block or two here, which are rightly read whole. */
const tiny = /^(?:account|generation_total|generation_mark)$/
/** Rows of other accounts between them, so that the account's rows are not simply all there are. */
const otherAccounts = 20
const rowsOfOthers = 1_000

let database: TestDatabase
let admin: Db
const accountId = randomUUID()
const parentId = randomUUID()

beforeAll(async () => {
  const why = 'its orders and lines are rows only, made by the thousand'
  database = await createTestDatabase({ brokenBooks: { I4: why, I5: why, I8: why, I9: why } })
  admin = await connectDatabase({
    url: database.adminUrl,
    maxConnections: 1,
    statementTimeoutMs: 60_000,
    prepare: false,
    log: silentLog,
  })
  await fill(accountId, rowsOfOne)
  for (let other = 0; other < otherAccounts; other += 1) await fill(randomUUID(), rowsOfOthers)
  await markLists(database.db)
  for (const table of ['generation', 'generation_tag', 'entry', 'transfer', 'account'])
    await ask(admin, `VACUUM (ANALYZE) ${table}`)
})
afterAll(async () => {
  await admin.close()
  await database.drop()
})

/** Succeeded generations of one account with a usage row each, written in bulk: one second between two of them. */
async function fill(account: string, rows: number): Promise<void> {
  await admin.transaction(async tx => {
    await ask(tx, 'SET LOCAL session_replication_role = replica')
    await ask(tx, 'INSERT INTO account (id, name, available, usage_rows) VALUES ($1, $2, $3::bigint, $3)', [
      account,
      'full',
      rows,
    ])
    await ask(
      tx,
      `INSERT INTO generation (id, account_id, dialect, model, prompt, options, fingerprint, unit_price, count, price,
          captured, state, created_by, deadline, created_at, completed_at, images, manifest_sha256, echo)
        SELECT gen_random_uuid(), $1, 'getimages', 'm', 'a small red boat', '{}', '\\x00', 1, 1, 1, 1, 'succeeded', 'p',
          app_now(), timestamptz '2025-01-01' + n * interval '1 second', app_now(), '[]', '\\x00',
          CASE WHEN n % 10 = 0 THEN jsonb_build_object('parentId', $3::text, 'tags', '{every,tenth}'::text[])
            ELSE jsonb_build_object('tags', '{every}'::text[]) END
        FROM generate_series(1, $2::int) n`,
      [account, rows, parentId],
    )
    await ask(
      tx,
      `INSERT INTO generation_tag
        SELECT account_id, tag, created_at, id FROM generation, jsonb_array_elements_text(echo -> 'tags') tag
        WHERE account_id = $1`,
      [account],
    )
    await ask(tx, `INSERT INTO generation_total VALUES ($1, 'getimages', $2)`, [account, rows])
    await ask(
      tx,
      `WITH t AS (INSERT INTO transfer (kind, account_id, generation_id, created_at)
          SELECT 'grant', $1, NULL, timestamptz '2025-01-01' + n * interval '1 second'
          FROM generate_series(1, $2::int) n RETURNING id, created_at)
        INSERT INTO entry (transfer_id, owner, bucket, unit, amount, seq, balance_after, created_at)
          SELECT id, $1, 'available', 'credit', 1, row_number() OVER (ORDER BY created_at),
            row_number() OVER (ORDER BY created_at), created_at FROM t`,
      [account, rows],
    )
  })
}

type Plan = {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Shared Hit Blocks': number
  'Shared Read Blocks': number
  'Heap Fetches'?: number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: Plan[]
}

/** What the database did for one page, as the service's role, with a generic plan as a prepared statement gets. */
async function explain(statement: Statement, values: readonly unknown[]) {
  return database.db.transaction(async tx => {
    await ask(tx, 'SET LOCAL plan_cache_mode = force_generic_plan')
    await ask(tx, `PREPARE page AS ${statement.text}`)
    const list = values
      .map(value => (Array.isArray(value) ? `{${value.join(',')}}` : value))
      .map(value => (value === null || typeof value === 'number' ? value : `'${value}'`))
      .map(value => value ?? 'NULL')
      .join(', ')
    const rows = await ask<{ 'QUERY PLAN': { Plan: Plan }[] }>(
      tx,
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE page (${list})`,
    )
    await ask(tx, 'DEALLOCATE page')
    const plan = rows[0]?.['QUERY PLAN'][0]?.Plan
    if (!plan) throw new Error('no plan')
    return { nodes: flatten(plan), blocks: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'] }
  })
}

function flatten(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(flatten)]
}

/** No table is scanned that grows, nothing read is thrown away, and no more than the page is sorted. */
function expectFlat(nodes: Plan[]): void {
  const scans = nodes.filter(
    node => node['Node Type'] === 'Seq Scan' && !tiny.test(node['Relation Name'] ?? ''),
  )
  expect(scans).toEqual([])
  for (const node of nodes) {
    const wasted = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
    if (!tiny.test(node['Relation Name'] ?? '')) expect(wasted).toBe(0)
    if (/Sort/.test(node['Node Type']))
      expect(node['Actual Rows'] * node['Actual Loops']).toBeLessThanOrEqual(pageSize)
  }
}

const offsets = [0, 10_000, rowsOfOne - pageSize, rowsOfOne + 5]

test('a page of the usage list costs the same at any depth', async () => {
  const costs: number[] = []
  for (const offset of offsets) {
    const { nodes, blocks } = await explain(creditsSql.usage, [accountId, pageSize, offset])
    expectFlat(nodes)
    costs.push(blocks)
  }
  // The rows of the page and their transfers, a few blocks each, whatever lies before them.
  for (const blocks of costs) expect(blocks).toBeLessThan(pageSize * 8)
})

test('a page of the image list walks its index only, and no further than to the nearest mark', async () => {
  for (const offset of [0, markSpacing - 1, 2 * markSpacing, ...offsets.slice(1)]) {
    const statement = offset < markSpacing ? sql.list : sql.listDeep
    const { nodes, blocks } = await explain(statement, [accountId, 'getimages', pageSize, offset])
    expectFlat(nodes)
    // What lies before the page is counted in the index, a hundred rows to the block, without its rows.
    const walked = nodes.find(
      node => node['Node Type'] === 'Index Only Scan' && node['Relation Name'] === 'generation',
    )
    expect(walked?.['Actual Rows'] ?? 0).toBeLessThan(markSpacing + pageSize)
    if (offset < rowsOfOne) expect(walked?.['Actual Rows']).toBeGreaterThanOrEqual(pageSize)
    expect(walked?.['Heap Fetches'] ?? 0).toBe(0)
    expect(blocks).toBeLessThan(pageSize * 8)
  }
})

/** A filter of the native list, in the order of its parameters from $7 on. */
const filters = (given: Partial<Record<'parent' | 'tag' | 'model' | 'states' | 'text', string>>) => [
  ...[given.parent ?? null, given.tag ?? null, given.model ?? null, given.states ?? null],
  ...[null, null, given.text ?? null],
]

test('a page of the native list walks the index that its filter names, and never further than its bound', async () => {
  const places = [
    [null, null, null],
    [Date.UTC(2025, 0, 1, 2) * 1_000, randomUUID(), null],
  ]
  for (const place of places) {
    for (const [statement, filter] of [
      [sql.listNewest, filters({})],
      [sql.listNewest, filters({ model: 'm' })],
      [sql.listTagged, filters({ tag: 'every' })],
      [sql.listTagged, filters({ tag: 'tenth' })],
      [sql.listChildren, filters({ parent: parentId })],
    ] as const) {
      const { nodes, blocks } = await explain(statement, [
        accountId,
        ...place,
        5_000,
        pageSize + 1,
        ...filter,
      ])
      const shown = `${statement.name} ${JSON.stringify([place, filter])}`
      expectIndexed(nodes, pageSize + 1, shown)
      // Rows are read until the page is full and not beyond.
      expect(blocks, shown).toBeLessThan((pageSize + 1) * 12)
    }
    // What nothing matches ends at the bound.
    for (const filter of [
      filters({ model: 'none' }),
      filters({ text: '%no such words%' }),
      filters({ states: '{failed}' }),
    ]) {
      const walk = 1_000
      const { nodes, blocks } = await explain(sql.listNewest, [
        accountId,
        ...place,
        walk,
        pageSize + 1,
        ...filter,
      ])
      expectIndexed(nodes, walk, JSON.stringify([place, filter]))
      expect(blocks).toBeLessThan(walk * 2)
    }
    const { nodes, blocks } = await explain(sql.endOfNewest, [accountId, ...place, 5_000])
    expectIndexed(nodes, 5_001, 'end')
    expect(blocks).toBeLessThan(500)
  }
})

test('a match behind any number of others is found once by going on, and the list has an end', async () => {
  await ask(
    admin,
    `UPDATE generation SET prompt = 'a Needle' WHERE id = (SELECT id FROM generation WHERE account_id = $1
      ORDER BY created_at LIMIT 1)`,
    [accountId],
  )
  const found: string[] = []
  let cursor: string | null = null
  let pages = 0
  do {
    const at: ReturnType<typeof readCursor> = cursor === null ? null : readCursor(cursor)
    const page = await listGenerations(database.db, accountId, {
      filter: { text: 'needle' },
      limit: 3,
      cursor: at,
    })
    found.push(...page.generations.map(({ prompt }) => prompt))
    cursor = page.nextCursor
    pages += 1
  } while (cursor !== null)
  expect(found).toEqual(['a Needle'])
  expect(pages).toBeLessThanOrEqual(rowsOfOne / 1_000 + 1)
})

/** Every table that grows is met through an index, no more rows than that are read from it, and none are sorted but the page. */
function expectIndexed(nodes: Plan[], mostRows: number, shown: string): void {
  for (const node of nodes) {
    if (node['Relation Name']) expect(node['Node Type'], shown).toMatch(/^Index (?:Only )?Scan$/)
    const read = node['Actual Rows'] * node['Actual Loops'] + (node['Rows Removed by Filter'] ?? 0)
    if (node['Relation Name']) expect(read, shown).toBeLessThanOrEqual(mostRows)
    if (/Sort/.test(node['Node Type'])) expect(node['Actual Rows'], shown).toBeLessThanOrEqual(pageSize + 1)
  }
}

test('every other statement of a request finds its rows by index', async () => {
  const someone = randomUUID()
  for (const [statement, values] of [
    [sql.total, [accountId, 'getimages']],
    [sql.findByIds, [[someone], [accountId]]],
    [sql.findByKeys, [[accountId], ['key']]],
    [creditsSql.wallets, [[accountId]]],
  ] as const) {
    const { nodes, blocks } = await explain(statement, values)
    expectFlat(nodes)
    expect(blocks, statement.name).toBeLessThan(20)
  }
})

test('pages join without gap or repeat, newest first, and know their total', async () => {
  const usage = [0, pageSize, rowsOfOne - pageSize].map(offset =>
    listUsage(database.db, accountId, { limit: pageSize, offset }),
  )
  const [first, second, last] = await Promise.all(usage)
  expect(first?.total).toBe(rowsOfOne)
  expect(first?.rows[0]?.createdAt.getTime()).toBeGreaterThan(first?.rows[1]?.createdAt.getTime() ?? 0)
  expect(second?.rows[0]?.createdAt.getTime()).toBe((first?.rows.at(-1)?.createdAt.getTime() ?? 0) - 1_000)
  expect(last?.rows).toHaveLength(pageSize)
  const beyond = await listUsage(database.db, accountId, { limit: pageSize, offset: rowsOfOne })
  expect(beyond).toEqual({ rows: [], total: rowsOfOne })
  const owner = { accountId, dialect: 'getimages' as const }
  const images = await listSucceeded(database.db, owner, { limit: pageSize, offset: pageSize })
  expect(images.total).toBe(rowsOfOne)
  const times = images.generations.map(each => each.createdAt.getTime())
  expect(times).toEqual([...times].sort((a, b) => b - a))
  expect(new Set(images.generations.map(each => each.id)).size).toBe(pageSize)
  const none = await listSucceeded(database.db, owner, { limit: pageSize, offset: Number.MAX_SAFE_INTEGER })
  expect(none.generations).toEqual([])
})
