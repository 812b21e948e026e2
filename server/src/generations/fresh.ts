// Pictures on their way from the upstream to a caller who waits in this process and is answered in base64: the
// upstream's own text is handed on instead of being read back and encoded again. Bounded; without room the answer
// is made from storage. Memory is pooled, so whoever takes a text must release it exactly when it was sent.
import type { Dialect } from '../models/options.ts'

export type FreshText = {
  /** The base64 of the whole picture, in order. */
  parts: Buffer[]
  /** Gives the memory back; the parts must not be read any more. */
  release(): void
}

export type FreshImages = {
  /** A place to note the text of one picture, or null when nobody waits for it or there is no room. */
  collect(generation: { id: string; dialect: Dialect }, key: string): FreshCollector | null
  /** The text, once: whoever takes it owns it. Null when it is not here whole. */
  take(key: string, sizeBytes: number): FreshText | null
}

export type FreshCollector = {
  /** Copies the text. */
  add(text: Buffer): void
  /** Forgets it all: the picture is none. */
  drop(): void
}

/** Dialects that answer a waiting caller with the picture itself. */
const inlineDialects: ReadonlySet<Dialect> = new Set<Dialect>(['getimages', 'openai'])
/** All text held at once, and all memory kept for it: a dozen pictures of 4K, or thirty of 1.5 MB. */
const budgetBytes = 64 * 1024 * 1024
/** One write to the socket each; small enough that little of the last one stays empty. */
const slabBytes = 256 * 1024
/** From the first byte to the answer a picture is stored and settled: seconds, or the caller has gone. */
const keepMs = 10_000

type Slabs = { take(): Buffer | null; giveBack(slabs: Buffer[]): void; hasRoom(): boolean }

/** Slabs are kept for ever: fresh memory for every picture presses the collector into full collections. */
function createSlabs(): Slabs {
  const idle: Buffer[] = []
  let made = 0
  const mayMake = () => (made + 1) * slabBytes <= budgetBytes
  return {
    take() {
      const slab = idle.pop()
      if (slab || !mayMake()) return slab ?? null
      made += 1
      return Buffer.allocUnsafeSlow(slabBytes)
    },
    giveBack: slabs => void idle.push(...slabs),
    hasRoom: () => idle.length > 0 || mayMake(),
  }
}

type Held = { slabs: Buffer[]; length: number; timer: NodeJS.Timeout }

/** Copies the text behind what is held already; false when there is no room. */
function append(entry: Held, text: Buffer, pool: Slabs): boolean {
  for (let from = 0; from < text.length; ) {
    const at = entry.length % slabBytes
    if (at === 0) {
      const slab = pool.take()
      if (!slab) return false
      entry.slabs.push(slab)
    }
    const taken = Math.min(text.length - from, slabBytes - at)
    entry.slabs.at(-1)?.set(text.subarray(from, from + taken), at)
    entry.length += taken
    from += taken
  }
  return true
}

function lend({ slabs, length }: Held, pool: Slabs): FreshText {
  const lastLength = length - (slabs.length - 1) * slabBytes
  let released = false
  return {
    parts: slabs.map((slab, index) => (index === slabs.length - 1 ? slab.subarray(0, lastLength) : slab)),
    release() {
      if (!released) pool.giveBack(slabs)
      released = true
    },
  }
}

export function createFreshImages(isWaitedFor: (generationId: string) => boolean): FreshImages {
  const held = new Map<string, Held>()
  const pool = createSlabs()

  /** False when it is no longer held. */
  function remove(key: string, entry: Held): boolean {
    if (held.get(key) !== entry) return false
    clearTimeout(entry.timer)
    return held.delete(key)
  }
  function drop(key: string, entry: Held): void {
    if (remove(key, entry)) pool.giveBack(entry.slabs)
  }

  return {
    collect(generation, key) {
      if (!pool.hasRoom() || !inlineDialects.has(generation.dialect) || !isWaitedFor(generation.id))
        return null
      const earlier = held.get(key)
      if (earlier) drop(key, earlier)
      const entry: Held = { slabs: [], length: 0, timer: setTimeout(() => drop(key, entry), keepMs) }
      entry.timer.unref()
      held.set(key, entry)
      return {
        add(text) {
          if (held.get(key) === entry && !append(entry, text, pool)) drop(key, entry)
        },
        drop: () => drop(key, entry),
      }
    },
    take(key, sizeBytes) {
      const entry = held.get(key)
      if (!entry || !remove(key, entry)) return null
      if (entry.length === Math.ceil(sizeBytes / 3) * 4) return lend(entry, pool)
      pool.giveBack(entry.slabs)
      return null
    },
  }
}
