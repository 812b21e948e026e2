// Owns musical instruments and the tools of those who write, watch and search.
import { darken, lighten, mix } from '../colour.ts'
import { box, disc, oval, place } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { hard, limb, path, plain, soft } from './brush.ts'

function drawGuitar(pen: Pen, look: Look): string {
  const c = look.main
  const guitar =
    pen.solid(hard('-4,-52 4,-52 3.4,-92 -3.4,-92'), '#5a3826') +
    pen.line(
      repeat(6, i => path`M-3.6 ${-58 - i * 5.6}H3.6`),
      '#d9c9a8',
      0.8,
    ) +
    pen.solid(soft('-6,-91 -7,-104 0,-107 7,-104 6,-91'), darken(c, 0.45)) +
    pen.solid(disc(-8, -101, 1.9) + disc(-8, -95, 1.9) + disc(8, -101, 1.9) + disc(8, -95, 1.9), '#e3dccb') +
    pen.solid(
      soft('-17,-46 -10,-57 10,-57 17,-46 14,-36 18,-28 25,-16 20,-2 0,2 -20,-2 -25,-16 -18,-28 -14,-36'),
      darken(c, 0.3),
    ) +
    pen.solid(
      soft(
        '-14.6,-46 -9,-54 9,-54 14.6,-46 12,-36 15,-27 21.6,-16 17,-4.6 0,-1 -17,-4.6 -21.6,-16 -15,-27 -12,-36',
      ),
      c,
      plain,
    ) +
    pen.solid(disc(0, -34, 7.4), lighten(c, 0.45), plain) +
    pen.solid(disc(0, -34, 6), '#2f201c', plain) +
    pen.solid(box([-9, -14, 18, 4], 1.4), '#4a2e22') +
    pen.line('M-2.4 -12V-102M-0.8 -12V-102M0.8 -12V-102M2.4 -12V-102', '#f4ecd8', 0.5) +
    pen.shade(soft('-17,-18 -12,-27 -8,-28 -12,-14'), '#ffffff', 0.35)
  return place(guitar, [-4, 0], { turn: 9 })
}

function drawViolin(pen: Pen, look: Look): string {
  const c = look.main
  const violin =
    pen.solid(hard('-3,-50 3,-50 2.4,-88 -2.4,-88'), '#2f2428') +
    pen.line('M0 -88C-1 -102 10 -104 9 -96C8 -92 3 -93 4 -97', darken(c, 0.25), 3.4) +
    pen.line('M-7 -90H7M-6 -94H5', '#2f2428', 2) +
    pen.solid(
      soft(
        '-15,-46 -11,-56 0,-58 11,-56 15,-46 12,-38 9,-33 12,-28 19,-16 15,-3 0,1 -15,-3 -19,-16 -12,-28 -9,-33 -12,-38',
      ),
      c,
    ) +
    pen.line('M-6.6 -36q-3 5 0 8q2 3 -0.6 6M6.6 -36q3 5 0 8q-2 3 0.6 6', '#3a2018', 1.6) +
    pen.solid(hard('-3,-22 3,-22 2,-4 -2,-4'), '#2f2428') +
    pen.solid(box([-6, -28, 12, 2.6], 1), '#ead6ac') +
    pen.line('M-1.6 -6V-88M0 -6V-88M1.6 -6V-88', '#f4ecd8', 0.45) +
    pen.shade(soft('-12,-16 -9,-25 -6,-25 -8,-12'), '#ffffff', 0.4)
  return (
    place(violin, [-6, 0], { turn: -6 }) +
    pen.line('M26 -2L36 -98', '#7a4a32', 2) +
    pen.line('M29 -4L38.6 -96', '#f4ecd8', 1.2)
  )
}

