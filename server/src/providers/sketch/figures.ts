// Owns the drawing of figures where the cast has put them: their looks, what they wear and hold, and what keeps
// them from hanging in the air.
import { drawAccessories } from './accessories.ts'
import { type Actor, castSubjects, halfWidth } from './cast.ts'
import { darken, lighten, mix } from './colour.ts'
import { disc, n, oval, type Point, place, taper } from './geometry.ts'
import { boulder, scallop } from './nature.ts'
import type { Light, Pen } from './pen.ts'
import type { Wish } from './prompt.ts'
import type { Rng } from './random.ts'
import type { Backdrop } from './settings/backdrop.ts'
import type { Stage } from './stage.ts'
import { type Look, repeat, type SettingName } from './subject.ts'

const accents = ['#f2c14e', '#e4572e', '#3c91a8', '#f7f2e8', '#d96f8c']

/** A look, and the names of the parts and traits that the drawing asked it for. */
function makeLook(stage: Stage, wish: Wish, rng: Rng): { look: Look; asked: Set<string> } {
  const natural = rng.pick(wish.subject.colours.length > 0 ? wish.subject.colours : ['#c9754b'])
  const named = wish.colours[0]
  const asked = new Set<string>()
  const look: Look = {
    main: named ?? natural,
    accent: wish.colours[1] ?? stage.brief.palette[0] ?? rng.pick(accents),
    asked: named !== undefined,
    part: (name, fallback) => {
      asked.add(name)
      return wish.parts.get(name) ?? fallback
    },
    has: trait => {
      asked.add(trait)
      return wish.traits.has(trait)
    },
    rng,
    night: stage.night || stage.time === 'dusk',
  }
  return { look, asked }
}

/** Subjects keep more of their own colours than the land does, so that what was asked for can be seen. */
const softened = (light: Light): Light => ({ ...light, amount: light.amount * 0.5 })

function drawBody(stage: Stage, actor: Actor, pen: Pen): string {
  const { wish } = actor
  const { look, asked } = makeLook(stage, wish, stage.rng.fork(`draw-${wish.subject.name}-${actor.copy}`))
  const body = wish.subject.draw(pen, look)
  const { head } = wish.subject
  const worn = head ? drawAccessories(pen, look, { head, traits: wish.traits, own: asked }) : ''
  return body + worn + relatedThings(stage, actor, pen)
}

/** Whole subjects that are worn on the head or held before the body. */
function relatedThings(stage: Stage, actor: Actor, pen: Pen): string {
  const { subject } = actor.wish
  const [hx, hy, hr] = subject.head ?? [0, -80, 16]
  return stage.brief.wishes
    .filter(
      wish =>
        wish.relation?.to === actor.wish &&
        (wish.relation.kind === 'holds' || wish.relation.kind === 'wears'),
    )
    .map((wish, i) => {
      const { look } = makeLook(stage, wish, stage.rng.fork(`with-${wish.subject.name}`))
      const worn = wish.relation?.kind === 'wears' && subject.head !== undefined
      if (wish.relation?.kind === 'wears' && !worn) return ''
      const size = worn ? (hr * 2.1) / wish.subject.width : Math.min(0.4, 46 / wish.subject.width)
      const spot: Point = worn
        ? [hx, hy - hr * 0.62]
        : wish.traits.has('reading') || actor.wish.traits.has('reading')
          ? [0, -16]
          : [subject.width * 0.24 + i * 12, -18]
      return place(wish.subject.draw(pen.at({ scale: (actor.height / 100) * size }), look), spot, {
        scale: size,
      })
    })
    .join('')
}

function drawFigure(stage: Stage, actor: Actor): string {
  const scale = actor.height / 100
  const pen = stage.pen.at({ depth: actor.depth, scale, light: softened(stage.light) })
  return place(drawBody(stage, actor, pen), [actor.x, actor.y], { scale, turn: actor.turn, flip: actor.flip })
}

/** Shadow, islet, ripples, branch or cloud. */
function underFeet(stage: Stage, backdrop: Backdrop, actor: Actor): string {
  if (actor.floats || actor.host) return ''
  const { pen } = stage
  const half = halfWidth(actor)
  const { x, y } = actor
  const wet = actor.wish.subject.habitat === 'water'
  if (stage.says('branch', 'on a branch') && actor.wish === stage.brief.wishes[0]) return branch(stage, actor)
  const afloat = wet && backdrop.water !== null
  if (backdrop.floor === 'water' && !wet) return islet(stage, actor)
  if (afloat) return pen.shade(oval([x, y, half * 1.1, half * 0.1]), '#ffffff', 0.4)
  if (backdrop.floor === 'cloud') return pad(stage, actor)
  if (wet) return pond(stage, actor)
  const lean = stage.orb ? (stage.orb.x > x ? -0.24 : 0.24) * half : 0
  return (
    pen.shade(oval([x + lean, y, half * 1.02, half * 0.15]), backdrop.shadow, 0.34) +
    pen.shade(oval([x + lean * 0.4, y, half * 0.7, half * 0.09]), backdrop.shadow, 0.36)
  )
}

function pad(stage: Stage, { x, y, copy, height, wish }: Actor): string {
  const rng = stage.rng.fork(`pad-${copy}`)
  const w = Math.max(120, (height * wish.subject.width) / 100) * 0.92
  const rim: Point[] = Array.from({ length: 11 }, (_, i) => {
    const a = -Math.PI / 2 + (i / 11) * Math.PI * 2
    return [x + Math.cos(a) * w * rng.range(0.92, 1.05), y + w * 0.22 + Math.sin(a) * w * 0.27]
  })
  return stage.pen.solid(scallop(rim, 0.6), stage.pen.gradient([...stage.cloud], { raw: true }))
}

