// Owns the painted finishes: watercolour and oil. They work on pixels, so that any drawing can be painted.
import { n } from '../geometry.ts'
import type { Rng } from '../random.ts'
import { type Raster, renderSvg } from '../render.ts'
import { getTile, sampleTile } from './texture.ts'

/** Pixels per unit of the picture. */
export const unitOf = (raster: Raster): number => Math.min(raster.width, raster.height) / 1000

type Painted = { paper: readonly [number, number, number]; seed: number; border: boolean }

const at = (data: Buffer, index: number): number => data[index] ?? 0

/** How much paper shows at the ragged margin of a sheet: 0 = painted, 1 = bare. */
function marginAt(raster: Raster, [x, y]: readonly [number, number], rough: number): number {
  const k = unitOf(raster)
  const edge = Math.min(x, y, raster.width - 1 - x, raster.height - 1 - y) / k
  const line = 34 + rough * 26
  return edge > line + 4 ? 0 : edge < line - 4 ? 1 : (line + 4 - edge) / 8
}

/** Noise for one band of rows, one value for each block of pixels: noise this smooth needs no more. */
type Band = { wx: Float32Array; wy: Float32Array; fibre: Float32Array; pool: Float32Array }

function fillBand(
  band: Band,
  { v, block, unit, seed }: { v: number; block: number; unit: number; seed: number },
): void {
  const [warp, bloom, grain] = [getTile(seed, 9, 3), getTile(seed + 7, 5, 4), getTile(77, 64, 2)]
  for (let i = 0; i < band.wx.length; i++) {
    const u = ((i + 0.5) * block) / unit
    band.wx[i] = sampleTile(warp, u / 300, v / 300)
    band.wy[i] = sampleTile(warp, u / 300 + 0.37, v / 300 + 0.71)
    band.fibre[i] = sampleTile(grain, u / 150, v / 150)
    band.pool[i] = sampleTile(bloom, u / 900, v / 900)
  }
}

/** Wet edges, blooms and grain on white paper. */
export function paintWatercolour(raster: Raster, { paper, seed, border }: Painted): Raster {
  const { data, width, height } = raster
  const unit = unitOf(raster)
  const block = Math.max(1, Math.floor(unit * 1.4))
  const blocks = Math.ceil(width / block)
  const create = () => new Float32Array(blocks)
  const band: Band = { wx: create(), wy: create(), fibre: create(), pool: create() }
  const out = Buffer.allocUnsafe(data.length)
  const reach = Math.max(1, Math.round(2.6 * unit))
  for (let y = 0; y < height; y++) {
    if (y % block === 0) fillBand(band, { v: y / unit, block, unit, seed: seed & 1023 })
    for (let x = 0; x < width; x++) {
      const b = Math.floor(x / block)
      const [wx, wy, fibre, pool] = [band.wx[b] ?? 0, band.wy[b] ?? 0, band.fibre[b] ?? 0, band.pool[b] ?? 0]
      const sx = Math.max(0, Math.min(width - 1, Math.round(x + wx * 9 * unit)))
      const sy = Math.max(0, Math.min(height - 1, Math.round(y + wy * 9 * unit)))
      const i = (sy * width + sx) * 4
      const j = (Math.min(height - 1, sy + reach) * width + Math.min(width - 1, sx + reach)) * 4
      const edge =
        Math.abs(at(data, i) - at(data, j)) +
        Math.abs(at(data, i + 1) - at(data, j + 1)) +
        Math.abs(at(data, i + 2) - at(data, j + 2))
      const wet = edge > 36 ? Math.min(0.2, (edge - 36) / 700) : 0
      const bare = border ? marginAt(raster, [x, y], wx + fibre * 0.25) : 0
      const wash = Math.max(0, Math.min(1, 0.13 + pool * 0.2 + fibre * 0.045))
      const keep = (1 - wash) * (1 - bare)
      const o = (y * width + x) * 4
      const dark = (1 - wet) * (1 + Math.min(0, pool * 0.09)) * 1.03
      const sheet = 1 - Math.max(0, fibre) * 0.03
      for (let c = 0; c < 3; c++) {
        const ground = (paper[c] ?? 255) * sheet
        out[o + c] = ground + (Math.min(255, at(data, i + c) * dark) - ground) * keep
      }
      out[o + 3] = at(data, i + 3)
    }
  }
  return { data: out, width, height }
}

type Stroke = { x: number; y: number; angle: number; length: number; width: number; colour: string }

