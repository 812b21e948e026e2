// Owns the natural building blocks of places: ridges, clouds, trees, grass, water. Each returns SVG in units of
// the picture. Many small things of one colour go into one path, which is what keeps drawing fast.
import { darken, lighten, mix } from './colour.ts'
import { curve, disc, n, oval, type Point, place, poly, polyline, taper } from './geometry.ts'
import type { Pen } from './pen.ts'
import { createNoise, type Rng } from './random.ts'
import type { Stage } from './stage.ts'

export type RidgeOptions = {
  y: number
  /** How far it rises and falls, in units. */
  rise: number
  /** Waves over the picture's width. */
  waves: number
  /** Straight edges instead of soft ones. */
  jagged?: boolean
}

/** Heights of a ridge from left to right, a little wider than the picture. */
export function ridgePoints(stage: Stage, rng: Rng, options: RidgeOptions): Point[] {
  const noise = createNoise(rng.int(0, 1e9))
  const count = options.jagged ? 40 : 22
  const points: Point[] = []
  for (let i = -1; i <= count + 1; i++) {
    const t = i / count
    const x = t * options.waves + 0.37
    const h = noise(x, 0.5) + noise(x * 2.3, 7.5) * 0.4 + (options.jagged ? noise(x * 6, 3.5) * 0.22 : 0)
    points.push([t * stage.width, options.y - h * options.rise])
  }
  return points
}

/** The land under a ridge. */
export function landUnder(stage: Stage, points: readonly Point[], jagged = false): string {
  const top = jagged ? polyline(points) : curve(points)
  return `${top}L${n(stage.width * 1.1)} ${n(stage.height + 20)}L${n(-stage.width * 0.1)} ${n(stage.height + 20)}Z`
}

/** The height of a ridge at x. */
export function heightAt(points: readonly Point[], x: number): number {
  for (let i = 1; i < points.length; i++) {
    const a = points[i - 1]
    const b = points[i]
    if (a && b && x <= b[0]) return a[1] + ((b[1] - a[1]) * (x - a[0])) / (b[0] - a[0] || 1)
  }
  return points.at(-1)?.[1] ?? 0
}

/** A closed outline of round bulges through the points, which must run clockwise. */
export function scallop(points: readonly Point[], bulge = 0.56): string {
  const first = points[0] ?? [0, 0]
  let d = `M${n(first[0])} ${n(first[1])}`
  for (let i = 1; i <= points.length; i++) {
    const from = points[i - 1] ?? first
    const to = points[i % points.length] ?? first
    const r = Math.max(1, Math.hypot(to[0] - from[0], to[1] - from[1]) * bulge)
    d += `A${n(r)} ${n(r)} 0 0 1 ${n(to[0])} ${n(to[1])}`
  }
  return `${d}Z`
}

/** A heap of round puffs on a flat base, `w` wide, as one outline. */
export function cloudShape(rng: Rng, [x, y, w]: readonly [number, number, number]): string {
  const count = rng.int(4, 6)
  const tilt = rng.range(-0.5, 0.5)
  const tops: Point[] = []
  for (let i = 0; i <= count; i++) {
    const t = i / count
    const lift = Math.sin(Math.PI * t) ** 0.8 * (1 + tilt * (t - 0.5))
    tops.push([
      x - w / 2 + w * (t + rng.range(-0.03, 0.03)),
      y - w * 0.04 - w * 0.25 * lift * rng.range(0.85, 1.15),
    ])
  }
  const arcs = scallop(tops, 0.54)
  const last = tops[count] ?? [x, y]
  const first = tops[0] ?? [x, y]
  const cut = arcs.slice(0, arcs.lastIndexOf('A'))
  const sag = w * 0.045
  const foot = (t: number): string => n(last[0] + (first[0] - last[0]) * t)
  return `${cut}Q${foot(0)} ${n(y)} ${foot(0.12)} ${n(y + sag * 0.4)}Q${foot(0.3)} ${n(y + sag)} ${foot(0.5)} ${n(y + sag * 0.5)}Q${foot(0.72)} ${n(y + sag * 1.1)} ${foot(0.9)} ${n(y + sag * 0.3)}Q${foot(1)} ${n(y)} ${n(first[0])} ${n(first[1])}Z`
}

