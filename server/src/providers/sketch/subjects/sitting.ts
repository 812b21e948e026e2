// Owns the animals that sit and look at you: one body, many ears, tails and coats.
import { darken, lighten, luminance, mix } from '../colour.ts'
import { blob, disc, oval, type Point } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat } from '../subject.ts'
import { hard, limb, plain, soft, twice } from './brush.ts'
import { accessories, cheeks, eyes, snout } from './face.ts'

/** What tells the sitting animals apart. `headWidth` is half the head, 20 to 26. */
export type Coat = {
  ears: 'pointed' | 'large' | 'floppy' | 'round' | 'long' | 'wide' | 'side' | 'folded' | 'tuft'
  tail: 'curl' | 'bushy' | 'plume' | 'curly' | 'up' | 'puff' | 'tassel' | 'thin' | 'ringed' | 'none'
  headWidth: number
  belly?: string
  muzzle?: string
  marks?: 'stripes' | 'mask' | 'patches' | 'mane' | 'cheeks' | 'spots' | 'blaze' | 'face' | 'rosy'
  ear?: string
  bigNose?: boolean
  nose?: string
  iris?: string
  snub?: boolean
  whiskers?: boolean
}

function drawEars(pen: Pen, coat: Coat, [coatColour, inner]: readonly [string, string]): string {
  const ear = (shape: (text: string) => string, text: string, colour: string): string =>
    pen.solid(twice(shape, text, coat.headWidth - 24), colour)
  switch (coat.ears) {
    case 'pointed':
      return ear(hard, '-23,-72 -22,-101 -5,-86', coatColour) + ear(hard, '-20,-80 -19,-95 -10,-86', inner)
    case 'large':
      return ear(hard, '-25,-72 -26,-108 -4,-85', coatColour) + ear(hard, '-21,-80 -22,-101 -9,-86', inner)
    case 'round':
      return (
        ear(soft, '-23,-84 -21,-95 -11,-95 -9,-84 -16,-76', coatColour) +
        ear(soft, '-20,-85 -19,-91 -13,-92 -13,-84', inner)
      )
    case 'long':
      return (
        ear(soft, '-4,-84 -13,-90 -17,-116 -10,-127 -3,-112', coatColour) +
        ear(soft, '-6,-90 -11,-96 -13,-114 -10,-120 -6,-110', inner)
      )
    case 'wide':
      return (
        ear(soft, '-18,-76 -28,-70 -37,-80 -32,-94 -18,-92', coatColour) +
        ear(soft, '-22,-78 -29,-76 -32,-84 -27,-90 -20,-88', inner)
      )
    case 'side':
      return (
        ear(soft, '-20,-78 -28,-76 -34,-68 -28,-60 -20,-64', coatColour) +
        ear(soft, '-22,-74 -27,-73 -30,-68 -26,-64 -21,-66', inner)
      )
    case 'folded':
      return ear(soft, '-8,-88 -20,-98 -31,-93 -32,-79 -26,-76 -20,-84', darken(coatColour, 0.1))
    case 'tuft':
      return (
        ear(soft, '-22,-78 -22,-92 -19,-104 -13,-95 -9,-86', coatColour) +
        ear(soft, '-19,-83 -19,-91 -17,-96 -14,-90', inner)
      )
    default:
      return ''
  }
}

/** Hanging ears lie over the head, so they are drawn after it. */
const drawFloppyEars = (pen: Pen, coat: Coat, colour: string): string =>
  pen.solid(
    twice(soft, '-13,-89 -25,-89 -33,-74 -33,-58 -26,-52 -21,-62 -19,-76', coat.headWidth - 24),
    colour,
  )

