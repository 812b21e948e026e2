// Every order of the awaits of taking, claiming, settling, canceling, reaping and timing out is harmless: after
// each single statement the invariants hold, and in the end each order is resolved once. A failure prints the
// schedule; SEED=… runs the same ones again.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findViolations, findWallet } from '../../src/credits/ledger.ts'
import { assertNoTransaction, connectDatabase } from '../../src/db/connect.ts'
import type { Db } from '../../src/db/db.ts'
import { AppError } from '../../src/errors.ts'
import { createBreaker } from '../../src/generations/breaker.ts'
import { cancelGeneration } from '../../src/generations/cancel.ts'
import { createGeneration } from '../../src/generations/create.ts'
import { fingerprintOf } from '../../src/generations/fingerprint.ts'
import { settleReleased, settleSucceeded } from '../../src/generations/finish.ts'
import { createFreshImages } from '../../src/generations/fresh.ts'
import { createBreakerEvents, createGenerationEvents } from '../../src/generations/observe.ts'
import { createPartialBus } from '../../src/generations/partials.ts'
import { createQueueSample } from '../../src/generations/queue.ts'
import { createRedact } from '../../src/generations/redaction.ts'
import type { Runner } from '../../src/generations/runner.ts'
import { createSettledBus } from '../../src/generations/settled.ts'
import { type GenerationRow, sql, toGeneration } from '../../src/generations/sql.ts'
import { sweepDeadlines } from '../../src/generations/sweep.ts'
import { createLog } from '../../src/log.ts'
import { noOptions } from '../../src/models/options.ts'
import { createOutbound } from '../../src/outbound.ts'
import { openStorage } from '../../src/storage/open.ts'
import { watchStorage } from '../../src/storage/watch.ts'
import { createMetrics } from '../../src/telemetry.ts'
import { isProof, raceCounts } from '../counts.ts'
import { createTestDatabase, silentLog, type TestDatabase } from '../database.ts'
import { ask, openAccount, store, wipe } from '../money.ts'
import { noInputs, noModeration } from '../no-intake.ts'
import { openCatalog } from '../shipped-catalog.ts'
import { interleave } from './interleave.ts'

const noOwnKeys = {
  isOn: false,
  names: () => [],
  fee: { percent: 0 },
  list: async () => [],
  find: async () => null,
  providerWith: () => null,
}

const folder = mkdtempSync(join(tmpdir(), 'darkroom-schedules-'))
const log = createLog({ level: 'silent', logPrompts: false })
const metrics = createMetrics()
const http = createOutbound({ allow: [], configuredOrigins: [], log, assertNoTransaction })
const model = 'openai:gpt-image-1.5'
const price = 3

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
  await http.close()
  await database.drop()
  rmSync(folder, { recursive: true, force: true })
})

/** Work is done by the actors of the test, so this process has never room. */
const noRunner: Runner = {
  start: () => undefined,
  fill: async () => undefined,
  sweep: async () => undefined,
  reserve: () => null,
  runs: () => false,
  running: () => 0,
  draining: () => false,
  renewLeases: async () => undefined,
  poll: async () => undefined,
  stop: async () => undefined,
}

/** What the functions under test take, over an actor's database. */
function needsOf(db: Db, processName: string) {
  return {
    db,
    catalog: openCatalog(),
    // No upstream is asked: the actors say what became of the work.
    providers: new Map(),
    storage: watchStorage(openStorage(`file:${folder}`, { assertNoTransaction }), {
      log,
      noteMissing: () => undefined,
    }),
    http,
    fresh: createFreshImages(() => false),
    redact: createRedact([]),
    settled: createSettledBus(),
    partials: createPartialBus(log),
    events: createGenerationEvents(log, metrics),
    queue: createQueueSample({ db, metrics, elapsedMs: () => performance.now() }, 1_000),
    breaker: createBreaker(createBreakerEvents(log, metrics)),
    runner: noRunner,
    inputs: noInputs,
    moderation: noModeration,
    now: () => new Date(),
    attemptHeaders: () => ({}),
    hooks: { urlOf: () => null },
    inputLinks: { urlOf: () => null },
    random: Math.random,
    processName,
    leaseMs: 60_000,
    isSandbox: () => false,
    ownKeys: noOwnKeys,
  }
}

type Scene = {
  accountId: string
  /** The deadline has passed as soon as the order is taken. */
  isLate: boolean
  /** What each creator got: an id, or the code of its refusal. */
  taken: Map<string, string>
}

function creator(name: string, idempotencyKey: string | null, scene: Scene) {
  return async (db: Db) => {
    const { accountId } = scene
    const body = { model, prompt: 'a small red boat' }
    try {
      const { generation } = await createGeneration(needsOf(db, name), {
        accountId,
        apiKeyId: null,
        dialect: 'native',
        modelId: model,
        prompt: body.prompt,
        options: noOptions,
        echo: {},
        inputs: null,
        idempotencyKey,
        fingerprint: fingerprintOf({ method: 'POST', route: '/g', accountId, body }),
        deadlineMs: scene.isLate ? 0 : 60_000,
        slots: [{ scope: `native:${accountId}`, cap: 2 }],
        spendCaps: [],
        allowedModels: null,
      })
      scene.taken.set(name, generation.id)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      scene.taken.set(name, error.code)
    }
  }
}

/** Looks that often for something to do: the others may not have come so far. */
const looks = 3

