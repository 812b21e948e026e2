// Owns the world below the water.
import { darken, lighten, mix } from '../colour.ts'
import { box, disc, n, type Point, place, poly, taper } from '../geometry.ts'
import { boulder, landUnder, ridgePoints } from '../nature.ts'
import type { Rng } from '../random.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'
import type { DrawSetting } from './backdrop.ts'

function coral(stage: Stage, at: Point, { height, colour }: { height: number; colour: string }): string {
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

function sunRays(stage: Stage, rng: Rng): string {
  const { pen, width, height } = stage
  return repeat(7, i => {
    const x = width * (0.02 + i * 0.16) + rng.range(-30, 30)
    const ray = poly([
      [x, -20],
      [x + rng.range(40, 90), -20],
      [x + rng.range(-160, -60), height * 0.85],
      [x - rng.range(220, 300), height * 0.85],
    ])
    return pen.shade(ray, '#e8fff8', 0.09)
  })
}

function farRocks(stage: Stage, rng: Rng, tone: string): string {
  return repeat(2, i => {
    const ridge = ridgePoints(stage, rng, {
      y: stage.height * (0.68 + i * 0.08),
      rise: 70 - i * 20,
      waves: 2,
    })
    return stage.pen.solid(landUnder(stage, ridge), mix(darken(tone, 0.52), tone, 0.3 - i * 0.2), {
      plain: true,
    })
  })
}

function seaweed(stage: Stage, rng: Rng): string {
  const { pen, width, height } = stage
  return repeat(9, i => {
    const x = width * (i < 5 ? rng.range(0, 0.2) : rng.range(0.8, 1))
    const h = rng.range(160, 380)
    const s = rng.range(12, 26)
    const blade = taper([
      [x, height + 10, 8],
      [x + s, height - h * 0.3, 9],
      [x - s, height - h * 0.62, 7],
      [x + s * 0.6, height - h, 1.5],
    ])
    return pen.solid(blade, rng.pick(['#2f8f6b', '#3fa36f', '#207a63']))
  })
}

/** Small fish far off, all turned the same way. */
function shoal(stage: Stage, rng: Rng, tone: string): string {
  const { width, height } = stage
  let d = ''
  for (let i = 0; i < 9; i++) {
    const x = width * rng.range(0.55, 0.8) + rng.range(-90, 90)
    const y = height * 0.24 + rng.range(-50, 50)
    const s = rng.range(9, 15)
    d += `M${n(x - s)} ${n(y)}Q${n(x)} ${n(y - s * 0.6)} ${n(x + s)} ${n(y)}Q${n(x)} ${n(y + s * 0.6)} ${n(x - s)} ${n(y)}ZM${n(x + s * 0.8)} ${n(y)}L${n(x + s * 1.5)} ${n(y - s * 0.4)}L${n(x + s * 1.5)} ${n(y + s * 0.4)}Z`
  }
  return stage.pen.solid(d, darken(tone, 0.36), { plain: true, opacity: 0.7 })
}

function seaFloor(stage: Stage, rng: Rng, tone: string): string {
  const { pen, width, height } = stage
  const top = height * 0.86
  const sand = ridgePoints(stage, rng, { y: top, rise: 16, waves: 1.8 })
  const hues = ['#ff7f6b', '#f9b24e', '#e86aa6', '#9a7be0', '#ff9e7a', '#f26d85']
  const reef = repeat(9, i =>
    coral(stage, [width * ((i + rng.range(0.1, 0.9)) / 9), top + rng.range(4, 50)], {
      height: rng.range(70, 150) * (i === 4 ? 0.6 : 1),
      colour: rng.pick(hues),
    }),
  )
  const paint = pen.gradient([mix('#f0dcae', tone, 0.2), mix('#d9bf8a', tone, 0.4)])
  return pen.solid(landUnder(stage, sand), paint) + reef
}

const drawUnderwater: DrawSetting = stage => {
  const { pen, width, height } = stage
  const rng = stage.rng.fork('under')
  const tone = stage.brief.scenery.get('water') ?? rng.pick(['#1f8fb8', '#1b86a8', '#2a7fc0'])
  const deep = stage.night ? 0.5 : 0
  const depths = [
    lighten(tone, 0.55 - deep),
    darken(tone, deep),
    darken(tone, 0.4 + deep * 0.5),
    darken(tone, 0.62 + deep * 0.3),
  ]
  let bubbles = ''
  for (let i = 0; i < 34; i++)
    bubbles += disc(rng.next() * width, rng.range(0.06, 0.9) * height, rng.range(2, 9))
  return {
    back:
      pen.solid(box([-20, -20, width + 40, height + 40]), pen.gradient(depths, { raw: true }), {
        plain: true,
      }) +
      pen.glow([width * 0.5, -40, Math.max(width, height) * 0.6], '#f2fff0', stage.night ? 0.16 : 0.5) +
      sunRays(stage, rng) +
      farRocks(stage, rng, tone) +
      shoal(stage, rng, tone) +
      seaFloor(stage, rng, tone),
    front:
      seaweed(stage, rng) +
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

export const underwaterSettings = { underwater: drawUnderwater } as const
