// G-5, G-9: workers that sleep past their lease and come back, and nodes that are stopped while they work.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sql } from '../../src/generations/sql.ts'
import { crashCounts } from '../counts.ts'
import { ask, openAccount, order as orderRow, release } from '../money.ts'
import {
  type CrashRig,
  calm,
  crashLeaseMs,
  createCrashRig,
  eventually,
  idOf,
  isEnded,
  order,
} from './crash-rig.ts'
import { createRandom, stallNodes } from './kill-loop.ts'
import { type BuiltProgram, buildProgram } from './program.ts'

const model = 'openai:gpt-image-2'
let program: BuiltProgram
let rig: CrashRig

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file })
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

test(
  'a worker that slept past its lease settles nothing, and nothing is settled twice',
  async () => {
    const nodes = await Promise.all([1, 2, 3].map(() => rig.start()))
    const { accountId, apiKey } = await rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } })
    const random = createRandom(5)
    let placed = 0
    const call = async () => {
      while (placed < crashCounts.staleGenerations) {
        const key = `stale-${placed}`
        placed += 1
        const node = nodes[placed % 3] ?? nodes[0]
        if (!node) return
        const prompt = `${key} [[emulate: slow=${Math.round(random() * crashLeaseMs)}]]`
        // A node that sleeps takes the order when it wakes; a refused one is placed again.
        while (!idOf(await order(node, { apiKey, model, key, prompt, native: true, prefer: 'wait=1' })));
      }
    }
    const callers = Array.from({ length: 12 }, call)
    const until = Promise.all(callers)
    const stalls = await stallNodes(nodes, { until, random, leaseMs: crashLeaseMs })
    const keys = Array.from({ length: placed }, (_, at) => `stale-${at}`)
    let late = 0
    for (const key of keys) {
      const read = async () => (await rig.fates(accountId, key))[0]
      await eventually(`${key} ends`, async () => isEnded(await read()))
      const fate = await read()
      expect(fate?.billed, key).toBeLessThanOrEqual(1)
      late += fate?.attempts.filter(attempt => attempt.late).length ?? 0
    }
    expect(stalls).toBeGreaterThan(0)
    // Some worker came back with a result that was no longer its to settle.
    expect(late).toBeGreaterThan(0)
    expect(await rig.violations()).toEqual([])
    await Promise.all(nodes.map(node => node.kill()))
  },
  crashCounts.databaseTimeoutMs,
)

test('a rolling stop loses nothing: what runs is finished and answered, new orders go elsewhere', async () => {
  const nodes = await Promise.all([1, 2, 3].map(() => rig.start(calm)))
  const { accountId, apiKey } = await rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } })
  const keys = Array.from({ length: crashCounts.gracefulGenerations }, (_, at) => `roll-${at}`)
  // All are at work when the first is told to stop.
  const resume = rig.openai.pause()
  const answers = keys.map((key, at) =>
    order(nodes[at % 3] ?? { url: '' }, { apiKey, model, key, prompt: key, native: false }),
  )
  await rig.openai.waitUntil(() => rig.openai.total.inFlight === keys.length)
  const codes: (number | null)[] = []
  for (const node of nodes) {
    const stopped = node.stop()
    const refused = async () => {
      const answer = await order(node, {
        apiKey,
        model,
        key: `new-${node.pid}`,
        prompt: 'new',
        native: false,
      })
      if (answer) expect([answer.status, answer.headers.get('retry-after') !== null]).toEqual([503, true])
    }
    await eventually('it hears the signal', () => node.output.some(line => line.startsWith('Stopping')))
    await refused()
    resume()
    codes.push(await stopped)
  }
  expect((await Promise.all(answers)).map(answer => answer?.status)).toEqual(keys.map(() => 200))
  expect(codes).toEqual([0, 0, 0])
  for (const key of keys)
    expect((await rig.fates(accountId, key))[0]).toMatchObject({ state: 'succeeded', billed: 1 })
  expect(await rig.violations()).toEqual([])
})

test('a node that was stopped past its lease, alone, goes on with its own work and sells it', async () => {
  // Renewed so seldom that the first sweep after the stop comes first, as after any stop that a timer outlasts.
  const leaseMs = 20_000
  const node = await rig.start({ TEST_LEASE_MS: String(leaseMs) })
  const { accountId, apiKey } = await rig.account({ credits: 1_000, key: { inFlight: 10 } })
  const keys = ['frozen-0', 'frozen-1', 'frozen-2']
  const answers = keys.map(key =>
    order(node, {
      apiKey,
      model,
      key,
      prompt: `${key} [[emulate: slow=8000]]`,
      native: true,
      prefer: 'wait=30',
    }),
  )
  await rig.openai.waitUntil(() => rig.openai.total.inFlight === keys.length)
  process.kill(node.pid, 'SIGSTOP')
  // The time that it lies still, in no time.
  await ask(rig.database.ownerDb, "UPDATE clock_offset SET value = value + $1 * interval '2 ms'", [leaseMs])
  process.kill(node.pid, 'SIGCONT')
  expect((await Promise.all(answers)).map(answer => answer?.body.status)).toEqual(keys.map(() => 'succeeded'))
  for (const key of keys) {
    const [fate] = await rig.fates(accountId, key)
    expect(fate).toMatchObject({ state: 'succeeded', billed: 1, lossUsdMicro: 0 })
    expect(fate?.captured).toBe(fate?.price)
  }
  expect(await rig.violations()).toEqual([])
  await node.stop()
})

test('what a process works on is taken from it by others, and from itself past the deadline only', async () => {
  const { db, ownerDb } = rig.database
  const accountId = await openAccount(db, 10)
  const { id } = await orderRow(db, { accountId, unitPrice: 1, claim: true })
  const claim = async (working: string[]) =>
    (await db.query<{ id: string }>(sql.claimReconciling, ['p', 600_000, 10, working])).map(row => row.id)
  await ask(ownerDb, "UPDATE generation SET lease_until = app_now() - interval '1 s' WHERE id = $1", [id])
  expect(await claim([id])).toEqual([])
  await ask(ownerDb, "UPDATE generation SET deadline = app_now() - interval '1 s' WHERE id = $1", [id])
  expect(await claim([id])).toEqual([id])
  const other = await orderRow(db, { accountId, unitPrice: 1, claim: true })
  await ask(ownerDb, "UPDATE generation SET lease_until = app_now() - interval '1 s' WHERE id = $1", [
    other.id,
  ])
  expect(await claim([])).toEqual([other.id])
  for (const each of [id, other.id]) await release(db, each)
})
