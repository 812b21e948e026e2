// Owns the land and the sky as things to look at: mountain, volcano, waterfall, fire, snowman, sun, moon, planets.
import { darken, lighten, mix } from '../colour.ts'
import { disc, oval, star } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { hard, limb, path, plain, soft } from './brush.ts'
import { cheeks, eyes } from './face.ts'

function drawMountain(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid(hard('30,0 62,-62 76,-48 112,0'), darken(c, 0.1)) +
    pen.solid(hard('62,-62 76,-48 70,-42 64,-46 56,-40 53,-45'), '#f6f8fb', plain) +
    pen.solid(hard('-110,0 -72,-52 -58,-44 -24,0'), darken(c, 0.06)) +
    pen.solid(hard('-72,-52 -58,-44 -62,-36 -70,-42 -80,-40'), '#f6f8fb', plain) +
    pen.solid(hard('-76,0 -40,-52 -28,-60 0,-101 22,-72 34,-62 78,0'), c) +
    pen.shade(hard('0,-101 22,-72 34,-62 78,0 20,0 8,-34 18,-58 4,-76'), darken(c, 0.7), 0.3) +
    pen.solid(
      hard('0,-101 22,-72 27,-68 18,-66 10,-58 2,-68 -8,-56 -15,-66 -26,-62 -28,-60'),
      '#f6f8fb',
      plain,
    ) +
    pen.shade(hard('0,-101 22,-72 27,-68 18,-66 10,-58 6,-70'), '#8fa3c9', 0.45) +
    pen.line('M-34 -30L-24 -44M-46 -14L-38 -26M-16 -20L-8 -34', darken(c, 0.25), 2)
  )
}

function drawVolcano(pen: Pen, look: Look): string {
  const c = look.main
  const smoke = repeat(6, i =>
    pen.shade(
      disc(-6 + Math.sin(i * 2) * 10 + i * 4, -84 - i * 5.4, 8 + i * 2),
      i % 2 ? '#8d8790' : '#a7a0a8',
      0.8,
    ),
  )
  return (
    smoke +
    pen.glow([0, -72, 50], '#ff8a3c', 0.7) +
    pen.emit(
      limb('-4,-70,4 -16,-90,3 -24,-98,1.6') +
        limb('2,-70,4 6,-96,3 4,-108,1.6') +
        limb('6,-70,4 20,-86,3 30,-92,1.6'),
      '#ff7a35',
    ) +
    pen.solid(soft('-84,0 -60,-14 -36,-46 -20,-72 -10,-75 0,-71 10,-75 20,-72 36,-46 60,-14 84,0'), c) +
    pen.shade(soft('8,-73 20,-72 36,-46 60,-14 84,0 30,0 24,-30'), '#1a1030', 0.28) +
    pen.emit(
      soft(
        '-18,-74 0,-70 18,-74 15,-62 20,-44 14,-34 9,-46 4,-56 1,-38 -2,-22 -7,-40 -9,-56 -16,-48 -19,-56',
      ),
      '#ff6a2c',
    ) +
    pen.emit(soft('-12,-73 0,-70 12,-73 8,-62 2,-58 -2,-44 -5,-58 -10,-64'), '#ffc04d')
  )
}

function drawWaterfall(pen: Pen, look: Look): string {
  const water = look.main
  const rock = '#7f7a80'
  const strands = repeat(
    6,
    i => path`M${-14 + i * 5.6} -84Q${-16 + i * 6} -50 ${-17 + i * 6.6} ${-12 - (i % 3) * 5}`,
  )
  return (
    pen.solid(soft('-58,0 -62,-34 -52,-66 -44,-90 -18,-94 -16,-60 -20,-20 -18,0'), rock) +
    pen.solid(soft('58,0 62,-30 52,-60 46,-88 20,-94 18,-60 22,-20 20,0'), darken(rock, 0.12)) +
    pen.solid('M-20 -90Q0 -98 20 -90Q22 -40 25 -6H-25Q-22 -40 -20 -90Z', water) +
    pen.line(strands, lighten(water, 0.65), 2.6) +
    pen.solid(
      soft('-46,-86 -44,-96 -28,-101 -14,-95 -18,-88 -32,-84') +
        soft('46,-84 44,-95 30,-101 16,-95 20,-88 32,-84'),
      '#62a556',
    ) +
    pen.solid(soft('-60,-30 -48,-38 -40,-28 -50,-20') + soft('56,-40 46,-46 40,-38 48,-30'), '#6fae5c') +
    pen.line('M-44 -60l10 6M-50 -44l8 -4M40 -58l-8 6M50 -22l-10 4', darken(rock, 0.3), 1.8) +
    pen.solid(soft('-66,2 -50,-7 -20,-9 20,-9 50,-7 66,2 30,6 -30,6'), mix(water, '#ffffff', 0.2)) +
    pen.shade(disc(-20, -6, 8) + disc(-6, -9, 9) + disc(10, -8, 9) + disc(22, -5, 7), '#ffffff', 0.8)
  )
}

