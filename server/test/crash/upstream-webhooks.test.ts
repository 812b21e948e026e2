// Webhooks that upstreams send: they make a poll due and do nothing else, whoever sends them how often, and whatever
// a poll, a cancel or another webhook does at the same moment.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type CrashRig,
  calm,
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
const hooked = { ...calm, UPSTREAM_WEBHOOKS: 'on' }

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file })
  node = await rig.start(hooked)
  other = await rig.start(hooked)
  account = await rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } })
})
afterAll(async () => {
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
  await eventually(`${key} ends`, async () => isEnded(await findFate(key)))
  const fate = await findFate(key)
  if (!fate) throw new Error(`${key} is gone`)
  return fate
}

type Task = { id: string; canceled: boolean; polls: number; webhook: string | null }

/** The task of a part of the order, once it was created. */
async function findTask(id: string, part = 0): Promise<Task> {
  const find = () => rig.engine.tasks.get(`${id}/1/${part}`)
  await eventually('the task is created', () => find() !== undefined)
  const task = find()
  if (!task) throw new Error(`${id} has no task`)
  return task
}

/** The task of the order's first part, once the create was answered. */
async function taskOf(key: string): Promise<Task> {
  await eventually('it is awaited, or has ended already', async () => {
    const fate = await findFate(key)
    return fate?.state === 'awaiting' || isEnded(fate)
  })
  return findTask((await findFate(key))?.id ?? '')
}

/** The address that the upstream was given for the task, at one of the nodes. */
function doorOf({ url }: Node, { webhook }: Pick<Task, 'webhook'>, provider = 'tasks'): string {
  return `${url}/hooks/${provider}${new URL(webhook ?? raise('no webhook was asked for')).search}`
}

function raise(message: string): never {
  throw new Error(message)
}

/** From now on no read of the order comes by itself: only what a webhook has made due already, or will, is read. */
async function putOffReads(id: string): Promise<void> {
  const text = `UPDATE poll SET due_at = due_at + interval '1 hour'
    WHERE generation_id = $1 AND reading_until IS NULL AND due_at > app_now()`
  await rig.database.db.query({ name: 'test_put_off_reads', text }, [id])
}

/** A call whose body never ends; answers with the socket. */
function hang(door: string): Socket {
  const { hostname, port, pathname, search } = new URL(door)
  const socket = connect(Number(port), hostname)
  const head = `POST ${pathname}${search} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: 1000\r\n\r\n{`
  socket.on('error', () => undefined).write(head)
  return socket
}

/** The status line of the answer, or null when the connection was closed without one. */
async function statusOf(socket: Socket): Promise<number | null> {
  const closed = once(socket, 'close').then(() => null)
  const answer = await Promise.race([once(socket, 'data'), closed])
  return answer ? Number(String(answer[0]).split(' ')[1]) : null
}

test('a webhook ends the wait at once, with a poll or two', async () => {
  const id = await place('called', 'slow=0')
  const task = await taskOf('called')
  await putOffReads(id)
  expect([task.polls, (await findFate('called'))?.state]).toEqual([0, 'awaiting'])
  expect(await callBack(doorOf(node, task), task)).toBe(204)
  expect(await endOf('called')).toMatchObject({ state: 'succeeded', captured: price, billed: 1 })
  expect(task.polls).toBeLessThanOrEqual(2)
})

test('an order whose webhook never comes is polled all the same, rarely', async () => {
  await place('silent', 'slow=200')
  const task = await taskOf('silent')
  expect(await endOf('silent')).toMatchObject({ state: 'succeeded', captured: price })
  expect(task.polls).toBe(1)
})

test('what is not signed by the upstream is refused and wakes nobody, and its address is soon not listened to', async () => {
  const id = await place('forged', 'slow=60000')
  const task = await taskOf('forged')
  await putOffReads(id)
  const door = doorOf(node, task)
  const now = Date.now()
  expect(await callBack(door, task, { signature: 'f'.repeat(64) })).toBe(401)
  expect(await callBack(door, task, { timestamp: now - 3_600_000 })).toBe(401)
  expect(await callBack(door, task, { timestamp: now + 3_600_000 })).toBe(401)
  expect(await callBack(doorOf(node, task, 'nobody'), task)).toBe(404)
  expect(await callBack(doorOf(node, task, 'repeatable'), task)).toBe(404)
  expect((await fetch(door)).status).toBe(405)
  const large = await fetch(door, { method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) }).catch(() => null)
  expect(large?.status ?? 413).toBe(413)
  const statuses = new Set<number | null>()
  for (let at = 0; at < 30; at += 1)
    statuses.add(await callBack(doorOf(other, task), task, { signature: '0' }))
  expect([...statuses]).toEqual([401, 429])
  expect(task.polls).toBe(0)
  await place('beside', 'slow=60000')
  const beside = await taskOf('beside')
  expect(await callBack(doorOf(other, beside), beside)).toBe(204)
})

