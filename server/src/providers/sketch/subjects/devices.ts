// Owns devices, books and play.
import { darken, lighten, mix } from '../colour.ts'
import { box, disc, oval } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { hard, path, plain, soft, twice } from './brush.ts'

function drawCamera(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.line('M-66 -62C-96 -30 -84 -2 -50 -4M66 -62C96 -30 84 -2 50 -4', '#6a4632', 4.4) +
    pen.solid(hard('-26,-78 -18,-96 18,-96 26,-78'), lighten(c, 0.1)) +
    pen.solid(box([-12, -92, 24, 11], 3), '#d9eef4') +
    pen.solid(box([-60, -86, 22, 10], 3) + box([40, -88, 16, 12], 3), '#b8c0c9') +
    pen.solid(box([-70, -80, 140, 74], 9), c) +
    pen.solid(box([-70, -62, 140, 42]), darken(c, 0.4)) +
    pen.solid(disc(0, -42, 33), '#c9ced6') +
    pen.solid(disc(0, -42, 27), '#2f2d38') +
    pen.solid(disc(0, -42, 19), '#3f5f8a') +
    pen.solid(disc(0, -42, 10), '#1f2a44', plain) +
    pen.shade(disc(-8, -51, 5) + disc(7, -34, 2.6), '#ffffff', 0.85) +
    pen.solid(box([44, -74, 18, 9], 2), '#fff0b8') +
    pen.emit(disc(-54, -70, 3), '#ff5a4a')
  )
}

function drawLaptop(pen: Pen, look: Look): string {
  const c = look.main
  const glow = look.night ? pen.glow([0, -54, 80], '#9fd8ff', 0.5) : ''
  return (
    glow +
    pen.solid(box([-62, -92, 124, 82], 6), '#34323e') +
    (look.night
      ? pen.emit(box([-56, -86, 112, 70], 2), '#a9dcff')
      : pen.solid(box([-56, -86, 112, 70], 2), pen.gradient(['#8fd0f0', '#c9b0ee']))) +
    pen.solid('M-56 -30L-24 -58L-4 -40L18 -64L56 -28V-16H-56Z', mix('#5a7fb5', '#8a6fc0', 0.4), plain) +
    pen.emit(disc(30, -70, 7), '#fff2b8') +
    pen.solid('M-62 -12H62L82 -3Q82 0 78 0H-78Q-82 0 -82 -3Z', c) +
    pen.solid('M-50 -9.6H50L54 -5.6H-54Z', darken(c, 0.35), plain) +
    pen.shade(hard('-56,-86 -20,-86 -50,-16 -56,-16'), '#ffffff', 0.2)
  )
}

function drawPhone(pen: Pen, look: Look): string {
  const c = look.main
  const icons = repeat(12, i =>
    pen.solid(
      box([-19 + (i % 3) * 14, -78 + Math.floor(i / 3) * 15, 10, 10], 3),
      ['#f7b53a', '#e8604f', '#5fb8e0', '#7fcf7a', '#b08fe0'][i % 5] ?? '#f7b53a',
      plain,
    ),
  )
  return (
    (look.night ? pen.glow([0, -50, 60], '#9fd8ff', 0.5) : '') +
    pen.solid(box([-27, -100, 54, 100], 9), c) +
    pen.solid(box([-23.6, -95, 47.2, 90], 6), pen.gradient(['#3f4f9c', '#b55f9c', '#f2a57a'])) +
    pen.solid(box([-8, -94, 16, 4], 2), '#1f1a28', plain) +
    icons +
    pen.solid(box([-20, -17, 40, 10], 4), mix('#ffffff', c, 0.2), { plain: true, opacity: 0.6 }) +
    pen.line('M27 -72V-60', darken(c, 0.3), 2) +
    pen.shade(hard('-23,-92 -4,-95 -18,-6 -23,-10'), '#ffffff', 0.14)
  )
}

