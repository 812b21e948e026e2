// Orders of several upstream tasks: each part ends by itself, what came is sold, and neither a death nor a cancel nor
// the deadline loses a picture that is stored or buys one twice.
import { afterAll, beforeAll, expect, test } from 'vitest'
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
import { type BuiltProgram, buildProgram } from './program.ts'

let program: BuiltProgram
let rig: CrashRig
let node: Node
let account: { accountId: string; apiKey: string }

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file })
  node = await rig.start(calm)
  account = await rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } })
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

const price = 5
const partUsdMicro = 10_000
const n = 4

/** Places an order of four; the behaviours are those of its parts, in the order in which they reach the upstream. */
async function place(key: string, behaviours: string[], target = node): Promise<string> {
  for (const behaviour of behaviours) rig.engine.script({ behaviour, prompt: `${key} `, times: 1 })
  const call = { apiKey: account.apiKey, key, model: 'engine:singles', native: true, n }
  const answer = await order(target, { ...call, prompt: `${key} of foxes` })
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

async function read(id: string, method = 'GET', path = ''): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${account.apiKey}` }
  const answer = await fetch(`${node.url}/api/v1/generations/${id}${path}`, { method, headers })
  return (await answer.json()) as Record<string, unknown>
}

/** All pictures of an order are its own, whole and readable. */
async function expectPictures(id: string, count: number): Promise<void> {
  const { outputs } = (await read(id)) as { outputs: { url: string; sha256: string }[] }
  expect(outputs).toHaveLength(count)
  expect(new Set(outputs.map(output => output.sha256)).size).toBe(count)
  for (const { url } of outputs) {
    const answer = await fetch(url, { headers: { authorization: `Bearer ${account.apiKey}` } })
    expect(answer.status).toBe(200)
  }
}

const tasksOf = (id: string) => [...rig.engine.tasks].filter(([attempt]) => attempt.startsWith(`${id}/`))
const ended = (fate: Fate) => fate.attempts.map(({ state }) => state).sort()

test('four tasks that end one after the other are one order, sold whole', async () => {
  await place('whole', ['slow=50', 'slow=600', 'slow=200', 'slow=400'])
  const fate = await endOf('whole')
  expect(fate).toMatchObject({ state: 'succeeded', captured: n * price, billed: n, lossUsdMicro: 0 })
  await expectPictures(fate.id, n)
})

test('pictures that came with the answer, by address or by a task are one order', async () => {
  await place('mixed', ['sync', 'slow=300', 'sync_url', 'slow=100'])
  const fate = await endOf('mixed')
  expect(fate).toMatchObject({ state: 'succeeded', captured: n * price, billed: n, lossUsdMicro: 0 })
  await expectPictures(fate.id, n)
})

test('an address is fetched at once, while other tasks go on', async () => {
  const id = await place('at-once', ['slow=30', 'sync_url', 'slow=2500', 'sync'])
  const files = () =>
    [...rig.engine.downloads.keys()].filter(path => tasksOf(id).some(([, task]) => path.includes(task.id)))
  await eventually('both are fetched', () => files().length === 2)
  expect((await findFate('at-once'))?.state).toBe('awaiting')
  expect(await endOf('at-once')).toMatchObject({ state: 'succeeded', captured: n * price })
  await expectPictures(id, n)
})

test("tasks that fail are left out, and what they cost is the operator's", async () => {
  await place('in-part', ['slow=100', 'task_failed', 'end=content_rejected, cost=777', 'slow=200'])
  const fate = await endOf('in-part')
  expect(fate).toMatchObject({ state: 'succeeded', captured: 2 * price, billed: n })
  expect(fate.lossUsdMicro).toBe(partUsdMicro + 777)
  expect(ended(fate)).toEqual(['done', 'done', 'failed', 'failed'])
  await expectPictures(fate.id, 2)
})

test('without any picture the most cautious failure is the end, and nothing is charged', async () => {
  await place('none', [
    'task_failed',
    'end=content_rejected, stage=input',
    'refuse=rate_limited',
    'slow=100, task_failed',
  ])
  const fate = await endOf('none')
  expect(fate).toMatchObject({ state: 'failed', reason: 'upstream_failed', captured: 0, billed: 3 })
  expect(fate.lossUsdMicro).toBe(2 * partUsdMicro)
  // Nothing is asked for again: some of it may have run.
  expect(rig.engine.requests.filter(each => each.prompt?.startsWith('none '))).toHaveLength(n)
})

test('a task that is lost for a while holds up nobody, and its picture is sold too', async () => {
  await place('lost', ['vanish=2', 'slow=100', 'poll_500=3', 'slow=50'])
  expect(await endOf('lost')).toMatchObject({
    state: 'succeeded',
    captured: n * price,
    billed: n,
    lossUsdMicro: 0,
  })
})

test('at the deadline the pictures that came are sold, and the tasks that go on are canceled', async () => {
  const hasty = await rig.start({
    ...calm,
    GENERATION_DEADLINE_ASYNC_S: '8',
    GENERATION_DEADLINE_SYNC_S: '8',
  })
  const id = await place('deadline', ['slow=100', 'slow=60000', 'slow=60000, no_cancel', 'sync'], hasty)
  const fate = await endOf('deadline')
  expect(fate).toMatchObject({ state: 'succeeded', captured: 2 * price, lossUsdMicro: partUsdMicro })
  expect(tasksOf(id).filter(([, task]) => task.canceled)).toHaveLength(1)
  await expectPictures(id, 2)
  await hasty.kill()
})

test('what a task told in the read that met the deadline counts, and not as one that never ended', async () => {
  // Whoever else works could be the one that reads.
  await node.stop()
  const late = await rig.start({
    ...calm,
    GENERATION_DEADLINE_ASYNC_S: '8',
    GENERATION_DEADLINE_SYNC_S: '8',
    FAILPOINT: 'poll.after:1:hang:9000',
  })
  const running = Array.from({ length: n - 1 }, () => 'slow=60000')
  await place('told-late', ['task_failed, cost=777', ...running], late)
  const fate = await endOf('told-late')
  expect(late.output.join('\n')).toContain('failpoint poll.after fired')
  // The others were canceled; the share of one that never ended would be far more.
  expect(fate).toMatchObject({ state: 'failed', captured: 0, lossUsdMicro: 777 })
  await late.kill()
  node = await rig.start(calm)
})

test('a cancel ends the tasks it can, and what has come is sold', async () => {
  const id = await place('cancel-some', ['slow=50', 'slow=60000', 'slow=60000', 'slow=60000'])
  await eventually(
    'one has come',
    async () => (await findFate('cancel-some'))?.attempts.some(each => each.state === 'done') ?? false,
  )
  expect(await read(id, 'POST', '/cancel')).toMatchObject({ outcome: 'runs_on' })
  expect(await endOf('cancel-some')).toMatchObject({ state: 'succeeded', captured: price, lossUsdMicro: 0 })
  expect(tasksOf(id).filter(([, task]) => task.canceled)).toHaveLength(3)
})

test('a cancel of all tasks charges nothing', async () => {
  const id = await place(
    'cancel-all',
    Array.from({ length: n }, () => 'slow=60000'),
  )
  await eventually('it is awaited', async () => (await findFate('cancel-all'))?.state === 'awaiting')
  expect(await read(id, 'POST', '/cancel')).toMatchObject({ outcome: 'canceled' })
  expect(await findFate('cancel-all')).toMatchObject({ state: 'canceled', captured: 0, lossUsdMicro: 0 })
  expect(tasksOf(id).every(([, task]) => task.canceled)).toBe(true)
})

test('a process that dies before the last handle has come loses none of those that have', async () => {
  await node.stop()
  const dying = await rig.start()
  const id = await place('early', ['slow=100', 'slow=100', 'slow=100', 'slow=100, answer_slow=30000'], dying)
  const noted = async () =>
    ((await findFate('early'))?.attempts.filter(each => each.state === 'accepted').length ?? 0) === 3
  await eventually('three handles are kept', noted)
  await dying.kill()
  node = await rig.start()
  const fate = await endOf('early')
  expect(fate).toMatchObject({
    state: 'succeeded',
    captured: 3 * price,
    billed: n,
    lossUsdMicro: partUsdMicro,
  })
  await expectPictures(id, 3)
})

const deaths = [
  'T4.before',
  'T4.after',
  'poll.after',
  'parts.after',
  'T5.after',
  'manifest.after',
  'T6.before',
]

test.each(deaths)('death at %s buys nothing twice and sells all that was kept', async point => {
  await node.stop()
  const dying = await rig.start({ FAILPOINT: `${point}:1:kill` })
  const key = `death-${point}`
  await place(key, ['sync', 'slow=300', 'sync_url', 'slow=150'], dying)
  await dying.exited
  node = await rig.start()
  const fate = await endOf(key)
  expect(fate).toMatchObject({ state: 'succeeded', billed: n })
  // Before T4 some of the answers are known to this process alone.
  const isEarly = point === 'T4.before' || point === 'parts.after'
  expect(fate.captured / price).toBeGreaterThanOrEqual(isEarly ? 1 : n)
  expect(rig.engine.requests.filter(each => each.prompt?.startsWith(`${key} `))).toHaveLength(n)
})