/** Cloud from edge to edge, down to the bottom of the picture. */
export function cloudBank(stage: Stage, rng: Rng, { y, size }: { y: number; size: number }): string {
  let d = `M-60 ${n(stage.height + 30)}L-60 ${n(y)}`
  for (let x = -60; x < stage.width + 60; ) {
    const step = size * rng.range(0.9, 2)
    x += step
    const r = step * rng.range(0.52, 0.64)
    d += `A${n(r)} ${n(r)} 0 0 1 ${n(x)} ${n(y + rng.range(-0.3, 0.3) * size)}`
  }
  return `${d}L${n(stage.width + 200)} ${n(stage.height + 30)}Z`
}

export function cloud(stage: Stage, rng: Rng, [x, y, w]: readonly [number, number, number]): string {
  const [top, bottom] = stage.cloud
  const pen = stage.pen
  const body = cloudShape(rng, [x, y, w])
  const filled = pen.ink.kind === 'fill'
  const paint = pen.gradient([top, mix(top, bottom, 0.25), mix(top, bottom, 0.7), bottom], {
    raw: true,
    fade: filled,
  })
  return pen.solid(body, paint, { opacity: 0.93, plain: pen.ink.kind === 'fill' })
}

/** Thin streaks of cloud. */
export function streaks(stage: Stage, rng: Rng, [y0, y1, count]: readonly [number, number, number]): string {
  let d = ''
  for (let i = 0; i < count; i++) {
    const w = stage.width * rng.range(0.14, 0.5)
    const x = rng.range(-0.1, 1) * stage.width
    const y = rng.range(y0, y1)
    d += oval([x, y, w / 2, rng.range(3, 9)])
  }
  return stage.pen.solid(d, stage.cloud[0], { opacity: 0.34, plain: true })
}

/** A leafy tree, standing at x, y. */
export function leafTree(
  pen: Pen,
  rng: Rng,
  { at, height, leaf }: { at: Point; height: number; leaf: string },
): string {
  const p = pen.at({ scale: height / 100 })
  const trunk = p.solid('M-5 0C-3 -18 -4 -30 -3 -46L3 -46C3 -30 4 -18 7 0Z', '#7a5238')
  const branches = p.line('M0 -34L-12 -52M0 -38L13 -55', '#7a5238', 3)
  const puffs = rng.int(8, 10)
  const rim: Point[] = []
  let bright = ''
  for (let i = 0; i < puffs; i++) {
    const a = -Math.PI / 2 + (i / puffs) * Math.PI * 2
    const r = rng.range(0.92, 1.1)
    rim.push([Math.cos(a) * 29 * r, -67 + Math.sin(a) * 26 * r])
    if (Math.sin(a) < 0.1) bright += disc(Math.cos(a) * 17 - 4, -71 + Math.sin(a) * 14, rng.range(6, 10))
  }
  const crown = scallop(rim)
  return place(
    trunk +
      branches +
      p.solid(crown, p.gradient([lighten(leaf, 0.16), leaf, darken(leaf, 0.3)])) +
      p.shade(bright, lighten(leaf, 0.35), 0.35),
    at,
    { scale: height / 100, flip: rng.chance(0.5) },
  )
}

/** A conifer; `snow` lies on its boughs. */
export function pine(
  pen: Pen,
  rng: Rng,
  { at, height, leaf, snow = false }: { at: Point; height: number; leaf: string; snow?: boolean },
): string {
  const p = pen.at({ scale: height / 100 })
  let out = p.solid('M-3 0L-2 -20L2 -20L3 0Z', '#6b4a35')
  const tiers = 4
  for (let i = 0; i < tiers; i++) {
    const y = -10 - i * 19
    const w = 27 - i * 5.5 + rng.range(-1.5, 1.5)
    const top = y - 34 + i * 1.5
    out += p.solid(
      `M0 ${n(top)}C${n(w * 0.25)} ${n(y - 14)} ${n(w * 0.6)} ${n(y - 4)} ${n(w)} ${n(y)}Q${n(w * 0.5)} ${n(y + 5)} 0 ${n(y + 2)}Q${n(-w * 0.5)} ${n(y + 5)} ${n(-w)} ${n(y)}C${n(-w * 0.6)} ${n(y - 4)} ${n(-w * 0.25)} ${n(y - 14)} 0 ${n(top)}Z`,
      mix(leaf, '#ffffff', i * 0.035),
    )
    if (snow) {
      out += p.solid(
        `M0 ${n(top)}C${n(w * 0.2)} ${n(y - 16)} ${n(w * 0.5)} ${n(y - 8)} ${n(w * 0.8)} ${n(y - 3)}Q${n(w * 0.45)} ${n(y - 7)} ${n(w * 0.3)} ${n(y - 4)}Q0 ${n(y - 10)} ${n(-w * 0.35)} ${n(y - 5)}Q${n(-w * 0.5)} ${n(y - 7)} ${n(-w * 0.8)} ${n(y - 3)}C${n(-w * 0.5)} ${n(y - 8)} ${n(-w * 0.2)} ${n(y - 16)} 0 ${n(top)}Z`,
        '#f4f8fb',
        { plain: true },
      )
    }
  }
  return place(out, at, { scale: height / 100 })
}

