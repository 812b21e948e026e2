// What /metrics and the log tell from outside of orders that were really made: by model and by provider, of work that is
// polled, lost or left behind by a process that died, and of what waits.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask } from '../money.ts'
import {
  type CrashRig,
  calm,
  createCrashRig,
  eventually,
  idOf,
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
  expect(await rig?.violations()).toEqual([])
  await rig?.close()
  program?.remove()
})

type Labels = Record<string, string>

/** The sum of the samples that have these labels; null = there is none. */
async function scrape(node: Node, name: string, labels: Labels = {}): Promise<number | null> {
  const text = await (await fetch(`${node.url}/metrics`)).text()
  const values = text.split('\n').flatMap(line => {
    const [, found, inside = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (found !== name) return []
    const has = new Map([...inside.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', each]) => [key, each]))
    return Object.entries(labels).every(([key, each]) => has.get(key) === each) ? [Number(value)] : []
  })
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0)
}

const place = (node: Node, key: string, [model, directives = '']: [string, string?]) =>
  order(node, {
    ...{ apiKey: account.apiKey, key, model, native: true, prefer: 'respond-async' },
    prompt: `${key} [[emulate: ${directives}]]`,
  })

async function fateOf(key: string) {
  return (await rig.fates(account.accountId, key))[0]
}

const ends = (key: string) => eventually(`${key} ends`, async () => isEnded(await fateOf(key)))

async function cancel(node: Node, id: string | null): Promise<void> {
  const answer = await fetch(`${node.url}/api/v1/generations/${id}/cancel`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.apiKey}` },
  })
  expect(answer.status).toBe(200)
}

const openai = 'openai:gpt-image-2'

/** By outcome, of the calls to a provider. */
async function attemptsOf(node: Node, provider: string): Promise<Record<string, number>> {
  const kinds = ['pending', 'succeeded', 'canceled', 'upstream_failed', 'unknown_outcome', 'content_rejected']
  const found = await Promise.all(
    kinds.map(async outcome => [
      outcome,
      await scrape(node, 'darkroom_attempts_total', { provider, outcome }),
    ]),
  )
  return Object.fromEntries(found.filter(([, count]) => count !== null))
}

const unknownRatio = (node: Node, provider: string) =>
  scrape(node, 'darkroom_unknown_outcome_ratio', { provider })

test('outcomes and durations are told by model and by provider', async () => {
  const node = await rig.start(calm)
  const keys = ['mild', 'slow', 'rude', 'other']
  await place(node, 'mild', [openai])
  await place(node, 'slow', [openai, 'slow=1500'])
  await place(node, 'rude', [openai, 'moderation_input'])
  await place(node, 'other', ['engine:repeatable'])
  await Promise.all(keys.map(ends))
  const count = (labels: Labels) => scrape(node, 'darkroom_generations_total', labels)
  const made = { model: openai, provider: 'openai', dialect: 'native' }
  expect({
    made: await count({ ...made, state: 'succeeded', reason: '' }),
    refused: await count({ ...made, state: 'blocked', reason: 'content_rejected' }),
    other: await count({ model: 'engine:repeatable', provider: 'repeatable', state: 'succeeded' }),
    all: await count({}),
  }).toEqual({ made: 2, refused: 1, other: 1, all: 4 })
  const labels = { model: openai, provider: 'openai', state: 'succeeded' }
  const name = 'darkroom_generation_duration_seconds'
  expect(await scrape(node, `${name}_count`, labels)).toBe(2)
  const seconds = (await scrape(node, `${name}_sum`, labels)) ?? 0
  expect(seconds).toBeGreaterThan(1.5)
  // All but the slow one took less than that one did.
  expect(await scrape(node, `${name}_bucket`, { ...labels, le: '1' })).toBeLessThan(2)
  await node.stop()
})

test('work that is polled is told of by its end, once, and so is a task that nobody finds', async () => {
  const node = await rig.start(calm)
  await place(node, 'polled', ['engine:tasks', 'slow=100'])
  await place(node, 'fails', ['engine:tasks', 'task_failed'])
  await place(node, 'back', ['engine:tasks', 'vanish=2'])
  const unwanted = await place(node, 'unwanted', ['engine:tasks', 'slow=600000'])
  await eventually('it is awaited', async () => (await fateOf('unwanted'))?.state === 'awaiting')
  await cancel(node, idOf(unwanted))
  await Promise.all(['polled', 'fails', 'back', 'unwanted'].map(ends))
  const told = { pending: 4, succeeded: 2, upstream_failed: 1, canceled: 1 }
  expect(await attemptsOf(node, 'tasks')).toEqual(told)
  expect(await unknownRatio(node, 'tasks')).toBe(0)

  await place(node, 'gone', ['engine:tasks', 'vanish=1000'])
  const [{ id = '' } = {}] = await rig.fates(account.accountId, 'gone')
  const polls = () => rig.engine.tasks.get(`${id}/1/0`)?.polls ?? 0
  await eventually('it is denied more than once', () => polls() >= 2)
  expect((await attemptsOf(node, 'tasks')).unknown_outcome).toBeUndefined()
  await ask(rig.database.ownerDb, "UPDATE clock_offset SET value = value + interval '61 s'")
  await ends('gone')
  expect(await attemptsOf(node, 'tasks')).toEqual({ ...told, pending: 5, unknown_outcome: 1 })
  expect(await unknownRatio(node, 'tasks')).toBe(1 / 5)
  const lost = { model: 'engine:tasks', provider: 'tasks', state: 'failed', reason: 'unknown_outcome' }
  expect(await scrape(node, 'darkroom_generations_total', lost)).toBe(1)
  await node.stop()
})

test('tasks that have not ended at the deadline are told of', async () => {
  const short = { GENERATION_DEADLINE_SYNC_S: '5', GENERATION_DEADLINE_ASYNC_S: '5' }
  const node = await rig.start({ ...calm, ...short })
  await place(node, 'stopped', ['engine:tasks', 'slow=600000'])
  await place(node, 'unstopped', ['engine:tasks', 'slow=600000, no_cancel'])
  await Promise.all(['stopped', 'unstopped'].map(ends))
  expect(await attemptsOf(node, 'tasks')).toEqual({ pending: 2, canceled: 1, unknown_outcome: 1 })
  expect(await unknownRatio(node, 'tasks')).toBe(1 / 2)
  await node.stop()
})

test('what a process that died left behind is told of by the one that finds it', async () => {
  const victim = await rig.start()
  await place(victim, 'cut-off', [openai, 'slow=600000'])
  await rig.openai.waitUntil(() => rig.openai.total.inFlight === 1)
  await rig.arm(victim, 'T6.before:1:kill')
  await place(victim, 'stored', [openai])
  await victim.exited
  const node = await rig.start(calm)
  await Promise.all(['cut-off', 'stored'].map(ends))
  expect(await attemptsOf(node, 'openai')).toEqual({ succeeded: 1, unknown_outcome: 1 })
  expect(await unknownRatio(node, 'openai')).toBe(1 / 2)
  const ended = { model: openai, provider: 'openai' }
  const count = (labels: Labels) => scrape(node, 'darkroom_generations_total', { ...ended, ...labels })
  expect(await count({ state: 'failed', reason: 'unknown_outcome' })).toBe(1)
  expect(await count({ state: 'succeeded' })).toBe(1)
  await node.stop()
})

test('lost answers raise the alarm from one in a hundred on', async () => {
  const node = await rig.start(calm)
  const alarms = () => node.output.filter(line => line.includes('"unknown_rate.alarm"'))
  const lose = async (key: string) => {
    await place(node, key, [openai, 'reset_before_headers'])
    await ends(key)
  }
  await lose('lost-first')
  expect([await unknownRatio(node, 'openai'), alarms()]).toEqual([1, []])
  const fine = Array.from({ length: 99 }, (_, nth) => `fine-${nth}`)
  await Promise.all(fine.map(key => place(node, key, [openai])))
  await Promise.all(fine.map(ends))
  expect([await unknownRatio(node, 'openai'), alarms()]).toEqual([1 / 100, []])
  await lose('lost-again')
  expect(await unknownRatio(node, 'openai')).toBe(2 / 101)
  await eventually('the alarm is in the log', () => alarms().length === 1)
  expect(JSON.parse(alarms()[0] ?? '')).toMatchObject({ level: 'error', provider: 'openai', share: 2 / 101 })
  await node.stop()
})

test('what waits is told of: how many, how long, and their holds', async () => {
  const door = await rig.start(calm, 'serve')
  const keys = ['first', 'second', 'third']
  for (const key of keys) await place(door, key, [openai])
  const read = async () => ({
    depth: await scrape(door, 'darkroom_queue_depth'),
    holds: await scrape(door, 'darkroom_holds_open'),
  })
  await eventually('all are seen', async () => {
    const { depth, holds } = await read()
    return depth === 3 && holds === 3
  })
  const age = () => scrape(door, 'darkroom_queue_age_seconds')
  await eventually('they grow older', async () => ((await age()) ?? 0) > 1.5)
  await cancel(door, (await fateOf('third'))?.id ?? null)
  const canceled = { model: openai, provider: 'none', state: 'canceled' }
  expect(await scrape(door, 'darkroom_generations_total', canceled)).toBe(1)
  const worker = await rig.start(calm, 'work')
  await Promise.all(keys.map(ends))
  await eventually('nothing waits', async () => {
    const { depth, holds } = await read()
    return depth === 0 && holds === 0 && (await age()) === 0
  })
  await Promise.all([door.stop(), worker.stop()])
})
