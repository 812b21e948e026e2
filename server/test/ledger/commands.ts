// What the model test may do next: each command does it to the paper ledger and to the database, and the two must
// give the same answer. Commands choose generations by number, so that a shrunk sequence stays meaningful.
import fc from 'fast-check'
import { adjustCredits, listUsage } from '../../src/credits/ledger.ts'
import { sqlStateOf } from '../../src/db/database-error.ts'
import type { Db } from '../../src/db/db.ts'
import { AppError } from '../../src/errors.ts'
import { capture, grant, order, refund, release, store } from '../money.ts'
import {
  adjustOnPaper,
  grantOnPaper,
  isOpen,
  type Job,
  type Ledger,
  orderOnPaper,
  refundOnPaper,
  refusalOnPaper,
  settleOnPaper,
  slotCap,
} from './model.ts'

export type Real = {
  db: Db
  accountId: string
  slotScope: string
  /** Compares everything after a command. */
  check(model: Ledger): Promise<void>
}

type Command = fc.AsyncCommand<Ledger, Real>

function command(name: string, run: (model: Ledger, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    async run(model, real) {
      await run(model, real)
      await real.check(model)
    },
    toString: () => name,
  }
}

/** For commands on a generation: none is chosen while there is none. */
function onJob(
  name: string,
  nth: number,
  run: (job: Job, model: Ledger, real: Real) => Promise<void>,
): Command {
  return {
    check: model => model.jobs.length > 0,
    async run(model, real) {
      const job = model.jobs[nth % model.jobs.length]
      if (!job) throw new Error('no generation to choose')
      await run(job, model, real)
      await real.check(model)
    },
    toString: () => `${name} of generation ${nth}`,
  }
}

function expectSame(what: string, real: unknown, model: unknown): void {
  if (real === model) return
  throw new Error(`${what}: the database says ${String(real)}, the paper says ${String(model)}`)
}

const toState = (work: Promise<unknown>) =>
  work.then(
    () => null,
    error => sqlStateOf(error) ?? String(error),
  )

async function expectRefusal(work: Promise<unknown>): Promise<void> {
  const refusal = await work.then(
    () => 'none',
    error => (error instanceof AppError ? error.code : String(error)),
  )
  expectSame('refusal', refusal, 'invalid_request')
}

/** Few amounts and references, so that some commands repeat an earlier one, and some name one of another amount. */
const grants = fc
  .record({ amount: fc.constantFrom(1, 7, 20, 45, 60), nth: fc.nat(11) })
  .map(({ amount, nth }) =>
    command(`grant ${amount} as gift-${nth}`, async (model, real) => {
      const reference = `gift-${nth}`
      const work = grant(real.db, real.accountId, { amount, reference })
      const expected = grantOnPaper(model, amount, reference)
      if (expected === 'refused') return expectRefusal(work)
      const answer = await work
      expectSame('granted', answer.granted, expected === 'granted')
      expectSame('balance told', answer.balance, model.available)
    }),
  )

/** A few amounts, and references that grants have, too, so that some commands repeat an earlier one. */
const adjustments = fc
  .record({ amount: fc.constantFrom(-60, -35, -20, -7, -1, 2, 11, 30), nth: fc.nat(8) })
  .map(({ amount, nth }) =>
    command(`adjust ${amount} as gift-${nth}`, async (model, real) => {
      const reference = `gift-${nth}`
      const adjustment = { accountId: real.accountId, amount, reference, description: 'a correction' }
      const work = real.db.transaction(tx => adjustCredits(tx, adjustment))
      const expected = adjustOnPaper(model, amount, reference)
      if (expected === 'refused') return expectRefusal(work)
      const answer = await work
      expectSame('adjusted', answer.adjusted, expected === 'adjusted')
      expectSame('balance told', answer.balance, model.available)
      expectSame('debt told', answer.debt, model.debt)
    }),
  )

