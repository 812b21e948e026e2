// The invariant check must be able to see: each rule is broken by hand, as only a superuser can, and must then be
// reported, alone, both by the full check and by the one that looks at recent accounts only.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adjustCredits, findViolations } from '../../src/credits/ledger.ts'
import { connectDatabase, sqlStateOf } from '../../src/db/connect.ts'
import type { Db, Tx } from '../../src/db/db.ts'
import { createTestDatabase, silentLog, type TestDatabase } from '../database.ts'
import { ask, askOne, capture, grant, openAccount, order, refund, release, store } from '../money.ts'

const system = '00000000-0000-0000-0000-000000000000'

type World = {
  accountId: string
  /** Generations by what became of them. */
  delivered: string
  partly: string
  free: string
  failed: string
  canceled: string
  queued: string
  running: string
}

let database: TestDatabase
let admin: Db
let world: World

beforeAll(async () => {
  database = await createTestDatabase()
  admin = await connectDatabase({
    url: database.adminUrl,
    maxConnections: 2,
    statementTimeoutMs: 30_000,
    prepare: false,
    log: silentLog,
  })
  world = await build(database.db)
})
afterAll(async () => {
  await admin.close()
  await database.drop()
})

/** A little of everything that may happen to an account. */
async function build(db: Db): Promise<World> {
  const accountId = await openAccount(db, 100)
  const slots = [{ scope: 'native:key', cap: 9 }]
  const finished = async (unitPrice: number, delivered: number) => {
    const { id } = await order(db, { accountId, unitPrice, count: 2, claim: true, slots })
    await store(db, id)
    await capture(db, id, { delivered })
    return id
  }
  const ended = async (state: 'failed' | 'canceled') => {
    const { id } = await order(db, { accountId, unitPrice: 5, claim: state === 'failed', slots })
    await release(db, id, { state, lossUsdMicro: state === 'failed' ? 40_000 : 0 })
    return id
  }
  const made = {
    delivered: await finished(5, 2),
    partly: await finished(5, 1),
    free: await finished(0, 2),
    failed: await ended('failed'),
    canceled: await ended('canceled'),
    queued: (await order(db, { accountId, unitPrice: 3 })).id,
    running: (await order(db, { accountId, unitPrice: 4, claim: true, slots })).id,
  }
  await refund(db, made.delivered, 10)
  await db.transaction(tx =>
    adjustCredits(tx, { accountId, amount: -2, reference: 'fix', description: 'a correction' }),
  )
  await grant(db, accountId, { amount: 7, reference: 'gift' })
  return { accountId, ...made }
}

type Corruption = {
  rule: string
  what: string
  /** The full check alone can see it; the recent one looks at generations and at the newest usage rows. */
  nightlyOnly?: boolean
  corrupt(tx: Tx, world: World): Promise<unknown>
}

const change = (text: string, pick: (world: World) => unknown[]) => (tx: Tx, world: World) =>
  ask(tx, text, pick(world))

/** One more transfer with the given entries, the wallet moved along with those of the account. */
function writeTransfer(
  kind: string,
  entries: [owner: 'account' | 'system', bucket: string, amount: number][],
) {
  return async (tx: Tx, { accountId }: World) => {
    const moved = (bucket: string) =>
      entries.reduce(
        (sum, [owner, name, amount]) => (owner === 'account' && name === bucket ? sum + amount : sum),
        0,
      )
    const wallet = await askOne<{ available: number; usage_rows: number }>(
      tx,
      `UPDATE account SET available = available + $2, held = held + $3, debt = debt - $4,
          usage_rows = usage_rows + ($2::bigint <> 0)::int, touched_at = app_now()
        WHERE id = $1 RETURNING available, usage_rows`,
      [accountId, moved('available'), moved('held'), moved('debt')],
    )
    const { id } = await askOne<{ id: string }>(
      tx,
      'INSERT INTO transfer (kind, account_id, created_at) VALUES ($1, $2, app_now()) RETURNING id',
      [kind, accountId],
    )
    for (const [owner, bucket, amount] of entries) {
      const isUsage = bucket === 'available'
      await ask(
        tx,
        `INSERT INTO entry (transfer_id, owner, bucket, unit, amount, seq, balance_after, created_at)
          VALUES ($1, $2, $3, 'credit', $4, $5, $6, app_now())`,
        [
          id,
          owner === 'account' ? accountId : system,
          bucket,
          amount,
          isUsage ? wallet.usage_rows : null,
          isUsage ? wallet.available : null,
        ],
      )
    }
  }
}

