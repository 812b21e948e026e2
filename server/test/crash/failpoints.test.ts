// G-1 and I-12: a process that dies, fails or stalls at any named point of the money path. The cases come from the
// registry of failpoints, so that a new one without a case, or one that is never reached, fails here.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Failpoint, failpoints } from '../../src/failpoints.ts'
import { crashCounts, isProof } from '../counts.ts'
import {
  type Answer,
  type CrashRig,
  crashLeaseMs,
  createCrashRig,
  eventually,
  type Fate,
  idOf,
  isEnded,
  type Node,
  order,
} from './crash-rig.ts'
import { type BuiltProgram, buildProgram } from './program.ts'

type Action = 'kill' | 'throw' | 'hang'
type Outcome = 'succeeded' | 'failed' | 'blocked'

/** What leads an order to the point, and how it ends there (RELIABILITY 2.5): killed or thrown, and stalled. */
type Path = {
  model: string
  directives: string
  broken: Outcome
  stalled: Outcome
  serves: boolean
  /** Pictures ordered; 1. */
  n?: number
  /** How it ends where the point throws, if otherwise than killed. */
  thrown?: Outcome
}

const plain = { model: 'openai:gpt-image-2', directives: '', stalled: 'succeeded' as const, serves: false }
const tasks = { ...plain, model: 'engine:tasks', directives: 'slow=150' }
const unknown = { ...plain, directives: 'reset_before_headers', broken: 'failed', stalled: 'failed' } as const

const paths: Record<Failpoint, Path> = {
  // C0, C2, C3: the process that takes the order claims it too. Stalled, it loses the claim before it began.
  'T1.before': { ...plain, broken: 'succeeded' },
  'T1.after': { ...plain, broken: 'failed', stalled: 'failed' },
  // Claimed from the queue, hence taken by a node that only serves. C3.
  'T2.before': { ...plain, broken: 'failed', serves: true },
  'T2.after': { ...plain, broken: 'failed', serves: true },
  // C3, C4, C7: cannot be told apart, so nobody pays but the operator.
  'submit.before': { ...plain, broken: 'failed' },
  'submit.after': { ...plain, broken: 'failed' },
  'receive.after': { ...plain, broken: 'failed' },
  'T3.before': { ...plain, directives: 'rate_limit=ms,first=1', broken: 'failed' },
  'T3.after': { ...plain, directives: 'rate_limit=ms,first=1', broken: 'succeeded' },
  // C5, C6. Several tasks: handles are kept from the first on, and what came of one is sold without the others.
  'parts.before': { ...tasks, model: 'engine:singles', n: 3, broken: 'failed', thrown: 'succeeded' },
  'parts.after': { ...tasks, model: 'engine:singles', n: 3, broken: 'succeeded' },
  'T4.before': { ...tasks, broken: 'failed' },
  'T4.after': { ...tasks, broken: 'succeeded' },
  'poll.before': { ...tasks, broken: 'succeeded' },
  'poll.after': { ...tasks, broken: 'succeeded' },
  // Outputs at URLs: recorded, then fetched. C8.
  'T5.before': { ...tasks, broken: 'succeeded' },
  'T5.after': { ...tasks, broken: 'succeeded' },
  'manifest.before': { ...tasks, broken: 'succeeded' },
  // C9, C10: of pictures that came with the answer, the manifest is the first record.
  'manifest.after': { ...plain, broken: 'succeeded' },
  'T6.before': { ...plain, broken: 'succeeded' },
  'T6.after': { ...plain, broken: 'succeeded' },
  'T7.before': { ...plain, directives: 'moderation_input', broken: 'failed', stalled: 'blocked' },
  'T7.after': { ...plain, directives: 'moderation_input', broken: 'blocked', stalled: 'blocked' },
  'T9.before': unknown,
  'T9.after': unknown,
  'reconcile.before': unknown,
  'T10.before': { ...tasks, directives: 'vanish=1', broken: 'succeeded' },
  'T10.after': { ...tasks, directives: 'vanish=1', broken: 'succeeded' },
  'T11.before': { ...plain, model: 'engine:repeatable', directives: 'lose,first=1', broken: 'succeeded' },
  'T11.after': { ...plain, model: 'engine:repeatable', directives: 'lose,first=1', broken: 'succeeded' },
  'answer.before': { ...plain, broken: 'succeeded' },
}

/** Before the outcome is known, the upstream may do anything: then only the books and the bill are certain. */
const otherModes = [
  'slow=300',
  'rate_limit=ms,first=1',
  'error_500',
  'reset_mid_body',
  'html_502',
  'not_json',
]
const beforeOutcome: Failpoint[] = [
  'T1.before',
  'T1.after',
  'T2.before',
  'T2.after',
  'submit.before',
  'submit.after',
]

type Case = { point: Failpoint; action: Action; queued: boolean; path: Path; exact: boolean; round: number }

function listCases(action: Action): Case[] {
  return failpoints.flatMap(point =>
    [false, true].flatMap(queued =>
      Array.from({ length: crashCounts.failpointRounds }, (_, round): Case[] => {
        const path = paths[point]
        const exact: Case = { point, action, queued, path, exact: true, round }
        if (!beforeOutcome.includes(point)) return [exact]
        const modes = isProof ? otherModes : otherModes.slice((failpoints.indexOf(point) * 2) % 5).slice(0, 1)
        return [
          exact,
          ...modes.map(directives => ({ ...exact, path: { ...path, directives }, exact: false })),
        ]
      }).flat(),
    ),
  )
}

