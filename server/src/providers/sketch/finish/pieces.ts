// Owns the finishes that rebuild a picture from pieces: pixels, glass and the glow of neon.
import sharp from 'sharp'
import type { Rng } from '../random.ts'
import type { Raster } from '../render.ts'
import { unitOf } from './paint.ts'

/** Big square pixels in few colours. `cells` along the short side. */
export async function makePixels(
  raster: Raster,
  { cells, colours }: { cells: number; colours: number },
): Promise<Raster> {
  const { width, height } = raster
  const unit = Math.max(1, Math.round(Math.min(width, height) / cells))
  const [w, h] = [Math.max(1, Math.ceil(width / unit)), Math.max(1, Math.ceil(height / unit))]
  const few = await sharp(raster.data, { raw: { width, height, channels: 4 }, limitInputPixels: false })
    .resize(w, h, { kernel: 'cubic', fit: 'fill' })
    .png({ palette: true, colours, dither: 0, effort: 6 })
    .toBuffer()
  const small = await sharp(few).ensureAlpha().raw().toBuffer()
  const source = new Uint32Array(small.buffer.slice(small.byteOffset, small.byteOffset + w * h * 4))
  const out = new Uint32Array(width * height)
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / unit) * w
    for (let x = 0; x < width; x++) out[y * width + x] = source[row + Math.floor(x / unit)] ?? 0
  }
  return { data: Buffer.from(out.buffer), width, height }
}

type Cells = { across: number; down: number; size: number; xs: Float32Array; ys: Float32Array }

function scatterCells(raster: Raster, rng: Rng, size: number): Cells {
  const across = Math.ceil(raster.width / size) + 2
  const down = Math.ceil(raster.height / size) + 2
  const xs = new Float32Array(across * down)
  const ys = new Float32Array(across * down)
  for (let j = 0; j < down; j++) {
    for (let i = 0; i < across; i++) {
      xs[j * across + i] = (i - 0.5 + rng.range(-0.36, 0.36)) * size
      ys[j * across + i] = (j - 0.5 + rng.range(-0.36, 0.36)) * size
    }
  }
  return { across, down, size, xs, ys }
}

function cellColours({ data, width, height }: Raster, cells: Cells, rng: Rng): Uint8Array {
  const colours = new Uint8Array(cells.xs.length * 3)
  const reach = Math.max(1, Math.round(cells.size * 0.2))
  for (let k = 0; k < cells.xs.length; k++) {
    const light = rng.range(0.9, 1.13)
    for (let c = 0; c < 3; c++) {
      let sum = 0
      for (const [dx, dy] of [
        [0, 0],
        [reach, 0],
        [-reach, 0],
        [0, reach],
        [0, -reach],
      ] as const) {
        const x = Math.max(0, Math.min(width - 1, Math.round((cells.xs[k] ?? 0) + dx)))
        const y = Math.max(0, Math.min(height - 1, Math.round((cells.ys[k] ?? 0) + dy)))
        sum += data[(y * width + x) * 4 + c] ?? 0
      }
      colours[k * 3 + c] = Math.max(0, Math.min(255, (sum / 5) * light))
    }
  }
  return colours
}

/** Pieces of coloured glass with lead between them. `sizeUnits` is the mean width of a piece. */
export function makeMosaic(raster: Raster, rng: Rng, sizeUnits: number): Raster {
  const { width, height } = raster
  const size = Math.max(3, sizeUnits * unitOf(raster))
  const cells = scatterCells(raster, rng, size)
  const colours = cellColours(raster, cells, rng)
  const lead = size * 0.09
  const out = Buffer.allocUnsafe(raster.data.length)
  for (let y = 0; y < height; y++) {
    const cj = Math.floor(y / size) + 1
    for (let x = 0; x < width; x++) {
      const ci = Math.floor(x / size) + 1
      let [first, second, nearest] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0]
      for (let j = Math.max(0, cj - 1); j <= Math.min(cells.down - 1, cj + 1); j++) {
        for (let i = Math.max(0, ci - 1); i <= Math.min(cells.across - 1, ci + 1); i++) {
          const k = j * cells.across + i
          const dx = x - (cells.xs[k] ?? 0)
          const dy = y - (cells.ys[k] ?? 0)
          const d = dx * dx + dy * dy
          if (d < first) {
            second = first
            first = d
            nearest = k
          } else if (d < second) second = d
        }
      }
      const gap = Math.sqrt(second) - Math.sqrt(first)
      const glass = Math.max(0.2, Math.min(1, (gap - lead * 0.5) / (lead * 0.7)))
      const sheen = 1.08 - Math.sqrt(first) / (size * 5)
      const o = (y * width + x) * 4
      for (let c = 0; c < 3; c++) out[o + c] = Math.min(255, (colours[nearest * 3 + c] ?? 0) * glass * sheen)
      out[o + 3] = raster.data[o + 3] ?? 255
    }
  }
  return { data: out, width, height }
}

/** Light that spills over from bright lines. */
export async function addBloom(
  raster: Raster,
  { radiusUnits, strength }: { radiusUnits: number; strength: number },
): Promise<Raster> {
  const { data, width, height } = raster
  const shrink = Math.max(1, Math.round(Math.min(width, height) / 256))
  const [w, h] = [Math.max(8, Math.round(width / shrink)), Math.max(8, Math.round(height / shrink))]
  const sigma = Math.max(0.5, (radiusUnits * unitOf(raster)) / shrink)
  const soft = await sharp(data, { raw: { width, height, channels: 4 }, limitInputPixels: false })
    .removeAlpha()
    .resize(w, h, { fit: 'fill' })
    .blur(sigma)
    .resize(width, height, { fit: 'fill', kernel: 'linear' })
    .raw()
    .toBuffer()
  for (let i = 0, j = 0; i < data.length; i += 4, j += 3) {
    for (let c = 0; c < 3; c++) {
      const base = data[i + c] ?? 0
      data[i + c] = 255 - ((255 - base) * (255 - (soft[j + c] ?? 0) * strength)) / 255
    }
  }
  return raster
}
