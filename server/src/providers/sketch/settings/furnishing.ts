// Owns what rooms are furnished with: windows onto the weather, curtains, floors, plants.
import { darken, lighten, mix } from '../colour.ts'
import { box, disc, n, type Point, poly, taper } from '../geometry.ts'
import { cloudShape } from '../nature.ts'
import type { Rng } from '../random.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'

export const walls = ['#e8d5b5', '#c9d6c3', '#e7bfa7', '#b9c9d6', '#d9c2cf', '#8fa89b', '#d8b98a']

export const wallColour = (stage: Stage, rng: Rng): string => {
  const asked = stage.brief.scenery.get('backdrop')
  const chosen = asked ?? rng.pick(walls)
  return stage.night ? mix(chosen, '#3a3358', 0.42) : chosen
}

export type Frame = readonly [number, number, number, number]

/** A window with the hour and the weather outside. */
export function windowPane(stage: Stage, rng: Rng, [x, y, w, h]: Frame): string {
  const { pen } = stage
  const sky = pen.solid(box([x, y, w, h]), pen.gradient(stage.sky, { raw: true }))
  const hills = `M${n(x)} ${n(y + h * 0.76)}Q${n(x + w * 0.3)} ${n(y + h * 0.6)} ${n(x + w * 0.55)} ${n(y + h * 0.74)}T${n(x + w)} ${n(y + h * 0.7)}V${n(y + h)}H${n(x)}Z`
  const near = `M${n(x)} ${n(y + h * 0.88)}Q${n(x + w * 0.4)} ${n(y + h * 0.76)} ${n(x + w)} ${n(y + h * 0.9)}V${n(y + h)}H${n(x)}Z`
  const orbAt: Point = [x + w * 0.72, y + h * 0.26]
  const orb =
    stage.weather === 'clear'
      ? pen.glow([...orbAt, w * 0.3], stage.night ? '#fff3cf' : '#fff0b8', 0.8) +
        pen.emit(disc(...orbAt, w * 0.065), '#fff6d4')
      : ''
  let drops = ''
  if (stage.weather === 'rain' || stage.weather === 'storm') {
    for (let i = 0; i < 40; i++) {
      const [dx, dy] = [x + 6 + rng.next() * (w - 10), y + rng.next() * h * 0.9]
      drops += taper([
        [dx, dy, 0.8],
        [dx - 2, dy + 12, 1.6],
      ])
    }
  }
  if (stage.weather === 'snow')
    for (let i = 0; i < 40; i++) drops += disc(x + rng.next() * w, y + rng.next() * h, rng.range(1.4, 3.4))
  let stars = ''
  if (stage.night)
    for (let i = 0; i < 26; i++)
      stars += disc(x + rng.next() * w, y + rng.next() * h * 0.6, rng.range(0.7, 1.8))
  const puff = stage.night
    ? ''
    : pen.solid(cloudShape(rng, [x + w * 0.3, y + h * 0.34, w * 0.34]), stage.cloud[0], {
        plain: true,
        opacity: 0.9,
      })
  const bar = '#fbf4e6'
  const t = Math.max(7, w * 0.035)
  const frame =
    box([x - t, y - t, w + t * 2, t], 2) +
    box([x - t, y + h, w + t * 2, t], 2) +
    box([x - t, y, t, h]) +
    box([x + w, y, t, h]) +
    box([x + w / 2 - t * 0.4, y, t * 0.8, h]) +
    box([x, y + h * 0.42, w, t * 0.8])
  return (
    sky +
    pen.emit(stars, '#ffffff', 0.8) +
    orb +
    puff +
    pen.at({ depth: 0.35 }).solid(hills, stage.grass[1] ?? '#6aa84a') +
    pen.at({ depth: 0.15 }).solid(near, stage.grass[0] ?? '#8cc456') +
    pen.shade(drops, '#ffffff', 0.6) +
    pen.solid(frame, bar) +
    pen.solid(box([x - t * 2.4, y + h + t, w + t * 4.8, t * 1.5], 3), lighten(bar, 0.3))
  )
}

