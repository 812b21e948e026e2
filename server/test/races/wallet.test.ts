// Races on one wallet, straight at the database functions: whatever arrives at the same time, the outcome is one
// that some serial order of the same calls would give.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adjustCredits, findViolations, findWallet } from '../../src/credits/ledger.ts'
import { sqlStateOf } from '../../src/db/database-error.ts'
import { AppError } from '../../src/errors.ts'
import { isProof, raceCounts } from '../counts.ts'
import { createTestDatabase, type TestDatabase } from '../database.ts'
import { ask, askOne, capture, grant, openAccount, order, refund, release, store } from '../money.ts'

const patienceMs = 600_000
/** As many statements as this run at the same time; L-15 asks for 50 clients. */
const connections = isProof ? 50 : 40

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ maxConnections: connections })
})
afterAll(() => database.drop())

const times = <T>(count: number, make: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)))

/** The SQLSTATE a promise was refused with, or null when it was not. */
async function refusal(work: Promise<unknown>): Promise<string | null> {
  try {
    await work
    return null
  } catch (error) {
    return sqlStateOf(error) ?? String(error)
  }
}

async function usageSum(accountId: string): Promise<{ rows: number; sum: number; seqs: number }> {
  return askOne(
    database.db,
    `SELECT count(*) AS rows, coalesce(sum(amount), 0)::bigint AS sum, coalesce(max(seq), 0) AS seqs
      FROM entry WHERE owner = $1 AND bucket = 'available'`,
    [accountId],
  )
}

describe('a hold', () => {
  test('is never granted beyond the balance', async () => {
    const accountId = await openAccount(database.db, 100)
    const states = await times(200, () => refusal(order(database.db, { accountId, unitPrice: 3 })))
    expect(states.filter(state => state === null)).toHaveLength(33)
    expect(states.filter(state => state === 'DR001')).toHaveLength(167)
    expect(await findWallet(database.db, accountId)).toMatchObject({ available: 1, held: 99 })
    expect(await findViolations(database.db, null)).toEqual([])
  })

  test('and a correction of the balance at the same time never overdraw the wallet', async () => {
    for (let round = 0; round < 10; round += 1) {
      const accountId = await openAccount(database.db, 60)
      const [orders] = await Promise.all([
        times(30, () => refusal(order(database.db, { accountId, unitPrice: 3 }))),
        times(10, index => adjust(accountId, index % 2 === 0 ? -7 : 4, `round ${round} ${index}`)),
      ])
      const wallet = await findWallet(database.db, accountId)
      const held = 3 * orders.filter(state => state === null).length
      expect(wallet?.held).toBe(held)
      expect((wallet?.available ?? 0) - (wallet?.debt ?? 0)).toBe(60 - 5 * 7 + 5 * 4 - held)
      expect(new Set(orders)).not.toContain('40P01')
    }
    expect(await findViolations(database.db, null)).toEqual([])
  })

  test('is refused while there is debt', async () => {
    const accountId = await openAccount(database.db, 10)
    await adjust(accountId, -15, 'chargeback')
    await grant(database.db, accountId, { amount: 4, reference: 'small' })
    expect(await findWallet(database.db, accountId)).toMatchObject({ available: 0, debt: 1 })
    expect(await refusal(order(database.db, { accountId, unitPrice: 1 }))).toBe('DR001')
    await grant(database.db, accountId, { amount: 4, reference: 'enough' })
    expect(await findWallet(database.db, accountId)).toMatchObject({ available: 3, debt: 0 })
    expect(await refusal(order(database.db, { accountId, unitPrice: 1 }))).toBeNull()
    expect(await findViolations(database.db, null)).toEqual([])
  })

  test('a correction is made once however many make it under one reference, and of two amounts one', async () => {
    const accountId = await openAccount(database.db, 60)
    const answers = await times(20, index =>
      adjust(accountId, index % 5 === 0 ? -11 : -7, 'ticket').then(
        ({ adjusted }) => (adjusted ? 'adjusted' : 'repeated'),
        error => (error instanceof AppError ? error.code : String(error)),
      ),
    )
    const count = (answer: string) => answers.filter(each => each === answer).length
    const taken = 60 - ((await findWallet(database.db, accountId))?.available ?? 0)
    expect([7, 11]).toContain(taken)
    const [repeats, others] = taken === 7 ? [15, 4] : [3, 16]
    expect([count('adjusted'), count('repeated'), count('invalid_request')]).toEqual([1, repeats, others])
    expect(await findViolations(database.db, null)).toEqual([])
  })

  const adjust = (accountId: string, amount: number, reference: string) =>
    database.db.transaction(tx => adjustCredits(tx, { accountId, amount, reference, description: 'fix' }))
})

