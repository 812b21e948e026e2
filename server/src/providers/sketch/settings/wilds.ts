// Owns the wild country: forest, mountains, desert and snow.
import { darken, lighten, mix } from '../colour.ts'
import { box, disc, n, oval, type Point, place, poly } from '../geometry.ts'
import { boulder, grass, landUnder, leafTree, pine, ridgePoints, treeLine } from '../nature.ts'
import type { Rng } from '../random.ts'
import { drawSky } from '../sky.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'
import type { DrawSetting } from './backdrop.ts'
import { cornerGrass, leafOf, nearGround, openAir } from './country.ts'

/** Rows of trees from far to near; the middle stays open for whoever lives here. */
function forestRows(
  stage: Stage,
  horizon: number,
  { snow, floor }: { snow: boolean; floor: string },
): string {
  const rng = stage.rng.fork('forest')
  const tall = stage.height - horizon
  const conifers = snow || rng.chance(0.55)
  return repeat(4, row => {
    const pen = stage.pen.at({ depth: 0.74 - row * 0.19 })
    const y = horizon + 4 + row * tall * 0.11
    const height = stage.height * (0.34 + row * 0.14)
    const many = Math.round((9 - row) * Math.max(0.6, stage.width / 1000))
    const trees = repeat(many, i => {
      const spread = (i + rng.range(0.1, 0.9)) / many
      if (row >= 2 && spread > 0.26 && spread < 0.74) return ''
      const at: Point = [spread * stage.width, y + rng.range(-8, 14)]
      const size = height * rng.range(0.75, 1.1) * (0.5 + Math.min(0.62, Math.abs(spread - 0.5) * 1.5))
      if (!conifers) return leafTree(pen, rng, { at, height: size, leaf: leafOf(stage, rng) })
      const leaf = snow ? '#4d7370' : rng.pick(['#2f6b52', '#3b7a55', '#27614f'])
      return pine(pen, rng, { at, height: size, leaf, snow })
    })
    const points = ridgePoints(stage, rng, { y: y + 4, rise: 12, waves: 2 })
    return trees + pen.solid(landUnder(stage, points), mix(floor, '#ffffff', 0.05 * (3 - row)))
  })
}

function lightRays(stage: Stage): string {
  if (stage.night || stage.time === 'dusk') return ''
  return repeat(5, i => {
    const x = stage.width * (0.16 + i * 0.17)
    const ray = poly([
      [x + 150, -20],
      [x + 205, -20],
      [x + 30, stage.height * 0.86],
      [x - 90, stage.height * 0.86],
    ])
    return stage.pen.shade(ray, '#fff3c4', stage.wants('glow') ? 0.16 : 0.085)
  })
}

/** Dark trunks at both edges. */
function nearTrunks(stage: Stage): string {
  const { width, height, pen } = stage
  return repeat(2, i => {
    const x = i === 0 ? -width * 0.02 : width * 1.02
    const w = Math.min(90, width * 0.09)
    const left = `M${n(x - w * 0.7)} -20C${n(x - w * 0.5)} ${n(height * 0.4)} ${n(x - w * 0.55)} ${n(height * 0.8)} ${n(x - w)} ${n(height + 20)}`
    const right = `L${n(x + w)} ${n(height + 20)}C${n(x + w * 0.5)} ${n(height * 0.8)} ${n(x + w * 0.5)} ${n(height * 0.4)} ${n(x + w * 0.7)} -20Z`
    return pen.solid(left + right, pen.gradient(['#3a2a2c', '#54393a', '#33252b'], { across: true }))
  })
}

