// Upstreams that the shipped adapters do not meet: creates that may be repeated under a key, and tasks that are
// accepted, polled and canceled. I-11, C5, C6, T10, T11, late results, long repeats, hopeless repeats.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { crashCounts } from '../counts.ts'
import {
  type CrashRig,
  crashLeaseMs,
  createCrashRig,
  eventually,
  type Fate,
  isEnded,
  type Node,
  order,
} from './crash-rig.ts'
import { type BuiltProgram, buildProgram } from './program.ts'

let program: BuiltProgram
let rig: CrashRig
let account: { accountId: string; apiKey: string }

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file })
  account = await rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } })
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

type Engine = 'engine:repeatable' | 'engine:tasks'

/** Places an order without waiting for its end; answers its key. */
async function place(node: Node, key: string, { model, directives }: { model: Engine; directives: string }) {
  const call = { apiKey: account.apiKey, key, model, native: true }
  await order(node, { ...call, prompt: `${key} [[emulate: ${directives}]]` })
  return key
}

async function findFate(key: string): Promise<Fate | undefined> {
  return (await rig.fates(account.accountId, key))[0]
}

async function endOf(key: string, timeoutMs?: number): Promise<Fate> {
  await eventually(`${key} ends`, async () => isEnded(await findFate(key)), timeoutMs)
  const fate = await findFate(key)
  if (!fate) throw new Error(`${key} is gone`)
  return fate
}

test('all repeats of a create carry one key, and the upstream bills it once', async () => {
  let node = await rig.start()
  for (let round = 0; round < crashCounts.repeatedCreates; round += 1) {
    const key = `stable-${round}`
    await place(node, key, { model: 'engine:repeatable', directives: 'slow=20000, first=1' })
    const attempted = () => rig.engine.requests.some(each => each.prompt?.startsWith(`${key} `))
    await rig.engine.waitUntil(attempted)
    await node.kill()
    node = await rig.start()
    const fate = await endOf(key)
    expect(fate).toMatchObject({ state: 'succeeded', captured: 5, billed: 1, lossUsdMicro: 0 })
    const keys = new Set(fate.attempts.map(attempt => attempt.upstreamKey))
    expect([...keys]).toEqual([`${fate.id}/0`])
    expect(rig.engine.keys.get(`${fate.id}/0`)).toBe(fate.attempts.length)
    expect(fate.attempts.length).toBeGreaterThan(1)
  }
  expect(await rig.violations()).toEqual([])
  await node.kill()
})

test('a repeated create that takes longer than a lease is left to end, not started over and over', async () => {
  const node = await rig.start()
  rig.engine.script({ behaviour: 'lose', prompt: 'long-repeat ', times: 1 })
  rig.engine.script({ behaviour: `slow=${crashLeaseMs * 3}`, prompt: 'long-repeat ' })
  const key = await place(node, 'long-repeat', { model: 'engine:repeatable', directives: '' })
  expect(await endOf(key)).toMatchObject({ state: 'succeeded', billed: 1 })
  const requests = rig.engine.requests.filter(each => each.prompt?.startsWith('long-repeat '))
  expect(requests.map(each => each.end)).toEqual(['cut', 'finished'])
  await node.kill()
})

test('an upstream that loses every answer is asked ever more slowly, as long as there is time to ask', async () => {
  const node = await rig.start({ GENERATION_DEADLINE_ASYNC_S: '12', GENERATION_DEADLINE_SYNC_S: '12' })
  const key = await place(node, 'hopeless', { model: 'engine:repeatable', directives: 'lose' })
  const fate = await endOf(key)
  expect(fate).toMatchObject({ state: 'failed', captured: 0, billed: 1 })
  expect(fate.attempts.length).toBeGreaterThan(1)
  expect(fate.attempts.length).toBeLessThan(10)
  // The pause behind the fifth is 6 s at least, and the deadline less than 6.4 s away.
  const text = 'SELECT completed_at < deadline AS early FROM generation WHERE id = $1'
  expect(await rig.database.db.query({ name: 'test_early', text }, [fate.id])).toEqual([{ early: true }])
  await node.kill()
})

test('a task whose handle is stored is polled on by another node and paid once', async () => {
  const first = await rig.start()
  const key = await place(first, 'handed-over', { model: 'engine:tasks', directives: 'slow=6000' })
  await eventually('the handle is stored', async () => (await findFate(key))?.state === 'awaiting')
  await first.kill()
  const second = await rig.start()
  expect(await endOf(key)).toMatchObject({ state: 'succeeded', captured: 5, billed: 1 })
  await second.kill()
})

test('a task accepted whose handle was lost is released to the customer and booked to the operator', async () => {
  const node = await rig.start()
  const key = await place(node, 'lost-handle', { model: 'engine:tasks', directives: 'lose' })
  const fate = await endOf(key)
  expect(fate).toMatchObject({ state: 'failed', reason: 'unknown_outcome', captured: 0, billed: 1 })
  expect(fate.lossUsdMicro).toBe(10_000)
  await node.kill()
})

test('a task that the upstream says it does not know is asked for again, slowly, and not bought again', async () => {
  const node = await rig.start()
  const key = await place(node, 'vanished', { model: 'engine:tasks', directives: 'vanish=2' })
  expect(await endOf(key)).toMatchObject({ state: 'succeeded', billed: 1 })
  expect(rig.engine.requests.filter(each => each.prompt?.startsWith('vanished '))).toHaveLength(1)
  await node.kill()
})

test('a result that comes after the deadline is never captured', async () => {
  // All of them have begun by then.
  const deadlineS = 8 + crashCounts.lateResults / 5
  const node = await rig.start({
    GENERATION_DEADLINE_ASYNC_S: `${deadlineS}`,
    GENERATION_DEADLINE_SYNC_S: `${deadlineS}`,
  })
  const directives = `slow=${deadlineS * 1_000 + 1_000}, no_cancel`
  const before = await rig.balance(account.accountId)
  const keys = await Promise.all(
    Array.from({ length: crashCounts.lateResults }, (_, at) =>
      place(node, `late-${at}`, { model: 'engine:tasks', directives }),
    ),
  )
  for (const key of keys) {
    const fate = await endOf(key)
    expect(fate).toMatchObject({ state: 'failed', reason: 'deadline_exceeded', captured: 0, billed: 1 })
    expect(fate.lossUsdMicro).toBe(10_000)
  }
  expect(await rig.balance(account.accountId)).toBe(before)
  expect(await rig.violations()).toEqual([])
  await node.kill()
})

test('a handle that cannot be stored while the database is away for a moment is stored afterwards', async () => {
  const node = await rig.start({ FAILPOINT: 'T4.before:1:hang:1500' })
  const key = await place(node, 'away', { model: 'engine:tasks', directives: 'slow=300' })
  await eventually('T4 is near', () => node.output.includes('failpoint T4.before fired'))
  // Nothing can be written for longer than the stall, as during a fail-over.
  const lock = rig.database.ownerDb.transaction(async tx => {
    await tx.query({ name: 'test_lock', text: 'LOCK TABLE attempt IN ACCESS EXCLUSIVE MODE' })
    await tx.query({ name: 'test_hold', text: 'SELECT pg_sleep(7)' })
  })
  await lock
  expect(await endOf(key)).toMatchObject({ state: 'succeeded', billed: 1 })
  await node.kill()
})
