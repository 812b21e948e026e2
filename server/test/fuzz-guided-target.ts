// What the coverage-guided fuzzer calls with each picture it makes up: both readers of structure, then the decoder.
// Whatever ends in anything but a picture or a refusal is thrown, and ends the run.
import { AppError } from '../src/errors.ts'
import { ImageRejected } from '../src/providers/provider.ts'
import { createImageProbe } from '../src/storage/image-probe.ts'
import { inspectPicture } from '../src/storage/inspect-picture.ts'
import { checkInput } from '../src/uploads/check-input.ts'

type Size = { mediaType: string; width: number; height: number }

const forever = new AbortController().signal

/** The size, or why there is none. */
function read(find: () => Size): Size | string {
  try {
    return find()
  } catch (error) {
    if (error instanceof ImageRejected) return error.message
    throw error
  }
}

/** In two pieces, cut where the bytes themselves say. */
function probe(bytes: Buffer): Size {
  const reader = createImageProbe()
  const at = (bytes[bytes.length - 1] ?? 0) % (bytes.length + 1)
  reader.push(bytes.subarray(0, at))
  reader.push(bytes.subarray(at))
  return reader.finish()
}

/** `beforeDecoding` is called for what looks like a picture. Throws for what is neither taken nor refused. */
export async function fuzz(bytes: Buffer, beforeDecoding: () => void): Promise<'taken' | 'refused'> {
  const probed = read(() => probe(bytes))
  const inspected = read(() => inspectPicture(bytes))
  // The probe asks for more: an end without anything behind it. What it takes, the other one takes too, unless it would
  // be decoded over and over: only what is decoded has to fear that.
  if (typeof probed !== 'string' && inspected !== 'it has too many scans' && !isSame(probed, inspected)) {
    throw new Error(`two readers disagree on a picture: ${JSON.stringify([probed, inspected])}`)
  }
  if (typeof inspected !== 'string') beforeDecoding()
  try {
    const { width, height } = await checkInput(bytes, { field: 'image', accountId: 'a', signal: forever })
    if (typeof inspected === 'string')
      throw new Error(`a picture was decoded of which was said: ${inspected}`)
    const isTurned = width === inspected.height && height === inspected.width
    if (!isTurned && (width !== inspected.width || height !== inspected.height)) {
      throw new Error('a picture has another size than it says')
    }
    return 'taken'
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_request') return 'refused'
    throw error
  }
}

function isSame(one: Size, other: Size | string): boolean {
  if (typeof other === 'string') return false
  return one.mediaType === other.mediaType && one.width === other.width && one.height === other.height
}
