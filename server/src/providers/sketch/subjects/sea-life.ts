// Owns what swims. Fish look to the right; the big ones are drawn whole, leaping or under water.
import { darken, lighten, mix } from '../colour.ts'
import { disc, oval, place } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { dark, hard, limb, path, plain, soft, stroke } from './brush.ts'
import { cheeks, eye, eyes } from './face.ts'

function drawWhale(pen: Pen, look: Look): string {
  const c = look.main
  const belly = lighten(c, 0.72)
  const spout = pen.line('M24 -78Q22 -92 10 -96M26 -78Q26 -96 26 -104M28 -78Q31 -92 43 -96', '#a8dcf0', 3.4)
  return (
    spout +
    pen.solid(
      soft('-64,-44 -82,-62 -102,-62 -92,-76 -72,-74 -60,-58 -56,-78 -44,-92 -38,-76 -46,-54'),
      darken(c, 0.12),
    ) +
    pen.solid(soft('-66,-46 -44,-44 -20,-62 14,-76 50,-72 74,-52 78,-30 62,-10 28,-1 -12,-6 -44,-26'), c) +
    pen.solid(soft('77,-32 62,-10 28,-1 -12,-6 -38,-22 0,-24 40,-24'), belly, plain) +
    pen.line(
      'M-8 -19Q8 -12 20 -4M12 -21Q26 -15 36 -5M32 -22Q46 -16 52 -8M52 -23Q60 -20 65 -15',
      mix(belly, c, 0.4),
      1.6,
    ) +
    pen.line('M77 -33Q60 -25 40 -24Q54 -30 52 -35', darken(c, 0.35), 1.8) +
    pen.solid(soft('6,-26 24,-24 16,-8 0,4 -10,2 0,-10'), darken(c, 0.16)) +
    eye(pen, [48, -42, 3.6], look.has('sleeping')) +
    pen.shade(oval([56, -34, 5, 3]), '#ff8d8d', 0.35) +
    pen.shade(soft('-10,-62 14,-71 46,-68 58,-60 30,-66'), '#ffffff', 0.22)
  )
}

function drawDolphin(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid(soft('-48,-8 -66,2 -80,-4 -66,-12 -74,-26 -60,-24 -46,-16'), darken(c, 0.14)) +
    pen.solid(soft('-12,-80 -26,-96 -28,-104 -10,-98 6,-84'), darken(c, 0.14)) +
    pen.solid(
      soft('-52,-10 -40,-44 -22,-70 4,-84 32,-80 50,-66 68,-54 72,-48 64,-45 48,-48 24,-44 -8,-36 -34,-14'),
      c,
    ) +
    pen.solid(soft('66,-47 48,-49 24,-45 -6,-37 -32,-18 -14,-40 14,-56 40,-58'), lighten(c, 0.72), plain) +
    pen.solid(soft('10,-54 18,-46 10,-28 -2,-20 0,-36'), darken(c, 0.18)) +
    pen.line('M70 -51Q56 -53 46 -57', darken(c, 0.4), 1.4) +
    eye(pen, [41, -64, 2.6], look.has('sleeping')) +
    pen.shade(soft('-26,-62 0,-79 24,-77 4,-74 -16,-62'), '#ffffff', 0.25)
  )
}

function drawFish(pen: Pen, look: Look): string {
  const c = look.main
  const fin = darken(c, 0.2)
  const stripe = look.part('stripe', lighten(c, 0.68))
  const bubbles = repeat(3, i =>
    pen.shade(disc(72 + i * 5 + (i % 2) * 5, -66 - i * 13, 4.6 - i), '#ffffff', 0.6),
  )
  return (
    pen.solid(soft('-30,-48 -52,-78 -70,-82 -64,-58 -60,-46 -66,-30 -70,-10 -50,-18 -28,-42'), fin) +
    pen.solid(soft('-20,-74 -8,-100 18,-96 34,-80 14,-76'), fin) +
    pen.solid(soft('-12,-20 -6,-2 12,-4 16,-18'), fin) +
    pen.solid(soft('-38,-46 -22,-68 6,-82 34,-78 56,-60 60,-48 52,-32 30,-16 4,-14 -24,-28'), c) +
    pen.solid(soft('-8,-77 2,-81 8,-60 8,-36 0,-14 -8,-18 -5,-46'), stripe, plain) +
    pen.solid(soft('26,-80 33,-78 38,-48 31,-16 26,-15 31,-48'), stripe, plain) +
    pen.solid(soft('14,-50 0,-54 -12,-42 -6,-32 12,-40'), fin) +
    pen.line('M-62 -72L-46 -54M-60 -50L-44 -47M-62 -22L-46 -39', darken(c, 0.35), 1.4) +
    pen.solid(disc(43, -56, 7), '#fffaf0', plain) +
    eye(pen, [44.5, -55.5, 4.6], look.has('sleeping')) +
    pen.line('M59 -41Q52 -34 45 -39', darken(c, 0.5), 1.8) +
    pen.shade(soft('-18,-64 6,-77 32,-74 6,-72'), '#ffffff', 0.3) +
    bubbles
  )
}

