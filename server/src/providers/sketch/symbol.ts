// Owns the picture of what cannot be pictured: when a prompt names nothing that can be drawn, its words become a
// composition of sun, ribbons, hills of colour and leaves, different for other words and other seeds.
import { darken, lighten, mix, turnHue } from './colour.ts'
import { box, curve, disc, n, oval, type Point, star, taper } from './geometry.ts'
import { createNoise, createRng, type Rng } from './random.ts'
import type { Stage } from './stage.ts'
import { repeat } from './subject.ts'

type Palette = readonly [ground: string, sun: string, a: string, b: string, c: string, ink: string]

const palettes: readonly Palette[] = [
  ['#f6e7cf', '#e4572e', '#2e6f8e', '#f2b134', '#8fb8a8', '#22314f'],
  ['#f3ece0', '#f28a6a', '#345e7d', '#d9a441', '#b7c9a5', '#3a2f4d'],
  ['#1f2a4d', '#f7c15c', '#d9577a', '#3fa6a6', '#7b5ea8', '#f6efdd'],
  ['#fbe3d6', '#d64550', '#4a5fa0', '#f4a259', '#7fb69a', '#2a2342'],
  ['#e3efe9', '#f3a953', '#2f7d73', '#e2725b', '#9ec5d6', '#1f3a44'],
  ['#2a1f3d', '#ff8f70', '#6a6fd0', '#f6c667', '#3fb0a2', '#fbeee0'],
]

function ribbons(stage: Stage, rng: Rng, [, , a, b, c]: Palette): string {
  const { width, height, pen } = stage
  return repeat(rng.int(3, 5), i => {
    const noise = createNoise(rng.int(0, 1e9))
    const base = height * (0.36 + i * 0.12)
    const thick = height * rng.range(0.05, 0.12)
    const upper: Point[] = []
    for (let k = -1; k <= 9; k++) upper.push([(k / 8) * width, base + noise(k * 0.36, i) * height * 0.26])
    const lower = upper
      .map(([x, y], k): Point => [x, y + thick * (0.75 + 0.5 * Math.sin(k * 0.9 + i))])
      .reverse()
    const colour = [a, b, c][i % 3] ?? a
    const d = `${curve(upper)}L${curve(lower).slice(1)}Z`
    return pen.solid(
      d,
      pen.gradient([lighten(colour, 0.14), colour, turnHue(colour, 24)], { raw: true, across: true }),
    )
  })
}

function rings(
  stage: Stage,
  rng: Rng,
  { at: [x, y], radius, colours }: { at: Point; radius: number; colours: readonly string[] },
): string {
  const count = rng.int(3, 6)
  return repeat(count, i => {
    const r = radius * (1 - i / count)
    return stage.pen.solid(disc(x, y, r), colours[i % colours.length] ?? '#e4572e')
  })
}

function hillsOfColour(stage: Stage, rng: Rng, [ground, , a, , c, ink]: Palette): string {
  const { width, height, pen } = stage
  return repeat(3, i => {
    const top = height * (0.7 + i * 0.1)
    const [x1, x2] = [width * rng.range(0.1, 0.4), width * rng.range(0.6, 0.9)]
    const d = `M-20 ${n(top + 40)}C${n(x1)} ${n(top - height * rng.range(0.02, 0.14))} ${n(x2)} ${n(top + height * rng.range(0, 0.12))} ${n(width + 20)} ${n(top - height * rng.range(-0.02, 0.08))}V${n(height + 20)}H-20Z`
    const colour = mix([c, a, ink][i] ?? a, ground, 0.12)
    return pen.solid(d, pen.gradient([lighten(colour, 0.1), darken(colour, 0.12)], { raw: true }))
  })
}

function sprig(
  stage: Stage,
  rng: Rng,
  { at: [x, y], height, colour }: { at: Point; height: number; colour: string },
): string {
  const { pen } = stage
  const lean = rng.range(-0.3, 0.3) * height
  const stem = pen.line(
    `M${n(x)} ${n(y)}Q${n(x)} ${n(y - height * 0.5)} ${n(x + lean)} ${n(y - height)}`,
    colour,
    5,
  )
  return (
    stem +
    repeat(9, i => {
      const t = 0.2 + (i / 8) * 0.8
      const [sx, sy] = [x + lean * t * t, y - height * t]
      const s = i % 2 ? 1 : -1
      const l = height * 0.24 * (1.15 - t * 0.6)
      return pen.solid(
        taper([
          [sx, sy, 1.5],
          [sx + s * l * 0.5, sy - l * 0.4, l * 0.17],
          [sx + s * l, sy - l * 0.62, 0.8],
        ]),
        i % 3 === 0 ? lighten(colour, 0.2) : colour,
      )
    })
  )
}