function branch(stage: Stage, actor: Actor): string {
  const { pen, width } = stage
  const { x, y } = actor
  const left = x < width / 2
  const [from, to] = left ? [-30, x + width * 0.34] : [width + 30, x - width * 0.34]
  const wood = pen.solid(
    taper([
      [from, y + 46, 26],
      [(from + x) / 2, y + 16, 20],
      [x, y + 8, 15],
      [to, y - 26, 5],
    ]),
    pen.gradient(['#7a553c', '#4f3629']),
  )
  const twig = pen.solid(
    taper([
      [(x + to) / 2, y - 6, 6],
      [to + (left ? 10 : -10), y - 92, 2],
    ]),
    '#5d4131',
  )
  const rng = stage.rng.fork('branch')
  const leaves = repeat(13, i => {
    const t = i / 12
    const [lx, ly] = [x + (to - x) * (0.35 + t * 0.72), y - 2 - t * 30 - rng.range(-16, 62)]
    const a = rng.range(-1, 1)
    return pen.solid(
      taper([
        [lx, ly, 2],
        [lx + 16 * Math.cos(a), ly + 16 * Math.sin(a), 9],
        [lx + 34 * Math.cos(a), ly + 34 * Math.sin(a), 1],
      ]),
      rng.pick(stage.leaves),
    )
  })
  return twig + leaves + wood
}

function islet(stage: Stage, actor: Actor): string {
  const { pen } = stage
  const rng = stage.rng.fork(`islet-${actor.copy}`)
  const { x, y } = actor
  const w = halfWidth(actor) * 1.5 + 46
  const h = Math.min(70, w * 0.3)
  const rock = `M${n(x - w)} ${n(y + h)}C${n(x - w * 0.9)} ${n(y + h * 0.3)} ${n(x - w * 0.6)} ${n(y - h * 0.12)} ${n(x - w * 0.3)} ${n(y - 4)}L${n(x + w * 0.3)} ${n(y - 6)}C${n(x + w * 0.6)} ${n(y - h * 0.1)} ${n(x + w * 0.85)} ${n(y + h * 0.35)} ${n(x + w)} ${n(y + h)}Z`
  const turf = `M${n(x - w * 0.62)} ${n(y + h * 0.18)}C${n(x - w * 0.45)} ${n(y - h * 0.2)} ${n(x - w * 0.2)} ${n(y - 8)} ${n(x)} ${n(y - 9)}S${n(x + w * 0.45)} ${n(y - h * 0.2)} ${n(x + w * 0.6)} ${n(y + h * 0.16)}Q${n(x + w * 0.3)} ${n(y + h * 0.3)} ${n(x)} ${n(y + h * 0.14)}T${n(x - w * 0.62)} ${n(y + h * 0.18)}Z`
  const stone = '#7d7a86'
  return (
    pen.solid(rock, pen.gradient([lighten(stone, 0.15), stone, darken(stone, 0.45)])) +
    boulder(pen, rng, { at: [x - w * 0.7, y + h * 0.95], width: w * 0.4, colour: stone }) +
    boulder(pen, rng, { at: [x + w * 0.74, y + h * 0.95], width: w * 0.34, colour: darken(stone, 0.1) }) +
    (actor.wish.subject.name === 'lighthouse' ? '' : pen.solid(turf, stage.grass[1] ?? '#6fb04c')) +
    pen.shade(oval([x, y + h * 1.02, w * 1.12, h * 0.16]), '#ffffff', 0.55)
  )
}

function pond(stage: Stage, actor: Actor): string {
  const { pen } = stage
  const half = halfWidth(actor)
  const [near = '#7cc4d8', mid = '#3a8fb0'] = stage.water
  return (
    pen.solid(oval([actor.x, actor.y, half * 1.5, half * 0.34]), pen.gradient([mid, near], { raw: true })) +
    pen.shade(oval([actor.x - half * 0.2, actor.y - half * 0.06, half * 0.8, half * 0.08]), '#ffffff', 0.4)
  )
}

/** A fish out of water brings its own: a globe of it. */
function globe(stage: Stage, actor: Actor): string {
  const { pen } = stage
  const r = Math.max(actor.height, halfWidth(actor) * 2) * 0.64
  const [x, y] = [actor.x, actor.y - actor.height / 2]
  return (
    pen.solid(disc(x, y, r), mix('#9adcf0', stage.sky[1] ?? '#9adcf0', 0.2), { opacity: 0.55 }) +
    pen.shade(oval([x - r * 0.4, y - r * 0.5, r * 0.28, r * 0.16]), '#ffffff', 0.8)
  )
}

function reflection(stage: Stage, backdrop: Backdrop, actor: Actor): string {
  if (backdrop.water === null || actor.wish.subject.habitat !== 'water' || stage.pen.ink.kind !== 'fill')
    return ''
  const scale = actor.height / 100
  const mid = stage.water[1] ?? '#1f7f9e'
  const pen = stage.pen.at({ scale, depth: 0, light: { tint: mid, amount: 1.3, haze: mid } })
  const sx = actor.flip ? -scale : scale
  return `<g transform="translate(${n(actor.x)} ${n(actor.y)}) scale(${sx.toFixed(4)} ${(-scale * 0.5).toFixed(4)})">${drawBody(stage, actor, pen)}</g>`
}

/** Draws everybody. */
export function drawFigures(stage: Stage, backdrop: Backdrop, setting: SettingName): string {
  return castSubjects(stage, backdrop, setting)
    .map(actor => {
      const dry = actor.wish.subject.habitat === 'under' && setting !== 'underwater'
      return (
        (dry ? globe(stage, actor) : '') +
        underFeet(stage, backdrop, actor) +
        reflection(stage, backdrop, actor) +
        drawFigure(stage, actor)
      )
    })
    .join('')
}
