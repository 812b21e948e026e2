// Owns dishes and sweets.
import { darken, lighten } from '../colour.ts'
import { box, disc, oval } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { hard, path, plain, soft } from './brush.ts'
import { drawSteam } from './tableware.ts'

const sprinkleColours = ['#f7d34a', '#5fb8e0', '#7fcf7a', '#fdf6ea', '#e8504f']

function cherry(pen: Pen, [x, y]: readonly [number, number]): string {
  return (
    pen.line(path`M${x} ${y - 5}Q${x + 2} ${y - 13} ${x + 8} ${y - 16}`, '#6a8a3c', 1.6) +
    pen.solid(disc(x, y, 6), '#d92f3f') +
    pen.shade(disc(x - 2, y - 2, 1.7), '#ffffff', 0.8)
  )
}

function drawCake(pen: Pen, look: Look): string {
  const frosting = look.part('frosting', look.main)
  const sponge = '#f2d5a0'
  const candles = repeat(3, i => {
    const x = -20 + i * 20
    return (
      pen.solid(box([x - 2, -86, 4, 18], 1.4), ['#5fb8e0', '#f7d34a', '#8fd07a'][i] ?? '#5fb8e0') +
      pen.glow([x, -92, 12], '#ffd06b', 0.8) +
      pen.emit(soft(`${x - 2.4},-88 ${x},-97 ${x + 2.4},-88 ${x},-85`), '#ffb23f')
    )
  })
  const drip =
    'M-40 -66Q0 -58 40 -66V-50Q36 -42 32 -50Q28 -58 24 -48Q20 -38 15 -48Q10 -56 6 -44Q2 -36 -3 -46Q-8 -56 -12 -46Q-17 -36 -21 -48Q-26 -56 -30 -46Q-35 -40 -40 -50Z'
  return (
    pen.solid(oval([0, -3, 58, 6]), '#e6e3ea') +
    pen.solid('M-48 -34V-8Q0 4 48 -8V-34Z', sponge) +
    pen.line('M-48 -20Q0 -9 48 -20', '#fdf6ea', 4) +
    pen.solid(
      'M-48 -36Q0 -26 48 -36V-26Q43 -18 38 -26Q32 -32 27 -22Q22 -14 16 -22Q10 -28 4 -18Q-1 -12 -7 -20Q-13 -28 -18 -20Q-24 -12 -30 -22Q-36 -30 -40 -22Q-45 -18 -48 -26Z',
      lighten(frosting, 0.2),
    ) +
    pen.solid(oval([0, -36, 48, 8]), lighten(frosting, 0.3)) +
    pen.solid('M-40 -66V-38Q0 -28 40 -38V-66Z', sponge) +
    pen.line('M-40 -46Q0 -36 40 -46', '#fdf6ea', 3.4) +
    pen.solid(drip, frosting) +
    pen.solid(oval([0, -66, 40, 7.4]), lighten(frosting, 0.16)) +
    candles +
    repeat(5, i => cherry(pen, [-34 + i * 17, -64 + (2 - Math.abs(2 - i)) * 2.4])) +
    pen.shade('M22 -34L40 -38V-62L24 -60ZM26 -4L48 -8V-32L28 -28Z', '#5a2a3a', 0.14)
  )
}

function drawCupcake(pen: Pen, look: Look): string {
  const c = look.part('frosting', look.main)
  const cup = look.part('cup', look.accent)
  const pleats = repeat(7, i => path`M${-27 + i * 9} -40L${-20 + i * 6.7} -1`)
  const bits = repeat(12, i =>
    pen.line(
      path`M${-26 + ((i * 19) % 54)} ${-48 - ((i * 13) % 34) * (1 - Math.abs(-26 + ((i * 19) % 54)) / 60)}l3 -1.6`,
      sprinkleColours[i % 5] ?? '#f7d34a',
      2,
    ),
  )
  return (
    pen.solid('M-32 -42H32L22 -1Q0 3 -22 -1Z', cup) +
    pen.line(pleats, darken(cup, 0.18), 2) +
    pen.solid(soft('-38,-44 -34,-56 -20,-58 20,-58 34,-56 38,-44 28,-36 0,-34 -28,-36'), c) +
    pen.solid(soft('-28,-56 -26,-68 -12,-72 14,-72 26,-68 28,-56 14,-50 -14,-50'), lighten(c, 0.1)) +
    pen.solid(soft('-18,-68 -16,-80 -4,-86 8,-86 17,-78 18,-68 6,-63 -8,-63'), lighten(c, 0.2)) +
    bits +
    cherry(pen, [0, -90])
  )
}

