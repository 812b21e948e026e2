// Owns people of every day; the dressed-up ones are in costumes.ts.
import { darken, lighten } from '../colour.ts'
import { box, disc } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { hard, plain, soft, twice } from './brush.ts'
import { type Costume, drawBust, drawFigure } from './figure.ts'

type Person = {
  name: string
  words: string
  scale: number
  colours: readonly string[]
  home?: Subject['home']
  width?: number
}

/** Somebody standing, dressed by a costume or by one chosen by chance. */
export function somebody(person: Person, costumes: readonly Costume[]): Subject {
  const { home, width = 74, ...rest } = person
  return {
    ...rest,
    ...(home ? { home } : {}),
    width,
    habitat: 'ground',
    head: [0, -80, 17],
    draw: (pen, look) => drawFigure(pen, look, look.rng.pick(costumes)),
  }
}

const shirt = (pen: Pen, look: Look): string =>
  pen.line('M-5 -63Q0 -57 5 -63', lighten(look.main, 0.5), 1.8) +
  repeat(3, i => pen.solid(disc(0, -53 + i * 7, 1.1), lighten(look.main, 0.6), plain))

const belt = (pen: Pen, look: Look): string =>
  pen.line('M-15 -40Q0 -36 15 -40', darken(look.main, 0.4), 2.4) + shirt(pen, look)

const pocket = (pen: Pen, look: Look): string =>
  pen.solid(soft('-9,-44 9,-44 8,-33 -8,-33'), darken(look.main, 0.18), plain) + shirt(pen, look)

const chef: Costume = {
  hair: 'short',
  body: 'trousers',
  arms: 'hold',
  top: '#fbf8f2',
  bottom: '#3d4252',
  overBody: (pen, look) =>
    pen.solid(soft('-8,-62 0,-56 8,-62 6,-54 0,-51 -6,-54'), look.main) +
    repeat(3, i => pen.solid(disc(-4, -48 + i * 5, 1.1) + disc(4, -48 + i * 5, 1.1), '#b9b3ac', plain)),
  front: (pen, look) =>
    pen.solid(soft('-15,-92 -24,-104 -14,-114 0,-112 14,-114 24,-104 15,-92'), '#fffdf8') +
    pen.solid(box([-15, -98, 30, 9], 3), '#f1ede6') +
    pen.solid(box([22, -50, 24, 3], 1.5), '#b8bec7') +
    pen.solid(soft('23,-51 45,-51 42,-45 34,-43 26,-45'), '#5c6470') +
    pen.solid(disc(31, -53, 3) + disc(38, -53, 3.4), look.accent),
}

const doctor: Costume = {
  hair: 'bun',
  body: 'trousers',
  arms: 'rest',
  top: '#f8f8f6',
  overBody: (pen, look) =>
    pen.solid('M-5 -64L0 -48L5 -64Z', look.main, plain) +
    pen.line('M-8 -62Q-10 -46 -2 -44M8 -62Q10 -50 6 -46', '#4a5568', 1.6) +
    pen.solid(disc(-2, -43, 2.4), '#9aa5b4') +
    pen.line('M0 -48L0 -32', '#d9d6d0', 1.2),
}

const gardener: Costume = {
  hair: 'short',
  body: 'trousers',
  arms: 'hold',
  overBody: (pen, look) =>
    pen.solid('M-9 -54h18v22h-18Z', '#4f73a8') +
    pen.line('M-8 -54L-9 -62M8 -54L9 -62', '#4f73a8', 3) +
    shirt(pen, look),
  front: pen =>
    pen.solid(soft('-25,-92 0,-98 25,-92 16,-88 -16,-88'), '#e3bd6a') +
    pen.solid(soft('-14,-93 -10,-106 10,-106 14,-93'), '#ecca7c') +
    pen.line('M31 -58L33 -2', '#9a6a42', 2.6) +
    pen.line('M27 -58L26 -70M31.5 -58L31.5 -71M36 -58L37 -70M26.6 -58H36.6', '#8d95a0', 2),
}

const cowboy: Costume = {
  hair: 'short',
  body: 'trousers',
  arms: 'hips',
  bottom: '#4f6b96',
  shoe: '#7a4a2c',
  overBody: (pen, look) =>
    pen.solid(twice(soft, '-6,-63 -14,-60 -15,-38 -7,-38 -8,-52'), '#8a5a37') +
    pen.solid(hard('-9,-64 9,-64 0,-53'), look.accent) +
    pen.line('M-14 -36Q0 -32 14 -36', '#5a3a28', 3) +
    pen.solid(disc(0, -34, 2.6), '#e9c04d', plain),
  front: pen =>
    pen.solid(soft('-33,-98 -24,-92 0,-89 24,-92 33,-98 26,-86 0,-84 -26,-86'), '#8a5a37') +
    pen.solid(soft('-15,-90 -13,-106 -5,-110 0,-107 5,-110 13,-106 15,-90 0,-87'), '#9a683f') +
    pen.line('M-14.6 -92Q0 -88 14.6 -92', '#4f3222', 2.4),
}

