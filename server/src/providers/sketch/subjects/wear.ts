// Owns what people wear and carry. Hats stand on their brim, so that they can be put on a head.
import { darken, lighten, mix } from '../colour.ts'
import { box, star } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import type { Look, Subject } from '../subject.ts'
import { contrast, plain, soft, twice } from './brush.ts'

function drawUmbrella(pen: Pen, look: Look): string {
  const c = look.main
  const dome =
    'M-58 -46C-56 -112 56 -112 58 -46Q48 -56 38 -47Q28 -56 19 -47Q10 -56 0 -47Q-10 -56 -19 -47Q-28 -56 -38 -47Q-48 -56 -58 -46Z'
  return (
    pen.line('M0 -96V-8Q0 0 8 0Q16 0 16 -8', '#6a4632', 3.8) +
    pen.line('M0 -96V-103', '#6a4632', 3) +
    pen.solid(dome, c) +
    pen.solid(
      'M0 -96C-18 -86 -20 -60 -19 -47Q-10 -56 0 -47Q10 -56 19 -47C20 -60 18 -86 0 -96Z',
      lighten(c, 0.22),
      plain,
    ) +
    pen.shade('M0 -96C38 -94 56 -74 58 -46Q48 -56 38 -47C36 -70 22 -86 0 -96Z', darken(c, 0.6), 0.18) +
    pen.line(
      'M0 -96C-18 -86 -20 -60 -19 -47M0 -96C18 -86 20 -60 19 -47M0 -96C-34 -88 -40 -64 -38 -47M0 -96C34 -88 40 -64 38 -47',
      darken(c, 0.2),
      1.2,
    )
  )
}

function drawHat(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid(
      'M-50 -6Q-50 -16 -32 -15L-28 -66Q-26 -78 0 -78Q26 -78 28 -66L32 -15Q50 -16 50 -6Q30 4 0 4Q-30 4 -50 -6Z',
      c,
    ) +
    pen.solid(
      'M-33 -15L-31 -33Q0 -26 31 -33L33 -15Q0 -8 -33 -15Z',
      look.part('band', contrast(c, look.accent)),
      plain,
    ) +
    pen.shade('M14 -77Q26 -76 28 -66L32 -15Q24 -12 16 -11Q22 -44 14 -77Z', darken(c, 0.7), 0.25) +
    pen.shade(soft('-23,-40 -22,-64 -14,-71 -16,-40'), '#ffffff', 0.25) +
    pen.line('M-44 -6Q0 8 44 -6', darken(c, 0.25), 1.6)
  )
}

function drawPartyHat(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid('M-32 0Q0 8 32 0L3 -86H-3Z', c) +
    pen.solid(
      'M-24 -24Q0 -16 24 -24L19 -38Q0 -31 -19 -38ZM-14 -52Q0 -46 14 -52L10 -66Q0 -61 -10 -66Z',
      contrast(c, look.accent),
      plain,
    ) +
    pen.solid(star([0, -90], [14, 7], { tips: 8 }), '#f7d34a')
  )
}

function drawShoe(pen: Pen, look: Look): string {
  const c = look.main
  const sole = look.part('sole', '#fbf8f0')
  const lace = look.part('lace', '#fdfbf4')
  return (
    pen.solid(
      soft(
        '-82,-20 -80,-62 -74,-84 -60,-92 -40,-84 -34,-72 -16,-66 14,-54 46,-40 76,-34 86,-20 60,-12 -60,-12',
      ),
      c,
    ) +
    pen.solid(soft('44,-41 66,-38 84,-30 86,-18 62,-13 42,-16 38,-28'), lighten(c, 0.5), plain) +
    pen.solid(soft('-82,-30 -80,-60 -74,-80 -66,-76 -62,-48 -66,-22 -80,-18'), darken(c, 0.2), plain) +
    pen.solid(
      'M-58 -38Q-26 -24 -2 -48L8 -43Q-18 -10 -60 -28Z',
      look.part('stripe', contrast(c, look.accent)),
      plain,
    ) +
    pen.solid(soft('-62,-90 -42,-84 -36,-72 -44,-68 -60,-76'), darken(c, 0.45), plain) +
    pen.line('M-30 -68L-14 -54M-17 -64L-1 -50M-4 -59L12 -45M8 -54L24 -41', lace, 4) +
    pen.solid('M-88 -20Q-20 -12 60 -17Q82 -20 92 -22Q96 -4 84 0H-76Q-92 -2 -88 -20Z', sole) +
    pen.line('M-84 -9Q0 -4 90 -10', mix(c, sole, 0.4), 2.6) +
    pen.shade(soft('-70,-62 -62,-80 -52,-84 -60,-62'), '#ffffff', 0.28)
  )
}

