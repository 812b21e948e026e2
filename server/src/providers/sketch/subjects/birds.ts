// Owns the birds. They look to the right unless they face you.
import { darken, lighten, mix } from '../colour.ts'
import { disc, oval, place } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { contrast, dark, hard, limb, path, plain, soft, twice } from './brush.ts'
import { cheeks, eye, eyes } from './face.ts'

const beakColour = '#f2a33a'

function drawSongbird(pen: Pen, look: Look, kind: 'song' | 'crow' = 'song'): string {
  const c = look.main
  const bill = kind === 'crow' ? '#4a4650' : beakColour
  const breast = look.part(
    'breast',
    kind === 'crow' ? lighten(c, 0.12) : look.asked ? lighten(c, 0.55) : '#ec7a45',
  )
  return (
    pen.line('M4 -20L2 -1M16 -22L16 -1M-4 0h10M11 0h10', '#7a4a35', 2.2) +
    pen.solid(limb('-20,-36,9 -42,-26,7 -62,-14,4.5'), darken(c, 0.25)) +
    pen.solid(soft('-30,-32 -27,-58 -8,-82 12,-95 31,-90 38,-74 34,-50 20,-26 -4,-17 -22,-19'), c) +
    pen.solid(soft('37,-70 35,-50 21,-28 0,-20 -3,-32 12,-44 20,-60 28,-72'), breast, plain) +
    pen.solid(soft('-22,-54 -2,-62 12,-48 4,-32 -20,-22 -48,-14 -34,-34'), darken(c, 0.16)) +
    pen.line('M-28 -24Q-6 -28 6 -44M-20 -34Q-4 -38 4 -48', darken(c, 0.35), 1.6) +
    pen.solid(hard('36,-83 52,-76 36,-71'), look.part('beak', bill)) +
    pen.line('M36.5 -77L48 -76', darken(bill, 0.35), 0.9) +
    (kind === 'crow' ? pen.solid(disc(25, -80, 5.4), '#f4e9c8', plain) : '') +
    eye(pen, [25, -80, 4], look.has('sleeping')) +
    pen.shade(oval([17, -71, 5, 3.4]), '#ff7d7d', 0.35)
  )
}

function drawOwl(pen: Pen, look: Look): string {
  const c = look.main
  const pale = lighten(c, 0.6)
  const marks = repeat(9, i => {
    const row = Math.floor(i / 3)
    const x = -10 + (i % 3) * 10
    const y = -40 + row * 10
    return path`M${x - 3} ${y}q3 4 6 0`
  })
  return (
    pen.solid(soft('-30,-30 -34,-60 -26,-84 0,-92 26,-84 34,-60 30,-30 18,-6 0,-2 -18,-6'), c) +
    pen.solid(hard('-30,-78 -32,-102 -8,-89') + hard('30,-78 32,-102 8,-89'), darken(c, 0.12)) +
    pen.solid(soft('-18,-40 0,-50 18,-40 20,-22 10,-7 0,-4 -10,-7 -20,-22'), pale, plain) +
    pen.line(marks, mix(c, pale, 0.35), 1.8) +
    pen.solid(twice(soft, '-33,-56 -26,-50 -24,-28 -26,-12 -34,-22 -38,-40'), darken(c, 0.22)) +
    pen.solid(disc(-13, -68, 14.5) + disc(13, -68, 14.5), pale) +
    pen.solid(soft('-9,-90 0,-84 9,-90 3,-72 0,-66 -3,-72'), darken(c, 0.1), plain) +
    eyes(pen, [0, -68, 26, 6.4], { iris: look.part('eye', '#f7b733'), sleeping: look.has('sleeping') }) +
    pen.solid(hard('-4.5,-64 4.5,-64 0,-54'), beakColour) +
    repeat(2, i =>
      pen.line(path`M${-17 + i * 20} -1v-4M${-12 + i * 20} 0v-5M${-7 + i * 20} -1v-4`, '#e0962e', 3),
    )
  )
}