function drawHeadphones(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.line('M-40 -36C-46 -112 46 -112 40 -36', darken(c, 0.2), 9) +
    pen.line('M-26 -82C-12 -98 12 -98 26 -82', lighten(c, 0.35), 4) +
    pen.solid(twice(soft, '-32,-56 -22,-50 -20,-28 -22,-6 -32,0 -36,-28'), '#34323e') +
    pen.solid(twice(soft, '-36,-52 -46,-54 -54,-40 -54,-18 -46,-4 -36,-6'), c) +
    pen.shade(soft('-50,-38 -46,-48 -42,-48 -46,-22'), '#ffffff', 0.4) +
    pen.solid(disc(-46, -29, 3) + disc(46, -29, 3), look.accent, plain)
  )
}

function drawTelevision(pen: Pen, look: Look): string {
  const c = look.main
  const bars = ['#f7e9c8', '#f7c53a', '#5fc8c0', '#6fb54a', '#d97ab5', '#d9483f', '#4f6fc0']
  return (
    pen.line('M-4 -84L-30 -108M4 -84L28 -110', '#6d7480', 2.6) +
    pen.solid(disc(-30, -108, 3) + disc(28, -110, 3), '#c9ced6') +
    pen.solid(hard('-46,-10 -38,-10 -46,2 -52,2') + hard('46,-10 38,-10 46,2 52,2'), '#5a3826') +
    pen.solid(box([-66, -86, 132, 78], 11), c) +
    pen.solid(box([-56, -78, 86, 62], 12), '#2f2d38') +
    repeat(7, i =>
      pen.solid(
        box([-51 + i * 10.8, -73, 10.9, 52], i === 0 || i === 6 ? 4 : 0),
        bars[i] ?? '#f7e9c8',
        plain,
      ),
    ) +
    pen.solid(disc(48, -64, 8) + disc(48, -44, 8), '#e9dcc0') +
    pen.line('M48 -64V-70M48 -44L53 -48M40 -28H56M40 -22H56', '#5a4a42', 2) +
    pen.shade(hard('-52,-72 -24,-74 -44,-20 -52,-22'), '#ffffff', 0.25)
  )
}

function drawRadio(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.line('M-46 -72V-84H46V-72', darken(c, 0.3), 5) +
    pen.line('M50 -72L72 -108', '#8d95a0', 2.2) +
    pen.solid(box([-66, -74, 132, 74], 12), c) +
    pen.solid(disc(-30, -36, 27), lighten(c, 0.55)) +
    pen.line(
      repeat(5, i => path`M${-50 + Math.abs(2 - i) * 5} ${-52 + i * 8}H${-10 - Math.abs(2 - i) * 5}`),
      darken(c, 0.35),
      2.4,
    ) +
    pen.solid(box([8, -62, 48, 17], 4), '#fdf3d0') +
    pen.line('M14 -54H50M20 -58V-50M30 -58V-50M40 -58V-50', '#8a6a4a', 1) +
    pen.line('M34 -61V-47', '#d9483f', 1.8) +
    pen.solid(disc(20, -24, 10) + disc(46, -24, 10), '#e9dcc0') +
    pen.line('M20 -24V-31M46 -24L51 -29', '#5a4a42', 2.2)
  )
}

