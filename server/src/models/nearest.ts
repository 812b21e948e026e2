// The nearest shape of those that a model offers: first the same proportions, then the same area. Null = what was asked
// for is no shape at all, or nothing is offered; the model's default takes its place.
import type { ModelEntry } from './entry.ts'
import {
  type FreeSizeRule,
  fitsFreeRule,
  formatSize,
  type PixelSize,
  parseRatio,
  parseResolution,
  parseSize,
} from './sizes.ts'

export function nearestRatio(asked: string | null, offered: readonly string[]): string | null {
  const [, width, height] = /^(\d{1,5}):(\d{1,5})$/.exec(asked ?? '') ?? []
  const wanted = Number(width) / Number(height)
  if (!(wanted > 0 && Number.isFinite(wanted))) return null
  return closest(offered, label => {
    const ratio = parseRatio(label)
    return ratio ? distance(ratio.width / ratio.height, wanted) : Number.POSITIVE_INFINITY
  })
}

export function nearestResolution(asked: string | null, offered: readonly string[]): string | null {
  const wanted = parseResolution(asked ?? '') ?? (/^\d{1,5}$/.test(asked ?? '') ? Number(asked) : null)
  if (wanted === null || wanted === 0) return null
  return closest(offered, label => distance(parseResolution(label) ?? Number.POSITIVE_INFINITY, wanted))
}

export function nearestSize(wanted: PixelSize | null, sizes: ModelEntry['sizes']): string | null {
  if (!wanted || !sizes) return null
  const fitted = sizes.free && fitFreely(wanted, sizes.free)
  const offered = [...(fitted ? [formatSize(fitted)] : []), ...sizes.listed]
  return closest(offered, label => {
    const size = parseSize(label)
    if (!size) return Number.POSITIVE_INFINITY
    // Proportions outweigh any area: a picture that is cut differently is another picture.
    const proportions = distance(size.width / size.height, wanted.width / wanted.height)
    return 100 * proportions + distance(size.width * size.height, wanted.width * wanted.height)
  })
}

/** The size of about the same proportions and area that the rule allows, or null. */
function fitFreely(wanted: PixelSize, rule: FreeSizeRule): PixelSize | null {
  const { multipleOf, minPixels, maxPixels, maxEdge, maxRatio } = rule
  const asked = wanted.width / wanted.height
  const ratio = Math.min(Math.max(asked, 1 / maxRatio), maxRatio)
  const area = Math.min(Math.max(wanted.width * wanted.height, minPixels), maxPixels)
  const width = Math.sqrt(area * ratio)
  const scale = Math.min(1, maxEdge / Math.max(width, width / ratio))
  const exact = { width: width * scale, height: (width * scale) / ratio }
  for (const round of [Math.round, Math.floor, Math.ceil]) {
    const toStep = (pixels: number) => Math.max(1, round(pixels / multipleOf)) * multipleOf
    const size = { width: toStep(exact.width), height: toStep(exact.height) }
    if (fitsFreeRule(size, rule)) return size
  }
  return null
}

/** How far two magnitudes are apart, the same in both directions. */
function distance(one: number, other: number): number {
  return Math.abs(Math.log(one / other))
}

/** The first of the nearest: lists have the preferred value first. */
function closest(offered: readonly string[], distanceOf: (label: string) => number): string | null {
  let best: string | null = null
  let least = Number.POSITIVE_INFINITY
  for (const label of offered) {
    const far = distanceOf(label)
    if (far >= least) continue
    best = label
    least = far
  }
  return best
}