const drawForest: DrawSetting = (stage, horizon) => {
  const rng = stage.rng.fork('ferns')
  const tall = stage.height - horizon
  const [, b = '#6fb04c'] = stage.grass
  const floor = stage.season === 'winter' ? b : mix(b, '#5b6b35', 0.45)
  const snow = stage.weather === 'snow' || stage.season === 'winter'
  const [top, bottom] = [horizon + tall * 0.3, stage.height]
  const dark = {
    top,
    bottom,
    count: snow ? 60 : 330,
    colour: snow ? '#b9cbd6' : darken(floor, 0.25),
    height: 40,
  }
  const bright = { top, bottom, count: snow ? 0 : 260, colour: lighten(floor, 0.25), height: 30 }
  return {
    ...openAir(stage, horizon),
    back:
      drawSky(stage, horizon) +
      forestRows(stage, horizon, { snow, floor }) +
      grass(stage, rng, dark) +
      grass(stage, rng, bright) +
      lightRays(stage),
    front: nearTrunks(stage) + cornerGrass(stage),
    stand: horizon + tall * 0.76,
    far: horizon + tall * 0.36,
  }
}

function peak(
  stage: Stage,
  rng: Rng,
  { at, width, height, depth }: { at: Point; width: number; height: number; depth: number },
): string {
  const pen = stage.pen.at({ depth })
  const [x, y] = at
  const rock = stage.brief.scenery.get('ground') ?? '#6f7896'
  const apex: Point = [x, y - height]
  const edge = (from: Point, to: Point, steps: number): Point[] =>
    Array.from({ length: steps - 1 }, (_, i) => {
      const t = (i + 1) / steps
      return [
        from[0] + (to[0] - from[0]) * t + rng.range(-1, 1) * width * 0.026,
        from[1] + (to[1] - from[1]) * t + rng.range(-1, 1) * height * 0.035,
      ]
    })
  const [left, right]: [Point, Point] = [
    [x - width / 2, y],
    [x + width / 2, y],
  ]
  const [rise, fall] = [edge(left, apex, 7), edge(apex, right, 7)]
  const fold: Point[] = edge(apex, [x + width * 0.1, y], 6)
  const all = [left, ...rise, apex, ...fall, right]
  const lit =
    stage.orb && stage.orb.x > x
      ? [apex, ...fall, right, [x + width * 0.1, y] as Point, ...[...fold].reverse()]
      : [left, ...rise, apex, ...fold, [x + width * 0.1, y] as Point]
  const snowLine = (points: Point[]): Point[] => points.filter(p => p[1] < y - height * 0.58)
  const [l, r] = [snowLine(rise), snowLine(fall)]
  const [a, b] = [l[0] ?? apex, r.at(-1) ?? apex]
  const zig: Point[] = Array.from({ length: 7 }, (_, i) => {
    const t = (i + 1) / 8
    return [b[0] + (a[0] - b[0]) * t, b[1] + (a[1] - b[1]) * t + (i % 2 ? -1 : 1) * height * 0.06]
  })
  return (
    pen.solid(
      poly(all),
      pen.gradient([darken(rock, 0.14), darken(rock, 0.06), mix(rock, stage.haze, 0.35)]),
    ) +
    pen.shade(poly(lit), lighten(rock, 0.5), 0.38) +
    pen.solid(poly([...l, apex, ...r, ...zig]), '#f7fafc', { plain: true }) +
    pen.shade(
      poly([apex, ...snowLine(fold), ...(stage.orb && stage.orb.x > x ? [...l].reverse() : r).slice(0, 9)]),
      '#8fa3cf',
      stage.orb && stage.orb.x > x ? 0 : 0.32,
    )
  )
}

