// Pictures on their way from the upstream to a caller who waits in this process: the pieces that were just written
// to storage are handed on instead of being read back. Bounded; without room the answer is read from storage.

export type FreshImages = {
  /** A place to note the pieces of one picture, or null when nobody waits or there is no room. */
  collect(generationId: string, key: string): { add(piece: Buffer): void } | null
  /** The pieces, once: whoever takes them owns them. Null when they are not here. */
  take(key: string, sizeBytes: number): Buffer[] | null
}

/** All pictures held at once. A dozen of 4K, or forty of 1.5 MB. */
const budgetBytes = 64 * 1024 * 1024
/** From the first byte to the answer a picture is stored and settled: seconds, or the caller has gone. */
const keepMs = 10_000

export function createFreshImages(isWaitedFor: (generationId: string) => boolean): FreshImages {
  const held = new Map<string, { pieces: Buffer[]; sizeBytes: number; timer: NodeJS.Timeout }>()
  let heldBytes = 0

  function drop(key: string): void {
    const entry = held.get(key)
    if (!entry) return
    held.delete(key)
    heldBytes -= entry.sizeBytes
    clearTimeout(entry.timer)
  }

  return {
    collect(generationId, key) {
      if (heldBytes >= budgetBytes || !isWaitedFor(generationId)) return null
      drop(key)
      const timer = setTimeout(() => drop(key), keepMs)
      timer.unref()
      const entry = { pieces: [] as Buffer[], sizeBytes: 0, timer }
      held.set(key, entry)
      return {
        add(piece) {
          if (held.get(key) !== entry) return
          entry.pieces.push(piece)
          entry.sizeBytes += piece.length
          heldBytes += piece.length
          if (heldBytes > budgetBytes) drop(key)
        },
      }
    },
    take(key, sizeBytes) {
      const entry = held.get(key)
      drop(key)
      return entry?.sizeBytes === sizeBytes ? entry.pieces : null
    },
  }
}
