// G-13: an upstream model that fails every call is left alone by each process, except for one probe a period; other
// models, customers' mistakes and slow calls are no part of it.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { failuresToOpen, probeEveryMs } from '../../src/generations/breaker.ts'
import { crashCounts, isProof } from '../counts.ts'
import {
  type Answer,
  type CrashRig,
  createCrashRig,
  eventually,
  isEnded,
  type Node,
  order,
} from './crash-rig.ts'
import { type BuiltProgram, buildProgram } from './program.ts'
import { recordProof } from './record.ts'

const patienceMs = 300_000
/** One upstream model each, so that no other route hides what becomes of it. */
const faulty = 'openai:gpt-image-2'
const sound = 'google:gemini-3-pro-image-preview'

let program: BuiltProgram
let rig: CrashRig
const nodes: Node[] = []
let account: { accountId: string; apiKey: string }
/** With the first it is who fails: one alone would close the door on itself only. */
let other: typeof account

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file, latencyMs: 5 })
  account = await rig.account({ credits: 1_000_000, key: { inFlight: 10_000 } })
  other = await rig.account({ credits: 1_000_000, key: { inFlight: 10_000 } })
})
afterEach(() => Promise.all(nodes.splice(0).map(node => node.kill())))
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

async function start(env: Record<string, string> = {}, role = 'all'): Promise<Node> {
  const node = await rig.start({ TEST_BREAKER: 'on', TEST_LEASE_MS: '20000', ...env }, role)
  nodes.push(node)
  return node
}

function place(
  node: Node,
  key: string,
  options: { model?: string; directives?: string; prefer?: string; by?: typeof account } = {},
) {
  const { model = faulty, directives = '', prefer = 'wait=30', by = account } = options
  const prompt = `${key} [[emulate: ${directives}]]`
  return order(node, { apiKey: by.apiKey, key, model, prompt, native: true, prefer })
}

function placeMany(
  node: Node,
  name: string,
  options: { count: number; model?: string; directives?: string },
) {
  const placeOne = (at: number) =>
    place(node, `${name}-${at}.`, { ...options, by: at % 2 === 0 ? account : other })
  return Promise.all(Array.from({ length: options.count }, (_, at) => placeOne(at)))
}

const endOf = (answer: Answer | null) => (answer?.status === 200 ? answer.body.status : answer?.status)
const callsOf = (name: string) => rig.openai.requests.filter(each => each.prompt?.startsWith(name)).length

/** Fails calls one after the other until the node refuses the model. */
async function breakModel(node: Node, name: string): Promise<void> {
  for (let at = 0; at < failuresToOpen; at += 1) {
    const by = at % 2 === 0 ? account : other
    expect(endOf(await place(node, `${name}-${at}.`, { directives: 'html_500', by }))).toBe('failed')
  }
}

/** Orders until one is refused at the door; its key. A probe that is let in on the way, on a slow machine, fails as well. */
async function placeUntilRefused(
  node: Node,
  name: string,
  options: { model?: string; directives?: string; by?: typeof account } = {},
): Promise<{ key: string; answer: Answer | null }> {
  const { model = faulty, directives = 'html_500', ...more } = options
  const heal = upstreamOf(model).script({ behaviour: directives, prompt: name })
  try {
    for (let tries = 0; ; tries += 1) {
      const key = `${name}-${tries}.`
      const answer = await place(node, key, { model, ...more })
      if (answer?.status === 503 || tries === 5) return { key, answer }
    }
  } finally {
    heal()
  }
}

const upstreamOf = (model: string) => (model === faulty ? rig.openai : rig.engine)

/** What the node says of its breakers. */
async function readBreakers(node: Node): Promise<string[]> {
  const text = await (await fetch(`${node.url}/metrics`)).text()
  return text.split('\n').filter(line => line.startsWith('darkroom_breaker_open{'))
}
const breakerLine = (isOpen: number) =>
  `darkroom_breaker_open{provider="openai",upstream_model="gpt-image-2"} ${isOpen}`

