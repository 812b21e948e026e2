// Owns furniture and what ticks on the wall or the wrist.
import { darken, lighten } from '../colour.ts'
import { box, disc, oval } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { contrast, hard, path, plain, soft, twice } from './brush.ts'

const wood = '#9a683f'

function drawChair(pen: Pen, look: Look): string {
  const c = look.main
  const seat = look.part('cushion', contrast(c, look.accent))
  return (
    pen.solid(hard('-20,-44 -14,-44 -18,0 -23,0') + hard('20,-44 26,-44 32,0 27,0'), darken(c, 0.2)) +
    pen.solid(soft('-26,-52 -31,-98 -22,-104 -19,-96 -18,-52'), c) +
    pen.solid(soft('14,-52 15,-96 19,-104 27,-98 23,-52'), c) +
    pen.solid(
      'M-28 -98Q-2 -108 24 -98V-88Q-2 -97 -28 -88ZM-27 -80Q-2 -88 23 -80V-72Q-2 -79 -27 -72Z',
      lighten(c, 0.1),
    ) +
    pen.line('M-14 -72V-54M-2 -74V-54M10 -72V-54', c, 3.4) +
    pen.solid(soft('-34,-46 -28,-56 -2,-59 24,-56 32,-46 24,-42 -26,-42'), seat) +
    pen.solid('M-36 -47H34Q34 -40 30 -39H-32Q-36 -40 -36 -47Z', c) +
    pen.solid(hard('-33,-40 -26,-40 -30,0 -36,0') + hard('25,-40 32,-40 38,0 32,0'), c) +
    pen.line('M-31 -18H33', darken(c, 0.12), 3)
  )
}

function drawArmchair(pen: Pen, look: Look): string {
  const c = look.main
  const cushion = look.part('cushion', contrast(c, look.accent))
  return (
    pen.solid(hard('-44,-8 -36,-8 -40,0 -44,0') + hard('44,-8 36,-8 40,0 44,0'), '#6a4632') +
    pen.solid(soft('-42,-24 -44,-72 -34,-98 0,-103 34,-98 44,-72 42,-24'), c) +
    pen.line('M-18 -86h.1M0 -88h.1M18 -86h.1M-10 -70h.1M10 -70h.1', darken(c, 0.35), 3.4) +
    pen.shade(soft('-34,-76 -26,-92 -4,-97 -18,-84 -26,-66'), '#ffffff', 0.22) +
    pen.solid(soft('-16,-38 -20,-58 -12,-64 12,-64 20,-58 16,-38'), cushion) +
    pen.line('M-10 -44L10 -58M-10 -58L10 -44', lighten(cushion, 0.35), 1.4) +
    pen.solid(box([-40, -40, 80, 18], 8), lighten(c, 0.12)) +
    pen.solid(box([-44, -26, 88, 19], 5), darken(c, 0.08)) +
    pen.solid(twice(soft, '-58,-10 -62,-46 -54,-58 -42,-54 -38,-42 -38,-10 -48,-6'), darken(c, 0.14)) +
    pen.solid(twice(soft, '-56,-46 -50,-54 -42,-50 -43,-42 -51,-40'), lighten(c, 0.06), plain)
  )
}

function drawSofa(pen: Pen, look: Look): string {
  const c = look.main
  const cushion = look.part('cushion', contrast(c, look.accent))
  return (
    pen.solid(hard('-92,-10 -82,-10 -86,0 -92,0') + hard('92,-10 82,-10 86,0 92,0'), '#6a4632') +
    pen.solid(soft('-88,-30 -90,-78 -76,-96 0,-100 76,-96 90,-78 88,-30'), c) +
    pen.line('M0 -97V-46', darken(c, 0.22), 2) +
    pen.shade(soft('-78,-70 -66,-88 -30,-92 -56,-82 -68,-62'), '#ffffff', 0.2) +
    pen.solid(soft('-72,-44 -76,-68 -50,-72 -44,-46'), cushion) +
    pen.solid(soft('74,-44 70,-70 46,-66 44,-44'), lighten(cushion, 0.4)) +
    pen.solid(box([-84, -50, 83, 24], 8) + box([1, -50, 83, 24], 8), lighten(c, 0.12)) +
    pen.solid(box([-90, -30, 180, 22], 5), darken(c, 0.08)) +
    pen.solid(twice(soft, '-106,-12 -112,-58 -102,-70 -86,-66 -82,-50 -82,-12 -94,-7'), darken(c, 0.15)) +
    pen.solid(twice(soft, '-104,-56 -98,-65 -88,-61 -89,-52 -98,-50'), lighten(c, 0.04), plain)
  )
}

function drawTable(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid(hard('-58,-70 -50,-70 -50,-6 -55,-6') + hard('58,-70 50,-70 50,-6 55,-6'), darken(c, 0.3)) +
    pen.solid(hard('-84,-78 -74,-78 -76,0 -82,0') + hard('84,-78 74,-78 76,0 82,0'), darken(c, 0.1)) +
    pen.solid(box([-80, -80, 160, 13]), darken(c, 0.2)) +
    pen.solid(soft('-96,-88 -88,-100 88,-100 96,-88 88,-82 -88,-82'), c) +
    pen.line('M-70 -94H-20M-40 -89H30M10 -95H66', darken(c, 0.16), 1.4)
  )
}

