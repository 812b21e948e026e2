// Owns buildings that stand for a place: lighthouse, castle, temple, bridge and their kind.
import { darken, lighten, mix } from '../colour.ts'
import { box, disc, oval, type Point } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { hard, path, plain, soft } from './brush.ts'
import { drawWindow } from './homes.ts'

function drawLighthouse(pen: Pen, look: Look): string {
  const c = look.main
  const top = look.part('roof', c)
  const beam = look.night
    ? pen.shade(hard('2,-84 112,-112 112,-58 2,-82'), '#ffe9a0', 0.34) +
      pen.shade(hard('-2,-84 -112,-104 -112,-66 -2,-82'), '#ffe9a0', 0.22) +
      pen.glow([0, -83, 32], '#ffe08a', 0.9)
    : ''
  const y = (k: number): number => -8 - k * 13.4
  const half = (k: number): number => 16 - k * 1.5
  const bands = repeat(5, k =>
    pen.solid(
      path`M${-half(k)} ${y(k)}L${-half(k + 1)} ${y(k + 1)}H${half(k + 1)}L${half(k)} ${y(k)}Q0 ${y(k) + 4} ${-half(k)} ${y(k)}Z`,
      k % 2 === 0 ? c : '#fbf6ea',
    ),
  )
  return (
    pen.solid(soft('-40,0 -36,-10 -20,-14 0,-13 22,-15 36,-9 42,0'), '#8d8580') +
    pen.shade(soft('8,-13 22,-15 36,-9 42,0 18,0'), '#3a3444', 0.25) +
    bands +
    pen.shade(hard('5,-8 3,-75 8.5,-75 16,-8'), '#2a2350', 0.2) +
    pen.solid('M-5 -9V-18Q0 -25 5 -18V-9Z', '#5a4138') +
    drawWindow(pen, look, [-2.4, -40, 4.8, 7]) +
    drawWindow(pen, look, [-2.4, -63, 4.8, 6]) +
    pen.solid(box([-13, -79, 26, 4.6], 1.4), '#4a4650') +
    pen.line('M-12 -79V-85M-6 -79V-85M6 -79V-85M12 -79V-85M-13 -85H13', '#4a4650', 1.3) +
    (look.night
      ? pen.emit(box([-7.6, -90, 15.2, 12]), '#fff1b8')
      : pen.solid(box([-7.6, -90, 15.2, 12]), '#cfe8f0')) +
    pen.line('M0 -90V-79M-4 -90V-79M4 -90V-79', '#4a4650', 1) +
    pen.solid('M-11 -89Q-8 -100 0 -101Q8 -100 11 -89Z', top) +
    pen.line('M0 -101V-106', '#4a4650', 1.6) +
    pen.solid(disc(0, -106.4, 1.7), '#e9c04d') +
    beam
  )
}

function battlement([left, top]: Point, width: number): string {
  const step = width / 5
  return path`M${left} ${top + 6}V${top}h${step}v4h${step}v-4h${step}v4h${step}v-4h${step}V${top + 6}Z`
}

function drawTurret(pen: Pen, look: Look, [x, top, half]: readonly [number, number, number]): string {
  const wall = look.main
  const roof = look.part('roof', '#4f6fa8')
  return (
    pen.solid(box([x - half, top, half * 2, -top]), wall) +
    pen.shade(box([x + half * 0.3, top, half * 0.7, -top]), darken(wall, 0.6), 0.2) +
    pen.solid(box([x - half - 2, top - 3, half * 2 + 4, 5], 1), darken(wall, 0.12)) +
    pen.solid(hard(`${x - half - 3},${top - 3} ${x},${top - half * 2.5} ${x + half + 3},${top - 3}`), roof) +
    pen.shade(
      hard(`${x},${top - half * 2.5} ${x + half + 3},${top - 3} ${x + 2},${top - 3}`),
      darken(roof, 0.6),
      0.25,
    ) +
    pen.line(path`M${x} ${top - half * 2.5}v-8`, '#6a5240', 1.2) +
    pen.solid(
      hard(`${x},${top - half * 2.5 - 8} ${x + 9},${top - half * 2.5 - 5.4} ${x},${top - half * 2.5 - 3}`),
      look.accent,
    ) +
    drawWindow(pen, look, [x - 2.4, top + 7, 4.8, 8])
  )
}

