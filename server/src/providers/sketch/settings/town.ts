// Owns the places people built: the skyline of a city and a street between its houses.
import { darken, lighten, mix } from '../colour.ts'
import { box, disc, n, oval, type Point, place, poly } from '../geometry.ts'
import type { Rng } from '../random.ts'
import { drawSky } from '../sky.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'
import type { DrawSetting } from './backdrop.ts'

const neon = ['#ff3fa4', '#27e0ff', '#b15cff', '#ffd23f', '#39ff9c'] as const

const isLit = (stage: Stage): boolean => stage.night || stage.time === 'dusk' || stage.time === 'sunset'

type Block = { x: number; w: number; h: number }

function blocks(stage: Stage, rng: Rng, tall: number): Block[] {
  const list: Block[] = []
  for (let x = -40; x < stage.width + 40; ) {
    const w = rng.range(54, 120)
    const middle = 1 - Math.abs(x / stage.width - 0.5) * 0.7
    list.push({ x, w, h: tall * rng.range(0.4, 1) * middle })
    x += w + rng.range(-10, 6)
  }
  return list
}

function roofOf({ x, w }: Block, top: number, rng: Rng): string {
  switch (rng.int(0, 4)) {
    case 0:
      return poly([
        [x + w * 0.2, top],
        [x + w * 0.5, top - w * 0.5],
        [x + w * 0.8, top],
      ])
    case 1:
      return box([x + w * 0.2, top - 18, w * 0.6, 20]) + box([x + w * 0.46, top - 80, w * 0.06, 66])
    case 2:
      return `M${n(x)} ${n(top + 2)}A${n(w / 2)} ${n(w * 0.4)} 0 0 1 ${n(x + w)} ${n(top + 2)}Z`
    case 3:
      return poly([
        [x, top + 1],
        [x, top - 30],
        [x + w, top + 1],
      ])
    default:
      return box([x + w * 0.12, top - 12, w * 0.3, 14])
  }
}

function skyline(
  stage: Stage,
  { base, tall, depth, colour }: { base: number; tall: number; depth: number; colour: string },
): string {
  const rng = stage.rng.fork(`skyline${depth}`)
  const pen = stage.pen.at({ depth })
  const lit = isLit(stage)
  let [shape, shadow, bright, dull] = ['', '', '', '']
  for (const block of blocks(stage, rng, tall)) {
    const top = base - block.h
    shape += box([block.x, top, block.w, block.h + 60]) + roofOf(block, top, rng)
    shadow += box([block.x + block.w * 0.7, top, block.w * 0.3, block.h + 60])
    if (depth > 0.6) continue
    const step = rng.pick([17, 20, 24])
    for (let y = top + 14; y < base - 8; y += step * 1.15) {
      for (let x = block.x + 9; x < block.x + block.w - 12; x += step) {
        const pane = box([x, y, step * 0.52, step * 0.62])
        if (lit && rng.chance(0.46)) bright += pane
        else if (rng.chance(0.75)) dull += pane
      }
    }
  }
  const plain = { plain: pen.ink.kind === 'fill' }
  return (
    pen.solid(shape, pen.gradient([colour, mix(colour, stage.haze, 0.35)]), plain) +
    pen.shade(shadow, darken(colour, 0.4), 0.28) +
    pen.shade(dull, lit ? darken(colour, 0.4) : mix(colour, '#dff0fa', 0.6), 0.7) +
    pen.emit(bright, depth > 0.3 ? '#ffd98a' : '#ffe7a3', 0.92)
  )
}