const dancer: Costume = {
  hair: 'bun',
  body: 'dress',
  arms: 'up',
  shoe: '#f2a9b8',
  overBody: (pen, look) =>
    pen.solid(
      soft('-12,-44 -34,-34 -36,-28 -20,-27 0,-23 20,-27 36,-28 34,-34 12,-44'),
      lighten(look.main, 0.4),
      { opacity: 0.92 },
    ) + pen.line('M-10 -45Q0 -41 10 -45', darken(look.main, 0.2), 2),
}

export const people: readonly Subject[] = [
  somebody(
    {
      name: 'person',
      words: 'person,human,someone,somebody,traveler,traveller,hiker,explorer,student,teacher,friend,tourist',
      scale: 1,
      colours: ['#d9634a', '#3f86b5', '#e0a53c', '#5c9a6a'],
    },
    [
      { hair: 'short', body: 'trousers', arms: 'wave', overBody: belt },
      { hair: 'long', body: 'trousers', arms: 'wave', overBody: pocket },
      { hair: 'curly', body: 'trousers', arms: 'rest', overBody: pocket },
    ],
  ),
  somebody(
    {
      name: 'man',
      words: 'man,guy,father,dad,grandfather,grandpa,gentleman,boyfriend,fisherman,sailor,worker',
      scale: 1.05,
      colours: ['#3f6fa5', '#5b7f5a', '#a8503f', '#54527a'],
    },
    [
      { hair: 'short', body: 'trousers', arms: 'wave', overBody: belt },
      { hair: 'short', body: 'trousers', arms: 'hips', beard: '#5c3b28', bottom: '#5a4a42', overBody: belt },
      { hair: 'bald', body: 'trousers', arms: 'rest', beard: '#7a4a2e', overBody: pocket },
    ],
  ),
  somebody(
    {
      name: 'woman',
      words: 'woman,lady,mother,mom,grandmother,grandma,girlfriend,bride',
      scale: 1,
      colours: ['#d9536f', '#e0a03c', '#3f8f8a', '#8a5fb0'],
    },
    [
      { hair: 'long', body: 'dress', arms: 'wave', shoe: '#8a3f4a', overBody: belt },
      { hair: 'bun', body: 'dress', arms: 'hips', shoe: '#5a3a4a', overBody: shirt },
      { hair: 'bob', body: 'dress', arms: 'rest', shoe: '#7a3f3a', overBody: belt },
    ],
  ),
  somebody(
    {
      name: 'girl',
      words: 'girl,daughter,sister,schoolgirl',
      scale: 0.72,
      colours: ['#e8628a', '#f0b23c', '#5a9fd4'],
    },
    [
      { hair: 'pigtails', body: 'dress', arms: 'wave', shoe: '#d9434f', overBody: shirt },
      { hair: 'bob', body: 'dress', arms: 'up', shoe: '#d9434f', overBody: shirt },
    ],
  ),
  somebody(
    {
      name: 'boy',
      words: 'boy,child,kid,son,brother,schoolboy,toddler',
      scale: 0.68,
      colours: ['#3f8fd0', '#e0653f', '#5aa85a'],
    },
    [
      { hair: 'short', body: 'trousers', arms: 'up', bottom: '#4a5f8a', shoe: '#d94a3f', overBody: pocket },
      { hair: 'curly', body: 'trousers', arms: 'wave', bottom: '#5a4f6a', shoe: '#e0a03c', overBody: pocket },
    ],
  ),
  somebody({ name: 'chef', words: 'chef,cook,baker', scale: 1.05, colours: ['#d9434a'], width: 96 }, [chef]),
  somebody({ name: 'doctor', words: 'doctor,nurse,scientist,surgeon', scale: 1, colours: ['#4fa3b5'] }, [
    doctor,
  ]),
  somebody(
    {
      name: 'farmer',
      words: 'farmer,gardener',
      scale: 1,
      colours: ['#c9503f', '#e0a53c'],
      home: 'field',
      width: 80,
    },
    [gardener],
  ),
  somebody(
    {
      name: 'cowboy',
      words: 'cowboy,cowgirl,sheriff',
      scale: 1.05,
      colours: ['#c9703f', '#e3c98a'],
      home: 'desert',
    },
    [cowboy],
  ),
  somebody(
    { name: 'ballerina', words: 'ballerina,dancer,gymnast', scale: 0.95, colours: ['#f29ab5', '#b99ae0'] },
    [dancer],
  ),
  {
    name: 'portrait',
    words:
      'selfie,self portrait,portrait bust,portrait of a woman,portrait of a man,portrait of a girl,portrait of a boy,portrait of a person,portrait of a lady,portrait of a young woman,portrait of a young man,portrait of an old man,portrait of an old woman,headshot of a woman,headshot of a man',
    habitat: 'ground',
    home: 'studio',
    scale: 1,
    width: 70,
    colours: ['#3f6f8a', '#b5533f', '#5a6f4f', '#6a4f7a'],
    head: [0, -58, 22],
    draw: drawBust,
  },
]
