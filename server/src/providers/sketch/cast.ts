// Owns where subjects stand and how large they are. The first wish is the hero; others give way to it.
import { costumeNames } from './lexicon-subjects.ts'
import type { Wish } from './prompt.ts'
import type { Rng } from './random.ts'
import type { Backdrop } from './settings/backdrop.ts'
import type { Stage } from './stage.ts'
import type { SettingName, Subject } from './subject.ts'

/** One figure in the picture. */
export type Actor = {
  wish: Wish
  /** Which of several, from 0. */
  copy: number
  /** Height in units; x and y are where it stands. */
  height: number
  x: number
  y: number
  /** 0 near to 1 far. */
  depth: number
  /** Degrees. */
  turn: number
  flip: boolean
  floats: boolean
  /** Sits on this one. */
  host: Actor | null
  /** Sits with its legs behind the host, who is drawn over them. */
  astride: boolean
}

// More than this and the picture becomes a carpet.
const MAX_COPIES = 12
const MAX_WISHES = 6
/** From this scale on a secondary subject is scenery that stands behind the hero. */
const SCENERY_SCALE = 1.75

const isFlying = (wish: Wish): boolean =>
  wish.subject.habitat === 'air' ||
  wish.subject.habitat === 'space' ||
  wish.traits.has('flying') ||
  wish.relation?.kind === 'above'

/** Heights are pressed together, as picture books do: a mouse beside a house must still be seen. */
const relativeHeight = (subject: Subject): number => subject.scale ** 0.42

export const halfWidth = (actor: Actor): number => (actor.height * actor.wish.subject.width) / 200

const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value))

function heroHeight(stage: Stage, wish: Wish): number {
  const { width, height, brief } = stage
  const narrow = (wish.subject.width / 100) * Math.min(3, wish.count ** 0.75)
  const vary = stage.rng.fork('hero-size').range(0.94, 1.08)
  const share = brief.framing.has('wide') ? 0.27 : brief.framing.has('minimal') ? 0.42 : 0.53 * vary
  const natural = wish.subject.scale >= 2.2 ? 1.2 : wish.subject.scale < 0.3 ? 0.88 : 1
  return Math.min(height * share * natural, (width * 0.74) / narrow) * clamp(wish.size, 0.7, 1.35)
}

/** Away from the sun or the moon, and off the middle where the picture is wide. */
function chooseFocus(stage: Stage, backdrop: Backdrop, rng: Rng): number {
  if (backdrop.focus !== undefined) return backdrop.focus
  const wide = stage.width / stage.height
  const off = wide > 1.2 ? 0.14 : 0.06
  const away = stage.orb ? (stage.orb.x > stage.width / 2 ? -1 : 1) : rng.chance(0.5) ? 1 : -1
  return 0.5 + away * off * rng.range(0.4, 1)
}

function standOnGround(
  stage: Stage,
  backdrop: Backdrop,
  { actor, rear }: { actor: Actor; rear: number },
): void {
  actor.y = Math.min(stage.height - 30, backdrop.stand + (backdrop.far - backdrop.stand) * rear)
  actor.depth = rear * 0.28
  actor.height *= 1 - rear * 0.4
}

function flyInAir(stage: Stage, backdrop: Backdrop, { actor, rng }: { actor: Actor; rng: Rng }): void {
  const [top, bottom] = backdrop.air
  const room = Math.max(stage.height * 0.3, bottom - top)
  actor.floats = true
  actor.height = Math.min(actor.height, stage.height * 0.56)
  const level = actor.copy === 0 ? 0.6 : rng.range(0.1, 0.9)
  actor.y = clamp(
    top + room * level + actor.height * 0.5,
    actor.height + stage.height * 0.04,
    stage.height * 0.94,
  )
  actor.turn = rng.range(-7, 7)
}

function createCopies(
  stage: Stage,
  backdrop: Backdrop,
  { wish, base, order }: { wish: Wish; base: number; order: number },
): Actor[] {
  const rng = stage.rng.fork(`cast-${order}-${wish.subject.name}`)
  const count = Math.min(MAX_COPIES, wish.count)
  const scenic = order > 0 && wish.subject.scale >= SCENERY_SCALE && wish.relation?.kind !== 'on'
  const weightless =
    backdrop.floor === 'none' && (wish.subject.habitat !== 'ground' || stage.brief.settings.includes('space'))
  return Array.from({ length: count }, (_, copy): Actor => {
    const actor: Actor = {
      wish,
      copy,
      height: base,
      x: 0,
      y: 0,
      depth: 0,
      turn: 0,
      flip: rng.chance(0.5),
      floats: false,
      host: null,
      astride: false,
    }
    actor.height *= copy === 0 ? 1 : rng.range(0.84, 1.04)
    if (isFlying(wish) || weightless || wish.subject.habitat === 'under') {
      flyInAir(stage, backdrop, { actor, rng })
      if (weightless) actor.turn = rng.range(-14, 14)
    } else if (wish.subject.habitat === 'water' && backdrop.water !== null) {
      actor.y = backdrop.water + (copy % 2) * stage.height * -0.03
      if (backdrop.floor !== 'water') actor.height *= 0.6
    } else {
      const row = count > 3 ? (copy % 3) * 0.36 : copy % 2 === 1 ? 0.16 : 0
      standOnGround(stage, backdrop, { actor, rear: scenic ? 0.62 : row })
    }
    return actor
  })
}

