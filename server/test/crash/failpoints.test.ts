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
import { recordProof } from './record.ts'

type Action = 'kill' | 'throw' | 'hang'
type Outcome = 'succeeded' | 'failed' | 'blocked' | 'canceled'

/** What leads an order to the point, and how it ends there (RELIABILITY 2.5): killed or thrown, and stalled. */
type Path = {
  model: string
  directives: string
  broken: Outcome
  /** Several: whoever comes first decides, and nobody pays for any of them. */
  stalled: Outcome | Outcome[]
  serves: boolean
  /** Pictures ordered; 1. */
  n?: number
  /** How it ends where the point throws, if otherwise than killed. */
  thrown?: Outcome
  /** What stalls there renews no lease: it stalls until the order has been ended without it. */
  isOvertaken?: true
  /** The customer cancels it once it is at its upstream. */
  isCanceled?: true
}

const plain = { model: 'openai:gpt-image-2', directives: '', stalled: 'succeeded' as const, serves: false }
const tasks = { ...plain, model: 'engine:tasks', directives: 'slow=150' }
const canceled = { ...tasks, directives: 'slow=6000', isCanceled: true } as const
const unknown = { ...plain, directives: 'reset_before_headers', broken: 'failed', stalled: 'failed' } as const

const paths: Record<Failpoint, Path> = {
  // C0, C2, C3: the process that takes the order claims it too. Stalled, it loses the claim before it began.
  'T1.before': { ...plain, broken: 'succeeded' },
  'T1.after': { ...plain, broken: 'failed', stalled: 'failed', isOvertaken: true },
  // Claimed from the queue, hence taken by a node that only serves. C3.
  'T2.before': { ...plain, broken: 'failed', serves: true },
  'T2.after': { ...plain, broken: 'failed', serves: true },
  // C3, C4, C7: cannot be told apart, so nobody pays but the operator.
  'submit.before': { ...plain, broken: 'failed' },
  'submit.after': { ...plain, broken: 'failed' },
  'receive.before': { ...plain, broken: 'failed' },
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
  // Between a cancel at the upstream and its settlement (T15): what was not said there runs on and is sold, and what
  // was said is found out by a poll, which may also come before one that stalls. Nobody pays for what is not delivered.
  'cancel.before': { ...canceled, broken: 'succeeded', stalled: ['canceled', 'failed'] },
  'cancel.after': { ...canceled, broken: 'failed', stalled: ['canceled', 'failed'] },
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
  'reconcile.after': unknown,
  'T10.before': { ...tasks, directives: 'vanish=1', broken: 'succeeded' },
  'T10.after': { ...tasks, directives: 'vanish=1', broken: 'succeeded' },
  'T11.before': { ...plain, model: 'engine:repeatable', directives: 'lose,first=1', broken: 'succeeded' },
  'T11.after': { ...plain, model: 'engine:repeatable', directives: 'lose,first=1', broken: 'succeeded' },
  'answer.before': { ...plain, broken: 'succeeded' },
}

/** G-1 names these. The first kind makes the picture, of the second nobody can tell; `hang` lasts until the deadline. */
const modes = {
  made: ['slow=300', 'rate_limit=ms,first=1'],
  lost: [
    ...['error_500', 'reset_mid_body', 'html_502', 'not_json', 'reset_before_headers'],
    ...['redirect=http://169.254.169.254/latest', 'huge_body', 'hang'],
  ],
  // Of the engine, beside what leads to the point.
  tasks: ['poll_500=2', 'answer_slow=300', 'file_503=1', 'file_cut=1'],
}

/** Where every order comes by before its outcome is known, and those that only some outcomes lead to. */
const beforeOutcome: Failpoint[] = [
  ...(['T1.before', 'T1.after', 'T2.before', 'T2.after'] as const),
  ...(['submit.before', 'submit.after'] as const),
]
const onceMade: Failpoint[] = [
  ...(['receive.before', 'receive.after', 'manifest.before', 'manifest.after'] as const),
  ...(['T6.before', 'T6.after', 'answer.before'] as const),
]
const onceLost: Failpoint[] = [
  ...(['T9.before', 'T9.after', 'reconcile.before', 'reconcile.after'] as const),
  ...(['T7.before', 'T7.after', 'answer.before'] as const),
]