function drawPiano(pen: Pen, look: Look): string {
  const c = look.main
  const keys = repeat(17, i => path`M${-56 + i * 7} -42V-34`)
  const blacks = repeat(17, i => (i % 7 === 2 || i % 7 === 6 ? '' : box([-51.6 + i * 7, -42, 3.4, 5])))
  return (
    pen.line('M-2 -62L26 -92', darken(c, 0.3), 2.4) +
    pen.solid(soft('-60,-60 -44,-88 -6,-104 40,-96 68,-76 62,-62'), darken(c, 0.05)) +
    pen.shade(soft('-44,-68 -30,-86 -4,-96 30,-90 0,-84 -26,-70'), '#ffffff', 0.16) +
    pen.solid(
      hard('-56,-34 -48,-34 -50,0 -54,0') + hard('56,-34 64,-34 62,0 58,0') + hard('6,-34 12,-34 11,-6 7,-6'),
      darken(c, 0.15),
    ) +
    pen.solid(box([-64, -62, 134, 18], 3), c) +
    pen.solid(box([-66, -46, 138, 14], 3), darken(c, 0.12)) +
    pen.solid(box([-60, -42, 126, 8]), '#fdfaf2') +
    pen.line(keys, '#b9b3ac', 0.8) +
    pen.solid(blacks, '#1f1a22', plain) +
    pen.solid(hard('-18,-62 -20,-80 16,-80 14,-62'), '#fdf8ec') +
    pen.line('M-14 -75H10M-14 -70H10M-13 -66H9', '#8a8580', 1) +
    pen.line('M-4 -2q4 4 8 0M10 -2q4 4 8 0', '#e0b04a', 2) +
    pen.solid(soft('-26,-18 26,-18 26,-12 -26,-12'), look.accent) +
    pen.solid(hard('-22,-13 -18,-13 -20,2 -23,2') + hard('22,-13 18,-13 20,2 23,2'), darken(c, 0.2))
  )
}

function drawDrum(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid('M-46 -70V-12Q0 6 46 -12V-70Z', c) +
    pen.line('M-46 -60L-30 -6L-14 -54L2 -1L18 -54L32 -6L46 -60', '#fbf4e2', 2.2) +
    pen.solid('M-48 -16Q0 3 48 -16V-8Q0 12 -48 -8Z', '#e9b840') +
    pen.solid('M-48 -72Q0 -54 48 -72V-62Q0 -44 -48 -62Z', '#e9b840') +
    pen.solid(oval([0, -72, 48, 13]), '#fdf8ec') +
    pen.line('M-10 -74L-52 -98M12 -74L56 -96', '#a9713f', 3.6) +
    pen.solid(disc(-9, -74, 4.6) + disc(11, -74, 4.6), '#8a5a37')
  )
}

function drawTrumpet(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.line('M-78 -54H30M-30 -54C-52 -54 -52 -20 -28 -20H16C36 -20 36 -54 18 -54', c, 7) +
    pen.solid('M20 -58C44 -60 56 -74 78 -92C86 -66 86 -40 78 -16C56 -34 44 -48 20 -50Z', c) +
    pen.solid(oval([79, -54, 6, 38]), darken(c, 0.3)) +
    pen.solid(hard('-90,-62 -76,-57 -76,-51 -90,-46'), lighten(c, 0.3)) +
    repeat(
      3,
      i =>
        pen.solid(box([-20 + i * 13, -70, 8, 56], 3), lighten(c, 0.16)) +
        pen.line(path`M${-16 + i * 13} -70v-8`, darken(c, 0.2), 2.4) +
        pen.solid(oval([-16 + i * 13, -79, 5, 2.4]), '#fdf8ec'),
    ) +
    pen.shade(soft('30,-60 50,-70 72,-86 56,-66 40,-57'), '#ffffff', 0.5)
  )
}