function drawPenguin(pen: Pen, look: Look): string {
  const c = look.main
  const scarf = look.part('scarf', contrast(c, look.accent))
  return (
    pen.solid(oval([-12, -3, 11, 4]) + oval([12, -3, 11, 4]), beakColour) +
    pen.solid(
      limb('-24,-58,6 -36,-42,5.5 -40,-26,3') + limb('24,-58,6 38,-48,5.5 46,-36,3'),
      darken(c, 0.15),
    ) +
    pen.solid(soft('-26,-24 -29,-54 -24,-82 0,-100 24,-82 29,-54 26,-24 14,-4 0,-2 -14,-4'), c) +
    pen.solid(soft('-18,-24 -20,-46 0,-58 20,-46 18,-24 10,-7 0,-5 -10,-7'), '#fbf8f0', plain) +
    pen.solid(soft('0,-76 -8,-86 -19,-80 -18,-66 0,-58 18,-66 19,-80 8,-86'), '#fbf8f0', plain) +
    eyes(pen, [0, -76, 19, 3.4], { sleeping: look.has('sleeping') }) +
    pen.solid(hard('-6,-71 6,-71 0,-62'), beakColour) +
    cheeks(pen, [0, -69, 29, 3.6]) +
    pen.solid(soft('-25,-60 0,-54 25,-60 25,-52 0,-46 -25,-52'), scarf) +
    pen.solid(limb('12,-52,4.5 15,-40,5 13,-30,5'), darken(scarf, 0.14)) +
    pen.line('M10 -27v-5M14 -26v-5M17 -28v-5', lighten(scarf, 0.5), 1)
  )
}

function drawParrot(pen: Pen, look: Look): string {
  const c = look.main
  const wing = look.part('wing', look.asked ? darken(c, 0.25) : '#2f7fd6')
  return (
    pen.solid(limb('-4,-34,6 -12,-16,6 -22,2,3'), wing) +
    pen.solid(limb('2,-34,5 -2,-14,5 -8,4,2.6'), darken(c, 0.2)) +
    pen.solid(soft('-18,-32 -16,-64 -4,-88 14,-98 28,-90 28,-72 22,-50 14,-30 -2,-22'), c) +
    pen.solid(soft('8,-60 20,-62 20,-46 12,-30 2,-26 4,-44'), lighten(c, 0.25), plain) +
    pen.solid(soft('-18,-62 -6,-68 4,-56 2,-38 -8,-20 -18,-8 -22,-30'), look.asked ? wing : '#f4c53a') +
    pen.solid(soft('-18,-50 -6,-52 1,-42 -4,-26 -17,-6 -22,-28'), wing, plain) +
    pen.line('M-16 -40Q-10 -26 -15 -14M-9 -42Q-5 -30 -10 -20', darken(wing, 0.3), 1.4) +
    pen.solid(soft('12,-90 24,-92 28,-80 22,-72 12,-76'), '#fff6ea', plain) +
    pen.solid(soft('25,-91 37,-88 40,-76 35,-66 32,-76 26,-77'), '#3a3440') +
    pen.solid(soft('26,-76 32,-75 31,-69 26,-70'), '#57505e', plain) +
    eye(pen, [19, -84, 3], look.has('sleeping')) +
    pen.solid(limb('-34,-21,3 0,-20,3.4 40,-23,2.4'), '#8a5a37') +
    pen.solid(soft('-34,-22 -44,-32 -40,-40 -32,-32') + soft('30,-22 38,-34 46,-34 42,-26'), '#6dae4f') +
    pen.line('M6 -22v-5M10 -22v-5M14 -22v-5', '#4a4650', 2.6)
  )
}

function drawEagle(pen: Pen, look: Look): string {
  const c = look.main
  const wing = (flip: boolean): string =>
    place(
      pen.solid(
        soft(
          '10,-52 26,-72 46,-86 70,-92 92,-90 84,-84 90,-78 78,-75 82,-68 68,-66 70,-58 54,-58 54,-50 36,-46 16,-38',
        ),
        darken(c, flip ? 0.14 : 0.04),
      ) + pen.line('M30 -62Q52 -76 78 -84M28 -56Q50 -66 72 -72M26 -50Q44 -56 62 -62', darken(c, 0.34), 1.8),
      [0, 0],
      { flip },
    )
  return (
    pen.solid(soft('-12,-30 0,-34 12,-30 18,-6 6,-2 0,-6 -6,-2 -18,-6'), '#fbf6ea') +
    wing(true) +
    wing(false) +
    pen.solid(soft('-15,-46 -12,-64 0,-70 12,-64 15,-46 9,-24 0,-18 -9,-24'), c) +
    pen.line('M-6 -22l-3 9M6 -22l3 9', '#e0a030', 3.4) +
    pen.solid(soft('-10,-62 -11,-78 0,-90 11,-80 13,-64 6,-56 0,-60 -6,-56'), '#fbf6ea') +
    pen.solid(soft('6,-80 17,-78 20,-70 16,-64 13,-70 6,-70'), beakColour) +
    pen.line('M0 -81l7 3', dark, 1.6) +
    eye(pen, [4, -76, 2.3], look.has('sleeping'))
  )
}

