// Retries of SDKs that send no idempotency key but say how often they have tried: X-Stainless-Retry-Count. Such a
// repeat joins its original (generations/join.ts); what it joins is counted against no limit.
import type { AuthenticatedKey, RateRule } from '../accounts/authenticate.ts'
import { type AdmissionNeeds, admit } from './admission.ts'
import { type HttpContext, setAnswerHeader } from './context.ts'

/** How often this call was tried before, by its SDK's word; 0 for a first try and for anything malformed. */
export function readRetryCount(context: HttpContext): number {
  const given = context.req.header('x-stainless-retry-count') ?? ''
  return /^\d{1,4}$/.test(given) ? Number(given) : 0
}

/** What an order needs so that a repeat joins: spread it into the GenerationInput. */
export type RepeatRule = { retryCount: number; beforeNew: () => Promise<void> }

/**
 * `admit` for the endpoints whose retries join. A marked retry is only looked at here; `beforeNew` counts it, and
 * refuses it when the window is full, once it has turned out to be an order of its own.
 */
export async function admitOrder(
  needs: AdmissionNeeds,
  context: HttpContext,
  rate: RateRule | null,
): Promise<{ caller: AuthenticatedKey; repeat: RepeatRule }> {
  const retryCount = readRetryCount(context)
  const isRetry = retryCount > 0
  const caller = await admit(needs, context, { rate, scope: 'generate', isCounted: !isRetry })
  const beforeNew = async () => {
    if (isRetry) await admit(needs, context, { rate, scope: 'generate' })
  }
  return { caller, repeat: { retryCount, beforeNew } }
}

/** Says on the answer that the order is not a new one: named by its key, or recognised by the retry's mark. */
export function showRepeat(context: HttpContext, order: { replayed: boolean; joined: boolean }): void {
  if (order.replayed) setAnswerHeader(context, 'idempotent-replayed', 'true')
  if (order.joined) setAnswerHeader(context, 'idempotent-inferred', 'true')
}
