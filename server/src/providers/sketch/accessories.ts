// Owns what a head can wear. Each is drawn for a head of radius 20 with its centre at 0, 0 and fits any head that
// way; what a drawing wears by itself is left to the drawing.
import { darken, lighten } from './colour.ts'
import { box, disc, oval, type Point, place, poly, star } from './geometry.ts'
import type { Pen } from './pen.ts'
import { type Look, repeat } from './subject.ts'

type Accessory = (pen: Pen, look: Look) => string

const brimmed =
  (crown: string, fallback: string, brim: number): Accessory =>
  (pen, look) => {
    const c = look.part('hat', fallback)
    return (
      pen.solid(oval([0, -13, brim, 5]), darken(c, 0.12)) +
      pen.solid(crown, c) +
      pen.solid(box([-15.5, -20, 31, 5.4], 1), darken(c, 0.45), { plain: true })
    )
  }

const pointed: Accessory = (pen, look) => {
  const c = look.part('hat', '#5b3f9c')
  return (
    pen.solid(oval([0, -12, 30, 6]), darken(c, 0.15)) +
    pen.solid('M-17 -14Q-8 -34 -4 -50Q2 -62 14 -60Q6 -54 8 -46Q12 -28 17 -14Q0 -8 -17 -14Z', c) +
    pen.solid('M-16.4 -16Q0 -10 16.4 -16L15 -21Q0 -15 -15 -21Z', '#f2c14e', { plain: true }) +
    pen.solid(star([-3, -32], [4.4, 1.9]) + star([6, -43], [3, 1.3]), '#f8e08a', { plain: true })
  )
}

const crown: Accessory = (pen, look) => {
  const c = look.part('crown', '#f2c14e')
  return (
    pen.solid(
      poly([
        [-15, -14],
        [-18, -33],
        [-8, -25],
        [0, -37],
        [8, -25],
        [18, -33],
        [15, -14],
      ]),
      c,
    ) +
    pen.solid(disc(-18, -34, 2.4) + disc(0, -38, 2.6) + disc(18, -34, 2.4), '#e4475b') +
    pen.solid(disc(0, -20, 2.6), '#4aa3df', { plain: true }) +
    pen.solid(disc(-8, -19, 1.8) + disc(8, -19, 1.8), '#e4475b', { plain: true })
  )
}

const cap: Accessory = (pen, look) => {
  const c = look.part('cap', look.part('hat', '#d9533f'))
  return (
    pen.solid('M-20 -8C-21 -26 -10 -32 0 -32C10 -32 21 -26 20 -8Q0 -14 -20 -8Z', c) +
    pen.solid('M-21 -6C-20 -13 20 -13 21 -6Q0 -11 -21 -6Z', lighten(c, 0.3)) +
    pen.solid(disc(0, -34, 5), lighten(c, 0.5)) +
    pen.line('M-10 -28Q-13 -20 -13 -12M0 -31V-13M10 -28Q13 -20 13 -12', darken(c, 0.18), 1)
  )
}

const scarf: Accessory = (pen, look) => {
  const c = look.part('scarf', '#d9433f')
  return (
    pen.solid('M9 18L17 44L8 47L2 20Z', darken(c, 0.14)) +
    pen.solid('M-19 14Q0 24 19 14Q22 20 19 25Q0 34 -19 25Q-22 20 -19 14Z', c) +
    pen.line(
      'M-10 18.4l-1.4 9M-2 20v9M6 19.6l1.4 9M13 17.4l2.4 8M6 30l8 -1.6M7.4 36l8.4 -1.6',
      lighten(c, 0.5),
      1.5,
    )
  )
}

const glasses =
  (dark: boolean): Accessory =>
  (pen, look) => {
    const c = look.part(dark ? 'sunglasses' : 'glasses', dark ? '#23222c' : '#3a2c2c')
    const lens = disc(-9.4, -2, 7.6) + disc(9.4, -2, 7.6)
    return (
      (dark
        ? pen.solid(lens, c) + pen.shade('M-14 -5l4 -2M5 -5l4 -2', '#ffffff', 0.8)
        : pen.shade(lens, '#dff3ff', 0.35)) +
      pen.line(`${lens}M-1.8 -3Q0 -5 1.8 -3M-17 -3L-21 -6M17 -3L21 -6`, c, 1.9)
    )
  }

