// Owns what is given and treasured.
import { darken, lighten, mix } from '../colour.ts'
import { box, disc, heart, oval, star } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { contrast, hard, path, plain, soft } from './brush.ts'

function drawKey(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid('M-5 -62H5V0H-5Z', c) +
    pen.solid(hard('4,-22 18,-22 18,-14 12,-14 12,-10 18,-10 18,-2 4,-2'), c) +
    pen.solid(box([-9, -66, 18, 6], 2) + box([-8, -57, 16, 4], 2), darken(c, 0.14)) +
    pen.solid(
      `${disc(-11, -80, 14)}M-16 -80a5 5 0 1 1 10 0a5 5 0 1 1 -10 0Z${disc(11, -80, 14)}M6 -80a5 5 0 1 1 10 0a5 5 0 1 1 -10 0Z`,
      c,
    ) +
    pen.solid(disc(0, -90, 12), c) +
    pen.solid(heart(0, -90, 9), look.accent, plain) +
    pen.shade(box([-3.4, -54, 2.4, 50], 1), '#ffffff', 0.5)
  )
}

function drawCrown(pen: Pen, look: Look): string {
  const c = look.main
  const jewel = look.part('jewel', contrast(c, look.accent))
  return (
    pen.solid('M-52 -18L-60 -72L-32 -48L0 -92L32 -48L60 -72L52 -18Z', c) +
    pen.shade('M22 -62L32 -48L60 -72L52 -18H24Q34 -40 22 -62Z', darken(c, 0.6), 0.22) +
    pen.solid('M-54 -22Q0 -8 54 -22L52 0Q0 12 -52 0Z', lighten(c, 0.16)) +
    pen.solid(disc(-60, -75, 6) + disc(0, -95, 7) + disc(60, -75, 6), jewel) +
    pen.solid(oval([0, -5, 7, 6]), jewel, plain) +
    pen.solid(hard('-28,-14 -22,-8 -28,-2 -34,-8') + hard('28,-14 34,-8 28,-2 22,-8'), '#4f9fe0', plain) +
    pen.solid(hard('0,-62 8,-46 0,-32 -8,-46'), mix(jewel, '#ffffff', 0.15), plain) +
    pen.shade(soft('-46,-30 -52,-58 -40,-46 -38,-28'), '#ffffff', 0.45)
  )
}

function drawGift(pen: Pen, look: Look): string {
  const c = look.main
  const ribbon = look.part('ribbon', contrast(c, look.accent))
  return (
    pen.solid(box([-40, -60, 80, 60], 3), c) +
    pen.shade(box([14, -60, 26, 60], 3), darken(c, 0.7), 0.18) +
    pen.solid(
      repeat(8, i => disc(-32 + ((i * 19) % 66), -12 - ((i * 13) % 38), 2.4)),
      lighten(c, 0.5),
      plain,
    ) +
    pen.solid(box([-8, -60, 16, 60]), ribbon, plain) +
    pen.solid(box([-46, -74, 92, 18], 3), lighten(c, 0.12)) +
    pen.solid(box([-9, -74, 18, 18]), ribbon, plain) +
    pen.solid(
      soft('0,-74 -12,-98 -34,-102 -38,-84 -20,-75') + soft('0,-74 12,-98 34,-102 38,-84 20,-75'),
      ribbon,
    ) +
    pen.solid(
      soft('-8,-78 -16,-91 -28,-93 -28,-84') + soft('8,-78 16,-91 28,-93 28,-84'),
      darken(ribbon, 0.3),
      plain,
    ) +
    pen.solid(box([-8, -84, 16, 13], 5), lighten(ribbon, 0.15))
  )
}

function drawToyBalloon(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.line('M0 -42Q-8 -30 2 -20Q8 -10 0 0', '#8a8590', 1.4) +
    pen.solid('M0 -44C-34 -52 -36 -102 0 -104C36 -102 34 -52 0 -44Z', c) +
    pen.solid(hard('-5,-39 0,-46 5,-39'), darken(c, 0.2)) +
    pen.shade('M14 -101C34 -92 30 -54 2 -45C24 -58 26 -82 14 -101Z', darken(c, 0.6), 0.2) +
    pen.shade(soft('-19,-74 -16,-90 -7,-96 -9,-84 -14,-70'), '#ffffff', 0.6)
  )
}

