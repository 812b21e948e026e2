// Request bodies: bounded, JSON only, one meaning. A body with a repeated key is refused: two parsers in a chain
// could each believe the other's half.
import { AppError } from '../errors.ts'
import type { HttpContext } from './context.ts'
import { findRepeatedKey } from './repeated-key.ts'

/** Nesting beyond any contract; parsers of callers' JSON must not be walked down a well. */
const maxDepth = 64

/** Throws AppError: unsupported_media_type, payload_too_large, invalid_request. */
export async function readJsonBody(context: HttpContext, maxBytes: number): Promise<unknown> {
  const contentType = context.req.header('content-type') ?? ''
  if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(contentType)) {
    throw new AppError('unsupported_media_type', 'Send the body as application/json.')
  }
  const text = await readText(context, maxBytes)
  if (text.trim() === '')
    throw new AppError('invalid_request', 'The request body is empty; send a JSON object.')
  return parseJson(text)
}

function parseJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new AppError('invalid_request', 'The request body is not valid JSON.')
  }
  const repeated = findRepeatedKey(text, maxDepth)
  if (repeated === null) return value
  if (repeated.kind === 'too_deep') {
    throw new AppError('invalid_request', `The request body is nested deeper than ${maxDepth} levels.`)
  }
  const { path } = repeated
  const details = [{ path, message: 'This key stands twice in the same object.', code: 'custom' }]
  throw new AppError('invalid_request', undefined, { details })
}

async function readText(context: HttpContext, maxBytes: number): Promise<string> {
  const tooLarge = () =>
    new AppError('payload_too_large', `The request body may have at most ${maxBytes} bytes.`)
  const declared = Number(context.req.header('content-length') ?? 0)
  if (declared > maxBytes) throw tooLarge()
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of context.env.incoming) {
    const bytes = chunk as Buffer
    size += bytes.length
    if (size > maxBytes) throw tooLarge()
    chunks.push(bytes)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new AppError('invalid_request', 'The request body is not valid UTF-8.')
  }
}
