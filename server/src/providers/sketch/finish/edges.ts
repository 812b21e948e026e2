// Owns the tracing of a photograph into lines: edges become the style's ink on the style's paper.
import { mix, toRgb } from '../colour.ts'
import type { Ink } from '../pen.ts'
import type { Raster } from '../render.ts'

function lightness({ data, width, height }: Raster): Float32Array {
  const light = new Float32Array(width * height)
  for (let i = 0; i < light.length; i++)
    light[i] = (data[i * 4] ?? 0) * 0.3 + (data[i * 4 + 1] ?? 0) * 0.59 + (data[i * 4 + 2] ?? 0) * 0.11
  return light
}

/** How much of the picture's own colour stays under the lines. */
const underpaint: Readonly<Record<Ink['kind'], number>> = {
  fill: 1,
  cut: 1,
  comic: 0.94,
  line: 0.14,
  blueprint: 0.1,
  neon: 0.12,
  chalk: 0.16,
}

/** Inks the edges; the reach grows with the picture so that lines keep their weight. */
export function traceEdges(raster: Raster, ink: Ink): Raster {
  const { data, width, height } = raster
  const reach = Math.max(1, Math.round(Math.min(width, height) / 620))
  const light = lightness(raster)
  const paper = toRgb(ink.kind === 'comic' ? '#ffffff' : ink.paper)
  const line = toRgb(ink.kind === 'neon' ? mix(ink.line, '#ffffff', 0.2) : ink.line)
  const keep = underpaint[ink.kind]
  const at = (x: number, y: number): number =>
    light[Math.max(0, Math.min(height - 1, y)) * width + Math.max(0, Math.min(width - 1, x))] ?? 0
  const out = Buffer.allocUnsafe(data.length)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const gx = at(x + reach, y) - at(x - reach, y)
      const gy = at(x, y + reach) - at(x, y - reach)
      const edge = Math.max(0, Math.min(1, (Math.hypot(gx, gy) - 14) / 46))
      const o = (y * width + x) * 4
      for (let c = 0; c < 3; c++) {
        const base = (paper[c] ?? 0) + ((data[o + c] ?? 0) - (paper[c] ?? 0)) * keep
        out[o + c] = base + ((line[c] ?? 0) - base) * edge
      }
      out[o + 3] = data[o + 3] ?? 255
    }
  }
  return { data: out, width, height }
}
