// Tells png, jpeg and webp by their bytes while they arrive, reads their size and refuses cut pictures. It proves
// kind, dimensions and that the structure runs to its end; it does not prove that the pixels inside decode.
import { ImageRejected } from '../providers/provider.ts'
import type { ImageWalk } from './image-walk.ts'
import { walkJpeg, walkPng, walkWebp } from './image-walk.ts'

export type ImageMediaType = 'image/png' | 'image/jpeg' | 'image/webp'
export type ProbedImage = { mediaType: ImageMediaType; width: number; height: number }

export type ImageProbe = {
  /** Takes the next bytes; throws ImageRejected as soon as they cannot become a picture. Keeps none of them. */
  push(chunk: Uint8Array): void
  /** What the first bytes say; null until enough have arrived. */
  findMediaType(): ImageMediaType | null
  /** Call after the last bytes; changes nothing. Throws ImageRejected when the picture is cut short. */
  finish(): ProbedImage
}

/** RIFF, a length and WEBP; the other kinds need less. */
const MAGIC_BYTES = 12
/** Fillers that storage or transport may append; anything else behind the end of a picture is no part of it. */
const paddingBytes = new Set([0x00, 0x0a, 0x0d, 0x20])

type Kind = { mediaType: ImageMediaType; matches: (head: Buffer) => boolean; walk: () => ImageWalk }

const kinds: Kind[] = [
  {
    mediaType: 'image/png',
    matches: head => head.subarray(0, 8).equals(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')),
    walk: walkPng,
  },
  {
    mediaType: 'image/jpeg',
    matches: head => head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff,
    walk: walkJpeg,
  },
  {
    mediaType: 'image/webp',
    matches: head => head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8, 12) === 'WEBP',
    walk: walkWebp,
  },
]

/** What the first 12 bytes say; null = no picture that is taken here. */
export function findKind(head: Buffer): Kind | null {
  return kinds.find(({ matches }) => matches(head)) ?? null
}

/** One probe serves one picture. */
export function createImageProbe(): ImageProbe {
  let head: Buffer = Buffer.alloc(0)
  let run: WalkRun | null = null
  let kind: Kind | null = null

  return {
    push(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      if (run !== null) {
        run.push(bytes)
        return
      }
      head = head.length === 0 ? bytes : Buffer.concat([head, bytes])
      if (head.length < MAGIC_BYTES) {
        // The source may use its buffer again.
        head = Buffer.from(head)
        return
      }
      kind = findKind(head)
      if (kind === null) throw notAPicture(head)
      run = startWalk(kind)
      run.push(head)
      head = Buffer.alloc(0)
    },
    findMediaType: () => kind?.mediaType ?? null,
    finish() {
      if (run === null || kind === null) throw notAPicture(head)
      return { mediaType: kind.mediaType, ...run.finish() }
    },
  }
}

function notAPicture(head: Buffer): ImageRejected {
  if (head.length === 0) return new ImageRejected('there are no bytes')
  const shown = head.toString('hex', 0, MAGIC_BYTES)
  return new ImageRejected(`the bytes are no png, jpeg or webp; they begin ${shown}`)
}

type WalkRun = { push(bytes: Buffer): void; finish(): { width: number; height: number } }

/** Feeds a walk across chunk borders: gathers what it wants to see and lets the rest pass. */
function startWalk(kind: Kind): WalkRun {
  const walk = kind.walk()
  let step = walk.next(Buffer.alloc(0))
  let gathered: Buffer = Buffer.alloc(0)
  let skippedBytes = 0
  const tail = createTail()

  /** Serves one step from `bytes` at `at`; answers where the next begins, or null when more bytes are needed. */
  function serve(bytes: Buffer, at: number): number | null {
    if (step.done) return null
    if ('skip' in step.value) {
      const passing = Math.min(step.value.skip - skippedBytes, bytes.length - at)
      skippedBytes += passing
      if (skippedBytes < step.value.skip) return null
      skippedBytes = 0
      step = walk.next(Buffer.alloc(0))
      return at + passing
    }
    const missing = step.value.take - gathered.length
    if (bytes.length - at < missing) {
      gathered = Buffer.concat([gathered, bytes.subarray(at)])
      return null
    }
    const piece = bytes.subarray(at, at + missing)
    const wanted = gathered.length === 0 ? piece : Buffer.concat([gathered, piece])
    gathered = Buffer.alloc(0)
    step = walk.next(wanted)
    return at + missing
  }

  return {
    push(bytes) {
      let at = 0
      while (!step.done) {
        const next = serve(bytes, at)
        if (next === null) return
        at = next
      }
      tail.push(bytes.subarray(at))
    },
    finish() {
      const name = kind.mediaType.slice('image/'.length)
      if (!step.done) throw new ImageRejected(`the ${name} is cut short`)
      const { width, height, tail: expected } = step.value
      const ending = tail.read()
      if (expected === 'end-of-image' && ending !== 0xffd9) {
        throw new ImageRejected(`the ${name} is cut short: it does not end with an end-of-image marker`)
      }
      if (expected === 'padding' && ending !== null) {
        throw new ImageRejected(`foreign bytes follow the end of the ${name}`)
      }
      return { width, height }
    },
  }
}

/** Follows the bytes behind a walk. `read` answers the last two before any padding as one number, or null. */
function createTail(): { push(bytes: Buffer): void; read(): number | null } {
  let previous = 0
  let ending: number | null = null
  return {
    push(bytes) {
      let last = bytes.length - 1
      while (last >= 0 && paddingBytes.has(bytes[last] ?? 0)) last--
      if (last >= 0) ending = ((last > 0 ? bytes[last - 1] : previous) ?? 0) * 256 + (bytes[last] ?? 0)
      previous = bytes[bytes.length - 1] ?? previous
    },
    read: () => ending,
  }
}
