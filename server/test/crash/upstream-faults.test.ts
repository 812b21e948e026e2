// G-2, G-11, G-22: everything an upstream can do wrong over the wire, all at once on one node. Whatever came, it was
// asked once, the customer pays nothing, and the deadline is the end.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { crashCounts, isProof } from '../counts.ts'
import { type CrashRig, calm, createCrashRig, eventually, isEnded, order } from './crash-rig.ts'
import { type BuiltProgram, buildProgram } from './program.ts'

let program: BuiltProgram
let rig: CrashRig

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file, latencyMs: 10 })
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

/** After the work, unless the answer says that there was none. */
const lostAnswers = [
  'reset_before_headers',
  'reset_mid_body',
  'error_500',
  'html_500',
  'html_502',
  'html_503',
  'html_504',
]
const slowAnswers = ['hang', 'stall_mid_body', 'drip=1000', 'endless_body']
const foreignAnswers = [
  'empty_200',
  'not_json',
  'half_json',
  'no_data',
  'null_base64',
  'half_base64',
  'base64_text',
  'html_picture',
  'svg_picture',
  'truncated_picture',
  'long_content_length',
  'redirect=http://169.254.169.254/latest/meta-data',
  'deep_json',
  'huge_body',
  'huge_error',
  'gzip_bomb',
]
/** Long enough for all of them to be sent on a busy machine. */
const deadlineS = 15
/** A hundred megabytes of zeros or of text would show at once. */
const maxGrowthBytes = 200 * 1024 * 1024

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

test('whatever an upstream answers it was asked once, nobody pays, and the deadline is the end', async () => {
  const node = await rig.start({
    ...calm,
    GENERATION_DEADLINE_SYNC_S: String(deadlineS),
    GENERATION_DEADLINE_ASYNC_S: String(deadlineS),
  })
  const { accountId, apiKey } = await rig.account({ credits: 100_000, key: { inFlight: 1_000 } })
  const model = 'openai:gpt-image-2'
  const warmUp = { apiKey, model, key: 'warm-up', prompt: 'a warm-up', native: false }
  expect((await order(node, warmUp))?.status).toBe(200)
  const before = residentBytes(node.pid)
  const beganAt = performance.now()
  const rounds = Array.from({ length: crashCounts.upstreamFaults }, (_, round) => round)
  const faults = [...lostAnswers, ...slowAnswers, ...foreignAnswers]
  const orders = rounds.flatMap(round => faults.map(fault => ({ fault, key: `${fault} ${round}` })))
  const statuses = await Promise.all(
    orders.map(async ({ fault, key }) => {
      const answer = await order(node, {
        ...warmUp,
        key: encodeURIComponent(key),
        prompt: `${key} [[emulate: ${fault}]]`,
      })
      return `${key}: ${answer?.status} ${answer?.headers.get('x-should-retry')}`
    }),
  )
  const tookMs = performance.now() - beganAt
  expect(statuses).toEqual(orders.map(({ key }) => `${key}: 500 false`))
  expect(tookMs).toBeLessThan(deadlineS * 1_000 + (isProof ? 10_000 : 60_000))
  for (const { fault, key } of orders) {
    const fates = await rig.fates(accountId, encodeURIComponent(key))
    expect(fates, key).toHaveLength(1)
    expect(fates[0], key).toMatchObject({ state: 'failed', captured: 0 })
    expect(fates[0]?.billed, key).toBeLessThanOrEqual(1)
    expect(
      rig.openai.requests.filter(each => each.prompt?.startsWith(`${key} `)),
      key,
    ).toHaveLength(1)
    if (fates[0]?.billed === 1) expect(fates[0].lossUsdMicro, fault).toBeGreaterThan(0)
  }
  expect(residentBytes(node.pid) - before).toBeLessThan(maxGrowthBytes)
  await rig.openai.waitUntil(() => rig.openai.total.inFlight === 0)
  expect(await rig.violations()).toEqual([])
  await node.kill()
})

test('an order that waits in the queue past its deadline is released', async () => {
  const node = await rig.start({ GENERATION_DEADLINE_SYNC_S: '5', GENERATION_DEADLINE_ASYNC_S: '5' }, 'serve')
  const { accountId, apiKey } = await rig.account({ credits: 100, key: { inFlight: 10 } })
  const call = { apiKey, key: 'queued', model: 'openai:gpt-image-2', prompt: 'nobody works', native: true }
  expect((await order(node, call))?.status).toBe(202)
  const read = async () => (await rig.fates(accountId, 'queued'))[0]
  const worker = rig.start({ WORKER_CONCURRENCY: '1', FAILPOINT: 'T2.before:0:throw' })
  await eventually('it ends', async () => isEnded(await read()))
  expect(await read()).toMatchObject({ state: 'failed', captured: 0, billed: 0, lossUsdMicro: 0 })
  expect(await rig.balance(accountId)).toBe(100)
  await Promise.all([node.kill(), worker.then(each => each.kill())])
})
