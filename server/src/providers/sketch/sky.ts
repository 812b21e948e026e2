// Owns the sky: gradient, sun or moon, stars, clouds and the wonders a prompt may ask for.
import { lighten, mix } from './colour.ts'
import { box, curve, disc, n, oval, type Point, star } from './geometry.ts'
import { cloud, streaks } from './nature.ts'
import type { Orb, Stage } from './stage.ts'

/** The whole sky down to the horizon. */
export function drawSky(stage: Stage, horizon: number): string {
  const { pen, width, height } = stage
  const paint = pen.gradient(stage.sky, { raw: true })
  const below = pen.solid(
    box([-20, horizon - 2, width + 40, height - horizon + 40]),
    pen.gradient([stage.haze, stage.haze], { raw: true }),
    { plain: true },
  )
  return (
    below +
    pen.solid(box([-20, -20, width + 40, horizon + 24]), paint, { plain: true }) +
    (stage.night || stage.time === 'dusk' || stage.wants('stars') ? stars(stage, horizon) : '') +
    (stage.wants('aurora') ? aurora(stage, horizon) : '') +
    (stage.wants('comet') ? comet(stage, horizon) : '') +
    drawOrb(stage) +
    (stage.wants('rainbow') ? rainbow(stage, horizon) : '') +
    clouds(stage, horizon) +
    (stage.wants('lightning') || stage.weather === 'storm' ? lightning(stage, horizon) : '') +
    (stage.wants('fireworks') ? fireworks(stage, horizon) : '')
  )
}

/** Where the sun or the moon stands; null when the sky hides it. */
export function chooseOrb(
  { time, weather, night }: Pick<Stage, 'time' | 'weather' | 'night'>,
  options: { width: number; horizon: number; wanted: boolean; big: boolean; side: number },
): Orb | null {
  const hidden = weather === 'rain' || weather === 'storm' || weather === 'cloudy' || weather === 'snow'
  if (hidden && !options.wanted) return null
  const { width, horizon } = options
  const radius = (night ? 52 : time === 'sunset' || time === 'dawn' ? 70 : 46) * (options.big ? 1.7 : 1)
  const lift = time === 'sunset' ? 0.8 : time === 'dawn' ? 0.72 : time === 'dusk' ? 0.62 : 0.3
  const x = width * (options.side < 0.5 ? 0.16 + options.side * 0.36 : 0.66 + (options.side - 0.5) * 0.36)
  const y = Math.max(radius * 1.5, horizon * lift)
  if (night || time === 'dusk') return { x, y, radius, kind: 'moon', colour: '#fff3cf' }
  const colour = time === 'sunset' ? '#ffe7a0' : time === 'dawn' ? '#fff0c4' : '#fff4c2'
  return { x, y, radius, kind: 'sun', colour }
}

function drawOrb(stage: Stage): string {
  const { orb, pen, rng } = stage
  if (!orb) return ''
  const { x, y, radius } = orb
  const warm = stage.time === 'sunset' ? '#ffb45c' : orb.colour
  const glow =
    pen.glow([x, y, radius * (orb.kind === 'sun' ? 6.5 : 4.6)], warm, orb.kind === 'sun' ? 0.75 : 0.42) +
    pen.glow([x, y, radius * 2.1], orb.colour, 0.75)
  const bare = pen.ink.kind !== 'fill' && pen.ink.kind !== 'cut'
  const body = bare ? pen.solid(disc(x, y, radius), orb.colour) : pen.emit(disc(x, y, radius), orb.colour)
  if (orb.kind === 'sun') return glow + body
  const crescent = rng.fork('moon').chance(0.35) && !stage.brief.features.has('moon')
  if (crescent) {
    const d = `M${n(x + radius * 0.35)} ${n(y - radius * 0.94)}A${n(radius)} ${n(radius)} 0 1 0 ${n(x + radius * 0.94)} ${n(y + radius * 0.35)}A${n(radius * 0.82)} ${n(radius * 0.82)} 0 0 1 ${n(x + radius * 0.35)} ${n(y - radius * 0.94)}Z`
    return glow + (bare ? pen.solid(d, orb.colour) : pen.emit(d, orb.colour))
  }
  const craters =
    disc(x - radius * 0.3, y - radius * 0.25, radius * 0.2) +
    disc(x + radius * 0.32, y + radius * 0.12, radius * 0.26) +
    disc(x - radius * 0.15, y + radius * 0.45, radius * 0.13) +
    disc(x + radius * 0.1, y - radius * 0.5, radius * 0.1)
  return glow + body + (bare ? pen.solid(craters, '#e6d3a2') : pen.emit(craters, '#d9c493', 0.5))
}

