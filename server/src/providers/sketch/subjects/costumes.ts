// Owns people out of stories: crowns, capes, beards and pointed hats.
import { darken, lighten } from '../colour.ts'
import { box, disc, oval, star } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { hard, limb, plain, soft, twice } from './brush.ts'
import type { Costume } from './figure.ts'
import { somebody } from './people.ts'

const gold = '#f0bf3f'

const crown = (pen: Pen, look: Look): string =>
  pen.solid(hard('-14,-90 -17,-108 -8,-99 0,-112 8,-99 17,-108 14,-90'), gold) +
  pen.solid(disc(-17, -109, 2.2) + disc(0, -113, 2.4) + disc(17, -109, 2.2), look.accent) +
  pen.solid(disc(0, -95, 2.4), '#d9434f', plain) +
  pen.solid(disc(-8, -94.4, 1.7) + disc(8, -94.4, 1.7), '#4f9fe0', plain)

const ermine = (pen: Pen): string =>
  pen.solid(soft('-17,-62 0,-67 17,-62 20,-52 10,-47 0,-46 -10,-47 -20,-52'), '#fbf6ea') +
  pen.line('M-12 -55v3M-4 -51v3M4 -52v3M12 -55v3M0 -58v3', '#3a3440', 1.6)

const cape = (pen: Pen, colour: string): string =>
  pen.solid(soft('-13,-63 13,-63 26,-30 33,-4 14,-1 -14,-1 -33,-4 -26,-30'), colour)

const king: Costume = {
  hair: 'short',
  body: 'robe',
  arms: 'hold',
  beard: '#d9d4cc',
  hairColour: '#d9d4cc',
  behind: (pen, look) => cape(pen, darken(look.main, 0.25)),
  overBody: pen => ermine(pen) + pen.line('M0 -46V0', gold, 3),
  front: (pen, look) =>
    crown(pen, look) + pen.line('M31.5 -74V-4', gold, 3) + pen.solid(disc(31.5, -78, 5), look.accent),
}

const queen: Costume = {
  hair: 'long',
  body: 'gown',
  arms: 'hips',
  overBody: pen =>
    pen.solid(
      repeat(7, i => disc(-9 + i * 3, -60 + Math.abs(3 - i) * -1.2 + 3.6, 1.4)),
      '#fdf6e6',
      plain,
    ) +
    pen.line('M-13 -44Q0 -40 13 -44', gold, 2.6) +
    pen.line('M-31 -5Q0 0 31 -5', gold, 2),
  front: crown,
}

const wizard: Costume = {
  hair: 'long',
  body: 'robe',
  arms: 'hold',
  beard: '#f1eee8',
  hairColour: '#e6e2dc',
  overBody: pen =>
    pen.solid(
      star([-10, -20], [4, 1.7]) + star([8, -11], [3.4, 1.4]) + star([4, -29], [2.6, 1.1]),
      '#f7d766',
      plain,
    ) + pen.line('M-15 -40Q0 -36 15 -40', gold, 2.4),
  front: (pen, look) =>
    pen.solid(hard('-16,-90 -4,-112 8,-127 7,-110 16,-90'), look.main) +
    pen.solid(soft('-26,-91 0,-96 26,-91 16,-86 0,-85 -16,-86'), darken(look.main, 0.18)) +
    pen.solid(star([1, -103], [4, 1.7]), '#f7d766', plain) +
    pen.glow([32, -88, 24], '#8fe0ff', 0.7) +
    pen.line('M31 -2L32 -78', '#8a5f3c', 3.2) +
    pen.line('M32 -78Q24 -82 27 -90M32 -78Q40 -82 37 -90', '#8a5f3c', 2.6) +
    pen.emit(disc(32, -88, 5), '#a8ecff'),
}

const witch: Costume = {
  hair: 'long',
  body: 'gown',
  arms: 'hold',
  hairColour: '#c9582f',
  overBody: (pen, look) =>
    pen.line('M-13 -44Q0 -40 13 -44', look.accent, 2.6) +
    pen.solid(hard('-13,-62 13,-62 8,-52 0,-48 -8,-52'), lighten(look.main, 0.2), plain),
  front: (pen, look) =>
    pen.solid(soft('-31,-90 0,-96 31,-90 18,-85 0,-84 -18,-85'), look.part('hat', darken(look.main, 0.25))) +
    pen.solid(hard('-16,-90 -6,-112 -16,-128 6,-116 16,-90'), look.part('hat', darken(look.main, 0.25))) +
    pen.solid('M-15.4 -91L-13.4 -96Q0 -92 13.6 -96L15.6 -91Q0 -87 -15.4 -91Z', look.accent, plain) +
    pen.line('M32 -86L34 -22', '#9a6a3c', 3) +
    pen.solid(soft('30,-26 38,-26 44,-2 34,-5 24,-2'), '#e0b45a') +
    pen.line('M31 -21h7M33 -16L31 -5M36 -16L38 -5', '#9a6a2c', 1.6),
}