const corruptions: Corruption[] = [
  {
    rule: 'I1',
    what: 'a balance that its entries do not explain',
    corrupt: change('UPDATE account SET available = available + 1 WHERE id = $1', w => [w.accountId]),
  },
  {
    rule: 'I1',
    what: 'a debt that its entries do not explain',
    nightlyOnly: true,
    corrupt: change('UPDATE account SET debt = debt + 1 WHERE id = $1', w => [w.accountId]),
  },
  {
    rule: 'I1',
    what: 'a usage row whose amount was changed',
    corrupt: change(
      `UPDATE entry SET amount = amount + CASE bucket WHEN 'available' THEN 1 ELSE -1 END
        WHERE transfer_id = (SELECT id FROM transfer WHERE reference = 'gift')`,
      () => [],
    ),
  },
  {
    rule: 'I1',
    what: 'a usage row that was removed with its transfer',
    corrupt: async (tx, { accountId }) => {
      const [row] = await ask<{ transfer_id: string }>(
        tx,
        'DELETE FROM entry WHERE owner = $1 AND seq = 3 RETURNING transfer_id',
        [accountId],
      )
      await ask(tx, 'DELETE FROM entry WHERE transfer_id = $1', [row?.transfer_id])
    },
  },
  {
    rule: 'I1',
    what: 'a usage row beyond the last one counted',
    corrupt: change('UPDATE account SET usage_rows = usage_rows - 1 WHERE id = $1', w => [w.accountId]),
  },
  {
    rule: 'I2',
    what: 'a balance below zero that the ledger agrees with',
    corrupt: async (tx, all) => {
      await ask(tx, 'ALTER TABLE account ALTER available TYPE bigint')
      const take = 200
      await writeTransfer('adjustment', [
        ['account', 'available', -take],
        ['system', 'adjustments', take],
      ])(tx, all)
    },
  },
  {
    rule: 'I3',
    what: 'held credits that belong to no open hold',
    corrupt: writeTransfer('adjustment', [
      ['account', 'held', 5],
      ['system', 'adjustments', -5],
    ]),
  },
  {
    rule: 'I4',
    what: 'an ended generation without a resolution',
    corrupt: change(`DELETE FROM transfer WHERE generation_id = $1 AND kind = 'capture'`, w => [w.free]),
  },
  {
    rule: 'I4',
    what: 'an open generation with a resolution',
    corrupt: change(
      `INSERT INTO transfer (kind, account_id, generation_id, created_at) VALUES ('release', $1, $2, app_now())`,
      w => [w.accountId, w.queued],
    ),
  },
  {
    rule: 'I4',
    what: 'a generation resolved twice',
    corrupt: async (tx, { accountId, free }) => {
      await ask(tx, 'DROP INDEX transfer_one_resolution')
      await ask(
        tx,
        `INSERT INTO transfer (kind, account_id, generation_id, created_at) VALUES ('release', $1, $2, app_now())`,
        [accountId, free],
      )
    },
  },
  {
    rule: 'I4',
    what: 'a generation without a hold',
    corrupt: change(`DELETE FROM transfer WHERE generation_id = $1 AND kind = 'hold'`, w => [w.free]),
  },
  {
    rule: 'I5',
    what: 'a success without a manifest',
    corrupt: change('UPDATE generation SET manifest_sha256 = NULL WHERE id = $1', w => [w.partly]),
  },
  {
    rule: 'I5',
    what: 'a failure with a manifest',
    corrupt: change(`UPDATE generation SET manifest_sha256 = '\\x00' WHERE id = $1`, w => [w.failed]),
  },
  {
    rule: 'I5',
    what: 'a captured amount that its transfer does not show',
    corrupt: change('UPDATE generation SET captured = 10 WHERE id = $1', w => [w.partly]),
  },
  {
    rule: 'I6',
    what: 'a hold open long after its deadline',
    corrupt: change(`UPDATE generation SET deadline = app_now() - interval '71 seconds' WHERE id = $1`, w => [
      w.queued,
    ]),
  },
  {
    rule: 'I7',
    what: 'a slot that counts too many',
    corrupt: change(`UPDATE slot SET in_flight = in_flight + 1 WHERE scope = 'native:key'`, () => []),
  },
  {
    rule: 'I7',
    what: 'a slot that was lost',
    corrupt: change(`DELETE FROM slot WHERE scope = 'native:key'`, () => []),
  },
  {
    rule: 'I8',
    what: 'a transfer that does not sum to zero',
    corrupt: change(
      `INSERT INTO entry (transfer_id, owner, bucket, unit, amount, created_at)
        SELECT id, $2, 'promo', 'credit', 1, app_now() FROM transfer WHERE generation_id = $1 AND kind = 'hold'`,
      w => [w.failed, system],
    ),
  },
  {
    rule: 'I8',
    what: 'a cost that does not sum to zero',
    corrupt: change(
      `UPDATE entry SET amount = amount + 1 WHERE bucket = 'operator_loss' AND transfer_id IN
        (SELECT id FROM transfer WHERE generation_id = $1)`,
      w => [w.failed],
    ),
  },
  {
    rule: 'I9',
    what: 'an ended generation without an event',
    corrupt: change('DELETE FROM event WHERE generation_id = $1', w => [w.canceled]),
  },
  {
    rule: 'I9',
    what: 'an open generation with an event',
    corrupt: change(
      `INSERT INTO event (account_id, generation_id, type, status, created_at)
        VALUES ($1, $2, 'generation.failed', 'failed', app_now())`,
      w => [w.accountId, w.running],
    ),
  },
  {
    rule: 'I10',
    what: 'a second attempt that may have run',
    corrupt: change(
      `INSERT INTO attempt (generation_id, n, provider, upstream_model, state, expected_cost_usd_micro, started_at)
        VALUES ($1, 2, 'p', 'm', 'unknown', 1, app_now())`,
      w => [w.running],
    ),
  },
  {
    rule: 'C1',
    what: 'a delivered attempt without a cost',
    corrupt: change('UPDATE attempt SET cost_usd_micro = NULL WHERE generation_id = $1', w => [w.delivered]),
  },
]