function drawKite(pen: Pen, look: Look): string {
  const c = look.main
  const other = look.asked ? lighten(c, 0.5) : contrast(c, look.accent)
  const bow = (x: number, y: number, tone: string): string =>
    pen.solid(
      hard(`${x},${y} ${x - 8},${y - 5} ${x - 8},${y + 5}`) +
        hard(`${x},${y} ${x + 8},${y - 5} ${x + 8},${y + 5}`),
      tone,
    )
  return (
    pen.line('M-6 -40Q-24 -30 -12 -18Q0 -8 -16 0', '#8a8590', 1.6) +
    pen.solid(hard('10,-104 -28,-70 -6,-38 36,-76'), c) +
    pen.solid(hard('10,-104 36,-76 2,-72'), other, plain) +
    pen.solid(hard('-28,-70 2,-72 -6,-38'), other, plain) +
    pen.line('M10 -104L-6 -38M-28 -70L36 -76', darken(c, 0.35), 1.4) +
    bow(-17, -30, c) +
    bow(-10, -17, other) +
    bow(-12, -5, c)
  )
}

function drawBall(pen: Pen, look: Look): string {
  const c = look.main
  const patch = look.asked ? '#fbf8f0' : '#34323e'
  const spots = repeat(5, i => {
    const a = (i * Math.PI * 2) / 5 - Math.PI / 2
    return star([Math.cos(a) * 38, -48 + Math.sin(a) * 38], [11, 9], { turn: a + Math.PI })
  })
  return (
    pen.solid(disc(0, -48, 48), c) +
    pen.line(
      repeat(5, i => {
        const a = (i * Math.PI * 2) / 5 - Math.PI / 2
        return path`M${Math.cos(a) * 16} ${-48 + Math.sin(a) * 16}L${Math.cos(a) * 30} ${-48 + Math.sin(a) * 30}`
      }),
      patch,
      2.4,
    ) +
    pen.solid(star([0, -48], [17, 13.8]) + spots, patch, plain) +
    pen.shade('M24 -90A48 48 0 0 1 4 -0.2A60 60 0 0 0 24 -90Z', '#1a1640', 0.22) +
    pen.shade(oval([-18, -74, 11, 7]), '#ffffff', 0.5)
  )
}

function drawAnchor(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.line('M4 -88Q34 -70 14 -52Q-20 -40 6 -22Q30 -8 26 6', '#d9b98a', 4) +
    pen.line(disc(0, -90, 9), c, 6) +
    pen.line('M-22 -70H22', c, 7) +
    pen.line('M0 -80V-8', c, 8) +
    pen.line('M-40 -34C-36 -10 -18 -4 0 -4C18 -4 36 -10 40 -34', c, 8) +
    pen.solid(hard('-50,-30 -40,-52 -28,-32') + hard('50,-30 40,-52 28,-32'), c) +
    pen.shade(box([-2.4, -76, 2, 66], 1), '#ffffff', 0.4)
  )
}

function drawHeart(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid('M0 0C-62 -38 -62 -92 -30 -96C-12 -98 -2 -84 0 -74C2 -84 12 -98 30 -96C62 -92 62 -38 0 0Z', c) +
    pen.shade('M34 -96C62 -88 60 -38 0 0C40 -36 50 -66 34 -96Z', darken(c, 0.6), 0.22) +
    pen.shade(soft('-38,-62 -38,-80 -26,-87 -28,-74 -32,-58'), '#ffffff', 0.55)
  )
}

function drawChest(pen: Pen, look: Look): string {
  const c = look.main
  const coins = repeat(16, i =>
    pen.solid(oval([-38 + ((i * 29) % 78), -52 - ((i * 11) % 14), 7, 5]), i % 3 ? '#f7cf4a' : '#e0ad35'),
  )
  return (
    pen.glow([0, -60, 70], '#ffe08a', 0.5) +
    pen.solid('M-56 -54L-62 -84C-58 -106 58 -106 62 -84L56 -54Z', darken(c, 0.25)) +
    pen.solid('M-50 -54L-55 -80C-50 -96 50 -96 55 -80L50 -54Z', darken(c, 0.5), plain) +
    coins +
    pen.solid(hard('10,-58 20,-70 30,-58 20,-48'), '#4fb5e0') +
    pen.solid(hard('-34,-56 -26,-66 -18,-56 -26,-48'), '#e0486a') +
    pen.solid(box([-60, -50, 120, 50], 3), c) +
    pen.line('M-60 -34H60M-60 -16H60', darken(c, 0.25), 1.8) +
    pen.solid(box([-50, -50, 12, 50]) + box([38, -50, 12, 50]) + box([-62, -54, 124, 8], 2), '#d9a83f') +
    pen.solid(box([-9, -52, 18, 20], 3), '#e9c04d') +
    pen.solid(disc(0, -44, 3) + hard('-2,-43 2,-43 3,-36 -3,-36'), '#4a3228', plain)
  )
}

