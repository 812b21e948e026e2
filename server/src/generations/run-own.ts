// Work on an order with the keys that it was taken under: the operator's, or those of its account.
import { type FinishNeeds, settleReleased } from './finish.ts'
import type { Generation } from './generation.ts'
import { leaveDelayMs, needsOf, type OwnableNeeds } from './own-keys.ts'
import { pollSql } from './poll-sql.ts'
import { type AttemptRow, sql } from './sql.ts'
import { timeLeftMs } from './time-left.ts'

type RunOwnNeeds = OwnableNeeds & FinishNeeds & { random: () => number }

/**
 * An order whose account has removed its keys is sent nowhere: it ends, and nothing was charged. One that was sent goes
 * its way: what was brought or is stored may still be sold. One whose key this node cannot open is another node's,
 * until its deadline.
 */
export async function runOwn<Needs extends RunOwnNeeds>(
  needs: Needs,
  generation: Generation,
  run: (needs: Needs) => Promise<void>,
): Promise<void> {
  const own = await needsOf(needs, generation)
  if (await isForAnother(own, generation)) return leave(own, generation)
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

async function isForAnother(
  { own, db, providers }: RunOwnNeeds,
  { id, state, attempts: n, ownProviders, timeLeft }: Generation,
): Promise<boolean> {
  if (!own || own.unreadable.size === 0 || timeLeftMs(timeLeft) <= 0) return false
  const attempts = await db.query<AttemptRow>(sql.attempts, [id])
  const current = attempts.filter(each => each.n === n && each.state !== 'not_run')
  if (state === 'dispatching' && current.length === 0)
    return !ownProviders?.some(name => providers.get(name) !== undefined)
  return current.some(({ provider }) => own.unreadable.has(provider))
}

/** Gives the claim back as it was, and makes no appointment with it. */
async function leave({ db, random }: RunOwnNeeds, { id, epoch, attempts, state }: Generation): Promise<void> {
  const delayMs = leaveDelayMs(random())
  if (state === 'dispatching') await db.query(sql.leaveQueued, [id, epoch, delayMs, unreadable])
  else if (state === 'awaiting')
    await db.query(pollSql.awaitParts, [id, epoch, attempts, '[]', delayMs, null])
  else await db.query(sql.leaveReconciling, [id, epoch, delayMs])
}

const unreadable = "the account's own key cannot be opened by this node"
