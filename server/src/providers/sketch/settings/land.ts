// Owns the open country: meadow, field, garden, forest, mountains, desert and snow.
import { darken, lighten, mix } from '../colour.ts'
import { box, disc, n, oval, type Point, place, poly } from '../geometry.ts'
import {
  boulder,
  flowers,
  grass,
  heightAt,
  landUnder,
  leafTree,
  pine,
  ridgePoints,
  treeLine,
} from '../nature.ts'
import type { Rng } from '../random.ts'
import { drawSky } from '../sky.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'
import type { Backdrop, DrawSetting } from './backdrop.ts'

const leafOf = (stage: Stage, rng: Rng): string => rng.pick(stage.leaves)

function farHills(stage: Stage, horizon: number, count: number): string {
  const rng = stage.rng.fork('hills')
  const land = stage.grass[1] ?? '#6aa84a'
  const blue = mix(land, stage.sky[1] ?? '#7fc1ee', 0.5)
  return repeat(count, i => {
    const t = i / Math.max(1, count)
    const pen = stage.pen.at({ depth: 0.72 - t * 0.42 })
    const y = horizon - 34 + t * 62
    const points = ridgePoints(stage, rng, { y, rise: 60 - t * 18, waves: 2 + i * 0.6 })
    const colour = mix(blue, land, t)
    const trees =
      i > 0
        ? treeLine(stage, rng, {
            points,
            height: 34 + t * 36,
            colour: darken(mix(blue, stage.leaves[1] ?? land, t), 0.12),
            depth: 0.66 - t * 0.4,
            kind: rng.chance(0.5) ? 'pine' : 'leaf',
          })
        : ''
    return (
      trees +
      pen.solid(landUnder(stage, points), pen.gradient([lighten(colour, 0.1), colour, darken(colour, 0.12)]))
    )
  })
}

function nearGround(
  stage: Stage,
  { y, rise, colours }: { y: number; rise: number; colours: readonly string[] },
): { svg: string; points: Point[] } {
  const rng = stage.rng.fork('ground')
  const points = ridgePoints(stage, rng, { y, rise, waves: 1.3 })
  const svg = stage.pen.solid(landUnder(stage, points), stage.pen.gradient(colours))
  return { svg, points }
}

/** Large blurred leaves or grass in the corners: they frame the picture and give it depth. */
function cornerGrass(stage: Stage): string {
  const rng = stage.rng.fork('corner')
  const dark = darken(stage.grass[1] ?? '#4f9347', 0.34)
  return (
    grass(stage, rng, {
      top: stage.height - 30,
      bottom: stage.height + 30,
      count: Math.round(stage.width / 7),
      colour: dark,
      height: 74,
    }) +
    grass(stage, rng, {
      top: stage.height,
      bottom: stage.height + 40,
      count: Math.round(stage.width / 9),
      colour: darken(dark, 0.2),
      height: 66,
    })
  )
}

const openAir = (stage: Stage, horizon: number): Pick<Backdrop, 'air' | 'shadow' | 'floor' | 'water'> => ({
  air: [stage.height * 0.1, horizon * 0.8],
  shadow: darken(stage.grass[1] ?? '#3b6b3a', 0.5),
  floor: 'land',
  water: null,
})

const drawMeadow: DrawSetting = (stage, horizon) => {
  const rng = stage.rng.fork('meadow')
  const [a = '#8cc456', b = '#6fb04c', c = '#a9d46a'] = stage.grass
  const ground = nearGround(stage, {
    y: horizon + 46,
    rise: 26,
    colours: [lighten(c, 0.12), a, b, darken(b, 0.22)],
  })
  const tall = stage.height - horizon
  const trees = repeat(rng.int(2, 4), i => {
    const x = stage.width * (i % 2 ? rng.range(0.76, 1) : rng.range(0, 0.22))
    return leafTree(stage.pen.at({ depth: 0.18 }), rng, {
      at: [x, heightAt(ground.points, x) + 14],
      height: rng.range(130, 230),
      leaf: leafOf(stage, rng),
    })
  })
  const winter = stage.season === 'winter' || stage.weather === 'snow'
  const blooming = !winter && stage.season !== 'autumn' && stage.allows('flowers')
  return {
    ...openAir(stage, horizon),
    back:
      drawSky(stage, horizon) +
      farHills(stage, horizon, 3) +
      ground.svg +
      trees +
      grass(stage, rng, {
        top: horizon + 70,
        bottom: stage.height,
        count: winter ? 60 : 420,
        colour: mix(c, '#fffbd0', 0.25),
        height: 30,
      }) +
      grass(stage, rng, {
        top: horizon + 90,
        bottom: stage.height,
        count: winter ? 40 : 320,
        colour: darken(b, 0.12),
        height: 34,
      }) +
      (blooming
        ? flowers(stage, rng, {
            top: horizon + tall * 0.24,
            bottom: stage.height * 0.97,
            count: stage.wants('flowers') ? 150 : 60,
            size: 13,
          })
        : ''),
    front:
      cornerGrass(stage) +
      (blooming
        ? flowers(stage, rng.fork('near'), {
            top: stage.height * 0.985,
            bottom: stage.height * 1.03,
            count: 16,
            size: 19,
          })
        : ''),
    stand: horizon + tall * 0.72,
    far: horizon + tall * 0.26,
  }
}