function drawSwan(pen: Pen, look: Look, kind: 'swan' | 'duck'): string {
  const c = look.main
  const shadow = darken(c, 0.12)
  if (kind === 'duck') {
    const head = look.part('head', look.asked ? darken(c, 0.2) : '#2f8a63')
    return (
      pen.solid(soft('-52,-40 -46,-18 -24,2 16,4 40,-6 48,-26 36,-42 10,-44 -20,-38 -40,-42'), c) +
      pen.solid(soft('-26,-34 0,-42 22,-32 14,-16 -14,-10 -44,-28'), shadow) +
      pen.line('M-24 -22Q-4 -14 14 -24', darken(c, 0.3), 1.6) +
      pen.solid(soft('20,-34 18,-64 22,-84 38,-94 53,-84 54,-68 46,-54 46,-34 34,-28'), head) +
      pen.solid(soft('20,-46 32,-40 46,-46 47,-38 33,-33 19,-39'), '#fbf6ea', plain) +
      pen.solid(soft('51,-78 64,-76 74,-70 70,-64 54,-66'), beakColour) +
      eye(pen, [43, -78, 3.2], look.has('sleeping')) +
      pen.shade(oval([40, -68, 4.4, 3]), '#ff7d7d', 0.3)
    )
  }
  return (
    pen.solid(soft('-58,-34 -50,-8 -24,4 20,4 46,-8 44,-28 20,-34 -10,-30 -40,-40 -66,-48'), c) +
    pen.solid(limb('30,-16,10 44,-32,8 40,-54,6 30,-72,5.4 36,-90,5.6 46,-92,5'), c) +
    pen.solid(
      soft('-22,-22 -10,-52 -34,-62 -60,-56 -44,-48 -58,-42 -40,-34 -46,-26 -24,-8 8,-10 24,-26 4,-38'),
      shadow,
    ) +
    pen.line('M-34 -40Q-12 -40 0 -22M-32 -28Q-14 -26 -4 -16', darken(c, 0.25), 1.6) +
    pen.solid(soft('49,-97 55,-92 68,-86 64,-82 50,-86'), '#ef8a34') +
    pen.solid(soft('46,-97 52,-95 51,-88 48,-88'), dark, plain) +
    eye(pen, [43, -93, 1.9], look.has('sleeping'))
  )
}

function drawFlamingo(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.line('M-2 -40L-4 -22L-3 0M-3 0h9', mix(c, '#c8506a', 0.5), 2) +
    pen.line('M6 -40L18 -26L2 -24', mix(c, '#c8506a', 0.5), 2) +
    pen.solid(limb('16,-50,6 26,-62,4.4 16,-76,3.6 10,-90,3.6 18,-98,4 26,-93,3.8'), c) +
    pen.solid(soft('-30,-44 -16,-60 8,-62 22,-54 18,-42 0,-35 -18,-37'), c) +
    pen.solid(soft('-36,-40 -18,-54 4,-54 10,-46 -4,-38'), darken(c, 0.14)) +
    pen.solid(soft('25,-97 32,-92 32,-84 27,-80 26,-87 22,-90'), '#fbf0ea') +
    pen.solid(soft('32,-87 31,-82 27,-80 28,-86'), dark, plain) +
    eye(pen, [20, -96, 1.5], look.has('sleeping'))
  )
}