function drawPizza(pen: Pen, look: Look): string {
  const crust = '#d99a4e'
  const cheese = look.asked ? look.main : '#f7cf63'
  const slices = repeat(6, i => {
    const a = (i * Math.PI) / 3 + 0.26
    return path`M0 -50L${Math.cos(a) * 44} ${-50 + Math.sin(a) * 42}`
  })
  type Ring = readonly [count: number, radius: number, turn: number]
  const ring = ([count, radius, turn]: Ring, draw: (x: number, y: number) => string): string =>
    repeat(count, i =>
      draw(
        Math.cos((i * 6.283) / count + turn) * radius,
        -50 + Math.sin((i * 6.283) / count + turn) * radius * 0.96,
      ),
    )
  return (
    pen.solid(oval([0, -48, 56, 50]), darken(crust, 0.25)) +
    pen.solid(oval([0, -50, 55, 50]), crust) +
    pen.solid(oval([0, -50, 46, 42]), '#c94a34', plain) +
    pen.solid(oval([0, -50.6, 44, 40]), cheese, plain) +
    pen.line(slices, darken(cheese, 0.22), 1.6) +
    pen.solid(
      ring([6, 29, 0.78], (x, y) => disc(x, y, 8)),
      '#c8402f',
    ) +
    pen.solid(
      ring([6, 29, 0.78], (x, y) => disc(x - 2, y - 2, 2) + disc(x + 2.6, y + 1.6, 1.6)),
      '#e2715a',
      plain,
    ) +
    pen.solid(
      ring([6, 14, 0.3], (x, y) => soft(`${x - 6},${y} ${x},${y - 4} ${x + 6},${y} ${x},${y + 4}`)),
      '#5a9e4a',
      plain,
    ) +
    pen.line(
      ring([6, 22, 1.3], (x, y) => disc(x, y, 3)),
      '#3a3440',
      2,
    )
  )
}

function drawBurger(pen: Pen, look: Look): string {
  const bun = look.main
  const seeds = repeat(9, i => oval([-34 + i * 8.4, -76 - (i % 3) * 6 + Math.abs(4 - i) * 1.6, 2.4, 1.5]))
  return (
    pen.solid('M-52 -18H52Q52 0 36 0H-36Q-52 0 -52 -18Z', darken(bun, 0.08)) +
    pen.solid(box([-54, -30, 108, 14], 7), '#6a3a28') +
    pen.solid('M-54 -32H54L34 -26L20 -14L6 -27L-30 -29L-40 -20Z', '#f7be3a') +
    pen.solid(box([-50, -39, 100, 8], 4), '#d9483f') +
    pen.solid(
      soft(
        '-58,-42 -48,-48 0,-47 48,-48 58,-42 50,-36 40,-41 30,-35 18,-41 6,-35 -6,-41 -18,-35 -30,-41 -42,-35 -50,-38',
      ),
      '#6fb54a',
    ) +
    pen.solid('M-54 -46C-54 -84 -30 -98 0 -98C30 -98 54 -84 54 -46Q0 -42 -54 -46Z', bun) +
    pen.shade('M22 -95C44 -88 54 -74 54 -46Q44 -45 34 -44.6Q40 -74 22 -95Z', darken(bun, 0.6), 0.2) +
    pen.solid(seeds, '#fbeecb', plain) +
    pen.shade(soft('-42,-66 -32,-84 -16,-91 -30,-78 -36,-62'), '#ffffff', 0.35)
  )
}

