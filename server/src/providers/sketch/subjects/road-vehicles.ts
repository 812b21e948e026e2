// Owns what rolls. Everything drives to the right.
import { darken, lighten } from '../colour.ts'
import { box, disc, type Joint, oval } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { hard, path, plain, soft } from './brush.ts'

const glass = '#a9d6e6'

/** A wheel at x, y of a radius. */
function wheel(pen: Pen, [x, y, r]: Joint): string {
  return (
    pen.solid(disc(x, y, r), '#35333f') +
    pen.solid(disc(x, y, r * 0.6), '#cdd4db', plain) +
    pen.solid(disc(x, y, r * 0.24), '#6d7480', plain) +
    pen.line(
      repeat(5, i => {
        const a = (i * Math.PI * 2) / 5
        return path`M${x} ${y}L${x + Math.cos(a) * r * 0.52} ${y + Math.sin(a) * r * 0.52}`
      }),
      '#98a1ac',
      r * 0.09,
    )
  )
}

function pane(pen: Pen, look: Look, d: string): string {
  return look.night ? pen.emit(d, '#ffe2a0', 0.92) : pen.solid(d, glass, plain)
}

function headlight(pen: Pen, look: Look, [x, y, r]: Joint): string {
  const beam = look.night
    ? pen.shade(
        hard(`${x},${y - r * 0.6} ${x + 70},${y - 16} ${x + 70},${y + 16} ${x},${y + r * 0.6}`),
        '#fff0b8',
        0.28,
      ) + pen.glow([x, y, r * 4], '#fff0b8', 0.9)
    : ''
  return beam + pen.solid(oval([x, y, r * 0.8, r]), '#fff3c4')
}

function drawCar(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid(
      soft(
        '-98,-26 -100,-48 -84,-58 -62,-62 -42,-92 -8,-99 30,-94 54,-64 88,-58 102,-44 102,-24 84,-18 -80,-18',
      ),
      c,
    ) +
    pane(pen, look, 'M-52 -62L-37 -85Q-20 -91 -7 -91V-62Z') +
    pane(pen, look, 'M-1 -62V-91Q18 -90 27 -86L43 -62Z') +
    pen.shade('M-46 -63L-33 -83L-24 -87L-38 -63ZM6 -63L14 -90L22 -88L15 -63Z', '#ffffff', 0.35) +
    pen.line('M-4 -60Q-6 -36 -2 -20M50 -58Q54 -38 48 -20M-56 -60Q-62 -40 -52 -20', darken(c, 0.28), 1.8) +
    pen.line('M6 -51h12M-46 -51h10', darken(c, 0.4), 2.6) +
    pen.shade(soft('-92,-50 -60,-57 0,-58 60,-57 92,-50 40,-52 -40,-52'), '#ffffff', 0.35) +
    pen.solid(box([-106, -27, 18, 9], 4) + box([92, -27, 16, 9], 4), '#c9d0d8') +
    pen.solid(box([-102, -46, 8, 9], 3), '#e0483f') +
    headlight(pen, look, [95, -42, 7]) +
    pen.solid('M-80 -18A22 22 0 0 1 -36 -18ZM36 -18A22 22 0 0 1 80 -18Z', darken(c, 0.5)) +
    wheel(pen, [-58, -17, 17]) +
    wheel(pen, [58, -17, 17])
  )
}

function drawBus(pen: Pen, look: Look): string {
  const c = look.main
  const windows = repeat(5, i => box([-78 + i * 27, -82, 22, 24], 4))
  return (
    pen.solid(box([-92, -98, 184, 84], 12), c) +
    pen.solid(box([-92, -52, 184, 9]), lighten(c, 0.62), plain) +
    pane(pen, look, windows) +
    pane(pen, look, box([60, -82, 30, 28], 5)) +
    pen.shade(
      repeat(5, i => path`M${-76 + i * 27} -62L${-66 + i * 27} -82h6L${-72 + i * 27} -58h-4Z`),
      '#ffffff',
      0.35,
    ) +
    pen.solid(box([58, -50, 22, 34], 2), darken(c, 0.2)) +
    pane(pen, look, box([61, -47, 7.4, 26], 1.4) + box([70, -47, 7.4, 26], 1.4)) +
    pen.line('M-86 -92H86', lighten(c, 0.4), 2.4) +
    pen.solid(box([-95, -24, 190, 8], 3), darken(c, 0.35)) +
    headlight(pen, look, [89, -32, 5]) +
    pen.solid(box([-93, -38, 5, 9], 2), '#e0483f') +
    wheel(pen, [-54, -15, 15]) +
    wheel(pen, [38, -15, 15])
  )
}

