// Core words into gptimage2's: errors as `{error, code, issues?}`, and a closed list of statuses.
import type { AppError } from '../../errors.ts'
import { type Generation, type PublicStatus, publicStatus } from '../../generations/generation.ts'
import type { HttpContext } from '../../http/context.ts'
import { errorHeaders } from '../../http/errors.ts'
import { renameFields, toErrorText } from '../../http/issues.ts'

/** The core's words for what is called otherwise here. */
const names = { count: 'n', referenceCount: 'inputImageKeys' }

export function renderError(context: HttpContext, error: AppError): Response {
  const details = error.options.details && renameFields(error.options.details, names)
  const body = {
    error: toErrorText(error, details),
    code: error.code,
    ...(details ? { issues: details } : {}),
  }
  return context.json(body, { status: error.status as 400, headers: errorHeaders(error) })
}

/** The contract knows no cancel: an order that was canceled elsewhere failed here. */
export function toStatus({ state }: Pick<Generation, 'state'>): Exclude<PublicStatus, 'canceled'> {
  const status = publicStatus(state)
  return status === 'canceled' ? 'failed' : status
}
