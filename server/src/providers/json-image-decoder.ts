// Decodes one base64 picture inside a JSON document as its chunks arrive. Strict: whatever native decoding would
// skip is refused. Buffers are used again and again, so nothing given out here may be kept.
import { JsonImagesError } from './json-images-error.ts'

export type TextListener = (text: Buffer) => void

export type Source = {
  chunk: Buffer
  /** The next unread byte of `chunk`. */
  position: number
  /** Replaces an exhausted chunk by the next one that is not empty; false at the end. */
  pull(): Promise<boolean>
  /** Tells the source that nobody reads on, without waiting for it. */
  abandon(): void
}

// Strings beyond 64 KiB leave V8's cheap heap and cost four times as much to make; a multiple of 4.
const UNIT_TEXT_BYTES = 48 * 1024
const UNIT_BYTES = (UNIT_TEXT_BYTES / 4) * 3
// The last group is held back until the closing quote is seen, because only the last may be padded.
const GROUP_BYTES = 4
// Six units make pieces of 216 KiB, so that the disk sees few writes.
const PIECE_BYTES = 6 * UNIT_BYTES + 3
// Buffers kept for the next picture, 8 MB in all: fresh ones for each press the collector into full collections.
const MAX_IDLE_BUFFERS = 32

const QUOTE = 0x22
const PLUS_URL = 0x2d
const BACKSLASH = 0x5c
const SLASH_URL = 0x5f
const PADDING = 0x3d

type DecoderBuffers = { text: Buffer; piece: Buffer }

const idleBuffers: DecoderBuffers[] = []

function takeBuffers(): DecoderBuffers {
  return (
    idleBuffers.pop() ?? {
      text: Buffer.allocUnsafeSlow(UNIT_TEXT_BYTES + GROUP_BYTES),
      piece: Buffer.allocUnsafeSlow(PIECE_BYTES),
    }
  )
}

type ImageDecoder = {
  /** The decoded bytes up to the closing quote piece by piece, then null. Each piece overwrites the one before. */
  nextPiece(): Promise<Buffer | null>
  listenToText(listener: TextListener): void
  /** Gives the memory of the last piece to the next picture. */
  release(): void
}

export function createImageDecoder(source: Source): ImageDecoder {
  const buffers = takeBuffers()
  const reader = createTextReader(source, buffers.text)
  const { piece } = buffers
  let listener: TextListener | null = null
  let finished = false

  return {
    async nextPiece() {
      if (finished) return null
      let length = 0
      while (length + UNIT_BYTES + 3 <= PIECE_BYTES && !finished) {
        while (!reader.isReady()) {
          if (source.position === source.chunk.length && !(await source.pull()))
            throw new JsonImagesError('truncated', 'The answer ended inside a picture')
          reader.fill()
        }
        finished = reader.isClosed()
        const unit = reader.peek()
        length += decodeUnit(unit, piece.subarray(length), finished)
        listener?.(unit)
        reader.drop(unit.length)
      }
      return piece.subarray(0, length)
    },
    listenToText(given) {
      listener = given
    },
    release() {
      if (idleBuffers.length < MAX_IDLE_BUFFERS) idleBuffers.push(buffers)
    },
  }
}

/** Gathers picture text in `text`, free of escapes, a unit and a held-back group at a time. */
function createTextReader(source: Source, text: Buffer) {
  let length = 0
  let pendingEscape = ''
  let closed = false

  function takeEscaped(part: Buffer): void {
    // PHP escapes every slash; string replacement undoes that twice as fast as a loop over bytes.
    const unescaped = part.toString('latin1').replaceAll('\\/', '/')
    if (pendingEscape === '' && !unescaped.includes('\\')) {
      length += text.write(unescaped, length, 'latin1')
      return
    }
    for (const byte of part) {
      if (pendingEscape === '' && byte !== BACKSLASH) {
        text[length++] = byte
        continue
      }
      pendingEscape += String.fromCharCode(byte)
      const decoded = decodeEscape(pendingEscape)
      if (decoded === null) continue
      pendingEscape = ''
      text[length++] = decoded
    }
  }
  return {
    /** A whole unit is there, or all that comes. */
    isReady: () => closed || length === text.length,
    isClosed: () => closed,
    /** Moves text from the chunk, up to the closing quote or until either is used up. */
    fill(): void {
      let part = source.chunk.subarray(source.position, source.position + text.length - length)
      const end = part.indexOf(QUOTE)
      closed = end !== -1
      if (closed) part = part.subarray(0, end)
      source.position += part.length + (closed ? 1 : 0)
      if (pendingEscape === '' && part.indexOf(BACKSLASH) === -1) {
        text.set(part, length)
        length += part.length
      } else takeEscaped(part)
      // What follows a backslash here is the quote, which is no base64.
      if (closed && pendingEscape !== '') throw invalidBase64()
    },
    peek: () => text.subarray(0, closed ? length : UNIT_TEXT_BYTES),
    drop(taken: number): void {
      text.copyWithin(0, taken, length)
      length -= taken
    },
  }
}

/** The byte that an escape inside picture text stands for; null while it is incomplete. */
function decodeEscape(text: string): number | null {
  if (text === '\\/') return 0x2f
  if (text === '\\' || /^\\u[0-9a-fA-F]{0,3}$/.test(text)) return null
  const code = /^\\u00[0-7][0-9a-fA-F]$/.test(text) ? Number.parseInt(text.slice(2), 16) : 0
  if (code === 0) throw invalidBase64()
  return code
}

/**
 * Decodes whole groups into `target` and returns the count of bytes. Native decoding skips what is no base64,
 * so anything foreign shows as a short count; only the URL alphabet, which it takes for base64, needs a look.
 */
function decodeUnit(text: Buffer, target: Buffer, isLast: boolean): number {
  const length = text.length
  let padding = 0
  if (isLast && text[length - 1] === PADDING) padding = text[length - 2] === PADDING ? 2 : 1
  const expected = (length / 4) * 3 - padding
  if (length === 0 || length % 4 !== 0 || text.indexOf(PLUS_URL) !== -1 || text.indexOf(SLASH_URL) !== -1)
    throw invalidBase64()
  if (target.write(text.toString('latin1'), 'base64') !== expected) throw invalidBase64()
  return expected
}

function invalidBase64(): JsonImagesError {
  return new JsonImagesError('invalid_base64', 'A picture is not valid base64')
}
