// Pixels: how a size is written, what a free-size engine accepts, and the size the built-in model draws for a
// ratio. The frozen table lives in the data (`darkroom`); nothing here may round a size to pretend another.

export type PixelSize = { width: number; height: number }

/** What a free-size engine accepts. Edges in pixels; `maxRatio` is long edge over short edge. */
export type FreeSizeRule = {
  multipleOf: number
  minPixels: number
  maxPixels: number
  maxEdge: number
  maxRatio: number
}

/** Resolution label -> ratio label -> `WxH`. */
export type SizeTable = Record<string, Record<string, string>>

const sizePattern = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/
const ratioPattern = /^([1-9]\d{0,2}):([1-9]\d{0,2})$/

/** Null when the text is no `WxH` with edges from 1 to 99999. */
export function parseSize(text: string): PixelSize | null {
  const match = sizePattern.exec(text)
  return match ? { width: Number(match[1]), height: Number(match[2]) } : null
}

/** Null when the text is no `W:H`. */
export function parseRatio(text: string): PixelSize | null {
  const match = ratioPattern.exec(text)
  return match ? { width: Number(match[1]), height: Number(match[2]) } : null
}

export function formatSize({ width, height }: PixelSize): string {
  return `${width}x${height}`
}

export function fitsFreeRule({ width, height }: PixelSize, rule: FreeSizeRule): boolean {
  const pixels = width * height
  const longEdge = Math.max(width, height)
  return (
    width % rule.multipleOf === 0 &&
    height % rule.multipleOf === 0 &&
    longEdge <= rule.maxEdge &&
    longEdge <= Math.min(width, height) * rule.maxRatio &&
    pixels >= rule.minPixels &&
    pixels <= rule.maxPixels
  )
}

/** The reference edge of a resolution label: `1K` is 1024, `512` is 512. Null when it is no such label. */
export function parseResolution(label: string): number | null {
  const thousands = /^([1-9]\d?)K$/.exec(label)
  if (thousands) return Number(thousands[1]) * 1024
  return /^[1-9]\d{2,3}$/.test(label) ? Number(label) : null
}

// Both edges stay multiples of 16, as in the frozen table.
const EDGE_STEP = 16

/**
 * The size of a ratio the frozen table does not list (an operator's own model): the largest one with edges that
 * are multiples of 16 and an area of at most the square of the resolution's edge. Null when a label is unknown.
 */
export function computeSize(ratio: string, resolution: string): PixelSize | null {
  const shape = parseRatio(ratio)
  const edge = parseResolution(resolution)
  if (!shape || edge === null) return null
  const scale = edge / Math.sqrt(shape.width * shape.height)
  const floorToStep = (pixels: number) => Math.max(EDGE_STEP, Math.floor(pixels / EDGE_STEP) * EDGE_STEP)
  return { width: floorToStep(shape.width * scale), height: floorToStep(shape.height * scale) }
}
