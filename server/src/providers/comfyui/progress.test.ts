// Progress comes by the engine's websocket: with the next read, of whoever ordered, on one socket that is gone when
// nothing is under way. Whatever becomes of it, orders end as they would have without it.
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type EngineRig, openEngineRig } from '../../../test/engine-rig.ts'
import { plainRequest } from '../../../test/provider-context.ts'
import {
  type ComfyUiUpstream,
  defaultComfyUiKey,
  startComfyUiUpstream,
} from '../../../test/upstreams/comfyui.ts'
import type { Listening } from '../../outbound/web-socket.ts'
import { createComfyUiProvider } from '../comfyui.ts'
import type { Provider, ProviderOutcome, UpstreamTask } from '../provider.ts'
import { loadWorkflows } from './load-workflows.ts'
import { countSamplers, createProgressWatch, type Way } from './progress.ts'

const workflows = loadWorkflows(fileURLToPath(new URL('../../../../docs/providers/comfyui', import.meta.url)))

describe('the progress of an engine', () => {
  let upstream: ComfyUiUpstream
  let rig: EngineRig
  let provider: Provider

  beforeAll(async () => {
    upstream = await startComfyUiUpstream({ apiKey: defaultComfyUiKey, cards: 10 })
    rig = await openEngineRig([upstream])
  })
  afterAll(async () => {
    expect(upstream.errors).toEqual([])
    await rig.close()
    await upstream.waitUntil(() => upstream.openSockets() === 0)
    await upstream.close()
  })
  beforeEach(() => {
    upstream.setSockets('open')
    upstream.asked.length = 0
    provider = createComfyUiProvider({ baseUrl: upstream.url, apiKey: defaultComfyUiKey, workflows })
  })
  const untilListening = (count: number) =>
    vi.waitUntil(() => upstream.listening() === count, { timeout: 60_000 })
  afterEach(() => untilListening(0))

  async function order(behaviour: string): Promise<UpstreamTask> {
    const request = plainRequest('default', { width: 64, height: 64, prompt: `x [[emulate: ${behaviour}]]` })
    const outcome = await provider.submit(request, rig.context())
    if (outcome.kind !== 'pending') throw new Error(JSON.stringify(outcome))
    return outcome.task
  }
  const read = async (task: UpstreamTask) => {
    const outcome = await provider.poll?.(task, rig.context())
    if (outcome === undefined) throw new Error('it can be polled')
    return outcome
  }
  async function readUntil(task: UpstreamTask, isIt: (outcome: ProviderOutcome) => boolean) {
    const seen: ProviderOutcome[] = []
    const readOn = async () => {
      const outcome = await read(task)
      seen.push(outcome)
      return isIt(outcome)
    }
    await vi.waitUntil(readOn, { timeout: 60_000, interval: 20 })
    return seen
  }
  const shareOf = (outcome: ProviderOutcome) => (outcome.kind === 'pending' ? outcome.progress : undefined)
  const isOver = ({ kind }: ProviderOutcome) => kind !== 'pending'

  it('is told with reads, on one socket for all orders, with the password, until the last has ended', async () => {
    const first = await order('slow=60000, steps=5')
    const second = await order('slow=60000, steps=10')
    await readUntil(first, each => shareOf(each) === 0.25)
    await readUntil(second, each => shareOf(each) === 0.5)
    expect(upstream.asked.map(({ authorization }) => authorization)).toEqual([
      `Basic ${Buffer.from(defaultComfyUiKey).toString('base64')}`,
    ])
    expect(await provider.cancel?.(first, rig.context())).toEqual({ kind: 'canceled' })
    expect(upstream.listening()).toBe(1)
    expect(await provider.cancel?.(second, rig.context())).toEqual({ kind: 'canceled' })
    await untilListening(0)
  })

  it('never falls, and leaves no socket behind when the work has ended', async () => {
    const seen = await readUntil(await order('slow=1000'), isOver)
    expect(seen.at(-1)).toMatchObject({ kind: 'succeeded' })
    const shares = seen.flatMap(each => shareOf(each) ?? [])
    expect(shares.length).toBeGreaterThan(0)
    expect(shares).toEqual(shares.toSorted((a, b) => a - b))
  })

  it.each([
    ['is not there', 'refuse', 'slow=1500'],
    ['never answers', 'hang', 'slow=300'],
    ['breaks off at every step', 'open', 'slow=1500, ws_drop'],
    ['floods', 'open', 'slow=1500, ws_flood'],
  ] as const)('changes nothing and storms nobody when the socket %s', async (_, state, behaviour) => {
    upstream.setSockets(state)
    const seen = await readUntil(await order(behaviour), isOver)
    expect(seen.at(-1)).toMatchObject({ kind: 'succeeded', images: [{ kind: 'url' }] })
    expect(seen.filter(isOver)).toHaveLength(1)
    // It is read some seventy times meanwhile.
    expect(upstream.asked.length).toBeGreaterThan(0)
    expect(upstream.asked.length).toBeLessThan(8)
  })

  it('comes back after the socket broke off', async () => {
    const task = await order('slow=60000, steps=5')
    await readUntil(task, each => shareOf(each) === 0.25)
    upstream.dropSockets()
    await readUntil(task, () => upstream.asked.length === 2)
    expect(shareOf(await read(task))).toBe(0.25)
    await untilListening(1)
    expect(await provider.cancel?.(task, rig.context())).toEqual({ kind: 'canceled' })
  })
})