/** Many far trees along a ridge as one silhouette. */
export function treeLine(
  stage: Stage,
  rng: Rng,
  {
    points,
    height,
    colour,
    depth,
    kind,
  }: { points: readonly Point[]; height: number; colour: string; depth: number; kind: 'pine' | 'leaf' },
): string {
  let d = ''
  const step = height * (kind === 'pine' ? 0.34 : 0.55)
  for (let x = -step; x < stage.width + step; x += step * rng.range(0.6, 1.4)) {
    const y = heightAt(points, x) + height * 0.12
    const h = height * rng.range(0.6, 1.15)
    if (kind === 'pine') {
      const w = h * 0.24
      d += `M${n(x - w)} ${n(y)}L${n(x - w * 0.35)} ${n(y - h * 0.42)}L${n(x - w * 0.62)} ${n(y - h * 0.4)}L${n(x)} ${n(y - h)}L${n(x + w * 0.62)} ${n(y - h * 0.4)}L${n(x + w * 0.35)} ${n(y - h * 0.42)}L${n(x + w)} ${n(y)}Z`
    } else
      d += oval([x, y - h * 0.42, h * 0.4, h * 0.5]) + oval([x + h * 0.25, y - h * 0.25, h * 0.34, h * 0.36])
  }
  return stage.pen.at({ depth }).solid(d, colour, { plain: kind === 'leaf' || stage.pen.ink.kind === 'fill' })
}

/** Blades of grass between two heights; nearer ones are longer. */
export function grass(
  stage: Stage,
  rng: Rng,
  {
    top,
    bottom,
    count,
    colour,
    height,
  }: { top: number; bottom: number; count: number; colour: string; height: number },
): string {
  const outlined = stage.pen.ink.kind !== 'fill' && stage.pen.ink.kind !== 'cut'
  const blades = outlined ? count / 9 : count
  let d = ''
  for (let i = 0; i < blades; i++) {
    const t = rng.next()
    const y = top + (bottom - top) * t
    const x = rng.range(-0.02, 1.02) * stage.width
    const h = height * (0.35 + t * 0.75) * rng.range(0.6, 1.3)
    const lean = h * rng.range(-0.35, 0.35)
    const w = h * 0.09 + 0.6
    d += `M${n(x - w)} ${n(y)}Q${n(x - w + lean * 0.2)} ${n(y - h * 0.5)} ${n(x + lean)} ${n(y - h)}Q${n(x + w + lean * 0.35)} ${n(y - h * 0.5)} ${n(x + w)} ${n(y)}Z`
  }
  return stage.pen.solid(d, colour, { plain: !outlined })
}

/** Blossoms between two heights, in the flowers' colours. */
export function flowers(
  stage: Stage,
  rng: Rng,
  { top, bottom, count, size }: { top: number; bottom: number; count: number; size: number },
): string {
  const petals = stage.flowers.map(() => '')
  let hearts = ''
  let stems = ''
  for (let i = 0; i < count; i++) {
    const t = rng.next()
    const y = top + (bottom - top) * t
    const x = rng.next() * stage.width
    const r = size * (0.3 + t * 0.8) * rng.range(0.7, 1.25)
    const kind = rng.int(0, stage.flowers.length - 1)
    for (let p = 0; p < 5; p++) {
      const a = (p / 5) * Math.PI * 2 + i
      petals[kind] += disc(x + Math.cos(a) * r * 0.62, y - r * 2.6 + Math.sin(a) * r * 0.55, r * 0.5)
    }
    hearts += disc(x, y - r * 2.6, r * 0.34)
    stems += `M${n(x - r * 0.1)} ${n(y)}L${n(x)} ${n(y - r * 2.6)}L${n(x + r * 0.12)} ${n(y)}Z`
  }
  const pen = stage.pen
  const painted = petals
    .map((d, i) => (d ? pen.solid(d, stage.flowers[i] ?? '#ffffff', { plain: true }) : ''))
    .join('')
  return (
    pen.solid(stems, darken(stage.grass[1] ?? '#4f9347', 0.15), { plain: true }) +
    painted +
    pen.solid(hearts, '#f5b93a', { plain: true })
  )
}

