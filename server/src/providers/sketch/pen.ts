// Owns how a shape becomes SVG: light, distance and the style's ink are applied here, so that subjects only say
// which outline has which natural colour. Opacity is set on fills, never on groups, because layers cost time.
import { darken, lighten, luminance, mix } from './colour.ts'
import { n } from './geometry.ts'
import type { Rng } from './random.ts'

/** How light and air change a natural colour. */
export type Light = {
  tint: string
  /** 0 to 1: how far colours move to the tint. */
  amount: number
  /** What far things fade into. */
  haze: string
}

/** How the style puts down shapes. */
export type Ink = {
  /** fill = shapes alone; the others draw outlines too. */
  kind: 'fill' | 'line' | 'comic' | 'blueprint' | 'neon' | 'chalk' | 'cut'
  /** The sheet under line styles. */
  paper: string
  line: string
  /** Outline width at the picture's own scale, where the short side is 1000. */
  widthUnits: number
  /** Gives volume to shapes with a soft gradient. */
  soft: boolean
}

export type Paint = { readonly paint: string; readonly flat: string }

export type Pen = {
  readonly rng: Rng
  readonly ink: Ink
  /** 0 = few details, 1 = usual, 2 = rich. */
  readonly detail: number
  /** A shape of a natural colour or a gradient. */
  solid(d: string, colour: string | Paint, options?: { opacity?: number; plain?: boolean }): string
  /** A translucent overlay without outline: shadow, blush, shine. Left out in pure line styles. */
  shade(d: string, colour: string, opacity: number): string
  line(d: string, colour: string, width: number): string
  /** Something that shines by itself: light and distance leave its colour alone. */
  emit(d: string, colour: string, opacity?: number): string
  /** A soft round glow: x, y, radius. */
  glow(spot: readonly [number, number, number], colour: string, opacity: number): string
  /** From top to bottom, or from left to right with `across`; `fade` lets the last colour vanish. */
  gradient(stops: readonly string[], options?: { across?: boolean; raw?: boolean; fade?: boolean }): Paint
  /** What a natural colour looks like in this light. */
  tone(colour: string): string
  /** A pen for something at a distance (0 near, 1 far), at a scale and in another light. */
  at(change: { depth?: number; scale?: number; light?: Light }): Pen
  /** Definitions collected so far. */
  defs(): string
}

export type PenOptions = { rng: Rng; ink: Ink; light: Light; detail: number; spots: ReadonlySet<string> }

type Shared = PenOptions & { store: Map<string, string> }

const attribute = (opacity: number | undefined): string =>
  opacity === undefined || opacity >= 1 ? '' : ` fill-opacity="${n(opacity)}"`

function define(shared: Shared, body: (id: string) => string): string {
  const key = body('?')
  const known = shared.store.get(key)
  if (known !== undefined) return known
  const id = `d${shared.store.size}`
  shared.store.set(key, id)
  return id
}

function stopsOf(colours: readonly string[]): string {
  const last = Math.max(1, colours.length - 1)
  return colours.map((c, i) => `<stop offset="${n(i / last)}" stop-color="${c}"/>`).join('')
}

function fadingStopsOf(colours: readonly string[]): string {
  const last = colours.length - 1
  return colours
    .map(
      (c, i) =>
        `<stop offset="${n(i / Math.max(1, last))}" stop-color="${c}"${i === last ? ' stop-opacity="0"' : ''}/>`,
    )
    .join('')
}

/** Line styles replace a fill; `raw` is the natural colour, `toned` the lit one. */
function fillOf(shared: Shared, raw: string, toned: string): string {
  const { ink, spots } = shared
  if (ink.kind === 'line') return mix(ink.paper, raw, spots.has(raw) ? 0.72 : 0.05)
  if (ink.kind === 'chalk') return mix(ink.paper, raw, spots.has(raw) ? 0.6 : 0.1)
  if (ink.kind === 'blueprint') return mix(ink.paper, lighten(raw, 0.3), 0.07 + luminance(raw) * 0.06)
  if (ink.kind === 'neon') return mix(ink.paper, raw, 0.14)
  return toned
}

function strokeOf(shared: Shared, raw: string): string {
  const { ink } = shared
  if (ink.kind === 'neon') {
    const bright = luminance(raw) < 0.3 ? mix(raw, '#7a5cff', 0.7) : raw
    return lighten(bright, 0.15)
  }
  return ink.line
}

function outline(shared: Shared, scale: number): (d: string, raw: string, fade: number) => string {
  const { ink } = shared
  const width = ink.widthUnits / scale
  return (d, raw, fade) => {
    const stroke = mix(strokeOf(shared, raw), ink.paper, fade)
    const join = 'fill="none" stroke-linejoin="round" stroke-linecap="round"'
    const core = `<path d="${d}" ${join} stroke="${stroke}" stroke-width="${n(width)}"/>`
    if (ink.kind !== 'neon') return core
    return `<path d="${d}" ${join} stroke="${stroke}" stroke-opacity="0.16" stroke-width="${n(width * 5)}"/><path d="${d}" ${join} stroke="${stroke}" stroke-opacity="0.3" stroke-width="${n(width * 2.4)}"/><path d="${d}" ${join} stroke="${lighten(stroke, 0.35)}" stroke-width="${n(width)}"/>`
  }
}