function sizeFor(stage: Stage, wish: Wish, { order, hero }: { order: number; hero: Wish }): number {
  const base = heroHeight(stage, hero)
  const crowd = wish.count > 5 ? 0.6 : wish.count > 2 ? 0.76 : wish.count === 2 ? 0.9 : 1
  if (order === 0) return base * crowd
  const scenic = wish.subject.scale >= SCENERY_SCALE && wish.relation?.kind !== 'on'
  const ratio = clamp(relativeHeight(wish.subject) / relativeHeight(hero.subject), 0.34, 1.8)
  const height = scenic ? stage.height * 0.94 : Math.min(base * ratio, stage.height * 0.62)
  const wide = (stage.width * (scenic ? 0.8 : 0.6)) / (wish.subject.width / 100)
  return Math.min(height, wide) * crowd * clamp(wish.size, 0.7, 1.3)
}

function placeRow(stage: Stage, row: readonly Actor[], focus: number): void {
  const [a, b] = row
  if (row.length === 2 && a && b) {
    placePair(stage, [a, b])
    return
  }
  if (row.length > 2) {
    placeByWidth(stage, row)
    return
  }
  if (a) a.x = focus * stage.width
}

/** Many share the width by their own widths; those farther back may be half hidden. */
function placeByWidth(stage: Stage, row: readonly Actor[]): void {
  const shares = row.map(actor => halfWidth(actor) * 2 * (actor.depth > 0 || actor.floats ? 0.74 : 0.92))
  const need = shares.reduce((sum, share) => sum + share, 0)
  const room = stage.width * 0.94
  const shrink = Math.min(1, Math.max(0.55, room / need))
  const gap = Math.max(0, Math.min(stage.width * 0.05, (room - need * shrink) / row.length))
  const total = need * shrink + gap * (row.length - 1)
  let left = (stage.width - Math.min(total, room)) / 2
  const squeeze = Math.min(1, room / total)
  row.forEach((actor, i) => {
    const share = (shares[i] ?? 0) * shrink * squeeze
    actor.height *= shrink
    actor.x = left + share / 2
    left += share + gap * squeeze
  })
}

/** Two who stand together must not hide each other. */
function placePair(stage: Stage, [a, b]: readonly [Actor, Actor]): void {
  const need = (halfWidth(a) + halfWidth(b)) * 2
  const room = stage.width * 0.9
  const shrink = Math.min(1, room / (need * 0.94))
  a.height *= shrink
  b.height *= shrink
  const gap = Math.min(stage.width * 0.06, Math.max(0, room - need * shrink))
  const total = need * shrink * 0.94 + gap
  const left = (stage.width - total) / 2
  a.x = left + halfWidth(a)
  b.x = left + total - halfWidth(b)
}

function keepInside(stage: Stage, actor: Actor): void {
  const half = halfWidth(actor) * 0.9
  actor.x = half * 2 > stage.width ? stage.width / 2 : clamp(actor.x, half, stage.width - half)
  if (actor.floats) actor.y = clamp(actor.y, actor.height + 14, stage.height - 14)
  const room = actor.y - stage.height * 0.03
  const tall = actor.height * (actor.wish.subject.head && actor.wish.traits.size > 0 ? 1.1 : 1)
  if (tall > room) actor.height *= room / tall
}

function placeAcross(stage: Stage, backdrop: Backdrop, actors: readonly Actor[]): void {
  const rng = stage.rng.fork('places')
  const free = actors.filter(actor => !actor.host)
  const scenery = free.filter(actor => actor.depth > 0.16 && actor.wish !== free[0]?.wish)
  const grounded = free.filter(actor => !actor.floats && !scenery.includes(actor))
  const flying = free.filter(actor => actor.floats)
  const focus = chooseFocus(stage, backdrop, rng)
  const crowded = scenery.length > 0 || flying.length > 0
  const aside = grounded.length === 1 && crowded ? (focus < 0.5 ? 0.34 : 0.66) : focus
  placeRow(stage, grounded, grounded.length > 2 ? 0.5 : aside)
  placeRow(stage, scenery, grounded.length === 1 ? 1.02 - aside : 0.5)
  placeRow(stage, flying, grounded.length === 1 && flying.length === 1 ? 1.02 - aside : focus)
}