function drawIceCream(pen: Pen, look: Look): string {
  const c = look.main
  const scoop = (x: number, y: number, colour: string): string =>
    pen.solid(disc(x, y, 17), colour) +
    pen.solid(
      soft(
        `${x - 19},${y + 12} ${x - 12},${y + 8} ${x},${y + 10} ${x + 12},${y + 8} ${x + 19},${y + 12} ${x + 12},${y + 19} ${x + 4},${y + 15} ${x - 4},${y + 20} ${x - 12},${y + 15}`,
      ),
      colour,
      plain,
    ) +
    pen.shade(oval([x - 6, y - 7, 5, 3.4]), '#ffffff', 0.5)
  const second = look.asked ? lighten(c, 0.5) : '#fbe6b8'
  const third = look.asked ? darken(c, 0.2) : '#8a5a42'
  return (
    pen.solid(hard('-21,-46 21,-46 0,0'), '#e0a45c') +
    pen.line(
      'M-14 -46L6 -14M-2 -46L11 -24M10 -46L16 -36M14 -46L-6 -14M2 -46L-11 -24M-10 -46L-16 -36',
      '#b8793a',
      1.6,
    ) +
    scoop(-13, -60, third) +
    scoop(13, -60, second) +
    scoop(0, -80, c) +
    cherry(pen, [2, -100]) +
    pen.solid(hard('14,-92 26,-108 29,-106 19,-89'), '#d9a45c')
  )
}

function drawDonut(pen: Pen, look: Look): string {
  const c = look.part('frosting', look.main)
  const hole = 'M-15 -50A15 12 0 0 0 15 -50A15 12 0 0 0 -15 -50Z'
  const bits = repeat(16, i => {
    const a = i * 0.4 + (i % 2) * 0.2
    const r = i % 2 ? 32 : 24
    const [x, y] = [Math.cos(a) * r, -52 + Math.sin(a) * r * 0.86]
    return pen.line(
      path`M${x} ${y}l${Math.cos(i * 2) * 4.4} ${Math.sin(i * 2) * 4.4}`,
      sprinkleColours[i % 5] ?? '#f7d34a',
      2.6,
    )
  })
  return (
    pen.solid(path`M-50 -48A50 47 0 0 1 50 -48A50 47 0 0 1 -50 -48Z${hole}`, '#d9a055') +
    pen.solid(
      path`M-45 -52C-45 -80 -24 -94 0 -94C24 -94 45 -80 45 -52C45 -40 40 -34 36 -28C30 -20 24 -30 18 -22C12 -12 4 -16 -2 -16C-10 -16 -12 -24 -20 -20C-28 -16 -32 -26 -37 -30C-42 -36 -45 -42 -45 -52Z${hole}`,
      c,
    ) +
    bits +
    pen.shade(soft('-36,-60 -26,-80 -8,-88 -20,-76 -30,-58'), '#ffffff', 0.4)
  )
}

function drawBread(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid(box([-72, -9, 144, 9], 4), '#8a5a37') +
    pen.solid(soft('-64,-10 -70,-34 -54,-58 -20,-70 24,-70 56,-58 70,-34 64,-10 20,-7 -20,-7'), c) +
    pen.solid(
      soft('-40,-56 -30,-64 -16,-34 -24,-28') +
        soft('-10,-62 2,-66 14,-36 6,-32') +
        soft('22,-62 34,-62 42,-38 34,-34'),
      lighten(c, 0.55),
      plain,
    ) +
    pen.shade(soft('-60,-20 -20,-14 20,-14 68,-26 64,-10 20,-7 -20,-7 -64,-10'), darken(c, 0.6), 0.22) +
    drawSteam(pen, [0, -80], 7)
  )
}

function drawSushi(pen: Pen, look: Look): string {
  const c = look.asked ? look.main : '#f58a62'
  const roll = (x: number): string =>
    pen.solid(path`M${x - 19} -34V-10Q${x} -1 ${x + 19} -10V-34Z`, '#2f4038') +
    pen.solid(oval([x, -34, 19, 8]), '#2f4038') +
    pen.solid(oval([x, -34, 15.6, 6]), '#fbf8f0', plain) +
    pen.solid(oval([x - 3, -34.6, 5, 2.8]), c, plain) +
    pen.solid(oval([x + 4.6, -33, 3.6, 2.2]), '#7fbf5a', plain)
  return (
    pen.solid(box([-72, -10, 144, 7], 2), '#a9713f') +
    pen.solid(box([-60, -4, 12, 4]) + box([48, -4, 12, 4]), '#83552d') +
    pen.solid(soft('-62,-12 -64,-32 -48,-42 -18,-42 -4,-32 -6,-12'), '#fbf8f0') +
    pen.solid(soft('-70,-28 -58,-50 -32,-60 -6,-52 4,-30 -12,-36 -32,-42 -54,-38'), c) +
    pen.line('M-54 -46L-48 -40M-42 -54L-36 -44M-28 -57L-24 -45M-14 -53L-11 -42', lighten(c, 0.55), 2.4) +
    roll(22) +
    roll(52) +
    pen.line('M-8 -74L74 -60M-6 -82L76 -72', '#7a4a35', 3.4)
  )
}