function neonSigns(
  stage: Stage,
  rng: Rng,
  { top, bottom, count }: { top: number; bottom: number; count: number },
): string {
  return repeat(count, i => {
    const colour = neon[i % neon.length] ?? '#ff3fa4'
    const left = i % 2 === 0
    const x = stage.width * (left ? rng.range(0.01, 0.24) : rng.range(0.72, 0.94))
    const y = rng.range(top, bottom)
    const [w, h] = rng.chance(0.6)
      ? [rng.range(26, 44), rng.range(90, 190)]
      : [rng.range(80, 130), rng.range(34, 56)]
    let glyphs = ''
    const across = w > h
    const signs = Math.max(2, Math.floor((across ? w : h) / 34))
    for (let k = 0; k < signs; k++) {
      const [gx, gy] = across
        ? [x + 10 + (k * (w - 14)) / signs, y + h * 0.26]
        : [x + w * 0.22, y + 8 + (k * (h - 12)) / signs]
      const s = Math.min(w, h) * 0.5
      glyphs += `M${n(gx)} ${n(gy)}h${n(s)}v${n(s * 0.2)}h${n(-s)}Z`
      glyphs += rng.chance(0.5)
        ? `M${n(gx + s * 0.4)} ${n(gy)}h${n(s * 0.2)}v${n(s * 0.9)}h${n(-s * 0.2)}Z`
        : `M${n(gx)} ${n(gy + s * 0.45)}h${n(s)}v${n(s * 0.18)}h${n(-s)}ZM${n(gx + s * 0.1)} ${n(gy)}h${n(s * 0.18)}v${n(s * 0.85)}h${n(-s * 0.18)}Z`
    }
    const { pen } = stage
    return (
      pen.glow([x + w / 2, y + h / 2, Math.max(w, h) * 1.5], colour, 0.6) +
      pen.emit(box([x, y, w, h], 7), '#160a2a', 0.94) +
      pen.line(box([x + 2.5, y + 2.5, w - 5, h - 5], 6), colour, 3.4) +
      pen.emit(glyphs, lighten(colour, 0.35))
    )
  })
}

/** Passers-by under umbrellas, where the prompt names nobody. */
function walkers(stage: Stage, rng: Rng, spots: readonly (readonly [number, number, number])[]): string {
  if (stage.brief.wishes.length > 0 || !stage.allows('people')) return ''
  const hues = stage.wants('neonlights') ? neon : ['#d9433f', '#f2b134', '#3a7ca5', '#7a9e7e', '#b56576']
  const wet = stage.weather === 'rain' || stage.weather === 'storm' || stage.weather === 'snow'
  return spots
    .map(([x, y, height], i) => {
      const pen = stage.pen.at({ scale: height / 100 })
      const coat = stage.wants('neonlights')
        ? '#1b1438'
        : rng.pick(['#3a3f58', '#5a4a5f', '#7a4b3f', '#2f4a4f'])
      const hue = hues[i % hues.length] ?? '#d9433f'
      const step = rng.range(2, 5)
      const legs = pen.solid(
        `M-5 -26L${n(-5 - step)} 0H${n(-1 - step)}L0 -26ZM1 -26L${n(2 + step)} 0H${n(6 + step)}L6 -26Z`,
        darken(coat, 0.4),
      )
      const body =
        pen.solid('M-9 -64Q0 -70 9 -64L13 -22Q0 -16 -13 -22Z', coat) + pen.solid(disc(0, -73, 7.4), '#e8b48f')
      const hair = pen.solid('M-7.6 -73A7.6 7.6 0 0 1 7.6 -73Q0 -78 -7.6 -73Z', '#3a2a30')
      const shield = 'M-30 -82A30 27 0 0 1 30 -82Q22 -88 15 -82Q7 -88 0 -82Q-7 -88 -15 -82Q-22 -88 -30 -82Z'
      const umbrella = wet
        ? pen.line('M8 -46L2 -108', '#2a2233', 1.8) +
          pen.solid(shield, hue) +
          pen.shade('M-30 -82A30 27 0 0 1 -4 -108Q-14 -98 -15 -82Q-22 -88 -30 -82Z', '#ffffff', 0.22)
        : ''
      const shadow =
        stage.pen.shade(oval([0, 0, 20, 3.4]), '#120e24', 0.5) +
        (wet ? stage.pen.emit(oval([0, 9, 15, 7]), hue, 0.28) : '')
      return place(shadow + legs + body + hair + umbrella, [x, y], {
        scale: height / 100,
        flip: rng.chance(0.5),
      })
    })
    .join('')
}

