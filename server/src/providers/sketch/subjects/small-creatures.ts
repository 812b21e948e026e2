// Owns the small ones of garden and pond.
import { darken, lighten } from '../colour.ts'
import { disc, oval, place } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { dark, hard, limb, path, plain, soft, twice } from './brush.ts'
import { cheeks, eye, eyes } from './face.ts'

function drawFrog(pen: Pen, look: Look): string {
  const c = look.main
  const belly = lighten(c, 0.6)
  const toes = (x: number): string => repeat(3, i => disc(x + i * 7, -3, 4))
  return (
    pen.solid(twice(soft, '-26,-34 -52,-40 -60,-20 -50,-6 -28,-4 -20,-16'), darken(c, 0.14)) +
    pen.solid(`${toes(-58)}${toes(44)}`, darken(c, 0.2)) +
    pen.solid(soft('-32,-24 -36,-44 -24,-62 24,-62 36,-44 32,-24 18,-6 -18,-6'), c) +
    pen.solid(oval([0, -24, 20, 18]), belly, plain) +
    pen.solid(twice(limb, '-22,-30,6 -21,-16,5 -22,-5,5'), darken(c, 0.06)) +
    pen.solid(`${toes(-30)}${toes(16)}`, darken(c, 0.1)) +
    pen.solid(disc(-23, -84, 14) + disc(23, -84, 14), c) +
    pen.solid(soft('-44,-60 -40,-78 0,-84 40,-78 44,-60 26,-46 0,-43 -26,-46'), c) +
    pen.solid(disc(-23, -86, 9.6) + disc(23, -86, 9.6), '#fffdf2', plain) +
    eyes(pen, [0, -86, 46, 6.4], { sleeping: look.has('sleeping') }) +
    pen.line('M-31 -64Q0 -46 31 -64', darken(c, 0.6), 2.2) +
    pen.line('M-4 -70h.1M4 -70h.1', darken(c, 0.5), 2) +
    cheeks(pen, [0, -60, 66, 5.6])
  )
}

function drawButterfly(pen: Pen, look: Look): string {
  const c = look.main
  const rim = darken(c, 0.55)
  const spot = lighten(c, 0.6)
  const wing = (flip: boolean): string =>
    place(
      pen.solid(soft('3,-46 14,-30 40,-22 52,-28 54,-12 36,0 14,-4 3,-30'), rim) +
        pen.solid(soft('5,-44 16,-28 38,-19 46,-16 34,-5 16,-10 6,-30'), lighten(c, 0.18), plain) +
        pen.solid(soft('3,-50 16,-76 46,-98 72,-96 72,-72 58,-50 30,-40 4,-42'), rim) +
        pen.solid(soft('8,-52 20,-72 46,-91 66,-89 65,-72 52,-54 28,-46'), c, plain) +
        pen.solid(oval([49, -74, 8, 6]) + oval([28, -58, 5, 4]), spot, plain) +
        pen.emit(
          disc(66, -79, 2) + disc(63, -68, 1.8) + disc(58, -61, 1.6) + disc(45, -10, 2),
          '#fff6e0',
          0.9,
        ) +
        pen.solid(disc(33, -16, 4.6), spot, plain),
      [0, 0],
      { flip },
    )
  return (
    wing(false) +
    wing(true) +
    pen.line('M-2 -68Q-8 -84 -17 -90M2 -68Q8 -84 17 -90', dark, 1.8) +
    pen.solid(disc(-17, -90, 2.4) + disc(17, -90, 2.4), dark, plain) +
    pen.solid(limb('0,-58,4.6 0,-44,4 0,-14,2'), '#4a3a44') +
    pen.solid(disc(0, -64, 6.4), '#4a3a44') +
    pen.emit(disc(-2.4, -65, 1.6) + disc(2.4, -65, 1.6), '#ffffff')
  )
}