/** Thrown to undo what a test broke. */
class Undo extends Error {}

/** What the full check and the recent check report after the corruption, which is undone. */
async function report(corruption: Corruption): Promise<{ all: string[]; recent: string[] }> {
  const seen = { all: ['not looked'], recent: ['not looked'] }
  const broken = admin.transaction(async tx => {
    await ask(tx, 'SET LOCAL session_replication_role = replica')
    await corruption.corrupt(tx, world)
    const { since } = await askOne<{ since: Date }>(tx, `SELECT app_now() - interval '15 minutes' AS since`)
    const rules = async (from: Date | null) => [
      ...new Set((await findViolations(tx, from)).map(violation => violation.rule)),
    ]
    seen.all = await rules(null)
    seen.recent = await rules(since)
    throw new Undo()
  })
  await expect(broken).rejects.toBeInstanceOf(Undo)
  return seen
}

describe('the invariant check', () => {
  test('is silent about an honest ledger', async () => {
    expect(await findViolations(database.db, null)).toEqual([])
    expect(await findViolations(database.db, new Date(0))).toEqual([])
  })

  for (const corruption of corruptions) {
    test(`${corruption.rule} reports ${corruption.what}`, async () => {
      const { all, recent } = await report(corruption)
      expect(all).toEqual([corruption.rule])
      expect(recent).toEqual(corruption.nightlyOnly ? [] : [corruption.rule])
    })
  }

  test('is broken for every rule at least once above', () => {
    const rules = ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8', 'I9', 'I10', 'C1']
    expect([...new Set(corruptions.map(({ rule }) => rule))]).toEqual(rules)
  })

  test('limited to recent accounts leaves older ones to the nightly check', async () => {
    const later = new Date('2999-01-01T00:00:00Z')
    const broken = admin.transaction(async tx => {
      await ask(tx, 'UPDATE account SET available = available + 1')
      expect(await findViolations(tx, later)).toEqual([])
      expect(await findViolations(tx, null)).not.toEqual([])
      throw new Undo()
    })
    await expect(broken).rejects.toBeInstanceOf(Undo)
  })
})