const drawMountains: DrawSetting = (stage, horizon) => {
  const rng = stage.rng.fork('mountains')
  const tall = stage.height - horizon
  const lift = Math.min(horizon * 0.72, 460)
  const range = (count: number, height: number, depth: number): string => {
    const spots = Array.from({ length: count }, (_, i) => ({
      x: ((i + rng.range(0.25, 0.75)) / count) * stage.width * 1.15 - stage.width * 0.07,
      h: height * rng.range(0.68, 1.05),
    }))
    return spots
      .sort((p, q) => q.h - p.h)
      .map(({ x, h }) =>
        peak(stage, rng, { at: [x, horizon + 40], width: h * rng.range(1.3, 1.7), height: h, depth }),
      )
      .join('')
  }
  const wide = Math.max(1, stage.width / 1000)
  const [, b = '#6fb04c'] = stage.grass
  const points = ridgePoints(stage, rng, { y: horizon + 40, rise: 26, waves: 1.8 })
  const forestColour = stage.season === 'winter' ? '#5b7d83' : '#3c6e5a'
  const near = nearGround(stage, {
    y: horizon + tall * 0.36,
    rise: 34,
    colours: [lighten(b, 0.14), b, darken(b, 0.3)],
  })
  return {
    ...openAir(stage, horizon),
    air: [stage.height * 0.1, horizon * 0.62],
    back:
      drawSky(stage, horizon) +
      range(Math.round(4 * wide), lift * 0.72, 0.58) +
      range(Math.round(3 * wide), lift, 0.26) +
      treeLine(stage, rng, { points, height: 64, colour: forestColour, depth: 0.26, kind: 'pine' }) +
      stage.pen.at({ depth: 0.2 }).solid(landUnder(stage, points), mix(forestColour, b, 0.3)) +
      treeLine(stage, rng, {
        points: near.points,
        height: 96,
        colour: darken(forestColour, 0.14),
        depth: 0.1,
        kind: 'pine',
      }) +
      near.svg +
      grass(stage, rng, {
        top: horizon + tall * 0.44,
        bottom: stage.height,
        count: 320,
        colour: darken(b, 0.16),
        height: 28,
      }) +
      boulder(stage.pen, rng, { at: [stage.width * 0.12, horizon + tall * 0.66], width: 110 }) +
      boulder(stage.pen, rng, { at: [stage.width * 0.2, horizon + tall * 0.72], width: 60 }),
    front: cornerGrass(stage),
    stand: horizon + tall * 0.78,
    far: horizon + tall * 0.5,
  }
}

const drawDesert: DrawSetting = (stage, horizon) => {
  const rng = stage.rng.fork('desert')
  const sand = stage.brief.scenery.get('ground') ?? '#e2ab62'
  const tall = stage.height - horizon
  const mesa = (x: number, w: number, h: number): string => {
    const pen = stage.pen.at({ depth: 0.5 })
    const d = poly([
      [x - w / 2, horizon + 20],
      [x - w * 0.42, horizon - h * 0.55],
      [x - w * 0.36, horizon - h * 0.6],
      [x - w * 0.33, horizon - h],
      [x + w * 0.3, horizon - h * 0.96],
      [x + w * 0.35, horizon - h * 0.5],
      [x + w * 0.5, horizon + 20],
    ])
    return (
      pen.solid(d, pen.gradient(['#c8683f', '#b4583c', '#d08a58'])) +
      pen.shade(box([x - w * 0.33, horizon - h * 0.72, w * 0.65, h * 0.07]), '#8d3f33', 0.4)
    )
  }
  const dunes = repeat(4, i => {
    const t = i / 3
    const pen = stage.pen.at({ depth: 0.42 - t * 0.42 })
    const points = ridgePoints(stage, rng, {
      y: horizon + 20 + t * tall * 0.4,
      rise: 26 + t * 26,
      waves: 1.5 - t * 0.4,
    })
    const colour = mix(lighten(sand, 0.25), sand, t)
    const crest = points.map(([x, y]): Point => [x, y + 6 + Math.sin(x / 90) * 18 + t * 60])
    const ribs =
      t > 0.5 ? repeat(9, k => stage.pen.shade(landRibbon(points, 40 + k * 30), darken(sand, 0.4), 0.1)) : ''
    return (
      pen.solid(
        landUnder(stage, points),
        pen.gradient([lighten(colour, 0.22), colour, darken(colour, 0.16)]),
      ) +
      pen.shade(`${landUnder(stage, crest)}`, darken(colour, 0.28), 0.22) +
      ribs
    )
  })
  const cacti = stage.allows('cactus')
    ? repeat(3, i =>
        cactus(stage, {
          at: [stage.width * (i === 0 ? 0.1 : i === 1 ? 0.9 : 0.78), horizon + tall * (0.26 + 0.2 * i)],
          height: 90 + i * 50,
        }),
      )
    : ''
  return {
    ...openAir(stage, horizon),
    shadow: darken(sand, 0.55),
    back:
      drawSky(stage, horizon) +
      mesa(stage.width * rng.range(0.1, 0.3), 260, 150) +
      mesa(stage.width * rng.range(0.7, 0.92), 200, 104) +
      dunes +
      cacti,
    front: boulder(stage.pen, rng, {
      at: [stage.width * 0.04, stage.height + 10],
      width: 150,
      colour: '#b0704a',
    }),
    stand: horizon + tall * 0.74,
    far: horizon + tall * 0.36,
  }
}