const pirate: Costume = {
  hair: 'long',
  body: 'trousers',
  arms: 'hold',
  beard: '#3a2a28',
  hairColour: '#2f2428',
  bottom: '#3f3f52',
  overBody: (pen, look) =>
    pen.solid('M-5 -63L-3 -32L3 -32L5 -63Z', '#f6efe2', plain) +
    pen.solid(twice(soft, '-12,-62 -3,-58 -5,-34 -18,-22 -17,-44'), darken(look.main, 0.12)) +
    pen.line('M-14 -38H14', '#6a4228', 4) +
    pen.solid(box([-3.4, -41, 6.8, 6], 1), gold),
  front: pen =>
    pen.solid(soft('-9,-82 -3,-82 -3,-76 -9,-76'), '#1f1a22', plain) +
    pen.line('M-15 -86L12 -76', '#1f1a22', 1) +
    pen.solid(soft('-28,-90 -22,-104 0,-112 22,-104 28,-90 14,-93 0,-91 -14,-93'), '#2a2630') +
    pen.line('M-26 -91Q-12 -96 0 -93Q12 -96 26 -91', gold, 1.6) +
    pen.solid(disc(0, -102, 4) + box([-2, -100, 4, 4], 1), '#fbf6ea', plain) +
    pen.solid(disc(-1.6, -102, 1) + disc(1.6, -102, 1), '#2a2630', plain) +
    pen.solid('M30 -52Q48 -70 42 -96Q36 -70 27 -56Z', '#cfd6de') +
    pen.line('M26 -56L34 -50', gold, 2.6),
}

const knight: Costume = {
  hair: 'bald',
  body: 'trousers',
  arms: 'hold',
  top: '#aeb8c4',
  bottom: '#8f9aa8',
  shoe: '#6d7786',
  overBody: (pen, look) =>
    pen.solid('M-9 -63L9 -63L10 -26L0 -22L-10 -26Z', look.main) +
    pen.solid(star([0, -47], [5.4, 2.3]), '#fbe7a8', plain) +
    pen.line('M-14 -37H14', '#6a4a30', 2.6),
  front: (pen, look) =>
    pen.solid(limb('0,-98,3 -8,-110,5 -20,-108,5 -28,-98,3'), look.part('plume', look.accent)) +
    pen.solid(
      'M0 -103C-13 -103 -18 -92 -18 -80C-18 -66 -12 -58 0 -57C12 -58 18 -66 18 -80C18 -92 13 -103 0 -103ZM-12 -87Q0 -90 12 -87L13 -72Q8 -64 0 -64Q-8 -64 -13 -72Z',
      '#b9c3ce',
    ) +
    pen.solid('M-18 -88Q0 -82 18 -88L16 -96Q0 -91 -16 -96Z', '#94a0ae') +
    pen.line('M-9 -89.6h.1M-4.5 -88.6h.1M0 -88.2h.1M4.5 -88.6h.1M9 -89.6h.1', '#4d5866', 1.6) +
    pen.solid(hard('30,-50 28.4,-98 31.5,-106 34.6,-98 33,-50'), '#e2e8ee') +
    pen.line('M24 -50H39', gold, 3.4) +
    pen.line('M31.5 -48V-40', '#6a4228', 3.4) +
    pen.solid('M-36 -52Q-24 -50 -12 -52Q-10 -32 -24 -22Q-38 -32 -36 -52Z', look.main) +
    pen.line('M-24 -50V-24M-35 -41H-13', '#fbe7a8', 3),
}

const ninja: Costume = {
  hair: 'bald',
  body: 'trousers',
  arms: 'hips',
  bottom: '#2c2f3d',
  shoe: '#22242f',
  behind: pen => pen.line('M-20 -40L22 -96', '#c9ced6', 3) + pen.line('M14 -85L25 -100', '#3a2a28', 4.4),
  overBody: (pen, look) =>
    pen.line('M-14 -37Q0 -33 14 -37', look.accent, 4) +
    pen.line('M-9 -62L6 -38M9 -62L-6 -38', darken(look.main, 0.35), 2),
  front: (pen, look) =>
    pen.solid(
      'M0 -97C-11 -97 -17 -89 -17 -79C-17 -67 -10 -61 0 -61C10 -61 17 -67 17 -79C17 -89 11 -97 0 -97ZM-11 -84Q0 -87 11 -84Q14 -79 11 -75Q0 -73 -11 -75Q-14 -79 -11 -84Z',
      look.main,
    ) +
    pen.line('M-16 -87Q0 -92 16 -87', look.accent, 4) +
    pen.solid(soft('15,-88 26,-94 30,-86 24,-88 27,-80 18,-84'), look.accent),
}