function drawRamen(pen: Pen, look: Look): string {
  const c = look.main
  const noodles = repeat(6, i => path`M${-40 + i * 13} ${-58 + (i % 2) * 3}q6 -8 12 0q5 7 11 0`)
  return (
    drawSteam(pen, [0, -78], 9) +
    pen.line('M20 -62L66 -102M28 -60L76 -96', '#8a4a35', 3.4) +
    pen.solid(oval([0, -58, 58, 12]), lighten(c, 0.3)) +
    pen.solid(oval([0, -57, 52, 9.4]), '#d9964a', plain) +
    pen.line(noodles, '#f9dc8f', 3.6) +
    pen.solid(oval([-20, -61, 12, 7]), '#fdf8ec') +
    pen.solid(oval([-20, -61, 5.6, 3.6]), '#f5a53a', plain) +
    pen.solid(oval([12, -62, 12, 6]), '#e8a58f') +
    pen.line('M6 -62q6 -4 12 0', '#c9705f', 1.6) +
    pen.solid(hard('30,-58 36,-82 48,-80 44,-56'), '#2f4a3a') +
    pen.solid(
      repeat(5, i => disc(-34 + i * 9, -53 + (i % 2) * 2, 2)),
      '#6fb54a',
      plain,
    ) +
    pen.solid('M-60 -58Q-58 -18 -22 -6H22Q58 -18 60 -58Q0 -36 -60 -58Z', c) +
    pen.line('M-55 -38Q0 -14 55 -38', lighten(c, 0.6), 3) +
    pen.shade('M30 -50Q46 -52 60 -58Q58 -18 22 -6H8Q36 -24 30 -50Z', darken(c, 0.6), 0.2) +
    pen.solid('M-22 -6H22L20 0H-20Z', darken(c, 0.2))
  )
}

const table = { habitat: 'surface', home: 'table' } as const

export const food: readonly Subject[] = [
  {
    ...table,
    name: 'cake',
    words: 'cake,birthday cake,pie,cheesecake,wedding cake,layer cake,pudding,dessert',
    scale: 0.34,
    width: 118,
    colours: ['#f08aa8', '#7a4a35', '#8fcfc0'],
    draw: drawCake,
  },
  {
    ...table,
    name: 'cupcake',
    words: 'cupcake,muffin',
    scale: 0.16,
    width: 78,
    colours: ['#f29ab8', '#a98fe0', '#8fd0c0'],
    draw: drawCupcake,
  },
  {
    ...table,
    name: 'pizza',
    words: 'pizza,pepperoni',
    scale: 0.34,
    width: 114,
    colours: ['#f7cf63'],
    draw: drawPizza,
  },
  {
    ...table,
    name: 'burger',
    words: 'burger,hamburger,cheeseburger,sandwich',
    scale: 0.2,
    width: 118,
    colours: ['#dd9a4a', '#d08a3f'],
    draw: drawBurger,
  },
  {
    ...table,
    name: 'ice cream',
    words: 'ice cream,icecream,gelato,ice cream cone,ice cream scoop,sundae',
    scale: 0.2,
    width: 66,
    colours: ['#f59ab5', '#f2b0a0', '#a8dcc0'],
    draw: drawIceCream,
  },
  {
    ...table,
    name: 'donut',
    words: 'donut,doughnut,bagel',
    scale: 0.16,
    width: 104,
    colours: ['#f283ab', '#8a5540', '#8fcfe8'],
    draw: drawDonut,
  },
  {
    ...table,
    name: 'bread',
    words: 'bread,loaf,loaf of bread,baguette,sourdough',
    scale: 0.26,
    width: 148,
    colours: ['#cf8f4a', '#c07f3f'],
    draw: drawBread,
  },
  {
    ...table,
    name: 'sushi',
    words: 'sushi,maki,sashimi,nigiri',
    scale: 0.16,
    width: 152,
    colours: ['#f58a62'],
    draw: drawSushi,
  },
  {
    ...table,
    name: 'ramen',
    words: 'ramen,noodle,soup,bowl,bowl of ramen,bowl of soup,pasta,spaghetti,salad,rice,curry,stew',
    scale: 0.24,
    width: 132,
    colours: ['#c9463f', '#3f6f8f', '#4a4650'],
    draw: drawRamen,
  },
]