const crops: readonly (readonly [string, string])[] = [
  ['lavender', '#9a7fd1'],
  ['sunflower', '#f0b52e'],
  ['poppy', '#d9473c'],
  ['tulip', '#e2607f'],
  ['corn', '#a8b048'],
  ['rice', '#9cc04f'],
  ['wheat', '#e0b450'],
]

function cropColour(stage: Stage, rng: Rng): string {
  const asked = stage.brief.scenery.get('ground')
  const crop = crops.find(([name]) => [...stage.brief.says].some(phrase => phrase.startsWith(name)))
  if (asked ?? crop) return asked ?? crop?.[1] ?? '#e0b450'
  return stage.season === 'winter' ? '#eef3f7' : rng.pick(['#e3b94e', '#d9a93f', '#c9c05a'])
}

const drawField: DrawSetting = (stage, horizon) => {
  const rng = stage.rng.fork('field')
  const lavender = cropColour(stage, rng)
  const tall = stage.height - horizon
  const vanish: Point = [stage.width * rng.range(0.35, 0.65), horizon - 8]
  const rows = repeat(19, i => {
    const x0 = stage.width * (-1.6 + (i / 18) * 4.2)
    const d = poly([
      [vanish[0] - 2, vanish[1] + 34],
      [vanish[0] + 2, vanish[1] + 34],
      [x0 + 66, stage.height + 20],
      [x0 - 66, stage.height + 20],
    ])
    return stage.pen.solid(d, darken(lavender, i % 2 ? 0.2 : 0.1), { plain: true })
  })
  const barnSide = rng.chance(0.5)
  const trees = repeat(5, i => {
    const x = stage.width * (barnSide ? 0.68 + i * 0.07 : 0.04 + i * 0.07)
    return leafTree(stage.pen.at({ depth: 0.3 }), rng, {
      at: [x, horizon + 26],
      height: rng.range(70, 130),
      leaf: leafOf(stage, rng),
    })
  })
  return {
    ...openAir(stage, horizon),
    shadow: darken(lavender, 0.55),
    back:
      drawSky(stage, horizon) +
      farHills(stage, horizon, 2) +
      trees +
      stage.pen.solid(
        box([-20, horizon + 18, stage.width + 40, tall + 30]),
        stage.pen.gradient([lighten(lavender, 0.3), lavender, darken(lavender, 0.16)]),
      ) +
      rows +
      grass(stage, rng, {
        top: horizon + 40,
        bottom: stage.height,
        count: 500,
        colour: lighten(lavender, 0.32),
        height: 38,
      }) +
      grass(stage, rng, {
        top: horizon + 60,
        bottom: stage.height,
        count: 380,
        colour: darken(lavender, 0.26),
        height: 36,
      }),
    front:
      grass(stage, rng.fork('a'), {
        top: stage.height - 20,
        bottom: stage.height + 40,
        count: Math.round(stage.width / 6),
        colour: lighten(lavender, 0.15),
        height: 92,
      }) +
      grass(stage, rng.fork('b'), {
        top: stage.height,
        bottom: stage.height + 50,
        count: Math.round(stage.width / 8),
        colour: darken(lavender, 0.35),
        height: 92,
      }),
    stand: horizon + tall * 0.74,
    far: horizon + tall * 0.22,
  }
}

const drawGarden: DrawSetting = (stage, horizon) => {
  const base = drawMeadow(stage, horizon)
  const rng = stage.rng.fork('garden')
  const hedge = (y: number, r: number, depth: number, leaf: string): string => {
    let d = ''
    for (let x = -r; x < stage.width + r; x += r * 0.8)
      d += disc(x + rng.range(-8, 8), y + rng.range(-r * 0.2, r * 0.2), r * rng.range(0.85, 1.15))
    const pen = stage.pen.at({ depth })
    return pen.solid(
      d + box([-20, y, stage.width + 40, r * 1.4]),
      pen.gradient([lighten(leaf, 0.14), leaf, darken(leaf, 0.3)]),
    )
  }
  const tall = stage.height - horizon
  const roses = repeat(70, () => {
    const [x, y, r] = [rng.next() * stage.width, horizon + rng.range(-26, 46), rng.range(6, 11)]
    const colour = rng.pick(stage.flowers)
    return (
      stage.pen.solid(disc(x, y, r), colour) +
      stage.pen.shade(disc(x - r * 0.15, y - r * 0.1, r * 0.5), darken(colour, 0.25), 0.4)
    )
  })
  const path = `M${n(stage.width * 0.46)} ${n(horizon + 60)}C${n(stage.width * 0.6)} ${n(horizon + tall * 0.3)} ${n(stage.width * 0.3)} ${n(horizon + tall * 0.5)} ${n(stage.width * 0.36)} ${n(stage.height + 20)}L${n(stage.width * 0.68)} ${n(stage.height + 20)}C${n(stage.width * 0.56)} ${n(horizon + tall * 0.55)} ${n(stage.width * 0.66)} ${n(horizon + tall * 0.3)} ${n(stage.width * 0.49)} ${n(horizon + 60)}Z`
  const leaf = stage.leaves[0] ?? '#4a8f4a'
  return {
    ...base,
    back:
      base.back +
      stage.pen.solid(path, stage.pen.gradient(['#e9d6b0', '#d8bd8e'])) +
      hedge(horizon + 6, 46, 0.16, darken(leaf, 0.1)) +
      roses +
      flowers(stage, rng.fork('beds'), {
        top: horizon + tall * 0.2,
        bottom: stage.height * 0.96,
        count: 150,
        size: 15,
      }),
  }
}