test(
  'a row of failures closes the door on one upstream model, at one process, without a hold',
  async () => {
    const [node, another] = await Promise.all([start(), start()])
    await breakModel(node, 'row')
    expect(await readBreakers(node)).toEqual([breakerLine(1)])
    const before = await rig.balance(account.accountId)
    const { key, answer: refused } = await placeUntilRefused(node, 'row-refused')
    expect([refused?.status, callsOf(key)]).toEqual([503, 0])
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(Number(refused?.headers.get('retry-after'))).toBeLessThanOrEqual(probeEveryMs / 1_000)
    expect(refused?.headers.get('x-should-retry')).not.toBe('false')
    expect(await rig.balance(account.accountId)).toBe(before)
    expect(endOf(await place(node, 'row-sound.', { model: sound }))).toBe('succeeded')
    expect(endOf(await place(another, 'row-other.'))).toBe('succeeded')
    // The key of the refused order is free: once the upstream works, it is an order like any other.
    await eventually('it works again', async () => endOf(await place(node, key)) === 'succeeded')
    expect(await rig.fates(account.accountId, key)).toMatchObject([{ billed: 1, captured: 5 }])
    expect(await readBreakers(node)).toEqual([breakerLine(0)])
  },
  patienceMs,
)

test(
  'one account whose every order fails closes the door on itself, and on nobody else',
  async () => {
    const node = await start()
    for (let at = 0; at < failuresToOpen; at += 1) {
      expect(endOf(await place(node, `alone-${at}.`, { directives: 'html_500' }))).toBe('failed')
    }
    expect((await placeUntilRefused(node, 'alone-refused')).answer?.status).toBe(503)
    expect(endOf(await place(node, 'alone-other.', { by: other }))).toBe('succeeded')
    expect(await readBreakers(node)).toEqual([])
    await eventually(
      'it is let in again',
      async () => endOf(await place(node, 'alone-again.')) === 'succeeded',
    )
  },
  patienceMs,
)

test(
  'a probe is sent after a free check, and none while that fails',
  async () => {
    const checks = () => rig.openai.requests.filter(({ method }) => method === 'GET').length
    const creates = () => rig.openai.requests.filter(({ method }) => method === 'POST').length
    const [node, locked] = await Promise.all([start(), start({ OPENAI_API_KEY: 'sk-no-such-key' })])
    const first = checks()
    await breakModel(node, 'checked')
    await eventually('a probe works', async () => endOf(await place(node, 'checked-probe.')) === 'succeeded')
    expect(checks()).toBe(first + 1)
    expect(await rig.fates(account.accountId, 'checked-probe.')).toMatchObject([{ billed: 1 }])
    await breakModel(locked, 'locked')
    const before = creates()
    let asked = 0
    const askAgain = async () => {
      asked += 1
      await place(locked, `locked-probe-${asked}.`, { prefer: 'wait=1' })
      return checks() >= first + 2
    }
    await eventually('a period passes', askAgain)
    expect(creates()).toBe(before)
  },
  patienceMs,
)

test(
  "customers' mistakes and refused contents never open it",
  async () => {
    const node = await start()
    const mistakes = ['moderation_input', 'content_policy_violation', 'rate_limit=ms, delay=20, first=2']
    for (const [nth, directives] of mistakes.entries()) {
      const answers = await placeMany(node, `mistake-${nth}`, { count: 2 * failuresToOpen, directives })
      const ends = directives.startsWith('rate') ? 'succeeded' : 'blocked'
      expect(answers.map(endOf)).toEqual(answers.map(() => ends))
    }
    expect(endOf(await place(node, 'mistake-none.'))).toBe('succeeded')
    expect(await readBreakers(node)).toEqual([])
  },
  patienceMs,
)

