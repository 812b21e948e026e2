// Owns the outlines: functions that return SVG path data for shapes, curves and limbs. No colour here.

export type Point = readonly [number, number]
/** A place on a limb: x, y and half the width there. */
export type Joint = readonly [number, number, number]
export type Quad = readonly [number, number, number, number]

/** A number as short SVG text: at most two decimals. */
export const n = (value: number): string => String(Math.round(value * 100) / 100)

const at = (point: Point): string => `${n(point[0])} ${n(point[1])}`

/** An ellipse given as centre and radii. */
export function oval([cx, cy, rx, ry]: Quad): string {
  return `M${n(cx - rx)} ${n(cy)}a${n(rx)} ${n(ry)} 0 1 0 ${n(rx * 2)} 0a${n(rx)} ${n(ry)} 0 1 0 ${n(-rx * 2)} 0Z`
}

export const disc = (x: number, y: number, radius: number): string => oval([x, y, radius, radius])

/** A rectangle given as left, top, width, height, with rounded corners. */
export function box([x, y, w, h]: Quad, radius = 0): string {
  const r = Math.max(0, Math.min(radius, w / 2, h / 2))
  if (r === 0) return `M${n(x)} ${n(y)}h${n(w)}v${n(h)}h${n(-w)}Z`
  const arc = (dx: number, dy: number): string => `a${n(r)} ${n(r)} 0 0 1 ${n(dx)} ${n(dy)}`
  return `M${n(x + r)} ${n(y)}h${n(w - 2 * r)}${arc(r, r)}v${n(h - 2 * r)}${arc(-r, r)}h${n(2 * r - w)}${arc(-r, -r)}v${n(2 * r - h)}${arc(r, -r)}Z`
}

export function poly(points: readonly Point[]): string {
  return `M${points.map(at).join('L')}Z`
}

export function polyline(points: readonly Point[]): string {
  return `M${points.map(at).join('L')}`
}

/** The same path seen in a mirror at x = 0, for tapers and blobs given as points. */
export const mirror = <P extends Point | Joint>(points: readonly P[]): P[] =>
  points.map(p => [-p[0], ...p.slice(1)] as unknown as P)

function smooth(points: readonly Point[], closed: boolean): string {
  const count = points.length
  const get = (i: number): Point => {
    const index = closed ? (i + count) % count : Math.max(0, Math.min(count - 1, i))
    return points[index] ?? [0, 0]
  }
  let d = `M${at(get(0))}`
  const last = closed ? count : count - 1
  for (let i = 0; i < last; i++) {
    const [p0, p1, p2, p3] = [get(i - 1), get(i), get(i + 1), get(i + 2)]
    const c1: Point = [p1[0] + (p2[0] - p0[0]) / 6, p1[1] + (p2[1] - p0[1]) / 6]
    const c2: Point = [p2[0] - (p3[0] - p1[0]) / 6, p2[1] - (p3[1] - p1[1]) / 6]
    d += `C${at(c1)} ${at(c2)} ${at(p2)}`
  }
  return closed ? `${d}Z` : d
}

/** A smooth closed shape through the points. */
export const blob = (points: readonly Point[]): string => smooth(points, true)

/** A smooth open line through the points. */
export const curve = (points: readonly Point[]): string => smooth(points, false)

/** A limb: a smooth outline around a spine whose half width changes from joint to joint. Round ends. */
export function taper(joints: readonly Joint[]): string {
  const left: Point[] = []
  const right: Point[] = []
  const count = joints.length
  const get = (i: number): Joint => joints[Math.max(0, Math.min(count - 1, i))] ?? [0, 0, 1]
  for (let i = 0; i < count; i++) {
    const [a, b] = [get(i - 1), get(i + 1)]
    const length = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1
    const dx = (b[0] - a[0]) / length
    const dy = (b[1] - a[1]) / length
    const [x, y, w] = get(i)
    if (i === 0) left.push([x - dx * w * 0.9, y - dy * w * 0.9])
    left.push([x - dy * w, y + dx * w])
    right.unshift([x + dy * w, y - dx * w])
    if (i === count - 1) left.push([x + dx * w * 0.9, y + dy * w * 0.9])
  }
  return blob([...left, ...right])
}

/** A star or a burst: `points` tips at `outer`, valleys at `inner`, around x, y. */
export function star(
  [x, y]: Point,
  [outer, inner]: Point,
  { tips = 5, turn = -Math.PI / 2 }: { tips?: number; turn?: number } = {},
): string {
  const points: Point[] = []
  for (let i = 0; i < tips * 2; i++) {
    const radius = i % 2 === 0 ? outer : inner
    const angle = turn + (i * Math.PI) / tips
    points.push([x + Math.cos(angle) * radius, y + Math.sin(angle) * radius])
  }
  return poly(points)
}

/** A heart of the given width, its centre at x, y. */
export function heart(x: number, y: number, width: number): string {
  const u = width / 2
  return `M${n(x)} ${n(y + u * 0.95)}C${n(x - u * 1.5)} ${n(y - u * 0.1)} ${n(x - u * 0.8)} ${n(y - u * 1.15)} ${n(x)} ${n(y - u * 0.4)}C${n(x + u * 0.8)} ${n(y - u * 1.15)} ${n(x + u * 1.5)} ${n(y - u * 0.1)} ${n(x)} ${n(y + u * 0.95)}Z`
}

/** Moves, scales and turns a group. `flip` mirrors it. */
export function place(
  content: string,
  [x, y]: Point,
  { scale = 1, turn = 0, flip = false }: { scale?: number; turn?: number; flip?: boolean } = {},
): string {
  const rotate = turn === 0 ? '' : ` rotate(${n(turn)})`
  const sx = flip ? -scale : scale
  const size = sx === 1 && scale === 1 ? '' : ` scale(${sx.toFixed(4)} ${scale.toFixed(4)})`
  return `<g transform="translate(${n(x)} ${n(y)})${rotate}${size}">${content}</g>`
}
