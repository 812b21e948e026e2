// Owns the places at, on and under water: sea, beach, lake and the world below.
import { darken, lighten, mix } from '../colour.ts'
import { box, curve, disc, n, oval, type Point, place, poly, taper } from '../geometry.ts'
import { boulder, glitter, grass, landUnder, palm, ridgePoints, ripples, treeLine } from '../nature.ts'
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

const drawLake: DrawSetting = (stage, horizon) => {
  const rng = stage.rng.fork('lake')
  const tall = stage.height - horizon
  const { pen } = stage
  const ridge = ridgePoints(stage, rng, { y: horizon - 70, rise: 90, waves: 2.4, jagged: true })
  const bank = ridgePoints(stage, rng, { y: horizon - 12, rise: 14, waves: 2 })
  const hill = mix(stage.grass[1] ?? '#4f9347', stage.sky[1] ?? '#7fc1ee', 0.45)
  const mirrored = (points: readonly Point[], stretch: number): string =>
    poly([
      ...points.map(([x, y]): Point => [x, horizon * 2 - y * stretch - horizon * (1 - stretch)]),
      [stage.width * 1.1, horizon - 4],
      [-stage.width * 0.1, horizon - 4],
    ])
  const reeds = (salt: string): string => {
    const r = rng.fork(salt)
    const left = salt === 'l'
    return repeat(16, () => {
      const x = stage.width * (left ? r.range(-0.02, 0.2) : r.range(0.8, 1.02))
      const h = r.range(110, 250)
      const y = stage.height + 10
      const lean = r.range(-20, 20)
      return (
        pen.solid(
          taper([
            [x, y, 4],
            [x + lean * 0.4, y - h * 0.6, 2.6],
            [x + lean, y - h, 1],
          ]),
          r.pick(['#4c7a45', '#5d8c4c', '#3d6640']),
        ) +
        (r.chance(0.35)
          ? pen.solid(
              taper([
                [x + lean * 0.7, y - h * 0.78, 5],
                [x + lean, y - h * 1.02, 5],
              ]),
              '#7a4a2e',
            )
          : '')
      )
    })
  }
  const lilies = repeat(7, () => {
    const [x, y] = [rng.range(0.08, 0.92) * stage.width, horizon + tall * rng.range(0.5, 0.92)]
    const r = 18 + (y - horizon) * 0.06
    return (
      pen.solid(oval([x, y, r, r * 0.36]), '#5f9e57') +
      (rng.chance(0.5)
        ? pen.solid(
            oval([x, y - r * 0.25, r * 0.3, r * 0.22]) +
              oval([x - r * 0.2, y - r * 0.15, r * 0.2, r * 0.14]) +
              oval([x + r * 0.2, y - r * 0.15, r * 0.2, r * 0.14]),
            '#f7b9cf',
          )
        : '')
    )
  })
  return {
    back:
      drawSky(stage, horizon) +
      pen.at({ depth: 0.55 }).solid(landUnder(stage, ridge, true), hill) +
      treeLine(stage, rng, {
        points: bank,
        height: 66,
        colour: darken(stage.leaves[1] ?? '#3b7d49', 0.1),
        depth: 0.28,
        kind: 'pine',
      }) +
      pen.at({ depth: 0.24 }).solid(landUnder(stage, bank), stage.grass[1] ?? '#4f9347') +
      waterBody(stage, horizon + 8, stage.height) +
      pen.at({ depth: 0.4 }).shade(mirrored(ridge, 1), mix(hill, stage.water[1] ?? hill, 0.4), 0.5) +
      ripples(stage, rng, {
        top: horizon + 14,
        bottom: stage.height,
        count: 80,
        colour: lighten(stage.water[0] ?? '#9fd0dd', 0.3),
        opacity: 0.35,
      }) +
      lilies,
    front: reeds('l') + reeds('r'),
    stand: horizon + tall * 0.7,
    far: horizon + tall * 0.2,
    water: horizon + tall * 0.66,
    air: [stage.height * 0.1, horizon * 0.75],
    floor: 'water',
    shadow: darken(stage.water[2] ?? '#0d3f63', 0.3),
  }
}

function coral(stage: Stage, at: Point, height: number, colour: string): string {
  const rng = stage.rng.fork(`coral${at[0]}`)
  const p = stage.pen.at({ scale: height / 100 })
  const kind = rng.int(0, 2)
  if (kind === 0) {
    const arms = repeat(6, i => {
      const x = -34 + i * 14
      const top = -rng.range(50, 100)
      return p.solid(
        taper([
          [x * 0.35, 0, 7],
          [x * 0.7, top * 0.5, 6],
          [x, top, 5],
        ]),
        colour,
      )
    })
    return place(arms, at, { scale: height / 100 })
  }
  if (kind === 1) {
    const fans = repeat(3, i =>
      p.solid(
        `M${-4 + i * 4} 0C${-60 + i * 34} -40 ${-50 + i * 40} -96 ${-14 + i * 14} -92C${20 + i * 14} -90 ${30 + i * 6} -40 ${4 + i * 4} 0Z`,
        mix(colour, '#ffffff', i * 0.1),
      ),
    )
    return place(fans + p.line('M0 0V-80M-3 -20L-24 -62M3 -20L26 -62', darken(colour, 0.3), 1.4), at, {
      scale: height / 100,
    })
  }
  return place(
    p.solid(disc(-22, -18, 24) + disc(14, -26, 32) + disc(38, -12, 18), colour) +
      p.line('M-34 -24q10 -8 20 0M0 -40q12 -10 26 0M4 -22q14 -8 26 2', darken(colour, 0.3), 2.4),
    at,
    { scale: height / 100 },
  )
}

