// Owns the whole way of one picture, from job to encoded bytes, with the coarser pictures on the way.
import { type Composition, composePicture } from './compose.ts'
import { finishRaster } from './finish/finish.ts'
import { DrawingCancelled, type DrawJob } from './job.ts'
import { createRng } from './random.ts'
import { encodeRaster, enlargeRaster, type Raster, renderSvg, toStraightAlpha } from './render.ts'
import { restyleReference } from './restyle.ts'

export type DrawHooks = {
  isCancelled(): boolean
  onPartial(bytes: Buffer, index: number): void
}

/** A partial picture is a preview: a 4K one would take longer than the final. */
const MAX_PARTIAL_EDGE = 1536

/** How coarse partial pictures are, in pixels along the short side, from the first to the last. */
const partialSteps: Readonly<Record<number, readonly number[]>> = { 1: [96], 2: [48, 192], 3: [32, 96, 288] }

/** Draws one picture. Throws DrawingCancelled between its stages once nobody wants it any more. */
export async function drawPicture(job: DrawJob, hooks: DrawHooks): Promise<Buffer> {
  const stopIfCancelled = (): void => {
    if (hooks.isCancelled()) throw new DrawingCancelled('cancelled')
  }
  stopIfCancelled()
  const composition = composePicture(job)
  const steps = partialSteps[job.partials] ?? []
  for (const [index, edge] of steps.entries()) {
    stopIfCancelled()
    hooks.onPartial(await drawPartial(job, composition, edge), index)
  }
  stopIfCancelled()
  const raster = await makeRaster(job, composition)
  stopIfCancelled()
  return await encodeRaster(raster, encoding(job))
}

const encoding = (job: DrawJob) => ({
  format: job.format,
  compression: job.compression,
  opaque: !job.transparent,
})

async function makeRaster(job: DrawJob, composition: Composition): Promise<Raster> {
  if (job.references.length > 0) return await restyleReference(job, composition)
  const raster = renderSvg(composition.body, {
    width: job.width,
    height: job.height,
    unitsWide: composition.width,
    unitsHigh: composition.height,
  })
  return await finishRaster(job.transparent ? toStraightAlpha(raster) : raster, {
    style: composition.style.name,
    paper: composition.style.ink.paper,
    brief: composition.brief,
    rng: createRng(`${job.prompt}|${job.seed ?? ''}|${job.index}|finish`),
    detail: job.detail,
    transparent: job.transparent,
  })
}

/** The same picture seen through fewer pixels, at the same ratio. */
async function drawPartial(job: DrawJob, composition: Composition, edge: number): Promise<Buffer> {
  const scale = Math.min(1, edge / Math.min(job.width, job.height))
  const small = {
    ...job,
    width: Math.max(1, Math.round(job.width * scale)),
    height: Math.max(1, Math.round(job.height * scale)),
  }
  const raster = await makeRaster(small, composition)
  const shrink = Math.min(1, MAX_PARTIAL_EDGE / Math.max(job.width, job.height))
  const size = { width: Math.round(job.width * shrink), height: Math.round(job.height * shrink) }
  return await encodeRaster(await enlargeRaster(raster, size), encoding(job))
}
