// Owns where subjects stand, how large they are and how they look. The first wish is the hero; others give way.
import { darken, lighten, mix } from './colour.ts'
import { disc, n, oval, type Point, place } from './geometry.ts'
import { boulder, cloudShape } from './nature.ts'
import type { Light, Pen } from './pen.ts'
import type { Brief, Wish } from './prompt.ts'
import type { Rng } from './random.ts'
import type { Backdrop } from './settings/backdrop.ts'
import type { Stage } from './stage.ts'
import type { Look, SettingName, Subject } from './subject.ts'

type Actor = {
  wish: Wish
  copy: number
  /** Height in units. */
  height: number
  x: number
  y: number
  depth: number
  turn: number
  flip: boolean
  floats: boolean
  /** Sits on this one. */
  host: Actor | null
}

export type Cast = { back: string; front: string }

/** Nobody may be so many that the picture becomes a carpet. */
const MAX_COPIES = 12

const isFlying = (wish: Wish): boolean =>
  wish.subject.habitat === 'air' ||
  wish.subject.habitat === 'space' ||
  wish.traits.has('flying') ||
  wish.relation?.kind === 'above'

/** Relative heights are pressed together, as picture books do: a mouse beside a house must still be seen. */
function relativeHeight(subject: Subject): number {
  return subject.scale ** 0.42
}

function heroHeight(stage: Stage, wish: Wish, brief: Brief): number {
  const { width, height } = stage
  const narrow = (wish.subject.width / 100) * Math.min(3, wish.count ** 0.75)
  const share = brief.framing.has('portrait')
    ? 0.82
    : brief.framing.has('wide')
      ? 0.27
      : brief.framing.has('minimal')
        ? 0.4
        : 0.53
  const tallOnes = wish.subject.scale >= 2.2 ? 1.18 : wish.subject.scale < 0.3 ? 0.86 : 1
  return (
    Math.min(height * share * tallOnes, (width * 0.72) / narrow) * Math.min(1.35, Math.max(0.7, wish.size))
  )
}

function makeLook(stage: Stage, wish: Wish, rng: Rng): Look {
  const natural = rng.pick(wish.subject.colours.length > 0 ? wish.subject.colours : ['#c9754b'])
  const asked = wish.colours[0]
  const main = asked ?? natural
  return {
    main,
    accent:
      wish.colours[1] ??
      stage.brief.palette[0] ??
      rng.pick(['#f2c14e', '#e4572e', '#3c91a8', '#f7f2e8', '#d96f8c']),
    asked: asked !== undefined,
    part: (name, fallback) => wish.parts.get(name) ?? fallback,
    has: trait => wish.traits.has(trait),
    rng,
    night: stage.night || stage.time === 'dusk',
  }
}

/** Subjects keep more of their own colours than the land does, so that what was asked for can be seen. */
const softened = (light: Light): Light => ({ ...light, amount: light.amount * 0.52 })

function spread(stage: Stage, count: number, focus: number): number[] {
  if (count === 1) return [focus]
  const span = Math.min(0.76, 0.3 + count * 0.1)
  const middle = Math.max(span / 2 + 0.08, Math.min(1 - span / 2 - 0.08, focus))
  return Array.from(
    { length: count },
    (_, i) =>
      middle -
      span / 2 +
      (span * i) / (count - 1) +
      (i % 2 ? 0.008 : -0.008) * (stage.width > stage.height ? 1 : 2),
  )
}

function chooseFocus(stage: Stage, backdrop: Backdrop, rng: Rng, alone: boolean): number {
  if (backdrop.focus !== undefined) return backdrop.focus
  if (!alone) return 0.5
  const wide = stage.width / stage.height
  const off = wide > 1.2 ? 0.13 : 0.05
  const away = stage.orb ? (stage.orb.x > stage.width / 2 ? -1 : 1) : rng.chance(0.5) ? 1 : -1
  return 0.5 + away * off * rng.range(0.4, 1)
}

function groundActor(stage: Stage, backdrop: Backdrop, actor: Actor, rear: number): void {
  const [stand, far] = [backdrop.stand, backdrop.far]
  actor.y = stand + (far - stand) * rear
  actor.depth = rear * 0.3
  actor.height *= 1 - rear * 0.45
  if (stage.height - actor.y < 30) actor.y = stage.height - 30
}

