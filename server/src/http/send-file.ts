// Sends a stored picture as a file: whole, in part, or not at all when the caller has it. Nothing that is sent can
// run as a page, whatever its bytes are: the type is the one found in the bytes and may not be guessed anew.
import type { Readable } from 'node:stream'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { AppError } from '../errors.ts'
import { type HttpContext, setAnswerHeader } from './context.ts'
import { type ByteRange, isAnyOf, readRange } from './ranges.ts'
import { type StreamedPicture, sendImage } from './send-image.ts'

export type SentFile = {
  mediaType: string
  sizeBytes: number
  /** Quoted. */
  etag: string
  /** Letters, digits, `-` and `.`. */
  fileName: string
  /** Null when the object has gone meanwhile. */
  open(range?: ByteRange): Promise<Readable | null>
}

export type FilePolicy = {
  cacheControl: string
  /** Whether pages of other sites may show it. */
  crossOrigin: boolean
  onBroken: StreamedPicture['onBroken']
}

/** Call before anything can fail, so that refusals are as harmless as the files. */
export function setFileHeaders(context: HttpContext, { crossOrigin }: { crossOrigin: boolean }): void {
  setAnswerHeader(context, 'content-security-policy', "default-src 'none'; sandbox")
  setAnswerHeader(context, 'cross-origin-resource-policy', crossOrigin ? 'cross-origin' : 'same-origin')
  setAnswerHeader(context, 'referrer-policy', 'no-referrer')
  // Of a refusal; the file brings its own.
  setAnswerHeader(context, 'cache-control', 'no-store')
}

/** Answers GET and HEAD. Throws AppError `not_found` when the bytes are gone. */
export async function sendFile(context: HttpContext, file: SentFile, policy: FilePolicy): Promise<Response> {
  setFileHeaders(context, policy)
  const headers = {
    etag: file.etag,
    'cache-control': policy.cacheControl,
    'accept-ranges': 'bytes',
    'content-type': file.mediaType,
    'content-disposition': `inline; filename="${file.fileName}"`,
  }
  const isHead = context.req.method === 'HEAD'
  if (isAnyOf(context.req.header('if-none-match'), file.etag)) {
    const { etag, 'cache-control': cacheControl } = headers
    return sendHead(context, 304, { etag, 'cache-control': cacheControl })
  }
  const range = isHead ? null : readRange(context.req, file)
  if (range === 'unsatisfiable') {
    const { 'accept-ranges': acceptRanges } = headers
    return sendHead(context, 416, {
      'accept-ranges': acceptRanges,
      'content-range': `bytes */${file.sizeBytes}`,
      'content-length': '0',
    })
  }
  const whole = { ...headers, 'content-length': String(file.sizeBytes) }
  const stream = await file.open(isHead ? { start: 0, end: 0 } : (range ?? undefined))
  if (!stream) throw new AppError('not_found', 'There is no such file.')
  if (isHead) {
    stream.destroy()
    return sendHead(context, 200, whole)
  }
  const image = { stream, sizeBytes: file.sizeBytes }
  const { onBroken } = policy
  if (!range) return sendImage(context, { status: 200, headers: whole, image, onBroken })
  const { start, end } = range
  const part = {
    ...headers,
    'content-range': `bytes ${start}-${end}/${file.sizeBytes}`,
    'content-length': String(end - start + 1),
  }
  return sendImage(context, { status: 206, headers: part, image, onBroken })
}

/**
 * Without a body, past the framework, which would add a type and a length of its own. Not for HEAD: it wraps that
 * answer once more and would send its head again.
 */
function sendHead(context: HttpContext, status: 200 | 304 | 416, headers: Record<string, string>): Response {
  if (context.req.method === 'HEAD') return context.body(null, status, headers)
  const { outgoing } = context.env
  outgoing.writeHead(status, { ...context.get('answerHeaders'), ...headers })
  outgoing.end()
  return RESPONSE_ALREADY_SENT
}