describe('a stranger at the door', () => {
  test('is refused before a word is read, and keeps no webhook out', async () => {
    await place('crowded', 'slow=60000')
    const task = await taskOf('crowded')
    const door = doorOf(node, task)
    const doors = [
      `${node.url}/hooks/tasks`,
      door.replace(/sig=.*/, `sig=${'A'.repeat(22)}`),
      door.replace(/\.0&/, '.1&'),
    ]
    const sockets = Array.from({ length: 150 }, (_, at) => hang(doors[at % doors.length] ?? door))
    expect(new Set(await Promise.all(sockets.map(statusOf)))).toEqual(new Set([401]))
    expect(await callBack(door, task)).toBe(204)
    for (const socket of sockets) socket.destroy()
  })

  test('who has an address holds places of that one only, and for seconds', async () => {
    await place('leaked', 'slow=60000')
    const task = await taskOf('leaked')
    const sockets = Array.from({ length: 150 }, () => hang(doorOf(node, task)))
    await eventually('its places are taken', async () => (await callBack(doorOf(node, task), task)) === 429)
    await place('unharmed', 'slow=60000')
    const unharmed = await taskOf('unharmed')
    expect(await callBack(doorOf(node, unharmed), unharmed)).toBe(204)
    await Promise.all(sockets.map(socket => socket.closed || once(socket.resume(), 'close')))
    expect(await callBack(doorOf(node, task), task)).toBe(204)
  })
})

test('webhooks of foreign and of ended tasks do nothing', async () => {
  const id = await place('over', 'slow=50, call')
  const fate = await endOf('over')
  const task = await findTask(id)
  const foreign = { id: 'nobody-knows-me', pollUrl: `${rig.engine.url}/tasks/none` }
  expect(await callBack(doorOf(node, task), foreign)).toBe(204)
  expect(await callBack(doorOf(node, task), { id: task.id })).toBe(204)
  expect(await findFate('over')).toEqual(fate)
})

describe('a webhook that comes before its task is known here', () => {
  test.each(['with', 'without'])('makes the first read due at once, %s the handle in it', async how => {
    const key = `early-${how}`
    const answer = rig.engine.pause()
    const id = await place(key, 'slow=0, answer_slow=1')
    const task = await findTask(id)
    const pollUrl = `${rig.engine.url}/tasks/${task.id}`
    const told = how === 'with' ? { id: task.id, pollUrl } : { id: task.id }
    expect(await callBack(doorOf(other, task), told)).toBe(204)
    expect((await findFate(key))?.state).toBe('dispatching')
    answer()
    await taskOf(key)
    await putOffReads(id)
    const sold = { state: 'succeeded', captured: price, billed: 1, lossUsdMicro: 0 }
    expect(await endOf(key)).toMatchObject(sold)
    expect(task.polls).toBe(1)
  })

  test('also when other parts of its order have not been answered', async () => {
    const answer = rig.engine.pause()
    const id = await place('early-part', 'slow=0, answer_slow=1, first=1', { n: 3 })
    const tasks = await Promise.all([0, 1, 2].map(part => findTask(id, part)))
    await eventually('two parts are noted', async () => {
      const text = `SELECT 1 FROM attempt WHERE generation_id = $1 AND state = 'accepted'`
      return (await rig.database.db.query({ name: 'test_noted', text }, [id])).length === 2
    })
    for (const task of tasks) expect(await callBack(doorOf(other, task), { id: task.id })).toBe(204)
    expect((await findFate('early-part'))?.state).toBe('dispatching')
    answer()
    await taskOf('early-part')
    await putOffReads(id)
    const sold = { state: 'succeeded', captured: 3 * price, billed: 3, lossUsdMicro: 0 }
    expect(await endOf('early-part')).toMatchObject(sold)
    for (const task of tasks) expect(task.polls).toBe(1)
  })
})

test('a webhook that is played back over and over makes no more polls than two a second', async () => {
  await place('replayed', 'slow=60000')
  const task = await taskOf('replayed')
  const beganAt = performance.now()
  for (let round = 0; round < 100; round += 1) {
    const doors = [doorOf(node, task), doorOf(other, task)]
    await Promise.all(doors.map(door => callBack(door, task)))
  }
  await eventually('it is polled', () => task.polls > 0)
  const seconds = (performance.now() - beganAt) / 1_000
  expect(task.polls).toBeLessThanOrEqual(2 * seconds + 2)
})

test('webhooks, polls and cancels at one moment and two processes settle each order once', async () => {
  const keys = Array.from({ length: 12 }, (_, at) => `race-${at}`)
  await Promise.all(
    keys.map(async (key, at) => {
      const target = at % 2 === 0 ? node : other
      const id = await place(key, `slow=${150 + (at % 5) * 20}, call`, { n: at % 3 === 0 ? 4 : 1, target })
      const task = await findTask(id)
      const callAll = () =>
        Promise.all([node, other, node, other].map(each => callBack(doorOf(each, task), { id: task.id })))
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
  // Its work is another's some seconds after its death.
  const dying = await rig.start({ ...hooked, TEST_LEASE_MS: '5000' })
  const id = await place('adopted', 'slow=300, call, answer_slow=30000', { target: dying })
  const adopted = async () => {
    const text = 'SELECT 1 FROM attempt WHERE generation_id = $1 AND upstream_task IS NOT NULL'
    return (await rig.database.db.query({ name: 'test_adopted', text }, [id])).length > 0
  }
  await eventually('the webhook has come', adopted)
  await dying.kill()
  expect(await endOf('adopted')).toMatchObject({ state: 'succeeded', captured: price, billed: 1 })
})
