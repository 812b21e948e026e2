// Coverage-guided fuzzing of what reads pictures: an input that leads through code as none did before is kept, and the
// next ones are made from those. Run as a process of its own with little memory:
// `node guided.mjs <target> <folder of kept inputs> <serial> <seconds>`; prints one line of JSON at the end.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { crc32 } from 'node:zlib'
import { damage } from './fuzz-seeds.ts'

type Counters = { s: Record<string, number>; b: Record<string, number[]> }
type Target = { fuzz(bytes: Buffer, beforeDecoding: () => void): Promise<'taken' | 'refused'> }

const [targetFile = '', folder = '', serial = '0', seconds = '0'] = process.argv.slice(2)
const maxBytes = 32_768
/** What the formats look for: blind changes hardly ever hit on four right letters. */
const words = [
  ...['IHDR', 'IDAT', 'IEND', 'acTL', 'PLTE', 'VP8 ', 'VP8L', 'VP8X', 'ANIM', 'RIFF', 'WEBP'].map(word =>
    Buffer.from(word, 'latin1'),
  ),
  ...['ffd8', 'ffd9', 'ffda', 'ffc0', 'ffc2', 'ffe1', 'ffff', '0000', '7fffffff', 'ffffffff'].map(word =>
    Buffer.from(word, 'hex'),
  ),
]

/** Sixteen numbers that depend on nothing but this run's serial number and these two. */
function roll(number: number, round: number): number[] {
  const digest = createHash('sha512').update(`${serial} ${number} ${round}`).digest()
  return Array.from({ length: 16 }, (_, at) => digest.readUInt32BE(at * 4))
}

/** One to four changes, one upon the other; every second time the sums of a png are made right again. */
function vary(kept: readonly Buffer[], number: number): Buffer {
  const [from = 0, rounds = 0, mending = 0] = roll(number, 0)
  let bytes = kept[from % kept.length] ?? Buffer.alloc(0)
  for (let round = 1; round <= 1 + (rounds % 4); round += 1) bytes = change(bytes, kept, roll(number, round))
  bytes = bytes.subarray(0, maxBytes)
  return mending % 2 === 0 ? mendChecksums(bytes) : bytes
}

function change(bytes: Buffer, kept: readonly Buffer[], dice: number[]): Buffer {
  const [kind = 0, near = 0, place = 0, word = 0, other = 0, from = 0] = dice
  // Structure is found where files begin, and every 50 bytes or so.
  const at = place % (Math.min(near % 2 === 0 ? 64 : maxBytes, bytes.length) + 1)
  if (kind % 4 === 0) return damage(bytes, place)
  if (kind % 4 === 1) return overwrite(bytes, words[word % words.length] ?? Buffer.alloc(0), at)
  if (kind % 4 === 2) return overwrite(bytes, smallNumber(word), at)
  const second = kept[other % kept.length] ?? Buffer.alloc(0)
  return Buffer.concat([bytes.subarray(0, at), second.subarray(from % (second.length + 1))])
}

/** Up to 40, as a length of two or four bytes would be written. */
function smallNumber(dice: number): Buffer {
  const value = (dice >>> 8) % 41
  return Buffer.from(
    [
      [0, value],
      [0, 0, 0, value],
      [value, 0, 0, 0],
    ][dice % 3] ?? [],
  )
}

function overwrite(base: Buffer, word: Buffer, at: number): Buffer {
  return Buffer.concat([base.subarray(0, at), word, base.subarray(at + word.length)])
}

/** Of a png, as far as its chunks can be told: a decoder looks at nothing whose sum is wrong. */
function mendChecksums(bytes: Buffer): Buffer {
  if (bytes.toString('latin1', 1, 4) !== 'PNG') return bytes
  const mended = Buffer.from(bytes)
  for (let at = 8; at + 12 <= mended.length; ) {
    const end = at + 8 + mended.readUInt32BE(at)
    if (end + 4 > mended.length) break
    mended.writeUInt32BE(crc32(mended.subarray(at + 4, end)), end)
    at = end + 4
  }
  return mended
}

/** True when a run went somewhere new, or as often as never before: counts are told apart by their power of two. */
function createNovelty(files: readonly Counters[]) {
  const seen = new Set<string>()
  const look = (place: string, count: number) => {
    if (count === 0) return
    seen.add(`${place} ${Math.floor(Math.log2(count))}`)
  }
  return {
    size: () => seen.size,
    /** Empties the counters. */
    takesNew() {
      const before = seen.size
      files.forEach(({ s, b }, file) => {
        for (const place in s) {
          look(`${file} ${place}`, s[place] ?? 0)
          s[place] = 0
        }
        for (const place in b) {
          const arms = b[place] ?? []
          for (const [arm, count] of arms.entries()) look(`${file} ${place}.${arm}`, count)
          arms.fill(0)
        }
      })
      return seen.size > before
    },
  }
}

async function run(): Promise<void> {
  const until = performance.now() + Number(seconds) * 1_000
  const { fuzz } = (await import(pathToFileURL(targetFile).href)) as Target
  const novelty = createNovelty(
    Object.values(Reflect.get(globalThis, '__coverage__') as Record<string, Counters>),
  )
  const kept: Buffer[] = readdirSync(folder).map(name => readFileSync(join(folder, name)))
  const sum = { runs: 0, taken: 0, refused: 0, first: 0, features: 0, kept: 0 }
  const lastFile = join(folder, '..', 'last')
  const feed = async (bytes: Buffer) => {
    const keep = () => writeFileSync(lastFile, bytes)
    try {
      sum[await fuzz(bytes, keep)] += 1
    } catch (error) {
      keep()
      throw error
    }
    sum.runs += 1
    return novelty.takesNew()
  }
  for (const bytes of [...kept]) await feed(bytes)
  sum.first = novelty.size()
  for (let number = 0; performance.now() < until; number += 1) {
    const bytes = vary(kept, number)
    if (!(await feed(bytes))) continue
    kept.push(bytes)
    writeFileSync(join(folder, createHash('sha256').update(bytes).digest('hex')), bytes)
  }
  process.stdout.write(`${JSON.stringify({ ...sum, features: novelty.size(), kept: kept.length })}\n`)
}

await run()
