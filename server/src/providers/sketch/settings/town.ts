// Owns the city seen from its riverside: water before the skyline, or a promenade where somebody stands.
import { darken, lighten, mix } from '../colour.ts'
import { box, n, oval, type Point } from '../geometry.ts'
import { ripples } from '../nature.ts'
import type { Rng } from '../random.ts'
import { drawSky } from '../sky.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'
import type { DrawSetting } from './backdrop.ts'
import { isLit, lampPost, neon, neonSigns, skyline, wetGround } from './townscape.ts'

function promenade(stage: Stage, rng: Rng, base: number): string {
  const { pen, width, height } = stage
  const paving = stage.night || stage.time === 'dusk' ? '#4d4f78' : '#b9b2ae'
  const vanish: Point = [width / 2, base - 40]
  let seams = ''
  for (let i = -9; i <= 9; i++) {
    seams += `M${n(width / 2 + i * width * 0.05)} ${n(base + 10)}L${n(vanish[0] + i * width * 0.2)} ${n(height + 10)}`
  }
  for (let i = 0; i < 6; i++)
    seams += `M-10 ${n(base + 12 + (height - base) * (i / 6) ** 1.6)}H${n(width + 10)}`
  const rail = base + 14
  const posts = repeat(Math.ceil(width / 64) + 1, i => `M${n(i * 64)} ${n(rail - 54)}V${n(rail)}`)
  return (
    pen.solid(
      box([-20, base, width + 40, height - base + 30]),
      pen.gradient([darken(paving, 0.14), paving, lighten(paving, 0.12)]),
    ) +
    pen.line(seams, darken(paving, 0.22), 2) +
    wetGround(stage, rng, base) +
    pen.line(
      `M-10 ${n(rail - 52)}H${n(width + 10)}M-10 ${n(rail - 30)}H${n(width + 10)}${posts}`,
      '#2f3040',
      4.4,
    ) +
    lampPost(stage, { at: [width * 0.1, rail + 24], height: height * 0.38, flip: false }) +
    lampPost(stage, { at: [width * 0.9, rail + 24], height: height * 0.38, flip: true })
  )
}

/** A river that gives the lights back, broken by ripples. */
function river(stage: Stage, rng: Rng, base: number): string {
  const { pen, width, height } = stage
  const [near = '#5fb2c4', mid = '#1f7f9e', deep = '#0d3f63'] = stage.water
  const hues = stage.wants('neonlights') ? neon : ['#ffd98a', '#ffe7b8', '#ffb877', '#fff1cf']
  const lights = isLit(stage)
    ? repeat(34, i => {
        const x = rng.next() * width
        const reach = (height - base) * rng.range(0.25, 0.85)
        let d = ''
        for (let k = 0; k < 9; k++) {
          const t = k / 9
          d += oval([
            x + rng.range(-5, 5) * (1 + t * 2),
            base + 8 + reach * t,
            (5 + t * 16) * rng.range(0.6, 1.2),
            1.6 + t * 2.4,
          ])
        }
        return pen.emit(d, hues[i % hues.length] ?? '#ffd98a', 0.5)
      })
    : ''
  return (
    pen.solid(
      box([-20, base, width + 40, height - base + 30]),
      pen.gradient([mix(near, mid, 0.4), mid, deep], { raw: true }),
    ) +
    pen.shade(box([-20, base, width + 40, (height - base) * 0.16]), '#10122e', 0.3) +
    lights +
    ripples(stage, rng, {
      top: base + 8,
      bottom: height,
      count: 90,
      colour: lighten(near, 0.3),
      opacity: 0.26,
    }) +
    ripples(stage, rng, { top: base + 8, bottom: height, count: 60, colour: darken(deep, 0.2), opacity: 0.3 })
  )
}

const drawCity: DrawSetting = (stage, horizon) => {
  const rng = stage.rng.fork('city')
  const { pen, width, height } = stage
  const night = stage.night || stage.time === 'dusk'
  const wishes = stage.brief.wishes
  const riverside = wishes.every(
    ({ subject, traits }) => subject.habitat !== 'ground' || traits.has('flying'),
  )
  const base = horizon + (riverside ? 90 : 70)
  const tone = stage.brief.palette[0] ?? (night ? '#7380c9' : rng.pick(['#8693a8', '#9a8fa3', '#a58f86']))
  const neonly = stage.wants('neonlights')
  const haze = neonly ? '#ff3fa4' : stage.time === 'dusk' ? '#ff9a6b' : '#7f86ff'
  return {
    back:
      drawSky(stage, horizon + 40) +
      (night ? pen.glow([width * 0.5, base, Math.max(width, height) * 0.6], haze, 0.42) : '') +
      skyline(stage, {
        base,
        tall: horizon * 0.86,
        depth: 0.66,
        colour: mix(tone, stage.sky[1] ?? tone, 0.4),
      }) +
      skyline(stage, { base, tall: horizon * 0.7, depth: 0.4, colour: tone }) +
      skyline(stage, { base, tall: horizon * 0.42, depth: 0.12, colour: darken(tone, 0.24) }) +
      (neonly ? neonSigns(stage, rng, { top: horizon * 0.4, bottom: base - 150, count: 10 }) : '') +
      (riverside ? river(stage, rng, base) : promenade(stage, rng, base)),
    front: '',
    stand: base + (height - base) * 0.66,
    far: base + (height - base) * 0.25,
    water: riverside ? base + (height - base) * 0.6 : null,
    air: [height * 0.08, horizon * 0.8],
    floor: riverside ? 'water' : 'land',
    shadow: '#1c1a33',
  }
}

export const townSettings = { city: drawCity } as const
