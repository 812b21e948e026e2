// What upstreams refuse, fail and deliver in part, and what of it the books show as the operator's loss: the cost
// that was stated, else the expected one, and nothing where the answer proves that nothing ran.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { acceptLosses } from '../../src/books/losses.ts'
import { leaveMidnight } from '../money.ts'
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
  rig = await createCrashRig({ program: program.file, latencyMs: 5 })
  await leaveMidnight(rig.database.ownerDb)
  node = await rig.start(calm)
  account = await rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } })
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

/** What the test engine's catalogue expects a picture to cost. */
const expectedUsdMicro = 10_000

type Case = { directives: string; lossUsdMicro: number; state?: string; native?: boolean; model?: string }

async function endOf(key: string): Promise<Fate> {
  const find = async () => (await rig.fates(account.accountId, key))[0]
  await eventually(`${key} ends`, async () => isEnded(await find()))
  const fate = await find()
  if (!fate) throw new Error(`${key} is gone`)
  return fate
}

/** Places all orders at once and compares what became of each. */
async function check(name: string, model: string, cases: Case[]): Promise<void> {
  const keyOf = (at: number) => `${name}-${at}`
  await Promise.all(
    cases.map(({ directives }, at) => {
      const prompt = `${keyOf(at)} [[emulate: ${directives}]]`
      return order(node, { apiKey: account.apiKey, key: keyOf(at), model, prompt, native: true })
    }),
  )
  const ends = await Promise.all(cases.map((_, at) => endOf(keyOf(at))))
  const found = ends.map(({ state, captured, lossUsdMicro }, at) => {
    return { directives: cases[at]?.directives, state, captured, lossUsdMicro }
  })
  expect(found).toEqual(
    cases.map(({ directives, state = 'failed', lossUsdMicro }) => {
      return { directives, state, captured: 0, lossUsdMicro }
    }),
  )
}

const billable: [string, string?][] = [
  ['malformed_response'],
  ['unknown_outcome'],
  ['upstream_failed'],
  ['content_rejected', 'blocked'],
  ['content_rejected, stage=output', 'blocked'],
  ['invalid_request, accepted'],
]
const notRun: [string, string?][] = [
  ['invalid_request'],
  ['rate_limited'],
  ['quota_exhausted'],
  ['unavailable'],
  ['misconfigured'],
  ['model_retired'],
  ['content_rejected, stage=input', 'blocked'],
]

test('a create that is refused is lost at the stated cost, else at the expected one if it may have run', async () => {
  const cases = (kinds: [string, string?][], lossUsdMicro: number, more = ''): Case[] =>
    kinds.map(([kind, state]) => {
      return { directives: `refuse=${kind}${more}`, lossUsdMicro, ...(state ? { state } : {}) }
    })
  await check('refused', 'engine:tasks', [
    ...cases(billable, expectedUsdMicro),
    ...cases(billable, 1_234, ', cost=1234'),
    ...cases(billable, 0, ', cost=0'),
    ...cases(notRun, 0),
    ...cases(notRun, 77, ', cost=77'),
  ])
})

test('a task that ends as a failure is lost likewise', async () => {
  // After these a task is read again.
  const passing = ['rate_limited', 'unavailable', 'misconfigured', 'unknown_outcome']
  const ends = [...billable, ...notRun].filter(([kind]) => !passing.includes(kind))
  const cases = ends.flatMap(([kind, state]): Case[] => {
    const lossUsdMicro = billable.some(([each]) => each === kind) ? expectedUsdMicro : 0
    const more = state ? { state } : {}
    return [
      { directives: `end=${kind}`, lossUsdMicro, ...more },
      { directives: `end=${kind}, cost=4321`, lossUsdMicro: 4_321, ...more },
    ]
  })
  await check('ended', 'engine:tasks', cases)
})

