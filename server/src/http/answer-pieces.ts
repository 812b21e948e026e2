// Answers of several pictures, and answers that go on: text and base64 by turns, each picture opened when its turn
// comes, so that an answer of ten needs the memory of one.
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { HttpContext } from './context.ts'
import {
  type ImageText,
  type RawAnswer,
  type StreamedPicture,
  stalledMs,
  type Write,
  writeBase64,
} from './send-image.ts'

/** A picture that is opened when its turn comes; null = it has gone. */
export type StoredPicture = { sizeBytes: number; open(): Promise<Readable | null> }

/** Text as it is, a picture's base64 that is in memory already, or a picture of which the base64 is made. */
export type AnswerPiece = string | ImageText | StoredPicture

export type OnBroken = StreamedPicture['onBroken']

/** Gives back the memory of pieces that may not have been sent. */
export function releasePieces(pieces: readonly AnswerPiece[]): void {
  for (const piece of pieces) if (isText(piece)) piece.release()
}

/** One JSON document. All text is released and every picture closed, whatever becomes of the answer. */
export async function sendJsonPieces(
  context: HttpContext,
  answer: RawAnswer & { pieces: readonly AnswerPiece[]; onBroken: OnBroken },
): Promise<Response> {
  const length = answer.pieces.reduce((sum, piece) => sum + lengthOf(piece), 0)
  const headers = {
    ...answer.headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': `${length}`,
  }
  const stream = openAnswer(context, { ...answer, headers })
  try {
    await stream.write(answer.pieces)
    stream.end()
  } catch (error) {
    stream.abort(error)
  }
  return RESPONSE_ALREADY_SENT
}

export type OpenAnswer = {
  /**
   * Waits until the socket has taken it, or keeps it. Rejects when the caller has gone or a picture cannot be read.
   * Text in memory is released when the answer has ended: until then the socket may hold it.
   */
  write(pieces: readonly AnswerPiece[]): Promise<void>
  /** Aborted when the caller goes. */
  gone: AbortSignal
  end(): void
  /** Cuts the connection: the only honest sign, once headers are out, that the body is not whole. */
  abort(error: unknown): void
}

/** Sends the head at once and leaves the body to the caller. */
export function openAnswer(context: HttpContext, answer: RawAnswer & { onBroken: OnBroken }): OpenAnswer {
  const { outgoing } = context.env
  const gone = new AbortController()
  const held: AnswerPiece[] = []
  outgoing.once('close', () => {
    gone.abort()
    releasePieces(held)
  })
  // Gone already: nobody would tell us any more.
  if (outgoing.destroyed) gone.abort()
  else {
    if (answer.onSent) outgoing.once('finish', answer.onSent)
    outgoing.writeHead(answer.status, { ...context.get('answerHeaders'), ...answer.headers })
    outgoing.setTimeout(stalledMs)
    outgoing.flushHeaders()
  }
  const write: Write = async piece => {
    gone.signal.throwIfAborted()
    if (!outgoing.write(piece, 'latin1')) await once(outgoing, 'drain', { signal: gone.signal })
  }
  return {
    gone: gone.signal,
    async write(pieces) {
      if (gone.signal.aborted) releasePieces(pieces)
      else held.push(...pieces)
      for (const piece of pieces) await writePiece(write, piece)
    },
    end: () => outgoing.end(),
    abort(error) {
      if (!gone.signal.aborted) answer.onBroken(error)
      outgoing.destroy()
    },
  }
}

async function writePiece(write: Write, piece: AnswerPiece): Promise<void> {
  if (typeof piece === 'string') return write(Buffer.from(piece))
  if (isText(piece)) {
    for (const part of piece.parts) await write(part)
    return
  }
  const stream = await piece.open()
  if (!stream) throw new Error('a picture has gone while the answer was sent')
  try {
    await writeBase64(write, stream)
  } finally {
    stream.destroy()
  }
}

function isText(piece: AnswerPiece): piece is ImageText {
  return typeof piece !== 'string' && 'parts' in piece
}

function lengthOf(piece: AnswerPiece): number {
  if (typeof piece === 'string') return Buffer.byteLength(piece)
  if (isText(piece)) return piece.parts.reduce((sum, part) => sum + part.length, 0)
  return Math.ceil(piece.sizeBytes / 3) * 4
}