function drawCastle(pen: Pen, look: Look): string {
  const wall = look.main
  const dim = darken(wall, 0.08)
  const stones = 'M-30 -30h5M-22 -22h5M-32 -12h5M20 -34h5M26 -20h5M18 -12h5M-8 -52h4M6 -56h4'
  return (
    drawTurret(pen, { ...look, main: dim }, [-14, -68, 7]) +
    drawTurret(pen, { ...look, main: dim }, [18, -62, 7]) +
    pen.solid(box([-20, -62, 40, 62]), dim) +
    pen.solid(battlement([-20, -67], 40), dim) +
    pen.solid(box([-44, -44, 88, 44]), wall) +
    pen.solid(battlement([-44, -49], 88), wall) +
    pen.line(stones, darken(wall, 0.25), 1.8) +
    drawTurret(pen, look, [-44, -56, 10]) +
    drawTurret(pen, look, [44, -56, 10]) +
    pen.solid('M-13 0V-22Q0 -38 13 -22V0Z', darken(wall, 0.35)) +
    pen.solid('M-10 0V-21Q0 -34 10 -21V0Z', '#6a4532') +
    pen.line('M-5 -1V-26M0 -1V-28M5 -1V-26M-10 -12H10', '#463026', 1.2) +
    drawWindow(pen, look, [-3, -56, 6, 9])
  )
}

function drawTower(pen: Pen, look: Look): string {
  const c = look.main
  const roof = look.part('roof', '#8a4f43')
  const face = '#fbf4e2'
  return (
    pen.solid(box([-16, -66, 32, 66]), c) +
    pen.shade(box([6, -66, 10, 66]), darken(c, 0.6), 0.2) +
    pen.line('M-13 -14h7M2 -22h8M-11 -34h6M3 -44h7M-12 -54h5', darken(c, 0.25), 1.6) +
    pen.solid(box([-19, -84, 38, 20], 1), lighten(c, 0.12)) +
    pen.solid(hard('-22,-84 0,-112 22,-84'), roof) +
    pen.shade(hard('0,-112 22,-84 4,-84'), darken(roof, 0.6), 0.25) +
    (look.night ? pen.glow([0, -74, 18], '#ffe5a0', 0.6) : '') +
    pen.solid(disc(0, -74, 8.6), '#8a6a3c') +
    (look.night ? pen.emit(disc(0, -74, 7.2), '#fff0c0') : pen.solid(disc(0, -74, 7.2), face, plain)) +
    pen.line('M0 -74V-79M0 -74L4 -72', '#3a3038', 1.2) +
    drawWindow(pen, look, [-3.4, -50, 6.8, 10]) +
    drawWindow(pen, look, [-3.4, -31, 6.8, 10]) +
    pen.solid('M-6 0V-12Q0 -19 6 -12V0Z', '#5a4138')
  )
}

