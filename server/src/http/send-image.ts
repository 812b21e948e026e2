// Answers with image bytes go straight to Node's response with back-pressure: the envelope as text, the picture
// in slabs as they are read. JSON.stringify never sees them.
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Log } from '../log.ts'
import type { HttpContext } from './context.ts'

/** The stream is closed whatever becomes of the answer. */
export type ImageBytes = { stream: Readable; sizeBytes: number }

/** A picture that is base64 already, in memory that `release` gives back. */
export type ImageText = { parts: Buffer[]; release(): void }

export type RawAnswer = {
  status: number
  headers: Record<string, string>
  /** Called once when the last byte was handed to the socket. */
  onSent?(): void
}

/** A caller that takes no byte for so long is cut off; until then it holds a file, or the memory of a picture. */
export const stalledMs = 60_000

export type StreamedPicture = {
  image: ImageBytes
  /** Called when storage fails in the middle; not when the caller leaves. */
  onBroken(error: unknown): void
}

/**
 * Text that is in memory already, between two pieces of JSON text: one write, which the socket takes as it can, and
 * the memory is given back when the answer has ended in whichever way.
 */
export function sendJsonWithText(
  context: HttpContext,
  answer: RawAnswer & { before: string; text: ImageText; after: string },
): Response {
  const { outgoing } = context.env
  const { parts, release } = answer.text
  outgoing.once('close', release)
  if (answer.onSent) outgoing.once('finish', answer.onSent)
  if (outgoing.destroyed) {
    release()
    return RESPONSE_ALREADY_SENT
  }
  const before = Buffer.from(answer.before)
  const after = Buffer.from(answer.after)
  const length = parts.reduce((sum, part) => sum + part.length, before.length + after.length)
  outgoing.writeHead(answer.status, {
    ...context.get('answerHeaders'),
    ...answer.headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': `${length}`,
  })
  outgoing.setTimeout(stalledMs)
  outgoing.cork()
  outgoing.write(before)
  for (const part of parts) outgoing.write(part)
  outgoing.end(after)
  return RESPONSE_ALREADY_SENT
}

/** The base64 of the picture between two pieces of JSON text. */
export async function sendJsonWithImage(
  context: HttpContext,
  answer: RawAnswer & StreamedPicture & { before: string; after: string },
): Promise<Response> {
  const before = Buffer.from(answer.before)
  const after = Buffer.from(answer.after)
  const length = before.length + Math.ceil(answer.image.sizeBytes / 3) * 4 + after.length
  const headers = {
    ...answer.headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': `${length}`,
  }
  return send(context, { ...answer, headers }, async write => {
    await write(before)
    await writeBase64(write, answer.image.stream)
    await write(after)
  })
}

/** The base64 of a picture, piece by piece as it is read and the socket takes it. */
export async function writeBase64(write: Write, stream: Readable): Promise<void> {
  let rest: Buffer | null = null
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const bytes: Buffer = rest ? Buffer.concat([rest, chunk]) : chunk
    const whole = bytes.length - (bytes.length % 3)
    rest = whole < bytes.length ? bytes.subarray(whole) : null
    if (whole > 0) await write(encodeBase64(bytes, whole))
  }
  if (rest) await write(rest.toString('base64'))
}

/**
 * Pieces of a size whose base64 is a small string: from 128 KiB on V8 keeps strings in a space that only a full
 * collection empties, which costs four times the encoding itself (Node 20). A multiple of 3.
 */
const encodeBytes = 48 * 1024

/** For whole threes of bytes. */
function encodeBase64(bytes: Buffer, length: number): Buffer {
  const text = Buffer.allocUnsafe((length / 3) * 4)
  let at = 0
  for (let from = 0; from < length; from += encodeBytes) {
    at += text.write(bytes.toString('base64', from, Math.min(from + encodeBytes, length)), at, 'latin1')
  }
  return text
}

/** The picture's own bytes. */
export async function sendImage(
  context: HttpContext,
  answer: RawAnswer & StreamedPicture,
): Promise<Response> {
  return send(context, answer, async write => {
    for await (const chunk of answer.image.stream as AsyncIterable<Buffer>) await write(chunk)
  })
}

/** Tells the operator why a connection was cut. */
export function logBroken(log: Log, context: HttpContext): StreamedPicture['onBroken'] {
  return error =>
    log.error(
      { event: 'answer.broken', requestId: context.get('requestId'), err: error },
      'an answer broke off because its picture could not be read',
    )
}

export type Write = (piece: Buffer | string) => Promise<void>

async function send(
  context: HttpContext,
  answer: RawAnswer & StreamedPicture,
  run: (write: Write) => Promise<void>,
): Promise<Response> {
  const { outgoing } = context.env
  // A caller that has gone must not leave us waiting for a drain that never comes.
  const gone = new AbortController()
  outgoing.once('close', () => gone.abort())
  // Gone already: nobody would tell us any more.
  if (outgoing.destroyed) gone.abort()
  try {
    gone.signal.throwIfAborted()
    if (answer.onSent) outgoing.once('finish', answer.onSent)
    outgoing.writeHead(answer.status, { ...context.get('answerHeaders'), ...answer.headers })
    outgoing.setTimeout(stalledMs)
    await run(async piece => {
      gone.signal.throwIfAborted()
      if (!outgoing.write(piece, 'latin1')) await once(outgoing, 'drain', { signal: gone.signal })
    })
    outgoing.end()
  } catch (error) {
    if (!gone.signal.aborted) answer.onBroken(error)
    // Headers are out: a cut connection is the only honest sign that the body is not whole.
    outgoing.destroy()
  } finally {
    // A stream that was never begun is closed by nobody else.
    answer.image.stream.destroy()
  }
  return RESPONSE_ALREADY_SENT
}
