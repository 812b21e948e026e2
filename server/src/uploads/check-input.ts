// What a customer sends as a picture is decoded and encoded anew before anybody else sees it: orientation applied,
// colours in sRGB, every byte that is no pixel gone. What it claims to be counts for nothing; its first bytes decide.
import { availableParallelism } from 'node:os'
import { AppError, invalidField } from '../errors.ts'
import { guardedSharp } from '../storage/decoders.ts'
import { type InspectedPicture, inspectPicture } from '../storage/inspect-picture.ts'
import { createTurns, type Turn } from '../turns.ts'

/** The most bytes of one picture, also of an upload; a dialect may allow less, or as much as the largest. */
export const maxInputBytes = 10_000_000
/** OpenAI's limit; a lossless photograph of the most pixels may come near it. */
export const largestInputBytes = 50_000_000
/** Photographs of telephones have up to 24 megapixels by default; decoding takes four to ten bytes for each. */
export const maxInputPixels = 40_000_000
/** Upstreams refuse smaller ones, and a picture of one pixel is a tracker or a mistake. */
const minEdge = 8
/** A lossless WebP is the dearest to encode, by far, and no telephone writes one: 4,000 by 4,000 are enough. */
const maxLosslessWebpPixels = 16_000_000
/** Of 6: above it an encoder of WebP takes many times as long and saves a few bytes of a copy that is read once. */
const webpEffort = 1
/**
 * A core is left for everything else. An account has one place, and chairs for as many orders as most callers may have
 * in flight: each order asks for one picture at a time.
 */
const decoding = createTurns({
  atOnce: Math.max(1, availableParallelism() >> 1),
  waiting: 64,
  ofAccount: { atOnce: 1, waiting: 4 },
  refusal: 'Too many pictures are waiting.',
})
const decodeTimeoutSeconds = 20

export type CheckedInput = {
  bytes: Buffer
  mediaType: string
  width: number
  height: number
  hasAlpha: boolean
}

type Limits = Turn & { field: string; maxBytes?: number }

/** Throws AppError: `invalid_request` naming the field, or `overloaded`. */
export async function checkInput(bytes: Buffer, limits: Limits): Promise<CheckedInput> {
  const { field } = limits
  refuseSize(bytes.length, limits)
  const found = inspect(bytes, field)
  return decoding.run(limits, () => decode(bytes, { found, field }))
}

/** As checkInput, for bytes that lie elsewhere: they are in memory while they are looked at and no longer. */
export async function checkInputFile(
  file: { sizeBytes: number; read(): Promise<Buffer> },
  limits: Limits,
): Promise<CheckedInput> {
  const { field } = limits
  refuseSize(file.sizeBytes, limits)
  return decoding.run(limits, async () => {
    const bytes = await file.read()
    return decode(bytes, { found: inspect(bytes, field), field })
  })
}

/** Whether any pixel of a picture that was checked lets something through. Waits its turn, as every decoding does. */
export async function isTransparentSomewhere(read: () => Promise<Buffer>, turn: Turn): Promise<boolean> {
  return decoding.run(turn, async () => {
    const bytes = await read()
    const open = () => guardedSharp(bytes, { limitInputPixels: maxInputPixels, sequentialRead: true })
    const { hasAlpha, channels } = await open().metadata()
    if (!hasAlpha || channels === undefined) return false
    // One byte for each pixel is all that is kept of it.
    const alpha = await open()
      .timeout({ seconds: decodeTimeoutSeconds })
      .extractChannel((channels - 1) as 1 | 3)
      .raw({ depth: 'uchar' })
      .toBuffer()
    // All are opaque if the first is and each is as the one before it: a comparison of memory, not a loop over millions.
    return alpha[0] !== 255 || !alpha.subarray(1).equals(alpha.subarray(0, -1))
  })
}

function refuseSize(
  sizeBytes: number,
  { field, maxBytes = maxInputBytes }: Pick<Limits, 'field' | 'maxBytes'>,
): void {
  if (sizeBytes === 0) throw refuse(field, 'is empty', 'too_small')
  if (sizeBytes > maxBytes) throw refuse(field, `is larger than ${maxBytes} bytes`, 'too_big')
}

async function decode(
  bytes: Buffer,
  { found, field }: { found: InspectedPicture; field: string },
): Promise<CheckedInput> {
  try {
    return await encodeAnew(bytes, found)
  } catch (error) {
    throw new AppError('invalid_request', `The picture in ${field} cannot be decoded.`, {
      details: [{ path: field, message: 'It cannot be decoded.', code: 'invalid_value' }],
      cause: error,
    })
  }
}

function inspect(bytes: Buffer, field: string): InspectedPicture {
  let found: InspectedPicture
  try {
    found = inspectPicture(bytes)
  } catch (error) {
    throw refuse(
      field,
      `is not accepted: ${error instanceof Error ? error.message : 'unknown'}`,
      'invalid_value',
    )
  }
  const { width, height, mediaType, isLossless } = found
  const isDear = mediaType === 'image/webp' && isLossless
  const maxPixels = isDear ? maxLosslessWebpPixels : maxInputPixels
  if (width * height > maxPixels) {
    const what = isDear ? 'pixels in a lossless WebP' : 'pixels'
    throw refuse(field, `has ${width} x ${height} ${what}, more than ${maxPixels}`, 'too_big')
  }
  if (Math.min(width, height) < minEdge) {
    throw refuse(
      field,
      `has ${width} x ${height} pixels; each edge must have at least ${minEdge}`,
      'too_small',
    )
  }
  return found
}

function refuse(field: string, what: string, code: string): AppError {
  return invalidField(field, `The picture in ${field} ${what}.`, code)
}

async function encodeAnew(bytes: Buffer, found: InspectedPicture): Promise<CheckedInput> {
  const picture = guardedSharp(bytes, {
    limitInputPixels: maxInputPixels,
    failOn: 'error',
    sequentialRead: true,
  })
    .timeout({ seconds: decodeTimeoutSeconds })
    .autoOrient()
    // Without it the profile of the file would decide how its numbers look, and the profile does not stay.
    .toColourspace('srgb')
  const { data, info } = await encodeAs(picture, found).toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  return {
    bytes: data,
    mediaType: found.mediaType,
    width,
    height,
    hasAlpha: channels === 2 || channels === 4,
  }
}

/** The same kind again, at a quality at which the loss of a second encoding is not seen. */
function encodeAs(picture: ReturnType<typeof guardedSharp>, { mediaType, isLossless }: InspectedPicture) {
  if (mediaType === 'image/png') return picture.png({ compressionLevel: 6 })
  if (mediaType === 'image/webp') {
    return picture.webp({ effort: webpEffort, ...(isLossless ? { lossless: true } : { quality: 92 }) })
  }
  return picture.jpeg({ quality: 92, chromaSubsampling: '4:4:4' })
}