/** Directives of the upstream beside those of the table: in a proof run every mode at every point it can lead to. */
function listModes(point: Failpoint): string[] {
  const { model, directives } = paths[point]
  if (model === tasks.model) return isProof ? modes.tasks.map(mode => `${directives},${mode}`) : []
  const isEarly = beforeOutcome.includes(point)
  const all = [
    ...(isEarly || onceMade.includes(point) ? modes.made : []),
    ...(isEarly || onceLost.includes(point) ? modes.lost : []),
  ]
  if (isProof) return all
  // Six of them are quick, one at each early point.
  return isEarly ? all.slice(beforeOutcome.indexOf(point)).slice(0, 1) : []
}

type Case = { point: Failpoint; action: Action; queued: boolean; path: Path; exact: boolean; round: number }

function listCases(action: Action): Case[] {
  const rounds = action === 'kill' ? crashCounts.failpointKills : crashCounts.failpointRounds
  return failpoints.flatMap(point =>
    [false, true].flatMap(queued => {
      const path = paths[point]
      const each = { point, action, queued, path, exact: true, round: 0 }
      const exact = Array.from({ length: rounds }, (_, round): Case => ({ ...each, round }))
      // Under another mode than the table's only the books and the bill are certain.
      const others = listModes(point).map(
        (directives): Case => ({ ...each, path: { ...path, directives }, exact: false }),
      )
      return [...exact, ...others]
    }),
  )
}

/** A database of its own with one node that only takes orders, one that also works, and its successor. */
type Lane = {
  rig: CrashRig
  env: Record<string, string>
  front: Node
  worker: Node
  accountId: string
  apiKey: string
}

const laneCount = 4
/** Lanes for an upstream that hangs, where orders end at a near deadline. */
const hangingLaneCount = isProof ? 2 : 0
const nearDeadline = { GENERATION_DEADLINE_SYNC_S: '12', GENERATION_DEADLINE_ASYNC_S: '12' }
let program: BuiltProgram
let lanes: Lane[]
let hangingLanes: Lane[]
/** Orders under another mode that ended without coming to their point. */
let passedBy = 0

beforeAll(async () => {
  program = await buildProgram()
  const open = (length: number, env: Record<string, string> = {}) =>
    Promise.all(Array.from({ length }, () => openLane(env)))
  lanes = await open(laneCount)
  hangingLanes = await open(hangingLaneCount, nearDeadline)
})
afterAll(async () => {
  program?.remove()
  await Promise.all([...(lanes ?? []), ...(hangingLanes ?? [])].map(lane => lane.rig.close()))
})

async function openLane(env: Record<string, string>): Promise<Lane> {
  const rig = await createCrashRig({ program: program.file, latencyMs: 10, watched: true })
  const [front, worker, account] = await Promise.all([
    rig.start(env, 'serve'),
    rig.start(env),
    rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } }),
  ])
  return { rig, env, front, worker, ...account }
}

