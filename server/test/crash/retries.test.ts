// G-3, G-12, G-15: only what did not run is tried again, at another upstream too, and never so often that it adds to
// an upstream's trouble. The breaker's part of that is in breaker.test.ts.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { restoreModel } from '../../src/models/life-store.ts'
import { type FailureKind, failureKinds } from '../../src/providers/provider.ts'
import { crashCounts, isProof as inProof } from '../counts.ts'
import { startFaultProxy } from '../fault-proxy.ts'
import { type CrashRig, createCrashRig, eventually, isEnded, type Node, order } from './crash-rig.ts'
import { type BuiltProgram, buildProgram } from './program.ts'
import { recordProof } from './record.ts'

const model = 'openai:gpt-image-2'
const patienceMs = 600_000

let program: BuiltProgram
let rig: CrashRig
const nodes: Node[] = []
let account: { accountId: string; apiKey: string }

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file, latencyMs: 5 })
  account = await rig.account({ credits: 1_000_000, key: { inFlight: 10_000 } })
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

afterEach(() => Promise.all(nodes.splice(0).map(node => node.kill())))

/** A node whose leases outlast a busy machine: nothing here dies. */
async function start(env: Record<string, string> = {}): Promise<Node> {
  const node = await rig.start({ TEST_BREAKER: 'on', TEST_LEASE_MS: '20000', ...env })
  nodes.push(node)
  return node
}

type Place = { model?: string; prompt?: string; prefer?: string }

/** Orders under a key, which is also the beginning of the prompt; waits for the end unless told otherwise. */
function place(node: { url: string }, key: string, options: Place = {}) {
  const call = { apiKey: account.apiKey, key, model, native: true, prompt: `${key} `, prefer: 'wait=30' }
  return order(node, { ...call, ...options })
}

async function fateOf(key: string) {
  const [fate, ...more] = await rig.fates(account.accountId, key)
  if (!fate || more.length > 0) throw new Error(`not one order under ${key}`)
  return fate
}

const keysOf = (name: string, count: number) => Array.from({ length: count }, (_, at) => `${name}-${at}.`)
const callsOf = (upstream: { requests: { prompt: string | null }[] }, key: string) =>
  upstream.requests.filter(each => each.prompt?.startsWith(key)).length

/** The items in turn, so many at once. */
async function inBatches<Item>(items: readonly Item[], size: number, run: (batch: Item[]) => Promise<void>) {
  for (let at = 0; at < items.length; at += size) await run(items.slice(at, at + size))
}

describe('what did not run is tried again', () => {
  test(
    'after two refusals for the rate: three tries, one of them billed',
    async () => {
      const node = await start()
      await inBatches(keysOf('limited', crashCounts.retriedOrders), 30, async keys => {
        const prompt = (key: string) => `${key} [[emulate: rate_limit=ms, delay=50, first=2]]`
        const answers = await Promise.all(keys.map(key => place(node, key, { prompt: prompt(key) })))
        expect(answers.map(answer => answer?.body.status)).toEqual(keys.map(() => 'succeeded'))
        for (const key of keys) {
          const { attempts, ...fate } = await fateOf(key)
          expect(fate).toMatchObject({ state: 'succeeded', captured: 5, billed: 1, lossUsdMicro: 0 })
          expect(attempts.map(each => each.state)).toEqual(['not_run', 'not_run', 'done'])
          expect(callsOf(rig.openai, key)).toBe(3)
        }
      })
    },
    patienceMs,
  )

  test(
    'after a connection that was refused',
    async () => {
      const proxy = await startFaultProxy({ host: '127.0.0.1', port: rig.openai.port })
      // So many refusals in a row open a breaker, which is no part of this.
      const node = await start({
        OPENAI_BASE_URL: proxy.through(`${rig.openai.url}/v1`),
        TEST_BREAKER: 'off',
      })
      const fatesOf = (keys: string[]) => Promise.all(keys.map(fateOf))
      /** False when the machine was so slow that one was refused all its tries before the upstream was there again. */
      const tryAll = async (keys: string[]): Promise<boolean> => {
        await proxy.setMode({ kind: 'refuse' })
        await Promise.all(keys.map(key => place(node, key, { prefer: 'respond-async' })))
        const isRefused = async () =>
          (await fatesOf(keys)).every(({ attempts }) => attempts[0]?.state === 'not_run')
        await eventually('each was tried', isRefused)
        await proxy.setMode({ kind: 'pass' })
        await eventually('each ends', async () => (await fatesOf(keys)).every(isEnded))
        let isMade = true
        for (const { attempts, ...fate } of await fatesOf(keys)) {
          const states = attempts.map(each => each.state)
          expect(states.length).toBeLessThanOrEqual(3)
          if (states.join() === 'not_run,not_run,not_run') {
            expect(fate).toMatchObject({ state: 'failed', captured: 0, billed: 0, lossUsdMicro: 0 })
            isMade = false
            continue
          }
          expect(fate).toMatchObject({ state: 'succeeded', captured: 5, billed: 1, lossUsdMicro: 0 })
          expect(states.filter(state => state !== 'not_run')).toHaveLength(1)
        }
        return isMade
      }
      await inBatches(keysOf('unreached', crashCounts.retriedOrders), 4, async keys => {
        let rounds = 0
        const tryAgain = () => {
          rounds += 1
          return tryAll(keys.map(key => `round-${rounds}-${key}`))
        }
        await eventually('each is made', tryAgain)
      })
      await proxy.close()
    },
    patienceMs,
  )
})

