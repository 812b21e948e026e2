// Owns textures: tiles of noise that wrap, sampled in units of the picture so that a texture looks the same at
// every size. Built once per process and kind; pure functions of their seed.
import { createNoise } from '../random.ts'

/** Values in [-1, 1], 256 x 256, wrapping at the edges. */
export type Tile = Float32Array

const EDGE = 256
const tiles = new Map<string, Tile>()

/** A tile of noise with `cells` waves across; higher octaves add roughness. */
export function getTile(seed: number, cells: number, octaves: number): Tile {
  const key = `${seed}/${cells}/${octaves}`
  const known = tiles.get(key)
  if (known) return known
  const tile = new Float32Array(EDGE * EDGE)
  const noise = createNoise(seed)
  for (let y = 0; y < EDGE; y++) {
    for (let x = 0; x < EDGE; x++)
      tile[y * EDGE + x] = wrappedNoise(noise, [x / EDGE, y / EDGE], { cells, octaves })
  }
  tiles.set(key, tile)
  return tile
}

type Octaves = { cells: number; octaves: number }

function wrappedNoise(
  noise: (x: number, y: number) => number,
  [u, v]: readonly [number, number],
  { cells, octaves }: Octaves,
): number {
  let sum = 0
  let weight = 0
  for (let o = 0; o < octaves; o++) {
    const k = cells * 2 ** o
    const a = 0.55 ** o
    const [x, y] = [u * k, v * k]
    const top = noise(x, y) * (1 - u) + noise(x - k, y) * u
    const bottom = noise(x, y - k) * (1 - u) + noise(x - k, y - k) * u
    sum += (top * (1 - v) + bottom * v) * a
    weight += a
  }
  return (sum / weight) * 1.5
}

/** Bilinear sample; `u` and `v` are in tiles and wrap. */
export function sampleTile(tile: Tile, u: number, v: number): number {
  const x = (u - Math.floor(u)) * EDGE
  const y = (v - Math.floor(v)) * EDGE
  const x0 = x | 0
  const y0 = y | 0
  const tx = x - x0
  const ty = y - y0
  const x1 = (x0 + 1) & 255
  const r0 = (y0 & 255) << 8
  const r1 = ((y0 + 1) & 255) << 8
  const a = tile[r0 + (x0 & 255)] ?? 0
  const b = tile[r0 + x1] ?? 0
  const c = tile[r1 + (x0 & 255)] ?? 0
  const d = tile[r1 + x1] ?? 0
  return (a + (b - a) * tx) * (1 - ty) + (c + (d - c) * tx) * ty
}
