// Leaves private metadata out of a picture while it streams past, without decoding or encoding: engines of the
// operator write the prompt, the workflow and names of files into what they make. What shows the picture stays.

/** Text, times, EXIF, provenance and all that is unknown go; these say how the pixels are to be shown. */
const KEPT_PNG_CHUNKS = new Set(
  'tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI bKGD hIST pHYs sPLT acTL fcTL fdAT'.split(' '),
)
const KEPT_WEBP_CHUNKS = new Set(['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ICCP', 'ANIM', 'ANMF'])
/** The length in a webp's head is sent before its metadata is seen, so that what goes is blanked and not cut out. */
const BLANK_WEBP_CHUNK = 'JUNK'
const WEBP_METADATA_FLAGS = 0x0c
const BLANK = Buffer.alloc(64 * 1024)

const JPEG_END = 0xd9
const JPEG_SCAN = 0xda
const JPEG_COMMENT = 0xfe
/** JFIF, colour profile, and Adobe's word on the colour transform; all other application segments go. */
const KEPT_JPEG_SEGMENTS: Record<number, string> = { 224: 'JFIF\0', 226: 'ICC_PROFILE\0', 238: 'Adobe' }

/** The same picture without metadata. What is no png, jpeg or webp, or is broken, passes for others to refuse. */
export async function* stripMetadata(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const cursor = openCursor(bytes)
  try {
    const head = await cursor.take(12)
    if (head.toString('latin1', 0, 8) === '\x89PNG\r\n\x1a\n') {
      cursor.putBack(head.subarray(8))
      yield head.subarray(0, 8)
      yield* stripPng(cursor)
    } else if (head[0] === 0xff && head[1] === 0xd8) {
      cursor.putBack(head.subarray(2))
      yield head.subarray(0, 2)
      yield* stripJpeg(cursor)
    } else if (head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8) === 'WEBP') {
      yield head
      yield* stripWebp(cursor, head.readUInt32LE(4) - 4)
    } else {
      yield head
      yield* cursor.pass(Number.POSITIVE_INFINITY)
    }
  } finally {
    cursor.close()
  }
}

async function* stripPng(cursor: Cursor): AsyncGenerator<Uint8Array> {
  for (;;) {
    const head = await cursor.take(8)
    if (head.length < 8) return yield head
    const type = head.toString('latin1', 4, 8)
    // Each chunk ends with a checksum of four bytes, which is not counted in its length.
    const sizeBytes = head.readUInt32BE(0) + 4
    const isCritical = /^[A-Z]/.test(type)
    if (isCritical || KEPT_PNG_CHUNKS.has(type)) {
      yield head
      yield* cursor.pass(sizeBytes)
    } else await cursor.skip(sizeBytes)
    if (type === 'IEND') return cursor.skip(Number.POSITIVE_INFINITY)
  }
}

async function* stripJpeg(cursor: Cursor): AsyncGenerator<Uint8Array> {
  for (;;) {
    const head = await cursor.take(2)
    if (head.length < 2 || head[0] !== 0xff) {
      yield head
      return yield* cursor.pass(Number.POSITIVE_INFINITY)
    }
    // Any number of fill bytes may stand before a marker.
    while (head[1] === 0xff) {
      const next = await cursor.take(1)
      if (next.length === 0) return yield head
      head[1] = next[0] ?? 0
    }
    const marker = head[1] ?? 0
    if (marker === JPEG_END) {
      yield head
      return cursor.skip(Number.POSITIVE_INFINITY)
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      yield head
      continue
    }
    yield* stripSegment(cursor, head, marker)
    if (marker === JPEG_SCAN) yield* cursor.passScan()
  }
}

async function* stripSegment(cursor: Cursor, head: Buffer, marker: number): AsyncGenerator<Uint8Array> {
  const length = await cursor.take(2)
  const sizeBytes = length.length < 2 ? 0 : Math.max(0, length.readUInt16BE(0) - 2)
  const isApplication = marker >= 0xe0 && marker <= 0xef
  let start: Buffer = Buffer.alloc(0)
  if (isApplication) {
    const name = KEPT_JPEG_SEGMENTS[marker] ?? ''
    start = await cursor.take(Math.min(sizeBytes, name.length))
    if (name === '' || start.toString('latin1') !== name) return cursor.skip(sizeBytes - start.length)
  } else if (marker === JPEG_COMMENT) return cursor.skip(sizeBytes)
  yield Buffer.concat([head, length, start])
  yield* cursor.pass(sizeBytes - start.length)
}

