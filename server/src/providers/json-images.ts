// The hot path: reads an upstream's JSON while its base64 pictures stream past as bytes. Picture text is never
// parsed as JSON nor held whole; everything else is small, bounded, and parsed by JSON.parse in the end.

import { createImageDecoder, type Source, type TextListener } from './json-image-decoder.ts'
import { JsonImagesError } from './json-images-error.ts'

export { JsonImagesError } from './json-images-error.ts'

export type JsonPath = readonly (string | number)[]

/** Where bytes come from: a response body, or the data of one server-sent event as `[buffer]`. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

export type JsonImagesOptions<Received> = {
  /** Asked at every string value: is it a picture? Do not keep the path: it changes as reading goes on. */
  isImage(path: JsonPath): boolean
  /**
   * Takes one picture's bytes as they arrive, in document order, one picture at a time. A piece stays as it is
   * only until the next one is asked for or the promise settles: its memory is used again.
   */
  receive(bytes: PictureBytes, path: JsonPath): Promise<Received>
  /**
   * What stands for a picture whose text is no base64: the document is then read on, for what it says beside it.
   * Without it such a picture ends the reading.
   */
  spoilt?(path: JsonPath): Received
  /** Limit for all that is not picture text; 1 MiB by default. */
  maxJsonBytes?: number
  /** Limit for nested objects and lists; 64 by default. */
  maxDepth?: number
}

export type PictureBytes = AsyncIterable<Uint8Array> & {
  /**
   * Also hands on the picture's base64 text, without escapes and checked, as it is read. The memory of a part is
   * used again once the listener has returned.
   */
  listenToText(listener: TextListener): void
}

export type JsonWithImages<Received> = {
  /** The document; each picture is replaced by `{ $image: index into images }`. */
  value: unknown
  images: { path: JsonPath; received: Received }[]
}

// Answers beside their pictures are a few kilobytes; a mebibyte leaves room for long revised prompts.
const DEFAULT_MAX_JSON_BYTES = 1024 * 1024
// The deepest answer known nests eight levels; JSON.parse itself recurses, so depth must end somewhere.
const DEFAULT_MAX_DEPTH = 64
const FIRST_SKELETON_BYTES = 4096

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * Reads one JSON document whose pictures are base64 strings (standard alphabet, padded, no line breaks).
 * Errors of the source and of `receive` are rethrown unchanged; all others are JsonImagesError.
 */
export async function readJsonWithImages<Received>(
  body: ByteSource,
  options: JsonImagesOptions<Received>,
): Promise<JsonWithImages<Received>> {
  const source = openSource(body)
  const scanner = createScanner(options)
  const images: { path: JsonPath; received: Received }[] = []
  try {
    while (source.position < source.chunk.length || (await source.pull())) {
      if (!scanner.scan(source)) continue
      const path = scanner.path.slice()
      images.push({ path, received: await receiveImage(source, path, options) })
      scanner.putMarker(images.length - 1)
    }
    return { value: scanner.finish(), images }
  } catch (error) {
    source.abandon()
    throw error
  }
}