/** A database of its own with one node that only takes orders, one that also works, and its successor. */
type Lane = { rig: CrashRig; front: Node; worker: Node; accountId: string; apiKey: string }

const laneCount = 4
let program: BuiltProgram
let lanes: Lane[]

beforeAll(async () => {
  program = await buildProgram()
  lanes = await Promise.all(Array.from({ length: laneCount }, openLane))
})
afterAll(async () => {
  await Promise.all((lanes ?? []).map(lane => lane.rig.close()))
  program?.remove()
})

async function openLane(): Promise<Lane> {
  const rig = await createCrashRig({ program: program.file, latencyMs: 10 })
  const [front, worker, account] = await Promise.all([
    rig.start({}, 'serve'),
    rig.start(),
    rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } }),
  ])
  return { rig, front, worker, ...account }
}

/** Everything that is wrong about one case; empty = it holds. */
async function runCase(lane: Lane, each: Case): Promise<string[]> {
  const { rig, apiKey, accountId } = lane
  const { point, action, queued, path } = each
  const key = `${point}-${action}-${queued}-${path.directives}-${each.round}`
  const prompt = `${key} [[emulate: ${path.directives}]]`
  const victim = lane.worker
  const seenBefore = victim.output.length
  await rig.arm(victim, `${point}:1:${action}:${2 * crashLeaseMs}`)
  // Get Images knows no model of the engine; the native dialect waits when it is asked to.
  const native = queued || path.model.startsWith('engine:')
  const call = { apiKey, key, model: path.model, prompt, native, n: path.n ?? 1 }
  const waits = !queued || point === 'answer.before'
  const taker = path.serves ? lane.front : victim
  const first = await order(taker, { ...call, ...(waits ? { prefer: 'wait=20' } : {}) })
  if (action === 'kill') {
    await Promise.race([
      victim.exited,
      eventually('the process dies', () => false, 120_000).catch(() => undefined),
    ])
    lane.worker = await rig.start()
  }
  const again = await order(lane.worker, { ...call, prefer: 'wait=20' })
  await eventually('the order ends', async () => isEnded((await rig.fates(accountId, key))[0])).catch(
    () => undefined,
  )
  const fired = () => victim.output.slice(seenBefore).includes(`failpoint ${point} fired`)
  if (action !== 'kill') {
    // An order may end without it: a poll that stalls, a settlement that stalls once it is made.
    await eventually('the point is reached', fired).catch(() => undefined)
    await rig.arm(lane.worker, '')
  }
  const fates = await rig.fates(accountId, key)
  const problems = [
    ...judge(each, { fates, first, again }),
    ...(fired() ? [] : ['the point was never reached']),
  ]
  return problems.map(problem => `${key}: ${problem}; ${JSON.stringify({ fates, status: first?.status })}`)
}

function endOf({ broken, stalled, thrown = broken }: Path, action: Action): Outcome {
  if (action === 'hang') return stalled
  return action === 'throw' ? thrown : broken
}

function judge(
  { action, path, exact, point }: Case,
  seen: { fates: Fate[]; first: Answer | null; again: Answer | null },
): string[] {
  const [fate] = seen.fates
  if (!fate || seen.fates.length !== 1) return [`${seen.fates.length} generations for one key`]
  const problems: string[] = []
  const check = (holds: boolean, problem: string) => void (holds || problems.push(problem))
  check(isEnded(fate), 'not ended in time')
  if (exact) check(fate.state === endOf(path, action), 'another end than the table says')
  const { n = 1 } = path
  // Of several parts those are sold that were not lost with the process.
  const isCharged = fate.state !== 'succeeded' ? fate.captured === 0 : fate.captured === fate.price
  check(isCharged || (n > 1 && fate.captured > 0 && fate.captured < fate.price), 'charged wrongly')
  check(fate.billed <= n, 'paid upstream more than once')
  check(fate.state !== 'succeeded' || fate.billed * (fate.price / n) >= fate.captured, 'sold without work')
  // An attempt that is done has a cost, which the invariants see to.
  check(
    fate.state !== 'succeeded' || fate.attempts.some(each => each.state === 'done'),
    'sold, and its attempt not done',
  )
  if (fate.state === 'failed' && fate.billed > 0) check(fate.lossUsdMicro > 0, 'the loss is not in the books')
  if (fate.state === 'succeeded' && fate.captured === fate.price)
    check(fate.lossUsdMicro === 0, 'a loss is booked for what was sold')
  for (const answer of [seen.first, seen.again]) {
    const id = idOf(answer)
    check(id === null || id === fate.id, 'an answer names another generation')
    const isFree = point === 'T1.before' && answer === seen.first
    check(!answer || isFree || answer.headers.get('x-should-retry') === 'false', 'an SDK would order again')
  }
  return problems
}

for (const action of ['kill', 'throw', 'hang'] as const) {
  test(
    `after ${action} at any point of the money path the books hold and a retry finds the same order`,
    async () => {
      const waiting = listCases(action)
      const problems: string[] = []
      const work = async (lane: Lane) => {
        for (let next = waiting.shift(); next; next = waiting.shift())
          problems.push(...(await runCase(lane, next)))
        for (const each of await lane.rig.violations()) problems.push(`${each.rule} ${each.subject}`)
        for (const upstream of [lane.rig.openai, lane.rig.engine]) {
          problems.push(...upstream.errors.map(error => `emulator: ${error}`))
        }
      }
      await Promise.all(lanes.map(work))
      expect(problems).toEqual([])
    },
    crashCounts.failpointTimeoutMs,
  )
}