function drawTelescope(pen: Pen, look: Look): string {
  const c = look.main
  const tube =
    pen.solid(hard('-54,-7 -30,-8 -30,8 -54,7'), darken(c, 0.3)) +
    pen.solid(hard('-32,-10 14,-12 14,12 -32,10'), c) +
    pen.solid(hard('10,-14 56,-17 56,17 10,14'), lighten(c, 0.08)) +
    pen.solid(box([50, -19, 9, 38], 2) + box([-34, -11, 6, 22], 2) + box([8, -15, 6, 30], 2), '#e0b04a') +
    pen.solid(oval([59, 0, 4, 17]), '#a9dcec') +
    pen.shade(hard('-28,-7 12,-9 52,-12 52,-7 12,-5 -28,-4'), '#ffffff', 0.4)
  return (
    pen.line('M0 -46L-30 0M0 -46L30 0M0 -46V-2', '#7a5238', 4.4) +
    pen.solid(disc(0, -48, 7), '#e0b04a') +
    place(tube, [2, -62], { turn: -32 })
  )
}

function drawGlobe(pen: Pen, look: Look): string {
  const sea = look.main
  const land = '#7fb45a'
  return (
    pen.solid('M-24 -2Q0 -16 24 -2L22 0H-22Z', '#8a5a37') +
    pen.line('M0 -8V-18', '#8a5a37', 5) +
    pen.line('M-22 -96A46 46 0 1 0 34 -24', '#d9a83f', 4.4) +
    pen.solid(disc(0, -58, 38), sea) +
    pen.solid(
      soft('-30,-70 -22,-86 -6,-90 2,-82 -4,-74 -12,-68 -10,-58 -20,-60') +
        soft('-14,-54 -4,-52 -2,-42 -10,-28 -16,-38') +
        soft('8,-78 20,-86 32,-74 34,-60 24,-56 22,-44 14,-38 10,-52 6,-64'),
      land,
      plain,
    ) +
    pen.shade('M18 -91A38 38 0 0 1 4 -20.2A50 50 0 0 0 18 -91Z', '#1a1640', 0.2) +
    pen.shade(soft('-28,-62 -24,-80 -12,-90 -16,-76 -22,-60'), '#ffffff', 0.4) +
    pen.solid(disc(-22, -97, 3) + disc(34, -24, 3), '#d9a83f')
  )
}

function drawTypewriter(pen: Pen, look: Look): string {
  const c = look.main
  const keys = repeat(24, i =>
    disc(-42 + (i % 8) * 12 + Math.floor(i / 8) * -2, -26 + Math.floor(i / 8) * 8.6, 3.6),
  )
  return (
    pen.solid(hard('-34,-66 -36,-104 36,-104 34,-66'), '#fdf8ec') +
    pen.line('M-26 -96H20M-26 -90H26M-26 -84H10M-26 -78H22', '#8a8580', 1.3) +
    pen.solid(box([-60, -72, 120, 13], 6), '#3a3440') +
    pen.solid(disc(-62, -65, 7) + disc(62, -65, 7), '#6d7480') +
    pen.solid(hard('-50,-60 50,-60 58,-34 -58,-34'), c) +
    pen.solid(box([-26, -54, 52, 9], 3), darken(c, 0.35), plain) +
    pen.solid('M-58 -34H58L68 -2Q68 2 64 2H-64Q-68 2 -68 -2Z', darken(c, 0.12)) +
    pen.solid(keys, '#fdf8ec') +
    pen.solid(box([-28, -4, 56, 4], 2), '#fdf8ec', plain) +
    pen.line('M-62 -70L-74 -84', '#8d95a0', 3) +
    pen.shade(hard('-46,-58 -10,-58 -14,-36 -52,-36'), '#ffffff', 0.16)
  )
}

function drawMagnifier(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid(limb('14,-32,6 30,-14,6.4 40,-3,6'), c) +
    pen.line('M10 -38L18 -28', '#c9ced6', 6) +
    pen.solid(disc(-10, -62, 36), '#c9ced6') +
    pen.solid(disc(-10, -62, 29), '#cfeaf2') +
    pen.shade(soft('-32,-60 -28,-78 -14,-86 -20,-72 -26,-56'), '#ffffff', 0.8) +
    pen.shade(disc(4, -50, 4), '#ffffff', 0.6)
  )
}