const hero: Costume = {
  hair: 'short',
  body: 'trousers',
  arms: 'up',
  bottom: '',
  shoe: '#d9434a',
  behind: (pen, look) =>
    pen.solid(soft('-12,-64 12,-64 20,-40 10,-8 -12,-14 -36,-4 -32,-28 -20,-48'), look.accent),
  overBody: (pen, look) =>
    pen.solid(hard('-8,-58 8,-58 10,-53 0,-42 -10,-53'), '#f7cf3f') +
    pen.solid(star([0, -52.4], [4.4, 1.9]), look.accent, plain) +
    pen.line('M-14 -36Q0 -32 14 -36', '#f7cf3f', 3.4),
}

const santa: Costume = {
  hair: 'short',
  body: 'trousers',
  arms: 'wave',
  beard: '#fdfbf5',
  hairColour: '#f4f0e8',
  bottom: '',
  shoe: '#2f2a33',
  behind: pen => pen.solid(soft('-24,-20 -40,-40 -48,-24 -50,-8 -38,-1 -22,-3'), '#b5793f'),
  overBody: pen =>
    pen.line('M-16 -38Q0 -33 16 -38', '#2f2a33', 4.6) +
    pen.solid(box([-4, -40, 8, 7], 1), gold) +
    pen.line('M0 -62V-42M-14 -32Q0 -28 14 -32', '#fdfbf5', 3.6),
  front: (pen, look) =>
    pen.solid(soft('-16,-90 -10,-106 6,-114 22,-106 28,-92 24,-88 18,-98 16,-90'), look.main) +
    pen.solid(soft('-18,-93 0,-98 18,-93 18,-86 0,-90 -18,-86'), '#fdfbf5') +
    pen.solid(disc(26, -88, 5), '#fdfbf5'),
}

const fairy: Costume = {
  hair: 'long',
  body: 'dress',
  arms: 'up',
  shoe: '#f2a9c8',
  hairColour: '#e9b85a',
  behind: pen =>
    pen.solid(
      twice(soft, '-4,-54 -18,-86 -40,-92 -46,-72 -30,-56') +
        twice(soft, '-4,-50 -28,-50 -40,-34 -28,-22 -10,-34'),
      '#dff0fa',
      { opacity: 0.8 },
    ),
  overBody: (pen, look) =>
    pen.line('M-22 -22Q0 -14 22 -22', lighten(look.main, 0.5), 2.4) +
    pen.solid(oval([0, -45, 3, 2]), '#f7cf55', plain),
  front: pen =>
    pen.glow([29, -104, 20], '#fff2a8', 0.8) +
    pen.line('M25 -84L29 -100', '#c99a4a', 1.8) +
    pen.emit(star([29, -104], [7, 3]), '#ffe97a') +
    pen.solid(hard('-9,-93 -10,-103 -4,-98 0,-106 4,-98 10,-103 9,-93'), gold),
}

export const storyPeople: readonly Subject[] = [
  somebody(
    {
      name: 'king',
      words: 'king,emperor,royalty',
      scale: 1.1,
      colours: ['#a82f45', '#5a3f9a'],
      home: 'room',
    },
    [king],
  ),
  somebody(
    {
      name: 'queen',
      words: 'queen,princess,empress,duchess',
      scale: 1.05,
      colours: ['#8a4fb0', '#c9486f', '#3f7fb5'],
      home: 'room',
    },
    [queen],
  ),
  somebody(
    {
      name: 'wizard',
      words: 'wizard,mage,sorcerer,merlin,warlock',
      scale: 1.05,
      colours: ['#5a4bb0', '#3f5fa8'],
      width: 84,
    },
    [wizard],
  ),
  somebody(
    {
      name: 'witch',
      words: 'witch,sorceress,enchantress',
      scale: 1,
      colours: ['#5a3f7a', '#3f3a52'],
      width: 92,
    },
    [witch],
  ),
  somebody(
    {
      name: 'pirate',
      words: 'pirate,captain,buccaneer',
      scale: 1.05,
      colours: ['#a83a3f', '#3f5f8a'],
      home: 'beach',
      width: 90,
    },
    [pirate],
  ),
  somebody(
    {
      name: 'knight',
      words: 'knight,warrior,soldier,paladin,samurai,viking',
      scale: 1.1,
      colours: ['#3f6fb5', '#b53a3f'],
      width: 84,
    },
    [knight],
  ),
  somebody({ name: 'ninja', words: 'ninja,assassin,shinobi', scale: 1, colours: ['#34384a'], home: 'city' }, [
    ninja,
  ]),
  somebody(
    {
      name: 'superhero',
      words: 'superhero,hero,superheroine',
      scale: 1.1,
      colours: ['#2f6fc0'],
      home: 'city',
    },
    [hero],
  ),
  somebody(
    {
      name: 'santa',
      words: 'santa,santa claus,father christmas',
      scale: 1.1,
      colours: ['#cf3038'],
      home: 'snow',
      width: 100,
    },
    [santa],
  ),
  somebody(
    {
      name: 'fairy',
      words: 'fairy,elf,pixie,angel',
      scale: 0.6,
      colours: ['#f29ac0', '#8fd0a0', '#a89af0'],
      home: 'forest',
      width: 92,
    },
    [fairy],
  ),
]
