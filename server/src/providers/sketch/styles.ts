// Owns the styles: how shapes are inked, and what happens to the finished pixels.
import { darken, lighten, mix } from './colour.ts'
import { blob, box, n, type Point } from './geometry.ts'
import type { StyleName } from './lexicon.ts'
import type { Ink } from './pen.ts'
import type { Brief } from './prompt.ts'
import type { Rng } from './random.ts'
import type { Mood, Stage } from './stage.ts'
import { repeat } from './subject.ts'

export type Style = { name: StyleName; ink: Ink }

const base: Ink = { kind: 'fill', paper: '#fbf6ea', line: '#2b2438', widthUnits: 3.4, soft: true }

const inks: Readonly<Record<StyleName, Partial<Ink>>> = {
  soft: {},
  flat: { soft: false },
  watercolour: {},
  oil: {},
  pixel: { soft: false },
  line: { kind: 'line', soft: false, widthUnits: 3.2, paper: '#fbf7ee', line: '#2d2a33' },
  comic: { kind: 'comic', soft: false, widthUnits: 5, line: '#1d1626' },
  noir: {},
  neon: { kind: 'neon', soft: false, paper: '#0b0720', line: '#ff4fd8', widthUnits: 3.2 },
  blueprint: { kind: 'blueprint', soft: false, paper: '#17498f', line: '#e6f1ff', widthUnits: 2.4 },
  chalk: { kind: 'chalk', soft: false, paper: '#2b3a38', line: '#f3efe2', widthUnits: 4.2 },
  cut: { kind: 'cut', soft: false },
  poster: { soft: false },
  woodblock: { kind: 'comic', soft: false, widthUnits: 2.6, line: '#2c3550', paper: '#f3e7cd' },
  mosaic: { soft: false },
  sepia: {},
}

/** The style the prompt names, or the soft illustration that is this model's own. */
export function chooseStyle(brief: Brief, _chance: { mood: Mood; rng: Rng }): Style {
  const name = brief.style ?? 'soft'
  return { name, ink: { ...base, ...inks[name] } }
}

/** A sheet with an organic hole in it: its inner edge runs against the outer one. */
function sheetWithHole(
  stage: Stage,
  { inset, rough, salt }: { inset: number; rough: number; salt: number },
): string {
  const { width, height } = stage
  const rng = stage.rng.fork(`mount-${salt}`)
  const points: Point[] = []
  const count = 26
  for (let i = 0; i < count; i++) {
    const a = (-i / count) * Math.PI * 2
    const [c, s] = [Math.cos(a), Math.sin(a)]
    const reach = 1 / Math.max(Math.abs(c), Math.abs(s)) ** 0.82
    const pull = inset + rng.range(0, rough)
    points.push([width / 2 + c * reach * (width / 2 - pull), height / 2 + s * reach * (height / 2 - pull)])
  }
  return `${box([-30, -30, width + 60, height + 60])}${blob(points)}`
}

function drawPaperMount(stage: Stage): string {
  const base = stage.grass[1] ?? '#4f9347'
  const tones = [
    mix(stage.sky[1] ?? '#7fc1ee', '#ffffff', 0.3),
    lighten(stage.haze, 0.35),
    mix(base, stage.sky[0] ?? '#3f93dc', 0.5),
    darken(mix(base, stage.sky[0] ?? '#3f93dc', 0.6), 0.25),
  ]
  return repeat(3, i =>
    stage.pen
      .at({ depth: 0 })
      .solid(sheetWithHole(stage, { inset: 74 - i * 30, rough: 34, salt: i }), tones[i + 1] ?? '#ffffff'),
  )
}

function drawDraughtMount(stage: Stage): string {
  const { width, height, pen } = stage
  let fine = ''
  let bold = ''
  for (let x = 0; x <= width; x += 25) {
    if (x % 125 === 0) bold += `M${n(x)} 0V${n(height)}`
    else fine += `M${n(x)} 0V${n(height)}`
  }
  for (let y = 0; y <= height; y += 25) {
    if (y % 125 === 0) bold += `M0 ${n(y)}H${n(width)}`
    else fine += `M0 ${n(y)}H${n(width)}`
  }
  const [l, t, r, b] = [36, 36, width - 36, height - 36]
  const frame = `M${l} ${t}H${n(r)}V${n(b)}H${l}ZM${l + 9} ${t + 9}H${n(r - 9)}V${n(b - 9)}H${l + 9}Z`
  const block = `M${n(r - 250)} ${n(b - 9)}V${n(b - 100)}H${n(r - 9)}M${n(r - 250)} ${n(b - 70)}H${n(r - 9)}M${n(r - 250)} ${n(b - 40)}H${n(r - 9)}M${n(r - 120)} ${n(b - 100)}V${n(b - 9)}`
  const measure = `M${n(width * 0.2)} ${n(height * 0.93)}H${n(width * 0.6)}M${n(width * 0.2)} ${n(height * 0.92)}v${n(height * 0.02)}M${n(width * 0.6)} ${n(height * 0.92)}v${n(height * 0.02)}`
  const stroke = (d: string, w: number, opacity: number): string =>
    `<path d="${d}" fill="none" stroke="#e6f1ff" stroke-opacity="${opacity}" stroke-width="${w}"/>`
  return (
    stroke(fine, 0.8, 0.13) +
    stroke(bold, 1.2, 0.22) +
    (stage.brief.framing.has('emblem')
      ? ''
      : pen.line(frame, '#e6f1ff', 2.4) + pen.line(block, '#e6f1ff', 1.8) + pen.line(measure, '#e6f1ff', 1.8))
  )
}

function drawPanelMount(stage: Stage): string {
  const { width, height } = stage
  return `<path d="${box([-9, -9, width + 18, height + 18])}M16 16V${n(height - 16)}H${n(width - 16)}V16Z" fill="#fbf8f0"/><path d="M16 16H${n(width - 16)}V${n(height - 16)}H16Z" fill="none" stroke="#1d1626" stroke-width="6"/>`
}

/** What a style puts around or over the picture: paper layers, a draughtsman's grid, a comic's panel. */
export function drawMount(stage: Stage): string {
  const { kind } = stage.pen.ink
  if (kind === 'cut') return drawPaperMount(stage)
  if (kind === 'blueprint') return drawDraughtMount(stage)
  return stage.brief.style === 'comic' ? drawPanelMount(stage) : ''
}
