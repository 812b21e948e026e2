// Work on an order with the keys that it was taken under: the operator's, or those of its account.
import { type FinishNeeds, settleReleased } from './finish.ts'
import type { Generation } from './generation.ts'
import { needsOf, type OwnableNeeds } from './own-keys.ts'

/** An order whose account has removed its keys ends: nothing can be asked for it, and nothing was charged. */
export async function runOwn<Needs extends OwnableNeeds & FinishNeeds>(
  needs: Needs,
  generation: Generation,
  run: (needs: Needs) => Promise<void>,
): Promise<void> {
  const own = await needsOf(needs, generation)
  // What is stored may still complete it.
  const isKeyless = own.own?.hasKeys === false && generation.state !== 'reconciling'
  if (!isKeyless) return run(own)
  await settleReleased(own, generation, {
    from: ['dispatching', 'awaiting'],
    state: 'failed',
    reason: 'upstream_unavailable',
    attemptState: generation.state === 'awaiting' ? 'unknown' : 'not_run',
    failure: null,
    message: "the account's own key was removed",
    lossUsdMicro: 0,
    epoch: generation.epoch,
  })
}