function drawChurch(pen: Pen, look: Look): string {
  const c = look.main
  const roof = look.part('roof', '#6b5a78')
  return (
    pen.solid(box([-6, -42, 58, 42]), c) +
    pen.solid(hard('-12,-40 4,-62 46,-62 58,-40'), roof) +
    pen.solid(box([-40, -66, 36, 66]), lighten(c, 0.12)) +
    pen.shade(box([-14, -66, 10, 66]), darken(c, 0.6), 0.18) +
    pen.solid(hard('-44,-64 -22,-104 0,-64'), roof) +
    pen.shade(hard('-22,-104 0,-64 -16,-64'), darken(roof, 0.6), 0.25) +
    pen.line('M-22 -104V-116M-26 -112H-18', '#e0b548', 2) +
    pen.solid(disc(-22, -56, 5.4), '#fbf4e4') +
    (look.night
      ? pen.emit(disc(-22, -56, 4.2), '#ffd777')
      : pen.solid(disc(-22, -56, 4.2), '#c9708a', plain)) +
    pen.line('M-22 -60v8M-26 -56h8', '#fbf4e4', 1) +
    repeat(3, i => {
      const arch = path`M${5 + i * 15} -12V-26q4.5 -8 9 0V-12Z`
      return look.night
        ? pen.emit(arch, '#ffd777')
        : pen.solid(arch, ['#7fa8d9', '#d98f8f', '#8fc29a'][i] ?? '#7fa8d9', plain)
    }) +
    pen.solid('M-30 0V-22Q-22 -34 -14 -22V0Z', '#7a4f38') +
    pen.line('M-22 0V-28', '#55372a', 1.2)
  )
}

function drawWindmill(pen: Pen, look: Look): string {
  const c = look.main
  const turn = look.rng.range(0.2, 0.6)
  const blade = repeat(4, i => {
    const a = turn + (i * Math.PI) / 2
    const [ux, uy] = [Math.cos(a), Math.sin(a)]
    const p = (along: number, side: number): string =>
      `${(ux * along - uy * side).toFixed(2)},${(uy * along + ux * side - 70).toFixed(2)}`
    const rungs = repeat(
      4,
      k => path`M${p(14 + k * 7, 0).replace(',', ' ')}L${p(14 + k * 7, 9).replace(',', ' ')}`,
    )
    return (
      pen.solid(hard(`${p(9, 0)} ${p(9, 9)} ${p(42, 9)} ${p(42, 0)}`), '#fbf3e2') +
      pen.line(rungs, '#a98a68', 1) +
      pen.line(path`M0 -70L${p(44, 0).replace(',', ' ')}`, '#7a5238', 2.2)
    )
  })
  return (
    pen.solid('M-24 0L-15 -66Q0 -72 15 -66L24 0Q0 4 -24 0Z', c) +
    pen.shade('M5 -69Q12 -68 15 -66L24 0Q16 2 9 2.4Z', darken(c, 0.6), 0.2) +
    pen.solid('M-18 -64Q-16 -86 0 -88Q16 -86 18 -64Q0 -58 -18 -64Z', look.part('roof', '#b0533f')) +
    drawWindow(pen, look, [-4, -52, 8, 10]) +
    pen.solid('M-7 1.5V-16Q0 -25 7 -16V1.5Z', '#6a4532') +
    pen.line('M-25 -22Q0 -17 25 -22', '#8a6240', 2.6) +
    blade +
    pen.solid(disc(0, -70, 4), '#5a3f30')
  )
}

function drawSkyscraper(pen: Pen, look: Look): string {
  const c = look.main
  const lit = look.rng.fork('windows')
  const panes = (left: number, columns: number, [top, rows]: Point): string =>
    repeat(columns * rows, i => {
      const x = left + (i % columns) * 6.6
      const y = top + Math.floor(i / columns) * 8
      const on = lit.chance(look.night ? 0.6 : 0.18)
      const pane = box([x, y, 4, 5])
      if (look.night && on) return pen.emit(pane, '#ffdc8a')
      return pen.solid(pane, on ? '#d9f0f6' : mix(c, '#9fd0e6', 0.55), plain)
    })
  return (
    pen.line('M0 -100V-114', '#8a8f9a', 1.6) +
    pen.emit(disc(0, -114, 1.6), '#ff6b5c') +
    pen.solid(box([-12, -100, 24, 12], 1), darken(c, 0.15)) +
    pen.solid(box([-18, -91, 36, 91], 1), c) +
    pen.shade(box([10, -91, 8, 91]), '#1a1640', 0.2) +
    panes(-14.6, 5, [-86, 10]) +
    pen.solid(box([-36, -52, 19, 52], 1), darken(c, 0.12)) +
    panes(-33, 2, [-47, 5]) +
    pen.solid(box([17, -64, 19, 64], 1), darken(c, 0.2)) +
    panes(21, 2, [-59, 7]) +
    pen.solid(box([-6, -9, 12, 9], 1), '#3a3f52')
  )
}

