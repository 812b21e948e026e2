// Owns how details look where the style draws with lines: there a plain shape has neither outline nor a colour of
// its own, so spots, panes and pupils would vanish. Silhouettes are the pen's affair.
import { luminance } from '../colour.ts'
import type { Pen } from '../pen.ts'

/** Details darker than this are filled with ink, as somebody with a pencil would do. */
const INKED_BELOW = 0.27

/** Thinner than the outline of the figure, in units of the subject. */
const DETAIL_WIDTH = 0.8

/** A pen that keeps plain details visible in line styles; a given opacity leaves a shape as it is. */
export function withLineDetails(pen: Pen): Pen {
  const { ink } = pen
  if (ink.kind === 'fill' || ink.kind === 'cut' || ink.kind === 'comic') return pen
  return {
    ...pen,
    solid: (d, colour, options = {}) => {
      const shape = pen.solid(d, colour, options)
      if (!options.plain || options.opacity !== undefined) return shape
      const flat = typeof colour === 'string' ? colour : colour.flat
      const inked = luminance(flat) < INKED_BELOW
      return shape + (inked ? `<path d="${d}" fill="${ink.line}"/>` : pen.line(d, flat, DETAIL_WIDTH))
    },
    // White lights in eyes stay bare: a ring around them would look like tears.
    emit: (d, colour, opacity) =>
      pen.emit(d, colour, opacity) + (colour === '#ffffff' ? '' : pen.line(d, colour, DETAIL_WIDTH)),
  }
}
