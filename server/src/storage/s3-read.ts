// Reads one object. A stream that breaks is taken up where it broke, of the same object or not at all; one that ends
// early is an error: a reader must never take half an image for the whole.
import { Readable } from 'node:stream'
import type { Bucket } from './s3-bucket.ts'
import { isNoSuchObject, isOutOfRange } from './s3-failure.ts'

type Span = { start: number; end: number }
type Answer = { body: Readable; sizeBytes: number; etag: string }

/** So often in a row a stream is taken up again without having brought a byte. */
const MAX_RESUMES = 2
/** Read ahead of whoever takes it. */
const READ_AHEAD_BYTES = 128 * 1024

/** Null when there is no such object. Throws RangeError for a range that lies outside. */
export async function readObject(
  bucket: Bucket,
  key: string,
  range?: Span,
): Promise<{ stream: Readable; sizeBytes: number } | null> {
  if (range && !(range.start >= 0 && range.start <= range.end)) {
    throw new RangeError(`bytes ${range.start}-${range.end} are no range`)
  }
  const found = await get(bucket, key, range ? { range } : {})
  if (!found) return null
  const { sizeBytes, body, etag } = found
  const start = range?.start ?? 0
  const end = Math.min(range?.end ?? sizeBytes - 1, sizeBytes - 1)
  const resume = async (from: number): Promise<Readable> => {
    const rest = await get(bucket, key, { range: { start: from, end }, etag })
    if (!rest) throw bucket.fail(new Error('an object went away while it was read'))
    return rest.body
  }
  return { stream: streamBody({ body, span: { start, end }, resume, bucket }), sizeBytes }
}

/**
 * Asks for the first byte and not for the head alone: the answer to that has no body, which would tell a missing
 * object from a missing bucket. Null when there is no such object.
 */
export async function findSize(
  bucket: Bucket,
  key: string,
): Promise<{ sizeBytes: number; etag: string } | null> {
  try {
    const found = await get(bucket, key, { range: { start: 0, end: 0 } })
    if (!found) return null
    // One byte: reading it keeps the connection.
    found.body.resume().on('error', () => undefined)
    return { sizeBytes: found.sizeBytes, etag: found.etag }
  } catch (error) {
    // No byte of an empty object can be asked for.
    if (error instanceof RangeError) return { sizeBytes: 0, etag: '' }
    throw error
  }
}

async function get(
  bucket: Bucket,
  key: string,
  { range, etag }: { range?: Span; etag?: string },
): Promise<Answer | null> {
  try {
    const { sdk, client } = await bucket.open()
    const command = new sdk.GetObjectCommand({
      ...bucket.at(key),
      ...(range ? { Range: `bytes=${range.start}-${range.end}` } : {}),
      ...(etag ? { IfMatch: etag } : {}),
    })
    const answer = await client.send(command, bucket.callOptions)
    const { Body: body, ContentLength: length, ContentRange: part } = answer
    if (!(body instanceof Readable)) throw new Error('the answer has no body')
    const sizeBytes = range ? Number(/\/(\d+)$/.exec(part ?? '')?.[1]) : length
    if (sizeBytes === undefined || Number.isNaN(sizeBytes)) {
      body.destroy()
      throw new Error('the answer does not tell how large the object is')
    }
    return { body, sizeBytes, etag: answer.ETag ?? '' }
  } catch (error) {
    if (isNoSuchObject(error)) return null
    if (range && isOutOfRange(error)) {
      throw new RangeError(`bytes ${range.start}-${range.end} lie outside the object`)
    }
    throw bucket.fail(error)
  }
}

type Reading = {
  body: Readable
  span: Span
  resume(from: number): Promise<Readable>
  bucket: Bucket
}

/** Chunks of a length that 3 divides, so that the base64 of them joins without a seam; the last is the rest. */
function streamBody({ body, span, resume, bucket }: Reading): Readable {
  let current = body
  let pieces = current[Symbol.asyncIterator]()
  let position = span.start
  let rest: Buffer = Buffer.alloc(0)
  let resumes = 0

  async function pull(): Promise<Buffer | null> {
    const next: IteratorResult<Buffer> = await pieces.next()
    if (!next.done) return next.value
    if (position <= span.end) throw bucket.fail(new Error('an object ends too early'))
    return null
  }

  async function pullAgain(error: unknown): Promise<void> {
    current.destroy()
    if (resumes === MAX_RESUMES || stream.destroyed) throw error
    resumes += 1
    current = await resume(position)
    pieces = current[Symbol.asyncIterator]()
    // Whoever destroyed the stream meanwhile could not reach this one.
    if (stream.destroyed) current.destroy()
  }

  /** Null at the end. */
  async function nextChunk(): Promise<Buffer | null> {
    while (position <= span.end) {
      const piece = await pull().catch(pullAgain)
      if (!piece) continue
      resumes = 0
      position += piece.length
      const all = rest.length > 0 ? Buffer.concat([rest, piece]) : piece
      const whole = position > span.end ? all.length : all.length - (all.length % 3)
      rest = all.subarray(whole)
      if (whole > 0) return all.subarray(0, whole)
    }
    // To its very end, or the connection cannot be used again.
    await pull().catch(() => null)
    return null
  }

  const stream = new Readable({
    highWaterMark: READ_AHEAD_BYTES,
    read() {
      nextChunk().then(
        chunk => this.push(chunk),
        error => this.destroy(bucket.fail(error)),
      )
    },
    destroy(error, done) {
      current.destroy()
      done(error)
    },
  })
  return stream
}
