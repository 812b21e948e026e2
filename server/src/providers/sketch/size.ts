// Owns which pixels a request means: its own width and height, or a ratio and a resolution by the frozen table.
import type { ProviderRequest } from '../provider.ts'

export type Size = { width: number; height: number }

const DEFAULT_EDGE = 1024

// Frozen: area at most the square of the edge, both edges multiples of 16.
const landscape: Record<string, readonly [Size, Size, Size]> = {
  '1:1': [size(1024, 1024), size(2048, 2048), size(4096, 4096)],
  '3:2': [size(1248, 832), size(2496, 1664), size(5008, 3344)],
  '4:3': [size(1168, 880), size(2352, 1760), size(4720, 3536)],
  '5:4': [size(1136, 912), size(2288, 1824), size(4576, 3664)],
  '16:9': [size(1360, 768), size(2720, 1536), size(5456, 3072)],
  '21:9': [size(1552, 672), size(3120, 1344), size(6240, 2672)],
}

const edges: Record<string, number> = { '512': 512, '1K': 1024, '2K': 2048, '4K': 4096 }

function size(width: number, height: number): Size {
  return { width, height }
}

/** The size to draw in pixels, or null when the request names a ratio or a resolution that is none. */
export function findSketchSize(
  request: Pick<ProviderRequest, 'width' | 'height' | 'aspectRatio' | 'resolution'>,
): Size | null {
  const { width, height } = request
  if (width !== null && height !== null) {
    const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0
    return whole ? { width, height } : null
  }
  const edge = request.resolution === null ? DEFAULT_EDGE : edges[request.resolution.toUpperCase()]
  if (edge === undefined) return null
  return findByRatio(request.aspectRatio ?? '1:1', edge)
}

function findByRatio(ratio: string, edge: number): Size | null {
  const place = edge === 4096 ? 2 : edge === 2048 ? 1 : 0
  const upright = ratio.split(':').reverse().join(':')
  const row = landscape[ratio]?.[place]
  const turned = landscape[upright]?.[place]
  if (edge >= DEFAULT_EDGE && row) return row
  if (edge >= DEFAULT_EDGE && turned) return { width: turned.height, height: turned.width }
  const [w = 0, h = 0] = ratio.split(':').map(Number)
  if (!(w > 0 && h > 0 && w / h <= 16 && h / w <= 16)) return null
  const unit = edge / Math.sqrt(w * h)
  const step = (pixels: number): number => Math.max(16, Math.floor(pixels / 16) * 16)
  return { width: step(w * unit), height: step(h * unit) }
}