function drawRock(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid(hard('30,0 36,-26 58,-34 72,-18 76,0'), darken(c, 0.12)) +
    pen.solid(hard('-66,0 -60,-46 -34,-88 2,-98 36,-74 52,-36 50,0'), c) +
    pen.solid(hard('-34,-88 2,-98 12,-70 -24,-62'), lighten(c, 0.26), plain) +
    pen.solid(hard('2,-98 36,-74 52,-36 50,0 18,0 24,-40 12,-70'), darken(c, 0.18), plain) +
    pen.line('M-24 -62L-36 -28M12 -70L24 -40M-46 -20l8 8', darken(c, 0.32), 1.8) +
    pen.solid(soft('-58,-46 -46,-58 -34,-52 -40,-40 -54,-36') + soft('-70,2 -58,-8 -40,-5 -30,2'), '#74a85a')
  )
}

function drawSnowman(pen: Pen, look: Look): string {
  const scarf = look.asked ? look.main : look.part('scarf', look.accent)
  const snow = '#f7f9fc'
  const hat = look.part('hat', '#38323e')
  return (
    pen.line(
      'M-20 -50L-42 -66M-34 -60L-44 -58M-36 -62L-40 -72M20 -50L42 -64M34 -59L44 -56M36 -60L40 -70',
      '#6a4632',
      2.4,
    ) +
    pen.solid(disc(0, -23, 25), snow) +
    pen.solid(disc(0, -53, 18.4), snow) +
    pen.solid(disc(0, -78, 14.6), snow) +
    pen.shade(
      soft('10,-44 20,-30 22,-10 8,0 14,-20') + soft('8,-68 14,-58 14,-44 8,-38 10,-54'),
      '#7f9cc9',
      0.3,
    ) +
    pen.solid(disc(0, -58, 2.2) + disc(0, -49, 2.2) + disc(0, -26, 2.4), '#38323e', plain) +
    pen.solid(soft('-15,-70 0,-65 15,-70 16,-62 0,-57 -16,-62'), scarf) +
    pen.solid(limb('7,-63,4 12,-52,4.4 10,-42,4.4'), darken(scarf, 0.12)) +
    pen.line('M7 -39v-4M11 -38v-4M14 -40v-4', lighten(scarf, 0.5), 1) +
    eyes(pen, [0, -82, 11, 2.1], { sleeping: look.has('sleeping') }) +
    pen.solid(hard('0,-79.6 17,-76.4 0,-74.6'), '#f08a3a') +
    cheeks(pen, [0, -76, 19, 2.8]) +
    pen.line('M-6 -72h.1M-2.4 -70.4h.1M1.6 -70.4h.1M5.2 -72h.1', '#38323e', 1.8) +
    pen.solid(soft('-19,-90 0,-93 19,-90 18,-86 0,-88 -18,-86'), hat) +
    pen.solid('M-12 -90L-11 -108H11L12 -90Q0 -93 -12 -90Z', hat) +
    pen.solid('M-12 -91L-11.6 -97H11.6L12 -91Q0 -94 -12 -91Z', scarf, plain)
  )
}

