// Retries of SDKs that send no idempotency key but say how often they have tried: X-Stainless-Retry-Count. Such a
// repeat joins its original (generations/join.ts); what it joins is counted against no limit.
import type { AuthenticatedKey, RateRule } from '../accounts/authenticate.ts'
import { type AdmissionNeeds, admit } from './admission.ts'
import { type HttpContext, setAnswerHeader } from './context.ts'

/** SDKs give up after five or so; a call that claims more is counted as any other. */
const plausibleCount = /^(?:[1-9]|10)$/

/** How often this call was tried before, by its SDK's word; 0 for a first try, anything malformed, and a named order. */
function readRetryCount(context: HttpContext): number {
  if (context.req.header('idempotency-key') !== undefined) return 0
  const given = context.req.header('x-stainless-retry-count') ?? ''
  return plausibleCount.test(given) ? Number(given) : 0
}

/** What an order needs so that a repeat joins: spread it into the GenerationInput. */
export type RepeatRule = { retryCount: number; beforeNew: () => Promise<void> }

/**
 * `admit` for the endpoints whose retries join, and what `read` makes of the request. A marked retry is only looked at
 * here. It is counted, and refused when the window is full, as soon as it is known to join nothing: by a request that
 * cannot be read, or by `beforeNew`.
 */
export async function admitOrder<Read>(
  needs: AdmissionNeeds,
  context: HttpContext,
  { rate, read }: { rate: RateRule | null; read: (caller: AuthenticatedKey) => Promise<Read> },
): Promise<{ caller: AuthenticatedKey; repeat: RepeatRule; read: Read }> {
  const retryCount = readRetryCount(context)
  const isRetry = retryCount > 0
  const caller = await admit(needs, context, { rate, scope: 'generate', isCounted: !isRetry })
  const beforeNew = async () => {
    if (isRetry) await admit(needs, context, { rate, scope: 'generate' })
  }
  try {
    return { caller, repeat: { retryCount, beforeNew }, read: await read(caller) }
  } catch (error) {
    await beforeNew()
    throw error
  }
}

/** Says on the answer that the order is not a new one: named by its key, or recognised by the retry's mark. */
export function showRepeat(context: HttpContext, order: { replayed: boolean; joined: boolean }): void {
  if (order.replayed) setAnswerHeader(context, 'idempotent-replayed', 'true')
  if (order.joined) setAnswerHeader(context, 'idempotent-inferred', 'true')
}