function airActor(stage: Stage, backdrop: Backdrop, actor: Actor, rng: Rng, order: number): void {
  const [top, bottom] = backdrop.air
  const room = Math.max(stage.height * 0.3, bottom - top)
  actor.floats = true
  actor.height = Math.min(actor.height, stage.height * 0.5)
  const level = order === 0 ? 0.62 : rng.range(0.15, 0.85)
  actor.y = top + room * level + actor.height * 0.5
  actor.y = Math.max(actor.height * 1.06 + stage.height * 0.03, Math.min(stage.height * 0.93, actor.y))
  actor.turn = rng.range(-7, 7)
}

function castCopies(stage: Stage, backdrop: Backdrop, wish: Wish, base: number): Actor[] {
  const rng = stage.rng.fork(`cast-${wish.subject.name}-${wish.colours.join()}`)
  const count = Math.min(MAX_COPIES, wish.count)
  return Array.from({ length: count }, (_, copy): Actor => {
    const actor: Actor = {
      wish,
      copy,
      height: base * (copy === 0 ? 1 : rng.range(0.82, 1.04)),
      x: 0,
      y: 0,
      depth: 0,
      turn: 0,
      flip: rng.chance(0.5),
      floats: false,
      host: null,
    }
    const floating = backdrop.floor === 'none' && wish.subject.habitat !== 'ground'
    if (isFlying(wish) || floating || wish.subject.habitat === 'under')
      airActor(stage, backdrop, actor, rng, copy)
    else
      groundActor(
        stage,
        backdrop,
        actor,
        count > 3 ? (copy % 3) * 0.34 : copy % 2 === 1 && count > 1 ? 0.14 : 0,
      )
    if (
      backdrop.floor === 'none' &&
      wish.subject.habitat === 'ground' &&
      stage.brief.settings.includes('space')
    ) {
      airActor(stage, backdrop, actor, rng, copy)
      actor.turn = rng.range(-16, 16)
    }
    return actor
  })
}

/** Chooses places for everybody. The hero and his company share the foreground, tall things go behind. */
function castAll(stage: Stage, backdrop: Backdrop): Actor[] {
  const wishes = stage.brief.wishes
    .slice(0, 6)
    .filter(wish => wish.relation?.kind !== 'wears' || !wish.relation.to.subject.head)
  const hero = wishes[0]
  if (!hero) return []
  const rng = stage.rng.fork('places')
  const height = heroHeight(stage, hero, stage.brief)
  const actors: Actor[] = []
  for (const [order, wish] of wishes.entries()) {
    const ratio = Math.max(0.34, Math.min(1.7, relativeHeight(wish.subject) / relativeHeight(hero.subject)))
    const base =
      order === 0 ? height : Math.min(height * ratio * Math.min(1.4, wish.size), stage.height * 0.74)
    const copies = castCopies(
      stage,
      backdrop,
      wish,
      wish.count > 1 && order === 0
        ? base * (wish.count > 5 ? 0.62 : 0.8)
        : wish.count > 2
          ? base * 0.72
          : base,
    )
    const host = wish.relation?.kind === 'on' ? undefined : undefined
    if (host) continue
    actors.push(...copies)
  }
  placeAcross(stage, backdrop, actors, rng)
  seatRiders(actors)
  return actors
}

function placeAcross(stage: Stage, backdrop: Backdrop, actors: Actor[], rng: Rng): void {
  const grounded = actors.filter(actor => !actor.floats && !isRider(actor))
  const flying = actors.filter(actor => actor.floats && !isRider(actor))
  const focus = chooseFocus(stage, backdrop, rng, grounded.length + flying.length === 1)
  const across = (group: Actor[], middle: number): void => {
    const places = spread(stage, group.length, middle)
    group.forEach((actor, i) => {
      actor.x = (places[i] ?? 0.5) * stage.width
    })
  }
  across(grounded, flying.length > 0 && grounded.length === 1 ? 0.36 : focus)
  across(flying, grounded.length > 0 && flying.length === 1 ? 0.68 : focus)
  if (grounded.length === 2) fitPair(stage, grounded)
  for (const actor of actors) {
    const half = (actor.height * actor.wish.subject.width) / 200
    actor.x = Math.max(half * 0.85, Math.min(stage.width - half * 0.85, actor.x))
  }
}

