// Owns what sails, dives and flies.
import { darken, lighten } from '../colour.ts'
import { box, disc, oval, place } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { hard, path, plain, soft, twice } from './brush.ts'
import { drawWindow } from './homes.ts'

function drawSailboat(pen: Pen, look: Look): string {
  const sail = look.part('sail', look.main)
  const hull = look.part('hull', look.asked && sail !== look.main ? look.main : '#8a4f34')
  return (
    pen.line('M0 -16V-104', '#7a5238', 3) +
    pen.solid('M4 -98Q48 -60 52 -24Q26 -28 4 -24Z', sail) +
    pen.shade('M4 -98Q48 -60 52 -24Q42 -26 34 -26.4Q34 -60 4 -98Z', darken(sail, 0.6), 0.14) +
    pen.line('M5 -52Q20 -54 36 -54M5 -72Q14 -74 22 -75', darken(sail, 0.16), 1.3) +
    pen.solid('M-4 -92Q-12 -50 -42 -24Q-22 -27 -4 -23Z', lighten(sail, 0.25)) +
    pen.solid(hard('0,-104 16,-99 0,-94'), look.accent) +
    pen.solid('M-52 -18Q0 -11 58 -20Q52 4 36 6H-32Q-46 4 -52 -18Z', hull) +
    pen.line('M-49 -11Q0 -4 54 -13', lighten(hull, 0.65), 2.6) +
    pen.shade('M-46 -2Q0 6 50 -3Q44 6 36 6H-32Q-40 6 -46 -2Z', '#1a1640', 0.25)
  )
}

function drawShip(pen: Pen, look: Look): string {
  const hull = look.main
  const smoke = repeat(3, i =>
    pen.shade(disc(-24 - i * 12, -106 - i * 5, 5 + i * 2.4), '#f1eeec', 0.7 - i * 0.16),
  )
  const ports = repeat(8, i => disc(-62 + i * 18, -18, 3.2))
  return (
    smoke +
    pen.solid(box([-28, -100, 16, 34], 2) + box([6, -100, 16, 34], 2), look.part('funnel', '#d9483f')) +
    pen.solid(box([-28, -100, 16, 7], 2) + box([6, -100, 16, 7], 2), '#3a3440') +
    pen.solid(box([-44, -72, 84, 20], 3), '#fbf6ea') +
    pen.solid(box([-60, -54, 118, 22], 3), '#f4eddf') +
    pen.solid(box([30, -86, 20, 16], 3), '#fbf6ea') +
    repeat(6, i => drawWindow(pen, look, [-37 + i * 12.4, -67, 6, 7])) +
    repeat(8, i => drawWindow(pen, look, [-53 + i * 13.4, -49, 7, 8])) +
    pen.solid('M-92 -34H104Q92 -6 80 7H-74Q-88 -4 -92 -34Z', hull) +
    pen.line('M-90 -28H101', lighten(hull, 0.6), 2.6) +
    (look.night ? pen.emit(ports, '#ffdc8a') : pen.solid(ports, '#bfe0ec', plain)) +
    pen.solid('M-87 -6H88Q84 2 80 7H-74Q-82 2 -87 -6Z', '#b53f3a', plain) +
    pen.line('M52 -70V-98M52 -98L96 -36', '#8d95a0', 1.4) +
    pen.solid(hard('-88,-34 -88,-56 -70,-50 -88,-44'), look.accent)
  )
}