function drawBackpack(pen: Pen, look: Look): string {
  const c = look.main
  const pocket = look.part('pocket', lighten(c, 0.18))
  return (
    pen.line('M-14 -92C-14 -108 14 -108 14 -92', darken(c, 0.35), 4.4) +
    pen.solid(twice(soft, '-34,-52 -46,-48 -48,-20 -42,-8 -34,-10'), darken(c, 0.2)) +
    pen.solid('M-36 -4V-64C-36 -106 36 -106 36 -64V-4Q36 0 31 0H-31Q-36 0 -36 -4Z', c) +
    pen.shade('M18 -93C32 -86 36 -76 36 -64V-4Q36 0 31 0H20Q28 -44 18 -93Z', darken(c, 0.7), 0.22) +
    pen.line('M-30 -58C-26 -84 26 -84 30 -58', darken(c, 0.4), 2.2) +
    pen.solid(box([-26, -44, 52, 40], 8), pocket) +
    pen.solid('M-27 -44H27V-32Q0 -24 -27 -32Z', darken(pocket, 0.14)) +
    pen.line('M-16 -92V-36M16 -92V-36', '#8a5a37', 4) +
    pen.solid(box([-20, -40, 8, 10], 1.6) + box([12, -40, 8, 10], 1.6), '#e9c04d') +
    pen.solid(star([0, -66], [7, 3]), contrast(c, look.accent), plain)
  )
}

const surface = { habitat: 'surface', home: 'table' } as const
const shelf = { habitat: 'surface', home: 'studio' } as const

export const wear: readonly Subject[] = [
  {
    habitat: 'ground',
    home: 'street',
    name: 'umbrella',
    words: 'umbrella,parasol,beach umbrella',
    scale: 0.8,
    width: 118,
    colours: ['#d9483f', '#f2b53a', '#4f8fb5'],
    draw: drawUmbrella,
  },
  {
    ...surface,
    name: 'hat',
    words: 'hat,top hat,cap,fedora,bowler hat,beret,sombrero,straw hat',
    scale: 0.26,
    width: 100,
    colours: ['#4a4452', '#8a5a3f', '#3f5f7a'],
    draw: drawHat,
  },
  {
    ...surface,
    name: 'party hat',
    words: 'party hat,birthday hat',
    scale: 0.24,
    width: 66,
    colours: ['#e0608a', '#4f9fd0'],
    draw: drawPartyHat,
  },
  {
    ...shelf,
    name: 'sneaker',
    words: 'sneaker,shoe,trainer,boot,running shoe,footwear,sandal',
    scale: 0.2,
    width: 184,
    colours: ['#e0533f', '#3f7fb5', '#f1ede4', '#5f9c7a'],
    draw: drawShoe,
  },
  {
    ...surface,
    name: 'backpack',
    words: 'backpack,rucksack,bag,schoolbag,handbag,knapsack,suitcase,luggage',
    scale: 0.45,
    width: 98,
    colours: ['#d97a3f', '#4f7f9c', '#6f9c5f'],
    draw: drawBackpack,
  },
]
