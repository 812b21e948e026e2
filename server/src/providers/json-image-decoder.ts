// Decodes one base64 picture inside a JSON document as its chunks arrive. Strict: whatever native decoding would
// skip is refused. Buffers are used again and again, so nothing given out here may be kept.
import { giveBlockBack, PAGE_BYTES, takeBlock } from '../page-memory.ts'
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
const GROUP_BYTES = 4
// Whole pages, so that the disk sees few and aligned writes; a multiple of 3, so that pieces end between groups.
const PIECE_BYTES = 108 * PAGE_BYTES

const QUOTE = 0x22
const PLUS_URL = 0x2d
const BACKSLASH = 0x5c
const SLASH_URL = 0x5f
const PADDING = 0x3d

type ImageDecoder = {
  /** The decoded bytes up to the closing quote piece by piece, then null. Each piece overwrites the one before. */
  nextPiece(): Promise<Buffer | null>
  listenToText(listener: TextListener): void
  /**
   * After a piece that is no base64: reads past the rest of the text. False where escapes leave its end in doubt.
   * Throws `truncated`.
   */
  skip(): Promise<boolean>
  /** Gives the memory of the last piece to the next picture. */
  release(): void
}

export function createImageDecoder(source: Source): ImageDecoder {
  const reader = createTextReader(source)
  const piece = takeBlock() ?? Buffer.allocUnsafeSlow(PIECE_BYTES)
  let listener: TextListener | null = null
  let finished = false

  /** Where the text that was loaded last begins in the chunk, and whether an escape reaches into it. */
  let start = 0
  let beginsEscaped = false

  async function pull(): Promise<void> {
    if (source.position < source.chunk.length) return
    beginsEscaped = source.chunk.at(-1) === BACKSLASH
    if (!(await source.pull())) throw new JsonImagesError('truncated', 'The answer ended inside a picture')
  }

  return {
    async nextPiece() {
      if (finished) return null
      let length = 0
      while (length < PIECE_BYTES && !finished) {
        const unit = reader.take(Math.min(UNIT_TEXT_BYTES, ((PIECE_BYTES - length) / 3) * GROUP_BYTES))
        if (unit === null) {
          await pull()
          start = source.position
          reader.load()
          continue
        }
        finished = reader.isAtEnd()
        length += decodeUnit(unit, { piece, at: length, isLast: finished })
        listener?.(unit)
      }
      return piece.subarray(0, length)
    },
    listenToText(given) {
      listener = given
    },
    async skip() {
      let text = source.chunk.subarray(start, source.position)
      while (!beginsEscaped && text.indexOf(BACKSLASH) === -1) {
        if (text.at(-1) === QUOTE) return true
        await pull()
        const end = source.chunk.indexOf(QUOTE, source.position)
        text = source.chunk.subarray(source.position, end === -1 ? undefined : end + 1)
        source.position += text.length
      }
      return false
    },
    release: () => giveBlockBack(piece),
  }
}

/**
 * Hands out picture text free of escapes and in whole groups, as views of the chunks. The last group is held back
 * until the closing quote is seen, because only the last may be padded; on its way over a chunk's end it is copied.
 */
function createTextReader(source: Source) {
  /** Text of the present chunk that was not handed out yet. */
  let text: Buffer = Buffer.alloc(0)
  const group = Buffer.alloc(GROUP_BYTES)
  let groupLength = 0
  let pendingEscape = ''
  let closed = false

  function undoEscapes(part: Buffer): Buffer {
    // PHP escapes every slash; string replacement undoes that twice as fast as a loop over bytes.
    const simple = part.toString('latin1').replaceAll('\\/', '/')
    if (pendingEscape === '' && !simple.includes('\\')) return Buffer.from(simple, 'latin1')
    const plain = Buffer.allocUnsafe(part.length + 1)
    let length = 0
    for (const byte of part) {
      if (pendingEscape === '' && byte !== BACKSLASH) {
        plain[length++] = byte
        continue
      }
      pendingEscape += String.fromCharCode(byte)
      const decoded = decodeEscape(pendingEscape)
      if (decoded === null) continue
      pendingEscape = ''
      plain[length++] = decoded
    }
    return plain.subarray(0, length)
  }

  /** Completes the group that began in an earlier chunk; null while its end, or what follows it, is missing. */
  function takeGroup(): Buffer | null {
    const added = text.copy(group, groupLength, 0, GROUP_BYTES - groupLength)
    text = text.subarray(added)
    groupLength += added
    if (!closed && (groupLength < GROUP_BYTES || text.length === 0)) return null
    const taken = group.subarray(0, groupLength)
    groupLength = 0
    return taken
  }

  return {
    /** The picture's end is known and all before it was handed out. */
    isAtEnd: () => closed && text.length === 0 && groupLength === 0,
    /** At most `maxBytes`; null when another chunk is needed first. Good until the next call. */
    take(maxBytes: number): Buffer | null {
      if (groupLength > 0) return takeGroup()
      const whole = closed ? text.length : Math.max(0, Math.ceil(text.length / GROUP_BYTES) - 1) * GROUP_BYTES
      if (whole > 0 || closed) {
        const taken = text.subarray(0, Math.min(whole, maxBytes))
        text = text.subarray(taken.length)
        return taken
      }
      groupLength = text.copy(group)
      text = text.subarray(groupLength)
      return null
    },
    /** Takes the chunk's text up to the closing quote, once all before it was handed out. */
    load(): void {
      let part = source.chunk.subarray(source.position)
      const end = part.indexOf(QUOTE)
      closed = end !== -1
      if (closed) part = part.subarray(0, end)
      source.position += part.length + (closed ? 1 : 0)
      text = pendingEscape === '' && part.indexOf(BACKSLASH) === -1 ? part : undoEscapes(part)
      // What follows a backslash here is the quote, which is no base64.
      if (closed && pendingEscape !== '') throw invalidBase64()
      // Native decoding takes the URL alphabet for base64.
      if (text.indexOf(PLUS_URL) !== -1 || text.indexOf(SLASH_URL) !== -1) throw invalidBase64()
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
 * Decodes whole groups into the piece and returns the count of bytes. Native decoding skips what is no base64, so
 * anything foreign shows as a short count.
 */
function decodeUnit(text: Buffer, target: { piece: Buffer; at: number; isLast: boolean }): number {
  const length = text.length
  let padding = 0
  if (target.isLast && text[length - 1] === PADDING) padding = text[length - 2] === PADDING ? 2 : 1
  const expected = (length / GROUP_BYTES) * 3 - padding
  if (length === 0 || length % GROUP_BYTES !== 0) throw invalidBase64()
  if (target.piece.write(text.toString('latin1'), target.at, 'base64') !== expected) throw invalidBase64()
  return expected
}

function invalidBase64(): JsonImagesError {
  return new JsonImagesError('invalid_base64', 'A picture is not valid base64')
}