function drawGalleon(pen: Pen, look: Look): string {
  const sail = look.part('sail', look.main)
  const hull = look.part('hull', '#7a4a30')
  const canvas = (x: number, top: number, [w, h]: readonly [number, number]): string =>
    pen.solid(
      path`M${x - w} ${top}H${x + w * 0.8}Q${x + w * 1.5} ${top + h * 0.5} ${x + w} ${top + h}Q${x} ${top + h * 0.86} ${x - w * 0.8} ${top + h}Q${x - w * 0.5} ${top + h * 0.5} ${x - w} ${top}Z`,
      sail,
    )
  return (
    pen.line('M-36 -30V-92M4 -30V-108M44 -30V-90M60 -32L104 -62', '#5a3826', 3.4) +
    canvas(-38, -84, [17, 20]) +
    canvas(-38, -60, [20, 24]) +
    canvas(3, -99, [20, 24]) +
    canvas(3, -71, [24, 32]) +
    canvas(43, -82, [15, 18]) +
    canvas(43, -60, [18, 24]) +
    pen.solid('M60 -38L100 -60L66 -34Z', lighten(sail, 0.2)) +
    pen.solid(hard('4,-109 24,-104 4,-99') + hard('-36,-93 -20,-89 -36,-85'), look.accent) +
    pen.solid('M-86 -58H-58L-52 -34H52Q70 -34 92 -44Q84 -8 62 7H-58Q-80 -4 -86 -58Z', hull) +
    pen.line('M-80 -36Q-60 -24 -20 -22H40Q64 -22 84 -32', '#e0b35c', 2.6) +
    pen.line('M-78 -16Q-40 -8 10 -8Q50 -8 74 -16', darken(hull, 0.35), 1.6) +
    pen.solid(
      repeat(6, i => box([-46 + i * 19, -19, 7, 7], 1)),
      '#3a2420',
      plain,
    ) +
    drawWindow(pen, look, [-80, -53, 7, 8]) +
    drawWindow(pen, look, [-69, -53, 7, 8])
  )
}

function drawRowboat(pen: Pen, look: Look): string {
  const c = look.main
  return (
    pen.solid('M-90 -52Q-60 -28 0 -28Q60 -28 90 -52L84 -36Q50 -18 0 -18Q-50 -18 -84 -36Z', darken(c, 0.4)) +
    pen.solid(box([-40, -32, 12, 14], 2) + box([22, -32, 12, 14], 2), '#c99a64') +
    pen.solid('M-92 -56Q-60 -28 0 -28Q60 -28 92 -56Q84 -12 58 6H-58Q-84 -12 -92 -56Z', c) +
    pen.line('M-89 -48Q-58 -21 0 -21Q58 -21 89 -48', lighten(c, 0.6), 3.4) +
    pen.line('M-78 -22Q-40 -8 0 -8Q40 -8 78 -22', darken(c, 0.22), 1.8) +
    pen.line('M-8 -46L-54 -2', '#a9794a', 3.6) +
    pen.solid(soft('-50,-10 -58,4 -68,12 -62,-2'), '#c0905c') +
    pen.solid(disc(-8, -46, 3), '#7a5238')
  )
}

function drawSubmarine(pen: Pen, look: Look): string {
  const c = look.main
  const port = (x: number): string =>
    pen.solid(disc(x, -36, 11), darken(c, 0.28)) +
    (look.night ? pen.glow([x, -36, 16], '#ffe08a', 0.7) : '') +
    pen.emit(disc(x, -36, 8), look.night ? '#ffe9a8' : '#c4ecf4') +
    pen.shade(disc(x - 2.4, -38.6, 2.6), '#ffffff', 0.8)
  return (
    pen.line('M4 -76V-100H22', '#6d7480', 5) +
    pen.solid(disc(22, -100, 4.4), '#bfe6f0') +
    pen.solid('M-26 -66L-20 -86H26L34 -66Z', darken(c, 0.1)) +
    pen.solid(soft('-84,-36 -104,-58 -96,-36 -104,-14'), look.accent) +
    pen.line('M-98 -36H-82', '#6d7480', 5) +
    pen.solid(soft('-86,-36 -70,-60 -30,-70 30,-70 74,-60 94,-36 74,-12 30,-2 -30,-2 -70,-12'), c) +
    pen.shade(soft('-80,-28 -30,-14 30,-14 90,-28 74,-12 30,-2 -30,-2 -70,-12'), '#1a1640', 0.2) +
    pen.shade(soft('-62,-58 -20,-66 40,-64 66,-57 20,-61 -30,-61'), '#ffffff', 0.4) +
    port(-38) +
    port(2) +
    port(42) +
    pen.solid(soft('-10,-10 24,-10 14,4 -16,4'), darken(c, 0.25)) +
    pen.line('M76 -46Q86 -40 88 -34', lighten(c, 0.5), 2)
  )
}