/** Coloured light lying on wet ground. */
function wetGround(stage: Stage, rng: Rng, top: number): string {
  const wet = stage.weather === 'rain' || stage.weather === 'storm' || stage.wants('neonlights')
  if (!wet) return ''
  const hues = stage.wants('neonlights') ? neon : ['#ffd98a', '#cfe2f5', '#ffe7b8']
  return repeat(46, i => {
    const t = rng.next()
    const y = top + (stage.height - top) * t
    const [x, w, h] = [rng.next() * stage.width, rng.range(20, 90) * (0.4 + t), rng.range(2, 7) * (0.6 + t)]
    return stage.pen.emit(oval([x, y, w, h]), hues[i % hues.length] ?? '#ffd98a', 0.26)
  })
}

function lampPost(
  stage: Stage,
  { at: [x, y], height, flip }: { at: Point; height: number; flip: boolean },
): string {
  const { pen } = stage
  const s = flip ? -1 : 1
  const k = height / 100
  const lit = isLit(stage)
  const head: Point = [x + s * 14 * k, y - 88 * k]
  return (
    pen.solid(
      box([x - 1.3 * k, y - 94 * k, 2.6 * k, 94 * k]) + box([x - 3.4 * k, y - 6 * k, 6.8 * k, 6 * k], k),
      '#2f3040',
    ) +
    pen.line(
      `M${n(x)} ${n(y - 92 * k)}Q${n(x + s * 6 * k)} ${n(y - 101 * k)} ${n(head[0])} ${n(head[1] - 6 * k)}`,
      '#2f3040',
      1.8 * k,
    ) +
    (lit ? pen.glow([head[0], head[1], 46 * k], '#ffd27a', 0.75) : '') +
    pen.solid(
      poly([
        [head[0] - 5 * k, head[1] - 5 * k],
        [head[0] + 5 * k, head[1] - 5 * k],
        [head[0] + 3 * k, head[1] + 5 * k],
        [head[0] - 3 * k, head[1] + 5 * k],
      ]),
      lit ? '#fff0bd' : '#dfe9ee',
      { plain: lit },
    ) +
    pen.solid(
      poly([
        [head[0] - 6 * k, head[1] - 5 * k],
        [head[0], head[1] - 9 * k],
        [head[0] + 6 * k, head[1] - 5 * k],
      ]),
      '#2f3040',
    )
  )
}

const drawCity: DrawSetting = (stage, horizon) => {
  const rng = stage.rng.fork('city')
  const { pen, width, height } = stage
  const base = horizon + 70
  const night = stage.night || stage.time === 'dusk'
  const tone = stage.brief.palette[0] ?? (night ? '#3d4680' : rng.pick(['#8693a8', '#9a8fa3', '#a58f86']))
  const paving = night ? '#3b3c5c' : '#b9b2ae'
  const vanish: Point = [width / 2, base - 40]
  let seams = ''
  for (let i = -9; i <= 9; i++)
    seams += `M${n(width / 2 + i * width * 0.05)} ${n(base + 10)}L${n(vanish[0] + i * width * 0.2)} ${n(height + 10)}`
  for (let i = 0; i < 6; i++) {
    const y = base + 12 + (height - base) * (i / 6) ** 1.6
    seams += `M-10 ${n(y)}H${n(width + 10)}`
  }
  const neonly = stage.wants('neonlights')
  const rail = base + 14
  return {
    back:
      drawSky(stage, horizon + 40) +
      (neonly ? pen.glow([width * 0.5, base, width * 0.6], '#ff3fa4', 0.42) : '') +
      skyline(stage, {
        base,
        tall: horizon * 0.86,
        depth: 0.66,
        colour: mix(tone, stage.sky[1] ?? tone, 0.4),
      }) +
      skyline(stage, { base, tall: horizon * 0.7, depth: 0.4, colour: tone }) +
      skyline(stage, { base, tall: horizon * 0.42, depth: 0.12, colour: darken(tone, 0.24) }) +
      (neonly ? neonSigns(stage, rng, { top: horizon * 0.4, bottom: base - 150, count: 10 }) : '') +
      pen.solid(
        box([-20, base, width + 40, height - base + 30]),
        pen.gradient([darken(paving, 0.14), paving, lighten(paving, 0.12)]),
      ) +
      pen.line(seams, darken(paving, 0.22), 2) +
      wetGround(stage, rng, base) +
      pen.line(
        `M-10 ${n(rail - 52)}H${n(width + 10)}M-10 ${n(rail - 30)}H${n(width + 10)}${repeat(Math.ceil(width / 64) + 1, i => `M${n(i * 64)} ${n(rail - 54)}V${n(rail)}`)}`,
        '#2f3040',
        4.4,
      ) +
      lampPost(stage, { at: [width * 0.1, rail + 24], height: height * 0.38, flip: false }) +
      lampPost(stage, { at: [width * 0.9, rail + 24], height: height * 0.38, flip: true }),
    front: '',
    stand: base + (height - base) * 0.66,
    far: base + (height - base) * 0.25,
    water: null,
    air: [height * 0.08, horizon * 0.8],
    floor: 'land',
    shadow: '#1c1a33',
  }
}

