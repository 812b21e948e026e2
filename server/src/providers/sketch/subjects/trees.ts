// Owns trees and everything that grows tall.
import { darken, lighten } from '../colour.ts'
import { disc, type Joint, type Point } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { limb, path, plain, soft } from './brush.ts'

const bark = '#7a5238'

/** A cloud of leaves around x, y, lit from the upper left. */
function crown(pen: Pen, look: Look, { at, colour }: { at: readonly Joint[]; colour: string }): string {
  const under = at.map(([x, y, r]) => disc(x + 1, y + r * 0.12, r)).join('')
  const middle = at.map(([x, y, r]) => disc(x - r * 0.1, y - r * 0.08, r * 0.84)).join('')
  const top = at.map(([x, y, r]) => disc(x - r * 0.24, y - r * 0.26, r * 0.5)).join('')
  const ticks = at
    .map(([x, y, r]) => {
      const a = look.rng.range(0, 6.28)
      return path`M${x + Math.cos(a) * r * 0.5} ${y + Math.sin(a) * r * 0.5}q${r * 0.12} ${r * 0.14} ${r * 0.26} 0`
    })
    .join('')
  return (
    pen.solid(under, darken(colour, 0.22)) +
    pen.solid(middle, colour, plain) +
    pen.solid(top, lighten(colour, 0.16), plain) +
    pen.line(ticks, darken(colour, 0.3), 1.3)
  )
}

function trunk(pen: Pen, colour: string): string {
  return (
    pen.solid('M-6 -46Q-5 -16 -12 0Q-4 -3 0 0Q5 -3 12 0Q5 -16 6 -46Z', colour) +
    pen.line('M-4 -44Q-10 -54 -18 -60M4 -44Q10 -54 18 -58', colour, 4.4) +
    pen.line('M-2 -30v10M2 -18v8', darken(colour, 0.3), 1.2)
  )
}

function drawTree(pen: Pen, look: Look): string {
  const c = look.main
  const r = look.rng
  const wobble = (value: number): number => value + r.range(-2, 2)
  const at: Joint[] = [
    [wobble(-26), wobble(-56), 18],
    [wobble(26), wobble(-56), 18],
    [wobble(-17), wobble(-76), 18],
    [wobble(18), wobble(-76), 18],
    [0, wobble(-60), 22],
    [wobble(0), -84, 16],
  ]
  const fruit = look.has('fruit')
    ? pen.solid(at.map(([x, y, s]) => disc(x + s * 0.3, y + s * 0.2, 3.4)).join(''), '#dd3f38')
    : ''
  return trunk(pen, look.part('trunk', bark)) + crown(pen, look, { at, colour: c }) + fruit
}

function drawBlossomTree(pen: Pen, look: Look): string {
  const c = look.main
  const at: Joint[] = [
    [-32, -60, 15],
    [30, -62, 16],
    [-18, -76, 17],
    [16, -80, 18],
    [-2, -66, 17],
    [40, -52, 9],
    [-43, -50, 8],
  ]
  const petals = repeat(16, i => disc(-44 + ((i * 37) % 90), -4 - ((i * 29) % 40), 1.2 + (i % 3) * 0.3))
  const flowers = repeat(18, i => disc(-40 + ((i * 31) % 82), -52 - ((i * 17) % 38), 1.7))
  return (
    pen.solid(limb('-2,-7,8 2,-20,6 -6,-36,5 2,-58,4'), '#5f4038') +
    pen.solid(limb('-3,-34,4 -18,-48,3 -30,-58,2') + limb('0,-42,3.6 16,-54,3 28,-62,2'), '#5f4038') +
    crown(pen, look, { at, colour: c }) +
    pen.emit(flowers, '#fff6f6', 0.85) +
    pen.shade(petals, c, 0.95)
  )
}