function drawBooks(pen: Pen, look: Look): string {
  const c = look.main
  const tones = [c, '#d9a53f', '#4f8f7a', '#7a5fa5']
  return (
    repeat(4, i => {
      const y = -22 - i * 20
      const shift = [0, 6, -5, 3][i] ?? 0
      const w = [58, 52, 55, 46][i] ?? 50
      const tone = i === 0 ? c : look.asked ? mix(c, i % 2 ? '#f7e6c8' : '#2f2a3a', 0.28) : (tones[i] ?? c)
      return (
        pen.solid(box([-w + shift, y, w * 2, 19], 4), tone) +
        pen.solid(
          path`M${w + shift} ${y + 3}H${-w + 14 + shift}Q${-w + 10 + shift} ${y + 9.6} ${-w + 14 + shift} ${y + 16}H${w + shift}Z`,
          '#fbf4e2',
          plain,
        ) +
        pen.line(
          path`M${-w + 18 + shift} ${y + 7}H${w - 2 + shift}M${-w + 18 + shift} ${y + 12}H${w - 2 + shift}`,
          '#d9cfb8',
          1,
        ) +
        pen.line(path`M${-w + 5 + shift} ${y + 4}V${y + 15}`, lighten(tone, 0.5), 2)
      )
    }) + pen.line('M38 -82Q44 -70 42 -58', look.accent, 3.4)
  )
}

function drawOpenBook(pen: Pen, look: Look): string {
  const c = look.main
  const lines = repeat(
    6,
    i =>
      path`M-62 ${-58 + i * 8}Q-36 ${-68 + i * 8} -10 ${-56 + i * 8}M62 ${-58 + i * 8}Q36 ${-68 + i * 8} 10 ${-56 + i * 8}`,
  )
  const magic = look.has('glowing') || look.has('lit') ? pen.glow([0, -60, 70], '#ffe9a0', 0.8) : ''
  return (
    magic +
    pen.solid('M-78 -70Q-36 -84 0 -62Q36 -84 78 -70V-8Q36 -18 0 0Q-36 -18 -78 -8Z', c) +
    pen.solid('M-72 -74Q-34 -86 0 -64V-6Q-34 -24 -72 -13Z', '#fdf8ea') +
    pen.solid('M72 -74Q34 -86 0 -64V-6Q34 -24 72 -13Z', '#fbf3de') +
    pen.line(lines, '#a99f8f', 1.5) +
    pen.shade('M0 -64Q-10 -70 -18 -72V-16Q-8 -12 0 -6Q8 -12 18 -16V-72Q10 -70 0 -64Z', '#8a6a4a', 0.18) +
    pen.line('M24 -76Q28 -50 26 -6L30 -12L34 -6Q36 -40 32 -78', look.accent, 3)
  )
}

function drawChess(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid(soft('-34,-2 -32,-12 -20,-18 20,-18 32,-12 34,-2 20,0 -20,0'), darken(c, 0.1)) +
    pen.solid(
      'M-22 -17Q-18 -36 -8 -46C-20 -44 -28 -48 -32 -56C-36 -64 -26 -76 -16 -84L-14 -100L-4 -90C16 -90 28 -70 24 -46C22 -34 20 -26 22 -17Z',
      c,
    ) +
    pen.shade(
      'M6 -88C22 -84 28 -66 24 -46C22 -34 20 -26 22 -17H10C12 -40 18 -66 6 -88Z',
      darken(c, 0.7),
      0.28,
    ) +
    pen.line('M2 -86Q20 -74 18 -44', darken(c, 0.35), 2.2) +
    pen.solid(disc(-10, -74, 2.8), darken(c, 0.6), plain) +
    pen.line('M-30 -56Q-24 -54 -20 -57', darken(c, 0.5), 1.8) +
    pen.line('M-24 -20Q0 -15 24 -20', lighten(c, 0.4), 2.4)
  )
}

