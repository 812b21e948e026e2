// The words by which a caller asks for a part of a file or says that it has it already (RFC 9110, 13 and 14).

/** Both included. */
export type ByteRange = { start: number; end: number }

type Asking = { header(name: string): string | undefined }
type Asked = { sizeBytes: number; etag: string }

/** More digits are no position in any file. */
const oneRange = /^bytes=(\d{0,15})-(\d{0,15})$/i

/**
 * The part that is asked for; null = all of it. Several parts, other units and nonsense are ignored, as the standard
 * allows; so is a part of a version that is not this one.
 */
export function readRange(request: Asking, { sizeBytes, etag }: Asked): ByteRange | null | 'unsatisfiable' {
  const condition = request.header('if-range')?.trim()
  if (condition !== undefined && condition !== etag) return null
  const [, first, last] = oneRange.exec(request.header('range')?.trim() ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return null
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes)
    return length === 0 ? 'unsatisfiable' : { start: sizeBytes - length, end: sizeBytes - 1 }
  }
  const start = Number(first)
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1)
  if (last !== '' && Number(last) < start) return null
  return start < sizeBytes ? { start, end } : 'unsatisfiable'
}

/** Whether a list of tags, or `*`, names this one. Weak and strong tags are the same here. */
export function isAnyOf(list: string | undefined, etag: string): boolean {
  if (list === undefined) return false
  return list.split(',').some(each => {
    const tag = each.trim().replace(/^W\//, '')
    return tag === '*' || tag === etag
  })
}
