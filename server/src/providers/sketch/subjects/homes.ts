// Owns houses people live and work in. Windows glow at night.
import { darken, lighten, mix } from '../colour.ts'
import { box, disc, oval, type Point, place } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { hard, path, plain, soft } from './brush.ts'

/** A window with bars, given as left, top, width, height. Lit at night. */
export function drawWindow(
  pen: Pen,
  look: Look,
  [x, y, w, h]: readonly [number, number, number, number],
): string {
  const pane = box([x, y, w, h], w * 0.12)
  const bars = pen.line(path`M${x + w / 2} ${y}v${h}M${x} ${y + h * 0.48}h${w}`, '#fbf4e4', w * 0.09)
  const frame = pen.solid(box([x - w * 0.12, y - w * 0.12, w * 1.24, h + w * 0.24], w * 0.14), '#fbf4e4')
  if (look.night) {
    return (
      pen.glow([x + w / 2, y + h / 2, w * 1.7], '#ffcf6b', 0.5) + frame + pen.emit(pane, '#ffd777') + bars
    )
  }
  return (
    frame +
    pen.solid(pane, '#7fb4d0', plain) +
    pen.shade(
      path`M${x} ${y + h * 0.7}L${x + w * 0.7} ${y}H${x + w * 0.25}L${x} ${y + h * 0.28}Z`,
      '#ffffff',
      0.4,
    ) +
    bars
  )
}

function smoke(pen: Pen, [x, y]: Point): string {
  return repeat(4, i =>
    pen.shade(disc(x + Math.sin(i * 1.7) * 3 + i * 2.4, y - i * 7, 3 + i * 1.5), '#f4f1ee', 0.62 - i * 0.12),
  )
}

function bush(pen: Pen, [x, y]: Point, r: number): string {
  return (
    pen.solid(
      disc(x - r * 0.9, y - r * 0.5, r * 0.8) +
        disc(x + r * 0.9, y - r * 0.5, r * 0.75) +
        disc(x, y - r * 0.9, r),
      '#5d9e53',
    ) +
    pen.emit(
      disc(x - r * 0.6, y - r * 0.8, r * 0.16) +
        disc(x + r * 0.5, y - r * 0.6, r * 0.16) +
        disc(x, y - r * 1.3, r * 0.16),
      '#fbd5dc',
      0.9,
    )
  )
}

function drawHouse(pen: Pen, look: Look): string {
  const wall = look.part('wall', look.main)
  const roof = look.part('roof', look.rng.pick(['#c1543f', '#7a5548', '#5b6a86']))
  const door = look.part('door', look.rng.pick(['#3f7f86', '#8a4f34', '#c9913a']))
  const tiles = repeat(
    9,
    i => path`M${-42 + (i % 3) * 24 + Math.floor(i / 3) * 8} ${-60 - Math.floor(i / 3) * 10}q4 4 8 0`,
  )
  return (
    smoke(pen, [27, -104]) +
    pen.solid(box([20, -100, 13, 30]), darken(roof, 0.3)) +
    pen.solid(box([18, -102, 17, 5], 1.5), darken(roof, 0.45)) +
    pen.solid(box([-46, -54, 92, 54]), wall) +
    pen.shade(hard('20,-54 46,-54 46,0 30,0'), darken(wall, 0.6), 0.16) +
    pen.solid(hard('-56,-50 -36,-92 36,-92 56,-50'), roof) +
    pen.line(tiles, darken(roof, 0.25), 1.6) +
    pen.shade('M-50 -50H50V-46H-50Z', darken(wall, 0.7), 0.3) +
    drawWindow(pen, look, [-36, -38, 18, 20]) +
    drawWindow(pen, look, [20, -38, 18, 20]) +
    pen.solid('M-10 0V-30Q0 -42 10 -30V0Z', darken(door, 0.35)) +
    pen.solid('M-7.6 0V-29Q0 -38.6 7.6 -29V0Z', door) +
    pen.solid(disc(4.6, -15, 1.5), '#f4d06a', plain) +
    pen.solid(box([-14, -3, 28, 4], 1), '#cfc5b8') +
    bush(pen, [-30, 0], 8) +
    bush(pen, [32, 0], 7)
  )
}

