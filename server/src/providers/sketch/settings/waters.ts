// Owns the places at and on the water: sea, beach and lake.
import { darken, lighten, mix } from '../colour.ts'
import { box, curve, n, oval, type Point, poly, taper } from '../geometry.ts'
import { glitter, grass, landUnder, palm, ridgePoints, ripples, treeLine } from '../nature.ts'
import { drawSky } from '../sky.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'
import type { DrawSetting } from './backdrop.ts'

function waterBody(stage: Stage, top: number, bottom: number): string {
  const rng = stage.rng.fork('water')
  const [near = '#5fb2c4', mid = '#1f7f9e', deep = '#0d3f63'] = stage.water
  const body = stage.pen.solid(
    box([-20, top, stage.width + 40, bottom - top + 20]),
    stage.pen.gradient([near, mid, deep], { raw: true }),
    { plain: true },
  )
  return (
    body +
    ripples(stage, rng, { top: top + 4, bottom, count: 90, colour: lighten(near, 0.45), opacity: 0.34 }) +
    ripples(stage, rng, { top: top + 10, bottom, count: 70, colour: darken(deep, 0.1), opacity: 0.28 }) +
    glitter(stage, rng, { top: top + 2, bottom: top + (bottom - top) * 0.8 })
  )
}

/** A rolling wave across the picture; rough ones break into foam. */
function swell(
  stage: Stage,
  { y, rise, salt, rough }: { y: number; rise: number; salt: string; rough: boolean },
): string {
  const rng = stage.rng.fork(`swell${salt}`)
  const [, mid = '#1f7f9e', deep = '#0d3f63'] = stage.water
  const points = ridgePoints(stage, rng, { y, rise, waves: rough ? 5 : 3.2 })
  const colour = mix(mid, deep, 0.45)
  const thick = rough ? 11 : 3
  const back = points
    .map(([x, py], i): Point => [x, py + 1 + thick * Math.abs(Math.sin(i * 1.7 + y))])
    .reverse()
  const foam = `${curve(points)}L${curve(back).slice(1)}Z`
  let specks = ''
  for (let i = 0; i < (rough ? 60 : 14); i++)
    specks += oval([rng.next() * stage.width, y + rng.range(8, 46), rng.range(4, 22), rng.range(1, 2.6)])
  return (
    stage.pen.solid(
      landUnder(stage, points),
      stage.pen.gradient([lighten(colour, 0.16), colour, deep], { raw: true }),
    ) +
    stage.pen.shade(foam, lighten(stage.water[0] ?? '#ffffff', 0.5), rough ? 0.85 : 0.5) +
    stage.pen.shade(specks, lighten(stage.water[0] ?? '#ffffff', 0.4), 0.35)
  )
}

const drawSea: DrawSetting = (stage, horizon) => {
  const rough = stage.wants('waves') || stage.weather === 'storm' || stage.weather === 'wind'
  const tall = stage.height - horizon
  const rng = stage.rng.fork('sea')
  const isles = rng.chance(0.6)
    ? stage.pen
        .at({ depth: 0.74 })
        .solid(landIsle(stage, horizon, rng.range(0.05, 0.85)), '#5c7a8c', { plain: true })
    : ''
  const birds = stage.allows('birds') && !stage.night ? gulls(stage, horizon) : ''
  const rise = rough ? 30 : 7
  return {
    back:
      drawSky(stage, horizon) +
      birds +
      isles +
      waterBody(stage, horizon, stage.height) +
      (rough ? swell(stage, { y: horizon + tall * 0.28, rise: rise * 0.6, salt: 'a', rough }) : ''),
    front:
      swell(stage, { y: horizon + tall * 0.77, rise: rise * 0.8, salt: 'b', rough }) +
      swell(stage, { y: horizon + tall * 0.92, rise, salt: 'c', rough }),
    stand: horizon + tall * 0.66,
    far: horizon + tall * 0.16,
    water: horizon + tall * 0.68,
    air: [stage.height * 0.1, horizon * 0.8],
    floor: 'water',
    shadow: darken(stage.water[2] ?? '#0d3f63', 0.3),
  }
}

function landIsle(stage: Stage, horizon: number, place01: number): string {
  const x = stage.width * place01
  return `M${n(x - 190)} ${n(horizon + 3)}Q${n(x - 120)} ${n(horizon - 42)} ${n(x - 50)} ${n(horizon - 46)}Q${n(x + 10)} ${n(horizon - 90)} ${n(x + 70)} ${n(horizon - 34)}Q${n(x + 130)} ${n(horizon - 30)} ${n(x + 200)} ${n(horizon + 3)}Z`
}

