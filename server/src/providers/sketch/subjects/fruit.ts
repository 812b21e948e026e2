// Owns fruit and vegetables, one by one and in a bowl.
import { darken, lighten, mix } from '../colour.ts'
import { disc, oval, type Point, place } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { hard, plain, soft } from './brush.ts'

const leafGreen = '#5fa24d'

const leaf = (pen: Pen, text: string): string => pen.solid(soft(text), leafGreen)

function drawApple(pen: Pen, c: string): string {
  return (
    pen.line('M2 -80Q2 -92 10 -99', '#6a4632', 4) +
    leaf(pen, '6,-86 18,-100 38,-100 32,-86 18,-80') +
    pen.solid(
      'M0 -76C-18 -90 -50 -84 -50 -46C-50 -16 -28 2 -12 0C-4 -2 4 -2 12 0C28 2 50 -16 50 -46C50 -84 18 -90 0 -76Z',
      c,
    ) +
    pen.shade('M26 -82C46 -76 50 -60 50 -46C50 -16 28 2 12 0C42 -18 44 -58 26 -82Z', darken(c, 0.6), 0.22) +
    pen.line('M-10 -77Q0 -69 11 -77', darken(c, 0.45), 2.4) +
    pen.shade(soft('-40,-48 -36,-66 -24,-75 -28,-58 -34,-40'), '#ffffff', 0.5)
  )
}

function drawPear(pen: Pen, c: string): string {
  return (
    pen.line('M2 -92Q2 -100 10 -105', '#6a4632', 3.6) +
    leaf(pen, '6,-96 16,-107 32,-105 26,-94 14,-90') +
    pen.solid(
      'M0 -96C-16 -96 -18 -80 -20 -68C-24 -54 -42 -48 -42 -26C-42 -6 -22 0 0 0C22 0 42 -6 42 -26C42 -48 24 -54 20 -68C18 -80 16 -96 0 -96Z',
      c,
    ) +
    pen.shade(
      'M10 -93C16 -86 18 -78 20 -68C24 -54 42 -48 42 -26C42 -6 22 0 4 0C34 -14 30 -40 18 -54C10 -66 14 -82 10 -93Z',
      darken(c, 0.55),
      0.2,
    ) +
    pen.solid(
      repeat(7, i => disc(-16 + ((i * 17) % 34), -14 - ((i * 11) % 30), 1)),
      darken(c, 0.35),
      plain,
    ) +
    pen.shade(soft('-32,-26 -26,-44 -16,-54 -20,-36 -24,-20'), '#ffffff', 0.45)
  )
}

function drawOrange(pen: Pen, c: string): string {
  return (
    pen.solid(disc(0, -48, 48), c) +
    pen.shade('M24 -90A48 48 0 0 1 6 -0.4A60 60 0 0 0 24 -90Z', darken(c, 0.6), 0.22) +
    pen.solid(
      repeat(12, i => disc(-28 + ((i * 23) % 58), -22 - ((i * 17) % 56), 1.1)),
      darken(c, 0.22),
      plain,
    ) +
    leaf(pen, '0,-92 12,-106 34,-104 28,-92 12,-86') +
    pen.solid(disc(0, -92, 3.6), '#6a7a3c') +
    pen.shade(soft('-38,-52 -32,-72 -18,-82 -24,-64 -30,-46'), '#ffffff', 0.45)
  )
}

function drawLemon(pen: Pen, c: string): string {
  const body =
    pen.solid(
      'M-66 -44C-58 -46 -52 -52 -44 -64C-26 -88 26 -88 44 -64C52 -52 58 -46 66 -44C60 -40 54 -34 46 -22C28 2 -28 2 -46 -22C-54 -34 -60 -40 -66 -44Z',
      c,
    ) +
    pen.shade(
      'M44 -64C52 -52 58 -46 66 -44C60 -40 54 -34 46 -22C28 2 -14 0 -30 -8C18 -8 40 -34 44 -64Z',
      darken(c, 0.5),
      0.2,
    ) +
    pen.solid(
      repeat(9, i => disc(-30 + ((i * 23) % 62), -26 - ((i * 13) % 36), 1.1)),
      darken(c, 0.22),
      plain,
    ) +
    leaf(pen, '-60,-46 -62,-66 -46,-78 -42,-62 -50,-50') +
    pen.shade(soft('-34,-56 -16,-74 8,-77 -8,-66 -26,-50'), '#ffffff', 0.5)
  return place(body, [0, 0], { turn: -8 })
}

