// Owns the four-legged animals seen from the side, built from limbs that taper.
import { darken, lighten, mix } from '../colour.ts'
import { blob, disc, type Joint, oval, place, poly, taper } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { dark, hard, limb, path, plain, soft } from './brush.ts'
import { eye } from './face.ts'

function leg(
  pen: Pen,
  [x, top, width]: Joint,
  { colour, hoof, bend = 0 }: { colour: string; hoof: string; bend?: number },
): string {
  return (
    pen.solid(
      taper([
        [x, top, width * 1.5],
        [x + bend, top * 0.5, width * 0.82],
        [x - bend * 0.2, -5, width * 0.72],
      ]),
      colour,
    ) +
    pen.solid(
      poly([
        [x - width * 0.95 - bend * 0.2, 0],
        [x - width * 0.7 - bend * 0.2, -6],
        [x + width * 0.7 - bend * 0.2, -6],
        [x + width * 1.15 - bend * 0.2, 0],
      ]),
      hoof,
    )
  )
}

function drawHorse(pen: Pen, look: Look, kind: 'horse' | 'unicorn' | 'zebra'): string {
  const c = look.main
  const far = darken(c, 0.22)
  const maneColour = look.part(
    'mane',
    kind === 'unicorn' ? '#f29ac0' : kind === 'zebra' ? '#2c2a33' : darken(c, 0.5),
  )
  const hoof = darken(c, 0.65)
  const stripes =
    kind === 'zebra'
      ? pen.line(
          'M-24 -70q4 10 0 22M-14 -70q3 11 0 26M-3 -69q3 12 0 25M8 -70q2 12 -1 24M18 -74q4 10 2 24M28 -80q5 6 8 12M33 -88q5 4 8 9M-27 -38h7M-26 -30h6M21 -38h6M21 -30h5',
          '#2c2a33',
          2.6,
        )
      : ''
  const horn = kind === 'unicorn' ? pen.solid(hard('43,-96 54,-117 48,-93'), '#f6c95a') : ''
  const rainbow = kind === 'unicorn' ? ['#f29ac0', '#c9a2f0', '#8fc7f2'] : [maneColour]
  const tail = repeat(rainbow.length, i =>
    pen.solid(
      taper([
        [-35, -64 + i, 3],
        [-45 - i * 2, -52, 5 - i],
        [-46 - i * 2, -32 + i * 3, 4.4 - i],
        [-50 - i, -18 + i * 6, 1],
      ]),
      rainbow[i] ?? maneColour,
    ),
  )
  return (
    leg(pen, [-22, -48, 4.4], { colour: far, hoof, bend: -3 }) +
    leg(pen, [20, -46, 4], { colour: far, hoof, bend: 2 }) +
    tail +
    pen.solid(limb('22,-60,12 31,-76,9 38,-91,7'), c) +
    pen.solid(soft('-36,-60 -32,-72 -12,-70 10,-71 28,-72 33,-58 24,-46 0,-44 -24,-44 -34,-48'), c) +
    stripes +
    leg(pen, [-28, -50, 5], { colour: c, hoof, bend: -4 }) +
    leg(pen, [26, -48, 4.4], { colour: c, hoof, bend: 2.5 }) +
    pen.solid(hard('37,-95 38,-106 44,-97'), c) +
    pen.solid(limb('40,-92,7.5 49,-85,6 57,-77,4.6'), c) +
    pen.solid(oval([57, -77, 4, 3.6]), mix(c, '#e8b9a8', 0.4), plain) +
    horn +
    repeat(rainbow.length, i =>
      pen.solid(
        taper([
          [40 - i, -103 + i * 2, 2],
          [31 - i * 3, -94, 4.6 - i],
          [22 - i * 3, -78, 5 - i],
          [14 - i * 2, -66, 1.4],
        ]),
        rainbow[i] ?? maneColour,
      ),
    ) +
    eye(pen, [44, -91, 1.9], look.has('sleeping'))
  )
}