function createTone(light: Light, depth: number): (colour: string) => string {
  const amount = light.amount * (0.55 + Math.min(1, depth) * 0.45)
  return colour => mix(mix(colour, light.tint, amount), light.haze, Math.min(0.94, depth * 0.85))
}

function createSolid(shared: Shared, scale: number, depth: number): Pen['solid'] {
  const { ink } = shared
  const tone = createTone(shared.light, depth)
  const draw = outline(shared, scale)
  const outlined = ink.kind !== 'fill' && ink.kind !== 'cut'
  return (d, colour, options = {}) => {
    const raw = typeof colour === 'string' ? colour : colour.flat
    const toned = typeof colour === 'string' ? tone(colour) : colour.paint
    let fill = fillOf(shared, raw, toned)
    if (ink.soft && typeof colour === 'string' && !options.plain) {
      const stops = stopsOf([lighten(toned, 0.09), toned, darken(toned, 0.13)])
      const body = (id: string): string =>
        `<linearGradient id="${id}" x1="0.15" y1="0" x2="0.6" y2="1">${stops}</linearGradient>`
      fill = `url(#${define(shared, body)})`
    }
    const shape = `<path d="${d}" fill="${fill}"${attribute(options.opacity)}/>`
    if (options.plain) return shape
    if (ink.kind === 'cut') {
      const drop = n(5 / scale)
      return `<path d="${d}" fill="#1a1030" fill-opacity="0.1" transform="translate(${n(3 / scale)} ${n(9 / scale)})"/><path d="${d}" fill="#1a1030" fill-opacity="0.16" transform="translate(${n(1.5 / scale)} ${drop})"/>${shape}`
    }
    return outlined ? shape + draw(d, raw, Math.min(0.75, depth * 0.8)) : shape
  }
}

function createLine(shared: Shared, tone: (c: string) => string, depth: number): Pen['line'] {
  const { ink } = shared
  const fade = Math.min(0.75, depth * 0.8)
  return (d, colour, width) => {
    const drawn = ink.kind === 'fill' || ink.kind === 'cut' || ink.kind === 'comic'
    const stroke = drawn ? tone(colour) : mix(strokeOf(shared, colour), ink.paper, fade)
    return `<path d="${d}" fill="none" stroke="${stroke}" stroke-width="${n(width)}" stroke-linecap="round" stroke-linejoin="round"/>`
  }
}

function createPenAt(shared: Shared, scale: number, depth: number): Pen {
  const { ink } = shared
  const tone = createTone(shared.light, depth)
  const bare = ink.kind === 'line' || ink.kind === 'blueprint' || ink.kind === 'chalk'
  return {
    rng: shared.rng,
    ink,
    detail: shared.detail,
    tone,
    solid: createSolid(shared, scale, depth),
    line: createLine(shared, tone, depth),
    shade: (d, colour, opacity) =>
      bare ? '' : `<path d="${d}" fill="${tone(colour)}"${attribute(opacity)}/>`,
    emit: (d, colour, opacity) =>
      bare
        ? `<path d="${d}" fill="${mix(ink.paper, colour, shared.spots.has(colour) ? 0.8 : 0.25)}"/>`
        : `<path d="${d}" fill="${colour}"${attribute(opacity)}/>`,
    glow: ([x, y, radius], colour, opacity) => {
      if (bare || opacity <= 0) return ''
      const body = (id: string): string =>
        `<radialGradient id="${id}"><stop offset="0" stop-color="${colour}" stop-opacity="${n(opacity)}"/><stop offset="0.45" stop-color="${colour}" stop-opacity="${n(opacity * 0.36)}"/><stop offset="1" stop-color="${colour}" stop-opacity="0"/></radialGradient>`
      return `<circle cx="${n(x)}" cy="${n(y)}" r="${n(radius)}" fill="url(#${define(shared, body)})"/>`
    },
    gradient: (stops, options = {}) => {
      const lit = options.raw ? stops : stops.map(tone)
      const flat = stops[Math.floor(stops.length / 2)] ?? '#888888'
      const mapped = lit.map((c, i) => fillOf(shared, stops[i] ?? c, c))
      const axis = options.across ? 'x1="0" y1="0" x2="1" y2="0"' : 'x1="0" y1="0" x2="0" y2="1"'
      const body = (id: string): string =>
        `<linearGradient id="${id}" ${axis}>${options.fade ? fadingStopsOf(mapped) : stopsOf(mapped)}</linearGradient>`
      return { paint: `url(#${define(shared, body)})`, flat }
    },
    at: change => {
      const lit = change.light ? { ...shared, light: change.light } : shared
      return createPenAt(lit, change.scale ?? scale, change.depth ?? depth)
    },
    defs: () => [...shared.store].map(([body, id]) => body.replace('id="?"', `id="${id}"`)).join(''),
  }
}

/** A pen for one picture. */
export function createPen(options: PenOptions): Pen {
  return createPenAt({ ...options, store: new Map() }, 1, 0)
}