test('pictures of the shipped upstreams that are refused on arrival, by an answer without tokens, are lost at their expected cost', async () => {
  const openai = 'openai:gpt-image-2'
  const google = 'google:gemini-3.1-flash-image-preview'
  const priceOf = async (model: string) => {
    const key = `price-${model}`
    await order(node, { apiKey: account.apiKey, key, model, prompt: `a price of ${model}`, native: true })
    const { id } = await endOf(key)
    const rows = await rig.database.db.query<{ cost: number }>(
      {
        name: 'test_cost',
        text: 'SELECT expected_cost_usd_micro AS cost FROM attempt WHERE generation_id = $1',
      },
      [id],
    )
    return rows[0]?.cost ?? Number.NaN
  }
  const [ofOpenai, ofGoogle] = [await priceOf(openai), await priceOf(google)]
  expect(Math.min(ofOpenai, ofGoogle)).toBeGreaterThan(0)
  await check('openai', openai, [
    { directives: 'html_picture, no_usage', lossUsdMicro: ofOpenai },
    { directives: 'no_data, no_usage', lossUsdMicro: ofOpenai },
    { directives: 'moderation_output', state: 'blocked', lossUsdMicro: ofOpenai },
    { directives: 'moderation_input', state: 'blocked', lossUsdMicro: 0 },
  ])
  await check('google', google, [
    { directives: 'html_picture, no_usage', lossUsdMicro: ofGoogle },
    { directives: 'no_usage, finish=IMAGE_SAFETY', state: 'blocked', lossUsdMicro: ofGoogle },
    { directives: 'no_usage, finish=NO_IMAGE', state: 'blocked', lossUsdMicro: ofGoogle },
    { directives: 'no_usage, finish=LANGUAGE', lossUsdMicro: ofGoogle },
    { directives: 'no_usage, text_only', state: 'blocked', lossUsdMicro: ofGoogle },
    { directives: 'no_usage, block', state: 'blocked', lossUsdMicro: 0 },
  ])
})

test('a loss that was stated beside pictures survives the death of the process that heard it', async () => {
  // Alone, because any node may take the poll.
  await node.stop()
  const dying = await rig.start({ FAILPOINT: 'T5.after:1:kill' })
  const key = 'stated-then-killed'
  const call = { apiKey: account.apiKey, key, model: 'engine:tasks', native: true }
  await order(dying, { ...call, prompt: `${key} [[emulate: cost=777, file_404]]` })
  await dying.exited
  node = await rig.start(calm)
  expect(await endOf(key)).toMatchObject({ state: 'failed', captured: 0, lossUsdMicro: 777 })
})

test('at the daily cap orders that only that upstream could make are refused at the door, and all others go on', async () => {
  const limits = { alarmUsdMicro: 100_000_000, capUsdMicro: 3_000_000 }
  await node.stop()
  node = await rig.start({ ...calm, LOSS_CAP_USD: '3' })
  const call = (key: string, { model = 'engine:tasks', directives = '' } = {}) =>
    order(node, {
      apiKey: account.apiKey,
      key,
      model,
      native: true,
      prompt: `${key} [[emulate: ${directives}]]`,
    })
  expect((await call('under-way', { directives: 'slow=20000' }))?.status).toBe(202)
  await call('dear', { directives: 'refuse=upstream_failed, cost=3000000' })
  expect(await endOf('dear')).toMatchObject({ state: 'failed', lossUsdMicro: limits.capUsdMicro })

  let tries = 0
  const isRefused = async () => (await call(`until-refused-${tries++}`))?.status === 503
  await eventually('the node has looked', isRefused)
  const native = await call('refused-native')
  expect(native).toMatchObject({
    status: 503,
    body: { code: 'unavailable', error: 'The model is not available right now.' },
  })
  expect(Number(native?.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await rig.fates(account.accountId, 'refused-native')).toEqual([])

  // A repeat is told of its order, another route serves, and what is under way is sold.
  expect(await call('dear', { directives: 'refuse=upstream_failed, cost=3000000' })).toMatchObject({
    body: { status: 'failed' },
  })
  for (const model of ['engine:repeatable', 'engine:refused']) {
    await call(`beside-${model}`, { model })
    expect(await endOf(`beside-${model}`)).toMatchObject({ state: 'succeeded' })
  }
  expect(await endOf('under-way')).toMatchObject({ state: 'succeeded', captured: 5, billed: 1 })

  await acceptLosses(rig.database.db, limits, 'tasks')
  await eventually('it is open again', async () => (await call(`again-${tries++}`))?.status === 202)
})