function drawCottage(pen: Pen, look: Look): string {
  const wall = look.part('wall', look.main)
  const roof = look.part('roof', look.rng.pick(['#b98f4f', '#8f6a4a', '#a8563f']))
  return (
    smoke(pen, [-24, -98]) +
    pen.solid(box([-32, -94, 14, 34], 1), '#a39488') +
    pen.line('M-30 -86h5M-24 -80h5M-30 -74h5', '#83756b', 1.6) +
    pen.solid(box([-44, -48, 88, 48], 2), wall) +
    pen.line('M-44 -24H-14M16 -24H44M-36 -48V-24M36 -48V-24M-36 -24L-44 0M36 -24L44 0', '#7a5238', 3) +
    pen.solid(
      soft(
        '-60,-36 -46,-62 -24,-90 0,-98 24,-90 46,-62 60,-36 46,-38 34,-48 18,-42 0,-48 -18,-42 -34,-48 -46,-38',
      ),
      roof,
    ) +
    pen.line(
      'M-40 -56Q-34 -66 -28 -74M-22 -62Q-16 -72 -12 -82M22 -62Q16 -72 12 -82M40 -56Q34 -66 28 -74',
      darken(roof, 0.25),
      1.8,
    ) +
    pen.solid('M-15 -58Q0 -84 15 -58V-44H-15Z', lighten(wall, 0.1)) +
    pen.solid('M-20 -54Q0 -90 20 -54Q0 -78 -20 -54Z', darken(roof, 0.15)) +
    drawWindow(pen, look, [-7, -62, 14, 14]) +
    drawWindow(pen, look, [-34, -37, 15, 15]) +
    drawWindow(pen, look, [20, -37, 15, 15]) +
    pen.solid('M-10 0V-26Q0 -36 10 -26V0Z', look.part('door', '#5f8a5a')) +
    pen.line('M-3.4 -2V-30M3.4 -2V-30', '#466b45', 1) +
    pen.solid(disc(6, -14, 1.5), '#f4d06a', plain) +
    bush(pen, [-34, 0], 8) +
    bush(pen, [28, 0], 9)
  )
}

function drawBarn(pen: Pen, look: Look): string {
  const c = look.main
  const roof = look.part('roof', '#5c4a4f')
  const body =
    pen.solid('M58 0V-74Q58 -92 72 -92Q86 -92 86 -74V0Z', '#c3ccd4') +
    pen.solid('M57 -72Q58 -94 72 -94Q86 -94 87 -72Z', '#8793a0') +
    pen.line('M58 -54H86M58 -36H86M58 -18H86', '#98a4b0', 1.8) +
    pen.solid(hard('-54,0 -54,-52 -38,-78 0,-96 38,-78 54,-52 54,0'), c) +
    pen.line(
      repeat(9, i => path`M${-43 + i * 10.8} -1V${-58 + Math.abs(4 - i) * 2}`),
      darken(c, 0.16),
      1,
    ) +
    pen.solid(hard('-60,-48 -42,-80 0,-101 42,-80 60,-48 54,-46 37,-74 0,-92 -37,-74 -54,-46'), roof) +
    pen.solid(box([-22, -42, 44, 42]), '#fbf3e6') +
    pen.solid(box([-19, -39, 18, 39]) + box([1, -39, 18, 39]), darken(c, 0.2)) +
    pen.line('M-19 -39L-1 0M-1 -39L-19 0M1 -39L19 0M19 -39L1 0', '#fbf3e6', 2.4) +
    drawWindow(pen, look, [-8, -72, 16, 17]) +
    pen.solid(soft('26,0 28,-10 38,-12 48,-8 48,0'), '#e8c766') +
    pen.line('M30 -4l8 -4M36 -2l9 -5', '#c9a347', 1.2)
  return place(body, [-14, 0])
}

function drawTent(pen: Pen, look: Look): string {
  const c = look.main
  const glow = look.night ? '#ffd98a' : mix(c, '#4a2f2f', 0.72)
  return (
    (look.night ? pen.glow([0, -30, 70], '#ffcf7a', 0.4) : '') +
    pen.line('M-4 -98L4 -106M4 -98L-4 -106M-62 -2L-74 0M62 -2L74 0', '#8a6240', 2.4) +
    pen.solid('M0 -100Q-28 -40 -66 0H66Q28 -40 0 -100Z', c) +
    pen.solid('M0 -100Q28 -40 66 0H34Q16 -46 0 -100Z', darken(c, 0.2)) +
    pen.line('M0 -100Q-16 -46 -38 0', lighten(c, 0.35), 1.6) +
    (look.night
      ? pen.emit('M-4 -78Q-14 -34 -26 0H18Q8 -36 -4 -78Z', glow)
      : pen.solid('M-4 -78Q-14 -34 -26 0H18Q8 -36 -4 -78Z', glow)) +
    pen.solid('M-4 -80Q-18 -40 -34 0H-20Q-13 -38 -4 -80Z', lighten(c, 0.25)) +
    pen.solid('M-4 -80Q10 -42 24 0H12Q4 -38 -4 -80Z', lighten(c, 0.1)) +
    pen.solid(hard('2,-103 20,-97 2,-91'), look.accent)
  )
}

