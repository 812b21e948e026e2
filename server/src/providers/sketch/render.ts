// Owns the way from SVG to pixels and from pixels to a file. No fonts, no outside files: nothing but the SVG.
import { Resvg } from '@resvg/resvg-js'
import sharp from 'sharp'
import type { ImageFormat } from '../provider.ts'

/** RGBA, row by row; straight alpha unless a function says otherwise. */
export type Raster = { data: Buffer; width: number; height: number }

// Pictures come from strangers: only the three formats the service knows may be decoded, and nothing by name.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: ['VipsForeignLoadPngBuffer', 'VipsForeignLoadJpegBuffer', 'VipsForeignLoadWebpBuffer'],
})
sharp.cache(false)
// The pool already has a thread for every core.
sharp.concurrency(1)

export type RenderOptions = { width: number; height: number; unitsWide: number; unitsHigh: number }

/**
 * Renders what stands inside an `<svg>` element to exactly `width` x `height` pixels. Its alpha is premultiplied,
 * which only matters where the picture is not opaque.
 */
export function renderSvg(body: string, { width, height, unitsWide, unitsHigh }: RenderOptions): Raster {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${unitsWide} ${unitsHigh}" preserveAspectRatio="none">${body}</svg>`
  const image = new Resvg(svg, { font: { loadSystemFonts: false }, logLevel: 'off' }).render()
  return { data: image.pixels, width: image.width, height: image.height }
}

/** Turns premultiplied alpha into straight alpha, in place. */
export function toStraightAlpha(raster: Raster): Raster {
  const { data } = raster
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3] ?? 255
    if (alpha === 255 || alpha === 0) continue
    for (let c = 0; c < 3; c++) data[i + c] = Math.min(255, Math.round(((data[i + c] ?? 0) * 255) / alpha))
  }
  return raster
}

/** The same picture with more pixels, softly. */
export async function enlargeRaster(
  raster: Raster,
  { width, height }: { width: number; height: number },
): Promise<Raster> {
  const raw = { width: raster.width, height: raster.height, channels: 4 as const }
  const data = await sharp(raster.data, { raw, limitInputPixels: false })
    .resize(width, height, { fit: 'fill', kernel: 'cubic' })
    .raw()
    .toBuffer()
  return { data, width, height }
}

// Level 6 takes three times as long at 4K and saves little on flat colour.
const PNG_LEVEL = 4

/** Encodes a picture; `opaque` drops the alpha channel. */
export async function encodeRaster(
  raster: Raster,
  { format, compression, opaque }: { format: ImageFormat; compression: number | null; opaque: boolean },
): Promise<Buffer> {
  const input = sharp(raster.data, {
    raw: { width: raster.width, height: raster.height, channels: 4 },
    limitInputPixels: false,
  })
  const image = opaque || format === 'jpeg' ? input.flatten({ background: '#ffffff' }).removeAlpha() : input
  const quality = Math.max(1, Math.min(100, compression ?? 90))
  if (format === 'jpeg')
    return await image.jpeg({ quality, mozjpeg: false, chromaSubsampling: '4:4:4' }).toBuffer()
  if (format === 'webp') return await image.webp({ quality, effort: 2 }).toBuffer()
  return await image.png({ compressionLevel: PNG_LEVEL, adaptiveFiltering: false }).toBuffer()
}
