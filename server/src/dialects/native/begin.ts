// What every endpoint of the native API begins with: who calls, and how much of the window is left; and how it refuses.
import type { AuthenticatedKey, RateRule } from '../../accounts/authenticate.ts'
import type { KeyScope } from '../../accounts/keys.ts'
import { AppError } from '../../errors.ts'
import { type AdmissionNeeds, admit, passUnknown } from '../../http/admission.ts'
import type { HttpContext } from '../../http/context.ts'
import { toAppError } from '../../http/errors.ts'
import { showRate } from '../../http/rate-headers.ts'
import type { Log } from '../../log.ts'
import { renderError } from './present.ts'

export type FailNeeds = BeginNeeds & { log: Log }
export type Fail = (context: HttpContext, error: unknown) => Promise<Response>

export type BeginNeeds = AdmissionNeeds & { now: () => Date }

/** Admits the caller; `route` is the path's pattern. Throws AppError as `admit` does. */
export type Begin = (context: HttpContext, route: string, scope: KeyScope) => Promise<AuthenticatedKey>

export const rate: RateRule = { dialect: 'native', per: 'key', requests: 600, windowS: 60 }

export function createBegin(needs: BeginNeeds): Begin {
  return async (context, route, scope) => {
    context.set('dialect', 'native')
    context.set('route', route)
    const caller = await admit(needs, context, { rate, scope })
    showRate(needs, context, rate)
    return caller
  }
}

/** An error as this API shows it, with the window. A call that no endpoint takes is counted first, as any other is. */
export function createFail(needs: FailNeeds): Fail {
  const begin = createBegin(needs)
  return async (context, error) => {
    const shown = isMiss(context, error) ? await countMiss(begin, context, error) : error
    showRate(needs, context, rate)
    return renderError(context, toAppError(needs.log, context, shown))
  }
}

/** Endpoints ask first who calls. */
function isMiss(context: HttpContext, error: unknown): boolean {
  const isKind = error instanceof AppError && ['not_found', 'method_not_allowed'].includes(error.code)
  return isKind && context.get('caller') === undefined
}

/** The error that is to be told: the same, unless the window is used up. */
async function countMiss(begin: Begin, context: HttpContext, error: unknown): Promise<unknown> {
  try {
    await begin(context, 'other', 'read').catch(passUnknown)
    return error
  } catch (refused) {
    return refused
  }
}
