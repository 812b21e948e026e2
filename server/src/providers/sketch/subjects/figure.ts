// Owns the human figure: one friendly build that costumes.ts dresses up. Feet at y = 0, crown at about -97.
import { darken, lighten, mix } from '../colour.ts'
import { disc, oval, place } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import type { Look } from '../subject.ts'
import { limb, path, plain, soft, twice } from './brush.ts'
import { accessories, cheeks, eyes } from './face.ts'

/** What somebody wears and how they stand. Parts drawn by functions lie behind or before the figure. */
export type Costume = {
  hair: 'short' | 'long' | 'bun' | 'bob' | 'pigtails' | 'curly' | 'bald'
  body: 'trousers' | 'dress' | 'gown' | 'robe'
  arms: 'rest' | 'wave' | 'hold' | 'hips' | 'up'
  beard?: string
  /** Empty for one piece with the top. */
  bottom?: string
  shoe?: string
  top?: string
  hairColour?: string
  behind?(pen: Pen, look: Look): string
  overBody?(pen: Pen, look: Look): string
  front?(pen: Pen, look: Look): string
}

const skins = ['#f6cfae', '#e9b48c', '#c98a5e', '#8f5a3c', '#f2c19c', '#6e4430']
const hairs = ['#3a2a26', '#6b4228', '#a8642f', '#e0b05a', '#2a2430', '#8a3f2a']

/** Skin and hair of somebody, from the prompt or by chance. */
export function pickLooks(look: Look, hairColour?: string): { skin: string; hair: string } {
  const skin = look.part('skin', look.rng.pick(skins))
  const natural = look.rng.pick(hairs)
  const aged = look.has('old') ? '#dcdce2' : natural
  return { skin, hair: look.part('hair', hairColour ?? aged) }
}

/** The hair behind the head; the fringe comes from drawFringe. */
export function drawBackHair(pen: Pen, style: Costume['hair'], hair: string): string {
  switch (style) {
    case 'long':
      return pen.solid(
        soft('-17,-84 -12,-97 0,-100 12,-97 17,-84 21,-62 19,-48 8,-52 -8,-52 -19,-48 -21,-62'),
        darken(hair, 0.12),
      )
    case 'bob':
      return pen.solid(
        soft('-17,-84 -12,-97 0,-100 12,-97 17,-84 20,-68 14,-61 -14,-61 -20,-68'),
        darken(hair, 0.12),
      )
    case 'bun':
      return pen.solid(disc(0, -102, 8), hair)
    case 'pigtails':
      return pen.solid(twice(soft, '-14,-88 -24,-90 -30,-78 -27,-62 -22,-58 -20,-72'), darken(hair, 0.1))
    case 'curly':
      return pen.solid(
        disc(-15, -84, 9) +
          disc(15, -84, 9) +
          disc(-16, -72, 7) +
          disc(16, -72, 7) +
          disc(-10, -95, 9) +
          disc(10, -95, 9) +
          disc(0, -99, 9),
        darken(hair, 0.08),
      )
    default:
      return ''
  }
}

export function drawFringe(pen: Pen, style: Costume['hair'], hair: string): string {
  if (style === 'bald') return ''
  if (style === 'curly') return pen.solid(disc(-9, -91, 6) + disc(0, -93, 7) + disc(9, -91, 6), hair)
  if (style === 'short') {
    return pen.solid(soft('-16,-77 -18,-90 -8,-100 8,-100 18,-90 16,-77 13,-86 4,-89 -4,-86 -12,-87'), hair)
  }
  return pen.solid(
    soft('-17,-74 -17,-90 -9,-99 0,-101 9,-99 17,-90 17,-74 13,-84 3,-91 -8,-86 -13,-80'),
    hair,
  )
}

/** Head and neck around 0, -79. */
export function drawFace(
  pen: Pen,
  look: Look,
  options: { skin: string; brow: string; beard?: string },
): string {
  const { skin, brow, beard } = options
  return (
    pen.solid(disc(-15, -77, 3.4) + disc(15, -77, 3.4), darken(skin, 0.08)) +
    pen.solid(oval([0, -79, 15.4, 16.4]), skin) +
    (beard
      ? pen.solid(
          soft('-15,-76 -10,-73 -5,-72 0,-73 5,-72 10,-73 15,-76 14,-62 6,-52 0,-48 -6,-52 -14,-62'),
          beard,
        )
      : '') +
    eyes(pen, [0, -79, 13, 2.6], { sleeping: look.has('sleeping') }) +
    pen.line('M-9.4 -85q3 -2 5.6 -0.4M9.4 -85q-3 -2 -5.6 -0.4', brow, 1.3) +
    cheeks(pen, [0, -73.4, 21, 3.2]) +
    pen.line('M-4.4 -71q4.4 4.4 8.8 0', beard ? '#a3473f' : darken(mix(skin, '#b03a3a', 0.55), 0.12), 1.6)
  )
}

