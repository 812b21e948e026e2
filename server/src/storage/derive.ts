// Copies of an output in another format, made when they are first asked for and kept beside it. The output itself is
// never touched: it stays byte for byte what the model sent, while copies carry pixels only. Copies are not counted
// on by anything: lost ones are made again.
import { availableParallelism } from 'node:os'
import { Readable } from 'node:stream'
import type { Log } from '../log.ts'
import { createBound } from './bound.ts'
import { guardedSharp } from './decoders.ts'
import { derivedObjectKey } from './keys.ts'
import { formatOfMediaType, type LinkFormat } from './links.ts'
import { findObject } from './read-object.ts'
import type { Storage } from './storage.ts'
import { StorageError } from './storage.ts'

export type Original = { key: string; mediaType: string; sizeBytes: number; width: number; height: number }
export type ByteRange = { start: number; end: number }

/** `open` answers null when the object has gone meanwhile. */
export type StoredFile = { sizeBytes: number; open(range?: ByteRange): Promise<Readable | null> }

export type Deriver = {
  /**
   * The copy of an output in a format it does not have. Null when the output is gone or cannot be that format:
   * see canDerive. Throws AppError `overloaded` when too many copies are being made.
   */
  derive(original: Original, format: LinkFormat): Promise<StoredFile | null>
}

export type DeriverNeeds = { storage: Storage; log: Pick<Log, 'warn'> }

/** The longest edge of a thumbnail. */
const THUMB_EDGE_PX = 512
/** Twice the pixels of 8K video; decoded it takes a quarter of a gigabyte. */
const MAX_PIXELS = 64_000_000
/** The format itself ends here. */
const MAX_WEBP_EDGE_PX = 16_383
/** Far above any lossless copy of so many pixels. */
const MAX_COPY_BYTES = 400 * 1024 * 1024
/** Libvips looks at the time only now and then. */
const TIMEOUT_S = 30
/** Reads and writes of files share Node's four threads with this work. */
const AT_ONCE = availableParallelism() > 2 ? 2 : 1
/** Some ten seconds of work; more is better told at once. */
const WAITING = 100

export const mediaTypes: Record<LinkFormat, string> = {
  png: 'image/png',
  webp: 'image/webp',
  jpeg: 'image/jpeg',
  thumb: 'image/webp',
}

/** Whether the picture fits into the format, and its pixels into memory. */
export function canDerive(
  { width, height }: Pick<Original, 'width' | 'height'>,
  format: LinkFormat,
): boolean {
  return width * height <= MAX_PIXELS && (format !== 'webp' || Math.max(width, height) <= MAX_WEBP_EDGE_PX)
}

/** Whether the stored bytes already are in the format. */
export function isInFormat({ mediaType }: Pick<Original, 'mediaType'>, format: LinkFormat): boolean {
  return format === formatOfMediaType(mediaType)
}

export function createDeriver(needs: DeriverNeeds): Deriver {
  const { storage } = needs
  const bound = createBound({ atOnce: AT_ONCE, waiting: WAITING })
  const making = new Map<string, Promise<StoredFile | null>>()
  return {
    async derive(original, format) {
      if (!canDerive(original, format)) return null
      const key = derivedObjectKey(original.key, format)
      const known = await storage.head(key)
      if (known) return fileOf(storage, key, known.sizeBytes)
      // Whoever asks meanwhile gets the same: one picture is converted once in this process.
      const begun = making.get(key)
      if (begun) return begun
      const made = bound.run(() => make(needs, original, { key, format })).finally(() => making.delete(key))
      making.set(key, made)
      return made
    },
  }
}

function fileOf(storage: Storage, key: string, sizeBytes: number): StoredFile {
  return {
    sizeBytes,
    async open(range) {
      const found = await storage.read(key, range)
      return found?.stream ?? null
    },
  }
}

async function make(
  { storage, log }: DeriverNeeds,
  original: Original,
  { key, format }: { key: string; format: LinkFormat },
): Promise<StoredFile | null> {
  const bytes = await findObject(storage, original.key)
  if (bytes?.length !== original.sizeBytes) return null
  const copy = await encode(bytes, format)
  try {
    const options = { mediaType: mediaTypes[format], maxBytes: MAX_COPY_BYTES, commitName: false }
    await storage.put(key, copy, options)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    // A disk that is full must not keep anybody from a picture that is there.
    log.warn({ event: 'copy.not_kept', key, err: error }, 'a copy of a picture could not be kept')
    return inMemory(copy)
  }
  // A removal that ran meanwhile took the output first and the copies then: it may have missed this one.
  if (await storage.head(original.key)) return fileOf(storage, key, copy.length)
  await storage.remove([key])
  return null
}

function inMemory(bytes: Buffer): StoredFile {
  return {
    sizeBytes: bytes.length,
    open: async ({ start, end } = { start: 0, end: bytes.length - 1 }) =>
      Readable.from([bytes.subarray(start, end + 1)]),
  }
}

/**
 * The pixels anew, upright and in sRGB. PNG is exact. WebP and JPEG are lossy, at a quality at which the loss is not
 * seen beside the original; JPEG knows no transparency and lies on white.
 */
async function encode(bytes: Buffer, format: LinkFormat): Promise<Buffer> {
  const options = { limitInputPixels: MAX_PIXELS, failOn: 'error', sequentialRead: true } as const
  const picture = guardedSharp(bytes, options)
    .timeout({ seconds: TIMEOUT_S })
    .autoOrient()
    .toColourspace('srgb')
  switch (format) {
    case 'png':
      return picture.png({ compressionLevel: 6 }).toBuffer()
    case 'webp':
      // Without sharp's finer subsampling, which costs one and a half times the encoding for little that is seen.
      return picture.webp({ quality: 92, alphaQuality: 100 }).toBuffer()
    case 'jpeg':
      return picture
        .flatten({ background: '#ffffff' })
        .jpeg({ quality: 92, chromaSubsampling: '4:4:4' })
        .toBuffer()
    case 'thumb': {
      const edge = THUMB_EDGE_PX
      const small = picture.resize({ width: edge, height: edge, fit: 'inside', withoutEnlargement: true })
      return small.webp({ quality: 80 }).toBuffer()
    }
  }
}
