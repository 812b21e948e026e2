// Proves a provider's key and address by the free call that its adapter offers; for `doctor` and `providers test`.
import type { CallContext, Provider } from '../providers/provider.ts'
import type { OutsideNeeds } from './needs.ts'

/** Upstreams answer a free call in well under this; longer is as good as down. */
const PROVIDER_CHECK_TIMEOUT_MS = 15_000

function callContext({ http }: Pick<OutsideNeeds, 'http'>): CallContext {
  return {
    http,
    signal: AbortSignal.timeout(PROVIDER_CHECK_TIMEOUT_MS),
    timeoutMs: PROVIDER_CHECK_TIMEOUT_MS,
    receiveImage: () => Promise.reject(new Error('a check makes no picture')),
    attemptId: 'doctor',
    createKey: 'doctor',
    headers: {},
  }
}

/** `works` null: the adapter offers no free call. Rejects as the adapter does. */
export async function proveProvider(
  needs: Pick<OutsideNeeds, 'http'>,
  provider: Provider,
): Promise<{ works: boolean | null; message: string }> {
  if (provider.check === undefined) return { works: null, message: 'It offers no free check.' }
  const checked = await provider.check(callContext(needs))
  return checked.ok
    ? { works: true, message: 'Key and address work.' }
    : { works: false, message: checked.message }
}