function drawDeer(pen: Pen, look: Look): string {
  const c = look.main
  const far = darken(c, 0.25)
  const antler = look.part('antler', '#e8d2ac')
  const hoof = darken(c, 0.65)
  return (
    pen.line(
      'M34 -80C26 -90 30 -98 26 -108M31 -90L20 -95M29 -99L21 -107M38 -80C46 -90 42 -98 47 -108M42 -90L53 -94M43 -99L51 -105',
      antler,
      2.3,
    ) +
    leg(pen, [-18, -42, 3.2], { colour: far, hoof, bend: -2 }) +
    leg(pen, [16, -42, 3], { colour: far, hoof, bend: 1 }) +
    pen.solid(limb('-29,-56,4 -35,-52,2'), lighten(c, 0.7)) +
    pen.solid(limb('18,-52,9 27,-64,6.4 34,-74,5'), c) +
    pen.solid(soft('-30,-54 -26,-62 -8,-60 12,-61 26,-60 26,-48 14,-40 -8,-40 -26,-42'), c) +
    repeat(7, i => pen.solid(disc(-22 + i * 5, -55 + ((i * 7) % 6), 1.2), lighten(c, 0.65), plain)) +
    leg(pen, [-23, -44, 3.6], { colour: c, hoof, bend: -2.6 }) +
    leg(pen, [21, -43, 3.2], { colour: c, hoof, bend: 1.4 }) +
    pen.solid(limb('30,-82,2 22,-86,3.4 17,-86,1'), c) +
    pen.solid(limb('36,-78,6 43,-73,4.4 49,-69,3'), c) +
    pen.solid(disc(50.5, -69, 2), dark, plain) +
    pen.solid(limb('22,-50,5 25,-58,4'), lighten(c, 0.5), plain) +
    eye(pen, [38.5, -78, 1.8], look.has('sleeping'))
  )
}

function drawElephant(pen: Pen, look: Look): string {
  const c = look.main
  const far = darken(c, 0.2)
  const foot = (x: number, colour: string): string =>
    pen.solid(path`M${x - 9} -46L${x - 9} -2Q${x} 2 ${x + 9} -2L${x + 9} -46Z`, colour) +
    pen.solid(oval([x - 4, -2.4, 2, 1.4]), '#efe3d3', plain) +
    pen.solid(oval([x + 3, -2, 2, 1.4]), '#efe3d3', plain)
  const body =
    foot(-20, far) +
    foot(24, far) +
    pen.line('M-48 -62Q-56 -48 -52 -32', darken(c, 0.3), 2.6) +
    pen.solid(soft('-48,-58 -42,-84 -16,-94 16,-90 34,-74 34,-46 10,-34 -24,-34 -44,-40'), c) +
    foot(-33, c) +
    foot(11, c) +
    pen.solid(limb('56,-70,10 64,-48,7 64,-26,5 70,-12,4 80,-14,3.2'), c) +
    pen.solid(soft('26,-80 42,-98 60,-92 66,-74 58,-56 38,-54'), c) +
    pen.solid(limb('56,-58,2.4 66,-46,2.2 76,-46,0.8'), '#fbf3e2') +
    pen.solid(soft('36,-90 14,-96 4,-78 12,-54 28,-48 38,-62'), darken(c, 0.12)) +
    pen.solid(soft('32,-84 17,-88 11,-76 17,-60 28,-56 34,-66'), mix(c, '#f0a9a9', 0.45), plain) +
    eye(pen, [51, -78, 2.4], look.has('sleeping'))
  return place(body, [-13, 0])
}