function stars(stage: Stage, horizon: number): string {
  const veiled =
    stage.weather !== 'clear' && stage.weather !== 'wind' && !stage.wants('stars') && !stage.wants('aurora')
  if (!stage.allows('stars') || veiled) return ''
  const { pen, width } = stage
  const rng = stage.rng.fork('stars')
  const faint = stage.night ? 1 : 0.45
  let small = ''
  let large = ''
  const count = Math.round((width * horizon) / 5200)
  for (let i = 0; i < count; i++) {
    const y = rng.next() ** 1.35 * horizon * 0.92
    small += disc(rng.next() * width, y, rng.range(0.6, 1.8))
  }
  for (let i = 0; i < 14; i++) {
    const spot: Point = [rng.next() * width, rng.next() * horizon * 0.7]
    const r = rng.range(4, 8)
    large += star(spot, [r, r * 0.24], { tips: 4 })
  }
  return pen.emit(small, '#ffffff', 0.75 * faint) + pen.emit(large, '#fffbe6', 0.9 * faint)
}

function clouds(stage: Stage, horizon: number): string {
  if (!stage.allows('clouds')) return ''
  const rng = stage.rng.fork('clouds')
  const { weather, width } = stage
  if (weather === 'fog') return ''
  const open =
    stage.wants('aurora') || stage.wants('stars') || stage.wants('comet') || stage.wants('fireworks')
  if (open && !stage.wants('clouds')) return ''
  const heavy = weather === 'cloudy' || weather === 'rain' || weather === 'storm' || weather === 'snow'
  const wanted = stage.wants('clouds')
  const count = heavy ? 9 : wanted ? 6 : stage.night ? 2 : 4
  let out = stage.time === 'day' && !heavy ? '' : streaks(stage, rng, [horizon * 0.25, horizon * 0.85, 7])
  const spots = Array.from({ length: count }, (_, i) => {
    const size = rng.range(0.14, heavy ? 0.42 : 0.3)
    const x = ((i + rng.next()) / count) * width * 1.1 - width * 0.05
    return [x, horizon * rng.range(0.12, heavy ? 0.5 : 0.62), Math.max(220, width) * size] as const
  }).sort((a, b) => b[1] - a[1])
  for (const spot of spots) out += cloud(stage, rng, spot)
  return out
}

function rainbow(stage: Stage, horizon: number): string {
  const { pen, width } = stage
  const colours = ['#f25f5c', '#f79d4b', '#fbe16a', '#7fc97f', '#5aa9e6', '#8a78d6']
  const radius = Math.min(width * 0.46, horizon * 1.02)
  return colours
    .map((colour, i) => {
      const r = radius - i * 13
      const d = `M${n(width / 2 - r)} ${n(horizon + 30)}A${n(r)} ${n(r)} 0 0 1 ${n(width / 2 + r)} ${n(horizon + 30)}L${n(width / 2 + r - 13)} ${n(horizon + 30)}A${n(r - 13)} ${n(r - 13)} 0 0 0 ${n(width / 2 - r + 13)} ${n(horizon + 30)}Z`
      return pen.emit(d, colour, 0.62)
    })
    .join('')
}

