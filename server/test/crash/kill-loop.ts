// The controller of a kill loop: keeps nodes running, kills one of them every 60 to 300 ms and starts another in
// its place, while load runs. It knows nothing of what the nodes do, so that it judges any design alike.
import { setTimeout as delay } from 'node:timers/promises'
import type { Node } from '../harness.ts'

export type KillLoop = {
  seed: number
  nodes: number
  kills: number
  /** A kill in so many is followed by a crash of the database; 0 = never. */
  databaseCrashEvery: number
  start(): Promise<Node>
  crashDatabase(): Promise<void>
  /** Looked at after every kill. */
  sample(): Promise<void>
  /** One caller: takes one order to its end. Called again and again by each of the callers. */
  call(target: () => string, random: () => number): Promise<void>
  callers: number
  /** Between two kills, at least and at most. */
  pauseMs?: readonly [number, number]
}

export type KillLoopResult = {
  kills: number
  databaseCrashes: number
  /** How long the database was away in all. */
  outageMs: number
  calls: number
  samples: number
}

const usualPauseMs = [60, 300] as const

/** Runs until so many nodes were killed and the callers have ended their last orders; leaves one node per place. */
export async function runKillLoop(loop: KillLoop): Promise<KillLoopResult & { ready: Node[] }> {
  const random = createRandom(loop.seed)
  const [shortestMs, longestMs] = loop.pauseMs ?? usualPauseMs
  const places: { node: Node | null }[] = Array.from({ length: loop.nodes }, () => ({ node: null }))
  const result: KillLoopResult = { kills: 0, databaseCrashes: 0, outageMs: 0, calls: 0, samples: 0 }
  const ready = () => places.flatMap(({ node }) => (node ? [node] : []))
  let isOver = false

  async function fill(place: { node: Node | null }): Promise<void> {
    // A node may fail to start because the database is away; as its supervisor would, try again.
    while (!place.node) place.node = await loop.start().catch(() => null)
  }
  async function keepCalling(seed: number): Promise<void> {
    const own = createRandom(seed)
    const target = () => ready()[Math.floor(own() * ready().length)]?.url ?? 'http://127.0.0.1:1'
    for (; !isOver; result.calls += 1) await loop.call(target, own)
  }

  await Promise.all(places.map(fill))
  const callers = Array.from({ length: loop.callers }, (_, at) => keepCalling(loop.seed * 1_000 + at))
  const starting = new Set<Promise<void>>()
  while (result.kills < loop.kills) {
    await delay(shortestMs + random() * (longestMs - shortestMs))
    const alive = places.filter(place => place.node)
    const place = alive[Math.floor(random() * alive.length)]
    // The last one is left, or the callers would only wait for a start.
    if (!place?.node || alive.length < 2) continue
    const victim = place.node
    place.node = null
    await victim.kill()
    result.kills += 1
    const restart = fill(place).finally(() => starting.delete(restart))
    starting.add(restart)
    if (loop.databaseCrashEvery > 0 && result.kills % loop.databaseCrashEvery === 0) {
      const crashedAt = performance.now()
      await loop.crashDatabase()
      result.outageMs += Math.round(performance.now() - crashedAt)
      result.databaseCrashes += 1
    }
    await loop.sample()
    result.samples += 1
  }
  await Promise.all(starting)
  isOver = true
  await Promise.all(callers)
  return { ...result, ready: ready() }
}

/** Stops one node after the other for longer than its lease and lets it go on, until the promise is settled. */
export async function stallNodes(
  nodes: readonly Node[],
  options: { until: Promise<unknown>; random: () => number; leaseMs: number },
): Promise<number> {
  const { random, leaseMs } = options
  const isOver = options.until.then(() => true)
  let stalls = 0
  while (!(await Promise.race([isOver, delay(leaseMs / 5, false)]))) {
    const node = nodes[Math.floor(random() * nodes.length)]
    if (!node) break
    process.kill(node.pid, 'SIGSTOP')
    await delay(leaseMs * (1.3 + random()))
    process.kill(node.pid, 'SIGCONT')
    stalls += 1
  }
  return stalls
}

/** A small generator with a seed, so that a failing run can be played again as far as time allows. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
