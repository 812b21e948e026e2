// The ledger in the database equals a ledger on paper after every command, for random sequences of everything
// that may happen to a wallet. A failure prints its seed; SEED=… runs the same sequences again.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findViolations, findWallet, listUsage } from '../src/credits/ledger.ts'
import { connectDatabase } from '../src/db/connect.ts'
import type { Db } from '../src/db/db.ts'
import { isProof, raceCounts } from './counts.ts'
import { createTestDatabase, silentLog, type TestDatabase } from './database.ts'
import { type Real, sequences } from './ledger/commands.ts'
import { type Ledger, newLedger, slotsInUse } from './ledger/model.ts'
import { ask, openAccount, wipe } from './money.ts'

let database: TestDatabase
let superuser: Db

beforeAll(async () => {
  database = await createTestDatabase({ maxConnections: 4 })
  superuser = await connectDatabase({
    url: database.adminUrl,
    maxConnections: 1,
    statementTimeoutMs: 30_000,
    prepare: false,
    log: silentLog,
  })
})
afterAll(async () => {
  await superuser.close()
  await database.drop()
})

/** Everything the database shows of the account and of the system's books. */
async function readReal(db: Db, { accountId, slotScope }: Pick<Real, 'accountId' | 'slotScope'>) {
  const [wallet, usage, violations, books, jobs, slots] = await Promise.all([
    findWallet(db, accountId),
    listUsage(db, accountId, { limit: 1_000, offset: 0 }),
    findViolations(db, null),
    ask<{ bucket: string; total: number }>(
      db,
      `SELECT bucket, sum(amount)::bigint AS total FROM entry WHERE owner = system_owner() GROUP BY bucket`,
    ),
    ask<{ id: string; state: string; captured: number }>(
      db,
      `SELECT id, CASE state WHEN 'dispatching' THEN 'running' ELSE state END AS state, captured
        FROM generation ORDER BY id`,
    ),
    ask<{ in_flight: number }>(db, 'SELECT in_flight FROM slot WHERE scope = $1', [slotScope]),
  ])
  const book = (bucket: string) => books.find(each => each.bucket === bucket)?.total ?? 0
  return {
    violations,
    wallet,
    lines: usage.rows.map(row => ({ amount: row.amount, kind: row.kind, reference: row.referenceId })),
    jobs,
    inFlight: slots[0]?.in_flight ?? 0,
    books: {
      revenue: book('revenue'),
      promo: book('promo'),
      adjustments: book('adjustments'),
      operatorLoss: book('operator_loss'),
    },
  }
}

function readPaper(model: Ledger) {
  const { available, held, debt, lines, revenue, promo, adjustments, operatorLoss } = model
  return {
    violations: [],
    wallet: { available, held, debt, usageRows: lines.length },
    lines: [...lines].reverse(),
    jobs: model.jobs
      .map(({ id, state, captured }) => ({ id, state, captured }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    inFlight: slotsInUse(model),
    books: { revenue, promo, adjustments, operatorLoss },
  }
}

async function setUp(): Promise<{ model: Ledger; real: Real }> {
  await wipe(superuser)
  const accountId = await openAccount(database.db, 0)
  const where = { accountId, slotScope: `native:${accountId}` }
  const check = async (model: Ledger) => expect(await readReal(database.db, where)).toEqual(readPaper(model))
  return { model: newLedger(), real: { db: database.db, ...where, check } }
}

test(
  'the ledger equals a ledger on paper after every command',
  async () => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
    console.info(`ledger model: SEED=${seed}`)
    let commands = 0
    await fc.assert(
      fc.asyncProperty(sequences, async sequence => {
        const { model, real } = await setUp()
        await fc.asyncModelRun(() => ({ model, real }), sequence)
        commands += [...sequence].length
      }),
      {
        numRuns: raceCounts.modelSequences,
        seed,
        includeErrorInReport: true,
        endOnFailure: process.env.MUTANT !== undefined,
      },
    )
    // Sequences that stay short would prove nothing.
    expect(commands).toBeGreaterThan(raceCounts.modelSequences * 10)
  },
  isProof ? 7_200_000 : 300_000,
)