async function* stripWebp(cursor: Cursor, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let leftBytes = sizeBytes
  while (leftBytes > 0) {
    const head = await cursor.take(Math.min(8, leftBytes))
    if (head.length < 8) return yield head
    leftBytes -= 8
    const type = head.toString('latin1', 0, 4)
    const stated = head.readUInt32LE(4)
    const wholeBytes = Math.min(stated + (stated % 2), leftBytes)
    leftBytes -= wholeBytes
    if (!KEPT_WEBP_CHUNKS.has(type)) {
      head.write(BLANK_WEBP_CHUNK, 'latin1')
      yield head
      for (let left = await cursor.skip(wholeBytes); left > 0; left -= BLANK.length) {
        yield BLANK.subarray(0, Math.min(left, BLANK.length))
      }
      continue
    }
    const flags = await cursor.take(type === 'VP8X' ? Math.min(1, wholeBytes) : 0)
    if (flags.length === 1) flags[0] = (flags[0] ?? 0) & ~WEBP_METADATA_FLAGS
    yield Buffer.concat([head, flags])
    yield* cursor.pass(wholeBytes - flags.length)
  }
  await cursor.skip(Number.POSITIVE_INFINITY)
}

type Cursor = ReturnType<typeof openCursor>

/** Reads on over the borders of chunks. What it passes on is lent until the next step, as the source lends it. */
function openCursor(bytes: AsyncIterable<Uint8Array>) {
  const source = bytes[Symbol.asyncIterator]()
  let chunk: Buffer = Buffer.alloc(0)

  /** False at the end of the source. */
  async function fill(): Promise<boolean> {
    while (chunk.length === 0) {
      const next = await source.next()
      if (next.done) return false
      chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength)
    }
    return true
  }
  function cut(sizeBytes: number): Buffer {
    const part = chunk.subarray(0, sizeBytes)
    chunk = chunk.subarray(part.length)
    return part
  }
  async function* pass(sizeBytes: number): AsyncGenerator<Buffer> {
    for (let left = sizeBytes; left > 0 && (await fill()); ) {
      const part = cut(left)
      left -= part.length
      yield part
    }
  }
  return {
    pass,
    /** A copy of the next bytes; fewer at the end. */
    async take(sizeBytes: number): Promise<Buffer> {
      const parts: Buffer[] = []
      for (let left = sizeBytes; left > 0 && (await fill()); ) {
        const part = Buffer.from(cut(left))
        left -= part.length
        parts.push(part)
      }
      return Buffer.concat(parts)
    },
    /** How many bytes there were to skip. */
    async skip(sizeBytes: number): Promise<number> {
      let skipped = 0
      while (skipped < sizeBytes && (await fill())) skipped += cut(sizeBytes - skipped).length
      return skipped
    },
    putBack(part: Buffer): void {
      chunk = chunk.length === 0 ? part : Buffer.concat([part, chunk])
    },
    /** Compressed data up to the next marker, which is left to be read. */
    async *passScan(): AsyncGenerator<Buffer> {
      while (await fill()) {
        const lead = chunk.indexOf(0xff)
        if (lead !== 0) {
          yield cut(lead < 0 ? chunk.length : lead)
          continue
        }
        const held = Buffer.from(cut(1))
        if (!(await fill())) return yield held
        const next = chunk[0] ?? 0
        if (next !== 0 && (next < 0xd0 || next > 0xd7)) {
          chunk = Buffer.concat([held, chunk])
          return
        }
        yield Buffer.concat([held, cut(1)])
      }
    },
    close(): void {
      // A source with a read under way ends only after it, so nobody waits for that.
      Promise.resolve(source.return?.()).catch(() => undefined)
    },
  }
}