function drawPlane(pen: Pen, look: Look): string {
  const c = look.main
  const trim = look.part('wing', look.accent)
  return (
    pen.solid(soft('10,-54 -22,-92 -32,-96 -36,-90 -16,-52'), darken(trim, 0.2)) +
    pen.solid(soft('-94,-52 -104,-92 -90,-94 -66,-60'), trim) +
    pen.solid(soft('-102,-54 -90,-62 -40,-68 40,-70 84,-62 102,-46 92,-34 50,-26 -20,-28 -70,-40'), c) +
    pen.line('M-84 -45Q0 -38 96 -43', trim, 4) +
    pen.solid(hard('70,-64 84,-61 92,-54 74,-54'), '#6fb0cf') +
    pen.solid(
      repeat(8, i => disc(-48 + i * 14, -54, 3.6)),
      look.night ? '#ffe2a0' : '#6fb0cf',
      plain,
    ) +
    pen.solid(soft('20,-40 -16,-40 -58,-6 -52,0 -40,0 12,-28'), darken(trim, 0.04)) +
    pen.solid(soft('-4,-22 8,-24 18,-19 14,-12 -2,-12 -8,-16'), '#c9d0d8') +
    pen.solid(soft('-92,-52 -66,-50 -92,-34 -104,-32 -102,-38'), trim) +
    pen.shade(soft('-60,-62 0,-66 60,-65 20,-62 -30,-60'), '#ffffff', 0.5)
  )
}

function drawHelicopter(pen: Pen, look: Look): string {
  const c = look.main
  const body =
    pen.line('M6 -76V-96', '#4a4650', 4) +
    pen.solid(oval([6, -97, 92, 3]), '#4a4650', { opacity: 0.85 }) +
    pen.solid(soft('-20,-56 -84,-68 -98,-86 -106,-86 -100,-60 -60,-44 -20,-34'), darken(c, 0.1)) +
    pen.line('M-112 -82L-90 -62M-90 -84L-112 -60', '#8d95a0', 2.4) +
    pen.solid(soft('-34,-44 -26,-68 6,-79 40,-74 66,-52 68,-34 44,-20 -6,-18 -28,-26'), c) +
    pen.solid(soft('24,-70 42,-70 62,-51 65,-40 40,-40 24,-44'), '#a9dcec') +
    pen.shade(soft('30,-66 40,-66 34,-46 28,-46'), '#ffffff', 0.5) +
    pen.solid(box([-10, -62, 24, 22], 5), '#a9dcec') +
    pen.line('M-28 -33Q20 -25 66 -34', lighten(c, 0.6), 3.6) +
    pen.line('M-14 -20L-18 -4M36 -20L40 -4M-40 -4H56Q66 -4 70 -10', '#4a4650', 3.4)
  return place(body, [12, 0])
}