describe('a hold resolves exactly once', () => {
  test('whoever captures and releases it at the same time', async () => {
    const accountId = await openAccount(database.db, 1_000_000)
    for (let round = 0; round < raceCounts.doubleResolutions; round += 1) {
      const { id } = await order(database.db, { accountId, unitPrice: 5, claim: true })
      await store(database.db, id)
      const work = [0, 1, 2, 3, 4, 5, 6, 7].map(index =>
        index % 2 === round % 2 ? capture(database.db, id) : release(database.db, id),
      )
      // None may fail either: the unique index is the last line, and the guards must not lean on it.
      expect((await Promise.all(work)).filter(Boolean)).toHaveLength(1)
      const kinds = await ask<{ kind: string }>(
        database.db,
        `SELECT kind FROM transfer WHERE generation_id = $1 AND kind <> 'hold'`,
        [id],
      )
      expect(kinds).toHaveLength(1)
    }
    expect(await findViolations(database.db, null)).toEqual([])
  })

  test('and the database refuses a second resolution even past every guard', async () => {
    const accountId = await openAccount(database.db, 10)
    const { id } = await order(database.db, { accountId, unitPrice: 5 })
    await release(database.db, id)
    const again = (kind: string) =>
      refusal(
        ask(
          database.db,
          'INSERT INTO transfer (kind, account_id, generation_id, created_at) VALUES ($1, $2, $3, app_now())',
          [kind, accountId, id],
        ),
      )
    expect(await again('capture')).toBe('23505')
    expect(await again('release')).toBe('23505')
    expect(await again('hold')).toBe('23505')
  })
})

describe('a grant', () => {
  test('with one reference is given once, and every repeat is told so', async () => {
    for (let round = 0; round < 10; round += 1) {
      const accountId = await openAccount(database.db, 0)
      const answers = await times(20, () =>
        grant(database.db, accountId, { amount: 7, reference: 'order-1' }),
      )
      expect(answers.filter(answer => answer.granted)).toHaveLength(1)
      expect(answers.every(answer => answer.balance === 7)).toBe(true)
      expect(await findWallet(database.db, accountId)).toMatchObject({ available: 7, usageRows: 1 })
    }
    expect(await findViolations(database.db, null)).toEqual([])
  })

  test('of one payment is given once, whichever accounts ask for it', async () => {
    const accounts = await times(10, () => openAccount(database.db, 0))
    const answers = await Promise.all(
      accounts.map(accountId =>
        askOne<{ granted: boolean; balance: number }>(
          database.db,
          `SELECT * FROM grant_credits($1, 50, 'stripe_clearing', NULL, 'pi_1', 'pack')`,
          [accountId],
        ),
      ),
    )
    expect(answers.filter(answer => answer.granted)).toHaveLength(1)
    const wallets = await Promise.all(accounts.map(accountId => findWallet(database.db, accountId)))
    expect(wallets.map(wallet => wallet?.available).sort()).toEqual([...Array(9).fill(0), 50])
    expect(await findViolations(database.db, null)).toEqual([])
  })

  test('with different references is given as often as there are references', async () => {
    const accountId = await openAccount(database.db, 0)
    await times(30, index => grant(database.db, accountId, { amount: 2, reference: `gift-${index}` }))
    expect(await findWallet(database.db, accountId)).toMatchObject({ available: 60, usageRows: 30 })
    expect(await findViolations(database.db, null)).toEqual([])
  })
})