type Facade = { side: 1 | -1; from: number; to: number; high: number; colour: string }

/** A street in one-point perspective: z = 1 is the picture plane. */
function projector(stage: Stage, horizon: number): (x: number, y: number, z: number) => Point {
  const [vx, vy] = [stage.width / 2, horizon]
  return (x, y, z) => [vx + x / z, vy + y / z]
}

function drawFacade(
  stage: Stage,
  rng: Rng,
  facade: Facade,
  project: (x: number, y: number, z: number) => Point,
): string {
  const { side, from, to, high, colour } = facade
  const { pen, width, height } = stage
  const x = (side * width) / 2 + side * 26
  const ground = height * 0.46
  const quad = (z0: number, z1: number, y0: number, y1: number): string =>
    poly([project(x, y0, z0), project(x, y0, z1), project(x, y1, z1), project(x, y1, z0)])
  const at = pen.at({ depth: Math.min(0.5, (from - 1) * 0.12) })
  const lit = isLit(stage)
  let [panes, bright, frames] = ['', '', '']
  const floors = Math.max(2, Math.round((high * 1.1) / 150))
  const bays = Math.max(2, Math.round((to - from) * 3.2))
  for (let f = 1; f <= floors; f++) {
    for (let b = 0; b < bays; b++) {
      const z = (t: number): number => from + ((to - from) * (b + t)) / bays
      const y = (t: number): number => ground - ((high + ground) * (f + t)) / (floors + 1)
      frames += quad(z(0.2), z(0.8), y(0.84), y(0.2))
      const pane = quad(z(0.27), z(0.73), y(0.78), y(0.26))
      if (lit && rng.chance(0.55)) bright += pane
      else panes += pane
    }
  }
  const shopTop = ground - ((high + ground) * 0.82) / (floors + 1)
  const shop = quad(
    from + 0.08 * (to - from),
    to - 0.08 * (to - from),
    shopTop * 0.72 + ground * 0.28,
    ground * 0.92,
  )
  const awning = poly([
    project(x, shopTop, from),
    project(x, shopTop, to),
    project(x - side * 70, shopTop + 66, to),
    project(x - side * 70, shopTop + 66, from),
  ])
  const cloth = rng.pick(['#c8443d', '#2f7f86', '#d99a3c', '#6b5a9e', '#4f8a55'])
  return (
    at.solid(
      quad(from, to, -high, ground),
      at.gradient([lighten(colour, 0.08), colour, darken(colour, 0.18)]),
    ) +
    at.solid(quad(from, to, -high - 26, -high), darken(colour, 0.32)) +
    at.solid(frames, lighten(colour, 0.45), { plain: pen.ink.kind === 'fill' }) +
    at.solid(panes, stage.night ? '#25305c' : '#8fb4c8', { plain: true }) +
    at.emit(bright, '#ffdb8a', 0.95) +
    (lit ? at.emit(shop, '#ffcf7c', 0.92) : at.solid(shop, '#6f8896')) +
    at.solid(awning, cloth)
  )
}

