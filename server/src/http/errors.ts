// Whatever a handler throws becomes an AppError here; the dialect gives it its shape. Texts of unforeseen errors
// go to the log, never to the caller.
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { type HttpContext, noteGeneration } from './context.ts'

export function toAppError(log: Log, context: HttpContext, error: unknown): AppError {
  if (error instanceof AppError) {
    // Also of an order that may have been taken though nobody heard so.
    if (error.options.generationId) noteGeneration(context, error.options.generationId)
    if (error.status >= 500) log.error(record(context, error), 'request failed')
    return error
  }
  log.error(record(context, error), 'request failed unexpectedly')
  return new AppError('internal', undefined, { cause: error })
}

function record(context: HttpContext, error: unknown) {
  const [requestId, generationId] = [context.get('requestId'), context.get('generationId')]
  return { event: 'request.failed', requestId, generationId, err: error }
}

/** Headers that follow from the error itself, in every dialect. */
export function errorHeaders(error: AppError): Record<string, string> {
  const { allow, generationId } = error.options
  const retryAfterSeconds = error.options.retryAfterSeconds ?? defaultRetryAfter(error)
  const headers: Record<string, string> = {}
  if (retryAfterSeconds !== undefined)
    headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfterSeconds)))
  if (allow) headers.allow = allow.join(', ')
  // An order exists or a wait is too long for SDKs to obey: they must not send the call again by themselves.
  if (generationId || (retryAfterSeconds ?? 0) > 60) headers['x-should-retry'] = 'false'
  if (generationId) headers['x-darkroom-generation-id'] = generationId
  return headers
}

/** A 503 always says when to come again, unless an order exists that must not be sent twice. */
function defaultRetryAfter(error: AppError): number | undefined {
  return error.status === 503 && !error.options.generationId ? outageRetrySeconds : undefined
}

/** A database that restarts is back within seconds; callers' libraries obey so short a wait. */
const outageRetrySeconds = 2

/** For app.all() behind the methods of a path. */
export function methodNotAllowed(allow: string[]): () => never {
  return () => {
    throw new AppError('method_not_allowed', `Allowed here: ${allow.join(', ')}.`, { allow })
  }
}