function drawBee(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid(soft('-4,-58 -26,-78 -24,-100 -4,-98 8,-76'), '#e6f4fb', { opacity: 0.85 }) +
    pen.solid(soft('6,-60 4,-88 22,-102 36,-90 24,-68'), '#f2fafd', { opacity: 0.85 }) +
    pen.solid(hard('-44,-42 -60,-36 -45,-32'), dark) +
    pen.solid(soft('-48,-38 -36,-58 -8,-68 26,-64 46,-44 40,-20 14,-8 -18,-10 -40,-22'), c) +
    pen.solid(soft('-38,-55 -26,-62 -24,-40 -28,-14 -38,-20 -42,-38'), dark, plain) +
    pen.solid(soft('-13,-66.6 0,-67 2,-38 -2,-8 -14,-9.4 -11,-38'), dark, plain) +
    pen.solid(soft('16,-66 34,-62 48,-44 42,-20 24,-10 14,-16 18,-40'), lighten(c, 0.2)) +
    pen.line('M28 -62Q30 -78 42 -84M36 -58Q42 -72 54 -74', dark, 2) +
    pen.solid(disc(42, -84, 3) + disc(54, -74, 3), dark, plain) +
    eyes(pen, [32, -42, 16, 4.4], { sleeping: look.has('sleeping') }) +
    pen.line('M27 -31q5 5 10 0', dark, 1.7) +
    cheeks(pen, [32, -33, 28, 3.6]) +
    pen.shade(soft('-28,-54 -6,-63 20,-60 -4,-58'), '#ffffff', 0.35)
  )
}

function drawSnail(pen: Pen, look: Look): string {
  const c = look.main
  const skin = look.part('skin', '#e5c79a')
  return (
    pen.line('M48 -46Q46 -64 40 -76M56 -46Q62 -62 70 -72', skin, 3.6) +
    pen.solid(limb('-72,-3,2 -40,-8,7 10,-9,9 40,-14,10 52,-34,11 52,-42,11'), skin) +
    pen.solid(disc(-8, -50, 43), c) +
    pen.line(
      'M-48 -38C-50 -74 -18 -90 8 -82C34 -72 36 -38 16 -26C-6 -14 -34 -26 -32 -48C-30 -66 -8 -72 4 -62C16 -52 8 -38 -2 -38C-12 -38 -14 -48 -8 -52',
      darken(c, 0.34),
      4.4,
    ) +
    pen.shade(soft('-38,-70 -16,-90 10,-88 -10,-80 -28,-64'), '#ffffff', 0.28) +
    pen.solid(disc(40, -78, 6.4) + disc(70, -74, 6.4), '#fffdf4') +
    eye(pen, [41, -78, 3.4], look.has('sleeping')) +
    eye(pen, [71, -74, 3.4], look.has('sleeping')) +
    pen.line('M50 -32q5 4.4 10 -1', dark, 1.7) +
    pen.shade(oval([48, -38, 3.6, 2.6]), '#ff7d7d', 0.5)
  )
}

function drawHedgehog(pen: Pen, look: Look): string {
  const c = look.main
  const face = look.part('face', '#f0d3a8')
  const spikes = repeat(15, i => {
    const a = Math.PI * (1.16 - i * 0.072 + 0.02)
    const [dx, dy] = [Math.cos(a), -Math.sin(a)]
    const [bx, by] = [-8 + dx * 50, -34 + dy * 46]
    return path`M${bx - dy * 8} ${by + dx * 8}L${bx + dx * 15 - 6} ${by + dy * 15}L${bx + dy * 8} ${by - dx * 8}Z`
  })
  const rows = repeat(12, i => {
    const x = -44 + (i % 4) * 17 + (i > 7 ? 8 : i > 3 ? -3 : 3)
    const y = -70 + Math.floor(i / 4) * 18
    return path`M${x} ${y + 8}l4 -9l5 8`
  })
  return (
    pen.solid(spikes, darken(c, 0.24)) +
    pen.solid(oval([-34, -4, 9, 5]) + oval([20, -4, 9, 5]), darken(face, 0.3)) +
    pen.solid(soft('10,-62 34,-56 50,-36 68,-24 60,-12 34,-4 -20,-3 -50,-6 -30,-30'), face) +
    pen.solid(
      soft('-62,-12 -62,-46 -40,-76 -4,-82 26,-68 34,-54 22,-44 26,-30 12,-22 8,-10 -12,-14 -26,-5 -48,-4'),
      c,
    ) +
    pen.line(rows, lighten(c, 0.35), 2.2) +
    pen.solid(soft('20,-54 22,-66 34,-66 36,-54 28,-48'), darken(face, 0.16)) +
    pen.solid(disc(67, -26, 5), dark, plain) +
    eye(pen, [45, -36, 4], look.has('sleeping')) +
    pen.line('M60 -15Q52 -10 46 -15', dark, 1.6) +
    pen.shade(oval([42, -23, 5, 3.4]), '#ff7d7d', 0.45)
  )
}