function strokePath({ x, y, angle, length, width, colour }: Stroke, bend: number): string {
  const [c, s] = [Math.cos(angle), Math.sin(angle)]
  const [hx, hy] = [(c * length) / 2, (s * length) / 2]
  const [nx, ny] = [-s * width, c * width]
  const [bx, by] = [-s * bend, c * bend]
  return `<path d="M${n(x - hx)} ${n(y - hy)}Q${n(x + bx + nx)} ${n(y + by + ny)} ${n(x + hx)} ${n(y + hy)}Q${n(x + bx - nx)} ${n(y + by - ny)} ${n(x - hx)} ${n(y - hy)}Z" fill="${colour}"/>`
}

function luminanceAt(raster: Raster, x: number, y: number): number {
  const px = Math.max(0, Math.min(raster.width - 1, Math.round(x)))
  const py = Math.max(0, Math.min(raster.height - 1, Math.round(y)))
  const i = (py * raster.width + px) * 4
  return at(raster.data, i) * 0.3 + at(raster.data, i + 1) * 0.59 + at(raster.data, i + 2) * 0.11
}

function colourAt(raster: Raster, [x, y]: readonly [number, number], rng: Rng): string {
  const px = Math.max(0, Math.min(raster.width - 1, Math.round(x)))
  const py = Math.max(0, Math.min(raster.height - 1, Math.round(y)))
  const i = (py * raster.width + px) * 4
  const light = 1 + rng.range(-0.055, 0.06)
  const channel = (c: number): string =>
    Math.max(0, Math.min(255, Math.round(at(raster.data, i + c) * light + rng.range(-4, 4))))
      .toString(16)
      .padStart(2, '0')
  return `#${channel(0)}${channel(1)}${channel(2)}`
}

/** One layer of strokes over a grid; strokes run along edges, elsewhere along slow swirls. */
function strokeLayer(
  raster: Raster,
  rng: Rng,
  { step, length, width, onlyDetail }: { step: number; length: number; width: number; onlyDetail: boolean },
): string {
  const k = unitOf(raster)
  const swirl = getTile(31, 3, 2)
  const [wide, high] = [raster.width / k, raster.height / k]
  const reach = step * 0.55 * k
  const strokes: string[] = []
  for (let gy = 0; gy < high + step; gy += step) {
    for (let gx = 0; gx < wide + step; gx += step) {
      const [x, y] = [gx + rng.range(-0.6, 0.6) * step, gy + rng.range(-0.6, 0.6) * step]
      const [px, py] = [x * k, y * k]
      const dx = luminanceAt(raster, px + reach, py) - luminanceAt(raster, px - reach, py)
      const dy = luminanceAt(raster, px, py + reach) - luminanceAt(raster, px, py - reach)
      const force = Math.hypot(dx, dy)
      if (onlyDetail && force < 16) continue
      const angle =
        force > 14 ? Math.atan2(dy, dx) + Math.PI / 2 : sampleTile(swirl, x / 1300, y / 1300) * 2.4
      const long = force > 30 ? length * 0.62 : length
      strokes.push(
        strokePath(
          {
            x,
            y,
            angle,
            length: long * rng.range(0.7, 1.25),
            width: width * rng.range(0.7, 1.2),
            colour: colourAt(raster, [px, py], rng),
          },
          rng.range(-0.12, 0.12) * long,
        ),
      )
    }
  }
  return strokes.join('')
}

/** Thousands of brush strokes in the colours beneath them. */
export function paintOil(raster: Raster, rng: Rng, detail: number): Raster {
  const k = unitOf(raster)
  const fine = detail === 0 ? 13 : detail === 1 ? 9.5 : 8
  const strokes =
    strokeLayer(raster, rng, { step: 26, length: 84, width: 36, onlyDetail: false }) +
    strokeLayer(raster, rng, { step: 16, length: 46, width: 19, onlyDetail: false }) +
    strokeLayer(raster, rng, { step: fine, length: 22, width: 7.5, onlyDetail: true })
  const over = renderSvg(strokes, {
    width: raster.width,
    height: raster.height,
    unitsWide: raster.width / k,
    unitsHigh: raster.height / k,
  })
  const bristle = getTile(55, 48, 2)
  const out = Buffer.allocUnsafe(raster.data.length)
  for (let y = 0; y < raster.height; y++) {
    for (let x = 0; x < raster.width; x++) {
      const o = (y * raster.width + x) * 4
      const a = at(over.data, o + 3) / 255
      const relief = 1 + sampleTile(bristle, x / k / 220, y / k / 130) * 0.055
      for (let c = 0; c < 3; c++) {
        const painted = at(over.data, o + c) + at(raster.data, o + c) * (1 - a)
        out[o + c] = Math.max(0, Math.min(255, painted * relief))
      }
      out[o + 3] = at(raster.data, o + 3)
    }
  }
  return { data: out, width: raster.width, height: raster.height }
}