function drawPine(pen: Pen, look: Look): string {
  const c = look.main
  const snow = look.has('snow')
  const tier = (top: number, bottom: number, half: number): string => {
    const d = path`M0 ${top}Q${half * 0.45} ${bottom - 14} ${half} ${bottom - 2}Q${half * 0.7} ${bottom + 3} ${half * 0.5} ${bottom - 1}Q${half * 0.25} ${bottom + 5} 0 ${bottom}Q${-half * 0.25} ${bottom + 5} ${-half * 0.5} ${bottom - 1}Q${-half * 0.7} ${bottom + 3} ${-half} ${bottom - 2}Q${-half * 0.45} ${bottom - 14} 0 ${top}Z`
    const side = path`M0 ${top}Q${half * 0.45} ${bottom - 14} ${half} ${bottom - 2}Q${half * 0.7} ${bottom + 3} ${half * 0.5} ${bottom - 1}Q${half * 0.4} ${bottom - 20} 0 ${top}Z`
    const cap = path`M0 ${top}Q${half * 0.3} ${top + 14} ${half * 0.45} ${bottom - 16}Q${half * 0.2} ${bottom - 21} 0 ${bottom - 15}Q${-half * 0.2} ${bottom - 21} ${-half * 0.45} ${bottom - 16}Q${-half * 0.3} ${top + 14} 0 ${top}Z`
    return (
      pen.solid(d, c) + pen.shade(side, darken(c, 0.6), 0.26) + (snow ? pen.solid(cap, '#f7fafc', plain) : '')
    )
  }
  return (
    pen.solid('M-5 -18L-7 0H7L5 -18Z', look.part('trunk', '#6a4632')) +
    tier(-58, -10, 33) +
    tier(-80, -36, 27) +
    tier(-102, -62, 19)
  )
}

function drawPalm(pen: Pen, look: Look): string {
  const c = look.main
  const rings = repeat(9, i => path`M${-9 + i * 0.9 + i * i * 0.14} ${-8 - i * 7.6}q5 3 9 -0.6`)
  const frond = (text: string, colour: string): string => pen.solid(soft(text), colour)
  return (
    pen.solid(limb('-5,-6,6.4 -4,-24,5 0,-48,4.2 9,-76,3.6'), '#a97c50') +
    pen.line(rings, '#7d5836', 1.5) +
    frond('9,-78 -8,-98 -30,-102 -44,-90 -26,-91 -14,-86', darken(c, 0.2)) +
    frond('9,-78 24,-102 46,-108 62,-96 44,-96 28,-88', darken(c, 0.2)) +
    frond('9,-79 -12,-86 -36,-76 -46,-54 -30,-66 -12,-74', c) +
    frond('9,-79 32,-86 56,-72 62,-48 48,-62 30,-74', c) +
    frond('9,-79 -4,-68 -16,-54 -16,-36 -4,-52 6,-66', lighten(c, 0.14)) +
    frond('9,-79 24,-66 32,-50 30,-34 20,-50 12,-66', lighten(c, 0.1)) +
    frond('9,-80 8,-98 16,-112 30,-114 22,-102 16,-90', lighten(c, 0.1)) +
    pen.solid(disc(4, -74, 4.4) + disc(13, -73, 4.8) + disc(8, -69, 4), '#7a4a2c')
  )
}

function drawCactus(pen: Pen, look: Look): string {
  const c = look.main
  const flower = look.part('flower', '#f2709a')
  const bloom = (x: number, y: number): string =>
    pen.solid(
      repeat(5, i => disc(x + Math.cos(i * 1.257) * 3.4, y + Math.sin(i * 1.257) * 3.4, 2.8)),
      flower,
    ) + pen.solid(disc(x, y, 2.2), '#ffe08a', plain)
  return (
    pen.solid(limb('-10,-34,8 -30,-36,8 -34,-50,7.6 -34,-66,7'), darken(c, 0.08)) +
    pen.solid(limb('10,-22,7.4 28,-24,7.4 32,-40,7 32,-54,6.4'), darken(c, 0.12)) +
    pen.solid('M-16 0V-82Q-16 -98 0 -98Q16 -98 16 -82V0Q0 4 -16 0Z', c) +
    pen.line('M-8 -4V-88M0 -4V-92M8 -4V-88M-34 -64V-46M32 -52V-38', darken(c, 0.28), 1.8) +
    pen.line(
      'M-12 -70h.1M-4 -58h.1M4 -74h.1M12 -60h.1M-12 -44h.1M4 -36h.1M-4 -24h.1M12 -26h.1',
      '#fff8dc',
      2,
    ) +
    bloom(4, -98) +
    bloom(-34, -73) +
    bloom(32, -60)
  )
}

