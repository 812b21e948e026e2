// L-2 for cancels: the last bytes of thirty of them arrive together at three processes, before, around and after the end
// of their order. It ends once, its hold is resolved once, and every answer tells which way.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { raceCounts } from '../counts.ts'
import {
  type CrashRig,
  calm,
  createCrashRig,
  eventually,
  idOf,
  isEnded,
  type Node,
  order,
} from '../crash/crash-rig.ts'
import { type BuiltProgram, buildProgram } from '../crash/program.ts'
import { countBooks, holdLastByte, times } from './cluster.ts'

let program: BuiltProgram
let rig: CrashRig
let nodes: Node[]

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file })
  nodes = await times(3, () => rig.start(calm))
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

const price = 5
const node = (nth: number) => nodes[nth % nodes.length] as Node

/** How long the work takes, and what the cancels wait for. */
const meetings = [
  { name: 'before', slowMs: () => 60_000, until: ['awaiting'] },
  // The work ends within the polls that the cancels meet: sooner or later than they, by the round.
  {
    name: 'around',
    slowMs: (round: number) => (round * 29) % 120,
    until: ['awaiting', 'storing', 'succeeded'],
  },
  { name: 'after', slowMs: () => 0, until: ['succeeded'] },
]

type Told = { outcome: string; generation: { status: string } }

async function race(round: number): Promise<{ name: string; state: string }> {
  const meeting = meetings[round % meetings.length] as (typeof meetings)[number]
  const { accountId, apiKey } = await rig.account({ credits: price })
  const key = `round-${round}`
  const call = { apiKey, key, model: 'engine:tasks', native: true }
  const answer = await order(node(round), {
    ...call,
    prompt: `a boat [[emulate: slow=${meeting.slowMs(round)}]]`,
  })
  const path = `/api/v1/generations/${idOf(answer)}/cancel`
  const held = await times(30, index => holdLastByte(node(index), apiKey, { path }))
  const stateOf = async () => (await rig.fates(accountId, key))[0]
  await eventually('it is time to cancel', async () => meeting.until.includes((await stateOf())?.state ?? ''))
  for (const each of held) each.release()
  const answers = await Promise.all(held.map(each => each.answer))
  await eventually('it ends', async () => isEnded(await stateOf()))

  const fate = await stateOf()
  const state = fate?.state ?? ''
  expect(await countBooks(rig, accountId)).toEqual({ generations: 1, holds: 1, resolutions: 1 })
  const isCanceled = state === 'canceled'
  expect(fate).toMatchObject({ captured: isCanceled ? 0 : price })
  expect(await rig.balance(accountId)).toBe(isCanceled ? price : 0)
  expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(200))
  for (const { body } of answers) {
    const { outcome, generation } = JSON.parse(body) as Told
    // What runs on may be canceled by another of them; what has ended stays as it was told.
    if (outcome === 'canceled') expect(state).toBe('canceled')
    if (outcome === 'already_ended') expect([generation.status, state]).toEqual(['succeeded', 'succeeded'])
  }
  return { name: meeting.name, state }
}

test('thirty cancels whose last bytes arrive together and the end of their order resolve its hold once', async () => {
  const seen = new Map<string, Set<string>>()
  for (let round = 0; round < raceCounts.cancelRounds; round += 1) {
    const { name, state } = await race(round)
    seen.set(name, (seen.get(name) ?? new Set()).add(state))
  }
  expect([...(seen.get('before') ?? [])]).toEqual(['canceled'])
  expect([...(seen.get('after') ?? [])]).toEqual(['succeeded'])
  expect(seen.get('around')?.size).toBeGreaterThan(0)
  expect(await rig.violations()).toEqual([])
})