function drawShark(pen: Pen, look: Look): string {
  const c = look.main
  const teeth = repeat(5, i =>
    hard(`${48 + i * 5},${-30 + i * 0.4} ${53 + i * 5},${-30 + i * 0.4} ${50.5 + i * 5},${-25.5 + i * 0.4}`),
  )
  return (
    pen.solid(soft('-60,-44 -78,-82 -92,-92 -86,-60 -76,-42 -88,-18 -70,-26 -58,-38'), darken(c, 0.14)) +
    pen.solid(soft('-16,-64 -10,-92 -2,-102 8,-82 22,-66'), darken(c, 0.1)) +
    pen.solid(soft('-68,-43 -36,-58 6,-70 48,-66 78,-52 94,-40 84,-30 58,-16 18,-12 -30,-26'), c) +
    pen.solid(soft('88,-34 60,-16 18,-12 -34,-28 0,-30 48,-30'), lighten(c, 0.78), plain) +
    pen.solid(soft('44,-32 79,-31 70,-20 54,-19'), '#7a2a3a', plain) +
    pen.solid(teeth, '#ffffff', plain) +
    pen.solid(soft('4,-28 26,-26 10,-4 -10,2 -4,-14'), darken(c, 0.2)) +
    pen.line('M30 -50q-5 8 0 16M37 -50q-5 8 0 16M44 -50q-5 8 0 15', darken(c, 0.3), 1.7) +
    eye(pen, [66, -46, 3.2], look.has('sleeping')) +
    pen.line('M60 -52l8 2.4', darken(c, 0.5), 1.8) +
    pen.shade(soft('-30,-56 8,-67 46,-63 10,-61'), '#ffffff', 0.2)
  )
}

function drawTurtle(pen: Pen, look: Look): string {
  const c = look.main
  const skin = look.part('skin', '#9ccb74')
  const plate = mix(c, lighten(c, 0.5), 0.6)
  const body =
    pen.solid(limb('-52,-12,4 -66,-8,3 -76,-8,1'), skin) +
    pen.solid(
      soft('-48,-24 -30,-24 -30,-2 -48,-1 -52,-8') + soft('22,-24 42,-24 46,-8 44,-1 26,-2'),
      darken(skin, 0.12),
    ) +
    pen.solid(limb('40,-26,9 58,-42,8 66,-60,8'), skin) +
    pen.solid(soft('54,-64 58,-82 74,-88 88,-78 88,-62 76,-54 62,-55'), skin) +
    pen.solid(soft('-60,-20 -56,-52 -32,-82 0,-92 32,-82 52,-54 56,-22 30,-14 -34,-14'), c) +
    pen.solid(soft('-14,-54 -9,-72 9,-72 15,-54 8,-40 -8,-40'), plate, plain) +
    pen.solid(
      soft('-46,-50 -32,-74 -18,-72 -22,-54 -34,-42') + soft('46,-50 34,-74 19,-72 24,-54 36,-42'),
      plate,
      plain,
    ) +
    pen.solid(
      soft('-48,-34 -34,-36 -20,-46 -12,-34 -16,-24 -44,-24') +
        soft('48,-34 36,-36 22,-46 14,-34 18,-24 44,-24'),
      plate,
      plain,
    ) +
    pen.solid(soft('-62,-20 -30,-25 0,-26 30,-25 58,-22 58,-13 30,-12 -32,-12 -62,-12'), darken(c, 0.28)) +
    eye(pen, [78, -73, 3.2], look.has('sleeping')) +
    pen.line('M88 -64Q82 -59 76 -61', darken(skin, 0.5), 1.6) +
    pen.shade(oval([70, -65, 4, 2.6]), '#ff7d7d', 0.4)
  return place(body, [-10, 0])
}