function drawBanana(pen: Pen, c: string): string {
  return (
    pen.solid('M-58 -80C-60 -30 -22 0 30 -4C48 -6 62 -16 68 -26C40 -22 -10 -30 -34 -84Z', darken(c, 0.14)) +
    pen.solid('M-46 -88C-44 -44 0 -16 42 -22C58 -24 68 -32 72 -44L66 -48C40 -38 -8 -48 -34 -92Z', c) +
    pen.line('M-42 -84C-34 -48 6 -28 44 -30C56 -31 64 -36 69 -42', darken(c, 0.2), 2) +
    pen.solid(soft('-60,-78 -54,-96 -44,-102 -34,-92 -34,-84 -46,-82'), '#8a7a35') +
    pen.solid(disc(69, -45, 4) + disc(67, -26, 3), '#5a4632') +
    pen.line('M-8 -50q6 5 12 8M16 -38h6', darken(c, 0.42), 1.8)
  )
}

function drawStrawberry(pen: Pen, c: string): string {
  const seeds = repeat(14, i =>
    oval([
      -26 + (i % 4) * 17 + (Math.floor(i / 4) % 2) * 8 - Math.floor(i / 8) * 1,
      -64 + Math.floor(i / 4) * 15,
      1.7,
      2.5,
    ]),
  )
  return (
    pen.solid(
      'M0 -82C-20 -92 -46 -82 -44 -56C-42 -28 -16 -4 0 0C16 -4 42 -28 44 -56C46 -82 20 -92 0 -82Z',
      c,
    ) +
    pen.shade('M24 -86C40 -82 45 -70 44 -56C42 -28 16 -4 0 0C28 -22 36 -58 24 -86Z', darken(c, 0.6), 0.22) +
    pen.solid(seeds, '#ffe3a0', plain) +
    pen.solid(
      hard(
        '0,-74 -10,-80 -26,-70 -24,-82 -40,-86 -22,-92 -14,-102 0,-92 14,-102 22,-92 40,-86 24,-82 26,-70 10,-80',
      ),
      leafGreen,
    ) +
    pen.line('M0 -92Q2 -102 8 -106', leafGreen, 3.4) +
    pen.shade(soft('-36,-56 -34,-70 -24,-76 -28,-62'), '#ffffff', 0.45)
  )
}

function drawGrapes(pen: Pen, c: string): string {
  const rows = [4, 5, 4, 3, 2, 1]
  const berries = rows.map((count, row) =>
    repeat(count, i => {
      const x = (i - (count - 1) / 2) * 17
      const y = -74 + row * 13
      return (
        pen.solid(disc(x, y, 10), (i + row) % 2 ? c : darken(c, 0.1)) +
        pen.shade(disc(x - 3, y - 3, 2.6), '#ffffff', 0.5)
      )
    }),
  )
  return (
    pen.line('M0 -82Q0 -94 8 -102', '#6a4632', 4) +
    leaf(pen, '2,-86 -14,-104 -38,-98 -32,-84 -18,-78') +
    berries.join('')
  )
}

function drawPumpkin(pen: Pen, look: Look): string {
  const c = look.main
  const face = look.has('dark') || look.has('lit') || look.night
  const carved =
    'M-28 -52L-12 -52L-20 -66ZM28 -52L12 -52L20 -66ZM-4 -42L4 -42L0 -49ZM-32 -34Q0 -22 32 -34Q24 -12 14 -14L10 -20L2 -12L-6 -20L-12 -14Q-26 -14 -32 -34Z'
  return (
    pen.line('M0 -78Q-2 -94 12 -100', '#5f7a3c', 8) +
    pen.solid(oval([-34, -42, 28, 38]) + oval([34, -42, 28, 38]), darken(c, 0.2)) +
    pen.solid(oval([-18, -41, 26, 41]) + oval([18, -41, 26, 41]), darken(c, 0.09)) +
    pen.solid(oval([0, -40, 21, 41]), c) +
    pen.shade(soft('-50,-50 -42,-70 -32,-76 -40,-56 -44,-38'), '#ffffff', 0.3) +
    leaf(pen, '2,-80 -12,-98 -34,-94 -28,-82 -14,-76') +
    (face
      ? pen.glow([0, -40, 50], '#ffb23f', 0.6) + pen.emit(carved, '#ffd35a')
      : pen.line('M-10 -74Q-16 -40 -10 -6M10 -74Q16 -40 10 -6', darken(c, 0.25), 1.6))
  )
}

