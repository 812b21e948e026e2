// The Idempotency-Key header: 1 to 255 visible ASCII characters, once; "abc" in quotes is abc.
import { invalidField } from '../errors.ts'
import type { HttpContext } from './context.ts'

const keyPattern = /^[\x21-\x7e]{1,255}$/

/** The caller's key, or null without the header. Throws invalid_request for a malformed one. */
export function readIdempotencyKey(context: HttpContext): string | null {
  const raw = context.env.incoming.rawHeaders
  const values = raw.filter((_, at) => at % 2 === 1 && raw[at - 1]?.toLowerCase() === 'idempotency-key')
  const [value] = values
  if (value === undefined) return null
  const key = /^"(.*)"$/.exec(value)?.[1] ?? value
  if (values.length > 1 || !keyPattern.test(key)) {
    throw invalidField(
      'Idempotency-Key',
      'The header Idempotency-Key must be sent once and have 1 to 255 visible ASCII characters.',
      'invalid_format',
    )
  }
  return key
}