function drawTeddy(pen: Pen, look: Look): string {
  const c = look.main
  const pale = lighten(c, 0.55)
  return (
    pen.solid(twice(soft, '-18,-18 -40,-20 -46,-8 -34,0 -16,-4'), darken(c, 0.06)) +
    pen.solid(oval([-38, -10, 6.4, 7.4]) + oval([38, -10, 6.4, 7.4]), pale, plain) +
    pen.solid(twice(soft, '-18,-46 -36,-40 -42,-26 -32,-22 -20,-32'), darken(c, 0.1)) +
    pen.solid(oval([0, -28, 25, 27]), c) +
    pen.solid(oval([0, -24, 15, 16]), pale, plain) +
    pen.solid(disc(-21, -90, 10) + disc(21, -90, 10), c) +
    pen.solid(disc(-21, -90, 5.4) + disc(21, -90, 5.4), pale, plain) +
    pen.solid(oval([0, -74, 28, 24]), c) +
    pen.solid(oval([0, -66, 13, 10]), pale, plain) +
    pen.solid(disc(-11, -78, 3.4) + disc(11, -78, 3.4), '#2a2230', plain) +
    pen.emit(disc(-10, -79.2, 1.1) + disc(12, -79.2, 1.1), '#ffffff') +
    pen.solid(oval([0, -70, 4.4, 3]), '#4a2e28', plain) +
    pen.line('M0 -67v3M-5 -62q5 4 10 0', '#4a2e28', 1.4) +
    pen.solid(
      soft('0,-49 -14,-56 -17,-46 -13,-40') + soft('0,-49 14,-56 17,-46 13,-40') + disc(0, -48, 4),
      look.accent,
    )
  )
}

const surface = { habitat: 'surface', home: 'table' } as const

export const devices: readonly Subject[] = [
  {
    ...surface,
    name: 'camera',
    words: 'camera,vintage camera,polaroid',
    scale: 0.2,
    width: 174,
    colours: ['#b9c0c9', '#8a5a3f', '#4f8f95'],
    draw: drawCamera,
  },
  {
    ...surface,
    name: 'laptop',
    words: 'laptop,notebook,macbook,tablet',
    scale: 0.3,
    width: 164,
    colours: ['#c9ced6', '#5a5f6c'],
    draw: drawLaptop,
  },
  {
    ...surface,
    name: 'phone',
    words: 'phone,smartphone,iphone,cell phone,mobile phone,telephone,cellphone',
    scale: 0.2,
    width: 56,
    colours: ['#34323e', '#d9a5b0', '#4f6fa5'],
    draw: drawPhone,
  },
  {
    ...surface,
    name: 'headphones',
    words: 'headphones,headphone,headset,earphone',
    scale: 0.24,
    width: 112,
    colours: ['#d9634a', '#3f6fa5', '#e9dcc8'],
    draw: drawHeadphones,
  },
  {
    ...surface,
    home: 'room',
    name: 'television',
    words: 'television,tv,television set,monitor',
    scale: 0.55,
    width: 134,
    colours: ['#a9713f', '#4f9c94', '#d9634a'],
    draw: drawTelevision,
  },
  {
    ...surface,
    name: 'radio',
    words: 'radio,boombox,speaker,gramophone,record player',
    scale: 0.3,
    width: 138,
    colours: ['#4f9c94', '#d9634a', '#e0a53c'],
    draw: drawRadio,
  },
  {
    ...surface,
    name: 'books',
    words: 'stack of book,pile of book,books',
    scale: 0.28,
    width: 122,
    colours: ['#c9503f', '#3f6f9c'],
    seat: [0, -100],
    draw: drawBooks,
  },
  {
    ...surface,
    name: 'book',
    words: 'book,open book,novel,spellbook,diary,journal,magazine',
    scale: 0.28,
    width: 158,
    colours: ['#b5473c', '#3f6f8f', '#5f7f4f', '#6a4f8a'],
    draw: drawOpenBook,
  },
  {
    ...surface,
    name: 'chess piece',
    words: 'chess,chess piece,chess knight,pawn,chessboard',
    scale: 0.2,
    width: 70,
    colours: ['#f0e3c8', '#4a3a38'],
    draw: drawChess,
  },
  {
    ...surface,
    name: 'teddy bear',
    words: 'teddy,teddy bear,stuffed animal,plush,doll,toy',
    scale: 0.3,
    width: 94,
    colours: ['#c9925a', '#a9703f', '#e3b98a'],
    head: [0, -76, 27],
    draw: drawTeddy,
  },
]
