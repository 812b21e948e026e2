// Webhooks that upstreams send: they make a poll due and do nothing else, whoever sends them how often, and whatever
// a poll, a cancel or another webhook does at the same moment.
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type CrashRig,
  createCrashRig,
  eventually,
  type Fate,
  isEnded,
  type Node,
  order,
} from './crash-rig.ts'
import { callBack } from './engine-hooks.ts'
import { type BuiltProgram, buildProgram } from './program.ts'

let program: BuiltProgram
let rig: CrashRig
let node: Node
let other: Node
let account: { accountId: string; apiKey: string }
const hooked = { UPSTREAM_WEBHOOKS: 'on' }

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file })
  node = await rig.start(hooked)
  other = await rig.start(hooked)
  account = await rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } })
})
afterAll(async () => {
  expect(await rig?.violations()).toEqual([])
  await rig?.close()
  program?.remove()
})

const price = 5

async function place(key: string, directives: string, { n = 1, target = node } = {}): Promise<string> {
  const model = n > 1 ? 'engine:singles' : 'engine:tasks'
  const call = { apiKey: account.apiKey, key, model, native: true, n }
  const answer = await order(target, { ...call, prompt: `${key} [[emulate: ${directives}]]` })
  return String(answer?.body.id)
}

async function findFate(key: string): Promise<Fate | undefined> {
  return (await rig.fates(account.accountId, key))[0]
}

async function endOf(key: string): Promise<Fate> {
  await eventually(`${key} ends`, async () => isEnded(await findFate(key)), 30_000)
  const fate = await findFate(key)
  if (!fate) throw new Error(`${key} is gone`)
  return fate
}

/** The task of the order's first part, once the create was answered. */
async function taskOf(key: string): Promise<{ id: string; canceled: boolean; polls: number }> {
  await eventually('it is awaited', async () => (await findFate(key))?.state === 'awaiting')
  const { id } = (await findFate(key)) ?? { id: '' }
  const task = rig.engine.tasks.get(`${id}/1/0`)
  if (!task) throw new Error(`${key} has no task`)
  return task
}

const doorOf = ({ url }: Node, provider = 'tasks') => `${url}/hooks/${provider}`

test('a webhook ends the wait at once, with a poll or two', async () => {
  await place('called', 'slow=700, call')
  const task = await taskOf('called')
  const beganAt = performance.now()
  expect(await endOf('called')).toMatchObject({ state: 'succeeded', captured: price, billed: 1 })
  // Without it the first poll would be ten seconds away.
  expect(performance.now() - beganAt).toBeLessThan(8_000)
  expect(task.polls).toBeLessThanOrEqual(2)
})

test('an order whose webhook never comes is polled all the same, rarely', async () => {
  await place('silent', 'slow=200')
  const task = await taskOf('silent')
  expect(await endOf('silent')).toMatchObject({ state: 'succeeded', captured: price })
  expect(task.polls).toBe(1)
})

test('what is not signed by the upstream is refused and wakes nobody, and a stranger is soon not listened to', async () => {
  await place('forged', 'slow=60000')
  const task = await taskOf('forged')
  const now = Date.now()
  expect(await callBack(doorOf(node), task, { signature: 'f'.repeat(64) })).toBe(401)
  expect(await callBack(doorOf(node), task, { timestamp: now - 3_600_000 })).toBe(401)
  expect(await callBack(doorOf(node), task, { timestamp: now + 3_600_000 })).toBe(401)
  expect(await callBack(doorOf(node, 'nobody'), task)).toBe(404)
  expect(await callBack(doorOf(node, 'repeatable'), task)).toBe(404)
  expect((await fetch(doorOf(node))).status).toBe(405)
  const large = await fetch(doorOf(node), { method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) }).catch(
    () => null,
  )
  expect(large?.status ?? 413).toBe(413)
  const statuses = new Set<number | null>()
  for (let at = 0; at < 70; at += 1) statuses.add(await callBack(doorOf(other), task, { signature: '0' }))
  expect([...statuses]).toEqual([401, 429])
  expect(task.polls).toBe(0)
})

test('webhooks of foreign and of ended tasks do nothing', async () => {
  await place('over', 'slow=50, call')
  const task = await taskOf('over').catch(() => null)
  const fate = await endOf('over')
  expect(
    await callBack(doorOf(node), { id: 'nobody-knows-me', pollUrl: `${rig.engine.url}/tasks/none` }),
  ).toBe(204)
  const known = task?.id ?? rig.engine.tasks.get(`${fate.id}/1/0`)?.id ?? ''
  expect(await callBack(doorOf(node), { id: known })).toBe(204)
  expect(await findFate('over')).toEqual(fate)
})

test('a webhook that is played back over and over makes no more polls than two a second', async () => {
  await place('replayed', 'slow=60000')
  const task = await taskOf('replayed')
  const beganAt = performance.now()
  for (let round = 0; round < 100; round += 1) {
    const doors = [doorOf(node), doorOf(other)]
    await Promise.all(doors.map(door => callBack(door, task)))
  }
  const seconds = (performance.now() - beganAt) / 1_000
  expect(task.polls).toBeGreaterThan(0)
  expect(task.polls).toBeLessThanOrEqual(2 * seconds + 2)
})

test('webhooks, polls and cancels at one moment and two processes settle each order once', async () => {
  const keys = Array.from({ length: 12 }, (_, at) => `race-${at}`)
  await Promise.all(
    keys.map(async (key, at) => {
      const target = at % 2 === 0 ? node : other
      const id = await place(key, `slow=${150 + (at % 5) * 20}, call`, { n: at % 3 === 0 ? 4 : 1, target })
      const task = await taskOf(key).catch(() => null)
      const callAll = () =>
        Promise.all([node, other, node, other].map(each => callBack(doorOf(each), { id: task?.id ?? '' })))
      const cancel = () =>
        fetch(`${target.url}/api/v1/generations/${id}/cancel`, {
          method: 'POST',
          headers: { authorization: `Bearer ${account.apiKey}` },
        })
      while (!isEnded(await findFate(key))) {
        await callAll()
        if (at % 4 === 3) await cancel()
      }
    }),
  )
  for (const [at, key] of keys.entries()) {
    const fate = await endOf(key)
    const count = at % 3 === 0 ? 4 : 1
    expect(fate.billed, key).toBe(count)
    if (at % 4 === 3) expect(['succeeded', 'canceled'], key).toContain(fate.state)
    else expect(fate, key).toMatchObject({ state: 'succeeded', captured: count * price, lossUsdMicro: 0 })
  }
})

test('a task whose create was never answered is known by its webhook, and sold', async () => {
  const dying = await rig.start(hooked)
  const id = await place('adopted', 'slow=300, call, answer_slow=30000', { target: dying })
  const adopted = async () => {
    const text = 'SELECT 1 FROM attempt WHERE generation_id = $1 AND upstream_task IS NOT NULL'
    return (await rig.database.db.query({ name: 'test_adopted', text }, [id])).length > 0
  }
  await eventually('the webhook has come', adopted)
  await dying.kill()
  expect(await endOf('adopted')).toMatchObject({ state: 'succeeded', captured: price, billed: 1 })
})