function drawGiraffe(pen: Pen, look: Look): string {
  const c = look.main
  const far = darken(c, 0.2)
  const hoof = '#5a3a28'
  const patch = look.part('spot', darken(c, 0.45))
  const spot = (x: number, y: number, r: number): string =>
    pen.solid(
      blob([
        [x - r, y],
        [x - r * 0.4, y - r],
        [x + r * 0.8, y - r * 0.7],
        [x + r, y + r * 0.5],
        [x, y + r],
      ]),
      patch,
      plain,
    )
  return (
    leg(pen, [-12, -34, 2.4], { colour: far, hoof }) +
    leg(pen, [10, -34, 2.4], { colour: far, hoof }) +
    pen.solid(limb('8,-42,6 17,-62,4 22,-84,3'), c) +
    pen.solid(soft('-19,-42 -16,-48 2,-50 14,-50 16,-38 8,-31 -14,-32'), c) +
    spot(-10, -42, 2.8) +
    spot(-3, -45, 2.4) +
    spot(-4, -37, 2.6) +
    spot(4, -40, 2.8) +
    spot(10, -46, 2.6) +
    spot(13, -54, 2.2) +
    spot(15, -62, 1.9) +
    spot(18, -70, 1.7) +
    spot(20, -78, 1.4) +
    leg(pen, [-15, -34, 2.6], { colour: c, hoof }) +
    leg(pen, [13, -34, 2.6], { colour: c, hoof }) +
    pen.line('M20 -90v-7M24 -90v-7', darken(c, 0.4), 1.3) +
    pen.solid(disc(20, -97, 1.3), '#5a3a28', plain) +
    pen.solid(disc(24, -97, 1.3), '#5a3a28', plain) +
    pen.solid(limb('19,-88,1 15,-89,2 12,-88,0.6'), c) +
    pen.solid(limb('22,-87,4 27,-83,3 31,-80,2.2'), c) +
    pen.line('M-19 -42q-4 8 -2 14', darken(c, 0.4), 1.2) +
    eye(pen, [24, -87.5, 1.2], look.has('sleeping'))
  )
}

function drawSheep(pen: Pen, look: Look): string {
  const c = look.main
  const face = look.part('face', '#3f3a44')
  const wool = repeat(12, i => {
    const a = (i / 12) * Math.PI * 2
    return pen.solid(disc(-4 + Math.cos(a) * 30, -50 + Math.sin(a) * 20, 13), c)
  })
  return (
    leg(pen, [-20, -30, 4], { colour: face, hoof: dark }) +
    leg(pen, [12, -30, 4], { colour: face, hoof: dark }) +
    wool +
    pen.solid(oval([-4, -50, 33, 23]), c, { plain: true, opacity: 1 }) +
    pen.line('M-22 -52q6 -8 12 0M-6 -44q6 -8 12 0M-12 -62q6 -8 12 0M8 -58q5 -7 10 0', darken(c, 0.18), 1.6) +
    pen.solid(limb('28,-72,3 18,-68,4 15,-64,1'), face) +
    pen.solid(limb('42,-72,3 52,-68,4 55,-64,1'), face) +
    pen.solid(oval([35, -64, 11, 15]), face) +
    repeat(5, i => pen.solid(disc(26 + i * 4.5, -77 - (i % 2) * 2, 5), c)) +
    pen.emit(disc(31, -66, 2.6), '#ffffff') +
    pen.emit(disc(39, -66, 2.6), '#ffffff') +
    pen.solid(disc(31.4, -66, 1.4), '#16121c', plain) +
    pen.solid(disc(39.4, -66, 1.4), '#16121c', plain) +
    pen.line('M32 -55q3 2 6 0', '#e3a4a4', 1)
  )
}

