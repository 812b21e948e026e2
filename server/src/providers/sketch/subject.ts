// The contract between the composer and the drawings. A subject draws itself 100 units high, standing at y = 0
// with x = 0 in its middle and y growing downward, so that everything can be placed and scaled the same way.
import type { Pen } from './pen.ts'
import type { Rng } from './random.ts'

/** Where a subject is at home; the composer makes a place for it elsewhere (an island, a cloud, a plinth). */
export type Habitat = 'ground' | 'water' | 'air' | 'surface' | 'under' | 'space'

export const settingNames = [
  'meadow',
  'forest',
  'mountains',
  'sea',
  'beach',
  'lake',
  'city',
  'street',
  'desert',
  'snow',
  'space',
  'planet',
  'underwater',
  'room',
  'library',
  'table',
  'studio',
  'clouds',
  'garden',
  'field',
] as const
export type SettingName = (typeof settingNames)[number]

export type Look = {
  main: string
  accent: string
  /** True when the prompt named the main colour. */
  asked: boolean
  /** The colour of a part such as `hat` or `roof`, if the prompt named one. */
  part(name: string, fallback: string): string
  /** A trait from the prompt, such as `sleeping` or `old`. */
  has(trait: string): boolean
  rng: Rng
  night: boolean
}

export type Subject = {
  name: string
  /** Names in the prompt, singular, separated by commas. */
  words: string
  habitat: Habitat
  /** Size beside others; a person is 1. */
  scale: number
  /** Width at the height of 100. */
  width: number
  home?: SettingName
  /** Natural colours; the seed picks one. */
  colours: readonly string[]
  /** Centre and radius of the head, where hats go. */
  head?: readonly [number, number, number]
  /** Where somebody can sit or stand on it. */
  seat?: readonly [number, number]
  draw(pen: Pen, look: Look): string
}

/** Calls `draw` for 0 … count-1 and joins what it returns. */
export function repeat(count: number, draw: (index: number) => string): string {
  let out = ''
  for (let i = 0; i < count; i++) out += draw(i)
  return out
}
