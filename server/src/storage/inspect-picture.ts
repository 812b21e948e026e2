// Reads what a whole file says of itself before anything is decoded: kind, size, how many scans. Bytes behind the
// picture are no concern here, because what is inspected is encoded anew.
import { ImageRejected } from '../providers/provider.ts'
import { findKind, type ImageMediaType } from './image-probe.ts'

export type InspectedPicture = {
  mediaType: ImageMediaType
  width: number
  height: number
  /** A webp whose pixels are exact. */
  isLossless: boolean
}

/** Encoders write some ten; each one makes a decoder pass over the whole picture again. */
const MAX_SCANS = 40

/** Throws ImageRejected for what is no single png, jpeg or webp, or claims more scans than any encoder writes. */
export function inspectPicture(bytes: Buffer): InspectedPicture {
  const kind = findKind(bytes)
  if (!kind) throw new ImageRejected('it is no png, jpeg or webp')
  const walk = kind.walk()
  let step = walk.next(Buffer.alloc(0))
  let at = 0
  while (!step.done) {
    const length = 'take' in step.value ? step.value.take : step.value.skip
    if (at + length > bytes.length) throw new ImageRejected('it is cut short')
    step = walk.next('take' in step.value ? bytes.subarray(at, at + length) : Buffer.alloc(0))
    at += length
  }
  const { width, height } = step.value
  if (kind.mediaType === 'image/jpeg') assertFewScans(bytes, at)
  const isLossless = kind.mediaType === 'image/webp' && bytes.subarray(0, at).includes('VP8L')
  return { mediaType: kind.mediaType, width, height, isLossless }
}

/** Inside a scan 0xff is never followed by this marker, so each one found begins another. */
function assertFewScans(bytes: Buffer, from: number): void {
  const marker = Buffer.from([0xff, 0xda])
  let scans = 1
  for (let at = bytes.indexOf(marker, from); at >= 0; at = bytes.indexOf(marker, at + 2)) {
    scans += 1
    if (scans > MAX_SCANS) throw new ImageRejected('it has too many scans')
  }
}