function drawPalette(pen: Pen, look: Look): string {
  const c = look.main
  const dabs = ['#d9483f', '#f2a53a', '#f7d64a', '#5fae5a', '#4f8fd9', '#8a5fc0', look.accent]
  return (
    pen.solid(
      'M-64 -44C-64 -82 -24 -96 14 -92C48 -88 68 -68 64 -46C60 -30 44 -36 32 -30C20 -22 30 -8 12 -2C-24 4 -64 -12 -64 -44ZM-6 -18A9 7 0 0 0 12 -18A9 7 0 0 0 -6 -18Z',
      c,
    ) +
    repeat(7, i => {
      const a = Math.PI * (0.86 + i * 0.19)
      return pen.solid(
        soft(
          `${Math.cos(a) * 42 - 9},${-50 + Math.sin(a) * 28} ${Math.cos(a) * 42},${-58 + Math.sin(a) * 28} ${Math.cos(a) * 42 + 9},${-50 + Math.sin(a) * 28} ${Math.cos(a) * 42},${-43 + Math.sin(a) * 28}`,
        ),
        dabs[i] ?? '#d9483f',
      )
    }) +
    pen.line('M2 -14L62 -100', mix(c, '#5a3826', 0.7), 3.6) +
    pen.line('M56 -91L61 -98', '#c9ced6', 5) +
    pen.solid(soft('58,-100 64,-96 74,-114 62,-106'), '#4f8fd9')
  )
}

const surface = { habitat: 'surface', home: 'table' } as const
const floor = { habitat: 'ground', home: 'room' } as const

export const instruments: readonly Subject[] = [
  {
    ...floor,
    name: 'guitar',
    words: 'guitar,ukulele,banjo,acoustic guitar,electric guitar,lute',
    scale: 0.62,
    width: 62,
    colours: ['#d9964a', '#b5562f', '#c9473f'],
    draw: drawGuitar,
  },
  {
    ...floor,
    name: 'violin',
    words: 'violin,cello,fiddle,viola',
    scale: 0.5,
    width: 78,
    colours: ['#b5652f', '#a5502a'],
    draw: drawViolin,
  },
  {
    ...floor,
    name: 'piano',
    words: 'piano,grand piano,keyboard,organ',
    scale: 1.1,
    width: 140,
    colours: ['#2f2c38', '#5a3a30'],
    draw: drawPiano,
  },
  {
    ...floor,
    name: 'drum',
    words: 'drum,drum kit,tambourine',
    scale: 0.4,
    width: 116,
    colours: ['#d9483f', '#3f7fb5'],
    draw: drawDrum,
  },
  {
    ...surface,
    name: 'trumpet',
    words: 'trumpet,saxophone,horn instrument,trombone,french horn,bugle',
    scale: 0.3,
    width: 182,
    colours: ['#e9b840'],
    draw: drawTrumpet,
  },
  {
    ...floor,
    name: 'telescope',
    words: 'telescope,spyglass',
    scale: 0.8,
    width: 114,
    colours: ['#4f6fa5', '#8a4f43'],
    draw: drawTelescope,
  },
  {
    ...surface,
    name: 'globe',
    words: 'globe,world globe,earth,world,terrestrial globe',
    scale: 0.34,
    width: 96,
    colours: ['#4f9fd0'],
    draw: drawGlobe,
  },
  {
    ...surface,
    name: 'typewriter',
    words: 'typewriter',
    scale: 0.3,
    width: 142,
    colours: ['#4f9c94', '#d9634a', '#3f4a5a'],
    draw: drawTypewriter,
  },
  {
    ...surface,
    name: 'magnifying glass',
    words: 'magnifying glass,magnifier,loupe',
    scale: 0.2,
    width: 94,
    colours: ['#7a4a32', '#34323e'],
    draw: drawMagnifier,
  },
  {
    ...surface,
    name: 'palette',
    words: 'paint palette,artist palette,paintbrush,paint brush,palette',
    scale: 0.3,
    width: 132,
    colours: ['#d9a96a'],
    draw: drawPalette,
  },
]