function drawDesk(pen: Pen, look: Look): string {
  const c = look.main
  const screen = look.night
    ? pen.emit(box([-26, -92, 52, 30], 1), '#9fd8ff')
    : pen.solid(box([-26, -92, 52, 30], 1), '#8fc4e0', plain)
  return (
    pen.solid(hard('70,-50 78,-50 76,0 70,0') + hard('-70,-50 -78,-50 -76,0 -70,0'), darken(c, 0.2)) +
    pen.solid(box([26, -50, 46, 40], 2), darken(c, 0.12)) +
    pen.line('M30 -36H68M30 -23H68', darken(c, 0.35), 1.4) +
    pen.solid(disc(49, -43, 2) + disc(49, -29.5, 2) + disc(49, -16.5, 2), '#e9c04d', plain) +
    pen.solid(box([-84, -56, 168, 8], 2), c) +
    pen.solid(box([-30, -96, 60, 38], 3), '#3a3844') +
    screen +
    pen.line('M-20 -84H4M-20 -78H14M-20 -72H-2', '#ffffff', 1.8) +
    pen.solid(hard('-5,-58 5,-58 10,-55 -10,-55'), '#8d95a0') +
    pen.line('M-66 -56V-76L-48 -88', '#c9963f', 2.6) +
    pen.glow([-46, -78, 26], '#ffdf9a', 0.6) +
    pen.solid(hard('-56,-90 -44,-98 -34,-84 -52,-78'), look.accent) +
    pen.solid(box([48, -68, 26, 4]) + box([50, -72, 22, 4]) + box([49, -76, 24, 4]), '#d9634a') +
    pen.solid(box([50, -72, 22, 4]), '#4f8fa5', plain)
  )
}

function drawBed(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid('M-104 0V-84Q-104 -98 -92 -98Q-82 -98 -82 -84V0Z', wood) +
    pen.solid('M92 0V-56Q92 -64 99 -64Q106 -64 106 -56V0Z', wood) +
    pen.solid(box([-90, -30, 188, 20], 3), darken(wood, 0.2)) +
    pen.solid(box([-86, -48, 182, 22], 8), '#f6f1e6') +
    pen.solid(soft('-80,-44 -82,-64 -60,-70 -34,-64 -34,-46'), '#ffffff') +
    pen.solid(soft('-40,-26 -42,-54 -20,-62 40,-58 92,-56 98,-26 60,-20 0,-20'), c) +
    pen.solid(soft('-42,-52 -20,-63 -8,-60 -12,-26 -38,-24'), lighten(c, 0.5)) +
    pen.line('M16 -54Q22 -40 16 -24M52 -54Q58 -40 52 -24', darken(c, 0.2), 1.8)
  )
}

function drawClock(pen: Pen, look: Look): string {
  const c = look.main
  const ticks = repeat(12, i => {
    const a = (i * Math.PI) / 6
    return path`M${Math.cos(a) * 30} ${-46 + Math.sin(a) * 30}L${Math.cos(a) * (i % 3 ? 33 : 26)} ${-46 + Math.sin(a) * (i % 3 ? 33 : 26)}`
  })
  const hour = look.rng.range(0, Math.PI * 2)
  const minute = hour * 12
  return (
    pen.line('M-26 -12L-36 0M26 -12L36 0', darken(c, 0.3), 6) +
    pen.line('M0 -92V-98', darken(c, 0.3), 5) +
    pen.solid(soft('-38,-76 -34,-96 -12,-98 -10,-90') + soft('38,-76 34,-96 12,-98 10,-90'), look.accent) +
    pen.solid(disc(0, -46, 45), c) +
    pen.solid(disc(0, -46, 36), '#fdf8ec') +
    pen.line(ticks, '#3a3440', 2.6) +
    pen.line(path`M0 -46L${Math.sin(hour) * 17} ${-46 - Math.cos(hour) * 17}`, '#3a3440', 4.4) +
    pen.line(path`M0 -46L${Math.sin(minute) * 26} ${-46 - Math.cos(minute) * 26}`, '#3a3440', 3) +
    pen.solid(disc(0, -46, 3.6), look.accent, plain) +
    pen.shade('M-38 -56A40 40 0 0 1 -14 -83A48 48 0 0 0 -38 -56Z', '#ffffff', 0.6)
  )
}

