// Reads of tasks while an upstream misbehaves: what one does delays no order at another, and loses none of its own.
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
import { type BuiltProgram, buildProgram } from './program.ts'

let program: BuiltProgram
let rig: CrashRig
let node: Node
let account: { accountId: string; apiKey: string }

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file })
  // A claim outlasts its read, as it does outside of tests.
  node = await rig.start({ TEST_LEASE_MS: '30000' })
  account = await rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } })
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

const price = 5

async function place(key: string, directives: string, model = 'engine:others'): Promise<void> {
  const call = { apiKey: account.apiKey, key, model, native: true }
  await order(node, { ...call, prompt: `${key} [[emulate: ${directives}]]` })
}

const findFate = async (key: string): Promise<Fate | undefined> =>
  (await rig.fates(account.accountId, key))[0]

async function endOf(key: string): Promise<Fate> {
  await eventually(`${key} ends`, async () => isEnded(await findFate(key)))
  const fate = await findFate(key)
  if (!fate) throw new Error(`${key} is gone`)
  return fate
}

/** More than one process reads at once at one provider. */
const tooMany = 200

test('a provider that answers no read delays none at another, and is itself read again', async () => {
  const keys = Array.from({ length: tooMany }, (_, at) => `hung-${at}`)
  await Promise.all(keys.map(key => place(key, 'poll_hang=1')))
  const reads = () => [...rig.engine.tasks.values()].filter(task => task.polls > 0).length
  await eventually('all places of it are taken', () => reads() >= 120)
  await place('beside', 'slow=100', 'engine:tasks')
  const beside = await endOf('beside')
  expect(beside).toMatchObject({ state: 'succeeded', captured: price })
  // No read that hung has been given up by then.
  const readAgain = [...rig.engine.tasks].filter(
    ([attempt, { polls }]) => polls > 1 && !attempt.startsWith(beside.id),
  )
  expect(readAgain).toEqual([])
  // The read that hung lost the order nothing.
  expect(await endOf('hung-0')).toMatchObject({ state: 'succeeded', captured: price, lossUsdMicro: 0 })
})

test('a store of files that is away for long costs no picture, while other parts go on and when the last has ended', async () => {
  const call = { apiKey: account.apiKey, native: true }
  for (const behaviour of ['slow=30, file_503=7', 'slow=18000'])
    rig.engine.script({ behaviour, prompt: 'beside-parts ', times: 1 })
  await order(node, { ...call, key: 'parts', model: 'engine:singles', prompt: 'beside-parts of foxes', n: 2 })
  await place('alone', 'slow=30, file_503=6')
  for (const key of ['parts', 'alone']) {
    const fate = await endOf(key)
    expect(fate, key).toMatchObject({ state: 'succeeded', captured: fate.price, lossUsdMicro: 0 })
  }
})

test('a picture that a part has lost for good is in the books at its share of the cost', async () => {
  for (const behaviour of ['slow=30, file_404, file_only=1, cost=20000', 'slow=3000, cost=30000'])
    rig.engine.script({ behaviour, prompt: 'lost-one ', times: 1 })
  const call = { apiKey: account.apiKey, native: true, key: 'lost', model: 'engine:pairs', n: 4 }
  await order(node, { ...call, prompt: 'lost-one of foxes' })
  expect(await endOf('lost')).toMatchObject({ state: 'succeeded', captured: 3 * price, lossUsdMicro: 12_500 })
})