const spots = (points: readonly Point[], r: number): string => points.map(([x, y]) => disc(x, y, r)).join('')

function drawMushroom(pen: Pen, look: Look): string {
  const c = look.main
  const stem = '#f7ecd8'
  const dots =
    spots(
      [
        [-28, -62],
        [-8, -82],
        [16, -64],
        [34, -58],
      ],
      6.6,
    ) +
    spots(
      [
        [-46, -50],
        [4, -56],
        [26, -82],
        [46, -48],
      ],
      4,
    )
  return (
    pen.solid('M34 -20Q34 -8 30 0H46Q44 -10 44 -20Z', stem) +
    pen.solid('M20 -18Q20 -38 39 -38Q58 -38 58 -18Q39 -12 20 -18Z', darken(c, 0.06)) +
    pen.solid(disc(32, -28, 3) + disc(44, -30, 3.4) + disc(51, -22, 2.2), '#fff8ec', plain) +
    pen.solid('M-17 -46Q-14 -18 -22 -2Q0 5 22 -2Q14 -18 17 -46Z', stem) +
    pen.shade('M8 -46Q8 -18 8 1.6Q16 1 22 -2Q14 -18 17 -46Z', '#8a6a5a', 0.25) +
    pen.solid(soft('-24,-38 -12,-30 0,-28 12,-30 24,-38 0,-44'), '#e9d7ba') +
    pen.solid('M-58 -40Q-58 -98 0 -98Q58 -98 58 -40Q30 -32 0 -34Q-30 -32 -58 -40Z', c) +
    pen.shade('M22 -95Q58 -84 58 -40Q44 -36 30 -34.6Q44 -66 22 -95Z', darken(c, 0.6), 0.22) +
    pen.solid(dots, '#fff8ec', plain) +
    pen.shade(soft('-44,-62 -32,-84 -12,-92 -26,-78 -36,-58'), '#ffffff', 0.3) +
    pen.line('M-26 0q-2 -8 -6 -11M-22 0q0 -8 3 -12M24 0q2 -7 6 -10', '#6da552', 2)
  )
}

const ground = { habitat: 'ground' } as const

export const trees: readonly Subject[] = [
  {
    ...ground,
    name: 'tree',
    words: 'tree,oak,maple,birch,willow,apple tree,bush,shrub,linden',
    scale: 2.6,
    width: 92,
    home: 'meadow',
    colours: ['#5d9e4f', '#6fae52', '#4f9060', '#d98a3a'],
    draw: drawTree,
  },
  {
    ...ground,
    name: 'blossom tree',
    words: 'blossom tree,cherry tree,cherry blossom tree,sakura tree,bonsai,bonsai tree,blossoming tree',
    scale: 2.4,
    width: 104,
    home: 'garden',
    colours: ['#f3a9c0', '#f6bccb'],
    draw: drawBlossomTree,
  },
  {
    ...ground,
    name: 'pine',
    words: 'pine,fir,spruce,conifer,evergreen,christmas tree,cedar,pine tree',
    scale: 3,
    width: 70,
    home: 'forest',
    colours: ['#2f7a5c', '#3a6f52', '#2f6a6a'],
    draw: drawPine,
  },
  {
    ...ground,
    name: 'palm',
    words: 'palm,palm tree,coconut tree',
    scale: 2.8,
    width: 112,
    home: 'beach',
    colours: ['#4fa35c', '#5fae4f'],
    draw: drawPalm,
  },
  {
    ...ground,
    name: 'cactus',
    words: 'cactus,succulent,saguaro',
    scale: 1.3,
    width: 86,
    home: 'desert',
    colours: ['#5a9e68', '#6aa858'],
    draw: drawCactus,
  },
  {
    ...ground,
    name: 'mushroom',
    words: 'mushroom,toadstool,fungus',
    scale: 0.4,
    width: 118,
    home: 'forest',
    colours: ['#d9413a', '#d9413a', '#c9764a'],
    seat: [0, -97],
    draw: drawMushroom,
  },
]