function drawTail(pen: Pen, coat: Coat, colour: string): string {
  const tip = coat.belly ?? lighten(colour, 0.6)
  switch (coat.tail) {
    case 'curl':
      return pen.solid(limb('18,-6,4 36,-5,4.6 47,-16,4.6 43,-32,4.2 50,-42,3.2'), darken(colour, 0.1))
    case 'bushy':
      return (
        pen.solid(limb('16,-5,3 32,-7,8 46,-22,11 44,-42,8 38,-54,3'), colour) +
        pen.solid(limb('46,-37,8 44,-43,7 38,-54,3'), tip)
      )
    case 'up':
      return pen.solid(limb('18,-8,4 33,-16,4.5 40,-32,3.4 37,-42,2.4'), colour)
    case 'plume':
      return (
        pen.solid(limb('14,-4,3 30,-8,9 38,-26,13 34,-48,13 42,-66,9 54,-62,4'), darken(colour, 0.08)) +
        pen.solid(limb('30,-12,3 36,-28,5 33,-48,5 41,-60,3'), lighten(colour, 0.3), plain)
      )
    case 'curly':
      return pen.line('M27 -14c8 2 12 -4 8 -8c-4 -3 -9 2 -5 6c5 4 12 1 12 -6', darken(colour, 0.12), 3)
    case 'puff':
      return pen.solid(disc(27, -9, 9), tip)
    case 'tassel':
      return (
        pen.solid(limb('18,-6,2.6 38,-6,2.6 48,-20,2.4 46,-34,2.2'), colour) +
        pen.solid(soft('46,-32 52,-40 47,-50 41,-40'), darken(colour, 0.45))
      )
    case 'thin':
      return pen.solid(limb('18,-4,2 38,-3,2 50,-12,1.6 48,-26,1.3 56,-34,0.8'), mix(colour, '#e79aa0', 0.6))
    case 'ringed':
      return (
        pen.solid(limb('16,-5,4 34,-7,7 45,-22,8 42,-42,6 38,-48,3'), colour) +
        pen.solid(limb('40,-11,7.4 44,-17,7.8'), darken(colour, 0.55)) +
        pen.solid(limb('45,-29,7 44,-35,6.4'), darken(colour, 0.55))
      )
    default:
      return ''
  }
}

function drawMarks(pen: Pen, coat: Coat, colour: string): string {
  const shadow = darken(colour, luminance(colour) < 0.25 ? 0.3 : 0.5)
  const both = (text: string, c: string): string =>
    pen.solid(twice(soft, text, coat.headWidth - 24), c, plain)
  switch (coat.marks) {
    case 'stripes':
      return (
        pen.line('M0 -91v8M-7 -90l1 6M7 -90l-1 6', shadow, 2.6) +
        pen.line('M-22 -72l6 1.5M-22 -65l6 0M22 -72l-6 1.5M22 -65l-6 0', shadow, 2.4) +
        pen.line('M-27 -26l8 2M-29 -17l9 1M27 -26l-8 2M29 -17l-9 1M-22 -36l6 2M22 -36l-6 2', shadow, 2.8)
      )
    case 'mask':
      return (
        both('-2,-73 -9,-80 -22,-70 -15,-61 -5,-65', '#3a3440') +
        pen.line('M-17 -81q6 -5 11 -1M17 -81q-6 -5 -11 -1', lighten(colour, 0.75), 2.4)
      )
    case 'patches':
      return both('-5,-74 -9,-80 -16,-75 -15,-66 -8,-66', '#2c2a33')
    case 'cheeks':
      return both('4,-66 -8,-63 -24.5,-68 -19,-56 -9,-49.6 4,-49', coat.muzzle ?? '#fff6e8')
    case 'rosy':
      return (
        both('-7,-80 -11,-84 -17,-80 -14,-77', '#fff3e4') +
        both('-11,-67 -17,-70 -24,-66 -20,-57 -12,-54 -9,-60', '#fff3e4')
      )
    case 'face':
      return pen.solid(
        twice(soft, '6,-75 -9,-85 -18,-80 -18,-68 -19,-60 -11,-53 6,-52'),
        coat.muzzle ?? '#eec39a',
        plain,
      )
    case 'spots':
      return repeat(11, i => {
        const side = i % 2 === 0 ? -1 : 1
        const x = side * (17 + ((i * 5) % 9))
        return pen.solid(disc(x, -10 - i * 3.1, 2.5 - i * 0.06), shadow, plain)
      })
    case 'blaze':
      return pen.solid('M0 -92C-6 -84 -5 -74 -8 -62L8 -62C5 -74 6 -84 0 -92Z', '#fff8ec', plain)
    default:
      return ''
  }
}