function drawPagoda(pen: Pen, look: Look): string {
  const roof = look.main
  const wall = '#f3e6cf'
  const tier = (y: number, half: number): string =>
    pen.solid(box([-half * 0.62, y - 15, half * 1.24, 15]), wall) +
    pen.line(
      path`M${-half * 0.58} ${y}v-14M${half * 0.58} ${y}v-14M${-half * 0.2} ${y}v-14M${half * 0.2} ${y}v-14`,
      '#a8453a',
      2.4,
    ) +
    pen.shade(box([half * 0.2, y - 15, half * 0.42, 15]), '#3a2440', 0.16) +
    pen.solid(
      path`M${-half - 4} ${y - 18}Q${-half * 0.6} ${y - 15} ${-half * 0.5} ${y - 28}H${half * 0.5}Q${half * 0.6} ${y - 15} ${half + 4} ${y - 18}Q${half} ${y - 11} ${half - 4} ${y - 12}H${-half + 4}Q${-half} ${y - 11} ${-half - 4} ${y - 18}Z`,
      roof,
    ) +
    pen.line(path`M${-half + 2} ${y - 12.6}H${half - 2}`, darken(roof, 0.35), 1.8)
  return (
    pen.solid(box([-46, -5, 92, 5], 1), '#b9aea2') +
    pen.solid(box([-38, -9, 76, 5], 1), '#cabfb2') +
    tier(-9, 38) +
    tier(-34, 30) +
    tier(-58, 22) +
    pen.line('M0 -86V-102', '#d9a93f', 2.4) +
    pen.solid(disc(0, -92, 3) + disc(0, -98, 2.2), '#e9c04d') +
    pen.solid(box([-6, -21, 12, 12]), '#6a3a30') +
    (look.night ? pen.glow([-24, -20, 12], '#ffb85c', 0.8) + pen.glow([24, -20, 12], '#ffb85c', 0.8) : '') +
    pen.solid(oval([-24, -18, 3, 4]) + oval([24, -18, 3, 4]), '#e8643f')
  )
}

function drawTemple(pen: Pen, look: Look): string {
  const c = look.main
  const columns = repeat(
    6,
    i =>
      pen.solid(box([-45 + i * 16.6, -58, 7.4, 44], 1), lighten(c, 0.1)) +
      pen.shade(box([-41 + i * 16.6, -58, 3.4, 44]), darken(c, 0.7), 0.2) +
      pen.solid(box([-47 + i * 16.6, -61, 11, 4], 1) + box([-47 + i * 16.6, -16, 11, 4], 1), c),
  )
  return (
    pen.solid(box([-44, -58, 88, 46]), darken(c, 0.42)) +
    columns +
    pen.solid(box([-60, -5, 120, 5]), darken(c, 0.1)) +
    pen.solid(box([-56, -9, 112, 5]), darken(c, 0.04)) +
    pen.solid(box([-52, -13, 104, 5]), c) +
    pen.solid(box([-52, -70, 104, 10]), c) +
    pen.solid(hard('-58,-70 0,-98 58,-70'), lighten(c, 0.06)) +
    pen.solid(hard('-40,-73 0,-92 40,-73'), darken(c, 0.16), plain) +
    pen.solid(disc(0, -79, 5), lighten(c, 0.2)) +
    pen.shade(hard('0,-98 58,-70 30,-70'), darken(c, 0.7), 0.16)
  )
}