/** Two who stand together must not hide each other. */
function fitPair(stage: Stage, pair: Actor[]): void {
  const [a, b] = pair
  if (!a || !b) return
  const half = (actor: Actor): number => (actor.height * actor.wish.subject.width) / 200
  const need = half(a) + half(b)
  const shrink = Math.min(1, (stage.width * 0.86) / need)
  a.height *= shrink
  b.height *= shrink
  const total = need * shrink
  const left = (stage.width - total) / 2
  a.x = left + half(a)
  b.x = left + total - half(b)
  if (b.height > a.height * 1.5) b.y -= stage.height * 0.03
}

const isRider = (actor: Actor): boolean => actor.wish.relation?.kind === 'on' && actor.copy === 0

/** «A on B» makes the earlier wish the rider: it sits where the later one offers a seat, or on top of it. */
function seatRiders(actors: Actor[]): void {
  for (const host of actors) {
    const { relation } = host.wish
    if (relation?.kind !== 'on' || host.copy !== 0) continue
    const rider = actors.find(actor => actor.wish === relation.to && actor.copy === 0)
    if (!rider || rider === host) continue
    rider.host = host
  }
}

function drawActor(stage: Stage, backdrop: Backdrop, actor: Actor): string {
  const rng = stage.rng.fork(`draw-${actor.wish.subject.name}-${actor.copy}`)
  const scale = actor.height / 100
  const pen = stage.pen.at({ depth: actor.depth, scale, light: softened(stage.light) })
  const look = makeLook(stage, actor.wish, rng)
  const body = actor.wish.subject.draw(pen, look) + wornThings(stage, pen, actor)
  const figure = place(body, [actor.x, actor.y], { scale, turn: actor.turn, flip: actor.flip })
  return underFeet(stage, backdrop, actor) + figure
}

function wornThings(stage: Stage, pen: Pen, actor: Actor): string {
  const head = actor.wish.subject.head
  if (!head) return ''
  const [x, y, radius] = head
  return stage.brief.wishes
    .filter(wish => wish.relation?.kind === 'wears' && wish.relation.to === actor.wish)
    .map(wish => {
      const rng = stage.rng.fork(`worn-${wish.subject.name}`)
      const scale = (radius * 2.1) / wish.subject.width
      return place(
        wish.subject.draw(pen.at({ scale: (actor.height / 100) * scale }), makeLook(stage, wish, rng)),
        [x, y - radius * 0.62],
        { scale },
      )
    })
    .join('')
}

/** Shadow, islet, ripples or a cloud: what keeps a figure from hanging in the air. */
function underFeet(stage: Stage, backdrop: Backdrop, actor: Actor): string {
  if (actor.floats || actor.host) return ''
  const { pen } = stage
  const half = (actor.height * actor.wish.subject.width) / 200
  const { x, y } = actor
  const wet = actor.wish.subject.habitat === 'water'
  if (backdrop.floor === 'water' && !wet) return islet(stage, actor, half)
  if (backdrop.floor === 'water') return pen.shade(oval([x, y, half * 1.1, half * 0.12]), '#ffffff', 0.4)
  if (backdrop.floor === 'cloud') {
    const rng = stage.rng.fork(`cloud-${actor.copy}`)
    return pen.solid(
      cloudShape(rng, [x, y + half * 0.34, half * 2.9]),
      pen.gradient([...stage.cloud], { raw: true }),
    )
  }
  const pool = wet ? pond(stage, actor, half) : ''
  const lean = stage.orb ? (stage.orb.x > x ? -0.24 : 0.24) * half : 0
  const shadow =
    pen.shade(oval([x + lean, y, half * 1.02, half * 0.15]), backdrop.shadow, 0.34) +
    pen.shade(oval([x + lean * 0.4, y, half * 0.7, half * 0.09]), backdrop.shadow, 0.36)
  return pool + (wet ? '' : shadow)
}

