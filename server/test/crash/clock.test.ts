// The clock of the database is the only one that counts: a node whose own clock is minutes off shortens no order,
// lengthens none and loses no result. The database's clock is set off against that of the nodes, which looks the same.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isProof } from '../counts.ts'
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
let account: { accountId: string; apiKey: string }
let node: Node
let orders = 0
let silent: ReturnType<typeof orderSilent>

/** Long enough for a retry on a busy machine: none is begun with less than five seconds left. */
const deadlineS = 15

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file })
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

/** What the database's clock is ahead of the nodes'. */
async function setClock(minutes: number): Promise<void> {
  const text = 'UPDATE clock_offset SET value = make_interval(mins => $1::int)'
  await rig.database.ownerDb.query({ name: 'test_set_clock', text }, [minutes])
}

function place(model: string, directives: string) {
  orders += 1
  const key = `order-${orders}`
  const call = {
    apiKey: account.apiKey,
    key,
    model,
    prompt: `${key} [[emulate: ${directives}]]`,
    native: true,
  }
  return { key, call }
}

async function orderSilent() {
  const { key, call } = place('openai:gpt-image-2', 'hang')
  const beganAt = performance.now()
  const answer = await order(node, { ...call, native: false })
  return { key, answer, tookMs: performance.now() - beganAt }
}

async function endOf(key: string): Promise<Fate> {
  const find = async () => (await rig.fates(account.accountId, key))[0]
  await eventually(`${key} ends`, async () => isEnded(await find()))
  const fate = await find()
  if (!fate) throw new Error(`${key} is gone`)
  return fate
}

describe.each([
  ['ten minutes ahead', -10],
  ['ten minutes behind', 10],
])('a node whose clock is %s', (_, minutes) => {
  beforeAll(async () => {
    await setClock(minutes)
    account = await rig.account({ credits: 1_000, key: { inFlight: 100 } })
    const deadline = String(deadlineS)
    node = await rig.start({
      ...calm,
      GENERATION_DEADLINE_SYNC_S: deadline,
      GENERATION_DEADLINE_ASYNC_S: deadline,
    })
    // Waits for its deadline while the others run.
    silent = orderSilent()
  })
  afterAll(async () => {
    await node?.kill()
    await setClock(0)
  })

  test('delivers', async () => {
    const { call } = place('openai:gpt-image-2', 'slow=50')
    expect((await order(node, { ...call, native: false }))?.status).toBe(200)
  })

  test('tries again what did not run', async () => {
    const { key, call } = place('engine:tasks', 'refuse=rate_limited, first=1')
    await order(node, call)
    const fate = await endOf(key)
    expect(fate).toMatchObject({ state: 'succeeded', billed: 1 })
    expect(fate.attempts.map(({ state }) => state)).toEqual(['not_run', 'done'])
  })

  test('fetches results again that were not there at first', async () => {
    const { key, call } = place('engine:tasks', 'file_500=1')
    await order(node, call)
    expect(await endOf(key)).toMatchObject({ state: 'succeeded', billed: 1, lossUsdMicro: 0 })
  })

  test('polls on for a result whose first reads were lost', async () => {
    const { key, call } = place('engine:tasks', 'vanish=1')
    await order(node, call)
    expect(await endOf(key)).toMatchObject({ state: 'succeeded', billed: 1 })
  })

  test('begins no try that could not end in time', async () => {
    const { key, call } = place('openai:gpt-image-2', 'rate_limit=seconds, delay=11')
    await order(node, call)
    const fate = await endOf(key)
    expect(fate).toMatchObject({ state: 'failed', captured: 0, billed: 0 })
    expect(fate.attempts).toHaveLength(1)
  })

  test('cuts a silent upstream at the deadline and answers', async () => {
    const { key, answer, tookMs } = await silent
    expect(answer?.status).toBe(500)
    expect(tookMs).toBeGreaterThan(deadlineS * 1_000 - 500)
    expect(tookMs).toBeLessThan(deadlineS * 1_000 + (isProof ? 8_000 : 60_000))
    const cut = () => rig.openai.requests.find(each => each.prompt?.startsWith(`${key} `))?.end === 'cut'
    await eventually('the call is cut', cut)
    expect(await rig.violations()).toEqual([])
  })
})
