// Owns the pieces that all open country is made of: far hills, near ground, grass in the corners.
import { darken, lighten, mix } from '../colour.ts'
import type { Point } from '../geometry.ts'
import { grass, landUnder, ridgePoints, treeLine } from '../nature.ts'
import type { Rng } from '../random.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'
import type { Backdrop } from './backdrop.ts'

export const leafOf = (stage: Stage, rng: Rng): string => rng.pick(stage.leaves)

export function farHills(stage: Stage, horizon: number, count: number): string {
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

export function nearGround(
  stage: Stage,
  { y, rise, colours }: { y: number; rise: number; colours: readonly string[] },
): { svg: string; points: Point[] } {
  const rng = stage.rng.fork('ground')
  const points = ridgePoints(stage, rng, { y, rise, waves: 1.3 })
  const svg = stage.pen.solid(landUnder(stage, points), stage.pen.gradient(colours))
  return { svg, points }
}

/** Large blurred leaves or grass in the corners: they frame the picture and give it depth. */
export function cornerGrass(stage: Stage): string {
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

export const openAir = (
  stage: Stage,
  horizon: number,
): Pick<Backdrop, 'air' | 'shadow' | 'floor' | 'water'> => ({
  air: [stage.height * 0.1, horizon * 0.8],
  shadow: darken(stage.grass[1] ?? '#3b6b3a', 0.5),
  floor: 'land',
  water: null,
})