function drawBalloon(pen: Pen, look: Look): string {
  const c = look.main
  const second = look.asked ? lighten(c, 0.6) : look.rng.pick(['#fbe3b0', '#fbf4e2', '#f7c85a'])
  const glow = look.night ? pen.glow([0, -60, 52], '#ffb85c', 0.7) : ''
  return (
    glow +
    pen.line('M-16 -34L-8 -15M16 -34L8 -15M-6 -30L-4 -15M6 -30L4 -15', '#7a5a40', 0.9) +
    pen.solid('M0 -105C-46 -105 -50 -56 -16 -34Q0 -29 16 -34C50 -56 46 -105 0 -105Z', c) +
    pen.solid('M0 -105C-32 -103 -34 -56 -11 -33Q-8 -32 -5 -31.6C-16 -56 -14 -100 0 -105Z', second, plain) +
    pen.solid('M0 -105C32 -103 34 -56 11 -33Q8 -32 5 -31.6C16 -56 14 -100 0 -105Z', second, plain) +
    pen.shade('M0 -105C46 -105 50 -56 16 -34Q10 -32 6 -31.6C40 -60 34 -98 0 -105Z', '#2a1450', 0.14) +
    pen.shade(soft('-28,-84 -20,-97 -10,-101 -20,-90 -26,-72'), '#ffffff', 0.4) +
    pen.solid('M-15 -36Q0 -31 15 -36L13 -33Q0 -28 -13 -33Z', darken(c, 0.3)) +
    pen.emit(soft('-2,-26 0,-33 2,-26 0,-23'), '#ffc85c') +
    pen.solid('M-10 -15H10L8 -1Q0 1 -8 -1Z', '#b07a45') +
    pen.line('M-9.4 -10H9.4M-8.8 -5.6H8.8', '#835530', 1) +
    pen.line('M-10.6 -15H10.6', '#6a4228', 2.4)
  )
}

function drawRocket(pen: Pen, look: Look): string {
  const c = look.main
  const trim = look.part('fin', look.asked ? darken(c, 0.3) : '#e0533f')
  const flame =
    pen.glow([0, -8, 34], '#ffb347', 0.7) +
    pen.emit(soft('-10,-22 10,-22 9,-8 0,8 -9,-8'), '#ff8a3c') +
    pen.emit(soft('-5.4,-22 5.4,-22 4.6,-12 0,-1 -4.6,-12'), '#ffe08a')
  const rocket =
    flame +
    pen.solid(twice(soft, '-13,-48 -30,-28 -32,-10 -20,-20 -11,-24'), trim) +
    pen.solid('M-9 -26L-12 -18H12L9 -26Z', '#5a5f6c') +
    pen.solid(
      'M0 -108C-14 -96 -19 -78 -18 -58C-17.4 -44 -14 -32 -11 -25H11C14 -32 17.4 -44 18 -58C19 -78 14 -96 0 -108Z',
      c,
    ) +
    pen.solid('M0 -108C-8 -101 -13 -93 -15.6 -84Q0 -79 15.6 -84C13 -93 8 -101 0 -108Z', trim) +
    pen.shade('M0 -108C14 -96 19 -78 18 -58C17.4 -44 14 -32 11 -25H4C9 -50 10 -86 0 -108Z', '#1a1640', 0.16) +
    pen.solid(disc(0, -65, 9.4), trim) +
    pen.emit(disc(0, -65, 6.6), look.night ? '#ffe9a8' : '#a9e0f0') +
    pen.shade(disc(-2, -67, 2.2), '#ffffff', 0.9) +
    pen.solid(disc(0, -45, 5), trim) +
    pen.emit(disc(0, -45, 3.2), look.night ? '#ffe9a8' : '#a9e0f0') +
    pen.solid(soft('-2.6,-40 2.6,-40 3,-22 0,-14 -3,-22'), darken(trim, 0.15))
  return place(rocket, [0, 0], { turn: look.rng.range(-4, 12) })
}