function drawTruck(pen: Pen, look: Look): string {
  const c = look.main
  const load = look.part('trailer', '#f1e9dc')
  return (
    pen.solid(box([-104, -100, 130, 76], 4), load) +
    pen.line('M-84 -98V-27M-60 -98V-27M-36 -98V-27M-12 -98V-27M10 -98V-27', darken(load, 0.12), 1.8) +
    pen.solid(box([-104, -66, 130, 12]), c, plain) +
    pen.solid(box([-104, -25, 196, 8], 2), '#4a4650') +
    pen.solid(soft('30,-20 30,-82 36,-86 66,-85 78,-62 98,-56 102,-40 100,-20'), c) +
    pane(pen, look, 'M44 -76H62L72 -56H44Z') +
    pen.shade('M46 -57L56 -76H61L52 -57Z', '#ffffff', 0.4) +
    pen.line('M40 -52V-24M76 -54V-24', darken(c, 0.28), 1.6) +
    pen.line('M44 -46h8', darken(c, 0.45), 2.4) +
    pen.solid(box([28, -104, 5, 30], 2), '#aeb7c0') +
    headlight(pen, look, [98, -36, 5.4]) +
    pen.solid(box([92, -26, 14, 9], 3), '#c9d0d8') +
    wheel(pen, [-80, -15, 15]) +
    wheel(pen, [-46, -15, 15]) +
    wheel(pen, [72, -15, 15])
  )
}

function drawBicycle(pen: Pen, look: Look): string {
  const c = look.main
  const rim = (x: number): string => {
    const spokes = repeat(10, i => {
      const a = (i * Math.PI) / 5
      return path`M${x} -32L${x + Math.cos(a) * 29} ${-32 + Math.sin(a) * 29}`
    })
    return (
      pen.line(spokes, '#a4acb6', 0.9) +
      pen.line(disc(x, -32, 30), '#35333f', 4) +
      pen.solid(disc(x, -32, 3.6), '#6d7480')
    )
  }
  return (
    rim(-52) +
    rim(52) +
    pen.line('M-52 -32L-24 -70L32 -72L-6 -32L-52 -32M-6 -32L-28 -78M52 -32L30 -82', c, 4.6) +
    pen.line('M30 -82Q30 -92 42 -93Q52 -93 52 -86', '#4a4650', 3.6) +
    pen.solid(soft('-46,-80 -34,-84 -16,-81 -12,-77 -28,-75 -44,-74'), '#5a3a2c') +
    pen.line(disc(-6, -32, 8), '#6d7480', 2.6) +
    pen.line('M-6 -32L4 -20M0 -19h8', '#4a4650', 3) +
    pen.line('M-76 -58Q-64 -70 -46 -68', darken(c, 0.2), 3) +
    pen.solid(hard('36,-90 62,-90 58,-70 40,-70'), '#c99a5c') +
    pen.line('M38 -83H60M39 -76H59', '#9a6f3c', 1.3) +
    pen.solid(disc(44, -95, 5) + disc(54, -96, 5.6) + disc(49, -101, 5), look.accent) +
    pen.solid(disc(49, -95, 2.6), '#ffe9a8', plain)
  )
}

function drawMotorbike(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.line('M58 -24L36 -82M-52 -24L-12 -34L26 -50', '#8d95a0', 5.4) +
    wheel(pen, [-54, -24, 24]) +
    wheel(pen, [60, -24, 24]) +
    pen.solid(soft('-24,-20 -20,-46 10,-48 24,-32 16,-16 -10,-14'), '#6d7480') +
    pen.line('M-14 -38h26M-16 -31h30M-14 -24h26', '#b4bcc5', 2) +
    pen.solid(soft('-40,-16 -14,-14 -14,-8 -76,-6 -84,-11 -74,-15'), '#c9d0d8') +
    pen.solid(soft('-82,-52 -66,-58 -44,-62 -14,-60 -10,-50 -36,-46 -60,-44'), '#3a3038') +
    pen.solid(soft('-16,-58 -2,-76 24,-78 36,-66 30,-50 4,-46 -12,-50'), c) +
    pen.shade(soft('-4,-66 4,-73 22,-74 12,-70'), '#ffffff', 0.5) +
    pen.solid(soft('36,-38 44,-54 64,-56 82,-42 86,-30 66,-48 50,-46'), c) +
    pen.solid(soft('-84,-34 -74,-52 -56,-56 -40,-48 -58,-48 -72,-42'), c) +
    pen.line('M36 -82L22 -92M34 -86L20 -94', '#3a3038', 4.4) +
    headlight(pen, look, [45, -76, 8])
  )
}