const drawForest: DrawSetting = (stage, horizon) => {
  const rng = stage.rng.fork('forest')
  const tall = stage.height - horizon
  const [, b = '#6fb04c'] = stage.grass
  const floorColour = stage.season === 'winter' ? b : mix(b, '#5b6b35', 0.45)
  const snow = stage.weather === 'snow' || stage.season === 'winter'
  const conifers = snow || rng.chance(0.55)
  const rows = repeat(4, row => {
    const depth = 0.74 - row * 0.19
    const pen = stage.pen.at({ depth })
    const y = horizon + 4 + row * tall * 0.11
    const height = stage.height * (0.34 + row * 0.14)
    const trees = repeat(9 - row, i => {
      const spread = (i + rng.range(0.1, 0.9)) / (9 - row)
      const clear = row >= 2 && spread > 0.26 && spread < 0.74
      if (clear) return ''
      const spot = {
        at: [spread * stage.width, y + rng.range(-8, 14)] as Point,
        height: height * rng.range(0.75, 1.1) * (0.5 + Math.min(0.62, Math.abs(spread - 0.5) * 1.5)),
      }
      return conifers
        ? pine(pen, rng, {
            ...spot,
            leaf: snow ? '#4d7370' : rng.pick(['#2f6b52', '#3b7a55', '#27614f']),
            snow,
          })
        : leafTree(pen, rng, { ...spot, leaf: leafOf(stage, rng) })
    })
    const points = ridgePoints(stage, rng, { y: y + 4, rise: 12, waves: 2 })
    return trees + pen.solid(landUnder(stage, points), mix(floorColour, '#ffffff', 0.05 * (3 - row)))
  })
  const rays =
    stage.time === 'day' || stage.time === 'dawn' || stage.time === 'sunset'
      ? repeat(5, i => {
          const x = stage.width * (0.16 + i * 0.17)
          return stage.pen.shade(
            poly([
              [x + 150, -20],
              [x + 205, -20],
              [x + 30, stage.height * 0.86],
              [x - 90, stage.height * 0.86],
            ]),
            '#fff3c4',
            stage.wants('glow') ? 0.16 : 0.085,
          )
        })
      : ''
  const ferns =
    grass(stage, rng, {
      top: horizon + tall * 0.3,
      bottom: stage.height,
      count: snow ? 60 : 330,
      colour: snow ? '#b9cbd6' : darken(floorColour, 0.25),
      height: 40,
    }) +
    (snow
      ? ''
      : grass(stage, rng, {
          top: horizon + tall * 0.3,
          bottom: stage.height,
          count: 260,
          colour: lighten(floorColour, 0.25),
          height: 30,
        }))
  const trunks = repeat(2, i => {
    const x = i === 0 ? -stage.width * 0.02 : stage.width * 1.02
    const w = Math.min(90, stage.width * 0.09)
    const d = `M${n(x - w * 0.7)} -20C${n(x - w * 0.5)} ${n(stage.height * 0.4)} ${n(x - w * 0.55)} ${n(stage.height * 0.8)} ${n(x - w)} ${n(stage.height + 20)}L${n(x + w)} ${n(stage.height + 20)}C${n(x + w * 0.5)} ${n(stage.height * 0.8)} ${n(x + w * 0.5)} ${n(stage.height * 0.4)} ${n(x + w * 0.7)} -20Z`
    return stage.pen.solid(d, stage.pen.gradient(['#3a2a2c', '#54393a', '#33252b'], { across: true }))
  })
  return {
    ...openAir(stage, horizon),
    back: drawSky(stage, horizon) + rows + ferns + rays,
    front: trunks + cornerGrass(stage),
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

export const landSettings = {
  meadow: drawMeadow,
  field: drawField,
  garden: drawGarden,
  forest: drawForest,
  mountains: drawMountains,
  desert: drawDesert,
  snow: drawSnow,
} as const
