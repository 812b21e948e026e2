// Nodes die while two upstreams with limits fail in turns: whatever happens, no order is bought twice, no upstream gets more
// calls at once than its limit, every place comes back, and the books hold.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { crashCounts, isProof } from '../counts.ts'
import { ask } from '../money.ts'
import { type CrashRig, createCrashRig, eventually } from './crash-rig.ts'
import { runKillLoop } from './kill-loop.ts'
import { type Behaviour, createLoadRecord, placeOrder } from './load.ts'
import { type BuiltProgram, buildProgram } from './program.ts'
import { recordProof } from './record.ts'

const deadlineS = 30
/** Longer than any call here, so that a dead node's call has ended at its upstream before its place is given on. */
const leaseMs = 4_000
const limits = { openai: 3, google: 3 }
const upstreams = ['openai/gpt-image-2', 'google/gemini-nano-banana-2.1'] as const

let program: BuiltProgram
let rig: CrashRig

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file, watched: true })
  const file = join(rig.dataDir, 'catalog.json')
  const catalog = JSON.parse(readFileSync(file, 'utf8')) as { upstreams: object; models: { id: string }[] }
  const [openai, google] = upstreams
  const paced = { [openai]: { maxInFlight: limits.openai }, [google]: { maxInFlight: limits.google } }
  const pair = catalog.models.find(model => model.id === 'engine:pair')
  const ways = [
    { ...pair, id: 'engine:waits', routes: [google, openai] },
    { ...pair, id: 'engine:next', whenBusy: 'next' },
    {
      ...{ ...pair, id: 'engine:lots', routing: 'weight', whenBusy: 'next' },
      routes: upstreams.map((upstream, at) => ({ upstream, weight: at + 1 })),
    },
  ]
  writeFileSync(
    file,
    JSON.stringify({ upstreams: { ...catalog.upstreams, ...paced }, models: [...catalog.models, ...ways] }),
  )
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

const behaviours: Behaviour[] = [
  [0.25, 'engine:pair', 'slow=120'],
  [0.2, 'engine:waits', 'slow=80'],
  [0.2, 'engine:next', 'slow=150'],
  [0.2, 'engine:lots', 'slow=100'],
  [0.05, 'engine:next', 'reset_before_headers'],
  [0.05, 'engine:pair', 'error_500'],
  [0.05, 'engine:lots', 'moderation_input'],
]

/** One upstream after the other fails in one way after the other, so long as nobody is killed. */
function failInTurns(): () => void {
  let heal = () => {}
  let turn = 0
  const ways = ['overloaded', 'html_503, when=after', 'rate_limit=ms', 'reset_before_headers']
  return () => {
    heal()
    const upstream = turn % 2 === 0 ? rig.openai : rig.google
    heal = upstream.script({ behaviour: ways[Math.floor(turn / 2) % ways.length] ?? '', prompt: '' })
    turn += 1
    if (turn % 3 === 0) heal()
  }
}

test(
  'no order is bought twice and no limit is passed while nodes die and upstreams fail in turns',
  async () => {
    const tenants = await Promise.all(
      [1, 2, 3].map(() => rig.account({ credits: 10_000_000, key: { inFlight: 10_000 } })),
    )
    const record = createLoadRecord()
    const violations: string[] = []
    const failNext = failInTurns()
    const env = {
      GENERATION_DEADLINE_SYNC_S: String(deadlineS),
      GENERATION_DEADLINE_ASYNC_S: String(deadlineS),
      TEST_LEASE_MS: String(leaseMs),
      TEST_BREAKER: 'on',
    }
    const sample = async () => {
      violations.push(...(await rig.violations()).map(each => `${each.rule} ${each.subject}`))
    }
    let nth = 0
    const run = await runKillLoop({
      seed: 1,
      nodes: 3,
      kills: crashCounts.chaosKills,
      databaseCrashEvery: 0,
      pauseMs: [700, 1_800],
      start: () => rig.start(env),
      crashDatabase: async () => undefined,
      async sample() {
        await sample()
        failNext()
      },
      callers: 24,
      call(target, random) {
        nth += 1
        const { apiKey } = tenants[nth % tenants.length] ?? { apiKey: '' }
        return placeOrder({ apiKey, record, behaviours }, target, random)
      },
    })
    const rows = () => ask<{ id: string; state: string }>(rig.database.db, 'SELECT id, state FROM generation')
    const isOpen = ({ state }: { state: string }) =>
      !['succeeded', 'failed', 'blocked', 'canceled'].includes(state)
    const patienceMs = deadlineS * 1_000 + 2 * leaseMs + 90_000
    await eventually('all orders end', async () => !(await rows()).some(isOpen), patienceMs)
    await sample()
    await Promise.all(run.ready.map(node => node.kill()))
    const all = await rows()
    const places = await ask<{ in_flight: number }>(rig.database.db, 'SELECT in_flight FROM route_pace')
    const most = { openai: rig.openai.total.maxCreating, google: rig.google.total.maxCreating }
    const succeeded = all.filter(({ state }) => state === 'succeeded').length
    const facts = {
      'bought twice': all.filter(({ id }) => rig.billed(id) > 1).length,
      'sold without work': all.filter(({ id, state }) => state === 'succeeded' && rig.billed(id) < 1).length,
      'places that did not come back': places.reduce((sum, each) => sum + each.in_flight, 0),
      'never answered': record.unanswered.size,
    }
    recordProof('chaos of two upstreams', {
      kills: run.kills,
      orders: all.length,
      succeeded,
      ...most,
      ...facts,
    })
    expect(violations).toEqual([])
    expect(facts).toEqual(Object.fromEntries(Object.keys(facts).map(name => [name, 0])))
    expect(most.openai).toBeLessThanOrEqual(limits.openai)
    expect(most.google).toBeLessThanOrEqual(limits.google)
    // A run in which nobody waited, or one upstream did nothing, proves nothing.
    expect([most.openai, most.google]).toEqual([limits.openai, limits.google])
    expect(succeeded).toBeGreaterThan(all.length / 4)
  },
  isProof ? 1_200_000 : 600_000,
)
