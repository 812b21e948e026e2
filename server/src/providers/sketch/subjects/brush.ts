// Owns the short notation drawings are written in: outlines as text, `x,y x,y …`, so that a silhouette can be
// read and changed as one line. Numbers that depend on chance belong into geometry.ts calls instead.
import { lighten, luminance, toRgb } from '../colour.ts'
import { blob, curve, type Joint, n, type Point, poly, taper } from '../geometry.ts'

/** For details that carry neither outline nor volume of their own. */
export const plain = { plain: true } as const

/** The dark of pupils and outlines drawn on purpose. */
export const dark = '#2a2230'

function numbers(text: string): number[][] {
  return text
    .trim()
    .split(/\s+/)
    .map(word => word.split(',').map(Number))
}

const points = (text: string): Point[] => numbers(text).map(([x = 0, y = 0]) => [x, y])

const joints = (text: string): Joint[] => numbers(text).map(([x = 0, y = 0, w = 1]) => [x, y, w])

/** The mirrored outline runs backwards, so that the two sides may overlap without a hole. */
const flipped = (text: string, outward: number): [string, string] => {
  const left = numbers(text).map(([x = 0, ...rest]) => [x - outward, ...rest])
  const right = left.map(([x = 0, ...rest]) => [-x, ...rest]).reverse()
  return [left.join(' '), right.join(' ')]
}

/** A closed smooth shape through `x,y` points. */
export const soft = (text: string): string => blob(points(text))

/** A closed shape with corners. */
export const hard = (text: string): string => poly(points(text))

/** An open smooth line. */
export const stroke = (text: string): string => curve(points(text))

/** A limb along `x,y,halfWidth` joints. */
export const limb = (text: string): string => taper(joints(text))

/** A left part and its mirror at x = 0 as one path; `outward` moves both away from the middle. */
export function twice(shape: (text: string) => string, text: string, outward = 0): string {
  const [left, right] = flipped(text, outward)
  return shape(left) + shape(right)
}

/** `colour` if it can be told from `main`, else a light or dark neighbour of `main`. */
export function contrast(main: string, colour: string): string {
  const [a, b] = [toRgb(main), toRgb(colour)]
  const far = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) > 110
  if (far) return colour
  return luminance(main) < 0.72 ? lighten(main, 0.68) : '#5a4a62'
}

/** Path data with computed numbers, kept short. */
export const path = (texts: TemplateStringsArray, ...values: readonly (number | string)[]): string =>
  texts.map((text, i) => (i === 0 ? text : shorten(values[i - 1]) + text)).join('')

const shorten = (value: number | string | undefined): string =>
  typeof value === 'number' ? n(value) : (value ?? '')
