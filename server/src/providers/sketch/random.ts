// Owns chance for the illustrator: every choice in a picture comes from here, so that the same prompt, options
// and seed always give the same bytes. Never use Math.random or the clock in this folder.

export type Rng = {
  /** A number in [0, 1). */
  next(): number
  range(low: number, high: number): number
  /** A whole number in [low, high]. */
  int(low: number, high: number): number
  pick<T>(items: readonly T[]): T
  chance(probability: number): boolean
  /** An independent stream, so that drawing more of one thing does not move another. */
  fork(label: string): Rng
}

/** A 32-bit hash of a text, spread well enough to seed a stream. */
export function hashText(text: string): number {
  let hash = 0x9747b28c
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x85ebca6b)
    hash = (hash << 13) | (hash >>> 19)
  }
  hash ^= text.length
  hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35)
  return (hash ^ (hash >>> 15)) >>> 0
}

/** A stream of numbers from a seed text (splitmix32). */
export function createRng(seed: string): Rng {
  let state = hashText(seed)
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return ((z ^ (z >>> 15)) >>> 0) / 4294967296
  }
  return {
    next,
    range: (low, high) => low + (high - low) * next(),
    int: (low, high) => low + Math.floor(next() * (high - low + 1)),
    pick: <T>(items: readonly T[]): T => {
      const item = items[Math.floor(next() * items.length)]
      if (item === undefined) throw new Error('there is nothing to pick from')
      return item
    },
    chance: probability => next() < probability,
    fork: label => createRng(`${seed}/${label}`),
  }
}

/** Smooth noise over the plane in [-1, 1]; the lattice has a spacing of 1. */
export function createNoise(seed: number): (x: number, y: number) => number {
  const corner = (x: number, y: number): number => {
    let h = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1) ^ seed
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d)
    h = Math.imul(h ^ (h >>> 12), 0x297a2d39)
    return ((h ^ (h >>> 15)) >>> 0) / 2147483648 - 1
  }
  const ease = (t: number): number => t * t * (3 - 2 * t)
  return (x, y) => {
    const x0 = Math.floor(x)
    const y0 = Math.floor(y)
    const tx = ease(x - x0)
    const ty = ease(y - y0)
    const top = corner(x0, y0) * (1 - tx) + corner(x0 + 1, y0) * tx
    const bottom = corner(x0, y0 + 1) * (1 - tx) + corner(x0 + 1, y0 + 1) * tx
    return top * (1 - ty) + bottom * ty
  }
}
