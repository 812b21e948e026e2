// The structure of png, jpeg and webp, each as a generator that says which bytes it wants to see and which may
// pass unseen. A walk that ends has seen the whole structure; never let one decode anything.
import { ImageRejected } from '../providers/provider.ts'
import { assertImageSize } from './image-size.ts'

type ImageSize = { width: number; height: number }

/** What a walk wants next; zero is allowed. Bytes taken are only good until the next step: they may be wiped. */
export type WalkStep = { take: number } | { skip: number }
/** `tail` says what must follow: nothing but padding, or data that ends with an end-of-image marker. */
export type WalkEnd = ImageSize & { tail: 'padding' | 'end-of-image' }
export type ImageWalk = Generator<WalkStep, WalkEnd, Buffer>

/** Metadata, colour profiles and provenance of real files stay below it; a scan must end somewhere. */
const MAX_JPEG_HEADER_BYTES = 1024 * 1024

/**
 * The longest real files have some ten thousand; more only serve to keep the processor busy with tiny ones.
 */
const MAX_PARTS = 50_000
/** Real encoders write at most a few between two segments. */
const MAX_JPEG_FILL_BYTES = 1_000

/** Counts the chunks or segments of one picture. */
function createPartCount(): () => void {
  let parts = 0
  return () => {
    parts++
    if (parts > MAX_PARTS) throw new ImageRejected('the picture has too many parts')
  }
}

/** From the signature to the IEND chunk, chunk by chunk. */
export function* walkPng(): ImageWalk {
  const head = yield { take: 33 }
  if (head.readUInt32BE(8) !== 13 || head.toString('latin1', 12, 16) !== 'IHDR') {
    throw new ImageRejected('the png does not begin with its header')
  }
  const width = head.readUInt32BE(16)
  const height = head.readUInt32BE(20)
  assertImageSize(width, height)
  let dataSeen = false
  const countPart = createPartCount()
  for (;;) {
    countPart()
    const chunk = yield { take: 8 }
    const sizeBytes = chunk.readUInt32BE(0)
    const type = chunk.toString('latin1', 4, 8)
    if (sizeBytes > 0x7fffffff || !/^[A-Za-z]{4}$/.test(type) || type === 'IHDR') {
      throw new ImageRejected('the png has a broken chunk')
    }
    if (type === 'acTL') throw new ImageRejected('the png is an animation')
    if (type === 'IDAT') dataSeen = true
    // Each chunk ends with a checksum of four bytes, which is not counted in its length.
    yield { skip: sizeBytes + 4 }
    if (type === 'IEND') break
  }
  if (!dataSeen) throw new ImageRejected('the png has no picture data')
  return { width, height, tail: 'padding' }
}

/** Sequential and progressive; what no browser shows (lossless, arithmetic, hierarchical) is refused. */
const shownFrameMarkers = new Set([0xc0, 0xc1, 0xc2])
/** DHT, JPG and DAC lie in the range of the frame markers but are none. */
const noFrameMarkers = new Set([0xc4, 0xc8, 0xcc])

/** From the first marker to the first scan; its compressed data is not walked but must end with its marker. */
export function* walkJpeg(): ImageWalk {
  yield { take: 2 }
  let seenBytes = 2
  let fillBytes = 0
  const countPart = createPartCount()
  let size: ImageSize | null = null
  for (;;) {
    countPart()
    const lead = yield { take: 2 }
    seenBytes += 2
    if (lead[0] !== 0xff) throw new ImageRejected('the jpeg has a broken segment')
    let marker = lead[1] ?? 0
    // A marker may be preceded by any number of fill bytes.
    for (; marker === 0xff && fillBytes <= MAX_JPEG_FILL_BYTES; fillBytes++) {
      marker = (yield { take: 1 })[0] ?? 0
    }
    if (seenBytes > MAX_JPEG_HEADER_BYTES || fillBytes > MAX_JPEG_FILL_BYTES)
      throw new ImageRejected('the jpeg header is too long')
    // Below 0xc0 nothing is in use but one marker of no length; restarts, a second start and an end do not belong here.
    if (marker < 0xc0 || (marker >= 0xd0 && marker <= 0xd9)) {
      throw new ImageRejected('the jpeg has a marker out of place')
    }
    const sizeBytes = (yield { take: 2 }).readUInt16BE(0)
    if (sizeBytes < 2) throw new ImageRejected('the jpeg has a broken segment')
    const isFrame = marker <= 0xcf && !noFrameMarkers.has(marker)
    if (isFrame) {
      if (size !== null) throw new ImageRejected('the jpeg has two frames')
      size = yield* readJpegFrame(marker, sizeBytes)
    } else {
      yield { skip: sizeBytes - 2 }
    }
    seenBytes += sizeBytes
    if (marker !== 0xda) continue
    if (size === null) throw new ImageRejected('the jpeg has a scan before its frame')
    return { ...size, tail: 'end-of-image' }
  }
}

