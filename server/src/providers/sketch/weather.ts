// Owns what falls and floats through the air: rain, snow, fog, leaves, petals, fireflies, bubbles.

import { closedSettings } from './choose.ts'
import { mix } from './colour.ts'
import { box, disc, n, oval } from './geometry.ts'
import type { Rng } from './random.ts'
import type { Stage } from './stage.ts'
import type { SettingName } from './subject.ts'

export type Air = { back: string; front: string }

function rain(stage: Stage, rng: Rng, { count, length }: { count: number; length: number }): string {
  let d = ''
  for (let i = 0; i < count; i++) {
    const [x, y] = [rng.range(-0.05, 1.1) * stage.width, rng.range(-0.1, 1) * stage.height]
    const l = length * rng.range(0.6, 1.3)
    d += `M${n(x)} ${n(y)}l${n(-l * 0.22)} ${n(l)}l${n(2.2)} 0.4Z`
  }
  return stage.pen.emit(d, '#e8f1fb', 0.5)
}

function snowfall(stage: Stage, rng: Rng, { count, size }: { count: number; size: number }): string {
  let d = ''
  for (let i = 0; i < count; i++)
    d += disc(rng.next() * stage.width, rng.next() * stage.height, size * rng.range(0.35, 1.2))
  return stage.pen.emit(d, '#ffffff', 0.88)
}

function flakes(
  stage: Stage,
  rng: Rng,
  { colours, count }: { colours: readonly string[]; count: number },
): string {
  const paths = colours.map(() => '')
  for (let i = 0; i < count; i++) {
    const [x, y, r, a] = [
      rng.next() * stage.width,
      rng.next() * stage.height,
      rng.range(5, 13),
      rng.range(0, 6.3),
    ]
    const [dx, dy] = [Math.cos(a) * r, Math.sin(a) * r]
    const k = rng.int(0, colours.length - 1)
    paths[k] +=
      `M${n(x - dx)} ${n(y - dy)}Q${n(x - dy * 0.7)} ${n(y + dx * 0.7)} ${n(x + dx)} ${n(y + dy)}Q${n(x + dy * 0.5)} ${n(y - dx * 0.5)} ${n(x - dx)} ${n(y - dy)}Z`
  }
  return paths.map((d, i) => stage.pen.solid(d, colours[i] ?? '#ffffff', { plain: true })).join('')
}

function fog(stage: Stage, strength: number): string {
  const rng = stage.rng.fork('fog')
  const { pen, width, height } = stage
  const colour = mix(stage.haze, stage.night ? '#8fa2c8' : '#ffffff', 0.5)
  let out = ''
  for (let i = 0; i < 7; i++) {
    const y = height * (0.4 + i * 0.09)
    out += pen.glow([rng.next() * width, y, width * rng.range(0.28, 0.5)], colour, strength)
  }
  return `<g transform="translate(0 ${n(height * 0.36)}) scale(1 0.45)">${out}</g>`
}

function fireflies(stage: Stage): string {
  const rng = stage.rng.fork('fireflies')
  let out = ''
  for (let i = 0; i < 34; i++) {
    const [x, y, r] = [rng.next() * stage.width, rng.range(0.28, 0.97) * stage.height, rng.range(2, 4.4)]
    out += stage.pen.glow([x, y, r * 7], '#ffe27a', 0.6) + stage.pen.emit(disc(x, y, r), '#fff6c4')
  }
  return out
}

function bubbles(stage: Stage): string {
  const rng = stage.rng.fork('bubbles')
  let out = ''
  for (let i = 0; i < 22; i++) {
    const [x, y, r] = [rng.next() * stage.width, rng.next() * stage.height * 0.9, rng.range(9, 34)]
    out +=
      stage.pen.shade(disc(x, y, r), '#e8f8ff', 0.24) +
      stage.pen.line(disc(x, y, r), '#ffffff', 1.3) +
      stage.pen.shade(oval([x - r * 0.4, y - r * 0.4, r * 0.24, r * 0.15]), '#ffffff', 0.9)
  }
  return out
}

function lanterns(stage: Stage): string {
  const rng = stage.rng.fork('lanterns')
  let out = ''
  for (let i = 0; i < 16; i++) {
    const s = rng.range(12, 30)
    const [x, y] = [rng.next() * stage.width, rng.range(0.06, 0.62) * stage.height]
    const d = `M${n(x - s * 0.6)} ${n(y - s)}Q${n(x)} ${n(y - s * 1.25)} ${n(x + s * 0.6)} ${n(y - s)}L${n(x + s * 0.45)} ${n(y + s)}H${n(x - s * 0.45)}Z`
    out +=
      stage.pen.glow([x, y, s * 3.6], '#ffb347', 0.6) +
      stage.pen.emit(d, '#ffab4a') +
      stage.pen.emit(oval([x, y + s * 0.4, s * 0.3, s * 0.5]), '#fff0b8', 0.85)
  }
  return out
}

/** What the air carries, behind and before the subjects. */
export function drawWeather(stage: Stage, setting: SettingName): Air {
  const rng = stage.rng.fork('weather')
  const open = !closedSettings.has(setting)
  let back = ''
  let front = ''
  if (open && (stage.weather === 'rain' || stage.weather === 'storm')) {
    back +=
      stage.pen.shade(box([-20, -20, stage.width + 40, stage.height + 40]), '#5c6c82', 0.12) +
      rain(stage, rng, { count: 170, length: 46 })
    front += rain(stage, rng, { count: 130, length: 84 })
  }
  if (open && stage.weather === 'snow') {
    back += snowfall(stage, rng, { count: 190, size: 4 })
    front += snowfall(stage, rng, { count: 90, size: 8 })
  }
  if (open && stage.weather === 'fog') {
    back += fog(stage, 0.75)
    front += fog(stage, 0.34)
  }
  if (open && (stage.wants('leaves') || (stage.weather === 'wind' && stage.season === 'autumn')))
    front += flakes(stage, rng, { colours: ['#dd7f2c', '#c8502c', '#e6ab37'], count: 46 })
  if (open && stage.wants('petals'))
    front += flakes(stage, rng, { colours: ['#f9c9d8', '#f4a9c0', '#ffe3ec'], count: 70 })
  if (stage.wants('fireflies')) front += fireflies(stage)
  if (stage.wants('bubbles')) front += bubbles(stage)
  if (open && stage.wants('lanterns')) back += lanterns(stage)
  return { back, front }
}