function islet(stage: Stage, actor: Actor, half: number): string {
  const { pen } = stage
  const rng = stage.rng.fork(`islet-${actor.copy}`)
  const { x, y } = actor
  const w = half * 1.7 + 50
  const h = Math.min(70, w * 0.3)
  const rock = `M${n(x - w)} ${n(y + h)}C${n(x - w * 0.9)} ${n(y + h * 0.3)} ${n(x - w * 0.6)} ${n(y - h * 0.12)} ${n(x - w * 0.3)} ${n(y - 4)}L${n(x + w * 0.3)} ${n(y - 6)}C${n(x + w * 0.6)} ${n(y - h * 0.1)} ${n(x + w * 0.85)} ${n(y + h * 0.35)} ${n(x + w)} ${n(y + h)}Z`
  const turf = `M${n(x - w * 0.62)} ${n(y + h * 0.18)}C${n(x - w * 0.45)} ${n(y - h * 0.2)} ${n(x - w * 0.2)} ${n(y - 8)} ${n(x)} ${n(y - 9)}S${n(x + w * 0.45)} ${n(y - h * 0.2)} ${n(x + w * 0.6)} ${n(y + h * 0.16)}Q${n(x + w * 0.3)} ${n(y + h * 0.3)} ${n(x)} ${n(y + h * 0.14)}T${n(x - w * 0.62)} ${n(y + h * 0.18)}Z`
  const stone = '#7d7a86'
  return (
    pen.solid(rock, pen.gradient([lighten(stone, 0.15), stone, darken(stone, 0.45)])) +
    boulder(pen, rng, { at: [x - w * 0.7, y + h * 0.95], width: w * 0.4, colour: stone }) +
    boulder(pen, rng, { at: [x + w * 0.74, y + h * 0.95], width: w * 0.34, colour: darken(stone, 0.1) }) +
    pen.solid(turf, stage.grass[1] ?? '#6fb04c') +
    pen.shade(oval([x, y + h * 1.02, w * 1.12, h * 0.16]), '#ffffff', 0.55)
  )
}

function pond(stage: Stage, actor: Actor, half: number): string {
  const { pen } = stage
  const [near = '#7cc4d8', mid = '#3a8fb0'] = stage.water
  return (
    pen.solid(oval([actor.x, actor.y, half * 1.5, half * 0.34]), pen.gradient([mid, near], { raw: true })) +
    pen.shade(oval([actor.x - half * 0.2, actor.y - half * 0.06, half * 0.8, half * 0.08]), '#ffffff', 0.4)
  )
}

/** A fish out of water brings its own: a globe of it. */
function globe(stage: Stage, actor: Actor): string {
  const { pen } = stage
  const r = Math.max(actor.height, (actor.height * actor.wish.subject.width) / 100) * 0.66
  const [x, y] = [actor.x, actor.y - actor.height / 2]
  return (
    pen.solid(disc(x, y, r), mix('#9adcf0', stage.sky[1] ?? '#9adcf0', 0.2), { opacity: 0.55 }) +
    pen.shade(oval([x - r * 0.4, y - r * 0.5, r * 0.28, r * 0.16]), '#ffffff', 0.8)
  )
}

function reflect(stage: Stage, backdrop: Backdrop, actor: Actor): string {
  if (backdrop.floor !== 'water' || actor.wish.subject.habitat !== 'water' || stage.pen.ink.kind !== 'fill')
    return ''
  const rng = stage.rng.fork(`draw-${actor.wish.subject.name}-${actor.copy}`)
  const scale = actor.height / 100
  const mid = stage.water[1] ?? '#1f7f9e'
  const pen = stage.pen.at({ scale, depth: 0, light: { tint: mid, amount: 0.95, haze: mid } })
  const body = actor.wish.subject.draw(pen, makeLook(stage, actor.wish, rng))
  const sx = actor.flip ? -scale : scale
  return `<g transform="translate(${n(actor.x)} ${n(actor.y)}) scale(${sx.toFixed(4)} ${(-scale * 0.5).toFixed(4)})">${body}</g>`
}

/** Draws everybody, far ones first. */
export function drawCast(stage: Stage, backdrop: Backdrop, setting: SettingName): Cast {
  const actors = castAll(stage, backdrop)
  for (const actor of actors) {
    if (!actor.host) continue
    const host = actor.host
    const seat: Point = host.wish.subject.seat ?? [0, -92]
    const k = host.height / 100
    actor.height = Math.min(actor.height, host.height * 0.95)
    actor.x = host.x + seat[0] * k * (host.flip ? -1 : 1)
    actor.y = host.y + seat[1] * k + actor.height * 0.06
    actor.floats = false
    actor.turn = 0
    actor.depth = host.depth
  }
  const order = [...actors].sort(
    (a, b) => Number(a.host !== null) - Number(b.host !== null) || b.depth - a.depth || a.y - b.y,
  )
  const out = order.map(actor => {
    const dry = actor.wish.subject.habitat === 'under' && setting !== 'underwater'
    const bubble = dry ? globe(stage, actor) : ''
    return bubble + reflect(stage, backdrop, actor) + drawActor(stage, backdrop, actor)
  })
  return { back: out.join(''), front: '' }
}
