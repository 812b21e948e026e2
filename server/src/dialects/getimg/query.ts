// Parameters of the query: each at most once, and what is wrong is named.
import { AppError } from '../../errors.ts'
import type { HttpContext } from '../../http/context.ts'

export function refuse(path: string, message: string, reason?: string): AppError {
  const details = [{ path, message, code: 'custom' }]
  return new AppError('invalid_request', message, reason ? { details, reason } : { details })
}

/** Null when it is not there. */
export function readOneQuery(context: HttpContext, name: string): string | null {
  const [text, ...more] = context.req.queries(name) ?? []
  if (more.length > 0) throw refuse(name, `${name} stands twice in the query.`)
  return text ?? null
}

const types = ['image', 'video'] as const
export type MediaKind = (typeof types)[number]

/** `?type=` of the model list; null = all. */
export function readType(context: HttpContext): MediaKind | null {
  const text = readOneQuery(context, 'type')
  if (text === null) return null
  const type = types.find(each => each === text)
  if (!type) throw refuse('type', `type must be one of ${types.join(', ')}.`)
  return type
}
