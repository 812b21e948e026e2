// Owns the whole way of one picture, from job to encoded bytes, with the coarser pictures on the way.
import { composePicture } from './compose.ts'
import { DrawingCancelled, type DrawJob } from './job.ts'
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
  return await encodeRaster(raster, {
    format: job.format,
    compression: job.compression,
    opaque: !job.transparent,
  })
}
