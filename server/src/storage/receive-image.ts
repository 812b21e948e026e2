// Streams one picture from an upstream into storage, checking it on the way. The object's name appears only after
// the last byte was checked, so a refused or cut picture is never visible.
import type { ReceivedImage } from '../providers/provider.ts'
import { ImageRejected } from '../providers/provider.ts'
import type { ImageMediaType, ImageProbe } from './image-probe.ts'
import { createImageProbe } from './image-probe.ts'
import type { Storage } from './storage.ts'
import { ObjectTooLarge } from './storage.ts'

export type ReceiveImageOptions = {
  /** Where to put it; a function may choose by what the bytes are. */
  key: string | ((mediaType: ImageMediaType) => string)
  maxBytes: number
  /** As in the storage contract. */
  readSoon?: boolean
}

/**
 * Throws ImageRejected when the bytes are no whole png, jpeg or webp within the limits, StorageError when storage
 * fails, and an error of the source as it is. The name is not yet committed: the manifest does that.
 */
export async function receiveImage(
  storage: Storage,
  options: ReceiveImageOptions,
  bytes: AsyncIterable<Uint8Array>,
): Promise<ReceivedImage> {
  const probe = createImageProbe()
  const checked = checkImage(bytes, probe, options.maxBytes)
  try {
    const { mediaType, chunks } = await pullHead(checked, probe)
    const key = typeof options.key === 'string' ? options.key : options.key(mediaType)
    const { maxBytes, readSoon = true } = options
    const put = { mediaType, maxBytes, commitName: false, readSoon }
    const stored = await storage.put(key, joinStream(chunks, checked), put)
    const { width, height } = probe.finish()
    return { storageKey: key, mediaType, width, height, ...stored }
  } catch (error) {
    // Storage may have failed before it pulled anything; the source must be closed all the same, yet not waited for.
    checked.return().catch(() => undefined)
    throw error instanceof ObjectTooLarge ? tooLarge(options.maxBytes) : error
  }
}

/** Passes the bytes on once checked; the check of the end comes before the end is told. */
async function* checkImage(
  bytes: AsyncIterable<Uint8Array>,
  probe: ImageProbe,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void> {
  let sizeBytes = 0
  for await (const chunk of bytes) {
    sizeBytes += chunk.length
    if (sizeBytes > maxBytes) throw tooLarge(maxBytes)
    probe.push(chunk)
    yield chunk
  }
  probe.finish()
}

/** Pulls until the bytes tell what they are, which storage must know before the object begins. */
async function pullHead(
  checked: AsyncGenerator<Uint8Array, void>,
  probe: ImageProbe,
): Promise<{ mediaType: ImageMediaType; chunks: Uint8Array[] }> {
  const chunks: Uint8Array[] = []
  for (;;) {
    const next = await checked.next()
    // An end before that is refused by the check itself.
    if (next.done) throw new ImageRejected('the bytes end before they tell what they are')
    const mediaType = probe.findMediaType()
    if (mediaType !== null) return { mediaType, chunks: [...chunks, next.value] }
    // The source may use its buffer again; these few bytes are cheap to copy.
    chunks.push(Uint8Array.from(next.value))
  }
}

async function* joinStream(
  chunks: Uint8Array[],
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* chunks
  yield* rest
}

function tooLarge(maxBytes: number): ImageRejected {
  return new ImageRejected(`the picture is larger than ${maxBytes} bytes`)
}