test(
  'a call that takes too long ends alone: those beside it are made, and the door stays open',
  async () => {
    const node = await start({ GENERATION_DEADLINE_SYNC_S: '15', GENERATION_DEADLINE_ASYNC_S: '15' })
    const stuck = place(node, 'stuck.', { directives: 'hang' })
    const others = await placeMany(node, 'beside', { count: 8, directives: 'slow=2000' })
    expect(others.map(endOf)).toEqual(others.map(() => 'succeeded'))
    expect(endOf(await stuck)).toBe('failed')
    expect(endOf(await place(node, 'after-stuck.'))).toBe('succeeded')
    expect(await readBreakers(node)).toEqual([])
  },
  patienceMs,
)

test(
  'while it is open each process sends one probe a period and no more',
  async () => {
    const three = await Promise.all([start(), start(), start()])
    const heal = rig.openai.script({ behaviour: 'html_500', prompt: 'probing' })
    await Promise.all(three.map((node, at) => breakModel(node, `probing-first-${at}`)))
    const before = callsOf('probing')
    const beganAt = performance.now()
    const elapsedMs = () => performance.now() - beganAt
    let orders = 0
    const keepOrdering = async (node: Node) => {
      while (elapsedMs() < crashCounts.probingSeconds * 1_000) {
        orders += 1
        await place(node, `probing-${orders}.`, { prefer: 'wait=1' })
      }
    }
    await Promise.all(three.map(keepOrdering))
    const probes = callsOf('probing') - before
    const periods = elapsedMs() / probeEveryMs
    heal()
    recordProof('probes of three nodes', { orders, probes, periods: Math.floor(periods) })
    expect(orders).toBeGreaterThan((isProof ? 10 : 3) * probes)
    expect(probes).toBeGreaterThan(0)
    expect(probes).toBeLessThanOrEqual(three.length * Math.ceil(periods))
  },
  patienceMs,
)

test(
  'an order that was taken and then meets it waits for the next probe, and is made when that succeeds',
  async () => {
    const [worker, door] = await Promise.all([start(), start({}, 'serve')])
    let states: string[] = []
    // On a slow machine an order may come so late that it is the probe itself; then another one.
    for (let round = 0; round < 5 && !states.includes('not_run'); round += 1) {
      const key = `met-waits-${round}.`
      await breakModel(worker, `met-${round}`)
      // The process that serves alone makes no calls, so it knows of no trouble.
      expect((await place(door, key, { prefer: 'respond-async' }))?.status).toBe(202)
      const find = async () => (await rig.fates(account.accountId, key))[0]
      await eventually('it ends', async () => isEnded(await find()))
      const fate = await find()
      expect(fate).toMatchObject({ state: 'succeeded', captured: 5, billed: 1, lossUsdMicro: 0 })
      states = fate?.attempts.map(attempt => attempt.state) ?? []
      expect(states.at(-1)).toBe('done')
      expect(callsOf(key)).toBe(1)
    }
    expect(states.slice(0, -1)).toContain('not_run')
  },
  patienceMs,
)

test(
  'tasks that are taken on and all fail close the door as calls do, until one ends well',
  async () => {
    const node = await start()
    const model = 'engine:tasks'
    for (let at = 0; at < failuresToOpen; at += 1) {
      const by = at % 2 === 0 ? account : other
      const ended = await place(node, `ends-${at}.`, { model, directives: 'task_failed', by })
      expect(endOf(ended)).toBe('failed')
    }
    const refused = await placeUntilRefused(node, 'ends-refused', { model, directives: 'task_failed' })
    expect(refused.answer?.status).toBe(503)
    await eventually(
      'a task ends well',
      async () => endOf(await place(node, 'ends-again.', { model })) === 'succeeded',
    )
    expect(endOf(await place(node, 'ends-after.', { model }))).toBe('succeeded')
  },
  patienceMs,
)

