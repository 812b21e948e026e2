// Owns what happens to a reference picture: it is recoloured, re-inked and added to by the prompt's words, and stays
// recognisable. With a mask only its transparent area changes, to the pixel.
import sharp from 'sharp'
import { darken, lighten } from './colour.ts'
import { composeOverlay, composePicture } from './compose.ts'
import { traceEdges } from './finish/edges.ts'
import { finishRaster } from './finish/finish.ts'
import { gradePixels, printTones } from './finish/print.ts'
import { type DrawJob, UnreadableReference } from './job.ts'
import type { Brief } from './prompt.ts'
import { createRng } from './random.ts'
import { type Raster, renderSvg } from './render.ts'
import type { Style } from './styles.ts'

// As large as the service accepts; more would be a bomb.
const MAX_REFERENCE_PIXELS = 100_000_000
const INSET_SHARE = 0.2

/** Decodes a picture and crops it to the size. */
async function decode(
  bytes: Uint8Array,
  { width, height }: { width: number; height: number },
): Promise<Raster> {
  try {
    const data = await sharp(bytes, { limitInputPixels: MAX_REFERENCE_PIXELS, failOn: 'error' })
      .autoOrient()
      .resize(width, height, { fit: 'cover' })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw()
      .toBuffer()
    return { data, width, height }
  } catch (error) {
    throw new UnreadableReference(
      `a reference cannot be decoded: ${error instanceof Error ? error.message : ''}`,
    )
  }
}

const copyOf = (raster: Raster): Raster => ({ ...raster, data: Buffer.from(raster.data) })

/** The prompt's hour, weather and colours as light on the picture. */
function relight(raster: Raster, brief: Brief): Raster {
  const colour =
    brief.palette[0] ??
    brief.wishes[0]?.colours[0] ??
    brief.scenery.get('backdrop') ??
    brief.scenery.get('sky')
  const plain = { saturation: 1, contrast: 1, lift: 0, tint: '#ffffff', tintAmount: 0 }
  if (colour !== undefined) {
    return printTones(raster, {
      colours: [darken(colour, 0.82), darken(colour, 0.35), lighten(colour, 0.2), lighten(colour, 0.86)],
      contrast: 1.1,
      grain: 0,
      corners: 0.1,
    })
  }
  if (brief.time === 'night')
    return gradePixels(raster, {
      ...plain,
      saturation: 0.7,
      contrast: 0.95,
      lift: -46,
      tint: '#16276b',
      tintAmount: 0.42,
    })
  if (brief.time === 'dusk')
    return gradePixels(raster, { ...plain, lift: -22, tint: '#5a3f8c', tintAmount: 0.32 })
  if (brief.time === 'sunset')
    return gradePixels(raster, { ...plain, saturation: 1.1, tint: '#ff8a3c', tintAmount: 0.28 })
  if (brief.time === 'dawn')
    return gradePixels(raster, { ...plain, lift: 8, tint: '#ffc0b0', tintAmount: 0.24 })
  if (brief.season === 'winter' || brief.weather === 'snow')
    return gradePixels(raster, { ...plain, saturation: 0.55, lift: 20, tint: '#d9e8f7', tintAmount: 0.26 })
  if (brief.season === 'autumn')
    return gradePixels(raster, { ...plain, saturation: 1.1, tint: '#d9772b', tintAmount: 0.22 })
  if (brief.weather === 'rain' || brief.weather === 'storm')
    return gradePixels(raster, { ...plain, saturation: 0.6, lift: -18, tint: '#5c6c82', tintAmount: 0.3 })
  return raster
}

/** Soft edges of flat colour, as an illustrator would simplify a photograph. */
async function simplify(raster: Raster): Promise<Raster> {
  const { width, height } = raster
  const window = Math.max(3, Math.round(Math.min(width, height) / 170) | 1)
  const data = await sharp(raster.data, { raw: { width, height, channels: 4 }, limitInputPixels: false })
    .median(Math.min(9, window))
    .raw()
    .toBuffer()
  return gradePixels(
    { data, width, height },
    { saturation: 1.25, contrast: 1.08, lift: 4, tint: '#ffe9c9', tintAmount: 0.05 },
  )
}

