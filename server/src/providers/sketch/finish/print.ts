// Owns the printed finishes: everything that maps a pixel by itself and its place, in one pass over the picture.
import { type Rgb, toRgb } from '../colour.ts'
import type { Raster } from '../render.ts'
import { unitOf } from './paint.ts'
import { getTile, sampleTile } from './texture.ts'

const clamp = (value: number): number => Math.max(0, Math.min(255, value))

/** Changes one pixel: reads and writes `rgb`. `u` and `v` are units, `light` is 0 to 255. */
export type PixelRule = (
  rgb: [number, number, number],
  place: { u: number; v: number; light: number },
) => void

/** Applies a rule to every pixel, in place. */
export function mapPixels(raster: Raster, rule: PixelRule): Raster {
  const { data, width, height } = raster
  const k = unitOf(raster)
  const rgb: [number, number, number] = [0, 0, 0]
  const spot = { u: 0, v: 0, light: 0 }
  for (let y = 0; y < height; y++) {
    spot.v = y / k
    for (let x = 0; x < width; x++) {
      const o = (y * width + x) * 4
      rgb[0] = data[o] ?? 0
      rgb[1] = data[o + 1] ?? 0
      rgb[2] = data[o + 2] ?? 0
      spot.u = x / k
      spot.light = rgb[0] * 0.299 + rgb[1] * 0.587 + rgb[2] * 0.114
      rule(rgb, spot)
      data[o] = clamp(rgb[0])
      data[o + 1] = clamp(rgb[1])
      data[o + 2] = clamp(rgb[2])
    }
  }
  return raster
}

/** Darkens towards the corners: 1 in the middle. */
function vignette(raster: Raster, strength: number): (u: number, v: number) => number {
  const k = unitOf(raster)
  const [cx, cy] = [raster.width / k / 2, raster.height / k / 2]
  const reach = cx * cx + cy * cy
  return (u, v) => {
    const d = ((u - cx) ** 2 + (v - cy) ** 2) / reach
    return 1 - strength * d * d
  }
}

const ramp = (stops: readonly Rgb[], t: number): Rgb => {
  const place = Math.max(0, Math.min(0.9999, t)) * (stops.length - 1)
  const i = Math.floor(place)
  const [a, b] = [stops[i] ?? [0, 0, 0], stops[i + 1] ?? [255, 255, 255]]
  const f = place - i
  return [a[0] + (b[0] - a[0]) * f, a[1] + (b[1] - a[1]) * f, a[2] + (b[2] - a[2]) * f]
}

/** Maps lightness onto colours, dark to light, with grain and dark corners. */
export function printTones(
  raster: Raster,
  {
    colours,
    contrast,
    grain,
    corners,
    keep,
  }: { colours: readonly string[]; contrast: number; grain: number; corners: number; keep?: number },
): Raster {
  const stops = colours.map(toRgb)
  const table = Array.from({ length: 256 }, (_, i) => {
    const t = i / 255
    const s = t < 0.5 ? 0.5 * (2 * t) ** contrast : 1 - 0.5 * (2 * (1 - t)) ** contrast
    return ramp(stops, s)
  })
  const noise = getTile(19, 80, 1)
  const dim = vignette(raster, corners)
  const mixed = keep ?? 0
  return mapPixels(raster, (rgb, { u, v, light }) => {
    const tone = table[Math.round(light)] ?? [0, 0, 0]
    const k = dim(u, v)
    const speck = grain === 0 ? 0 : sampleTile(noise, u / 170, v / 170) * grain
    const strong = mixed > 0 && rgb[0] > 120 && rgb[0] > rgb[1] * 1.9 && rgb[0] > rgb[2] * 1.9 ? mixed : 0
    for (let c = 0; c < 3; c++) rgb[c] = ((tone[c] ?? 0) * (1 - strong) + (rgb[c] ?? 0) * strong + speck) * k
  })
}

/** Dots of the printer's screen in the half-tones. */
export function printHalftone(raster: Raster): Raster {
  const pitch = 11
  const [c, s] = [Math.cos(0.5), Math.sin(0.5)]
  return mapPixels(raster, (rgb, { u, v, light }) => {
    const gx = (u * c + v * s) / pitch
    const gy = (v * c - u * s) / pitch
    const d = Math.hypot(gx - Math.floor(gx) - 0.5, gy - Math.floor(gy) - 0.5)
    const size = light > 214 || light < 42 ? 0 : 0.4 * (1 - light / 255) + 0.05
    const inDot = Math.max(0, Math.min(1, (size - d) * 9))
    for (let i = 0; i < 3; i++) rgb[i] = (rgb[i] ?? 0) * (1.07 - 0.34 * inDot)
  })
}

/** Fewer tones on toned paper, with the wear of old ink. */
export function printPoster(
  raster: Raster,
  { paper, levels, tint, wear }: { paper: string; levels: number; tint: number; wear: number },
): Raster {
  const sheet = toRgb(paper)
  const ink = getTile(23, 40, 3)
  const step = 255 / (levels - 1)
  const k = unitOf(raster)
  const [wide, high] = [raster.width / k, raster.height / k]
  return mapPixels(raster, (rgb, { u, v }) => {
    const edge = Math.min(u, v, wide - u, high - v)
    const rough = sampleTile(ink, u / 260, v / 260)
    if (edge < 30 + rough * 1.5) {
      for (let c = 0; c < 3; c++) rgb[c] = (sheet[c] ?? 255) * (1 + rough * 0.018)
      return
    }
    const thin = wear * Math.max(0, rough - 0.3)
    for (let c = 0; c < 3; c++) {
      const value = rgb[c] ?? 0
      const flat = Math.round(value / step) * step
      const toned = (flat * 0.75 + value * 0.25) * (1 - tint + (tint * (sheet[c] ?? 255)) / 255)
      rgb[c] = toned + ((sheet[c] ?? 255) - toned) * thin
    }
  })
}

/** The tooth of a sheet: light and dark fibres, `amount` in steps of brightness. */
export function printGrain(raster: Raster, amount: number): Raster {
  const fibre = getTile(41, 56, 2)
  return mapPixels(raster, (rgb, { u, v }) => {
    const f = sampleTile(fibre, u / 190, v / 190) * amount
    for (let c = 0; c < 3; c++) rgb[c] = (rgb[c] ?? 0) + f
  })
}

/** Chalk skips over the board's grain. */
export function printChalk(raster: Raster, board: string): Raster {
  const base = toRgb(board)
  const [fine, dust] = [getTile(61, 90, 1), getTile(62, 5, 3)]
  return mapPixels(raster, (rgb, { u, v }) => {
    const skip = Math.max(0, Math.min(0.72, (sampleTile(fine, u / 120, v / 120) + 0.16) * 0.95))
    const cloud = 5 + sampleTile(dust, u / 800, v / 800) * 13
    for (let c = 0; c < 3; c++) {
      const chalk = rgb[c] ?? 0
      rgb[c] = chalk + ((base[c] ?? 0) - chalk) * skip + cloud
    }
  })
}

export type Grade = { saturation: number; contrast: number; lift: number; tint: string; tintAmount: number }

/** The mood of the whole picture. */
export function gradePixels(raster: Raster, grade: Grade): Raster {
  const tint = toRgb(grade.tint)
  return mapPixels(raster, (rgb, { light }) => {
    for (let c = 0; c < 3; c++) {
      const value = light + ((rgb[c] ?? 0) - light) * grade.saturation
      const lit = (value - 128) * grade.contrast + 128 + grade.lift
      rgb[c] = lit + ((tint[c] ?? 0) - lit) * grade.tintAmount
    }
  })
}
