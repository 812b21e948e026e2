// G-8: a customer's cancel against everything that may happen at the same moment. One of them wins, the answer
// tells which, and the money follows it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cancelGeneration } from '../../src/generations/cancel.ts'
import { createGenerationEvents } from '../../src/generations/observe.ts'
import { createRedact } from '../../src/generations/redaction.ts'
import { createSettledBus } from '../../src/generations/settled.ts'
import { createLog } from '../../src/log.ts'
import { createOutbound } from '../../src/outbound.ts'
import { createMetrics } from '../../src/telemetry.ts'
import { crashCounts } from '../counts.ts'
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
import { createEngineProviders } from './engine.ts'
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

/** The cancel as a node would run it, on the rig's database and engine. */
function makeCancel() {
  const log = createLog({ level: 'silent', logPrompts: false })
  const http = createOutbound({
    allow: [new URL(rig.engine.url).host],
    configuredOrigins: [],
    log,
    assertNoTransaction: () => undefined,
  })
  const needs = {
    db: rig.database.db,
    settled: createSettledBus(),
    events: createGenerationEvents(log, createMetrics()),
    processName: 'a test',
    providers: new Map(createEngineProviders().map(provider => [provider.name, provider])),
    http,
    redact: createRedact([]),
    attemptHeaders: () => ({}),
    moderation: { checksOutput: false },
    leaseMs: 60_000,
    hooks: { urlOf: () => null },
  }
  // What a cancel never touches is not there: touching it would throw.
  const cancel = (id: string) =>
    cancelGeneration(needs as unknown as Parameters<typeof cancelGeneration>[0], account.accountId, id)
  return { cancel, close: () => http.close() }
}

async function place(key: string, directives: string, model = 'engine:tasks'): Promise<string> {
  const prompt = `${key} [[emulate: ${directives}]]`
  const answer = await order(node, { apiKey: account.apiKey, key, model, prompt, native: true })
  const id = idOf(answer)
  if (!id) throw new Error(`refused with ${answer?.status}`)
  return id
}

async function fateOf(key: string) {
  const [fate] = await rig.fates(account.accountId, key)
  return fate
}

test('a cancel that meets a success has one winner, and its answer tells the truth', async () => {
  const { cancel, close } = makeCancel()
  const seen = new Set<string>()
  for (let round = 0; round < crashCounts.cancelRaces; round += 1) {
    const key = `race-${round}`
    // One round in five is too long to be missed and one is over at once, so that each side wins some; the others
    // meet within the 90 ms around the poll that tells of the success.
    const kind = round % 5
    const id = await place(key, `slow=${kind === 0 ? 60_000 : kind === 1 ? 0 : 100}`)
    const begun = async () => !['queued', 'dispatching'].includes((await fateOf(key))?.state ?? '')
    const isNear = kind === 1 ? async () => isEnded(await fateOf(key)) : begun
    await eventually('it is time to cancel', isNear)
    const aimMs = 40 + ((round * 7) % 90)
    const result = await new Promise<Awaited<ReturnType<typeof cancel>>>((resolve, reject) => {
      setTimeout(() => cancel(id).then(resolve, reject), aimMs)
    })
    await eventually('it ends', async () => isEnded(await fateOf(key)))
    const fate = await fateOf(key)
    seen.add(`${result?.kind} ${fate?.state}`)
    if (result?.kind === 'canceled') expect(fate).toMatchObject({ state: 'canceled', captured: 0 })
    if (result?.kind === 'already_ended') expect(fate?.state).toBe(result.generation.state)
    if (result?.kind === 'runs_on') expect(['succeeded', 'failed']).toContain(fate?.state)
  }
  expect(await rig.violations()).toEqual([])
  // Both must have won, or no race took place.
  expect([...seen].some(each => each.startsWith('canceled'))).toBe(true)
  expect([...seen].some(each => each.endsWith('succeeded'))).toBe(true)
  await close()
})

test('a cancel that the upstream refuses leaves the work running, and the picture is sold', async () => {
  const { cancel, close } = makeCancel()
  const id = await place('refused', 'slow=6000,no_cancel')
  await eventually('it is awaited', async () => (await fateOf('refused'))?.state === 'awaiting')
  expect(await cancel(id)).toMatchObject({ kind: 'runs_on' })
  await eventually('it ends', async () => isEnded(await fateOf('refused')))
  expect(await fateOf('refused')).toMatchObject({ state: 'succeeded', captured: 5, billed: 1 })
  await close()
})

test('a cancel between two tries of a queued order ends it, and nothing is sent again', async () => {
  const { cancel, close } = makeCancel()
  const key = 'between'
  const id = await place(key, 'rate_limit=ms,delay=60000', 'openai:gpt-image-2')
  await eventually('it waits for its second try', async () => {
    const fate = await fateOf(key)
    return fate?.state === 'queued' && fate.attempts.length === 1
  })
  expect(await cancel(id)).toMatchObject({ kind: 'canceled' })
  expect(await cancel(id)).toMatchObject({ kind: 'already_ended' })
  expect(await fateOf(key)).toMatchObject({ state: 'canceled', captured: 0, billed: 0 })
  expect(rig.openai.requests.filter(each => each.prompt?.startsWith(key))).toHaveLength(1)
  expect(await rig.violations()).toEqual([])
  await close()
})

test('a cancel of a second try cancels that one at the upstream', async () => {
  const { cancel, close } = makeCancel()
  rig.engine.script({ behaviour: 'refuse=rate_limited', prompt: 'second-try ', times: 1 })
  rig.engine.script({ behaviour: 'slow=60000', prompt: 'second-try ' })
  const id = await place('second-try', '')
  await eventually('the second try is awaited', async () => {
    const fate = await fateOf('second-try')
    return fate?.state === 'awaiting' && fate.attempts.length === 2
  })
  expect(await cancel(id)).toMatchObject({ kind: 'canceled' })
  expect(rig.engine.tasks.get(`${id}/2/0`)).toMatchObject({ canceled: true })
  expect(await fateOf('second-try')).toMatchObject({ state: 'canceled', captured: 0 })
  expect(await rig.violations()).toEqual([])
  await close()
})