function drawBody(pen: Pen, coat: Coat, look: Look): string {
  const colour = look.main
  const belly = look.part('belly', coat.belly ?? lighten(colour, 0.45))
  const legs = coat.marks === 'patches' ? '#2c2a33' : colour
  const shadow = darken(legs, 0.16)
  return (
    pen.solid('M-13 -58C-24 -46 -31 -24 -30 -8C-29 2 29 2 30 -8C31 -24 24 -46 13 -58Z', colour) +
    pen.solid(oval([0, -25, 13, 21]), belly, plain) +
    pen.solid(soft('-30,-10 -28,-20 -18,-18 -14,-4 -22,0 -31,-2'), shadow) +
    pen.solid(soft('30,-10 28,-20 18,-18 14,-4 22,0 31,-2'), shadow) +
    pen.solid(limb('-9,-38,5.4 -9,-18,4.6 -9.5,-4,5.4'), legs) +
    pen.solid(limb('9,-38,5.4 9,-18,4.6 9.5,-4,5.4'), legs) +
    pen.line('M-12 -1v-3M-8 -1v-3M8 -1v-3M12 -1v-3', darken(legs, 0.4), 0.8)
  )
}

function drawNose(pen: Pen, coat: Coat, colour: string): string {
  if (coat.bigNose) {
    return (
      pen.solid(oval([0, -65, 5, 7.4]), coat.nose ?? '#3a3642') +
      pen.line('M-5 -54.5q5 3.4 10 0', '#2a2230', 1.1)
    )
  }
  if (coat.snub) {
    return (
      pen.solid(oval([0, -63, 9, 6.6]), darken(coat.nose ?? lighten(colour, 0.1), 0.07)) +
      pen.solid(oval([-3, -63, 1.3, 2.2]), '#7a3b4a', plain) +
      pen.solid(oval([3, -63, 1.3, 2.2]), '#7a3b4a', plain) +
      pen.line('M-5 -54q5 3.4 10 0', '#7a3b4a', 1.1)
    )
  }
  const muzzle = coat.muzzle ?? lighten(colour, 0.5)
  return pen.solid(oval([0, -60.5, 10, 7.5]), muzzle, plain) + snout(pen, [0, -64.5, 6.4], coat.nose)
}

function drawHead(pen: Pen, coat: Coat, look: Look): string {
  const w = coat.headWidth
  const colour = look.main
  const iris = look.part('eye', coat.iris ?? '')
  const lids = { sleeping: look.has('sleeping'), ...(iris ? { iris } : {}) }
  const mane =
    coat.marks === 'mane'
      ? pen.solid(blob(roundPoints(14, [0, -70], [w + 13, w + 8])), look.part('mane', darken(colour, 0.38)))
      : ''
  const whiskers = coat.whiskers
    ? pen.line('M-14 -62l-15 -3M-14 -59l-15 2M14 -62l15 -3M14 -59l15 2', lighten(colour, 0.65), 0.7)
    : ''
  const inner =
    coat.marks === 'patches' ? '#2c2a33' : look.part('ear', coat.ear ?? mix(colour, '#f3a6a6', 0.6))
  const shell = coat.marks === 'patches' ? '#2c2a33' : colour
  return (
    mane +
    drawEars(pen, coat, [shell, inner]) +
    pen.solid(oval([0, -70, w, 21]), colour) +
    (coat.ears === 'floppy' ? drawFloppyEars(pen, coat, darken(colour, 0.24)) : '') +
    drawMarks(pen, coat, colour) +
    drawNose(pen, coat, colour) +
    whiskers +
    eyes(pen, [0, -72, 19, 3.5], lids) +
    cheeks(pen, [0, -62.5, 30, 4])
  )
}

function roundPoints(count: number, [x, y]: Point, [outer, inner]: Point): Point[] {
  return Array.from({ length: count * 2 }, (_, i) => {
    const angle = (i * Math.PI) / count
    const radius = i % 2 === 0 ? outer : inner
    return [x + Math.cos(angle) * radius, y + Math.sin(angle) * radius * 0.92] as const
  })
}

/** One sitting animal in its coat. */
export const drawSitting = (pen: Pen, coat: Coat, look: Look): string =>
  drawTail(pen, coat, look.part('tail', look.main)) +
  drawBody(pen, coat, look) +
  drawHead(pen, coat, look) +
  accessories(pen, look, [0, -50, 15, -72])