function drawCampfire(pen: Pen, look: Look): string {
  const c = look.asked ? look.main : '#ff7a2f'
  const log = (text: string, tone: string): string => pen.solid(limb(text), tone)
  const sparks = repeat(6, i => disc(-24 + ((i * 23) % 50), -88 - ((i * 13) % 24), 1.4))
  return (
    pen.glow([0, -40, 78], '#ffae4d', look.night ? 0.7 : 0.4) +
    pen.emit(
      soft('-30,-12 -34,-38 -20,-62 -22,-80 -6,-70 4,-102 16,-76 24,-82 26,-60 36,-36 30,-12 0,-4'),
      c,
    ) +
    pen.emit(soft('-20,-12 -22,-32 -10,-50 -8,-64 4,-52 12,-66 18,-46 23,-30 19,-12 0,-6'), '#ffb23f') +
    pen.emit(soft('-11,-12 -11,-26 -2,-42 6,-34 12,-22 10,-12 0,-8'), '#fff0b0') +
    pen.emit(sparks, '#ffc45c') +
    log('-40,-14,6 0,-10,6.4 40,-2,6', '#7a4a30') +
    log('40,-14,6 0,-10,6.4 -40,-2,6', '#8a5838') +
    pen.solid(disc(41, -14, 5) + disc(-41, -14, 5), '#d9a870') +
    pen.line(`${disc(41, -14, 2.4)}${disc(-41, -14, 2.4)}`, '#a9774a', 1) +
    repeat(6, i =>
      pen.solid(
        soft(`${-62 + i * 22},0 ${-60 + i * 22},-9 ${-50 + i * 22},-12 ${-42 + i * 22},-7 ${-42 + i * 22},2`),
        i % 2 ? '#8d8a92' : '#a19ea6',
      ),
    )
  )
}

function drawSun(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.glow([0, -50, 84], lighten(c, 0.3), 0.6) +
    pen.emit(star([0, -50], [52, 38], { tips: 14 }), mix(c, '#ff9a3c', 0.45)) +
    pen.emit(disc(0, -50, 33), c) +
    pen.shade(soft('-22,-56 -14,-74 4,-80 -6,-68 -14,-54'), '#ffffff', 0.4) +
    eyes(pen, [0, -54, 24, 4], { sleeping: look.has('sleeping') }) +
    cheeks(pen, [0, -44, 40, 5]) +
    pen.line('M-8 -43q8 8 16 0', '#a8552a', 2.2)
  )
}

function drawMoon(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.glow([0, -50, 86], lighten(c, 0.3), 0.5) +
    pen.emit('M14 -98A49 49 0 1 0 46 -26A40 40 0 1 1 14 -98Z', c) +
    pen.shade('M-28 -84A46 46 0 0 0 -2 -6A49 49 0 0 1 -28 -84Z', '#ffffff', 0.35) +
    pen.shade(disc(-24, -40, 5) + disc(-8, -16, 3.6) + disc(-32, -58, 3), darken(c, 0.4), 0.3) +
    pen.line(look.has('awake') ? 'M-14 -55h.1' : 'M-20 -52q4 4.4 9 1.4', '#7a5a3a', 2.2) +
    pen.shade(oval([-14, -42, 4.6, 3]), '#ff8a6a', 0.45) +
    pen.line('M-8 -36q-3 4 -8 3', '#7a5a3a', 2) +
    pen.emit(star([32, -68], [9, 4]) + star([50, -48], [5, 2.2]), '#fff0b8')
  )
}

function drawStar(pen: Pen, look: Look): string {
  const c = look.main
  const shape = soft(
    '0,-100 9,-78 15,-66 28,-64 50,-62 34,-46 25,-35 28,-22 32,0 12,-10 0,-16 -12,-10 -32,0 -28,-22 -25,-35 -34,-46 -50,-62 -28,-64 -15,-66 -9,-78',
  )
  return (
    pen.glow([0, -48, 74], lighten(c, 0.35), 0.55) +
    pen.emit(shape, c) +
    pen.shade(soft('0,-96 -8,-78 -16,-64 -44,-60 -26,-56 -8,-62'), '#ffffff', 0.45) +
    eyes(pen, [0, -50, 18, 3.4], { sleeping: look.has('sleeping') }) +
    cheeks(pen, [0, -41, 32, 4]) +
    pen.line('M-6 -40q6 6 12 0', '#a8702a', 2)
  )
}

function drawPlanet(pen: Pen, look: Look): string {
  const c = look.main
  const ring = look.part('ring', mix(c, '#fbe3b0', 0.7))
  return (
    pen.glow([0, -50, 80], lighten(c, 0.3), 0.35) +
    pen.line('M-74 -37C-76 -60 60 -92 76 -64', ring, 7) +
    pen.solid(disc(0, -50, 45), c) +
    pen.shade(
      soft('-39.5,-66 0,-78 35.7,-74 40.4,-64 0,-66 -40.4,-54') +
        soft('-41.4,-44 0,-52 41.4,-56 40.4,-44 0,-40 -39.5,-34') +
        soft('-32,-22 0,-28 37.6,-32 28.2,-18 0,-14 -20.7,-12'),
      darken(c, 0.5),
      0.22,
    ) +
    pen.shade('M20 -90A45 45 0 0 1 -6 -5.4A52 52 0 0 0 20 -90Z', '#1a1040', 0.3) +
    pen.shade(oval([-18, -74, 10, 6]), '#ffffff', 0.35) +
    pen.line('M-74 -37C-70 -16 66 -46 76 -64', ring, 7) +
    pen.line('M-72 -34.6C-66 -16 64 -44 74 -61', lighten(ring, 0.4), 1.8) +
    pen.emit(disc(58, -96, 2) + disc(-62, -88, 1.6) + disc(-54, -6, 1.6), '#fff6d0')
  )
}