export function curtains(stage: Stage, [x, y, w, h]: Frame, colour: string): string {
  const { pen } = stage
  const side = (sign: 1 | -1): string => {
    const edge = sign < 0 ? x - 24 : x + w + 24
    const d = `M${n(edge - sign * 8)} ${n(y - 34)}C${n(edge - sign * w * 0.36)} ${n(y + h * 0.3)} ${n(edge - sign * w * 0.3)} ${n(y + h * 0.5)} ${n(edge - sign * 26)} ${n(y + h * 0.66)}C${n(edge - sign * 50)} ${n(y + h * 0.9)} ${n(edge - sign * 40)} ${n(y + h + 30)} ${n(edge - sign * 46)} ${n(y + h + 60)}L${n(edge + sign * 34)} ${n(y + h + 60)}C${n(edge + sign * 30)} ${n(y + h * 0.6)} ${n(edge + sign * 34)} ${n(y + h * 0.3)} ${n(edge + sign * 30)} ${n(y - 34)}Z`
    const folds = `M${n(edge)} ${n(y - 20)}C${n(edge - sign * 30)} ${n(y + h * 0.4)} ${n(edge - sign * 10)} ${n(y + h * 0.6)} ${n(edge - sign * 4)} ${n(y + h + 50)}M${n(edge + sign * 16)} ${n(y - 20)}V${n(y + h + 50)}`
    return pen.solid(d, colour) + pen.line(folds, darken(colour, 0.22), 3)
  }
  return side(-1) + side(1) + pen.solid(box([x - 70, y - 44, w + 140, 11], 5.5), '#8a6238')
}

export function floorBoards(stage: Stage, rng: Rng, { top, wood }: { top: number; wood: string }): string {
  const { pen, width, height } = stage
  const vanish: Point = [width / 2, top - height * 0.5]
  let seams = ''
  for (let i = -8; i <= 8; i++) {
    const x0 = width / 2 + i * width * 0.13
    const k = (top - vanish[1]) / (height - vanish[1])
    seams += `M${n(vanish[0] + (x0 - vanish[0]) * k)} ${n(top)}L${n(x0)} ${n(height + 10)}`
  }
  let joints = ''
  for (let i = 0; i < 16; i++) {
    const [x, y] = [rng.next() * width, top + (height - top) * rng.next()]
    joints += `M${n(x)} ${n(y)}h${n(20 + (y - top) * 0.16)}`
  }
  return (
    pen.solid(
      box([-20, top, width + 40, height - top + 30]),
      pen.gradient([darken(wood, 0.2), wood, lighten(wood, 0.1)]),
      { plain: true },
    ) +
    pen.line(seams, darken(wood, 0.32), 2.4) +
    pen.line(joints, darken(wood, 0.28), 2)
  )
}

/** Light that falls from the window over wall and floor. */
export const lightShaft = (stage: Stage, [x, y, w, h]: Frame): string =>
  stage.night || stage.weather !== 'clear'
    ? ''
    : stage.pen.shade(
        poly([
          [x, y],
          [x + w, y],
          [x + w * 1.9, stage.height],
          [x + w * 0.35, stage.height],
        ]),
        stage.time === 'day' ? '#fff6d8' : '#ffd9a0',
        0.2,
      ) + stage.pen.glow([x + w / 2, y + h / 2, w * 1.6], '#fff1cf', 0.34)

export function pottedPlant(
  stage: Stage,
  rng: Rng,
  { at: [x, y], size }: { at: Point; size: number },
): string {
  const { pen } = stage
  const leaves = repeat(9, i => {
    const a = -Math.PI / 2 + (i - 4) * 0.32
    const r = size * rng.range(0.8, 1.15)
    const [tx, ty] = [x + Math.cos(a) * r, y - size * 0.42 + Math.sin(a) * r]
    const [mx, my] = [x + Math.cos(a) * r * 0.5, y - size * 0.42 + Math.sin(a) * r * 0.6]
    return pen.solid(
      taper([
        [x, y - size * 0.4, 2],
        [mx, my, size * 0.1],
        [tx, ty, 1],
      ]),
      i % 2 ? '#4b8f5a' : '#3a7a4f',
    )
  })
  const w = size * 0.3
  return (
    leaves +
    pen.solid(
      `M${n(x - w)} ${n(y - size * 0.46)}H${n(x + w)}L${n(x + w * 0.72)} ${n(y)}H${n(x - w * 0.72)}Z`,
      '#c76f4a',
    ) +
    pen.solid(box([x - w * 1.1, y - size * 0.52, w * 2.2, size * 0.11], 3), '#d68058')
  )
}