function drawCow(pen: Pen, look: Look): string {
  const c = look.main
  const hoof = '#3a2c2c'
  const patch = look.part('spot', '#3a3038')
  return (
    leg(pen, [-24, -40, 4.6], { colour: darken(c, 0.2), hoof }) +
    leg(pen, [22, -40, 4.4], { colour: darken(c, 0.2), hoof }) +
    pen.line('M-42 -74Q-52 -60 -48 -40', darken(c, 0.35), 1.8) +
    pen.solid(soft('-44,-58 -42,-78 -10,-79 22,-80 38,-74 38,-50 24,-38 -26,-38 -42,-42'), c) +
    pen.solid(soft('-40,-66 -34,-77 -20,-76 -18,-60 -30,-52'), patch, plain) +
    pen.solid(soft('2,-70 16,-78 26,-68 18,-50 4,-54'), patch, plain) +
    pen.solid(oval([-10, -38, 8, 5]), '#f2b3ad') +
    leg(pen, [-33, -42, 5], { colour: c, hoof }) +
    leg(pen, [30, -42, 4.8], { colour: c, hoof }) +
    pen.line('M36 -92q-8 -2 -8 -9M52 -92q8 -2 8 -9', '#e9dcc0', 3) +
    pen.solid(limb('36,-86,3 26,-86,4 22,-84,1'), patch) +
    pen.solid(limb('52,-86,3 62,-86,4 66,-84,1'), c) +
    pen.solid(soft('34,-92 44,-95 54,-92 54,-76 52,-66 36,-66 34,-76'), c) +
    pen.solid(oval([44, -66, 11, 8]), '#f2b3ad') +
    pen.solid(disc(40, -67, 1.4), '#7a3b4a', plain) +
    pen.solid(disc(48, -67, 1.4), '#7a3b4a', plain) +
    eye(pen, [39, -83, 2], look.has('sleeping')) +
    eye(pen, [49, -83, 2], look.has('sleeping'))
  )
}

const base = { habitat: 'ground' } as const

export const standingAnimals: readonly Subject[] = [
  {
    ...base,
    name: 'horse',
    words: 'horse,pony,stallion,mare,foal,mustang',
    scale: 1.3,
    width: 108,
    home: 'field',
    colours: ['#9a5b34', '#6d4630', '#c8925c', '#d8cfc4'],
    seat: [-2, -70],
    draw: (p, l) => drawHorse(p, l, 'horse'),
  },
  {
    ...base,
    name: 'unicorn',
    words: 'unicorn,pegasus',
    scale: 1.3,
    width: 108,
    home: 'meadow',
    colours: ['#f8f3fb'],
    seat: [-2, -70],
    draw: (p, l) => drawHorse(p, l, 'unicorn'),
  },
  {
    ...base,
    name: 'zebra',
    words: 'zebra',
    scale: 1.2,
    width: 108,
    home: 'field',
    colours: ['#f4f0e8'],
    seat: [-2, -70],
    draw: (p, l) => drawHorse(p, l, 'zebra'),
  },
  {
    ...base,
    name: 'deer',
    words: 'deer,stag,reindeer,elk,moose,antelope,doe',
    scale: 1.1,
    width: 96,
    home: 'forest',
    colours: ['#b0703f', '#9a6238'],
    seat: [-4, -60],
    draw: drawDeer,
  },
  {
    ...base,
    name: 'elephant',
    words: 'elephant,mammoth',
    scale: 2,
    width: 136,
    home: 'field',
    colours: ['#93a0b0', '#8a909c'],
    seat: [-23, -92],
    draw: drawElephant,
  },
  {
    ...base,
    name: 'giraffe',
    words: 'giraffe',
    scale: 2.6,
    width: 60,
    home: 'field',
    colours: ['#edbf62'],
    seat: [-4, -49],
    draw: drawGiraffe,
  },
  {
    ...base,
    name: 'sheep',
    words: 'sheep,lamb,goat,ram',
    scale: 0.7,
    width: 92,
    home: 'field',
    colours: ['#f7f2e6'],
    seat: [-6, -72],
    draw: drawSheep,
  },
  {
    ...base,
    name: 'cow',
    words: 'cow,bull,ox,calf,bison,buffalo,cattle',
    scale: 1.2,
    width: 112,
    home: 'field',
    colours: ['#f6f1e8', '#b0774a'],
    seat: [-8, -80],
    draw: drawCow,
  },
]