function gulls(stage: Stage, horizon: number): string {
  const rng = stage.rng.fork('gulls')
  let d = ''
  for (let i = 0; i < 6; i++) {
    const [x, y, s] = [stage.width * rng.range(0.1, 0.9), horizon * rng.range(0.25, 0.75), rng.range(9, 20)]
    d += `M${n(x - s)} ${n(y - s * 0.35)}Q${n(x - s * 0.45)} ${n(y - s * 0.75)} ${n(x)} ${n(y)}Q${n(x + s * 0.45)} ${n(y - s * 0.75)} ${n(x + s)} ${n(y - s * 0.35)}Q${n(x + s * 0.45)} ${n(y - s * 0.5)} ${n(x)} ${n(y + s * 0.14)}Q${n(x - s * 0.45)} ${n(y - s * 0.5)} ${n(x - s)} ${n(y - s * 0.35)}Z`
  }
  return stage.pen.solid(d, stage.time === 'day' ? '#ffffff' : '#4b4468', { plain: true, opacity: 0.85 })
}

const drawBeach: DrawSetting = (stage, horizon) => {
  const rng = stage.rng.fork('beach')
  const tall = stage.height - horizon
  const sand = stage.brief.scenery.get('ground') ?? '#f0d49b'
  const shore = horizon + tall * 0.36
  const line = ridgePoints(stage, rng, { y: shore, rise: 16, waves: 2.2 })
  const wet = line.map(([x, y]): Point => [x, y + 26 + Math.sin(x / 70) * 7])
  const dry = line.map(([x, y]): Point => [x, y + 52 + Math.sin(x / 110) * 10])
  const { pen } = stage
  const shells = repeat(16, () => {
    const [x, y, r] = [rng.next() * stage.width, shore + tall * rng.range(0.2, 0.6), rng.range(3, 8)]
    return pen.solid(
      `M${n(x - r)} ${n(y)}A${n(r)} ${n(r)} 0 0 1 ${n(x + r)} ${n(y)}L${n(x)} ${n(y + r * 0.5)}Z`,
      rng.pick(['#f7b7a3', '#ffffff', '#e8927c']),
    )
  })
  const palmSide = rng.chance(0.5) ? 0.1 : 0.9
  const palms = stage.allows('palm')
    ? palm(pen, rng, { at: [stage.width * palmSide, shore + tall * 0.2], height: stage.height * 0.46 }) +
      palm(pen.at({ depth: 0.08 }), rng, {
        at: [stage.width * (palmSide + (palmSide < 0.5 ? 0.09 : -0.09)), shore + tall * 0.14],
        height: stage.height * 0.34,
      })
    : ''
  return {
    back:
      drawSky(stage, horizon) +
      pen
        .at({ depth: 0.7 })
        .solid(landIsle(stage, horizon, rng.range(0.2, 0.8)), '#4f7f72', { plain: true }) +
      waterBody(stage, horizon, shore + 60) +
      pen.shade(landUnder(stage, line), '#ffffff', 0.75) +
      pen.solid(
        landUnder(stage, wet),
        pen.gradient([mix(sand, '#8f7a5c', 0.4), mix(sand, '#8f7a5c', 0.25), sand]),
        { plain: true },
      ) +
      pen.solid(landUnder(stage, dry), pen.gradient([lighten(sand, 0.14), sand, darken(sand, 0.14)]), {
        plain: true,
      }) +
      shells +
      palms,
    front: grass(stage, rng, {
      top: stage.height,
      bottom: stage.height + 40,
      count: 40,
      colour: '#7f9c55',
      height: 90,
    }),
    stand: horizon + tall * 0.8,
    far: horizon + tall * 0.56,
    water: horizon + tall * 0.3,
    air: [stage.height * 0.1, horizon * 0.8],
    floor: 'land',
    shadow: darken(sand, 0.55),
  }
}

function reeds(stage: Stage, side: 'left' | 'right'): string {
  const { pen, width, height } = stage
  const rng = stage.rng.fork(`reeds-${side}`)
  return repeat(16, () => {
    const x = width * (side === 'left' ? rng.range(-0.02, 0.2) : rng.range(0.8, 1.02))
    const h = rng.range(110, 250)
    const y = height + 10
    const lean = rng.range(-20, 20)
    const blade = taper([
      [x, y, 4],
      [x + lean * 0.4, y - h * 0.6, 2.6],
      [x + lean, y - h, 1],
    ])
    const head = taper([
      [x + lean * 0.7, y - h * 0.78, 5],
      [x + lean, y - h * 1.02, 5],
    ])
    return (
      pen.solid(blade, rng.pick(['#4c7a45', '#5d8c4c', '#3d6640'])) +
      (rng.chance(0.35) ? pen.solid(head, '#7a4a2e') : '')
    )
  })
}

