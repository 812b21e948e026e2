// Owns the astronaut and the robots: whoever looks at the world through a visor.
import { darken, lighten, mix } from '../colour.ts'
import { box, disc, oval } from '../geometry.ts'
import type { Pen } from '../pen.ts'
import { type Look, repeat, type Subject } from '../subject.ts'
import { limb, plain, soft, twice } from './brush.ts'
import { cheeks, eyes } from './face.ts'
import { pickLooks } from './figure.ts'

function drawAstronaut(pen: Pen, look: Look): string {
  const c = look.part('suit', look.main)
  const trim = look.part('stripe', look.accent)
  const { skin } = pickLooks(look)
  return (
    pen.solid(box([-21, -66, 42, 36], 8), darken(c, 0.28)) +
    pen.solid(limb('-9,-34,9 -11,-18,8 -12,-7,8') + limb('9,-34,9 11,-18,8 12,-7,8'), c) +
    pen.solid(
      soft('-21,-9 -4,-9 -3,-2 -8,0 -20,0 -23,-4') + soft('21,-9 4,-9 3,-2 8,0 20,0 23,-4'),
      darken(c, 0.2),
    ) +
    pen.line('M-19 -17h14M5 -17h14', trim, 2.6) +
    pen.solid(limb('-15,-57,7 -24,-46,6.4 -27,-34,6') + limb('15,-57,7 27,-60,6.4 33,-72,6'), c) +
    pen.solid(disc(-28, -29, 6) + disc(35, -77, 6), darken(c, 0.2)) +
    pen.line('M-31 -38l9 3M28 -68l8 4', trim, 2.6) +
    pen.solid('M-17 -62Q0 -68 17 -62C20 -50 18 -40 17 -32Q0 -27 -17 -32C-18 -40 -20 -50 -17 -62Z', c) +
    pen.solid(box([-9, -54, 18, 13], 2.6), '#6c7a8c') +
    pen.emit(disc(-4.6, -49.6, 1.8), '#ff6b5c') +
    pen.emit(disc(0, -49.6, 1.8), '#ffd75c') +
    pen.emit(disc(4.6, -49.6, 1.8), '#6fe09a') +
    pen.line('M-6 -44.6h12', '#aeb9c6', 1.5) +
    pen.solid(disc(0, -79, 21), look.part('helmet', c)) +
    pen.solid(box([-24, -84, 6, 12], 2.4) + box([18, -84, 6, 12], 2.4), trim) +
    pen.solid(oval([0, -79, 16.4, 15]), pen.gradient([look.part('visor', '#37507f'), '#1f2f5a'])) +
    pen.solid(oval([0, -77.6, 11.4, 11]), skin, plain) +
    eyes(pen, [0, -78, 10, 2.1], { sleeping: look.has('sleeping') }) +
    cheeks(pen, [0, -73.6, 15, 2.4]) +
    pen.line('M-3.2 -72.6q3.2 3 6.4 0', '#8a3f3a', 1.3) +
    pen.shade(soft('-13,-82 -8,-91 2,-93 -4,-89 -9,-80'), '#ffffff', 0.55)
  )
}

function drawRobot(pen: Pen, look: Look): string {
  const c = look.main
  const metal = '#aab6c2'
  const joint = (text: string): string => pen.line(text, '#7b8794', 4.6)
  const eyeColour = look.part('eye', '#7fe8ff')
  return (
    joint('M-9 -30V-10M9 -30V-10M-20 -52L-30 -42L-30 -30M20 -52L32 -58L34 -70') +
    pen.solid('M-17 -9Q-10 -14 -3 -9L-2 0H-18Z', darken(c, 0.15)) +
    pen.solid('M17 -9Q10 -14 3 -9L2 0H18Z', darken(c, 0.15)) +
    pen.solid(disc(-30, -42, 3.6) + disc(32, -58, 3.6), metal) +
    pen.line('M-34 -22Q-36 -30 -30 -30Q-24 -30 -26 -22M29 -78Q28 -70 34 -70Q40 -70 39 -78', metal, 3.6) +
    pen.solid(box([-20, -60, 40, 34], 7), c) +
    pen.solid(box([-13, -54, 26, 17], 3), lighten(c, 0.6), plain) +
    pen.line('M-9 -44h4l3 -6l4 9l3 -5h5', '#e0534a', 1.7) +
    pen.emit(disc(-9, -32, 2), '#ff6b5c') +
    pen.emit(disc(-3, -32, 2), '#ffd75c') +
    pen.solid(box([3, -34, 11, 4], 2), darken(c, 0.3), plain) +
    pen.solid(box([-5, -66, 10, 7], 2), '#7b8794') +
    pen.line('M0 -92V-101', '#7b8794', 2.6) +
    pen.glow([0, -104, 12], '#ffd75c', 0.5) +
    pen.emit(disc(0, -104, 3.8), '#ff7a5c') +
    pen.solid(box([-29, -85, 7, 13], 3) + box([22, -85, 7, 13], 3), metal) +
    pen.solid(box([-24, -94, 48, 30], 9), mix(c, metal, 0.25)) +
    pen.solid(box([-19, -89.5, 38, 20.5], 7), '#23304a') +
    pen.glow([-8.4, -81, 9], eyeColour, 0.5) +
    pen.glow([8.4, -81, 9], eyeColour, 0.5) +
    (look.has('sleeping')
      ? pen.line('M-12 -80h7M5 -80h7', eyeColour, 2)
      : pen.emit(oval([-8.4, -81, 3.6, 4.4]) + oval([8.4, -81, 3.6, 4.4]), eyeColour)) +
    pen.line('M-5 -73.6q5 3.4 10 0', eyeColour, 1.7) +
    repeat(2, i =>
      pen.solid(disc(-16 + i * 32, -56, 1.4) + disc(-16 + i * 32, -30, 1.4), darken(c, 0.35), plain),
    ) +
    pen.shade(twice(soft, '-20,-88 -16,-92 -8,-92.4 -14,-90'), '#ffffff', 0.3)
  )
}

export const machines: readonly Subject[] = [
  {
    name: 'astronaut',
    words: 'astronaut,cosmonaut,spaceman,spacewoman',
    habitat: 'ground',
    home: 'planet',
    scale: 1.05,
    width: 84,
    colours: ['#f3f1ec'],
    head: [0, -79, 22],
    draw: drawAstronaut,
  },
  {
    name: 'robot',
    words: 'robot,android,droid,cyborg,bot,mech',
    habitat: 'ground',
    scale: 0.95,
    width: 82,
    colours: ['#5aa0c9', '#e0a04a', '#d9654f', '#7fb58a'],
    head: [0, -79, 25],
    draw: drawRobot,
  },
]
