// What is kept of a receiver's answer, for the owner to read: the beginning of its body and its headers, both bounded
// and without secrets.
import { REDACTED, scrubSecrets } from '../log.ts'
import type { OutboundResponse } from '../outbound.ts'

/** The rest of a body is never read. */
export const answerBytes = 1_024
/** More headers, or longer ones, tell an owner nothing; what is beyond is left out. */
const maxHeaders = 32
const maxNameLength = 64
const maxValueLength = 256
/** Of all names and values together: a page of the log holds 2,000 attempts, and a receiver says what it likes. */
const maxHeadersLength = 2_048

/** Values of these say who somebody is; none is anybody's business in a log. */
const secretName = /cookie|authori[sz]ation|token|secret|password|credential|signature|session|api-?key/

/** The body's beginning, as it came. */
export async function readBeginning(response: OutboundResponse): Promise<string> {
  const parts: Buffer[] = []
  let sizeBytes = 0
  try {
    for await (const part of response.body as AsyncIterable<Buffer>) {
      parts.push(part)
      sizeBytes += part.length
      if (sizeBytes >= answerBytes) break
    }
  } catch {
    // Cut off, late or too large: what came of it is kept.
  }
  await response.discard()
  return Buffer.concat(parts).subarray(0, answerBytes).toString('utf8')
}

/** The database keeps no NUL. */
export function toKeptText(text: string): string {
  return scrubSecrets(text.replaceAll('\0', '\ufffd'))
}

/** As JSON text, in the order in which they came; those that would go beyond the bound of all are left out. */
export function toKeptHeaders(headers: Record<string, string>): string {
  let left = maxHeadersLength
  const kept = Object.entries(headers)
    .slice(0, maxHeaders)
    .map(([name, value]) => [
      name.slice(0, maxNameLength),
      secretName.test(name) ? REDACTED : toKeptText(value).slice(0, maxValueLength),
    ])
    .filter(([name = '', value = '']) => {
      const length = name.length + value.length
      if (length > left) return false
      left -= length
      return true
    })
  return JSON.stringify(Object.fromEntries(kept))
}