function aurora(stage: Stage, horizon: number): string {
  const { pen, width } = stage
  const rng = stage.rng.fork('aurora')
  const colours = ['#4df0b0', '#5ad0f0', '#b27cf5', '#57f0c8']
  return colours
    .map((colour, i) => {
      const base = horizon * (0.34 + i * 0.13)
      const tall = horizon * rng.range(0.22, 0.4)
      const lower: Point[] = []
      for (let k = 0; k <= 8; k++)
        lower.push([
          (k / 8) * width * 1.1 - width * 0.05,
          base + Math.sin(k * 1.1 + i * 2 + rng.next()) * horizon * 0.09,
        ])
      const upper = lower.map(([x, y]): Point => [x + 30, y - tall]).reverse()
      const d = `${curve(lower)}L${curve(upper).slice(1)}Z`
      const paint = pen.gradient(
        [mix(stage.sky[1] ?? colour, colour, 0.02), mix(stage.sky[1] ?? colour, colour, 0.5), colour],
        { raw: true },
      )
      return pen.solid(d, paint, { opacity: 0.6, plain: true })
    })
    .join('')
}

function comet(stage: Stage, horizon: number): string {
  const { pen, width } = stage
  const rng = stage.rng.fork('comet')
  let out = ''
  for (let i = 0; i < 3; i++) {
    const x = width * rng.range(0.2, 0.85)
    const y = horizon * rng.range(0.12, 0.5)
    const length = rng.range(120, 240) * (i === 0 ? 1.4 : 0.7)
    out += pen.emit(
      `M${n(x)} ${n(y)}L${n(x + length)} ${n(y - length * 0.42)}L${n(x + 4)} ${n(y + 5)}Z`,
      '#fdf6da',
      0.6,
    )
    out += pen.glow([x, y, 26], '#ffffff', 0.9) + pen.emit(star([x, y + 2], [12, 4], { tips: 5 }), '#fff8dc')
  }
  return out
}

function lightning(stage: Stage, horizon: number): string {
  const { pen, width } = stage
  const rng = stage.rng.fork('lightning')
  let x = width * rng.range(0.2, 0.8)
  let y = horizon * 0.28
  const glow = pen.glow([x, y, 380], '#cfd8ff', 0.5)
  const left: Point[] = [[x, y]]
  while (y < horizon * 0.98) {
    x += rng.range(-46, 46)
    y += rng.range(30, 70)
    left.push([x, y])
  }
  const right = left.map(([px, py], i): Point => [px + 9 * (1 - i / left.length) + 1.5, py - 8]).reverse()
  const d = `M${[...left, ...right].map(p => `${n(p[0])} ${n(p[1])}`).join('L')}Z`
  return glow + pen.emit(d, '#fffbe0')
}

function fireworks(stage: Stage, horizon: number): string {
  const { pen, width } = stage
  const rng = stage.rng.fork('fireworks')
  const colours = ['#ff6b81', '#ffd166', '#6be6c1', '#8ab6ff', '#f7a1ff']
  let out = ''
  for (let i = 0; i < 6; i++) {
    const [cx, cy] = [width * ((i + rng.range(0.2, 0.8)) / 6), horizon * rng.range(0.14, 0.5)]
    const colour = colours[i % colours.length] ?? '#ffffff'
    const radius = rng.range(70, 130)
    let rays = ''
    for (let k = 0; k < 18; k++) {
      const a = (k / 18) * Math.PI * 2
      const r = radius * rng.range(0.8, 1)
      const [x, y] = [cx + Math.cos(a) * r, cy + Math.sin(a) * r + radius * 0.08]
      rays += `M${n(cx + Math.cos(a) * r * 0.25)} ${n(cy + Math.sin(a) * r * 0.25)}L${n(x - Math.sin(a) * 2)} ${n(y + Math.cos(a) * 2)}L${n(x + Math.sin(a) * 2)} ${n(y - Math.cos(a) * 2)}Z${oval([x, y, 3.4, 3.4])}`
    }
    out += pen.glow([cx, cy, radius * 1.6], colour, 0.4) + pen.emit(rays, lighten(colour, 0.2), 0.95)
  }
  return out
}