function drawOctopus(pen: Pen, look: Look): string {
  const c = look.main
  const arm = (text: string, colour: string): string => pen.solid(limb(text), colour)
  const flip = (text: string): string =>
    text
      .split(' ')
      .map(j => (j.startsWith('-') ? j.slice(1) : `-${j}`))
      .join(' ')
  const pair = (text: string, colour: string): string => arm(text, colour) + arm(flip(text), colour)
  const cups = 'M-40 -9h.1M-46 -12h.1M40 -9h.1M46 -12h.1M-20 -5h.1M-25 -3h.1M20 -5h.1M25 -3h.1'
  return (
    pair('-18,-38,8 -40,-40,7 -56,-48,5.4 -60,-62,4 -52,-68,2.4', darken(c, 0.2)) +
    pair('-16,-34,9 -36,-22,7.6 -54,-22,6 -66,-32,4.4 -62,-42,2.2', darken(c, 0.1)) +
    pair('-12,-34,9 -24,-14,8 -40,-5,6 -54,-8,4 -58,-16,2.2', c) +
    pair('-6,-32,8 -9,-14,7.4 -18,-3,5.6 -30,0,3.4 -34,-5,1.8', darken(c, 0.08)) +
    pen.line(cups, lighten(c, 0.5), 2.6) +
    pen.solid(soft('-28,-40 -34,-66 -26,-90 0,-100 26,-90 34,-66 28,-40 14,-28 0,-25 -14,-28'), c) +
    pen.shade(oval([-14, -88, 8, 4]), '#ffffff', 0.35) +
    pen.solid(disc(15, -86, 3) + disc(22, -79, 2.2) + disc(21, -89, 1.6), darken(c, 0.18), plain) +
    eyes(pen, [0, -58, 25, 5.4], { sleeping: look.has('sleeping') }) +
    pen.line('M-6 -46q6 5.5 12 0', dark, 1.8) +
    cheeks(pen, [0, -49, 42, 4.6])
  )
}

function drawJellyfish(pen: Pen, look: Look): string {
  const c = look.main
  const veil = repeat(7, i => {
    const x = -24 + i * 8
    return stroke(
      `${x},-52 ${x + (i % 2 ? 5 : -5)},-38 ${x + (i % 2 ? -4 : 4)},-22 ${x + (i % 2 ? 3 : -3)},${-4 - ((i * 5) % 9)}`,
    )
  })
  return (
    pen.glow([0, -66, 58], lighten(c, 0.4), 0.4) +
    pen.line(veil, lighten(c, 0.2), 2) +
    pen.solid(
      limb('-9,-52,5 -14,-38,6 -6,-26,5 -12,-12,2') + limb('9,-52,5 13,-38,6 6,-24,5 12,-8,2'),
      lighten(c, 0.45),
      { opacity: 0.85 },
    ) +
    pen.solid(
      soft(
        '-38,-54 -36,-78 -18,-96 0,-100 18,-96 36,-78 38,-54 28,-48 19,-54 10,-47 0,-54 -10,-47 -19,-54 -28,-48',
      ),
      c,
      { opacity: 0.94 },
    ) +
    pen.shade(soft('-28,-72 -16,-90 2,-95 -10,-84 -20,-66'), '#ffffff', 0.4) +
    pen.shade(disc(14, -86, 3) + disc(24, -76, 2.4) + disc(8, -92, 2), '#ffffff', 0.4) +
    eyes(pen, [0, -66, 18, 3.2], { sleeping: look.has('sleeping') }) +
    pen.line('M-4 -60q4 3.6 8 0', dark, 1.4) +
    cheeks(pen, [0, -61, 31, 3.4])
  )
}