/** Glints and ripples on water between two heights, longer when nearer. */
export function ripples(
  stage: Stage,
  rng: Rng,
  {
    top,
    bottom,
    count,
    colour,
    opacity,
  }: { top: number; bottom: number; count: number; colour: string; opacity: number },
): string {
  let d = ''
  for (let i = 0; i < count; i++) {
    const t = rng.next() ** 1.4
    const y = top + (bottom - top) * t
    const w = (14 + t * 110) * rng.range(0.5, 1.3)
    const x = rng.range(-0.05, 1.05) * stage.width
    const h = 0.8 + t * 3.2
    d += `M${n(x - w)} ${n(y)}Q${n(x)} ${n(y - h * 1.8)} ${n(x + w)} ${n(y)}Q${n(x)} ${n(y + h)} ${n(x - w)} ${n(y)}Z`
  }
  return stage.pen.shade(d, colour, opacity)
}

/** The path of light that the sun or the moon leaves on water. */
export function glitter(stage: Stage, rng: Rng, { top, bottom }: { top: number; bottom: number }): string {
  const { orb } = stage
  if (!orb) return ''
  let d = ''
  for (let i = 0; i < 46; i++) {
    const t = (i + rng.next()) / 46
    const y = top + (bottom - top) * t ** 1.25
    const spread = orb.radius * (0.35 + t * 1.2)
    const w = orb.radius * (0.25 + t * 0.75) * rng.range(0.4, 1.2)
    const x = orb.x + rng.range(-1, 1) * spread * 0.8
    const h = 1.2 + t * 4
    d += `M${n(x - w)} ${n(y)}Q${n(x)} ${n(y - h)} ${n(x + w)} ${n(y)}Q${n(x)} ${n(y + h)} ${n(x - w)} ${n(y)}Z`
  }
  return stage.pen.emit(d, lighten(orb.colour, 0.4), 0.55)
}

/** A boulder standing at x, y, `w` wide. */
export function boulder(
  pen: Pen,
  rng: Rng,
  { at, width, colour = '#8d8a92' }: { at: Point; width: number; colour?: string },
): string {
  const p = pen.at({ scale: width / 100 })
  const j = (): number => rng.range(-5, 5)
  const top: Point[] = [
    [-52, 4],
    [-46 + j(), -22 + j()],
    [-20 + j(), -46 + j()],
    [14 + j(), -50 + j()],
    [40 + j(), -28 + j()],
    [53, 4],
  ]
  const body = poly(top)
  const lit = poly([top[1] ?? [0, 0], top[2] ?? [0, 0], top[3] ?? [0, 0], [4, -32], [-24, -20]])
  return place(p.solid(body, colour) + p.shade(lit, lighten(colour, 0.4), 0.5), at, {
    scale: width / 100,
    flip: rng.chance(0.5),
  })
}

/** A palm that leans, standing at x, y. */
export function palm(pen: Pen, rng: Rng, { at, height }: { at: Point; height: number }): string {
  const p = pen.at({ scale: height / 100 })
  const lean = rng.range(10, 22)
  let out = p.solid(
    taper([
      [0, 0, 4],
      [lean * 0.3, -30, 3],
      [lean * 0.8, -62, 2.4],
      [lean, -80, 2],
    ]),
    '#a5784e',
  )
  for (let i = 0; i < 7; i++) {
    const a = Math.PI * (-0.05 - (i / 6) * 0.95)
    const r = rng.range(30, 38)
    const x = lean + Math.cos(a) * r
    const y = -80 + Math.sin(a) * r * 0.45 + 12
    const cx = lean + Math.cos(a) * r * 0.55
    const cy = -86 + Math.sin(a) * r * 0.75
    out += p.solid(
      `M${n(lean)} -80Q${n(cx)} ${n(cy - 5)} ${n(x)} ${n(y)}Q${n(cx)} ${n(cy + 7)} ${n(lean)} -80Z`,
      i % 2 ? '#3f9a56' : '#57b062',
    )
  }
  out += p.solid(disc(lean - 3, -78, 3.2) + disc(lean + 3, -77, 3.2), '#7b4d2c')
  return place(out, at, { scale: height / 100, flip: rng.chance(0.5) })
}