function landRibbon(points: readonly Point[], drop: number): string {
  const top = points.map(([x, y]): Point => [x, y + drop + Math.sin(x / 60) * 5])
  return poly([...top, ...top.map(([x, y]): Point => [x, y + 4 + drop * 0.02]).reverse()])
}

function cactus(stage: Stage, { at, height }: { at: Point; height: number }): string {
  const p = stage.pen.at({ scale: height / 100 })
  const body = `${box([-8, -100, 16, 102], 8)}${box([-30, -74, 11, 34], 5.5)}${box([-30, -51, 26, 11], 5.5)}${box([20, -86, 11, 40], 5.5)}${box([4, -57, 27, 11], 5.5)}`
  const svg =
    p.shade(oval([6, 0, 26, 4]), '#7a4526', 0.35) +
    p.solid(body, '#4d8f5b') +
    p.line('M-3 -92V-4M3 -92V-4M-25 -70v24M26 -82v30', '#3a7248', 1.4)
  return place(svg, at, { scale: height / 100 })
}

const drawSnow: DrawSetting = (stage, horizon) => {
  const rng = stage.rng.fork('snow')
  const tall = stage.height - horizon
  const ice = stage.night ? '#c9d9f2' : '#f3f7fb'
  const hills = repeat(4, i => {
    const t = i / 3
    const pen = stage.pen.at({ depth: 0.5 - t * 0.5 })
    const points = ridgePoints(stage, rng, { y: horizon + t * tall * 0.42, rise: 34, waves: 1.9 - t * 0.6 })
    const trees =
      i < 3
        ? treeLine(stage, rng, {
            points,
            height: 44 + t * 70,
            colour: '#6d8f9c',
            depth: 0.5 - t * 0.35,
            kind: 'pine',
          })
        : ''
    return (
      trees +
      pen.solid(
        landUnder(stage, points),
        pen.gradient([ice, mix(ice, '#b7cbe6', 0.32), mix(ice, '#8fabd6', 0.45)]),
      )
    )
  })
  const pines = repeat(4, i =>
    pine(stage.pen.at({ depth: 0.06 }), rng, {
      at: [
        stage.width * (i % 2 ? rng.range(0.82, 0.98) : rng.range(0.02, 0.18)),
        horizon + tall * (0.3 + i * 0.08),
      ],
      height: rng.range(170, 280),
      leaf: '#4d7370',
      snow: true,
    }),
  )
  const sparkle = repeat(1, () => {
    let d = ''
    for (let i = 0; i < 90; i++)
      d += disc(rng.next() * stage.width, horizon + tall * rng.range(0.35, 1), rng.range(0.8, 2.2))
    return stage.pen.emit(d, '#ffffff', 0.8)
  })
  return {
    ...openAir(stage, horizon),
    shadow: '#7d95bd',
    back: drawSky(stage, horizon) + hills + pines + sparkle,
    front: stage.pen.solid(
      landUnder(stage, ridgePoints(stage, rng, { y: stage.height - 22, rise: 26, waves: 1.2 })),
      stage.pen.gradient(['#ffffff', '#cfdef0']),
    ),
    stand: horizon + tall * 0.74,
    far: horizon + tall * 0.34,
  }
}

export const wildSettings = {
  forest: drawForest,
  mountains: drawMountains,
  desert: drawDesert,
  snow: drawSnow,
} as const