/** Claims and delivers; `leaseMs` 0 = it is taken for dead as soon as it has claimed. */
function worker(name: string, leaseMs: number) {
  return async (db: Db) => {
    const needs = needsOf(db, name)
    for (let look = 0; look < looks; look += 1) {
      const values = [name, leaseMs, 1, '00000000-0000-0000-0000-000000000000']
      for (const row of await db.query<GenerationRow>(sql.claimQueued, values)) {
        const begun = await db.query<{ n: number | null }>(sql.beginAttempt, [
          row.id,
          row.epoch,
          'p',
          'm',
          1,
          40_000,
          null,
        ])
        if (!begun[0]?.n || !(await store(db, row.id, row.epoch))) continue
        const image = {
          index: 0,
          key: 'k',
          mediaType: 'image/png',
          sizeBytes: 1,
          sha256: '',
          width: 1,
          height: 1,
        }
        const success = {
          ...{ images: [image], manifestSha256: 'ab', warnings: [], lossUsdMicro: 0 },
          provider: 'test-provider',
        }
        if (await settleSucceeded(needs, toGeneration(row), success)) await expectOwn(db, row)
      }
    }
  }
}

/** Whoever settled was the last to claim: a worker that was taken for dead must have lost. */
async function expectOwn(db: Db, claimed: GenerationRow): Promise<void> {
  const [row] = await ask<{ epoch: number }>(db, 'SELECT epoch FROM generation WHERE id = $1', [claimed.id])
  expect(row?.epoch).toBe(claimed.epoch)
}

/** Takes over from workers it holds for dead, and gives the hold back. */
function reaper(name: string) {
  return async (db: Db) => {
    const needs = needsOf(db, name)
    for (let look = 0; look < looks; look += 1) {
      for (const row of await db.query<GenerationRow>(sql.claimReconciling, [name, 0, 5, []])) {
        const isEnded = await settleReleased(needs, toGeneration(row), {
          from: ['reconciling'],
          state: 'failed',
          reason: 'unknown_outcome',
          attemptState: 'unknown',
          failure: 'unknown_outcome',
          message: null,
          lossUsdMicro: 40_000,
          provider: 'test-provider',
          epoch: row.epoch,
        })
        if (isEnded) await expectOwn(db, row)
      }
    }
  }
}

function canceler(scene: Scene) {
  return async (db: Db) => {
    for (let look = 0; look < looks; look += 1) {
      const rows = await ask<{ id: string }>(db, 'SELECT id FROM generation WHERE account_id = $1', [
        scene.accountId,
      ])
      for (const { id } of rows) await cancelGeneration(needsOf(db, 'canceler'), scene.accountId, id)
    }
  }
}

async function sweeper(db: Db): Promise<void> {
  for (let look = 0; look < looks; look += 1) await sweepDeadlines(needsOf(db, 'sweeper'))
}

/** Credits for one of the two orders only, so that they race for the money too. */
async function play(choose: (count: number) => number, isLate: boolean): Promise<void> {
  await wipe(superuser)
  const scene: Scene = { accountId: await openAccount(database.db, price + 1), isLate, taken: new Map() }
  const key = randomUUID()
  await interleave({
    db: database.db,
    actors: [
      creator('first', key, scene),
      creator('second', key, scene),
      creator('keyless', null, scene),
      worker('quick', 60_000),
      worker('dying', 0),
      reaper('reaper'),
      reaper('rival'),
      canceler(scene),
      sweeper,
    ],
    choose,
    afterStep: async () => expect(await findViolations(database.db, null)).toEqual([]),
  })
  await judge(scene)
}

async function judge({ accountId, taken }: Scene): Promise<void> {
  const rows = await ask<{ id: string; state: string; captured: number; price: number }>(
    database.db,
    'SELECT id, state, captured, price FROM generation WHERE account_id = $1',
    [accountId],
  )
  const told = new Set([...taken.values()].filter(each => each !== 'insufficient_credits'))
  expect(new Set(rows.map(row => row.id))).toEqual(told)
  const keyed = [taken.get('first'), taken.get('second')].filter(each => each !== 'insufficient_credits')
  expect(new Set(keyed).size).toBeLessThanOrEqual(1)
  const held = rows.filter(row => !['succeeded', 'failed', 'canceled'].includes(row.state))
  const captured = rows.reduce((sum, row) => sum + row.captured, 0)
  expect(await findWallet(database.db, accountId)).toMatchObject({
    available: price + 1 - captured - held.length * price,
    held: held.length * price,
    debt: 0,
  })
  for (const { state } of rows) ends.set(state, (ends.get(state) ?? 0) + 1)
}

/** How often the schedules led to each state: a run that sees only one of them proves little. */
const ends = new Map<string, number>()

test(
  'every interleaving of taking, settling, canceling and reaping keeps the books',
  async () => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
    console.info(`schedules: SEED=${seed}`)
    const picks = fc.array(fc.nat(10_000), { minLength: 120, maxLength: 120 })
    await fc.assert(
      fc.asyncProperty(picks, fc.boolean(), async (numbers, isLate) => {
        let at = 0
        const choose = (count: number) => (numbers[at++ % numbers.length] ?? 0) % count
        await play(choose, isLate)
      }),
      {
        numRuns: raceCounts.schedules,
        seed,
        includeErrorInReport: true,
        endOnFailure: process.env.MUTANT !== undefined,
      },
    )
    console.info(`schedules: ended as ${JSON.stringify(Object.fromEntries(ends))}`)
    for (const state of ['succeeded', 'failed', 'canceled']) expect(ends.get(state), state).toBeGreaterThan(5)
  },
  isProof ? 7_200_000 : 600_000,
)