describe('another upstream is asked', () => {
  const pair = { model: 'engine:pair' }

  test('never after an answer that leaves open whether the first one worked', async () => {
    const node = await start()
    const faults = ['error_500, when=after', 'html_503, when=after', 'reset_before_headers', 'half_json']
    for (const [at, behaviour] of faults.entries()) {
      const key = `unsure-${at}.`
      rig.openai.script({ behaviour, prompt: key })
      const answer = await place(node, key, pair)
      expect(answer?.body.status, behaviour).toBe('failed')
      expect([callsOf(rig.openai, key), callsOf(rig.google, key)], behaviour).toEqual([1, 0])
      const fate = await fateOf(key)
      expect(fate).toMatchObject({ captured: 0, billed: 1 })
      expect(fate.lossUsdMicro, behaviour).toBeGreaterThan(0)
    }
  })

  test('once, after proof that nothing ran', async () => {
    const node = await start()
    for (const [at, behaviour] of ['rate_limit', 'quota', 'overloaded', 'retired'].entries()) {
      const key = `proved-${at}.`
      rig.openai.script({ behaviour, prompt: key })
      const answer = await place(node, key, pair)
      expect(answer?.body.status, behaviour).toBe('succeeded')
      expect([callsOf(rig.openai, key), callsOf(rig.google, key)], behaviour).toEqual([1, 1])
      expect(await fateOf(key)).toMatchObject({ captured: 5, billed: 1, lossUsdMicro: 0 })
    }
    // The last answer has switched the model off, for nodes that start after it too.
    await restoreModel(rig.database.db, { provider: 'openai', upstreamModel: 'gpt-image-2' })
  })

  test('by the kind of failure: those that prove that nothing ran, and no other', async () => {
    const node = await start({ TEST_BREAKER: 'off' })
    const proofs: FailureKind[] = ['rate_limited', 'quota_exhausted', 'unavailable', 'model_retired']
    for (const failure of failureKinds) {
      const key = `kind-${failure}.`
      const prompt = `${key} [[emulate: refuse=${failure}]]`
      const answer = await place(node, key, { model: 'engine:refused', prompt })
      const isProof = proofs.includes(failure)
      expect([callsOf(rig.engine, key), callsOf(rig.openai, key)], failure).toEqual([1, Number(isProof)])
      const refused = failure === 'content_rejected' ? 'blocked' : 'failed'
      expect(answer?.body.status, failure).toBe(isProof ? 'succeeded' : refused)
      const { attempts, captured, billed } = await fateOf(key)
      expect([captured, billed], failure).toEqual(isProof ? [5, 1] : [0, 0])
      expect(attempts[0]?.state === 'not_run', failure).toBe(isProof)
    }
  })

  test('and the first one again when neither ran it', async () => {
    const node = await start()
    const key = 'both.'
    rig.openai.script({ behaviour: 'overloaded', prompt: key, times: 1 })
    rig.google.script({ behaviour: 'overloaded', prompt: key })
    expect((await place(node, key, pair))?.body.status).toBe('succeeded')
    expect([callsOf(rig.openai, key), callsOf(rig.google, key)]).toEqual([2, 1])
    expect(await fateOf(key)).toMatchObject({ captured: 5, billed: 1, lossUsdMicro: 0 })
  })

  test('never when only the repeat of a create did not run, since the create itself may have', async () => {
    const node = await start({ GENERATION_DEADLINE_ASYNC_S: '6', GENERATION_DEADLINE_SYNC_S: '6' })
    const key = 'repeated.'
    rig.engine.script({ behaviour: 'lose', prompt: key, times: 1 })
    rig.engine.script({ behaviour: 'busy', prompt: key })
    const answer = await place(node, key, { model: 'engine:fallback' })
    expect(answer?.body.status).toBe('failed')
    expect(callsOf(rig.engine, key)).toBeGreaterThan(1)
    expect(callsOf(rig.openai, key)).toBe(0)
    expect(await fateOf(key)).toMatchObject({ captured: 0, billed: 1, lossUsdMicro: 10_000 })
  })
})

