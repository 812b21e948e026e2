// Keeps pictures out of the packages: base64 in an answer streams to storage as it arrives, and the package is handed
// a short token in its place, by which the picture is found again in what the package returns.
import { randomBytes } from 'node:crypto'
import { JsonImagesError, readJsonWithImages } from '../json-images.ts'
import { type CallContext, ImageRejected, type ImageSource, type UpstreamImage } from '../provider.ts'

// A text of this length that is all base64 is a picture; shorter ones, the tiniest pictures among them, stay text.
const LEAST_PICTURE_CHARS = 4096
// What is no picture: envelopes are a few kilobytes, revised prompts included.
const MAX_TEXT_BYTES = 1024 * 1024
const TOKEN_BYTES = 18

const QUOTE = 0x22
const BACKSLASH = 0x5c

export type Token = { bytes: Buffer; text: string }

export type Shelf = {
  /** Streams one picture to storage. A picture that is none is noted, and its token leads to nothing. */
  receive(bytes: ImageSource): Promise<Token>
  /** An address that the core is to fetch. */
  putUrl(url: string): Token
  /** What a package returned for a picture: a token, or bytes that never passed here. Null = no usable picture. */
  find(returned: string | Uint8Array): Promise<UpstreamImage | null>
  /** Why pictures were refused. */
  rejections: string[]
}

/** Tokens are secret: an upstream that could guess one could have a picture delivered twice. */
export function createShelf(context: Pick<CallContext, 'receiveImage'>): Shelf {
  const kept = new Map<string, UpstreamImage | null>()
  const rejections: string[] = []

  function put(image: UpstreamImage | null): Token {
    const bytes = randomBytes(TOKEN_BYTES)
    const text = bytes.toString('base64')
    kept.set(text, image)
    return { bytes, text }
  }

  async function store(bytes: ImageSource): Promise<UpstreamImage | null> {
    try {
      return { kind: 'received', image: await context.receiveImage(bytes) }
    } catch (error) {
      if (!(error instanceof ImageRejected)) throw error
      rejections.push(error.message)
      return null
    }
  }

  return {
    rejections,
    receive: async bytes => put(await store(bytes)),
    putUrl: url => put({ kind: 'url', url, mediaType: null }),
    async find(returned) {
      const text = typeof returned === 'string' ? returned : Buffer.from(returned).toString('base64')
      const known = text.length <= TOKEN_BYTES * 2 ? kept.get(text) : undefined
      if (known !== undefined) return known
      if (typeof returned !== 'string') return store(once(returned))
      try {
        const { images } = await readPicture(once(Buffer.from(`"${stripPrefix(returned)}"`)), store)
        return images[0]?.received ?? null
      } catch (error) {
        if (!(error instanceof JsonImagesError)) throw error
        rejections.push(error.message)
        return null
      }
    },
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

function stripPrefix(text: string): string {
  return text.replace(/^data:[\w/.+-]+;base64,/, '')
}

/** Reads a JSON text that is one base64 string. */
function readPicture<Received>(
  body: AsyncIterable<Uint8Array>,
  receive: (bytes: ImageSource) => Promise<Received>,
) {
  return readJsonWithImages(body, { isImage: path => path.length === 0, receive })
}

/**
 * The text of an answer with tokens in place of its pictures. What is no picture stays as it came, valid JSON or
 * not; a data URL keeps its head. Throws JsonImagesError when the rest is too large or a picture is spoilt.
 */
export async function readWithTokens(
  body: AsyncIterable<Uint8Array>,
  receive: (bytes: ImageSource) => Promise<Token>,
): Promise<string> {
  const cursor = openCursor(body)
  const text = createText()
  while (await cursor.fill()) {
    const quote = cursor.chunk.indexOf(QUOTE, cursor.at)
    text.append(cursor.take(quote < 0 ? cursor.chunk.length : quote + 1))
    if (quote < 0) continue
    const head = await readHead(cursor)
    const prefix = head.isWhole ? null : findPicturePrefix(head.bytes)
    if (prefix === null) {
      text.append(head.bytes)
      if (!head.isWhole) await copyString(cursor, text)
      continue
    }
    text.append(head.bytes.subarray(0, prefix))
    const picture = streamString(cursor, head.bytes.subarray(prefix))
    const { images } = await readPicture(picture, receive)
    text.append(Buffer.from(`${images[0]?.received.text ?? ''}"`))
  }
  return text.read()
}

type Cursor = {
  chunk: Buffer
  at: number
  /** Goes on to the next chunk when this one is used up; false at the end. */
  fill(): Promise<boolean>
  /** The bytes up to `end` of the chunk. */
  take(end: number): Buffer
}

function openCursor(body: AsyncIterable<Uint8Array>): Cursor {
  const iterator = body[Symbol.asyncIterator]()
  const cursor: Cursor = {
    chunk: Buffer.alloc(0),
    at: 0,
    async fill() {
      while (cursor.at >= cursor.chunk.length) {
        const next = await iterator.next()
        if (next.done) return false
        cursor.chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length)
        cursor.at = 0
      }
      return true
    },
    take(end) {
      const taken = cursor.chunk.subarray(cursor.at, end)
      cursor.at = end
      return taken
    },
  }
  return cursor
}

/** The first letters of a string value, its closing quote included when it is short. */
async function readHead(cursor: Cursor): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const parts: number[] = []
  let escaped = false
  while (parts.length < LEAST_PICTURE_CHARS && (await cursor.fill())) {
    const byte = cursor.chunk[cursor.at++] ?? 0
    parts.push(byte)
    if (escaped) escaped = false
    else if (byte === BACKSLASH) escaped = true
    else if (byte === QUOTE) return { bytes: Buffer.from(parts), isWhole: true }
  }
  // Half an escape is left to whoever reads on.
  if (escaped && (await cursor.fill())) parts.push(cursor.chunk[cursor.at++] ?? 0)
  return { bytes: Buffer.from(parts), isWhole: false }
}

