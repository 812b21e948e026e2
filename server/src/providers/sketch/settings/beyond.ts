// Owns the places off the ground: space, other planets and the world above the clouds.
import { darken, lighten, mix, turnHue } from '../colour.ts'
import { box, disc, n, oval, type Point, place, star } from '../geometry.ts'
import { boulder, cloudBank, landUnder, ridgePoints } from '../nature.ts'
import type { Rng } from '../random.ts'
import { drawSky } from '../sky.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'
import type { DrawSetting } from './backdrop.ts'

const nebulae: readonly (readonly [string, string, string])[] = [
  ['#5b2a9c', '#d6459b', '#3c6be0'],
  ['#1f5fae', '#2fc6b8', '#7a4fd0'],
  ['#8a2f6b', '#f2803c', '#5a3ad0'],
  ['#1c6a7c', '#68d391', '#3557c8'],
]

function starField(stage: Stage, rng: Rng, bottom: number): string {
  const count = Math.round((stage.width * bottom) / 2600)
  let [small, warm, large] = ['', '', '']
  for (let i = 0; i < count; i++) {
    const d = disc(rng.next() * stage.width, rng.next() * bottom, rng.range(0.6, 2))
    if (i % 5 === 0) warm += d
    else small += d
  }
  for (let i = 0; i < 22; i++) {
    const r = rng.range(4, 11)
    large += star([rng.next() * stage.width, rng.next() * bottom], [r, r * 0.2], { tips: 4 })
  }
  return (
    stage.pen.emit(small, '#ffffff', 0.75) +
    stage.pen.emit(warm, '#ffd9a8', 0.85) +
    stage.pen.emit(large, '#fffdf2', 0.92)
  )
}

/** A round world with bands or craters, lit from one side. */
export function world(
  stage: Stage,
  rng: Rng,
  { at, radius, colour, ring }: { at: Point; radius: number; colour: string; ring: boolean },
): string {
  const [x, y] = at
  const { pen } = stage
  const paint = pen.gradient([lighten(colour, 0.35), colour, darken(colour, 0.45)], {
    raw: true,
    across: true,
  })
  let marks = ''
  if (rng.chance(0.55)) {
    for (let i = -2; i <= 2; i++) {
      const w = Math.sqrt(1 - (i * 0.34) ** 2) * radius
      marks += oval([x, y + i * radius * 0.34, w * 0.97, radius * rng.range(0.03, 0.09)])
    }
  } else {
    for (let i = 0; i < 7; i++) {
      const [a, d] = [rng.range(0, 6.3), rng.range(0.1, 0.68) * radius]
      marks += disc(x + Math.cos(a) * d, y + Math.sin(a) * d, radius * rng.range(0.07, 0.18))
    }
  }
  const crescent = `M${n(x + radius * 0.26)} ${n(y - radius * 0.966)}A${n(radius)} ${n(radius)} 0 0 1 ${n(x + radius * 0.26)} ${n(y + radius * 0.966)}A${n(radius * 1.25)} ${n(radius * 1.25)} 0 0 0 ${n(x + radius * 0.26)} ${n(y - radius * 0.966)}Z`
  const tilt = rng.range(-22, -10)
  const band = (half: string): string =>
    place(
      pen.line(half, mix(colour, '#ffe9c4', 0.65), radius * 0.13) +
        pen.line(half, darken(mix(colour, '#ffe9c4', 0.4), 0.2), radius * 0.03),
      at,
      { turn: tilt },
    )
  const rx = radius * 1.75
  const ry = radius * 0.36
  const behind = ring ? band(`M${n(-rx)} 0A${n(rx)} ${n(ry)} 0 0 1 ${n(rx)} 0`) : ''
  const before = ring ? band(`M${n(-rx)} 0A${n(rx)} ${n(ry)} 0 0 0 ${n(rx)} 0`) : ''
  return (
    behind +
    pen.glow([x, y, radius * 1.5], colour, 0.4) +
    pen.solid(disc(x, y, radius), paint) +
    pen.shade(marks, darken(colour, 0.3), 0.3) +
    pen.shade(crescent, '#0a0824', 0.32) +
    before
  )
}

function deepSky(stage: Stage, rng: Rng, bottom: number): string {
  const { pen, width } = stage
  const asked =
    stage.brief.scenery.get('sky') ?? stage.brief.scenery.get('backdrop') ?? stage.brief.palette[0]
  const chosen = rng.pick(nebulae)
  const [a, b, c] = asked ? [darken(asked, 0.3), asked, turnHue(asked, 50)] : chosen
  const ground = pen.gradient(['#060617', mix('#0d0b2b', a, 0.22), mix('#0a0a24', c, 0.25)], { raw: true })
  const clouds = repeat(11, i => {
    const t = i / 10
    const [x, y] = [width * (t * 1.15 - 0.08), bottom * (0.82 - t * 0.66 + rng.range(-0.16, 0.16))]
    return pen.glow(
      [x, y, Math.max(width, bottom) * rng.range(0.16, 0.34)],
      [a, b, c][i % 3] ?? a,
      rng.range(0.34, 0.62),
    )
  })
  return (
    pen.solid(box([-20, -20, width + 40, bottom + 60]), ground, { plain: true }) +
    clouds +
    starField(stage, rng, bottom)
  )
}