/** Where a rider sits; things without a seat of their own carry him on top. */
const seatOf = (subject: Subject): readonly [number, number] =>
  subject.seat ?? (subject.name === 'bridge' ? [0, -33] : [0, -96])

/** «A on B» makes the earlier wish the rider of the later one. */
function seatRiders(stage: Stage, backdrop: Backdrop, actors: readonly Actor[]): void {
  for (const host of actors) {
    const { relation } = host.wish
    if (relation?.kind !== 'on' || host.copy !== 0) continue
    const riders = actors.filter(actor => actor.wish === relation.to && actor !== host)
    for (const rider of riders) rider.host = host
    const rider = riders[0]
    if (!rider) continue
    const natural = relativeHeight(rider.wish.subject) / relativeHeight(host.wish.subject)
    const seatHigh = -seatOf(host.wish.subject)[1] / 100
    const room = Math.min(stage.height * 0.8, backdrop.stand - stage.height * 0.05)
    const share = clamp(natural, 0.3, 1.15)
    const widest = (stage.width * 0.86) / (host.wish.subject.width / 100)
    host.height = Math.min(room / (seatHigh + share), widest, stage.height * 0.6)
    host.floats = host.floats && isFlying(host.wish)
    for (const one of riders) one.height = host.height * share * (riders.length > 2 ? 0.7 : 1)
  }
}

/** People on animals sit; animals on animals and everybody on things stand. */
const isAstride = (rider: Actor, host: Actor): boolean =>
  isUpright(rider.wish.subject) && host.wish.subject.seat !== undefined && MOUNTS.has(host.wish.subject.name)

const MOUNTS: ReadonlySet<string> = new Set(
  'horse,unicorn,zebra,deer,elephant,giraffe,cow,sheep,dragon,dinosaur,bear,camel,ostrich,whale,motorbike,bicycle'.split(
    ',',
  ),
)

const PEOPLE: ReadonlySet<string> = new Set([
  ...costumeNames,
  ...'person,man,woman,girl,boy,ballerina,alien,robot,samurai,skeleton'.split(','),
])

const isUpright = ({ name }: Subject): boolean => PEOPLE.has(name)

function settleRiders(actors: readonly Actor[]): void {
  for (const host of actors) {
    const riders = actors.filter(actor => actor.host === host)
    riders.forEach((rider, i) => {
      const [sx, sy] = seatOf(host.wish.subject)
      const k = host.height / 100
      const shift = (i - (riders.length - 1) / 2) * halfWidth(rider) * 1.3
      rider.x = host.x + sx * k * (host.flip ? -1 : 1) + shift
      rider.astride = isAstride(rider, host)
      rider.y = host.y + sy * k + rider.height * (rider.astride ? 0.34 : 0.05)
      rider.floats = false
      rider.turn = 0
      rider.depth = host.depth
    })
  }
}

/** A portrait shows the head large and lets the feet fall out of the picture. */
function framePortrait(stage: Stage, actors: readonly Actor[]): void {
  const hero = actors[0]
  const head = hero?.wish.subject.head
  if (!hero || !head || actors.length > 1) return
  const k = Math.min((stage.height * 0.27) / head[2], (stage.width * 0.34) / head[2])
  hero.height = k * 100
  hero.x = stage.width / 2 - head[0] * k
  hero.y = stage.height * 0.44 - head[1] * k
  hero.floats = true
  hero.turn = 0
  hero.flip = false
}

/** Chooses places for everybody, in the order of drawing: far ones first, riders after their hosts. */
export function castSubjects(stage: Stage, backdrop: Backdrop, setting: SettingName): Actor[] {
  const wishes = stage.brief.wishes
    .slice(0, MAX_WISHES)
    .filter(
      wish =>
        wish.relation?.kind !== 'holds' &&
        (wish.relation?.kind !== 'wears' || !wish.relation.to.subject.head),
    )
  const hero = wishes[0]
  if (!hero) return []
  const actors = wishes.flatMap((wish, order) =>
    createCopies(stage, backdrop, { wish, base: sizeFor(stage, wish, { order, hero }), order }),
  )
  seatRiders(stage, backdrop, actors)
  placeAcross(stage, backdrop, actors)
  for (const actor of actors) if (!actor.host) keepInside(stage, actor)
  settleRiders(actors)
  if (stage.brief.framing.has('portrait') && setting !== 'underwater') framePortrait(stage, actors)
  const order = (actor: Actor): number => (actor.astride ? -1 : actor.host ? 1 : 0)
  return actors.sort(
    (a, b) =>
      order(a) - order(b) || b.depth - a.depth || (a.floats && b.floats ? b.height - a.height : a.y - b.y),
  )
}
