// Owns dragons, dinosaurs and what else nobody has met.
import { darken, lighten, mix } from '../colour.ts'
import { disc, oval, poly } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { dark, hard, limb, path, plain, soft } from './brush.ts'
import { cheeks, eye, eyes } from './face.ts'

function drawDragon(pen: Pen, look: Look): string {
  const c = look.main
  const belly = look.part('belly', lighten(c, 0.62))
  const wing = look.part('wing', mix(c, '#f2a14a', 0.55))
  const crest = darken(c, 0.35)
  const spikes =
    hard('8,-84 -2,-92 4,-76') +
    hard('4,-72 -8,-76 1,-62') +
    hard('-4,-56 -16,-58 -8,-46') +
    hard('-20,-36 -32,-40 -27,-27') +
    hard('-42,-22 -52,-30 -51,-16')
  return (
    pen.solid(hard('-78,-34 -92,-46 -72,-52 -66,-38'), wing) +
    pen.solid(limb('-14,-20,14 -40,-11,10 -64,-12,6.4 -75,-26,4 -76,-40,2'), c) +
    pen.solid(
      soft('0,-54 -10,-80 -36,-100 -70,-98 -60,-84 -72,-72 -52,-66 -54,-52 -34,-52 -20,-40'),
      darken(wing, 0.18),
    ) +
    pen.line('M-4 -52L-66 -96M-6 -50L-68 -73M-8 -48L-52 -53', darken(wing, 0.45), 2) +
    pen.solid(spikes, crest) +
    pen.solid(limb('-10,-20,8 -14,-10,7 -8,-4,5 2,-4,4'), darken(c, 0.2)) +
    pen.solid(soft('-26,-10 -24,-34 -6,-52 2,-70 6,-86 22,-90 26,-74 22,-54 24,-34 18,-12 0,-3 -18,-2'), c) +
    pen.solid(soft('24,-66 21,-50 24,-32 18,-13 6,-6 4,-26 8,-46 14,-64'), belly, plain) +
    pen.line(
      'M10 -56q7 3 12 0M8 -46q8 3 14 0M7 -36q9 3 16 0M6 -26q9 3 16 0M7 -16q6 3 12 -1',
      mix(belly, c, 0.45),
      1.4,
    ) +
    pen.solid(limb('14,-46,5 28,-40,4.4 38,-44,3.6'), darken(c, 0.1)) +
    pen.solid(limb('4,-20,10 10,-8,8 22,-4,5'), darken(c, 0.08)) +
    pen.line('M18 -1v-3M23 -1v-3M27 -2v-3M39 -47l4 -2M40 -44l5 0', '#fff3dc', 2.2) +
    pen.solid(hard('8,-96 -6,-110 16,-102') + hard('18,-100 12,-114 25,-102'), '#f4e3c0') +
    pen.solid(soft('2,-86 6,-100 22,-105 36,-98 50,-92 58,-84 54,-76 36,-72 16,-72'), c) +
    pen.line('M56 -80Q44 -78 32 -80Q28 -81 26 -84', darken(c, 0.5), 1.8) +
    pen.solid(disc(53, -88, 1.6), darken(c, 0.5), plain) +
    pen.solid(disc(26, -93, 5.6), '#fff7dd', plain) +
    eye(pen, [27.4, -92.6, 4], look.has('sleeping')) +
    pen.shade(oval([27, -83.6, 4.6, 2.6]), '#ff8a6a', 0.5) +
    (look.has('sleeping') ? '' : drawFlame(pen))
  )
}

const drawFlame = (pen: Pen): string =>
  pen.glow([76, -80, 26], '#ffb347', 0.5) +
  pen.emit(soft('58,-81 70,-90 84,-88 80,-82 94,-79 80,-75 84,-70 68,-72'), '#ff9a3c', 0.95) +
  pen.emit(soft('60,-80 70,-84 80,-79 70,-75'), '#ffe08a', 0.95)