function drawSword(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid(hard('-6,-100 0,-112 6,-100 6,-30 -6,-30'), '#dfe6ec') +
    pen.solid(hard('0,-112 6,-100 6,-30 0,-30'), '#b4c0cb', plain) +
    pen.solid(soft('-28,-34 -22,-26 0,-29 22,-26 28,-34 22,-22 0,-20 -22,-22'), '#e9b840') +
    pen.solid(box([-4, -24, 8, 18], 2), c) +
    pen.line('M-4 -20L4 -16M-4 -14L4 -10', darken(c, 0.35), 1.4) +
    pen.solid(disc(0, -4, 6), '#e9b840') +
    pen.solid(disc(0, -25, 3.4), look.accent, plain)
  )
}

function drawDiamond(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.glow([0, -50, 64], lighten(c, 0.5), 0.5) +
    pen.solid(hard('-52,-66 -30,-94 30,-94 52,-66 0,0'), c) +
    pen.solid(hard('-52,-66 -22,-66 0,0') + hard('-12,-94 12,-94 22,-66 -22,-66'), lighten(c, 0.35), plain) +
    pen.solid(hard('22,-66 52,-66 0,0') + hard('12,-94 30,-94 22,-66'), darken(c, 0.2), plain) +
    pen.solid(hard('-30,-94 -12,-94 -22,-66'), lighten(c, 0.6), plain) +
    pen.emit(star([36, -92], [12, 3], { tips: 4 }) + star([-40, -38], [8, 2], { tips: 4 }), '#ffffff', 0.95)
  )
}

const surface = { habitat: 'surface', home: 'table' } as const
const shelf = { habitat: 'surface', home: 'studio' } as const

export const keepsakes: readonly Subject[] = [
  {
    ...surface,
    name: 'key',
    words: 'key,golden key,skeleton key',
    scale: 0.14,
    width: 52,
    colours: ['#e0b04a', '#b98a4a'],
    draw: drawKey,
  },
  {
    ...surface,
    name: 'crown',
    words: 'crown,tiara,diadem',
    scale: 0.24,
    width: 128,
    colours: ['#f0bf3f'],
    draw: drawCrown,
  },
  {
    ...surface,
    name: 'gift',
    words: 'gift,present,gift box,parcel,package',
    scale: 0.3,
    width: 92,
    colours: ['#d9483f', '#4f8fb5', '#7a5fb0', '#5f9c6a'],
    draw: drawGift,
  },
  {
    habitat: 'air',
    name: 'balloon',
    words: 'balloon,toy balloon,party balloon',
    scale: 0.6,
    width: 58,
    colours: ['#e0483f', '#f2b53a', '#4f9fd9', '#d972b0'],
    draw: drawToyBalloon,
  },
  {
    habitat: 'air',
    home: 'field',
    name: 'kite',
    words: 'kite',
    scale: 0.8,
    width: 66,
    colours: ['#e0533f', '#4f8fd0', '#f2b53a'],
    draw: drawKite,
  },
  {
    habitat: 'ground',
    home: 'meadow',
    name: 'ball',
    words: 'ball,football,soccer ball,basketball,beach ball,tennis ball,volleyball',
    scale: 0.25,
    width: 98,
    colours: ['#fbf8f2'],
    seat: [0, -96],
    draw: drawBall,
  },
  {
    habitat: 'ground',
    home: 'beach',
    name: 'anchor',
    words: 'anchor',
    scale: 0.6,
    width: 102,
    colours: ['#3f5f86', '#4a4e5c'],
    draw: drawAnchor,
  },
  {
    habitat: 'air',
    name: 'heart',
    words: 'heart,love,valentine',
    scale: 0.5,
    width: 106,
    colours: ['#e0344f'],
    draw: drawHeart,
  },
  {
    habitat: 'ground',
    home: 'beach',
    name: 'treasure chest',
    words: 'treasure chest,treasure,chest,trunk of gold,pile of gold,gold coin',
    scale: 0.45,
    width: 126,
    colours: ['#8a5632', '#7a4a2f'],
    draw: drawChest,
  },
  {
    ...surface,
    name: 'sword',
    words: 'sword,dagger,blade,excalibur,katana',
    scale: 0.5,
    width: 58,
    colours: ['#6a4228', '#7a2f3a'],
    draw: drawSword,
  },
  {
    ...shelf,
    name: 'diamond',
    words: 'diamond,gem,gemstone,jewel,crystal',
    scale: 0.2,
    width: 106,
    colours: ['#6fc4e0', '#e07ab5', '#6fd0a0'],
    draw: drawDiamond,
  },
]