const drawUnderwater: DrawSetting = stage => {
  const { pen, width, height } = stage
  const rng = stage.rng.fork('under')
  const tone = stage.brief.scenery.get('water') ?? rng.pick(['#1f8fb8', '#1b86a8', '#2a7fc0'])
  const deep = stage.night ? 0.5 : 0
  const paint = pen.gradient(
    [
      lighten(tone, 0.55 - deep),
      darken(tone, deep),
      darken(tone, 0.4 + deep * 0.5),
      darken(tone, 0.62 + deep * 0.3),
    ],
    { raw: true },
  )
  const rays = repeat(7, i => {
    const x = width * (0.02 + i * 0.16) + rng.range(-30, 30)
    return pen.shade(
      poly([
        [x, -20],
        [x + rng.range(40, 90), -20],
        [x + rng.range(-160, -60), height * 0.85],
        [x - rng.range(220, 300), height * 0.85],
      ]),
      '#e8fff8',
      0.09,
    )
  })
  const rocks = repeat(2, i =>
    pen
      .at({ depth: 0 })
      .solid(
        landUnder(
          stage,
          ridgePoints(stage, rng, { y: height * (0.68 + i * 0.08), rise: 70 - i * 20, waves: 2 }),
        ),
        mix(darken(tone, 0.52), tone, 0.3 - i * 0.2),
        { plain: true },
      ),
  )
  const sandTop = height * 0.86
  const sand = ridgePoints(stage, rng, { y: sandTop, rise: 16, waves: 1.8 })
  const hues = ['#ff7f6b', '#f9b24e', '#e86aa6', '#9a7be0', '#ff9e7a', '#f26d85']
  const reef = repeat(9, i =>
    coral(
      stage,
      [width * ((i + rng.range(0.1, 0.9)) / 9), sandTop + rng.range(4, 50)],
      rng.range(70, 150) * (i === 4 ? 0.6 : 1),
      rng.pick(hues),
    ),
  )
  const weeds = repeat(9, i => {
    const x = width * (i < 5 ? rng.range(0, 0.2) : rng.range(0.8, 1))
    const h = rng.range(160, 380)
    const s = rng.range(12, 26)
    return pen.solid(
      taper([
        [x, height + 10, 8],
        [x + s, height - h * 0.3, 9],
        [x - s, height - h * 0.62, 7],
        [x + s * 0.6, height - h, 1.5],
      ]),
      rng.pick(['#2f8f6b', '#3fa36f', '#207a63']),
    )
  })
  let bubbles = ''
  for (let i = 0; i < 34; i++)
    bubbles += disc(rng.next() * width, rng.range(0.06, 0.9) * height, rng.range(2, 9))
  let small = ''
  for (let i = 0; i < 9; i++) {
    const [x, y, s] = [
      width * rng.range(0.55, 0.8) + rng.range(-90, 90),
      height * 0.24 + rng.range(-50, 50),
      rng.range(9, 15),
    ]
    small += `M${n(x - s)} ${n(y)}Q${n(x)} ${n(y - s * 0.6)} ${n(x + s)} ${n(y)}Q${n(x)} ${n(y + s * 0.6)} ${n(x - s)} ${n(y)}ZM${n(x + s * 0.8)} ${n(y)}L${n(x + s * 1.5)} ${n(y - s * 0.4)}L${n(x + s * 1.5)} ${n(y + s * 0.4)}Z`
  }
  return {
    back:
      pen.solid(box([-20, -20, width + 40, height + 40]), paint, { plain: true }) +
      pen.glow([width * 0.5, -40, Math.max(width, height) * 0.6], '#f2fff0', stage.night ? 0.16 : 0.5) +
      rays +
      rocks +
      pen.solid(small, darken(tone, 0.36), { plain: true, opacity: 0.7 }) +
      pen.solid(
        landUnder(stage, sand),
        pen.gradient([mix('#f0dcae', tone, 0.2), mix('#d9bf8a', tone, 0.4)]),
      ) +
      reef,
    front:
      weeds +
      pen.shade(bubbles, '#eafcff', 0.3) +
      boulder(pen, rng, { at: [width * 0.97, height + 16], width: 190, colour: mix('#5f6b80', tone, 0.3) }),
    stand: height * 0.88,
    far: height * 0.84,
    water: null,
    air: [height * 0.2, height * 0.72],
    floor: 'none',
    shadow: darken(tone, 0.7),
  }
}

export const waterSettings = {
  sea: drawSea,
  beach: drawBeach,
  lake: drawLake,
  underwater: drawUnderwater,
} as const
