// Owns what towns are made of: skylines, signs, lamps, wet ground and passers-by.
import { darken, lighten, mix } from '../colour.ts'
import { box, disc, n, oval, type Point, place, poly } from '../geometry.ts'
import type { Rng } from '../random.ts'
import type { Stage } from '../stage.ts'
import { repeat } from '../subject.ts'

export const neon = ['#ff3fa4', '#27e0ff', '#b15cff', '#ffd23f', '#39ff9c'] as const

export const isLit = (stage: Stage): boolean =>
  stage.night || stage.time === 'dusk' || stage.time === 'sunset'

export function neonSigns(
  stage: Stage,
  rng: Rng,
  { top, bottom, count }: { top: number; bottom: number; count: number },
): string {
  return repeat(count, i => {
    const colour = neon[i % neon.length] ?? '#ff3fa4'
    const left = i % 2 === 0
    const x = stage.width * (left ? rng.range(0.01, 0.24) : rng.range(0.72, 0.94))
    const y = rng.range(top, bottom)
    const [w, h] = rng.chance(0.6)
      ? [rng.range(26, 44), rng.range(90, 190)]
      : [rng.range(80, 130), rng.range(34, 56)]
    let glyphs = ''
    const across = w > h
    const signs = Math.max(2, Math.floor((across ? w : h) / 34))
    for (let k = 0; k < signs; k++) {
      const [gx, gy] = across
        ? [x + 10 + (k * (w - 14)) / signs, y + h * 0.26]
        : [x + w * 0.22, y + 8 + (k * (h - 12)) / signs]
      const s = Math.min(w, h) * 0.5
      glyphs += `M${n(gx)} ${n(gy)}h${n(s)}v${n(s * 0.2)}h${n(-s)}Z`
      glyphs += rng
        .pick([
          [[0.4, 0, 0.2, 0.9]],
          [
            [0, 0.45, 1, 0.18],
            [0.1, 0, 0.18, 0.85],
          ],
          [
            [0, 0, 0.2, 0.9],
            [0.8, 0, 0.2, 0.9],
            [0, 0.72, 1, 0.18],
          ],
          [
            [0.1, 0.36, 0.8, 0.16],
            [0, 0.74, 1, 0.16],
            [0.4, 0, 0.18, 0.9],
          ],
          [
            [0.8, 0, 0.2, 0.9],
            [0.1, 0.4, 0.5, 0.16],
          ],
        ])
        .map(([bx = 0, by = 0, bw = 0, bh = 0]) => box([gx + bx * s, gy + by * s, bw * s, bh * s]))
        .join('')
    }
    const { pen } = stage
    return (
      pen.glow([x + w / 2, y + h / 2, Math.max(w, h) * 1.5], colour, 0.6) +
      pen.emit(box([x, y, w, h], 7), '#160a2a', 0.94) +
      pen.line(box([x + 2.5, y + 2.5, w - 5, h - 5], 6), colour, 3.4) +
      pen.emit(glyphs, lighten(colour, 0.35))
    )
  })
}

/** Passers-by under umbrellas, where the prompt names nobody. */
export function walkers(
  stage: Stage,
  rng: Rng,
  spots: readonly (readonly [number, number, number])[],
): string {
  if (stage.brief.wishes.length > 0 || !stage.allows('people')) return ''
  const hues = stage.wants('neonlights') ? neon : ['#d9433f', '#f2b134', '#3a7ca5', '#7a9e7e', '#b56576']
  const wet = stage.weather === 'rain' || stage.weather === 'storm' || stage.weather === 'snow'
  return spots
    .map(([x, y, height], i) => {
      const pen = stage.pen.at({ scale: height / 100 })
      const coat = stage.wants('neonlights')
        ? '#1b1438'
        : rng.pick(['#3a3f58', '#5a4a5f', '#7a4b3f', '#2f4a4f'])
      const hue = hues[i % hues.length] ?? '#d9433f'
      const step = rng.range(2, 5)
      const legs = pen.solid(
        `M-5 -26L${n(-5 - step)} 0H${n(-1 - step)}L0 -26ZM1 -26L${n(2 + step)} 0H${n(6 + step)}L6 -26Z`,
        darken(coat, 0.4),
      )
      const body =
        pen.solid('M-9 -64Q0 -70 9 -64L13 -22Q0 -16 -13 -22Z', coat) + pen.solid(disc(0, -73, 7.4), '#3a2a30')
      const shield = 'M-30 -82A30 27 0 0 1 30 -82Q22 -88 15 -82Q7 -88 0 -82Q-7 -88 -15 -82Q-22 -88 -30 -82Z'
      const umbrella = wet
        ? pen.line('M8 -46L2 -108', '#2a2233', 1.8) +
          pen.solid(shield, hue) +
          pen.shade('M-30 -82A30 27 0 0 1 -4 -108Q-14 -98 -15 -82Q-22 -88 -30 -82Z', '#ffffff', 0.22)
        : ''
      const shadow =
        stage.pen.shade(oval([0, 0, 20, 3.4]), '#120e24', 0.5) +
        (wet ? stage.pen.emit(oval([0, 9, 15, 7]), hue, 0.28) : '')
      return place(shadow + legs + body + umbrella, [x, y], {
        scale: height / 100,
        flip: rng.chance(0.5),
      })
    })
    .join('')
}