function drawCarrot(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid(
      soft('0,-72 -10,-90 -22,-100 -26,-92 -12,-76') +
        soft('0,-72 -4,-96 2,-110 8,-96 4,-76') +
        soft('0,-72 12,-88 24,-98 26,-88 12,-74'),
      leafGreen,
    ) +
    pen.solid('M0 0C-10 -20 -24 -48 -20 -66C-16 -78 16 -78 20 -66C24 -48 10 -20 0 0Z', c) +
    pen.line('M-18 -58h11M19 -50h-12M-15 -40h9M12 -30h-8M-7 -20h5', darken(c, 0.25), 2) +
    pen.shade(soft('-15,-60 -10,-70 -6,-70 -9,-54'), '#ffffff', 0.4)
  )
}

function drawFruitBowl(pen: Pen, look: Look): string {
  const bowl = look.asked ? look.main : look.part('bowl', '#4f8fa5')
  const put = (fruit: string, [x, y]: Point, scale: number): string => place(fruit, [x, y], { scale })
  return (
    put(drawBanana(pen, '#f7cf47'), [8, -44], 0.52) +
    put(drawPear(pen, '#b9c84f'), [-30, -36], 0.5) +
    put(drawOrange(pen, '#f59a35'), [36, -34], 0.44) +
    put(drawApple(pen, '#d93f3a'), [2, -32], 0.5) +
    put(drawGrapes(pen, '#7a4fa5'), [-50, -24], 0.36) +
    put(drawLemon(pen, '#f8da4a'), [22, -30], 0.34) +
    pen.solid('M-66 -46Q-62 -12 -24 -5H24Q62 -12 66 -46Q0 -28 -66 -46Z', bowl) +
    pen.line('M-63 -36Q0 -16 63 -36', lighten(bowl, 0.6), 3) +
    pen.shade('M34 -41Q52 -43 66 -46Q62 -12 24 -5H10Q42 -18 34 -41Z', darken(bowl, 0.6), 0.2) +
    pen.solid('M-24 -5H24L28 0H-28Z', mix(bowl, darken(bowl, 0.3), 0.6))
  )
}

const table = { habitat: 'surface', home: 'table' } as const
type Draw = (pen: Pen, colour: string) => string
const whole =
  (draw: Draw): Subject['draw'] =>
  (pen, look) =>
    draw(pen, look.main)

export const fruit: readonly Subject[] = [
  {
    ...table,
    name: 'apple',
    words: 'apple,pomegranate,tomato',
    scale: 0.14,
    width: 102,
    colours: ['#d93a36', '#d93a36', '#8fb83f'],
    draw: whole(drawApple),
  },
  {
    ...table,
    name: 'pear',
    words: 'pear,quince',
    scale: 0.16,
    width: 86,
    colours: ['#b9c84f', '#d9c04a'],
    draw: whole(drawPear),
  },
  {
    ...table,
    name: 'orange',
    words: 'orange,mandarin,clementine,grapefruit,peach,apricot',
    scale: 0.13,
    width: 98,
    colours: ['#f59a35'],
    draw: whole(drawOrange),
  },
  {
    ...table,
    name: 'lemon',
    words: 'lemon,lime,citrus',
    scale: 0.12,
    width: 134,
    colours: ['#f8da4a'],
    draw: whole(drawLemon),
  },
  {
    ...table,
    name: 'banana',
    words: 'banana,plantain',
    scale: 0.15,
    width: 136,
    colours: ['#f8d24a'],
    draw: whole(drawBanana),
  },
  {
    ...table,
    name: 'strawberry',
    words: 'strawberry,raspberry,berry',
    scale: 0.1,
    width: 92,
    colours: ['#e0343f'],
    draw: whole(drawStrawberry),
  },
  {
    ...table,
    name: 'grapes',
    words: 'grape,grapes,bunch of grapes,blueberry',
    scale: 0.16,
    width: 90,
    colours: ['#7a4fa5', '#8fb84f'],
    draw: whole(drawGrapes),
  },
  {
    habitat: 'ground',
    home: 'field',
    name: 'pumpkin',
    words: 'pumpkin,jack o lantern,squash,gourd',
    scale: 0.3,
    width: 126,
    colours: ['#f08a2c'],
    draw: drawPumpkin,
  },
  {
    ...table,
    name: 'carrot',
    words: 'carrot,radish,vegetable',
    scale: 0.16,
    width: 56,
    colours: ['#f08a35'],
    draw: drawCarrot,
  },
  {
    ...table,
    name: 'fruit bowl',
    words: 'fruit bowl,bowl of fruit,bowl of fruits,fruit,fruit basket,basket of fruit',
    scale: 0.32,
    width: 138,
    colours: ['#4f8fa5'],
    draw: drawFruitBowl,
  },
]
