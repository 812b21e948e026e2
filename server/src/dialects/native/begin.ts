// What every endpoint of the native API begins with: who calls, and how much of the window is left.
import type { AuthenticatedKey, RateRule } from '../../accounts/authenticate.ts'
import type { KeyScope } from '../../accounts/keys.ts'
import { type AdmissionNeeds, admit } from '../../http/admission.ts'
import type { HttpContext } from '../../http/context.ts'
import { showRate } from '../../http/rate-headers.ts'

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