function drawBridge(pen: Pen, look: Look): string {
  const c = look.main
  const hangers = repeat(15, i => {
    const x = -84 + i * 12
    const inner = Math.abs(x) < 52
    const k = inner ? Math.abs(x) / 52 : (100 - Math.abs(x)) / 48
    return path`M${x} -30V${-36 - 56 * k * k}`
  })
  return (
    pen.solid(box([-58, -100, 12, 100], 1.6) + box([46, -100, 12, 100], 1.6), c) +
    pen.solid(box([-62, -10, 20, 10], 1.6) + box([42, -10, 20, 10], 1.6), '#8d8a92') +
    pen.line('M-104 -34Q-76 -44 -52 -96Q-24 -36 0 -36Q24 -36 52 -96Q76 -44 104 -34', darken(c, 0.12), 2.6) +
    pen.line(hangers, darken(c, 0.08), 1) +
    pen.solid(box([-108, -32, 216, 7], 1), darken(c, 0.24)) +
    pen.line('M-106 -33.4H106', lighten(c, 0.3), 1.4) +
    pen.shade(box([-49, -100, 3, 68]) + box([55, -100, 3, 68]), '#1a1640', 0.25) +
    (look.night
      ? repeat(
          9,
          i =>
            pen.glow([-96 + i * 24, -37, 7], '#ffdc8a', 0.8) +
            pen.emit(disc(-96 + i * 24, -37, 1.5), '#fff0c0'),
        )
      : '')
  )
}

const ground = { habitat: 'ground' } as const

export const landmarks: readonly Subject[] = [
  {
    ...ground,
    name: 'lighthouse',
    words: 'lighthouse,beacon',
    scale: 4.2,
    width: 88,
    home: 'beach',
    colours: ['#d5473c', '#2f5f96', '#c9563f'],
    draw: drawLighthouse,
  },
  {
    ...ground,
    name: 'castle',
    words: 'castle,fortress,palace,citadel,chateau',
    scale: 4.4,
    width: 116,
    home: 'mountains',
    colours: ['#cfc4b8', '#b9b4bd', '#e6d5c0'],
    draw: drawCastle,
  },
  {
    ...ground,
    name: 'tower',
    words: 'tower,clock tower,belfry,big ben,turret',
    scale: 4,
    width: 46,
    home: 'city',
    colours: ['#c9a47c', '#b5a89c'],
    draw: drawTower,
  },
  {
    ...ground,
    name: 'church',
    words: 'church,chapel,cathedral,monastery',
    scale: 3.6,
    width: 108,
    home: 'meadow',
    colours: ['#f1e7d6', '#d9c7b0'],
    draw: drawChurch,
  },
  {
    ...ground,
    name: 'windmill',
    words: 'windmill,mill,wind turbine',
    scale: 3.2,
    width: 92,
    home: 'field',
    colours: ['#f4ecdc', '#d9c4a8'],
    draw: drawWindmill,
  },
  {
    ...ground,
    name: 'skyscraper',
    words: 'skyscraper,office building,apartment building,high rise,hotel,tower block',
    scale: 6,
    width: 74,
    home: 'city',
    colours: ['#5f7fa8', '#7a86a0', '#4f6f86'],
    draw: drawSkyscraper,
  },
  {
    ...ground,
    name: 'pagoda',
    words: 'pagoda,shrine,dojo,japanese temple',
    scale: 3.6,
    width: 92,
    home: 'garden',
    colours: ['#3f5f7a', '#8a3f3a', '#3f6f5f'],
    draw: drawPagoda,
  },
  {
    ...ground,
    name: 'temple',
    words: 'temple,parthenon,museum,greek temple',
    scale: 3,
    width: 122,
    home: 'meadow',
    colours: ['#efe6d5', '#e3d5bd'],
    draw: drawTemple,
  },
  {
    ...ground,
    name: 'bridge',
    words: 'bridge,viaduct,golden gate',
    scale: 3.2,
    width: 216,
    home: 'lake',
    colours: ['#c9533f', '#8a8f9c'],
    draw: drawBridge,
  },
]
