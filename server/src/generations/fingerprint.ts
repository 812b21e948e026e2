// What makes two requests the same: method, route (mount prefix removed), account and the body in canonical form.
// Key order and white space do not matter; array order, null and omission do.
import { createHash } from 'node:crypto'

export function fingerprintOf(request: {
  method: string
  route: string
  accountId: string
  body: unknown
}): Buffer {
  const hash = createHash('sha256')
  hash.update(`${request.method} ${request.route}\n${request.accountId}\n`)
  hash.update(canonicalJson(request.body))
  return hash.digest()
}

/** JSON with the keys of every object in code-unit order. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`).join(',')}}`
}