/** Everything that is wrong about one case; empty = it holds. */
async function runCase(lane: Lane, each: Case): Promise<string[]> {
  const { rig, apiKey, accountId } = lane
  const { point, action, queued, path } = each
  const key = `${point}-${action}-${queued}-${path.directives}-${each.round}`
  const prompt = `${key} [[emulate: ${path.directives}]]`
  const victim = lane.worker
  const seenBefore = victim.output.length
  const isOvertaken = action === 'hang' && path.isOvertaken
  await rig.arm(victim, `${point}:1:${action}${isOvertaken ? '' : `:${2 * crashLeaseMs}`}`)
  // Get Images knows no model of the engine; the native dialect waits when it is asked to.
  const native = queued || path.model.startsWith('engine:')
  const call = { apiKey, key, model: path.model, prompt, native, n: path.n ?? 1 }
  const waits = !queued || point === 'answer.before'
  const taker = path.serves ? lane.front : victim
  const placed = order(taker, { ...call, ...(waits ? { prefer: 'wait=20' } : {}) })
  const cancels = path.isCanceled ? cancelOnce(lane, victim, key) : null
  const hasEnded = async () => isEnded((await rig.fates(accountId, key))[0])
  if (isOvertaken) {
    await eventually('it is ended without it', hasEnded).catch(() => undefined)
    await rig.arm(victim, '')
  }
  const first = await placed
  if (action !== 'kill') await cancels
  const surely = each.exact || beforeOutcome.includes(point)
  if (action === 'kill') {
    // Under another mode an order may end without coming here; then nobody dies by himself.
    const isOver = surely ? () => false : hasEnded
    await Promise.race([victim.exited, eventually('the process dies', isOver).catch(() => undefined)])
    await victim.kill()
    lane.worker = await rig.start(lane.env)
  }
  const again = await order(lane.worker, { ...call, prefer: 'wait=20' })
  await eventually('the order ends', hasEnded).catch(() => undefined)
  const fired = () => victim.output.slice(seenBefore).includes(`failpoint ${point} fired`)
  if (action !== 'kill') {
    // An order may end without it: a poll that stalls, a settlement that stalls once it is made.
    await eventually('the point is reached', fired, surely ? undefined : 1_000).catch(() => undefined)
    await rig.arm(lane.worker, '')
  }
  const fates = await rig.fates(accountId, key)
  if (!fired() && !surely) passedBy += 1
  const problems = [
    ...judge(each, { fates, first, again }),
    ...(fired() || !surely ? [] : ['the point was never reached']),
  ]
  return problems.map(problem => `${key}: ${problem}; ${JSON.stringify({ fates, status: first?.status })}`)
}

/** The customer's cancel at that node, when the order is at its upstream. */
async function cancelOnce({ rig, accountId, apiKey }: Lane, node: Node, key: string): Promise<void> {
  let fate: Fate | undefined
  await eventually('the order is at its upstream', async () => {
    ;[fate] = await rig.fates(accountId, key)
    return fate?.state === 'awaiting'
  })
  const init = { method: 'POST', headers: { authorization: `Bearer ${apiKey}` } }
  // The process may die of it.
  await fetch(`${node.url}/api/v1/generations/${fate?.id}/cancel`, init).catch(() => undefined)
}

function endsOf({ broken, stalled, thrown = broken }: Path, action: Action): Outcome[] {
  if (action === 'hang') return [stalled].flat()
  return [action === 'throw' ? thrown : broken]
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
  if (exact) check(endsOf(path, action).includes(fate.state as Outcome), 'another end than the table says')
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
  // What was canceled in time is not billed; the emulator counts what it began.
  if (fate.state === 'failed' && fate.billed > 0 && !path.isCanceled)
    check(fate.lossUsdMicro > 0, 'the loss is not in the books')
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
      const cases = listCases(action)
      const hanging = cases.filter(each => each.path.directives === 'hang')
      const others = cases.filter(each => each.path.directives !== 'hang')
      const problems: string[] = []
      passedBy = 0
      const work = async (lane: Lane, waiting: Case[]) => {
        for (let next = waiting.shift(); next; next = waiting.shift())
          problems.push(...(await runCase(lane, next)))
        for (const each of await lane.rig.violations()) problems.push(`${each.rule} ${each.subject}`)
        for (const upstream of [lane.rig.openai, lane.rig.engine]) {
          problems.push(...upstream.errors.map(error => `emulator: ${error}`))
        }
      }
      const beganAt = performance.now()
      await Promise.all([
        ...lanes.map(lane => work(lane, others)),
        ...hangingLanes.map(lane => work(lane, hanging)),
      ])
      recordProof('failpoints', {
        action,
        cases: cases.length,
        'under other modes': cases.filter(each => !each.exact).length,
        'passed by': passedBy,
        seconds: Math.round((performance.now() - beganAt) / 1_000),
      })
      expect(problems).toEqual([])
      // A list of modes that lead elsewhere would prove nothing.
      expect(passedBy).toBeLessThan(cases.length / 5)
    },
    crashCounts.failpointTimeoutMs,
  )
}
