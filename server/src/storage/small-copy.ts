// A small JPEG of a picture, for whoever only looks at it. Never stored.
import { availableParallelism } from 'node:os'
import { createBound } from './bound.ts'
import { guardedSharp } from './decoders.ts'
import { MAX_IMAGE_PIXELS } from './image-size.ts'

/** Judges of pictures look at no more. */
const EDGE_PX = 768
const TIMEOUT_S = 20
/** Pictures on their way out must not be refused for a crowd: they wait instead. */
const bound = createBound({
  atOnce: Math.max(1, availableParallelism() >> 1),
  waiting: Number.POSITIVE_INFINITY,
})

/** Rejects when the picture cannot be decoded. Transparency lies on white. */
export function makeSmallCopy(bytes: Buffer): Promise<Buffer> {
  return bound.run(() =>
    guardedSharp(bytes, { limitInputPixels: MAX_IMAGE_PIXELS, failOn: 'error', sequentialRead: true })
      .timeout({ seconds: TIMEOUT_S })
      .autoOrient()
      .resize({ width: EDGE_PX, height: EDGE_PX, fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .flatten({ background: '#ffffff' })
      .jpeg({ quality: 80 })
      .toBuffer(),
  )
}