function drawCrab(pen: Pen, look: Look): string {
  const c = look.main
  const claw = (flip: boolean): string =>
    place(
      pen.solid(limb('-36,-36,5 -54,-46,5 -56,-60,4.4'), darken(c, 0.1)) +
        pen.solid(soft('-58,-58 -76,-66 -80,-86 -66,-100 -62,-84 -56,-98 -46,-88 -44,-70'), c) +
        pen.line(
          'M-34 -22L-56 -18L-64 -3M-32 -16L-48 -10L-52 0M-36 -28L-62 -30L-74 -14',
          darken(c, 0.2),
          4.2,
        ),
      [0, 0],
      { flip },
    )
  return (
    claw(false) +
    claw(true) +
    pen.line('M-12 -56V-72M12 -56V-72', darken(c, 0.1), 4) +
    pen.solid(soft('-44,-36 -34,-56 0,-62 34,-56 44,-36 30,-14 0,-8 -30,-14'), c) +
    pen.solid(disc(-12, -77, 8) + disc(12, -77, 8), '#fffaf0') +
    eyes(pen, [0, -77, 23, 4.4], { sleeping: look.has('sleeping') }) +
    pen.line('M-12 -32q12 10 24 0', dark, 2.2) +
    cheeks(pen, [0, -36, 48, 5.4]) +
    pen.shade(oval([-16, -52, 12, 4]), '#ffffff', 0.25)
  )
}

function drawSeahorse(pen: Pen, look: Look): string {
  const c = look.main
  const ribs = repeat(7, i => path`M${-9 + i * 0.6} ${-60 + i * 7}q8 4 ${17 - i * 1.6} 1`)
  return (
    pen.solid(soft('-10,-58 -26,-62 -28,-46 -22,-34 -10,-38'), lighten(c, 0.3)) +
    pen.solid(hard('-8,-92 -12,-104 0,-97 6,-107 10,-96 20,-100 16,-86'), darken(c, 0.15)) +
    pen.solid(
      limb('2,-82,10 -4,-68,10 2,-50,12.4 2,-34,9 -4,-20,6.4 2,-7,4.6 12,-6,3.6 14,-14,2.6 8,-15,1.6'),
      c,
    ) +
    pen.solid(limb('6,-84,11 16,-82,6 30,-77,3.6'), c) +
    pen.line(ribs, darken(c, 0.24), 1.8) +
    pen.solid(disc(31, -76.6, 3.6), darken(c, 0.1), plain) +
    eye(pen, [9, -86, 3.6], look.has('sleeping')) +
    pen.shade(oval([10, -78, 4, 2.6]), '#ff7d7d', 0.4)
  )
}

const under = { habitat: 'under', home: 'underwater' } as const
const atSea = { habitat: 'water', home: 'sea' } as const

export const seaLife: readonly Subject[] = [
  {
    ...atSea,
    name: 'whale',
    words: 'whale,orca,narwhal',
    scale: 2.6,
    width: 186,
    colours: ['#3f78ad', '#4a6f9c'],
    draw: drawWhale,
  },
  {
    ...atSea,
    name: 'dolphin',
    words: 'dolphin,porpoise',
    scale: 1.4,
    width: 152,
    colours: ['#6f9fbe', '#7b93ab'],
    draw: drawDolphin,
  },
  {
    ...under,
    name: 'fish',
    words: 'fish,goldfish,clownfish,koi,carp,trout,tuna,koi fish,clown fish',
    scale: 0.4,
    width: 160,
    colours: ['#f58634', '#f2b632', '#3f9fc9'],
    draw: drawFish,
  },
  {
    ...under,
    name: 'shark',
    words: 'shark,hammerhead',
    scale: 1.8,
    width: 188,
    colours: ['#7890a5', '#6a7f92'],
    draw: drawShark,
  },
  {
    habitat: 'ground',
    home: 'beach',
    name: 'turtle',
    words: 'turtle,tortoise',
    scale: 0.5,
    width: 166,
    colours: ['#5f8a4a', '#8a7440'],
    seat: [-10, -90],
    draw: drawTurtle,
  },
  {
    ...under,
    name: 'octopus',
    words: 'octopus,squid,kraken',
    scale: 1,
    width: 136,
    colours: ['#d8609a', '#e0674f', '#8b62c2'],
    head: [0, -70, 34],
    draw: drawOctopus,
  },
  {
    ...under,
    name: 'jellyfish',
    words: 'jellyfish,medusa',
    scale: 0.7,
    width: 84,
    colours: ['#d98fd8', '#8fb4f0', '#f29ab0'],
    draw: drawJellyfish,
  },
  {
    habitat: 'ground',
    home: 'beach',
    name: 'crab',
    words: 'crab,lobster,crayfish',
    scale: 0.3,
    width: 164,
    colours: ['#e2553f', '#e8763c'],
    draw: drawCrab,
  },
  {
    ...under,
    name: 'seahorse',
    words: 'seahorse',
    scale: 0.4,
    width: 66,
    colours: ['#f2b23e', '#ef8f6a'],
    draw: drawSeahorse,
  },
]