function drawRooster(pen: Pen, look: Look): string {
  const c = look.main
  const tail = look.part('tail', '#2f6f5e')
  const comb = '#d93a35'
  return (
    pen.line('M-4 -24L-5 -2M8 -24L9 -2M-11 0L-5 -3L3 0M3 0L9 -3L17 0', '#e0962e', 2.8) +
    pen.solid(limb('-22,-44,8 -42,-60,8 -50,-84,7 -42,-96,3'), tail) +
    pen.solid(limb('-22,-40,7 -48,-50,7 -62,-66,5.6 -62,-78,2'), darken(tail, 0.2)) +
    pen.solid(limb('-22,-36,6 -48,-36,6 -64,-46,3'), mix(tail, c, 0.5)) +
    pen.solid(soft('-34,-40 -26,-54 -4,-54 6,-76 16,-92 30,-90 34,-74 32,-46 18,-24 -4,-20 -24,-26'), c) +
    pen.solid(soft('8,-76 20,-74 34,-72 38,-52 30,-54 24,-46 16,-54 8,-48 0,-54'), lighten(c, 0.35), plain) +
    pen.solid(soft('-22,-44 -2,-48 8,-38 -2,-26 -22,-28 -36,-38'), darken(c, 0.25)) +
    pen.solid(soft('10,-90 8,-100 15,-96 19,-106 23,-97 31,-102 31,-91 20,-88'), comb) +
    pen.solid(soft('33,-74 38,-66 35,-58 30,-66'), comb) +
    pen.solid(hard('33,-84 46,-78 33,-73'), beakColour) +
    eye(pen, [26, -82, 2.6], look.has('sleeping'))
  )
}

const ground = { habitat: 'ground', home: 'garden' } as const

export const birds: readonly Subject[] = [
  {
    ...ground,
    name: 'bird',
    words:
      'bird,songbird,robin,sparrow,finch,canary,bluebird,starling,wren,nightingale,hummingbird,dove,pigeon',
    scale: 0.2,
    width: 114,
    colours: ['#5b8fc4', '#8a6a52', '#6a8f5a', '#e9b840'],
    draw: (pen, look) => drawSongbird(pen, look),
  },
  {
    ...ground,
    name: 'crow',
    words: 'crow,raven,blackbird,magpie,jackdaw',
    scale: 0.3,
    width: 114,
    colours: ['#34323f', '#3a3a4c'],
    draw: (pen, look) => drawSongbird(pen, look, 'crow'),
  },
  {
    ...ground,
    name: 'stork',
    words: 'stork,heron,crane,egret,ibis',
    home: 'lake',
    scale: 0.9,
    width: 72,
    colours: ['#f4f1ea', '#a9b8c9'],
    draw: drawFlamingo,
  },
  {
    ...ground,
    name: 'owl',
    words: 'owl,owlet',
    scale: 0.34,
    width: 76,
    home: 'forest',
    colours: ['#a0714a', '#8a7a6e', '#b98a5a'],
    head: [0, -72, 28],
    draw: drawOwl,
  },
  {
    ...ground,
    name: 'penguin',
    words: 'penguin',
    scale: 0.5,
    width: 88,
    home: 'snow',
    colours: ['#2f3444', '#3a4358'],
    head: [0, -78, 24],
    draw: drawPenguin,
  },
  {
    ...ground,
    name: 'parrot',
    words: 'parrot,macaw,cockatoo,parakeet,budgie',
    scale: 0.4,
    width: 92,
    colours: ['#e2453c', '#3fa35a', '#e2453c'],
    draw: drawParrot,
  },
  {
    name: 'eagle',
    words: 'eagle,hawk,falcon,condor,vulture,albatross,seagull,gull',
    habitat: 'air',
    home: 'mountains',
    scale: 0.6,
    width: 184,
    colours: ['#7a5238', '#6a4630'],
    draw: drawEagle,
  },
  {
    name: 'swan',
    words: 'swan,goose',
    habitat: 'water',
    home: 'lake',
    scale: 0.6,
    width: 136,
    colours: ['#fbf9f4'],
    draw: (pen, look) => drawSwan(pen, look, 'swan'),
  },
  {
    name: 'duck',
    words: 'duck,duckling,mallard,rubber duck',
    habitat: 'water',
    home: 'lake',
    scale: 0.36,
    width: 128,
    colours: ['#c9b59a', '#b9a184'],
    draw: (pen, look) => drawSwan(pen, look, 'duck'),
  },
  {
    ...ground,
    name: 'flamingo',
    words: 'flamingo',
    home: 'lake',
    scale: 0.9,
    width: 72,
    colours: ['#f58ea3', '#f79c8e'],
    draw: drawFlamingo,
  },
  {
    ...ground,
    name: 'rooster',
    words: 'rooster,chicken,hen,cockerel,chick,turkey',
    scale: 0.4,
    width: 124,
    home: 'field',
    colours: ['#c2693a', '#e9dcc4', '#a8502f'],
    draw: drawRooster,
  },
]