describe('history cannot be changed', () => {
  const attempts = ['transfer', 'entry'].flatMap(table => [
    `UPDATE ${table} SET created_at = created_at`,
    `UPDATE ${table} SET created_at = created_at WHERE false`,
    `DELETE FROM ${table}`,
    `TRUNCATE ${table} CASCADE`,
    `MERGE INTO ${table} USING (VALUES (1)) one (x) ON true WHEN MATCHED THEN DELETE`,
  ])
  for (const [role, connect] of [
    ['the runtime role', () => database.db],
    ['the owner of the tables', () => database.ownerDb],
    ['a superuser', () => admin],
  ] as const) {
    for (const text of attempts) {
      test(`by ${role}: ${text.slice(0, 60)}`, async () => {
        const state = await ask(connect(), text).then(
          () => 'done',
          error => sqlStateOf(error),
        )
        expect(state).toBe(role === 'the runtime role' ? '42501' : 'DR010')
      })
    }

    test(`by ${role}: a transfer that does not sum to zero`, async () => {
      const write = (amounts: string) =>
        ask(
          connect(),
          `WITH t AS (INSERT INTO transfer (kind, account_id, created_at) VALUES ('grant', $1, app_now()) RETURNING id)
            INSERT INTO entry (transfer_id, owner, bucket, unit, amount, created_at)
            SELECT t.id, $2, v.bucket, v.unit, v.amount, app_now() FROM t, (VALUES ${amounts}) v (bucket, unit, amount)`,
          [world.accountId, system],
        ).then(
          () => 'done',
          error => sqlStateOf(error),
        )
      expect(await write(`('promo', 'credit', 5)`)).toBe('DR011')
      expect(await write(`('promo', 'credit', 5), ('revenue', 'credit', -4)`)).toBe('DR011')
      expect(await write(`('promo', 'credit', 5), ('upstream_cost', 'usd_micro', -5)`)).toBe('DR011')
    })

    test(`by ${role}: entries without a transfer, and lines that are numbered wrongly`, async () => {
      const write = (transferId: string, available: string, promo: string) =>
        ask(
          connect(),
          `INSERT INTO entry (transfer_id, owner, bucket, unit, amount, seq, balance_after, created_at) VALUES
            ($1, $2, 'available', 'credit', 5, ${available}, app_now()),
            ($1, $3, 'promo', 'credit', -5, ${promo}, app_now())`,
          [transferId, world.accountId, system],
        ).then(
          () => 'done',
          error => sqlStateOf(error),
        )
      const { id } = await askOne<{ id: string }>(
        connect(),
        `SELECT id FROM transfer WHERE generation_id = $1 AND kind = 'capture'`,
        [world.delivered],
      )
      expect(await write(randomUUID(), '900, 5', 'NULL, NULL')).toBe('DR011')
      expect(await write(id, 'NULL, NULL', 'NULL, NULL')).toBe('DR011')
      expect(await write(id, '900, NULL', 'NULL, NULL')).toBe('DR011')
      expect(await write(id, '900, 5', '901, 5')).toBe('DR011')
    })
  }

  test('by the runtime role: the triggers that guard it', async () => {
    for (const text of [
      'ALTER TABLE entry DISABLE TRIGGER entry_append_only',
      'DROP TRIGGER entry_balanced ON entry',
      'DROP TABLE entry',
      'SET session_replication_role = replica',
      'CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
      'CREATE TRIGGER mine BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION refuse_change()',
      "UPDATE clock_offset SET value = interval '1 day'",
    ]) {
      await expect(ask(database.db, text), text).rejects.toThrow(/owner|permission/)
    }
  })
})
