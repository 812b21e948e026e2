// RELIABILITY 5.5: nodes are killed without end while customers order and repeat their orders, and the database
// crashes now and then. Whatever died, every order ends once, is paid once, and the books hold at any moment.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { crashCounts } from '../counts.ts'
import { type CrashRig, createCrashRig, eventually } from './crash-rig.ts'
import { runKillLoop } from './kill-loop.ts'
import { createLoadRecord, type LoadRecord, placeOrder } from './load.ts'
import { createOwnDatabase, type OwnDatabase } from './own-database.ts'
import { type BuiltProgram, buildProgram } from './program.ts'
import { recordProof } from './record.ts'

const deadlineS = 20
const leaseMs = 1_500

let program: BuiltProgram
let database: OwnDatabase
let rig: CrashRig

beforeAll(async () => {
  program = await buildProgram()
  database = await createOwnDatabase()
  rig = await createCrashRig({ program: program.file, database })
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

/** What the database says at the end of a run; all of it must be zero but the first. */
async function countFaults(accountId: string): Promise<Record<string, number>> {
  const rows = await database.db.query<Record<string, number>>(
    {
      name: 'test_kill_loop_counts',
      text: `WITH g AS (SELECT *, state IN ('succeeded', 'failed', 'blocked', 'canceled') AS ended,
          (SELECT count(*) FROM transfer t WHERE t.generation_id = generation.id AND t.kind IN ('capture', 'release')) AS ends
        FROM generation WHERE account_id = $1)
      SELECT count(*)::int AS generations, count(*) FILTER (WHERE NOT ended)::int AS "not ended",
        count(*) FILTER (WHERE ends <> 1)::int AS "not resolved once",
        count(*) FILTER (WHERE state = 'succeeded' AND captured <> price)::int AS "succeeded uncaptured",
        count(*) FILTER (WHERE state <> 'succeeded' AND captured <> 0)::int AS "captured without success",
        (SELECT held FROM account WHERE id = $1)::int AS "credits held",
        (SELECT coalesce(sum(s.in_flight), 0) FROM slot s JOIN api_key k ON s.scope LIKE '%' || k.id
          WHERE k.account_id = $1)::int AS "slots taken",
        count(*) FILTER (WHERE ended AND NOT EXISTS (SELECT 1 FROM event e WHERE e.generation_id = g.id))::int AS "ended without event",
        count(*) FILTER (WHERE state = 'succeeded')::int AS succeeded,
        count(*) FILTER (WHERE reason = 'unknown_outcome')::int AS unknown
      FROM g`,
    },
    [accountId],
  )
  return rows[0] ?? {}
}

async function listIds(accountId: string): Promise<{ id: string; state: string; key: string }[]> {
  const text = 'SELECT id, state, idem_key AS key FROM generation WHERE account_id = $1'
  return await database.db.query({ name: 'test_kill_loop_ids', text }, [accountId])
}

function judgeAnswers(record: LoadRecord, rows: { state: string; key: string }[]): Record<string, number> {
  const states = new Map(rows.map(row => [row.key, row.state]))
  return {
    'keys with two generations': [...record.idsByKey.values()].filter(ids => ids.size > 1).length,
    'answered with a picture, not sold': [...record.succeeded].filter(key => states.get(key) !== 'succeeded')
      .length,
    'refused, yet sold': [...record.refused].filter(key => states.get(key) === 'succeeded').length,
    'never answered': record.unanswered.size,
    'answers that invite a second order': record.retryable.length,
  }
}

for (let seed = 1; seed <= crashCounts.killSeeds; seed += 1) {
  test(
    `under kills every order ends once and is paid once (seed ${seed})`,
    async () => {
      const { accountId, apiKey } = await rig.account({ credits: 10_000_000, key: { inFlight: 10_000 } })
      const record = createLoadRecord()
      const violations: string[] = []
      const env = {
        GENERATION_DEADLINE_SYNC_S: String(deadlineS),
        GENERATION_DEADLINE_ASYNC_S: String(deadlineS),
        TEST_LEASE_MS: String(leaseMs),
        TEST_BREAKER: 'on',
        DB_POOL_SIZE: '6',
      }
      const sample = async () => {
        const found = await rig.violations()
        violations.push(...found.map(each => `${each.rule} ${each.subject}`))
      }
      const run = await runKillLoop({
        seed,
        nodes: 4,
        kills: crashCounts.killsPerSeed,
        databaseCrashEvery: crashCounts.killsPerDatabaseCrash,
        start: () => rig.start(env),
        crashDatabase: database.crash,
        sample,
        callers: 16,
        call: (target, random) => placeOrder({ apiKey, record }, target, random),
      })
      const isDrained = async () => (await countFaults(accountId))['not ended'] === 0
      await eventually('all orders end', isDrained, deadlineS * 1_000 + 2 * leaseMs + 90_000).catch(
        () => undefined,
      )
      const { generations, succeeded, unknown, ...faults } = await countFaults(accountId)
      const rows = await listIds(accountId)
      faults['paid upstream more than once'] = rows.filter(row => rig.billed(row.id) > 1).length
      faults['sold without work'] = rows.filter(
        row => row.state === 'succeeded' && rig.billed(row.id) < 1,
      ).length
      Object.assign(faults, judgeAnswers(record, rows))
      await sample()
      await Promise.all(run.ready.map(node => node.kill()))
      const { kills, databaseCrashes, outageMs, samples } = run
      recordProof('kill loop', {
        seed,
        kills,
        databaseCrashes,
        outageMs,
        generations,
        succeeded,
        unknown,
        samples,
        ...faults,
      })
      expect(violations).toEqual([])
      expect([...record.unanswered]).toEqual([])
      expect(faults).toEqual(Object.fromEntries(Object.keys(faults).map(name => [name, 0])))
      // A loop in which nothing was sold, or nothing died at work, proves nothing.
      expect(succeeded).toBeGreaterThan((generations ?? 0) / 4)
      expect(unknown).toBeGreaterThan(0)
      expect(run.kills).toBe(crashCounts.killsPerSeed)
    },
    crashCounts.killLoopTimeoutMs,
  )
}
