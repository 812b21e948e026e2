// Work on an order with the keys that it was taken under: the operator's, or those of its account.
import { type FinishNeeds, settleReleased } from './finish.ts'
import type { Generation } from './generation.ts'
import { needsOf, type OwnableNeeds } from './own-keys.ts'

/**
 * An order whose account has removed its keys is sent nowhere: it ends, and nothing was charged. One that was sent goes
 * its way: what was brought or is stored may still be sold.
 */
export async function runOwn<Needs extends OwnableNeeds & FinishNeeds>(
  needs: Needs,
  generation: Generation,
  run: (needs: Needs) => Promise<void>,
): Promise<void> {
  const own = await needsOf(needs, generation)
  const isKeyless = own.own?.hasKeys === false && generation.state === 'dispatching'
  if (!isKeyless) return run(own)
  await settleReleased(own, generation, {
    from: ['dispatching'],
    state: 'failed',
    reason: 'upstream_unavailable',
    attemptState: 'not_run',
    failure: null,
    message: "the account's own key was removed",
    lossUsdMicro: 0,
    epoch: generation.epoch,
  })
}
