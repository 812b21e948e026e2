// Owns the street between its houses, in one-point perspective.
import { darken, lighten } from '../colour.ts'
import { box, disc, n, type Point, poly } from '../geometry.ts'
import { drawSky } from '../sky.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'
import type { DrawSetting } from './backdrop.ts'
import { isLit, lampPost, neonSigns, skyline, walkers, wetGround } from './townscape.ts'

/** From x, y and depth to the picture. */
type Projector = (x: number, y: number, z: number) => Point

type Facade = { side: 1 | -1; from: number; to: number; high: number; colour: string }

/** A street in one-point perspective: z = 1 is the picture plane. */
function projector(stage: Stage, horizon: number): Projector {
  const [vx, vy] = [stage.width / 2, horizon]
  return (x, y, z) => [vx + x / z, vy + y / z]
}

function drawFacade(stage: Stage, facade: Facade, project: Projector): string {
  const rng = stage.rng.fork(`facade${facade.side}${facade.from}`)
  const { side, from, to, high, colour } = facade
  const { pen, width, height } = stage
  const x = (side * width) / 2 + side * 26
  const ground = height * 0.46
  const quad = ([z0, z1]: Point, [y0, y1]: Point): string =>
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
      frames += quad([z(0.2), z(0.8)], [y(0.84), y(0.2)])
      const pane = quad([z(0.27), z(0.73)], [y(0.78), y(0.26)])
      if (lit && rng.chance(0.55)) bright += pane
      else panes += pane
    }
  }
  const shopTop = ground - ((high + ground) * 0.82) / (floors + 1)
  const shop = quad(
    [from + 0.08 * (to - from), to - 0.08 * (to - from)],
    [shopTop * 0.72 + ground * 0.28, ground * 0.92],
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
      quad([from, to], [-high, ground]),
      at.gradient([lighten(colour, 0.08), colour, darken(colour, 0.18)]),
    ) +
    at.solid(quad([from, to], [-high - 26, -high]), darken(colour, 0.32)) +
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
      houses.map(house => drawFacade(stage, house, project)).join('') +
      (neonly
        ? neonSigns(stage, rng, { top: height * 0.08, bottom: height * 0.46, count: 12 })
        : stringLights(stage, horizon)) +
      lampPost(stage, { at: project(-width * 0.43, ground, 1.5), height: height * 0.34, flip: false }) +
      lampPost(stage, { at: project(width * 0.43, ground, 1.5), height: height * 0.34, flip: true }) +
      walkers(stage, rng, [
        [width * 0.57, height * 0.7, height * 0.17],
        [width * 0.33, height * 0.78, height * 0.26],
        [width * 0.62, height * 0.9, height * 0.4],
      ]),
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

export const streetSettings = { street: drawStreet } as const
