// The three X-RateLimit headers, for dialects whose contract has them: on every answer of theirs, errors included.
import type { RateRule } from '../accounts/authenticate.ts'
import { type HttpContext, setAnswerHeader } from './context.ts'

/**
 * Shows the window that this request was counted against. Without a valid key there is no counter: then the rule's
 * own numbers, as before the first call of a window. A key without a limit has nothing to show.
 */
export function showRate(needs: { now: () => Date }, context: HttpContext, rule: RateRule): void {
  const caller = context.get('caller')
  if (caller && !caller.rate) return
  const { limit, remaining, resetAt } = caller?.rate ?? {
    limit: rule.requests,
    remaining: rule.requests,
    resetAt: endOfWindow(needs.now(), rule.windowS),
  }
  setAnswerHeader(context, 'x-ratelimit-limit', String(limit))
  setAnswerHeader(context, 'x-ratelimit-remaining', String(remaining))
  setAnswerHeader(context, 'x-ratelimit-reset', String(Math.ceil(resetAt.getTime() / 1000)))
}

/** Windows of nobody begin at the full hour or minute: all callers without a key are told the same. */
function endOfWindow(now: Date, windowS: number): Date {
  const windowMs = windowS * 1000
  return new Date((Math.floor(now.getTime() / windowMs) + 1) * windowMs)
}