function stringLights(stage: Stage, horizon: number): string {
  const { pen, width } = stage
  return repeat(3, i => {
    const y = horizon * (0.22 + i * 0.2)
    const inset = width * (0.02 + i * 0.12)
    const sag = 60 - i * 14
    let bulbs = ''
    for (let k = 1; k < 12; k++) {
      const t = k / 12
      bulbs += disc(inset + (width - inset * 2) * t, y + sag * 4 * t * (1 - t) + 7, 5.5 - i)
    }
    return (
      pen.line(
        `M${n(inset)} ${n(y)}Q${n(width / 2)} ${n(y + sag * 2)} ${n(width - inset)} ${n(y)}`,
        '#2a2440',
        2,
      ) + pen.emit(bulbs, '#ffe39a')
    )
  })
}

const drawStreet: DrawSetting = (stage, horizonAsked) => {
  const rng = stage.rng.fork('street')
  const { pen, width, height } = stage
  const horizon = Math.min(horizonAsked, height * 0.56)
  const project = projector(stage, horizon)
  const neonly = stage.wants('neonlights')
  const old = ['#e0a872', '#d98f73', '#c9b48a', '#b9c2a0', '#e2c49a', '#a9b8c4', '#d7a0a0']
  const hues = neonly ? ['#3a3366', '#2d3a66', '#4a2f66', '#2b2f55'] : old
  const cuts = [0.82, 1.35, 2, 2.9, 4.2, 6.4]
  const houses: Facade[] = []
  for (const side of [1, -1] as const) {
    for (let i = 0; i < cuts.length - 1; i++)
      houses.push({
        side,
        from: cuts[i] ?? 1,
        to: cuts[i + 1] ?? 2,
        high: height * rng.range(0.42, 0.74),
        colour: rng.pick(hues),
      })
  }
  houses.sort((a, b) => b.from - a.from)
  const ground = height * 0.46
  const road = neonly ? '#2b2a48' : stage.night ? '#4a4660' : '#a79a92'
  let stones = ''
  for (let i = 0; i < 15; i++) {
    const z = 0.8 + (i / 15) ** 1.5 * 5
    const [a, b] = [project(-width * 0.6, ground, z), project(width * 0.6, ground, z)]
    stones += `M${n(a[0])} ${n(a[1])}L${n(b[0])} ${n(b[1])}`
  }
  for (let i = -6; i <= 6; i++) {
    const [a, b] = [project((i / 6) * width * 0.5, ground, 0.8), project((i / 6) * width * 0.5, ground, 6.4)]
    stones += `M${n(a[0])} ${n(a[1])}L${n(b[0])} ${n(b[1])}`
  }
  const end = project(0, ground, 6.4)
  return {
    back:
      drawSky(stage, horizon + 30) +
      skyline(stage, {
        base: horizon + 40,
        tall: horizon * 0.5,
        depth: 0.6,
        colour: neonly ? '#4a3f8a' : '#9aa0b4',
      }) +
      pen.solid(
        box([-20, end[1], width + 40, height - end[1] + 30]),
        pen.gradient([darken(road, 0.1), road, lighten(road, 0.08)]),
      ) +
      pen.line(stones, darken(road, 0.2), 1.8) +
      wetGround(stage, rng, end[1] + 20) +
      houses.map(house => drawFacade(stage, rng, house, project)).join('') +
      walkers(stage, rng, [
        [width * 0.57, height * 0.7, height * 0.17],
        [width * 0.33, height * 0.78, height * 0.26],
        [width * 0.62, height * 0.9, height * 0.4],
      ]) +
      (neonly
        ? neonSigns(stage, rng, { top: height * 0.08, bottom: height * 0.46, count: 12 })
        : stringLights(stage, horizon)) +
      lampPost(stage, { at: project(-width * 0.36, ground, 1.7), height: height * 0.34, flip: false }) +
      lampPost(stage, { at: project(width * 0.36, ground, 1.7), height: height * 0.34, flip: true }),
    front: '',
    stand: height * 0.88,
    far: height * 0.68,
    water: null,
    air: [height * 0.1, horizon * 0.7],
    floor: 'land',
    shadow: '#1c1a33',
    focus: 0.5,
  }
}

export const townSettings = { city: drawCity, street: drawStreet } as const