function drawDinosaur(pen: Pen, look: Look): string {
  const c = look.main
  const belly = lighten(c, 0.55)
  const plates = look.part('plate', mix(c, '#f08a4a', 0.6))
  const row =
    hard('-6,-92 -16,-98 -14,-84') +
    hard('-14,-80 -26,-82 -20,-68') +
    hard('-21,-64 -35,-64 -28,-51') +
    hard('-30,-46 -45,-44 -38,-33') +
    hard('-44,-29 -57,-26 -53,-17')
  return (
    pen.solid(row, plates) +
    pen.solid(limb('-14,-30,18 -38,-18,11 -60,-12,6 -78,-18,2.4'), c) +
    pen.solid(soft('-10,-20 -18,-4 -12,0 4,0 6,-8 4,-24'), darken(c, 0.2)) +
    pen.solid(soft('-30,-24 -28,-46 -16,-66 -10,-84 8,-90 20,-78 20,-60 26,-44 24,-24 6,-12 -18,-10'), c) +
    pen.solid(soft('20,-58 26,-42 24,-24 8,-14 2,-26 6,-46 12,-58'), belly, plain) +
    pen.solid(soft('-4,-30 -2,-8 -6,-2 -4,0 22,0 23,-6 18,-10 22,-28'), darken(c, 0.06)) +
    pen.solid(limb('16,-50,4 28,-44,3.6 32,-38,2.6'), darken(c, 0.1)) +
    pen.solid(soft('-14,-80 -8,-98 14,-103 32,-98 46,-92 50,-80 40,-70 14,-66 -6,-68'), c) +
    pen.line('M48 -80Q34 -74 22 -78Q18 -80 17 -84', darken(c, 0.55), 1.9) +
    pen.solid(hard('40,-78 43,-73 45.5,-79') + hard('32,-77 35,-72 37.5,-77'), '#ffffff', plain) +
    pen.solid(disc(43, -89, 1.6), darken(c, 0.5), plain) +
    pen.solid(disc(16, -91, 5.8), '#fff9e8', plain) +
    eye(pen, [17.4, -90.6, 4], look.has('sleeping')) +
    pen.shade(oval([14, -79, 4.6, 2.8]), '#ff7d7d', 0.5) +
    pen.solid(
      disc(-14, -54, 3) + disc(-20, -38, 4) + disc(-8, -44, 2.4) + disc(-36, -20, 3),
      darken(c, 0.18),
      plain,
    ) +
    pen.line('M8 -1v-4M14 -1v-4M20 -1v-4', '#fff3dc', 2.4)
  )
}

function drawGhost(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.glow([0, -54, 60], '#eaf3ff', look.night ? 0.45 : 0.2) +
    pen.solid(
      soft('-33,-40 -40,-34 -46,-42 -40,-50 -30,-56') + soft('33,-46 42,-44 47,-52 41,-59 30,-60'),
      c,
    ) +
    pen.solid(
      soft(
        '-32,-14 -33,-58 -24,-88 0,-99 24,-88 33,-58 32,-14 28,-3 19,-12 9,-2 0,-12 -10,-2 -19,-12 -28,-3',
      ),
      c,
    ) +
    pen.shade(soft('-26,-50 -20,-82 -2,-93 -12,-78 -17,-50'), '#ffffff', 0.5) +
    eyes(pen, [0, -66, 22, 5.4], { sleeping: look.has('sleeping') }) +
    pen.solid(oval([0, -50, 4.6, 6]), '#4a3f5a', plain) +
    cheeks(pen, [0, -54, 38, 5])
  )
}

function drawAlien(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.line('M-10 -90Q-14 -104 -24 -106M10 -90Q14 -104 24 -106', darken(c, 0.15), 2.4) +
    pen.solid(disc(-24, -106, 4) + disc(24, -106, 4), lighten(c, 0.3)) +
    pen.solid(limb('-9,-20,6 -10,-8,5 -12,-3,6') + limb('9,-20,6 10,-8,5 12,-3,6'), darken(c, 0.14)) +
    pen.solid(
      limb('-14,-40,5 -28,-32,4.4 -34,-20,4') + limb('14,-40,5 28,-46,4.4 35,-60,4'),
      darken(c, 0.1),
    ) +
    pen.solid(
      soft('-16,-14 -18,-34 -10,-50 10,-50 18,-34 16,-14 0,-8'),
      look.part('suit', mix(c, '#5a4fb5', 0.7)),
    ) +
    pen.solid(soft('-34,-70 -28,-88 0,-98 28,-88 34,-70 20,-52 0,-45 -20,-52'), c) +
    pen.solid(
      soft('-26,-74 -14,-78 -5,-68 -8,-60 -18,-62') + soft('26,-74 14,-78 5,-68 8,-60 18,-62'),
      dark,
      plain,
    ) +
    pen.emit(oval([-18, -71, 3.4, 2.4]) + oval([11, -71, 3.4, 2.4]), '#ffffff', 0.9) +
    pen.line('M-5 -53q5 3.6 10 0', darken(c, 0.6), 1.6) +
    cheeks(pen, [0, -58, 44, 4])
  )
}