describe('what a watch keeps', () => {
  let heard: Listening[]
  let stops: number
  let way: Way
  beforeEach(() => {
    heard = []
    stops = 0
    const listen = (listening: Listening) => {
      heard.push(listening)
      return () => {
        stops += 1
      }
    }
    const http = { listen, request: () => Promise.reject(new Error('nothing is asked')) }
    way = { http, baseUrl: 'http://engine', headers: {} }
  })
  afterEach(() => void vi.useRealTimers())

  const pending = (id: string): ProviderOutcome => ({ kind: 'pending', task: { id }, pollAfterMs: 1 })
  const say = (type: string, data: object) => heard.at(-1)?.onText(JSON.stringify({ type, data }))
  const step = (prompt_id: string, node: string, value: number) =>
    say('progress', { prompt_id, node, value, max: 10 })

  it('is so many orders, whatever is ordered and whatever the engine says', () => {
    const watch = createProgressWatch()
    const ids = Array.from({ length: 600 }, (_, at) => `work-${at}`)
    for (const id of ids) watch.follow(id, 1, way)
    for (const id of [...ids, 'of somebody else']) step(id, '3', 5)
    const told = ids.map(id => watch.tell(pending(id), id, way)).filter(each => 'progress' in each)
    expect(told).toHaveLength(500)
    for (const text of ['', '{', 'null', '[]', '{"type":"progress"}', '{"data":{"prompt_id":"work-0"}}']) {
      heard[0]?.onText(text)
    }
    for (const id of ids) say('execution_success', { prompt_id: id })
    expect([heard.length, stops]).toEqual([1, 1])
  })

  it('is forgotten when nobody reads it and the engine is silent', () => {
    vi.useFakeTimers()
    const watch = createProgressWatch()
    watch.follow('a', 1, way)
    vi.advanceTimersByTime(9 * 60_000)
    watch.tell(pending('a'), 'a', way)
    vi.advanceTimersByTime(9 * 60_000)
    expect(stops).toBe(0)
    vi.advanceTimersByTime(2 * 60_000)
    expect(stops).toBe(1)
  })

  it('stays when a read of it has failed, and goes with its end', () => {
    const watch = createProgressWatch()
    watch.follow('a', 1, way)
    watch.tell({ kind: 'failed', failure: 'unavailable', message: '' }, 'a', way)
    expect(stops).toBe(0)
    watch.tell({ kind: 'failed', failure: 'upstream_failed', message: '' }, 'a', way)
    expect(stops).toBe(1)
  })

  it('is a share of all samplers that are expected', () => {
    const watch = createProgressWatch()
    watch.follow('a', 2, way)
    const shares = [
      ['3', 5],
      ['3', 10],
      ['7', 5],
      ['7', 10],
      ['8', 1],
    ].map(([node, value]) => {
      step('a', String(node), Number(value))
      const outcome = watch.tell(pending('a'), 'a', way)
      return outcome.kind === 'pending' ? outcome.progress : null
    })
    expect(shares).toEqual([0.25, 0.5, 0.75, 1, 1])
    expect(countSamplers(workflows.get('default')?.nodes ?? {})).toBe(1)
  })

  it('is asked for ever more rarely while it tells nothing', () => {
    vi.useFakeTimers()
    const watch = createProgressWatch()
    watch.follow('a', 1, way)
    for (let second = 0; second < 60; second += 1) {
      heard.at(-1)?.onEnd()
      vi.advanceTimersByTime(1_000)
      watch.tell(pending('a'), 'a', way)
    }
    expect(heard.length).toBeLessThan(8)
  })
})