function drawCloud(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid(
      'M-70 -18C-92 -20 -94 -56 -66 -58C-64 -86 -28 -96 -12 -76C4 -104 52 -96 52 -64C84 -66 90 -22 62 -18Z',
      c,
    ) +
    pen.shade(
      'M-70 -18C-84 -19 -90 -34 -84 -46C-60 -26 30 -26 82 -44C84 -30 76 -19 62 -18Z',
      '#7f93c0',
      0.28,
    ) +
    eyes(pen, [-4, -50, 26, 4], { sleeping: look.has('sleeping') }) +
    cheeks(pen, [-4, -42, 44, 5]) +
    pen.line('M-10 -41q6 6 12 0', '#5a5f7a', 2)
  )
}

const ground = { habitat: 'ground' } as const
const sky = { habitat: 'air' } as const

export const land: readonly Subject[] = [
  {
    ...ground,
    name: 'mountain',
    words: 'mountain peak,matterhorn,everest,mount everest,mount fuji,mt fuji',
    scale: 5,
    width: 224,
    home: 'mountains',
    colours: ['#7d8aa8', '#8a8290', '#6f8a9c'],
    draw: drawMountain,
  },
  {
    ...ground,
    name: 'volcano',
    words: 'volcano,lava,eruption',
    scale: 5,
    width: 172,
    home: 'planet',
    colours: ['#6a5560', '#5f4f58'],
    draw: drawVolcano,
  },
  {
    ...ground,
    name: 'waterfall',
    words: 'waterfall,cascade',
    scale: 4,
    width: 132,
    home: 'forest',
    colours: ['#6fb8d9', '#7fc4d4'],
    draw: drawWaterfall,
  },
  {
    ...ground,
    name: 'rock',
    words: 'rock,stone,boulder,meteorite',
    scale: 0.7,
    width: 148,
    home: 'beach',
    colours: ['#9a969c', '#a89c8e'],
    seat: [-14, -92],
    draw: drawRock,
  },
  {
    ...ground,
    name: 'snowman',
    words: 'snowman',
    scale: 0.95,
    width: 92,
    home: 'snow',
    colours: ['#f7f9fc'],
    head: [0, -78, 15],
    draw: drawSnowman,
  },
  {
    ...ground,
    name: 'campfire',
    words: 'campfire,bonfire,camp fire',
    scale: 0.6,
    width: 138,
    home: 'forest',
    colours: ['#ff7a2f'],
    draw: drawCampfire,
  },
  {
    ...sky,
    name: 'sun',
    words: 'smiling sun,happy sun,cartoon sun',
    scale: 2,
    width: 106,
    home: 'clouds',
    colours: ['#ffd04a'],
    draw: drawSun,
  },
  {
    ...sky,
    name: 'moon',
    words: 'smiling moon,sleeping moon,man in the moon,happy moon',
    scale: 2,
    width: 110,
    home: 'clouds',
    colours: ['#f9e3a0'],
    draw: drawMoon,
  },
  {
    ...sky,
    name: 'star',
    words: 'smiling star,happy star,starfish,star shape',
    scale: 1,
    width: 104,
    home: 'clouds',
    colours: ['#ffd34d'],
    draw: drawStar,
  },
  {
    habitat: 'space',
    name: 'planet',
    words: 'ringed planet,saturn,jupiter,planet,venus,neptune,gas giant',
    scale: 4,
    width: 160,
    home: 'space',
    colours: ['#e0a866', '#d97a5a', '#6f9fd9', '#b98fd9'],
    draw: drawPlanet,
  },
  {
    ...sky,
    name: 'cloud',
    words: 'smiling cloud,happy cloud,fluffy cloud',
    scale: 1.6,
    width: 180,
    home: 'clouds',
    colours: ['#f8f9fc'],
    draw: drawCloud,
  },
]