test.each([
  ['at once', 'engine:others', 'sync_url, file_404'],
  ['by tasks that end', 'engine:tasks', 'file_404'],
])(
  'addresses that are told %s and at which no picture is had close the door as failed calls do, until one is had',
  async (_, model, directives) => {
    const node = await start()
    const name = model.replace(':', '-')
    // One lost picture in between is none of a row.
    for (let at = 0; at < failuresToOpen; at += 1) {
      const by = at % 2 === 0 ? account : other
      const lost = await place(node, `${name}-lost-${at}.`, { model, directives, by })
      expect(endOf(lost)).toBe('failed')
      if (at !== 2) continue
      const had = directives.replace('file_404', 'file_404=1')
      expect(endOf(await place(node, `${name}-had.`, { model, directives: had, by }))).toBe('succeeded')
    }
    expect(endOf(await place(node, `${name}-still.`, { model, directives }))).toBe('failed')
    for (const by of [other, account])
      expect(endOf(await place(node, `${name}-last-${by.accountId}.`, { model, directives, by }))).toBe(
        'failed',
      )
    const refused = await placeUntilRefused(node, `${name}-refused`, { model, directives })
    expect(refused.answer?.status).toBe(503)
    await eventually(
      'a picture is had',
      async () => endOf(await place(node, `${name}-again.`, { model })) === 'succeeded',
    )
    expect(endOf(await place(node, `${name}-after.`, { model }))).toBe('succeeded')
  },
  patienceMs,
)

test(
  'reads that are all lost close it, and those that are answered open it again; no order is lost by it',
  async () => {
    const count = failuresToOpen + 2
    const node = await start({ WORKER_CONCURRENCY: String(count) })
    const by = (at: number) => (at % 2 === 0 ? account : other)
    const keys = Array.from({ length: count }, (_, at) => `reads-${at}.`)
    // All of them are taken on before the first is read: none meets the closed door.
    const resume = rig.engine.pause()
    const options = {
      model: 'engine:others',
      directives: 'poll_500=3, answer_slow=1',
      prefer: 'respond-async',
    }
    const answers = await Promise.all(keys.map((key, at) => place(node, key, { ...options, by: by(at) })))
    expect(answers.map(answer => answer?.status)).toEqual(keys.map(() => 202))
    const ids = answers.map(answer => String(answer?.body.id))
    await eventually('all are sent', () => ids.every(id => rig.engine.tasks.has(`${id}/1/0`)))
    resume()
    for (const [at, key] of keys.entries()) {
      const find = async () => (await rig.fates(by(at).accountId, key))[0]
      await eventually('it ends', async () => isEnded(await find()))
      expect(await find(), key).toMatchObject({ state: 'succeeded', billed: 1 })
    }
    const opened = node.output.filter(line => line.includes('breaker.opened') && line.includes('others'))
    expect(opened.length).toBeGreaterThan(0)
    expect(await readBreakers(node)).toEqual([
      'darkroom_breaker_open{provider="others",upstream_model="others"} 0',
    ])
  },
  patienceMs,
)

test(
  'tasks that are denied for a while and found again close it for nobody, however often they are denied',
  async () => {
    const node = await start()
    // More denials of each than one account is good for, and of both together than open it.
    const options = { model: 'engine:tasks', directives: 'vanish=6', prefer: 'respond-async' }
    const orders = [account, other].map(by => ({ by, key: `denied-${by.accountId}.` }))
    for (const { by, key } of orders) expect((await place(node, key, { ...options, by }))?.status).toBe(202)
    for (const { by, key } of orders) {
      const find = async () => (await rig.fates(by.accountId, key))[0]
      await eventually('it ends', async () => isEnded(await find()))
      expect(await find(), key).toMatchObject({ state: 'succeeded', billed: 1 })
    }
    expect(node.output.filter(line => line.includes('breaker.opened'))).toEqual([])
  },
  patienceMs,
)
