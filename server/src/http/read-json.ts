// Request bodies: bounded, JSON only, one meaning. A body with a repeated key is refused: two parsers in a chain
// could each believe the other's half. So is text that cannot be kept as it was sent.
import { AppError } from '../errors.ts'
import type { HttpContext } from './context.ts'
import { findStructureFault, type StructureFault } from './json-structure.ts'
import { readBytes } from './read-bytes.ts'

/** Far beyond any contract, and few enough that no body holds up the others. */
const limits = { maxDepth: 64, maxValues: 2_000, maxKeyLength: 256 }

type FaultOfKey = Extract<StructureFault, { path: string }>

const keyFaultTexts: Record<FaultOfKey['kind'], string> = {
  repeated: 'This key stands twice in the same object.',
  unkeepable: 'A key of this name cannot be kept; choose another.',
}

const faultTexts: Record<Exclude<StructureFault, FaultOfKey>['kind'], string> = {
  too_deep: `The request body is nested deeper than ${limits.maxDepth} levels.`,
  too_many_values: `The request body holds more than ${limits.maxValues} values.`,
  key_too_long: `The request body has a key of more than ${limits.maxKeyLength} characters.`,
}

/** Throws AppError: unsupported_media_type, payload_too_large, invalid_request. */
export async function readJsonBody(context: HttpContext, maxBytes: number): Promise<unknown> {
  const contentType = context.req.header('content-type') ?? ''
  if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(contentType)) {
    throw new AppError('unsupported_media_type', 'Send the body as application/json.')
  }
  refuseEncoding(context)
  const text = await readText(context, maxBytes)
  if (text.trim() === '')
    throw new AppError('invalid_request', 'The request body is empty; send a JSON object.')
  return parseJson(text)
}

/** A packed body is not unpacked: taken for what it is not, it would only be called broken. */
export function refuseEncoding(context: HttpContext): void {
  const encoding = context.req.header('content-encoding')?.trim().toLowerCase() ?? ''
  if (encoding === '' || encoding === 'identity') return
  throw new AppError('unsupported_media_type', 'Send the body without a Content-Encoding.')
}

function parseJson(text: string): unknown {
  const fault = findStructureFault(text, limits)
  if (fault && !('path' in fault)) throw new AppError('invalid_request', faultTexts[fault.kind])
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new AppError('invalid_request', 'The request body is not valid JSON.')
  }
  if (fault) throw refuseAt(fault.path, keyFaultTexts[fault.kind])
  // Raw ones are no JSON or no UTF-8: only an escape can bring in a character that no text may hold.
  const broken = brokenEscape.test(text) ? findBrokenText(value, '') : null
  if (broken !== null) throw refuseAt(broken, 'This text holds a NUL or half of a surrogate pair.')
  return value
}

function refuseAt(path: string, message: string): AppError {
  return new AppError('invalid_request', undefined, { details: [{ path, message, code: 'custom' }] })
}

/** The escapes of NUL and of surrogates, paired or not. */
const brokenEscape = /\\u(?:0000|d[89a-f])/i

/** The path of the first text that the database could not keep as it is, or null. */
function findBrokenText(value: unknown, path: string): string | null {
  if (typeof value === 'string') {
    return value.includes('\0') || /\p{Cs}/u.test(value) ? path || 'body' : null
  }
  if (typeof value !== 'object' || value === null) return null
  for (const [key, inner] of Object.entries(value)) {
    const found = findBrokenText(inner, path === '' ? key : `${path}.${key}`)
    if (found !== null) return found
  }
  return null
}

async function readText(context: HttpContext, maxBytes: number): Promise<string> {
  const owner = context.get('caller')?.accountId ?? 'unknown'
  const bytes = await readBytes(context, { maxBytes, owner })
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new AppError('invalid_request', 'The request body is not valid UTF-8.')
  }
}