function drawUfo(pen: Pen, look: Look): string {
  const c = look.main
  const lights = repeat(
    6,
    i =>
      pen.glow([-50 + i * 20, -47 + Math.abs(2.5 - i) * -2.4, 9], '#ffe08a', 0.6) +
      pen.emit(
        oval([-50 + i * 20, -47 + Math.abs(2.5 - i) * -2.4, 5, 3.6]),
        ['#ffd75c', '#ff8a6a', '#7fe8ff'][i % 3] ?? '#ffd75c',
      ),
  )
  return (
    pen.shade(hard('-24,-40 24,-40 58,0 -58,0'), '#b8ffd0', look.night ? 0.4 : 0.26) +
    pen.solid('M-34 -62C-32 -104 32 -104 34 -62Z', '#c4ecf4', { opacity: 0.85 }) +
    pen.solid(soft('-12,-62 -13,-78 0,-88 13,-78 12,-62'), '#86c95f') +
    pen.solid(oval([-5, -76, 3, 4]) + oval([5, -76, 3, 4]), '#2a2230', plain) +
    pen.line('M-3 -68q3 2.4 6 0', '#2a2230', 1.2) +
    pen.shade(soft('-26,-68 -20,-86 -8,-93 -16,-82 -20,-66'), '#ffffff', 0.6) +
    pen.solid(soft('-84,-54 -50,-66 0,-69 50,-66 84,-54 50,-40 0,-36 -50,-40'), c) +
    pen.solid('M-36 -64Q0 -56 36 -64Q34 -70 0 -70Q-34 -70 -36 -64Z', darken(c, 0.2)) +
    lights +
    pen.solid(oval([0, -38, 26, 4]), darken(c, 0.35))
  )
}

const sea = { habitat: 'water', home: 'sea' } as const
const sky = { habitat: 'air', home: 'clouds' } as const

export const craft: readonly Subject[] = [
  {
    ...sea,
    name: 'sailboat',
    words: 'sailboat,boat,yacht,sailing boat,fishing boat,catamaran',
    scale: 2.2,
    width: 112,
    colours: ['#fbf6ea', '#f0d9a8', '#e8654f'],
    draw: drawSailboat,
  },
  {
    ...sea,
    name: 'ship',
    words: 'ship,steamer,ferry,cruise ship,ocean liner,tugboat,steamboat',
    scale: 3.6,
    width: 204,
    colours: ['#2f4a6f', '#3a3f4f', '#b5473c'],
    draw: drawShip,
  },
  {
    ...sea,
    name: 'galleon',
    words: 'galleon,pirate ship,sailing ship,tall ship,viking ship',
    scale: 3.4,
    width: 196,
    colours: ['#f4ead3', '#fbf6ea'],
    draw: drawGalleon,
  },
  {
    ...sea,
    name: 'rowboat',
    words: 'rowboat,canoe,kayak,gondola,rowing boat,dinghy',
    scale: 0.9,
    width: 184,
    home: 'lake',
    colours: ['#c9533f', '#3f7f8f', '#b0763f'],
    seat: [0, -34],
    draw: drawRowboat,
  },
  {
    habitat: 'under',
    home: 'underwater',
    name: 'submarine',
    words: 'submarine,bathyscaphe',
    scale: 1.8,
    width: 204,
    colours: ['#f0b92f', '#e0704a'],
    draw: drawSubmarine,
  },
  {
    ...sky,
    name: 'plane',
    words: 'plane,airplane,aeroplane,jet,aircraft,airliner,biplane',
    scale: 1.8,
    width: 208,
    colours: ['#f6f4ef', '#d9e2ea'],
    draw: drawPlane,
  },
  {
    ...sky,
    name: 'helicopter',
    words: 'helicopter,chopper',
    scale: 1.6,
    width: 208,
    colours: ['#e0533f', '#3f8fb5', '#f0b83f'],
    draw: drawHelicopter,
  },
  {
    ...sky,
    name: 'hot-air balloon',
    words: 'hot air balloon,air balloon,zeppelin,airship,blimp',
    scale: 2.2,
    width: 82,
    colours: ['#e0533f', '#3f8fb5', '#d9628a', '#7a5fb0'],
    draw: drawBalloon,
  },
  {
    habitat: 'air',
    home: 'space',
    name: 'rocket',
    words: 'rocket,spaceship,spacecraft,space shuttle,starship,missile',
    scale: 2.4,
    width: 74,
    colours: ['#f4f2ec', '#e9edf2'],
    draw: drawRocket,
  },
  {
    habitat: 'air',
    home: 'space',
    name: 'ufo',
    words: 'ufo,flying saucer',
    scale: 1.8,
    width: 168,
    colours: ['#b4bfca', '#9aa8c4'],
    draw: drawUfo,
  },
]