const bowTie: Accessory = (pen, look) => {
  const c = look.part('bow tie', '#c8313f')
  return (
    pen.solid(
      poly([
        [0, 22],
        [-13, 15],
        [-13, 30],
      ]) +
        poly([
          [0, 22],
          [13, 15],
          [13, 30],
        ]),
      c,
    ) + pen.solid(disc(0, 22.4, 3.6), darken(c, 0.25))
  )
}

const headphones: Accessory = (pen, look) => {
  const c = look.part('headphones', '#e4572e')
  return (
    pen.line('M-20 -2C-22 -34 22 -34 20 -2', darken(c, 0.35), 4) +
    pen.solid(oval([-20.5, 1, 5.4, 8.4]), c) +
    pen.solid(oval([20.5, 1, 5.4, 8.4]), c)
  )
}

const helmet: Accessory = (pen, look) => {
  const c = look.part('helmet', '#f4f4f2')
  return (
    pen.solid('M-21 20Q0 32 21 20L25 31Q0 44 -25 31Z', c) +
    pen.solid(box([-7, 27, 14, 7], 2), '#4a6fa8', { plain: true }) +
    pen.emit(disc(-3, 30.5, 1.5), '#ff6b5a') +
    pen.emit(disc(2, 30.5, 1.5), '#6be675') +
    pen.shade(disc(0, -4, 34), '#bfe6ff', 0.3) +
    pen.line(disc(0, -4, 34), c, 3.4) +
    pen.shade('M-24 -20C-19 -30 -10 -34 -3 -35C-12 -30 -19 -22 -21 -13Z', '#ffffff', 0.85)
  )
}

const santa: Accessory = (pen, look) => {
  const c = look.part('hat', '#d6343a')
  return (
    pen.solid('M-18 -13C-16 -34 2 -44 26 -34C22 -30 21 -24 24 -18C17 -22 17 -16 18 -13Z', c) +
    pen.solid(box([-21, -17, 42, 9], 4.5), '#fdfaf3') +
    pen.solid(disc(25, -19, 5.6), '#fdfaf3')
  )
}

const chef: Accessory = (pen, look) => {
  const c = look.part('hat', '#fbf9f3')
  return (
    pen.solid(
      'M-15 -14L-16 -28C-28 -30 -24 -48 -12 -44C-8 -54 8 -54 12 -44C24 -48 28 -30 16 -28L15 -14Z',
      c,
    ) +
    pen.solid(box([-16, -21, 32, 8], 2), darken(c, 0.07)) +
    pen.line('M-6 -24v-9M0 -24v-11M6 -24v-9', darken(c, 0.2), 1.2)
  )
}

const party: Accessory = (pen, look) => {
  const c = look.part('hat', '#3fa7d6')
  return (
    pen.solid(
      poly([
        [-12, -14],
        [0, -46],
        [12, -14],
      ]),
      c,
    ) +
    pen.solid(disc(-3, -24, 2) + disc(4, -20, 2) + disc(1, -32, 1.8), '#ffe27a', { plain: true }) +
    pen.solid(disc(0, -47, 4.4), '#f26d85')
  )
}

const pirate: Accessory = (pen, look) => {
  const c = look.part('hat', '#2c2833')
  return (
    pen.solid('M-30 -8C-30 -24 -16 -22 -10 -34C-4 -42 4 -42 10 -34C16 -22 30 -24 30 -8Q0 -20 -30 -8Z', c) +
    pen.solid(disc(0, -25, 5) + box([-3, -22, 6, 5], 1.5), '#f6f1e4', { plain: true }) +
    pen.solid(disc(-1.9, -25, 1.2) + disc(1.9, -25, 1.2), c, { plain: true })
  )
}

const ninja: Accessory = (pen, look) => {
  const c = look.part('headband', '#c8313f')
  return (
    pen.solid('M-21 -10Q0 -17 21 -10L20.5 -3Q0 -10 -20.5 -3Z', c) +
    pen.solid(
      poly([
        [20, -8],
        [33, -14],
        [31, -6],
      ]) +
        poly([
          [20, -6],
          [34, -2],
          [29, 3],
        ]),
      darken(c, 0.15),
    )
  )
}