function drawLadybug(pen: Pen, look: Look): string {
  const c = look.main
  const dots =
    disc(-30, -56, 7) +
    disc(-10, -72, 6) +
    disc(-34, -28, 6) +
    disc(-12, -36, 7.5) +
    disc(10, -58, 6) +
    disc(12, -28, 6)
  const body =
    pen.line('M-36 -10l-6 10M-10 -8l-2 8M18 -10l5 10M44 -56Q48 -74 58 -80M52 -52Q62 -66 72 -68', dark, 3) +
    pen.solid(disc(44, -34, 24), '#38323e') +
    pen.solid(soft('-62,-14 -60,-48 -36,-80 0,-88 26,-72 36,-42 32,-12 -10,-7'), c) +
    pen.line('M-62 -14Q-18 -32 34 -30', darken(c, 0.5), 2) +
    pen.solid(dots, '#38323e', plain) +
    pen.solid(disc(50, -44, 6.6) + disc(62, -34, 5), '#fffdf4', plain) +
    eye(pen, [51, -43.4, 4], look.has('sleeping')) +
    eye(pen, [62.6, -33.6, 3], look.has('sleeping')) +
    pen.line('M48 -24q5 4 9 0', '#f5d9d0', 1.6) +
    pen.shade(soft('-46,-60 -26,-78 0,-82 -20,-72 -38,-52'), '#ffffff', 0.35)
  return place(body, [-6, 0])
}

const garden = { habitat: 'ground', home: 'garden' } as const

export const smallCreatures: readonly Subject[] = [
  {
    habitat: 'ground',
    home: 'lake',
    name: 'frog',
    words: 'frog,toad,tadpole',
    scale: 0.2,
    width: 124,
    colours: ['#6dbb4c', '#4fa867'],
    head: [0, -66, 42],
    draw: drawFrog,
  },
  {
    habitat: 'air',
    home: 'garden',
    name: 'butterfly',
    words: 'butterfly,moth,monarch butterfly',
    scale: 0.22,
    width: 150,
    colours: ['#f0883a', '#5a8fe0', '#c86fc9', '#f2c23e'],
    draw: drawButterfly,
  },
  {
    habitat: 'air',
    home: 'garden',
    name: 'bee',
    words: 'bee,bumblebee,honeybee,wasp',
    scale: 0.16,
    width: 120,
    colours: ['#f6be34'],
    draw: drawBee,
  },
  {
    ...garden,
    name: 'snail',
    words: 'snail,slug',
    scale: 0.16,
    width: 154,
    colours: ['#c9764a', '#b8658a', '#7aa5a0'],
    seat: [-8, -92],
    draw: drawSnail,
  },
  {
    ...garden,
    name: 'hedgehog',
    words: 'hedgehog,porcupine',
    scale: 0.25,
    width: 148,
    home: 'forest',
    colours: ['#8a6248', '#75563f'],
    draw: drawHedgehog,
  },
  {
    ...garden,
    name: 'ladybug',
    words: 'ladybug,ladybird,beetle',
    scale: 0.12,
    width: 136,
    colours: ['#dd3a34'],
    draw: drawLadybug,
  },
]