function drawIgloo(pen: Pen, look: Look): string {
  const c = look.main
  const seam = mix(c, '#8fb4d4', 0.6)
  return (
    pen.solid('M-66 0Q-66 -84 -4 -84Q58 -84 58 0Z', c) +
    pen.line(
      'M-64 -24H56M-58 -48H50M-42 -68H34M-44 0V-24M-10 0V-24M24 -24V0M-52 -24L-48 -48M-26 -24L-24 -48M4 -24V-48M32 -24L30 -48M-34 -48L-28 -68M-6 -48V-68M20 -48L16 -68M-14 -68L-12 -84',
      seam,
      1.7,
    ) +
    pen.solid('M18 0V-24Q20 -46 44 -46Q70 -46 72 -22V0Z', c) +
    pen.line('M23 -28L34 -23M34 -43L39 -32M55 -43L50 -32M68 -28L57 -23', seam, 1.7) +
    (look.night ? pen.glow([46, -16, 34], '#ffcf7a', 0.6) : '') +
    (look.night
      ? pen.emit('M30 0V-18Q32 -34 45 -34Q60 -34 60 -18V0Z', '#ffd98a')
      : pen.solid('M30 0V-18Q32 -34 45 -34Q60 -34 60 -18V0Z', '#3f5f86')) +
    pen.shade('M-58 -20Q-54 -74 -10 -78Q-40 -62 -46 -20Z', '#ffffff', 0.5)
  )
}

function drawShop(pen: Pen, look: Look): string {
  const c = look.main
  const awning = look.part('awning', look.accent)
  const flaps = repeat(8, i =>
    pen.solid(
      path`M${-44 + i * 11} -58L${-48 + i * 12} -42Q${-42 + i * 12} -36 ${-36 + i * 12} -42L${-33 + i * 11} -58Z`,
      i % 2 ? '#fbf5e8' : awning,
    ),
  )
  return (
    pen.solid(box([-46, -96, 92, 96], 2), c) +
    pen.solid(box([-50, -100, 100, 8], 2), darken(c, 0.28)) +
    drawWindow(pen, look, [-34, -86, 14, 18]) +
    drawWindow(pen, look, [-7, -86, 14, 18]) +
    drawWindow(pen, look, [20, -86, 14, 18]) +
    pen.solid(box([-40, -42, 46, 34], 2), '#4c3a3a') +
    (look.night
      ? pen.emit(box([-37, -39, 40, 28]), '#ffd98a')
      : pen.solid(box([-37, -39, 40, 28]), '#a9d2de', plain)) +
    pen.solid(oval([-27, -15, 7, 4]) + oval([-10, -15, 7, 4]), '#d9a05a') +
    pen.solid(box([-40, -11, 46, 11]), darken(c, 0.2)) +
    pen.solid(box([14, -40, 24, 40], 1), darken(awning, 0.25)) +
    pen.solid(box([18, -36, 16, 20], 1), look.night ? '#ffe2a0' : '#bfe0e8', plain) +
    pen.solid(disc(34, -12, 1.4), '#f4d06a', plain) +
    flaps +
    pen.solid(disc(-52, -6, 6) + disc(52, -6, 6), '#5d9e53') +
    pen.solid(box([-57, -5, 10, 6], 1) + box([47, -5, 10, 6], 1), '#b5653f')
  )
}

const ground = { habitat: 'ground' } as const

export const homes: readonly Subject[] = [
  {
    ...ground,
    name: 'house',
    words: 'house,home,villa,mansion,bungalow,building',
    scale: 2.6,
    width: 116,
    home: 'meadow',
    colours: ['#f3e3c8', '#e8c9b0', '#cfdbe0', '#f0d28a'],
    seat: [0, -92],
    draw: drawHouse,
  },
  {
    ...ground,
    name: 'cottage',
    words: 'cottage,cabin,hut,farmhouse,treehouse,lodge',
    scale: 2.2,
    width: 122,
    home: 'meadow',
    colours: ['#f6ead3', '#efdcc4', '#e6dccb'],
    seat: [0, -98],
    draw: drawCottage,
  },
  {
    ...ground,
    name: 'barn',
    words: 'barn,stable,warehouse',
    scale: 2.8,
    width: 150,
    home: 'field',
    colours: ['#b8433a', '#a5503f'],
    draw: drawBarn,
  },
  {
    ...ground,
    name: 'tent',
    words: 'tent,camp,tipi,teepee,yurt,campsite',
    scale: 1.4,
    width: 148,
    home: 'forest',
    colours: ['#e8963f', '#4f9c8a', '#d9634a'],
    draw: drawTent,
  },
  {
    ...ground,
    name: 'igloo',
    words: 'igloo',
    scale: 1.5,
    width: 142,
    home: 'snow',
    colours: ['#eef4f9'],
    draw: drawIgloo,
  },
  {
    ...ground,
    name: 'shop',
    words: 'shop,store,cafe,bakery,bookshop,restaurant,kiosk,flower shop,bistro',
    scale: 2.6,
    width: 120,
    home: 'street',
    colours: ['#e3c9a8', '#8fb0a5', '#d99a7a'],
    draw: drawShop,
  },
]