function* readJpegFrame(marker: number, sizeBytes: number): Generator<WalkStep, ImageSize, Buffer> {
  if (!shownFrameMarkers.has(marker)) throw new ImageRejected('this kind of jpeg is not supported')
  if (sizeBytes < 8) throw new ImageRejected('the jpeg has a broken frame')
  const frame = yield { take: 5 }
  const height = frame.readUInt16BE(1)
  const width = frame.readUInt16BE(3)
  assertImageSize(width, height)
  yield { skip: sizeBytes - 7 }
  return { width, height }
}

/** Flag of the extended header: the file holds several frames. */
const WEBP_ANIMATION_FLAG = 0x02

/** From the RIFF header through every chunk to the length that it states. */
export function* walkWebp(): ImageWalk {
  const riff = yield { take: 12 }
  let leftBytes = riff.readUInt32LE(4) - 4
  let canvas: ImageSize | null = null
  let picture: ImageSize | null = null
  const countPart = createPartCount()
  while (leftBytes > 0) {
    countPart()
    if (leftBytes < 8) throw new ImageRejected('the webp has a broken chunk')
    const head = yield { take: 8 }
    leftBytes -= 8
    const type = head.toString('latin1', 0, 4)
    const sizeBytes = head.readUInt32LE(4)
    const stated = webpSizes.get(type)
    if (sizeBytes > leftBytes || sizeBytes < (stated?.headBytes ?? 0)) {
      throw new ImageRejected('the webp has a broken chunk')
    }
    const bytes = yield { take: stated?.headBytes ?? 0 }
    if (stated !== undefined) {
      const size = stated.read(bytes)
      assertImageSize(size.width, size.height)
      if (type === 'VP8X') canvas = size
      else picture = size
    } else if (canvas === null && picture === null) {
      throw new ImageRejected('the webp does not begin with its header')
    }
    // Chunks of odd length are followed by one byte more; some encoders leave it out at the very end.
    const wholeBytes = Math.min(sizeBytes + (sizeBytes % 2), leftBytes)
    yield { skip: wholeBytes - bytes.length }
    leftBytes -= wholeBytes
  }
  if (picture === null) throw new ImageRejected('the webp has no picture data')
  if (canvas !== null && (canvas.width !== picture.width || canvas.height !== picture.height)) {
    throw new ImageRejected('the webp states two sizes')
  }
  return { ...picture, tail: 'padding' }
}

/** Chunks that state a size: how many of their first bytes tell it, and how. */
const webpSizes = new Map<string, { headBytes: number; read: (bytes: Buffer) => ImageSize }>([
  ['VP8 ', { headBytes: 10, read: readLossyWebpSize }],
  ['VP8L', { headBytes: 5, read: readLosslessWebpSize }],
  ['VP8X', { headBytes: 10, read: readExtendedWebpSize }],
])

function readLossyWebpSize(bytes: Buffer): ImageSize {
  const isKeyFrame = (bytes.readUInt8(0) & 1) === 0
  if (!isKeyFrame || bytes.readUIntBE(3, 3) !== 0x9d012a) {
    throw new ImageRejected('the webp has a broken frame')
  }
  // The two upper bits of each ask for scaling at display and are no part of the size.
  return { width: bytes.readUInt16LE(6) & 0x3fff, height: bytes.readUInt16LE(8) & 0x3fff }
}

function readLosslessWebpSize(bytes: Buffer): ImageSize {
  if (bytes[0] !== 0x2f) throw new ImageRejected('the webp has a broken frame')
  const bits = bytes.readUInt32LE(1)
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
}

function readExtendedWebpSize(bytes: Buffer): ImageSize {
  if ((bytes.readUInt8(0) & WEBP_ANIMATION_FLAG) !== 0) throw new ImageRejected('the webp is an animation')
  return { width: bytes.readUIntLE(4, 3) + 1, height: bytes.readUIntLE(7, 3) + 1 }
}