/** A device in the middle of the sun; which one depends on the words. */
function device(
  stage: Stage,
  rng: Rng,
  { at: [x, y], radius, palette }: { at: Point; radius: number; palette: Palette },
): string {
  const { pen } = stage
  const [ground, , a, b] = palette
  switch (rng.int(0, 4)) {
    case 0:
      return repeat(24, i => {
        const t = (i / 24) * Math.PI * 2
        return pen.solid(
          taper([
            [x + Math.cos(t) * radius * 1.14, y + Math.sin(t) * radius * 1.14, 4],
            [
              x + Math.cos(t) * radius * (i % 2 ? 1.34 : 1.52),
              y + Math.sin(t) * radius * (i % 2 ? 1.34 : 1.52),
              2,
            ],
          ]),
          b,
        )
      })
    case 1: {
      const lids = `M${n(x - radius * 0.7)} ${n(y)}Q${n(x)} ${n(y - radius * 0.62)} ${n(x + radius * 0.7)} ${n(y)}Q${n(x)} ${n(y + radius * 0.62)} ${n(x - radius * 0.7)} ${n(y)}Z`
      return (
        pen.solid(lids, ground) +
        pen.solid(disc(x, y, radius * 0.27), a) +
        pen.solid(disc(x, y, radius * 0.13), '#1c1830', { plain: true }) +
        pen.emit(disc(x + radius * 0.08, y - radius * 0.09, radius * 0.05), '#ffffff')
      )
    }
    case 2:
      return (
        repeat(12, i => {
          const t = (i / 12) * Math.PI * 2
          const [cx, cy] = [x + Math.cos(t) * radius * 0.42, y + Math.sin(t) * radius * 0.42]
          return pen.solid(oval([cx, cy, radius * 0.2, radius * 0.2]), i % 2 ? a : b, { opacity: 0.82 })
        }) + pen.solid(disc(x, y, radius * 0.2), ground)
      )
    case 3:
      return (
        pen.solid(star([x, y], [radius * 0.78, radius * 0.3], { tips: 8 }), b) +
        pen.solid(star([x, y], [radius * 0.5, radius * 0.2], { tips: 8, turn: 0 }), ground) +
        pen.solid(disc(x, y, radius * 0.12), a)
      )
    default: {
      let d = `M${n(x)} ${n(y)}`
      for (let i = 1; i <= 60; i++)
        d += `L${n(x + Math.cos(i * 0.32) * radius * 0.014 * i)} ${n(y + Math.sin(i * 0.32) * radius * 0.014 * i)}`
      return pen.line(d, ground, radius * 0.06)
    }
  }
}

/** Draws the composition over the whole picture. */
export function drawSymbol(stage: Stage): string {
  const { width, height, pen, brief } = stage
  const words = createRng(`symbol/${brief.unknown.join(' ')}`)
  const rng = stage.rng.fork('symbol')
  const chosen = palettes[(words.int(0, 99) + rng.int(0, 2)) % palettes.length] ?? palettes[0]
  if (!chosen) return ''
  const asked = brief.palette[0]
  const palette: Palette = asked
    ? [
        lighten(asked, 0.75),
        asked,
        turnHue(asked, 40),
        turnHue(asked, -40),
        mix(asked, '#ffffff', 0.4),
        darken(asked, 0.6),
      ]
    : chosen
  const [ground, sun, a, b, c, ink] = palette
  const short = Math.min(width, height)
  const at: Point = [width * rng.range(0.4, 0.6), height * rng.range(0.34, 0.42)]
  const radius = short * rng.range(0.2, 0.27)
  let dots = ''
  for (let i = 0; i < 60; i++) dots += disc(rng.next() * width, rng.next() * height * 0.6, rng.range(1, 4))
  return (
    pen.solid(
      box([-20, -20, width + 40, height + 40]),
      pen.gradient([mix(ground, a, 0.16), ground, mix(ground, sun, 0.2)], { raw: true }),
      { plain: true },
    ) +
    pen.glow([...at, radius * 2.8], sun, 0.4) +
    pen.shade(dots, ink, 0.28) +
    rings(stage, words, { at, radius, colours: [sun, lighten(sun, 0.18), b, lighten(sun, 0.34)] }) +
    device(stage, words, { at, radius, palette }) +
    ribbons(stage, words.fork(`${stage.brief.says.size}-${rng.int(0, 1e6)}`), palette) +
    hillsOfColour(stage, rng, palette) +
    repeat(4, i =>
      sprig(stage, rng, {
        at: [width * (i < 2 ? 0.06 + i * 0.09 : 0.76 + i * 0.055), height * 1.01],
        height: height * rng.range(0.24, 0.44),
        colour: i % 2 ? c : b,
      }),
    )
  )
}