/** Where the base64 of a picture begins, or null when the text is none. */
function findPicturePrefix(head: Buffer): number | null {
  const [prefix = ''] = /^data:[\w\\/.+-]+;base64,/.exec(head.toString('latin1', 0, 128)) ?? []
  return /^[A-Za-z0-9+/\\]+$/.test(head.toString('latin1', prefix.length)) ? prefix.length : null
}

/** The rest of a string that is no picture, its closing quote included. */
async function copyString(cursor: Cursor, text: Text): Promise<void> {
  let escaped = false
  while (await cursor.fill()) {
    const start = cursor.at
    for (let at = start; at < cursor.chunk.length; at += 1) {
      const byte = cursor.chunk[at]
      if (escaped) escaped = false
      else if (byte === BACKSLASH) escaped = true
      else if (byte === QUOTE) return text.append(cursor.take(at + 1))
    }
    text.append(cursor.take(cursor.chunk.length))
  }
}

/** One string as a JSON document of its own; without its closing quote when the answer ends before. */
async function* streamString(cursor: Cursor, head: Buffer): AsyncGenerator<Uint8Array> {
  yield Buffer.from('"')
  yield head
  while (await cursor.fill()) {
    const quote = cursor.chunk.indexOf(QUOTE, cursor.at)
    yield cursor.take(quote < 0 ? cursor.chunk.length : quote + 1)
    if (quote >= 0) return
  }
}

type Text = { append(part: Buffer): void; read(): string }

function createText(): Text {
  const parts: Buffer[] = []
  let sizeBytes = 0
  return {
    append(part) {
      sizeBytes += part.length
      if (sizeBytes > MAX_TEXT_BYTES) {
        throw new JsonImagesError('too_large', `An answer beside pictures exceeds ${MAX_TEXT_BYTES} bytes`)
      }
      // A chunk's memory may be used again.
      parts.push(Buffer.from(part))
    },
    read: () => Buffer.concat(parts).toString('utf8'),
  }
}