function drawMermaid(pen: Pen, look: Look): string {
  const c = look.main
  const skin = '#f2c6a0'
  const hair = look.part('hair', '#d9543f')
  const scales = repeat(
    9,
    i => path`M${-14 + (i % 3) * 9 + Math.floor(i / 3) * 5} ${-34 + Math.floor(i / 3) * 8}q4.5 5 9 0`,
  )
  return (
    pen.solid(soft('-12,-90 -20,-70 -26,-48 -12,-40 12,-42 22,-54 14,-74 12,-92'), hair) +
    pen.solid(limb('-10,-58,3.4 -22,-50,3 -26,-38,2.6') + limb('10,-58,3.4 22,-64,3 27,-76,2.6'), skin) +
    pen.solid(soft('-12,-60 0,-64 12,-60 11,-42 -11,-42'), skin) +
    pen.solid(limb('0,-42,12 2,-28,12 10,-16,8 26,-10,5 38,-16,3'), c) +
    pen.solid(soft('36,-16 40,-34 54,-42 52,-26 46,-18 58,-16 62,-4 48,-2 38,-10'), lighten(c, 0.25)) +
    pen.line(scales, darken(c, 0.25), 1.5) +
    pen.solid(disc(-5.4, -54, 5) + disc(5.4, -54, 5), look.part('top', '#c774c9')) +
    pen.solid(oval([0, -78, 14, 15]), skin) +
    pen.solid(soft('-15,-72 -17,-92 0,-100 17,-92 15,-72 10,-84 -2,-86 -12,-82'), hair) +
    pen.solid(
      poly([
        [10, -88],
        [16, -96],
        [18, -88],
        [25, -87],
        [20, -82],
        [14, -83],
      ]),
      '#f7cf55',
      plain,
    ) +
    eyes(pen, [0, -76, 12, 2.4], { sleeping: look.has('sleeping') }) +
    pen.line('M-3.6 -69q3.6 3.2 7.2 0', '#a8403e', 1.3) +
    cheeks(pen, [0, -71, 20, 2.8])
  )
}

const ground = { habitat: 'ground' } as const

export const legends: readonly Subject[] = [
  {
    ...ground,
    name: 'dragon',
    words: 'dragon,wyvern,drake',
    scale: 1.6,
    width: 172,
    home: 'mountains',
    colours: ['#5aa05a', '#c9503f', '#4f8fa8', '#7a5fb0'],
    seat: [-20, -50],
    draw: drawDragon,
  },
  {
    ...ground,
    name: 'dinosaur',
    words: 'dinosaur,dino,t rex,tyrannosaurus,trex,godzilla,stegosaurus,raptor',
    scale: 2.2,
    width: 148,
    home: 'field',
    colours: ['#6aa84f', '#4f9c8a', '#b58a4a'],
    draw: drawDinosaur,
  },
  {
    habitat: 'air',
    name: 'ghost',
    words: 'ghost,spirit,phantom,spook',
    scale: 0.8,
    width: 96,
    colours: ['#f6f4fb'],
    head: [0, -74, 28],
    draw: drawGhost,
  },
  {
    ...ground,
    name: 'alien',
    words: 'alien,extraterrestrial,martian,monster,goblin',
    scale: 0.8,
    width: 78,
    home: 'planet',
    colours: ['#86c95f', '#7fc9b0'],
    head: [0, -72, 33],
    draw: drawAlien,
  },
  {
    habitat: 'under',
    name: 'mermaid',
    words: 'mermaid,siren,merman',
    scale: 1,
    width: 110,
    home: 'underwater',
    colours: ['#2fa79a', '#4f8fd0'],
    head: [0, -78, 15],
    draw: drawMermaid,
  },
]