const orders = fc
  .record({
    unitPrice: fc.nat(9),
    count: fc.integer({ min: 1, max: 4 }),
    key: fc.option(fc.nat(7), { nil: null }),
    claim: fc.boolean(),
    usesSlot: fc.boolean(),
  })
  .map(({ unitPrice, count, key, claim, usesSlot }) =>
    command(
      `order ${count} × ${unitPrice} key ${key} ${claim ? 'claimed' : 'queued'}`,
      async (model, real) => {
        const idempotencyKey = key === null ? undefined : `key-${key}`
        const known = idempotencyKey === undefined ? undefined : model.keys.get(idempotencyKey)
        const slots = usesSlot ? [{ scope: real.slotScope, cap: slotCap }] : []
        const input = { accountId: real.accountId, unitPrice, count, claim, slots }
        const work = order(real.db, { ...input, ...(idempotencyKey ? { idempotencyKey } : {}) })
        if (known !== undefined) {
          const replay = await work
          expectSame('a replay creates', replay.created, false)
          expectSame('a replay shows', replay.id, known)
          return
        }
        const refusal = refusalOnPaper(model, unitPrice * count, usesSlot)
        if (refusal !== null) {
          expectSame('refusal', await toState(work), { slot: 'DR002', credits: 'DR001' }[refusal])
          return
        }
        const made = await work
        const state = claim ? ('running' as const) : ('queued' as const)
        orderOnPaper(model, {
          id: made.id,
          unitPrice,
          count,
          state,
          captured: 0,
          isRefunded: false,
          usesSlot,
        })
        if (idempotencyKey !== undefined) model.keys.set(idempotencyKey, made.id)
        expectSame('balance told', made.available, model.available)
      },
    ),
  )

const captures = fc
  .record({ nth: fc.nat(30), delivered: fc.integer({ min: 1, max: 5 }) })
  .map(({ nth, delivered }) =>
    onJob(`capture ${delivered}`, nth, async (job, model, { db }) => {
      const isRunning = job.state === 'running'
      expectSame('stored', await store(db, job.id), isRunning)
      expectSame('captured', await capture(db, job.id, { delivered }), isRunning)
      if (isRunning) settleOnPaper(model, job, { state: 'succeeded', delivered })
    }),
  )

const lossUsdMicro = 40_000

const releases = fc
  .record({
    nth: fc.nat(30),
    state: fc.constantFrom('failed' as const, 'blocked' as const),
    isLoss: fc.boolean(),
  })
  .map(({ nth, state, isLoss }) =>
    onJob(`release as ${state}`, nth, async (job, model, { db }) => {
      const wasOpen = isOpen(job)
      const end = { state, lossUsdMicro: isLoss ? lossUsdMicro : 0 }
      expectSame('released', await release(db, job.id, end), wasOpen)
      if (!wasOpen) return
      settleOnPaper(model, job, { state, delivered: 0 })
      if (isLoss) model.operatorLoss += lossUsdMicro
    }),
  )

const cancels = fc.nat(30).map(nth =>
  onJob('cancel', nth, async (job, model, { db }) => {
    const wasQueued = job.state === 'queued'
    expectSame('canceled', await release(db, job.id, { state: 'canceled', from: ['queued'] }), wasQueued)
    if (wasQueued) settleOnPaper(model, job, { state: 'canceled', delivered: 0 })
  }),
)

const refunds = fc.record({ nth: fc.nat(30), amount: fc.nat(20) }).map(({ nth, amount }) =>
  onJob(`refund ${amount}`, nth, async (job, model, { db }) => {
    const state = await toState(refund(db, job.id, amount))
    expectSame('refund', state, refundOnPaper(model, job, amount) ? null : 'DR015')
  }),
)

const reads = fc
  .record({ limit: fc.integer({ min: 1, max: 20 }), offset: fc.nat(80) })
  .map(({ limit, offset }) =>
    command(`read ${limit} lines from ${offset}`, async (model, { db, accountId }) => {
      const { rows, total } = await listUsage(db, accountId, { limit, offset })
      const shown = rows.map(({ amount, kind, referenceId }) => ({ amount, kind, reference: referenceId }))
      const wanted = [...model.lines].reverse().slice(offset, offset + limit)
      expectSame('page', JSON.stringify(shown), JSON.stringify(wanted))
      expectSame('total', total, model.lines.length)
    }),
  )

/** Sequences of at most 60 commands; orders are twice as likely, because the others need them. */
export const sequences = fc.commands(
  [grants, adjustments, orders, orders, captures, releases, cancels, refunds, reads],
  { maxCommands: 60, size: 'max' },
)