const drawSpace: DrawSetting = stage => {
  const rng = stage.rng.fork('space')
  const { width, height } = stage
  const short = Math.min(width, height)
  const left = rng.chance(0.5)
  const tones = ['#e08a4c', '#5aa6d6', '#c86f9a', '#7fbf8a', '#d9b36a', '#8c7ae0']
  const big = world(stage, rng, {
    at: [width * (left ? 0.04 : 0.97), height * 0.93],
    radius: short * 0.36,
    colour: rng.pick(tones),
    ring: false,
  })
  const ringed = world(stage, rng, {
    at: [width * (left ? 0.82 : 0.18), height * 0.2],
    radius: short * 0.085,
    colour: rng.pick(tones),
    ring: true,
  })
  const tiny = world(stage, rng, {
    at: [width * (left ? 0.2 : 0.84), height * 0.3],
    radius: short * 0.03,
    colour: rng.pick(tones),
    ring: false,
  })
  const moon =
    stage.wants('moon') || stage.wants('sun')
      ? stage.pen.glow([width * 0.7, height * 0.24, 330], '#fff0c0', 0.5)
      : ''
  return {
    back: deepSky(stage, rng, height) + moon + (stage.allows('planet') ? big + ringed + tiny : ''),
    front: '',
    stand: height * 0.8,
    far: height * 0.7,
    water: null,
    air: [height * 0.16, height * 0.84],
    floor: 'none',
    shadow: '#05051a',
    focus: left ? 0.54 : 0.46,
  }
}

function craters(stage: Stage, rng: Rng, { top, colour }: { top: number; colour: string }): string {
  return repeat(15, i => {
    const t = (i + 0.5) / 15
    const y = top + (stage.height - top) * t
    const x = rng.next() * stage.width
    const r = (18 + t * 62) * rng.range(0.5, 1.2)
    return (
      stage.pen.solid(oval([x, y, r, r * 0.27]), darken(colour, 0.3), { plain: true }) +
      stage.pen.solid(oval([x, y + r * 0.07, r * 0.9, r * 0.2]), darken(colour, 0.14), { plain: true }) +
      stage.pen.shade(
        `M${n(x - r)} ${n(y)}A${n(r)} ${n(r * 0.27)} 0 0 0 ${n(x + r)} ${n(y)}A${n(r)} ${n(r * 0.32)} 0 0 1 ${n(x - r)} ${n(y)}Z`,
        lighten(colour, 0.5),
        0.7,
      )
    )
  })
}

const drawPlanet: DrawSetting = stage => {
  const rng = stage.rng.fork('planet')
  const { width, height, pen } = stage
  const horizon = height * 0.62
  const moonlike = stage.says(
    'on the moon',
    'from the moon',
    'moon surface',
    'lunar surface',
    'surface of the moon',
    'moon',
  )
  const ground =
    stage.brief.scenery.get('ground') ??
    (stage.says('mars', 'red planet', 'surface of mars')
      ? '#c4583a'
      : moonlike
        ? '#b9b7c6'
        : rng.pick(['#c7643c', '#a8588a', '#c98a4a', '#5f8f8a']))
  const far = ridgePoints(stage, rng, { y: horizon - 26, rise: 52, waves: 3, jagged: true })
  const mid = ridgePoints(stage, rng, { y: horizon + 12, rise: 22, waves: 2 })
  const earth = moonlike ? '#4f93d8' : rng.pick(['#e0b070', '#7fc4c4', '#c78be0'])
  const side = rng.chance(0.5) ? 0.78 : 0.22
  return {
    back:
      deepSky(stage, rng, horizon + 40) +
      world(stage, rng, {
        at: [width * side, height * 0.22],
        radius: Math.min(width, height) * 0.12,
        colour: earth,
        ring: !moonlike,
      }) +
      pen
        .at({ depth: 0.2 })
        .solid(
          landUnder(stage, far, true),
          pen.gradient([mix(ground, '#2a2350', 0.35), mix(ground, '#2a2350', 0.55)], { raw: true }),
        ) +
      pen.solid(
        landUnder(stage, mid),
        pen.gradient([lighten(ground, 0.28), ground, darken(ground, 0.34)], { raw: true }),
      ) +
      craters(stage, rng, { top: horizon + 34, colour: ground }),
    front:
      boulder(pen, rng, { at: [width * 0.05, height + 14], width: 180, colour: darken(ground, 0.22) }) +
      boulder(pen, rng, { at: [width * 0.93, height + 10], width: 120, colour: darken(ground, 0.28) }),
    stand: horizon + (height - horizon) * 0.66,
    far: horizon + (height - horizon) * 0.24,
    water: null,
    air: [height * 0.1, horizon * 0.85],
    floor: 'land',
    shadow: darken(ground, 0.7),
  }
}

const drawClouds: DrawSetting = stage => {
  const { width, height, pen } = stage
  const rng = stage.rng.fork('above')
  const [top, bottom] = stage.cloud
  const bank = (y: number, t: number): string => {
    const colour = mix(mix(bottom, stage.sky[1] ?? bottom, 0.25), top, t)
    return pen.solid(
      cloudBank(stage, rng, { y, size: 60 + t * 70 }),
      pen.gradient([lighten(colour, 0.2), colour, mix(colour, bottom, 0.7)], { raw: true }),
    )
  }
  return {
    back:
      drawSky(stage, height * 0.92) +
      bank(height * 0.66, 0.15) +
      bank(height * 0.74, 0.45) +
      bank(height * 0.82, 0.75),
    front: bank(height * 0.95, 1),
    stand: height * 0.76,
    far: height * 0.62,
    water: null,
    air: [height * 0.14, height * 0.74],
    floor: 'cloud',
    shadow: mix(bottom, '#5a6fa8', 0.5),
    focus: width > height ? 0.5 + rng.range(-0.1, 0.1) : 0.5,
  }
}

export const beyondSettings = { space: drawSpace, planet: drawPlanet, clouds: drawClouds } as const
