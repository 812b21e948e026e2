// Owns flowers, alone and in bunches.
import { darken, lighten, mix } from '../colour.ts'
import { disc, oval, type Point, place } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { path, plain, soft } from './brush.ts'

const green = '#4f9450'

function stem(pen: Pen, top: number): string {
  return (
    pen.line(path`M0 0Q-4 ${top * 0.5} 0 ${top}`, green, 3.4) +
    pen.solid(soft('-1,-16 -14,-36 -30,-38 -24,-22 -10,-12'), green) +
    pen.solid(soft('0,-26 12,-46 27,-50 23,-34 10,-22'), lighten(green, 0.12)) +
    pen.line('M-2 -16Q-14 -28 -26 -34M1 -26Q12 -38 23 -45', darken(green, 0.25), 1)
  )
}

/** Petals around x, y as one path: length and half width of each. */
function petals([x, y]: Point, count: number, [reach, half]: Point): string {
  return repeat(count, i => {
    const a = (i * Math.PI * 2) / count
    const [c, s] = [Math.cos(a), Math.sin(a)]
    const p = (u: number, v: number): string =>
      `${(x + u * c - v * s).toFixed(2)} ${(y + u * s + v * c).toFixed(2)}`
    return path`M${p(0, 0)}C${p(reach * 0.3, -half * 1.5)} ${p(reach, -half)} ${p(reach, 0)}C${p(reach, half)} ${p(reach * 0.3, half * 1.5)} ${p(0, 0)}Z`
  })
}

/** Middle and radius of a bloom. */
type Spot = readonly [x: number, y: number, r: number]

function daisyHead(pen: Pen, colour: string, [x, y, r]: Spot): string {
  return (
    pen.solid(petals([x, y], 10, [r, r * 0.24]), colour) +
    pen.solid(disc(x, y, r * 0.34), '#f5b93a') +
    pen.shade(disc(x + r * 0.06, y + r * 0.08, r * 0.22), '#b8752a', 0.4)
  )
}

function roseHead(pen: Pen, colour: string, [x, y, r]: Spot): string {
  const bloom =
    pen.solid(
      soft('-22,-2 -26,-18 -14,-30 0,-27 14,-30 26,-18 22,-2 12,14 0,18 -12,14'),
      darken(colour, 0.2),
    ) +
    pen.solid(soft('-18,-14 -10,-26 6,-28 18,-18 16,0 4,10 -10,8 -18,-2'), colour) +
    pen.solid(soft('-24,-10 -8,-6 4,4 4,17 -10,14 -22,2'), lighten(colour, 0.12)) +
    pen.solid(soft('25,-12 12,-8 0,6 2,18 12,14 23,0'), darken(colour, 0.08)) +
    pen.line('M-7 -14Q-6 -22 2 -21Q9 -19 7 -12Q4 -6 -2 -8Q-5 -11 -1 -14Q2 -15 3 -13', darken(colour, 0.38), 2)
  return place(bloom, [x, y], { scale: r / 26 })
}

function tulipHead(pen: Pen, colour: string, [x, y, r]: Spot): string {
  const bloom =
    pen.solid(soft('-10,4 -14,-18 0,-40 14,-18 10,4'), darken(colour, 0.18)) +
    pen.solid('M0 10C-22 10 -26 -10 -20 -36C-10 -28 -4 -16 0 10Z', colour) +
    pen.solid('M0 10C22 10 26 -10 20 -36C10 -28 4 -16 0 10Z', lighten(colour, 0.1)) +
    pen.shade('M0 10C-10 2 -16 -10 -18 -26C-22 -10 -18 6 0 10Z', '#ffffff', 0.2)
  return place(bloom, [x, y], { scale: r / 26 })
}

function drawSunflower(pen: Pen, look: Look): string {
  const c = look.main
  const seeds = repeat(26, i => {
    const a = i * 2.4
    const r = 2.2 * Math.sqrt(i)
    return disc(Math.cos(a) * r, -74 + Math.sin(a) * r, 0.95)
  })
  return (
    stem(pen, -70) +
    pen.solid(petals([0, -74], 16, [29, 5]), darken(c, 0.16)) +
    place(pen.solid(petals([0, 0], 16, [26, 5]), c), [0, -74], { turn: 11 }) +
    pen.solid(disc(0, -74, 13.4), '#6a4028') +
    pen.solid(seeds, '#b0783f', plain)
  )
}

const drawRose = (pen: Pen, look: Look): string =>
  stem(pen, -66) +
  pen.solid(soft('-14,-60 0,-56 14,-60 6,-66 0,-54 -6,-66'), green, plain) +
  roseHead(pen, look.main, [0, -76, 26])

const drawTulip = (pen: Pen, look: Look): string =>
  pen.solid(soft('-3,0 -22,-26 -24,-52 -12,-34 -2,-8'), green) +
  pen.solid(soft('3,0 20,-22 26,-44 13,-28 3,-6'), lighten(green, 0.12)) +
  pen.line('M0 0Q-3 -30 0 -58', green, 3.6) +
  tulipHead(pen, look.main, [0, -64, 25])

const drawDaisy = (pen: Pen, look: Look): string => stem(pen, -70) + daisyHead(pen, look.main, [0, -74, 26])

