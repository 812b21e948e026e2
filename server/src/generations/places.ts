// The places for work in one process: what is held under which epoch, what is kept free for a claim under way, and
// whether somebody may be waiting for a place.
import type { Generation } from './generation.ts'

export type Places = {
  /** Free places; 0 while draining. */
  room(): number
  /** Keeps places for work that is about to start; call the answer when it has, or will not. */
  reserve(count: number): () => void
  /** Holds the generation until its work has ended. Never rejects: the work reports its own failure. */
  hold(generation: Generation, work: () => Promise<void>): void
  /** The held work waits for somebody outside: until the answer is called it takes no place and delays no drain. */
  rest(generationId: string): () => void
  /** The same work goes on under a new epoch. */
  moveEpoch(generationId: string, epoch: number): void
  holds(generationId: string): boolean
  held(): number
  /** Ids and epochs of all that is held, in one order. */
  leases(): { ids: string[]; epochs: number[] }
  /** No room from now on; resolves when nothing is held any more and no claim is under way that could bring work. */
  drain(): Promise<void>
  isDraining(): boolean
}

/** `onFree` is called whenever a place may have become free. */
export function createPlaces(concurrency: number, onFree: () => void): Places {
  const held = new Map<string, { epoch: number }>()
  const resting = new Set<object>()
  let reserved = 0
  let draining = false
  let onDrained: (() => void) | null = null
  const active = () => held.size - resting.size
  function noteFree(): void {
    if (active() === 0 && reserved === 0) onDrained?.()
    onFree()
  }
  function forget(generationId: string, entry: { epoch: number }): void {
    resting.delete(entry)
    // This process may have claimed the same row again after it lost the lease.
    if (held.get(generationId) === entry) held.delete(generationId)
    noteFree()
  }
  return {
    room: () => (draining ? 0 : Math.max(0, concurrency - active() - reserved)),
    reserve(count) {
      reserved += count
      let isKept = true
      return () => {
        if (!isKept) return
        isKept = false
        reserved -= count
        noteFree()
      }
    },
    hold(generation, work) {
      const entry = { epoch: generation.epoch }
      resting.delete(held.get(generation.id) ?? entry)
      held.set(generation.id, entry)
      void work().finally(() => forget(generation.id, entry))
    },
    rest(generationId) {
      const entry = held.get(generationId)
      if (!entry) return () => {}
      resting.add(entry)
      noteFree()
      return () => resting.delete(entry)
    },
    moveEpoch(generationId, epoch) {
      const entry = held.get(generationId)
      if (entry) entry.epoch = epoch
    },
    holds: generationId => held.has(generationId),
    held: () => held.size,
    leases() {
      const ids = [...held.keys()]
      return { ids, epochs: ids.map(id => held.get(id)?.epoch ?? -1) }
    },
    drain() {
      draining = true
      return new Promise(resolve => {
        onDrained = resolve
        if (active() === 0 && reserved === 0) resolve()
      })
    },
    isDraining: () => draining,
  }
}
