// Owns the tended country: meadow, field and garden.
import { darken, lighten, mix } from '../colour.ts'
import { box, disc, n, type Point, poly } from '../geometry.ts'
import { flowers, grass, heightAt, leafTree } from '../nature.ts'
import type { Rng } from '../random.ts'
import { drawSky } from '../sky.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'
import type { DrawSetting } from './backdrop.ts'
import { cornerGrass, farHills, leafOf, nearGround, openAir } from './country.ts'

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
  const hedge = ([y, r]: readonly [number, number], depth: number, leaf: string): string => {
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
      hedge([horizon + 6, 46], 0.16, darken(leaf, 0.1)) +
      roses +
      flowers(stage, rng.fork('beds'), {
        top: horizon + tall * 0.2,
        bottom: stage.height * 0.96,
        count: 150,
        size: 15,
      }),
  }
}

export const landSettings = { meadow: drawMeadow, field: drawField, garden: drawGarden } as const