describe('a refund', () => {
  test('is given once and never above what was captured', async () => {
    const accountId = await openAccount(database.db, 20)
    const { id } = await order(database.db, { accountId, unitPrice: 5, count: 2, claim: true })
    await store(database.db, id)
    await capture(database.db, id, { delivered: 1 })
    expect(await refusal(refund(database.db, id, 6))).toBe('DR015')
    expect(await refusal(refund(database.db, id, 0))).toBe('DR015')
    const answers = await times(8, () => refusal(refund(database.db, id, 5)))
    expect(answers.filter(state => state === null)).toHaveLength(1)
    expect(answers.filter(state => state === 'DR015')).toHaveLength(7)
    expect(await findWallet(database.db, accountId)).toMatchObject({ available: 20, held: 0 })
    expect(await findViolations(database.db, null)).toEqual([])
  })

  test('needs a capture', async () => {
    const accountId = await openAccount(database.db, 20)
    const { id } = await order(database.db, { accountId, unitPrice: 5 })
    expect(await refusal(refund(database.db, id, 5))).toBe('DR015')
    await release(database.db, id)
    expect(await refusal(refund(database.db, id, 5))).toBe('DR015')
  })
})

describe('settlements and orders that share slots', () => {
  test('never wait for each other in a circle', async () => {
    const accountId = await openAccount(database.db, 1_000_000)
    // In the order of the service's code, which a database's own collation need not share.
    const slots = ['B', 'a'].map(scope => ({ scope, cap: 1_000 }))
    const first = await times(30, () => order(database.db, { accountId, unitPrice: 1, slots }))
    const states = await Promise.all([
      ...first.map(({ id }) => refusal(release(database.db, id))),
      ...first.map(() => refusal(order(database.db, { accountId, unitPrice: 1, slots }))),
    ])
    expect(states.filter(state => state !== null)).toEqual([])
    expect(await findViolations(database.db, null)).toEqual([])
  })
})

test('the usage list sums to the balance in every snapshot while everything moves', async () => {
  const accountId = await openAccount(database.db, 500)
  let moving = true
  const watch = (async () => {
    let looks = 0
    while (moving) {
      const { differs } = await askOne<{ differs: boolean }>(
        database.db,
        `SELECT a.available <> coalesce(sum(e.amount), 0) OR a.usage_rows <> count(e.seq)
            OR a.usage_rows <> coalesce(max(e.seq), 0) AS differs
          FROM account a LEFT JOIN entry e ON e.owner = a.id AND e.seq IS NOT NULL
          WHERE a.id = $1 GROUP BY a.id`,
        [accountId],
      )
      expect(differs).toBe(false)
      looks += 1
    }
    return looks
  })()
  await times(25, async index => {
    for (let step = 0; step < 6; step += 1) {
      const claim = (index + step) % 2 === 0
      const { id } = await order(database.db, { accountId, unitPrice: 2, count: 2, claim })
      if (claim) await store(database.db, id)
      await (claim ? capture(database.db, id, { delivered: 1 + (step % 2) }) : release(database.db, id))
      await grant(database.db, accountId, { amount: 1, reference: `${index}-${step}` })
    }
  })
  moving = false
  expect(await watch).toBeGreaterThan(2)
  const wallet = await findWallet(database.db, accountId)
  expect(await usageSum(accountId)).toEqual({
    rows: wallet?.usageRows,
    sum: wallet?.available,
    seqs: wallet?.usageRows,
  })
  expect(await findViolations(database.db, null)).toEqual([])
})

test(
  'one hot account takes holds side by side without a deadlock',
  async () => {
    const accountId = await openAccount(database.db, 100_000_000)
    const until = performance.now() + raceCounts.hotAccountSeconds * 1_000
    const failures: string[] = []
    const latencies: number[] = []
    await times(connections, async () => {
      while (performance.now() < until) {
        const beganAt = performance.now()
        const state = await refusal(order(database.db, { accountId, unitPrice: 1 }))
        latencies.push(performance.now() - beganAt)
        if (state !== null) failures.push(state)
      }
    })
    expect(failures).toEqual([])
    const perSecond = latencies.length / raceCounts.hotAccountSeconds
    latencies.sort((a, b) => a - b)
    const p99 = latencies[Math.floor(latencies.length * 0.99)] ?? Number.POSITIVE_INFINITY
    expect(perSecond).toBeGreaterThan(isProof ? 300 : 2)
    expect(p99).toBeLessThan(isProof ? 500 : 20_000)
    expect(await findViolations(database.db, null)).toEqual([])
  },
  patienceMs,
)
