// Partial pictures on their way from the upstream to whoever watches, in this process: a watcher at another process
// sees states only. Nothing is kept: without a watcher a partial picture is dropped.
import type { Log } from '../log.ts'
import { findKind, type ImageMediaType } from '../storage/image-probe.ts'

export type PartialPicture = {
  bytes: Buffer
  /** By the bytes, not by what was declared. */
  mediaType: ImageMediaType
  /** From 0 upwards within its part; a later attempt begins at 0 again. */
  index: number
  /** Which call of the order made it: an order that fits one call has part 0 only. */
  part: number
}

export type PartialListener = (picture: PartialPicture) => void

export type PartialBus = {
  publish(generationId: string, picture: Omit<PartialPicture, 'mediaType'>): void
  /** Returns how to stop listening. The listener is called while the upstream is read: it hands on and returns. */
  subscribe(generationId: string, listener: PartialListener): () => void
}

export function createPartialBus(log: Log): PartialBus {
  const watchers = new Map<string, Set<PartialListener>>()
  return {
    publish(generationId, picture) {
      const listeners = watchers.get(generationId)
      // An upstream's bytes are not trusted: what is no picture is not handed on.
      const mediaType = listeners && findKind(picture.bytes.subarray(0, 12))?.mediaType
      if (!mediaType) return
      for (const listener of [...listeners]) {
        try {
          listener({ ...picture, mediaType })
        } catch (error) {
          // A watcher's trouble must not become that of the paid work it watches.
          log.error({ event: 'partial.lost', generationId, err: error }, 'a watcher failed')
        }
      }
    },
    subscribe(generationId, listener) {
      const listeners = watchers.get(generationId) ?? new Set()
      listeners.add(listener)
      watchers.set(generationId, listeners)
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0 && watchers.get(generationId) === listeners) watchers.delete(generationId)
      }
    },
  }
}
