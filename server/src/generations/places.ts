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
  /**
   * The held work waits for somebody outside: until the answer is called it delays no drain and takes no place. Where
   * very many wait, those beyond take places all the same, so that an outage does not fill the memory; `isPolled` is for
   * work that the poller began, which bounds its own.
   */
  rest(generationId: string, isPolled?: boolean): () => void
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

/** Orders at rest for each place: they hold no more than themselves, but what they hold is memory. */
export const restsOfPlace = 2

/** `onFree` is called whenever a place may have become free. */
export function createPlaces(concurrency: number, onFree: () => void): Places {
  const held = new Map<string, { epoch: number }>()
  /** Of each, whether it takes a place when there are too many. */
  const resting = new Map<object, boolean>()
  let reserved = 0
  let draining = false
  let onDrained: (() => void) | null = null
  const active = () => held.size - resting.size
  function beyondRest(): number {
    if (resting.size <= concurrency * restsOfPlace) return 0
    const counted = [...resting.values()].filter(Boolean).length
    return Math.max(0, counted - concurrency * restsOfPlace)
  }
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
    room: () => (draining ? 0 : Math.max(0, concurrency - active() - reserved - beyondRest())),
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
    rest(generationId, isPolled = false) {
      const entry = held.get(generationId)
      if (!entry) return () => {}
      resting.set(entry, !isPolled)
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