function lilies(stage: Stage, horizon: number): string {
  const { pen, width, height } = stage
  const rng = stage.rng.fork('lilies')
  return repeat(7, () => {
    const [x, y] = [rng.range(0.08, 0.92) * width, horizon + (height - horizon) * rng.range(0.5, 0.92)]
    const r = 18 + (y - horizon) * 0.06
    const flower =
      oval([x, y - r * 0.25, r * 0.3, r * 0.22]) +
      oval([x - r * 0.2, y - r * 0.15, r * 0.2, r * 0.14]) +
      oval([x + r * 0.2, y - r * 0.15, r * 0.2, r * 0.14])
    return (
      pen.solid(oval([x, y, r, r * 0.36]), '#5f9e57') + (rng.chance(0.5) ? pen.solid(flower, '#f7b9cf') : '')
    )
  })
}

function nearBank(stage: Stage): string {
  const { pen, height } = stage
  const rng = stage.rng.fork('bank')
  const turf = stage.grass[1] ?? '#4f9347'
  const points = ridgePoints(stage, rng, { y: height * 0.84, rise: 12, waves: 1.4 })
  return (
    pen.solid(landUnder(stage, points), pen.gradient([lighten(turf, 0.16), turf, darken(turf, 0.25)])) +
    grass(stage, rng, {
      top: height * 0.84,
      bottom: height,
      count: 200,
      colour: darken(turf, 0.14),
      height: 30,
    })
  )
}

/** The other shore, and how the water shows it. */
function farShore(stage: Stage, horizon: number): string {
  const { pen, width, height } = stage
  const rng = stage.rng.fork('shore')
  const ridge = ridgePoints(stage, rng, { y: horizon - 70, rise: 90, waves: 2.4, jagged: true })
  const bank = ridgePoints(stage, rng, { y: horizon - 12, rise: 14, waves: 2 })
  const turf = stage.grass[1] ?? '#4f9347'
  const hill = mix(turf, stage.sky[1] ?? '#7fc1ee', 0.45)
  const mirrored = poly([
    ...ridge.map(([x, y]): Point => [x, horizon * 2 - y]),
    [width * 1.1, horizon - 4],
    [-width * 0.1, horizon - 4],
  ])
  const pines = darken(stage.leaves[1] ?? '#3b7d49', 0.1)
  return (
    pen.at({ depth: 0.55 }).solid(landUnder(stage, ridge, true), hill) +
    treeLine(stage, rng, { points: bank, height: 66, colour: pines, depth: 0.28, kind: 'pine' }) +
    pen.at({ depth: 0.24 }).solid(landUnder(stage, bank), turf) +
    waterBody(stage, horizon + 8, height) +
    pen.at({ depth: 0.4 }).shade(mirrored, mix(hill, stage.water[1] ?? hill, 0.4), 0.5)
  )
}

const drawLake: DrawSetting = (stage, horizon) => {
  const { height } = stage
  const tall = height - horizon
  // Who stands, stands on the near bank; the water is for what floats.
  const ashore = stage.brief.wishes.some(
    ({ subject, traits }) => subject.habitat === 'ground' && !traits.has('flying'),
  )
  const light = lighten(stage.water[0] ?? '#9fd0dd', 0.3)
  return {
    back:
      drawSky(stage, horizon) +
      farShore(stage, horizon) +
      ripples(stage, stage.rng.fork('lake'), {
        top: horizon + 14,
        bottom: height,
        count: 80,
        colour: light,
        opacity: 0.35,
      }) +
      lilies(stage, horizon) +
      (ashore ? nearBank(stage) : ''),
    front: reeds(stage, 'left') + reeds(stage, 'right'),
    stand: ashore ? height * 0.91 : horizon + tall * 0.7,
    far: ashore ? height * 0.85 : horizon + tall * 0.2,
    water: horizon + tall * (ashore ? 0.42 : 0.66),
    air: [height * 0.1, horizon * 0.75],
    floor: ashore ? 'land' : 'water',
    shadow: darken(stage.water[2] ?? '#0d3f63', 0.3),
  }
}

export const waterSettings = { sea: drawSea, beach: drawBeach, lake: drawLake } as const