/** Coloured light lying on wet ground. */
export function wetGround(stage: Stage, rng: Rng, top: number): string {
  const wet = stage.weather === 'rain' || stage.weather === 'storm' || stage.wants('neonlights')
  if (!wet) return ''
  const hues = stage.wants('neonlights') ? neon : ['#ffd98a', '#cfe2f5', '#ffe7b8']
  return repeat(46, i => {
    const t = rng.next()
    const y = top + (stage.height - top) * t
    const [x, w, h] = [rng.next() * stage.width, rng.range(20, 90) * (0.4 + t), rng.range(2, 7) * (0.6 + t)]
    return stage.pen.emit(oval([x, y, w, h]), hues[i % hues.length] ?? '#ffd98a', 0.26)
  })
}

export function lampPost(
  stage: Stage,
  { at: [x, y], height, flip }: { at: Point; height: number; flip: boolean },
): string {
  const { pen } = stage
  const s = flip ? -1 : 1
  const k = height / 100
  const lit = isLit(stage)
  const head: Point = [x + s * 14 * k, y - 88 * k]
  return (
    pen.solid(
      box([x - 1.3 * k, y - 94 * k, 2.6 * k, 94 * k]) + box([x - 3.4 * k, y - 6 * k, 6.8 * k, 6 * k], k),
      '#2f3040',
    ) +
    pen.line(
      `M${n(x)} ${n(y - 92 * k)}Q${n(x + s * 6 * k)} ${n(y - 101 * k)} ${n(head[0])} ${n(head[1] - 6 * k)}`,
      '#2f3040',
      1.8 * k,
    ) +
    (lit ? pen.glow([head[0], head[1], 46 * k], '#ffd27a', 0.75) : '') +
    pen.solid(
      poly([
        [head[0] - 5 * k, head[1] - 5 * k],
        [head[0] + 5 * k, head[1] - 5 * k],
        [head[0] + 3 * k, head[1] + 5 * k],
        [head[0] - 3 * k, head[1] + 5 * k],
      ]),
      lit ? '#fff0bd' : '#dfe9ee',
      { plain: lit },
    ) +
    pen.solid(
      poly([
        [head[0] - 6 * k, head[1] - 5 * k],
        [head[0], head[1] - 9 * k],
        [head[0] + 6 * k, head[1] - 5 * k],
      ]),
      '#2f3040',
    )
  )
}

export type Block = { x: number; w: number; h: number }

export function blocks(stage: Stage, rng: Rng, tall: number): Block[] {
  const list: Block[] = []
  for (let x = -40; x < stage.width + 40; ) {
    const w = rng.range(54, 120)
    const middle = 1 - Math.abs(x / stage.width - 0.5) * 0.7
    list.push({ x, w, h: tall * rng.range(0.4, 1) * middle })
    x += w + rng.range(-10, 6)
  }
  return list
}

export function roofOf({ x, w }: Block, top: number, rng: Rng): string {
  switch (rng.int(0, 4)) {
    case 0:
      return poly([
        [x + w * 0.2, top],
        [x + w * 0.5, top - w * 0.5],
        [x + w * 0.8, top],
      ])
    case 1:
      return box([x + w * 0.2, top - 18, w * 0.6, 20]) + box([x + w * 0.46, top - 80, w * 0.06, 66])
    case 2:
      return `M${n(x)} ${n(top + 2)}A${n(w / 2)} ${n(w * 0.4)} 0 0 1 ${n(x + w)} ${n(top + 2)}Z`
    case 3:
      return poly([
        [x, top + 1],
        [x, top - 30],
        [x + w, top + 1],
      ])
    default:
      return box([x + w * 0.12, top - 12, w * 0.3, 14])
  }
}

export function skyline(
  stage: Stage,
  { base, tall, depth, colour }: { base: number; tall: number; depth: number; colour: string },
): string {
  const rng = stage.rng.fork(`skyline${depth}`)
  const pen = stage.pen.at({ depth })
  const lit = isLit(stage)
  let [shape, shadow, bright, dull] = ['', '', '', '']
  for (const block of blocks(stage, rng, tall)) {
    const top = base - block.h
    shape += box([block.x, top, block.w, block.h + 60]) + roofOf(block, top, rng)
    shadow += box([block.x + block.w * 0.7, top, block.w * 0.3, block.h + 60])
    if (depth > 0.6) continue
    const step = rng.pick([17, 20, 24])
    for (let y = top + 14; y < base - 8; y += step * 1.15) {
      for (let x = block.x + 9; x < block.x + block.w - 12; x += step) {
        const pane = box([x, y, step * 0.52, step * 0.62])
        if (lit && rng.chance(0.46)) bright += pane
        else if (rng.chance(0.75)) dull += pane
      }
    }
  }
  const plain = { plain: pen.ink.kind === 'fill' }
  return (
    pen.solid(shape, pen.gradient([colour, mix(colour, stage.haze, 0.35)]), plain) +
    pen.shade(shadow, darken(colour, 0.4), 0.28) +
    pen.shade(dull, lit ? darken(colour, 0.4) : mix(colour, '#dff0fa', 0.6), 0.7) +
    pen.emit(bright, depth > 0.3 ? '#ffd98a' : '#ffe7a3', 0.92)
  )
}