function drawBouquet(pen: Pen, c: string, wrap: string): string {
  const stems = 'M0 -36Q-14 -54 -26 -62M0 -36Q-6 -60 -8 -80M0 -36Q10 -56 16 -76M0 -36Q18 -50 30 -58'
  return (
    pen.line(stems, green, 2.6) +
    pen.solid(
      soft('-10,-40 -34,-42 -40,-56 -24,-56') +
        soft('10,-40 34,-40 42,-52 26,-54') +
        soft('-2,-60 0,-90 6,-98 6,-70'),
      green,
    ) +
    tulipHead(pen, mix(c, '#f6b93f', 0.6), [-9, -78, 13]) +
    daisyHead(pen, '#fdf8ee', [-27, -62, 13]) +
    daisyHead(pen, lighten(c, 0.45), [31, -58, 12]) +
    roseHead(pen, c, [16, -75, 14]) +
    roseHead(pen, darken(c, 0.08), [1, -56, 13]) +
    pen.solid('M-15 -40H15Q12 -34 16 -26Q22 -12 14 -1Q0 3 -14 -1Q-22 -12 -16 -26Q-12 -34 -15 -40Z', wrap) +
    pen.shade('M8 -40H15Q12 -34 16 -26Q22 -12 14 -1L6 0Q14 -14 8 -27Q6 -34 8 -40Z', darken(wrap, 0.6), 0.25) +
    pen.line('M-17 -22Q0 -17 17 -22', lighten(wrap, 0.55), 2) +
    pen.solid(oval([0, -40, 15, 2.6]), lighten(wrap, 0.2))
  )
}

function drawPottedPlant(pen: Pen, look: Look): string {
  const c = look.main
  const pot = look.part('pot', '#c76a45')
  const leaf = (text: string, colour: string): string => pen.solid(soft(text), colour)
  return (
    leaf('0,-32 -12,-66 -38,-78 -48,-64 -30,-46', darken(c, 0.18)) +
    leaf('0,-32 14,-62 38,-76 48,-60 30,-44', darken(c, 0.12)) +
    leaf('0,-32 -10,-70 2,-100 16,-76 8,-46', c) +
    leaf('-2,-32 -26,-42 -48,-36 -44,-24 -20,-26', lighten(c, 0.1)) +
    leaf('2,-32 26,-42 48,-34 42,-22 20,-26', lighten(c, 0.14)) +
    leaf('-4,-32 -22,-56 -24,-84 -10,-80 2,-50', lighten(c, 0.06)) +
    pen.line('M3 -36Q4 -66 4 -88M-4 -36Q-18 -60 -36 -68M5 -36Q18 -54 38 -64', darken(c, 0.35), 1.2) +
    pen.solid('M-20 -28H20L15 -1Q0 2 -15 -1Z', pot) +
    pen.shade('M6 -28H20L15 -1Q10 1 4 1Z', darken(pot, 0.6), 0.22) +
    pen.solid('M-23 -34H23V-26Q0 -22 -23 -26Z', lighten(pot, 0.1))
  )
}

const garden = { habitat: 'ground', home: 'garden' } as const

export const flowers: readonly Subject[] = [
  {
    ...garden,
    name: 'flower',
    words: 'flower,daisy,wildflower,chamomile,cosmos,poppy,lily,orchid,lotus,dandelion,marigold',
    scale: 0.5,
    width: 64,
    colours: ['#fbf6ee', '#f29ab5', '#e8604f', '#a98fe0'],
    draw: drawDaisy,
  },
  {
    ...garden,
    name: 'rose',
    words: 'rose,peony,camellia,carnation',
    scale: 0.5,
    width: 62,
    colours: ['#d9344f', '#f08aa5'],
    draw: drawRose,
  },
  {
    ...garden,
    name: 'tulip',
    words: 'tulip,crocus',
    scale: 0.45,
    width: 56,
    colours: ['#e8503f', '#f2b53a', '#d9629a', '#8a5fc0'],
    draw: drawTulip,
  },
  {
    ...garden,
    name: 'sunflower',
    words: 'sunflower',
    scale: 1,
    width: 66,
    home: 'field',
    colours: ['#f8be2c'],
    draw: drawSunflower,
  },
  {
    habitat: 'surface',
    home: 'table',
    name: 'bouquet',
    words: 'bouquet,bouquet of flowers,bouquet of roses,bunch of flowers,vase of flowers',
    scale: 0.45,
    width: 88,
    colours: ['#e8628a', '#e8604f', '#a97fd9'],
    draw: (pen, look) => drawBouquet(pen, look.main, look.part('vase', '#5f9fb0')),
  },
  {
    habitat: 'surface',
    home: 'table',
    name: 'vase',
    words: 'vase,vase with flowers,flower vase,urn',
    scale: 0.45,
    width: 88,
    colours: ['#5f9fb0', '#c9705a', '#e6d8bd', '#7a6fb0'],
    draw: (pen, look) =>
      drawBouquet(pen, look.part('flower', look.rng.pick(['#e8628a', '#f2a53a', '#a97fd9'])), look.main),
  },
  {
    habitat: 'surface',
    home: 'room',
    name: 'potted plant',
    words: 'potted plant,houseplant,plant,fern,monstera,herb,seedling',
    scale: 0.5,
    width: 98,
    colours: ['#4f9a5a', '#3f8f6a'],
    draw: drawPottedPlant,
  },
]