function drawWatch(pen: Pen, look: Look): string {
  const c = look.main
  const strap = look.part('strap', look.rng.pick(['#7a4a32', '#34323e', '#2f4f6f']))
  const ticks = repeat(12, i => {
    const a = (i * Math.PI) / 6
    return path`M${Math.cos(a) * 18} ${-50 + Math.sin(a) * 18}L${Math.cos(a) * 15} ${-50 + Math.sin(a) * 15}`
  })
  return (
    pen.solid('M-14 -70L-12 -100Q0 -104 12 -100L14 -70Z', strap) +
    pen.solid('M-14 -30L-11 0Q0 4 11 0L14 -30Z', strap) +
    pen.line('M-9 -72L-8 -98M9 -72L8 -98M-9 -28L-7 -3M9 -28L7 -3', lighten(strap, 0.3), 1) +
    pen.solid(disc(0, -9, 1.3) + disc(0, -15, 1.3) + disc(0, -21, 1.3), darken(strap, 0.4), plain) +
    pen.solid(box([25, -54, 7, 8], 2), darken(c, 0.2)) +
    pen.solid(disc(0, -50, 28), c) +
    pen.solid(disc(0, -50, 23), '#fdfaf2') +
    pen.line(ticks, '#3a3440', 1.6) +
    pen.solid(disc(0, -40, 5), '#e6e2d8', plain) +
    pen.line('M0 -50L-8 -59M0 -50L11 -60', '#3a3440', 2.2) +
    pen.line('M0 -50L6 -36', '#d9483f', 1.1) +
    pen.solid(disc(0, -50, 1.9), '#3a3440', plain) +
    pen.shade('M-21 -58A23 23 0 0 1 4 -72.6L-14 -36A23 23 0 0 1 -21 -58Z', '#ffffff', 0.5)
  )
}

function drawHourglass(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid(
      'M-22 -92H22C22 -66 4 -60 4 -50C4 -40 22 -34 22 -8H-22C-22 -34 -4 -40 -4 -50C-4 -60 -22 -66 -22 -92Z',
      '#e3f1f5',
      { opacity: 0.8 },
    ) +
    pen.solid('M-18 -74Q0 -70 18 -74C14 -62 3 -58 2 -50H-2C-3 -58 -14 -62 -18 -74Z', '#f2c46a', plain) +
    pen.line('M0 -52V-14', '#f2c46a', 1.8) +
    pen.solid('M-20 -8C-18 -22 -8 -28 0 -30C8 -28 18 -22 20 -8Z', '#f2c46a', plain) +
    pen.shade(soft('-17,-86 -13,-86 -11,-72 -6,-62 -14,-68'), '#ffffff', 0.7) +
    pen.line('M-27 -94V-6M27 -94V-6', darken(c, 0.1), 4) +
    pen.solid(box([-33, -101, 66, 10], 4) + box([-33, -10, 66, 10], 4), c) +
    pen.solid(oval([0, -96, 20, 1.6]), lighten(c, 0.35), plain)
  )
}

const indoors = { habitat: 'ground', home: 'room' } as const

export const furniture: readonly Subject[] = [
  {
    ...indoors,
    name: 'chair',
    words: 'chair,stool,rocking chair,throne',
    scale: 0.9,
    width: 74,
    colours: ['#a9713f', '#7a4f35', '#d9a25c'],
    seat: [0, -56],
    draw: drawChair,
  },
  {
    ...indoors,
    name: 'armchair',
    words: 'armchair,easy chair,recliner',
    scale: 0.95,
    width: 122,
    colours: ['#3f7f86', '#d9805a', '#8a5f8f', '#d9a83f'],
    seat: [0, -40],
    draw: drawArmchair,
  },
  {
    ...indoors,
    name: 'sofa',
    words: 'sofa,couch,settee,loveseat',
    scale: 0.9,
    width: 220,
    colours: ['#4f7fa5', '#c9705a', '#5f8f7a'],
    seat: [0, -50],
    draw: drawSofa,
  },
  {
    ...indoors,
    name: 'table',
    words: 'round table,side table,bench,furniture',
    scale: 0.75,
    width: 192,
    colours: ['#b07d4a', '#8a5a37'],
    seat: [0, -99],
    draw: drawTable,
  },
  {
    ...indoors,
    name: 'desk',
    words: 'writing desk,workstation,workspace,computer',
    scale: 1,
    width: 168,
    colours: ['#b98752', '#8a5f42'],
    draw: drawDesk,
  },
  {
    ...indoors,
    name: 'bed',
    words: 'bed,cradle',
    scale: 0.8,
    width: 212,
    colours: ['#4f7fb5', '#d97a8a', '#7fa58a'],
    seat: [10, -58],
    draw: drawBed,
  },
  {
    habitat: 'surface',
    home: 'room',
    name: 'clock',
    words: 'clock,alarm clock,alarm',
    scale: 0.3,
    width: 92,
    colours: ['#3f8f95', '#d9634a', '#e0a53c'],
    draw: drawClock,
  },
  {
    habitat: 'surface',
    home: 'studio',
    name: 'watch',
    words: 'watch,wristwatch,smartwatch,pocket watch',
    scale: 0.16,
    width: 66,
    colours: ['#c9ced6', '#e0b04a', '#d9a088'],
    draw: drawWatch,
  },
  {
    habitat: 'surface',
    home: 'table',
    name: 'hourglass',
    words: 'hourglass,sandglass',
    scale: 0.28,
    width: 68,
    colours: ['#a9713f', '#8a5a37'],
    draw: drawHourglass,
  },
]
