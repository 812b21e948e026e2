// Owns the whole way of one picture, from job to encoded bytes, with the coarser pictures on the way.
import { composePicture } from './compose.ts'
import { finishRaster } from './finish/finish.ts'
import { DrawingCancelled, type DrawJob } from './job.ts'
import { createRng } from './random.ts'
import { encodeRaster, type Raster, renderSvg } from './render.ts'

export type DrawHooks = {
  isCancelled(): boolean
  onPartial(bytes: Buffer, index: number): void
}

/** Draws one picture. Throws DrawingCancelled between its stages once nobody wants it any more. */
export async function drawPicture(job: DrawJob, hooks: DrawHooks): Promise<Buffer> {
  const stopIfCancelled = (): void => {
    if (hooks.isCancelled()) throw new DrawingCancelled('cancelled')
  }
  stopIfCancelled()
  const composition = composePicture(job)
  stopIfCancelled()
  const raster: Raster = renderSvg(composition.body, {
    width: job.width,
    height: job.height,
    unitsWide: composition.width,
    unitsHigh: composition.height,
  })
  stopIfCancelled()
  const finished = await finishRaster(raster, {
    style: composition.style.name,
    paper: composition.style.ink.paper,
    brief: composition.brief,
    rng: createRng(`${job.prompt}|${job.seed ?? ''}|${job.index}|finish`),
    detail: job.detail,
    transparent: job.transparent,
  })
  stopIfCancelled()
  return await encodeRaster(finished, {
    format: job.format,
    compression: job.compression,
    opaque: !job.transparent,
  })
}
