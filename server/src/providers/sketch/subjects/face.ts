// Owns eyes, cheeks and mouths, so that everybody in a picture belongs to one family.
import { lighten } from '../colour.ts'
import { disc, type Joint, oval } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import type { Look } from '../subject.ts'
import { contrast, limb, path, soft } from './brush.ts'

const ink = '#2a2230'

/** One eye at x, y of a radius, for heads seen from the side. */
export function eye(pen: Pen, [x, y, r]: Joint, sleeping: boolean): string {
  if (sleeping) return pen.line(path`M${x - r} ${y}q${r} ${r} ${r * 2} 0`, ink, r * 0.5)
  return (
    pen.solid(disc(x, y, r), ink, { plain: true }) +
    pen.emit(disc(x + r * 0.3, y - r * 0.35, r * 0.35), '#ffffff', 0.9)
  )
}

/** Two friendly eyes around x, y: gap between their centres, radius. Closed ones when sleeping. */
export function eyes(
  pen: Pen,
  [x, y, gap, radius]: readonly [number, number, number, number],
  options: { iris?: string; sleeping?: boolean } = {},
): string {
  const one = (cx: number): string => {
    if (options.sleeping) {
      return pen.line(
        path`M${cx - radius} ${y}q${radius} ${radius * 0.9} ${radius * 2} 0`,
        ink,
        radius * 0.42,
      )
    }
    const iris = options.iris
    const outer = iris
      ? pen.solid(disc(cx, y, radius * 1.25), iris, { plain: true }) +
        pen.solid(oval([cx, y, radius * 0.62, radius * 0.95]), ink, { plain: true })
      : pen.solid(oval([cx, y, radius, radius * 1.12]), ink, { plain: true })
    return outer + pen.emit(disc(cx + radius * 0.32, y - radius * 0.4, radius * 0.34), '#ffffff', 0.95)
  }
  return one(x - gap / 2) + one(x + gap / 2)
}

export function cheeks(pen: Pen, [x, y, gap, radius]: readonly [number, number, number, number]): string {
  return (
    pen.shade(oval([x - gap / 2, y, radius, radius * 0.65]), '#ff7d7d', 0.38) +
    pen.shade(oval([x + gap / 2, y, radius, radius * 0.65]), '#ff7d7d', 0.38)
  )
}

/** A small nose with a smile under it. */
export function snout(
  pen: Pen,
  [x, y, width]: readonly [number, number, number],
  colour: string = ink,
): string {
  const w = width / 2
  const nose = path`M${x - w} ${y - w * 0.5}Q${x} ${y - w * 1.1} ${x + w} ${y - w * 0.5}Q${x + w * 0.7} ${y + w * 0.8} ${x} ${y + w}Q${x - w * 0.7} ${y + w * 0.8} ${x - w} ${y - w * 0.5}Z`
  const mouth = path`M${x} ${y + w}v${w * 0.6}M${x - w * 1.6} ${y + w * 1.5}q${w * 0.9} ${w * 1.1} ${w * 1.6} 0q${w * 0.7} ${w * 1.1} ${w * 1.6} 0`
  return (
    pen.line(mouth, ink, w * 0.36) +
    pen.solid(nose, colour, { plain: true }) +
    pen.shade(oval([x - w * 0.25, y - w * 0.35, w * 0.35, w * 0.2]), lighten(colour, 0.7), 0.7)
  )
}

/** A scarf or a bow around a neck at x, y with the given half width, and glasses, if the prompt asked for them. */
export function accessories(
  pen: Pen,
  look: Look,
  [x, y, half, eyeLine]: readonly [number, number, number, number],
): string {
  const colour = look.part('scarf', contrast(look.main, look.accent))
  const scarf = look.has('scarf')
    ? pen.solid(
        soft(
          `${x - half},${y - 3} ${x},${y + 2} ${x + half},${y - 3} ${x + half},${y + 4} ${x},${y + 9} ${x - half},${y + 4}`,
        ),
        colour,
      ) +
      pen.solid(
        limb(`${x + half * 0.45},${y + 4},4 ${x + half * 0.6},${y + 15},4.4 ${x + half * 0.5},${y + 24},4.4`),
        lighten(colour, 0.12),
      )
    : ''
  const frames = look.part('glasses', ink)
  const rims = disc(x - 9.5, eyeLine, 7.4) + disc(x + 9.5, eyeLine, 7.4)
  const glasses = look.has('glasses') ? pen.line(`${rims}M${x - 2.4} ${eyeLine - 1}h4.8`, frames, 1.5) : ''
  const shades = look.has('sunglasses')
    ? pen.solid(rims, frames) +
      pen.line(path`M${x - 2.4} ${eyeLine - 2}h4.8`, frames, 2) +
      pen.shade(
        oval([x - 11.5, eyeLine - 2.6, 2.6, 1.6]) + oval([x + 7.5, eyeLine - 2.6, 2.6, 1.6]),
        '#ffffff',
        0.7,
      )
    : ''
  return scarf + glasses + shades
}