const cape: Accessory = (pen, look) => {
  const c = look.part('coat', '#d6343a')
  return (
    pen.solid('M-15 17Q0 26 15 17L18 24Q0 32 -18 24Z', c) +
    pen.solid('M-20 -9Q0 -2 20 -9L17 1Q8 4 0 -1Q-8 4 -17 1Z', c) +
    pen.emit(disc(-8, -3, 2.6) + disc(8, -3, 2.6), '#ffffff')
  )
}

const knightly: Accessory = (pen, look) => {
  const c = look.part('helmet', '#aeb8c4')
  return (
    pen.solid('M2 -30C10 -52 30 -44 30 -26C24 -34 14 -32 8 -26Z', '#d6343a') +
    pen.solid('M-22 2C-25 -34 25 -34 22 2L16 -2Q0 -14 -16 -2Z', c) +
    pen.line('M-20 -9Q0 -20 20 -9', darken(c, 0.35), 1.8) +
    pen.solid(disc(-20, -3, 2.4) + disc(20, -3, 2.4), '#e0b84a', { plain: true })
  )
}

const wreath: Accessory = (pen, look) => {
  const spots: readonly Point[] = [
    [-18, -11],
    [-11, -17],
    [-3, -20],
    [6, -19.5],
    [13, -16],
    [19, -10],
  ]
  const hues = [look.part('flower crown', '#f48fb1'), '#ffd166', '#ffffff', '#b79ce8']
  return (
    pen.line('M-20 -9Q0 -27 20 -9', '#5f9e57', 3) +
    repeat(spots.length, i => {
      const [x, y] = spots[i] ?? [0, 0]
      return (
        pen.solid(
          repeat(5, k => disc(x + Math.cos(k * 1.257) * 2.6, y + Math.sin(k * 1.257) * 2.6, 2.2)),
          hues[i % 4] ?? '#ffffff',
          { plain: true },
        ) + pen.solid(disc(x, y, 1.6), '#f2a93a', { plain: true })
      )
    })
  )
}

const hat = brimmed('M-15 -15C-16 -36 -9 -38 0 -35C9 -38 16 -36 15 -15Q0 -10 -15 -15Z', '#a8643a', 28)
const topHat = brimmed('M-15 -15L-17 -46Q0 -50 17 -46L15 -15Q0 -10 -15 -15Z', '#2c2a35', 25)
const cowboy = brimmed('M-15 -15C-17 -38 -8 -42 0 -36C8 -42 17 -38 15 -15Q0 -10 -15 -15Z', '#9a6238', 34)

const accessories: Readonly<Record<string, Accessory>> = {
  hat,
  'top hat': topHat,
  'cowboy hat': cowboy,
  'wizard hat': pointed,
  'party hat': party,
  'santa hat': santa,
  'chef hat': chef,
  cap,
  crown,
  scarf,
  glasses: glasses(false),
  sunglasses: glasses(true),
  'bow tie': bowTie,
  headphones,
  helmet,
  'flower crown': wreath,
  'as astronaut': helmet,
  'as wizard': pointed,
  'as witch': pointed,
  'as king': crown,
  'as queen': crown,
  'as princess': crown,
  'as pirate': pirate,
  'as chef': chef,
  'as cowboy': cowboy,
  'as farmer': brimmed('M-14 -15C-15 -32 -9 -35 0 -33C9 -35 15 -32 14 -15Q0 -10 -14 -15Z', '#e3bd62', 32),
  'as santa': santa,
  'as ninja': ninja,
  'as superhero': cape,
  'as knight': knightly,
  'as doctor': glasses(false),
  'as detective': hat,
  'as fairy': wreath,
}

const RADIUS = 20

/** Everything this look wears on a head at x, y with that radius. `own` is what the drawing already put on. */
export function drawAccessories(
  pen: Pen,
  look: Look,
  {
    head: [x, y, radius],
    traits,
    own,
  }: { head: readonly [number, number, number]; traits: ReadonlySet<string>; own: ReadonlySet<string> },
): string {
  const scale = radius / RADIUS
  const worn = [...traits].filter(trait => {
    const part = trait.endsWith('hat') || trait === 'cap' ? 'hat' : trait
    return accessories[trait] !== undefined && !own.has(part)
  })
  return worn.map(trait => place(accessories[trait]?.(pen.at({}), look) ?? '', [x, y], { scale })).join('')
}