function drawArms(pen: Pen, pose: Costume['arms'], [sleeve, skin]: readonly [string, string]): string {
  const left = pose === 'hips' ? '-12,-57,4.8 -23,-48,4.4 -15,-38,3.8' : '-12,-57,4.8 -19,-46,4.4 -20,-37,3.8'
  const right = {
    rest: '12,-57,4.8 19,-46,4.4 20,-37,3.8',
    wave: '12,-57,4.8 23,-57,4.4 29,-69,3.8',
    hold: '12,-57,4.8 21,-48,4.4 28,-47,3.8',
    hips: '12,-57,4.8 23,-48,4.4 15,-38,3.8',
    up: '12,-57,4.8 20,-66,4.4 24,-79,3.8',
  }[pose]
  const hand = { rest: [20.5, -34], wave: [30, -73], hold: [31.5, -47], hips: [14, -37], up: [25, -83] }[pose]
  const leftHand = pose === 'hips' ? disc(-14, -37, 3.6) : disc(-20.5, -34, 3.8)
  return (
    pen.solid(leftHand + disc(hand[0] ?? 0, hand[1] ?? 0, 3.8), skin) +
    pen.solid(limb(left), darken(sleeve, 0.1)) +
    pen.solid(limb(right), darken(sleeve, 0.06))
  )
}

function drawLower(
  pen: Pen,
  costume: Costume,
  { top, skin, shoe }: { top: string; skin: string; shoe: string },
): string {
  const bottom = costume.bottom === '' ? top : (costume.bottom ?? '#40507a')
  const shoes = pen.solid(oval([-9.5, -3.4, 7.4, 4]) + oval([9.5, -3.4, 7.4, 4]), shoe)
  switch (costume.body) {
    case 'dress':
      return (
        pen.solid(limb('-6.5,-26,3.8 -7,-5,3.2') + limb('6.5,-26,3.8 7,-5,3.2'), skin) +
        shoes +
        pen.solid('M-11 -62Q0 -66 11 -62C12 -46 20 -32 23 -21Q0 -13 -23 -21C-20 -32 -12 -46 -11 -62Z', top) +
        pen.shade('M11 -62C12 -46 20 -32 23 -21Q14 -17 6 -16.6C9 -32 8 -48 5 -63Z', darken(top, 0.5), 0.22)
      )
    case 'gown':
    case 'robe': {
      const wide = costume.body === 'gown' ? 32 : 23
      return (
        pen.solid(
          path`M-12 -62Q0 -66 12 -62C14 -44 ${wide - 4} -20 ${wide} -1Q0 4 ${-wide} -1C${-wide + 4} -20 -14 -44 -12 -62Z`,
          top,
        ) +
        pen.shade(
          path`M12 -62C14 -44 ${wide - 4} -20 ${wide} -1Q18 2 9 2C12 -20 9 -44 5 -63Z`,
          darken(top, 0.5),
          0.22,
        )
      )
    }
    default:
      return (
        pen.solid(limb('-7,-36,6.6 -8,-18,5.6 -8,-5,5') + limb('7,-36,6.6 8,-18,5.6 8,-5,5'), bottom) +
        shoes +
        pen.solid('M-13 -60Q0 -66 13 -60C15 -50 14 -42 14 -33Q0 -29 -14 -33C-14 -42 -15 -50 -13 -60Z', top) +
        pen.shade('M13 -60C15 -50 14 -42 14 -33Q10 -31.4 5 -31C8 -42 8 -52 6 -63Z', darken(top, 0.5), 0.2)
      )
  }
}

/** Somebody in a costume. */
export function drawFigure(pen: Pen, look: Look, costume: Costume): string {
  const { skin, hair } = pickLooks(look, costume.hairColour)
  const worn = costume.body === 'dress' || costume.body === 'gown' ? 'dress' : 'shirt'
  const top = look.part(worn, look.part('coat', costume.top ?? look.main))
  const style = costume.hair
  const beard = costume.beard
    ? look.part('beard', costume.beard)
    : look.has('beard')
      ? look.part('beard', hair)
      : ''
  return (
    (costume.behind?.(pen, look) ?? '') +
    drawBackHair(pen, style, hair) +
    pen.solid(limb('0,-68,5 0,-60,5.4'), darken(skin, 0.12), plain) +
    drawLower(pen, costume, { top, skin, shoe: look.part('boot', costume.shoe ?? '#4a3238') }) +
    drawArms(pen, costume.arms, [top, skin]) +
    (costume.overBody?.(pen, look) ?? '') +
    drawFace(pen, look, { skin, brow: beard || darken(hair, 0.2), ...(beard ? { beard } : {}) }) +
    drawFringe(pen, style, hair) +
    accessories(pen, look, [0, -62, 13, -79]) +
    (costume.front?.(pen, look) ?? '')
  )
}

/** A bust, 100 high, of somebody who looks at you. */
export function drawBust(pen: Pen, look: Look): string {
  const { skin, hair } = pickLooks(look)
  const style = look.rng.pick(['long', 'short', 'bob', 'curly', 'bun'] as const)
  const c = look.main
  const shoulders =
    pen.solid('M-31 0C-31 -18 -24 -24 -10 -27L10 -27C24 -24 31 -18 31 0Z', c) +
    pen.shade('M31 0C31 -18 24 -24 10 -27L7 -27C16 -18 18 -10 18 0Z', darken(c, 0.5), 0.22)
  const neck = pen.solid('M-6 -42L-7 -27Q0 -17 7 -27L6 -42Z', darken(skin, 0.13), plain)
  const collar = pen.line('M-10 -27Q0 -12 10 -27', lighten(c, 0.4), 2.2)
  const head = (part: string): string => place(part, [0, 50], { scale: 1.36 })
  return (
    head(drawBackHair(pen, style, hair)) +
    shoulders +
    neck +
    collar +
    head(
      drawFace(pen, look, { skin, brow: darken(hair, 0.2) }) +
        drawFringe(pen, style, hair) +
        accessories(pen, look, [0, -62, 12, -79]),
    ) +
    pen.emit(disc(-21.6, -51, 1.7) + disc(21.6, -51, 1.7), '#f7cf55')
  )
}