function openSource(body: ByteSource): Source {
  const iterator = Symbol.asyncIterator in body ? body[Symbol.asyncIterator]() : body[Symbol.iterator]()
  const source: Source = {
    chunk: Buffer.alloc(0),
    position: 0,
    async pull() {
      for (;;) {
        const next = await iterator.next()
        if (next.done) return false
        if (next.value.length === 0) continue
        source.chunk = asBuffer(next.value)
        source.position = 0
        return true
      }
    },
    abandon() {
      // A generator with a read under way returns only after that read, so waiting here could hang.
      Promise.resolve(iterator.return?.()).catch(() => undefined)
    },
  }
  return source
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

type Scanner = {
  /** Keys and indexes that lead to the value being read. */
  path: (string | number)[]
  /** Reads on in the chunk; true when it stopped just inside the quotes of a picture. */
  scan(source: Source): boolean
  putMarker(index: number): void
  /** Parses everything kept. Throws `truncated` or `invalid_json`. */
  finish(): unknown
}

function createScanner<Received>(options: JsonImagesOptions<Received>): Scanner {
  const skeleton = createSkeleton(options.maxJsonBytes ?? DEFAULT_MAX_JSON_BYTES)
  const tracker = createTracker(options.maxDepth ?? DEFAULT_MAX_DEPTH)
  let inside: 'structure' | 'key' | 'text' = 'structure'
  let escaped = false
  let keyStart = 0

  function scan(source: Source): boolean {
    const chunk = source.chunk
    let mark = source.position
    for (let at = mark; at < chunk.length; at++) {
      const byte = chunk[at]
      if (inside === 'structure') {
        if (byte !== QUOTE) {
          tracker.follow(byte)
          continue
        }
        const expectsKey = tracker.expectsKey()
        if (!expectsKey && options.isImage(tracker.path)) {
          skeleton.append(chunk.subarray(mark, at))
          source.position = at + 1
          return true
        }
        inside = expectsKey ? 'key' : 'text'
        keyStart = skeleton.size() + at - mark
      } else if (escaped) escaped = false
      else if (byte === BACKSLASH) escaped = true
      else if (byte === QUOTE) {
        if (inside === 'key') {
          skeleton.append(chunk.subarray(mark, at + 1))
          mark = at + 1
          tracker.setKey(skeleton.readString(keyStart))
        }
        inside = 'structure'
      }
    }
    skeleton.append(chunk.subarray(mark))
    source.position = chunk.length
    return false
  }

  return {
    path: tracker.path,
    scan,
    putMarker: index => skeleton.append(Buffer.from(`{"$image":${index}}`)),
    finish() {
      const text = skeleton.readAll()
      if (tracker.path.length > 0 || inside !== 'structure' || text.trim() === '')
        throw new JsonImagesError('truncated', 'The answer ended inside its JSON document')
      return parseJson(text)
    },
  }
}

/** Follows structure just closely enough to know each value's path; JSON.parse judges the rest at the end. */
function createTracker(maxDepth: number) {
  const path: (string | number)[] = []
  const lists: boolean[] = []
  let keyIsNext = false

  function open(isList: boolean): void {
    if (path.length >= maxDepth) throw new JsonImagesError('too_large', `JSON nests deeper than ${maxDepth}`)
    path.push(isList ? 0 : '')
    lists.push(isList)
    keyIsNext = !isList
  }
  function close(isList: boolean): void {
    if (lists.pop() !== isList) throw new JsonImagesError('invalid_json', 'JSON brackets do not match')
    path.pop()
    keyIsNext = false
  }
  function separate(): void {
    const index = path.at(-1)
    if (index === undefined) throw new JsonImagesError('invalid_json', 'JSON has a comma outside of any list')
    if (typeof index === 'number') path[path.length - 1] = index + 1
    else keyIsNext = true
  }
  return {
    /** Keys and indexes that lead to the current value. */
    path,
    expectsKey: () => keyIsNext,
    setKey(key: string): void {
      path[path.length - 1] = key
      keyIsNext = false
    },
    /** Takes one byte that lies outside of strings. */
    follow(byte: number | undefined): void {
      if (byte === COMMA) separate()
      else if (byte === OPEN_OBJECT) open(false)
      else if (byte === OPEN_LIST) open(true)
      else if (byte === CLOSE_OBJECT) close(false)
      else if (byte === CLOSE_LIST) close(true)
    },
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the document, which may hold prompts; it stays out of logs.
    throw new JsonImagesError('invalid_json', 'The answer is not valid JSON')
  }
}

/** The document without its pictures, growing as it is read. */
function createSkeleton(maxBytes: number) {
  let bytes = Buffer.allocUnsafe(FIRST_SKELETON_BYTES)
  let length = 0
  return {
    size: () => length,
    append(part: Uint8Array): void {
      const needed = length + part.length
      if (needed > maxBytes)
        throw new JsonImagesError('too_large', `JSON beside pictures exceeds ${maxBytes} bytes`)
      if (needed > bytes.length) {
        const larger = Buffer.allocUnsafe(Math.max(needed, bytes.length * 2))
        bytes.copy(larger, 0, 0, length)
        bytes = larger
      }
      bytes.set(part, length)
      length = needed
    },
    /** The string that starts with its quote at `start` and ends where the skeleton ends. */
    readString(start: number): string {
      const quoted = bytes.subarray(start, length)
      if (quoted.indexOf(BACKSLASH) === -1) return quoted.toString('utf8', 1, quoted.length - 1)
      return String(parseJson(quoted.toString('utf8')))
    },
    /** A byte order mark, which some servers send, is left out. */
    readAll: () => bytes.toString('utf8', 0, length).replace(/^\uFEFF/, ''),
  }
}

async function receiveImage<Received>(
  source: Source,
  path: JsonPath,
  { receive, spoilt }: JsonImagesOptions<Received>,
): Promise<Received> {
  const decoder = createImageDecoder(source)
  let failure: { error: unknown } | undefined
  let turn: Promise<unknown> = Promise.resolve()
  // One piece at a time, even for a receiver that asks twice; the first failure answers all later asks.
  function next(): Promise<Buffer | null> {
    const piece = turn.then(() => {
      if (failure) throw failure.error
      return decoder.nextPiece()
    })
    turn = piece.catch((error: unknown) => {
      failure ??= { error }
    })
    return piece
  }
  const bytes: PictureBytes = {
    listenToText: decoder.listenToText,
    [Symbol.asyncIterator]: () => ({
      async next() {
        const value = await next()
        return value === null ? { done: true, value: undefined } : { done: false, value }
      },
      // A receiver that stops early does not end the document: the rest of the picture is read below.
      return: () => Promise.resolve({ done: true, value: undefined }),
    }),
  }
  try {
    const received = await receive(bytes, path)
    while ((await next()) !== null);
    return received
  } catch (error) {
    // A receiver may wrap what its input threw; the cause is what tells a cut source from a bad picture.
    if (spoilt && isSpoilt(failure?.error) && (await decoder.skip())) return spoilt(path)
    throw failure ? failure.error : error
  } finally {
    // A receiver that gave up may have asked for a piece that is still being read.
    void turn.then(decoder.release)
  }
}

function isSpoilt(error: unknown): boolean {
  return error instanceof JsonImagesError && error.code === 'invalid_base64'
}