describe('an upstream that refuses everything as overloaded', () => {
  const perSecond = 20
  /** What may be tried again at once after a quiet time. */
  const burst = 10

  /**
   * Orders at a fixed rate, whatever becomes of them; their answers. With `mostRefused` until most have been refused, as
   * they soon are: on a slow machine the first answers may come late.
   */
  async function keepOrdering(
    node: { url: string },
    name: string,
    { seconds, mostRefused = false }: { seconds: number; mostRefused?: boolean },
  ) {
    const sent: ReturnType<typeof place>[] = []
    let refused = 0
    const send = async () => {
      const answer = await place(node, `${name}-${sent.length}.`)
      if (answer?.status === 503) refused += 1
      return answer
    }
    await new Promise<void>(resolve => {
      const timer = setInterval(() => {
        sent.push(send())
        const isLong = sent.length >= seconds * perSecond && (!mostRefused || refused > sent.length / 2)
        if (!isLong && sent.length < 20 * seconds * perSecond) return
        clearInterval(timer)
        resolve()
      }, 1_000 / perSecond)
    })
    return sent
  }

  test(
    'gets a tenth more calls at most, though every order may be tried three times',
    async () => {
      const node = await start({ TEST_BREAKER: 'off' })
      const heal = rig.openai.script({ behaviour: 'overloaded', prompt: 'budget-' })
      const before = rig.openai.total.requests
      const answers = await Promise.all(
        await keepOrdering(node, 'budget', { seconds: crashCounts.outageSeconds }),
      )
      heal()
      const calls = rig.openai.total.requests - before
      recordProof('retry budget alone', { orders: answers.length, calls })
      expect(answers.map(answer => answer?.body.status)).toEqual(answers.map(() => 'failed'))
      expect(calls).toBeGreaterThan(answers.length)
      expect(calls).toBeLessThanOrEqual(1.1 * answers.length + burst)
    },
    patienceMs,
  )

  test(
    'gets no more calls than orders came, and orders are made again soon after it works again',
    async () => {
      const node = await start()
      // A process that has just started is slow, and would hear of the first failures late.
      expect((await place(node, 'before-the-outage.'))?.body.status).toBe('succeeded')
      const heal = rig.openai.script({ behaviour: 'overloaded', prompt: 'outage-' })
      const before = rig.openai.total.requests
      const sent = await keepOrdering(node, 'outage', {
        seconds: crashCounts.outageSeconds,
        mostRefused: true,
      })
      const calls = rig.openai.total.requests - before
      heal()
      const healedAt = performance.now()
      let orders = 0
      await eventually('an order is made', async () => {
        orders += 1
        return (await place(node, `outage-after-${orders}.`))?.body.status === 'succeeded'
      })
      const recoveredMs = Math.round(performance.now() - healedAt)
      recordProof('outage', { orders: sent.length, calls, recoveredMs })
      expect(calls).toBeLessThanOrEqual(1.1 * sent.length)
      expect(recoveredMs).toBeLessThan(inProof ? 10_000 : 60_000)
      const statuses = (await Promise.all(sent)).map(answer => answer?.status)
      expect(statuses.filter(status => status !== 200 && status !== 503)).toEqual([])
      // Refused at the door: nothing was held, and callers may come again.
      const refused = (await Promise.all(sent)).filter(answer => answer?.status === 503)
      expect(refused.length).toBeGreaterThan(sent.length / 2)
      for (const answer of refused) {
        expect(Number(answer?.headers.get('retry-after'))).toBeGreaterThan(0)
        expect(answer?.headers.get('x-should-retry')).not.toBe('false')
      }
    },
    patienceMs,
  )
})