async function restyleWhole(
  raster: Raster,
  { job, brief, style }: { job: DrawJob; brief: Brief; style: Style },
): Promise<Raster> {
  const lit = relight(raster, brief)
  const { kind } = style.ink
  const drawn = kind === 'line' || kind === 'blueprint' || kind === 'chalk' || kind === 'neon'
  const inked =
    drawn || kind === 'comic'
      ? traceEdges(lit, style.ink)
      : style.name === 'soft' || style.name === 'flat' || style.name === 'cut'
        ? await simplify(lit)
        : lit
  return await finishRaster(inked, {
    style: style.name,
    paper: style.ink.paper,
    brief,
    rng: createRng(`${job.prompt}|${job.seed ?? ''}|${job.index}|finish`),
    detail: job.detail,
    transparent: false,
  })
}

/** Lays `over`, as rendered (premultiplied), on `base`, in place. */
function lay(base: Raster, over: Raster, [left, top]: readonly [number, number]): void {
  for (let y = 0; y < over.height; y++) {
    const by = y + top
    if (by < 0 || by >= base.height) continue
    for (let x = 0; x < over.width; x++) {
      const bx = x + left
      if (bx < 0 || bx >= base.width) continue
      const o = (y * over.width + x) * 4
      const a = (over.data[o + 3] ?? 0) / 255
      if (a === 0) continue
      const b = (by * base.width + bx) * 4
      for (let c = 0; c < 3; c++)
        base.data[b + c] = Math.min(255, (over.data[o + c] ?? 0) + (base.data[b + c] ?? 0) * (1 - a))
      base.data[b + 3] = Math.max(base.data[b + 3] ?? 0, over.data[o + 3] ?? 0)
    }
  }
}

type Area = { left: number; top: number; width: number; height: number }

/** The rectangle around everything the mask leaves open, or null when it leaves nothing open. */
function openArea({ data, width, height }: Raster): Area | null {
  let [left, top, right, bottom] = [width, height, -1, -1]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if ((data[(y * width + x) * 4 + 3] ?? 255) > 127) continue
      left = Math.min(left, x)
      right = Math.max(right, x)
      top = Math.min(top, y)
      bottom = Math.max(bottom, y)
    }
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 }
}

/** Further references come along as small prints in the corner. */
async function layInsets(base: Raster, references: readonly Uint8Array[]): Promise<void> {
  const edge = Math.round(Math.min(base.width, base.height) * INSET_SHARE)
  const gap = Math.round(edge * 0.12)
  const rim = Math.max(2, Math.round(edge * 0.045))
  for (const [i, bytes] of references.slice(0, 4).entries()) {
    const left = base.width - (edge + gap) * (i + 1)
    if (left < 0) return
    const card = await decode(bytes, { width: edge, height: edge })
    for (let p = 0; p < edge * edge; p++) {
      const [x, y] = [p % edge, Math.floor(p / edge)]
      if (x >= rim && y >= rim && x < edge - rim && y < edge - rim) continue
      card.data.set([252, 249, 241, 255], p * 4)
    }
    lay(base, card, [left, base.height - edge - gap])
  }
}

/** Copies `changed` where the mask is transparent and `original` elsewhere. */
function mergeByMask(original: Raster, changed: Raster, mask: Raster): Raster {
  const out = Buffer.from(original.data)
  for (let i = 0; i < out.length; i += 4) {
    const open = 1 - (mask.data[i + 3] ?? 255) / 255
    if (open === 0) continue
    for (let c = 0; c < 4; c++)
      out[i + c] = Math.round((original.data[i + c] ?? 0) * (1 - open) + (changed.data[i + c] ?? 0) * open)
  }
  return { ...original, data: out }
}

const overlayIn = (job: DrawJob, area: Area, scene: boolean): Raster => {
  const part = { ...job, width: area.width, height: area.height, transparent: !scene }
  const composition = scene ? composePicture(part) : composeOverlay(part)
  return renderSvg(composition.body, {
    width: area.width,
    height: area.height,
    unitsWide: composition.width,
    unitsHigh: composition.height,
  })
}

/** Makes the picture of a job that has references. Throws UnreadableReference. */
export async function restyleReference(
  job: DrawJob,
  { brief, style }: { brief: Brief; style: Style },
): Promise<Raster> {
  const [first, ...more] = job.references
  if (!first) throw new UnreadableReference('there is no reference')
  const size = { width: job.width, height: job.height }
  const original = await decode(first, size)
  const changed = await restyleWhole(copyOf(original), { job, brief, style })
  const mask = job.mask ? await decode(job.mask, size) : null
  const area = mask ? openArea(mask) : null
  if (mask && area) lay(changed, overlayIn(job, area, brief.wishes.length > 0), [area.left, area.top])
  if (!mask) {
    lay(changed, overlayIn(job, { left: 0, top: 0, ...size }, false), [0, 0])
    await layInsets(changed, more)
    return changed
  }
  return mergeByMask(original, changed, mask)
}