function drawTrain(pen: Pen, look: Look): string {
  const c = look.main
  const trim = look.part('stripe', '#e9c04d')
  const puff = repeat(5, i =>
    pen.shade(disc(58 - i * 13, -108 - i * 3.4 - (i % 2) * 3, 6 + i * 2.2), '#f6f3f0', 0.8 - i * 0.12),
  )
  return (
    puff +
    pen.solid(box([-104, -24, 206, 9], 2), '#4a4650') +
    pen.solid(box([-100, -90, 58, 68], 3), darken(c, 0.08)) +
    pen.solid('M-108 -88Q-106 -100 -94 -100H-46Q-36 -100 -34 -88Z', '#4a3a44') +
    pane(pen, look, box([-90, -80, 17, 22], 3) + box([-66, -80, 17, 22], 3)) +
    pen.line('M-98 -50H-44', trim, 3) +
    pen.solid(box([-44, -70, 118, 48], 6), c) +
    pen.solid(box([66, -74, 20, 54], 8), '#3f3a46') +
    pen.line('M-20 -70V-23M8 -70V-23M36 -70V-23', trim, 3.2) +
    pen.solid(hard('46,-68 42,-98 64,-98 60,-68'), '#3f3a46') +
    pen.solid(box([38, -104, 30, 8], 3), trim) +
    pen.solid('M-8 -70V-78Q4 -90 16 -78V-70Z', trim) +
    headlight(pen, look, [86, -56, 7]) +
    pen.solid(hard('84,-24 104,-2 108,-2 108,-6 92,-26'), '#b8433a') +
    wheel(pen, [-78, -17, 17]) +
    wheel(pen, [-30, -20, 20]) +
    wheel(pen, [16, -20, 20]) +
    wheel(pen, [62, -14, 14]) +
    pen.line('M-30 -20L16 -16L44 -20', '#c9d0d8', 4) +
    pen.shade(box([-42, -68, 106, 7], 3.4), '#ffffff', 0.3)
  )
}

function drawTractor(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.line('M54 -56V-92', '#4a4650', 5) +
    pen.solid(hard('-36,-94 14,-94 22,-54 -40,-54'), '#eef4f6') +
    pane(pen, look, 'M-30 -88H-10V-58H-34ZM-5 -88H10L16 -58H-5Z') +
    pen.solid(box([-44, -100, 66, 8], 4), c) +
    pen.solid(soft('-46,-26 -46,-52 0,-56 60,-60 80,-54 84,-30 78,-22 -30,-20'), c) +
    pen.line('M44 -50H76M44 -43H76M44 -36H76', darken(c, 0.35), 2.2) +
    pen.solid(soft('-80,-40 -66,-66 -36,-72 -10,-56 -4,-36 -20,-52 -40,-58 -62,-52'), darken(c, 0.16)) +
    headlight(pen, look, [83, -46, 5]) +
    wheel(pen, [-40, -32, 32]) +
    wheel(pen, [60, -19, 19])
  )
}

const ground = { habitat: 'ground', home: 'street' } as const

export const roadVehicles: readonly Subject[] = [
  {
    ...ground,
    name: 'car',
    words: 'car,automobile,taxi,cab,vehicle,beetle car,sedan,convertible,jeep,sports car,suv',
    scale: 1.2,
    width: 212,
    colours: ['#d94a3f', '#3f8fb5', '#f0b83f', '#7fb59a'],
    seat: [4, -97],
    draw: drawCar,
  },
  {
    ...ground,
    name: 'bus',
    words: 'bus,school bus,coach,tram,trolley,van,minivan,camper,campervan,caravan,streetcar',
    scale: 1.9,
    width: 192,
    colours: ['#f2b233', '#d9483f', '#4f9ab5'],
    draw: drawBus,
  },
  {
    ...ground,
    name: 'truck',
    words: 'truck,lorry,fire truck,food truck,pickup,firetruck',
    scale: 1.9,
    width: 212,
    colours: ['#d9483f', '#3f7fb5', '#4f9c6a'],
    draw: drawTruck,
  },
  {
    ...ground,
    name: 'bicycle',
    words: 'bicycle,bike,cycle,tricycle',
    scale: 0.85,
    width: 168,
    colours: ['#3f9c94', '#d94f4a', '#3f7fc0', '#e0a53c'],
    seat: [-28, -84],
    draw: drawBicycle,
  },
  {
    ...ground,
    name: 'motorbike',
    words: 'motorbike,motorcycle,scooter,moped,vespa',
    scale: 0.95,
    width: 172,
    colours: ['#cf3f3a', '#2f6fa8', '#e08a2f'],
    seat: [-40, -62],
    draw: drawMotorbike,
  },
  {
    ...ground,
    name: 'train',
    words: 'train,locomotive,steam engine,railway,metro,subway',
    scale: 1.8,
    width: 216,
    home: 'meadow',
    colours: ['#2f7f6a', '#b53f3a', '#34608f'],
    draw: drawTrain,
  },
  {
    ...ground,
    name: 'tractor',
    words: 'tractor,bulldozer,excavator,digger',
    scale: 1.4,
    width: 176,
    home: 'field',
    colours: ['#4f9c4a', '#d9483f'],
    draw: drawTractor,
  },
]
