// What a call costs the operator, in micro-USD: as its upstream stated, else by the pictures that it made, else its share
// of the catalogue's expected cost. One rule for every place that books a loss or a cost.
import type { Tariff } from '../models/catalog.ts'
import { noUsage, type ProviderFailure, type ProviderOutcome } from '../providers/provider.ts'
import type { PartOutcome } from './dispatch.ts'
import { failureRules } from './generation.ts'
import type { AttemptRow } from './sql.ts'

/**
 * The outcome of a call with its cost, where what came tells it: every outcome passes here before anything acts on it.
 * What has no cost afterwards costs its share, or nothing. No tariff: its route is gone, or somebody else pays.
 */
export function priceOutcome(outcome: ProviderOutcome, tariff: Tariff | null): ProviderOutcome {
  if (outcome.kind === 'pending' || !tariff) return outcome
  const usage = outcome.usage ?? noUsage
  const costUsdMicro = usage.costUsdMicro ?? costOfPictures(outcome, tariff)
  return costUsdMicro === null ? outcome : { ...outcome, usage: { ...usage, costUsdMicro } }
}

/** Never by the number that was asked for. */
function costOfPictures(
  outcome: Exclude<ProviderOutcome, { kind: 'pending' }>,
  { pictureUsdMicro }: Tariff,
): number | null {
  const stated = outcome.usage?.images ?? null
  if (outcome.kind === 'failed') return stated !== null && mayBeBilled(outcome) ? stated * pictureUsdMicro : null
  // A picture that arrived costs what pictures cost, whatever the answer says of it.
  const made = Math.max(stated ?? 0, outcome.images.length)
  return made === 0 ? null : made * pictureUsdMicro
}

/** What the call cost that brought this outcome; 0 where the outcome proves that nothing was billed. */
export function costOfOutcome(outcome: ProviderOutcome, shareUsdMicro: number): number {
  if (outcome.kind === 'pending') return shareUsdMicro
  const statedUsdMicro = outcome.usage?.costUsdMicro ?? null
  if (statedUsdMicro !== null) return statedUsdMicro
  return outcome.kind === 'succeeded' || mayBeBilled(outcome) ? shareUsdMicro : 0
}

/** A refusal of the input comes before any work; any other may have come after it. */
function mayBeBilled({ failure, stage, accepted }: ProviderFailure): boolean {
  if (failure === 'content_rejected' && stage === 'input') return false
  return failureRules[failure].mayBeBilled || accepted === true
}

/** The cost of the parts that brought no picture: lost whatever becomes of the others. */
export function lossOfParts(parts: PartOutcome[], shareUsdMicro: number): number {
  return sum(parts.filter(part => !hasPicture(part)).map(toCost(shareUsdMicro)))
}

/** The cost of the parts that brought pictures: lost when none of them can be kept. */
export function costOfDelivered(parts: PartOutcome[], shareUsdMicro: number): number {
  return sum(parts.filter(hasPicture).map(toCost(shareUsdMicro)))
}

function hasPicture({ outcome }: PartOutcome): boolean {
  return outcome.kind === 'succeeded' && outcome.images.length > 0
}

/** The share of those images that were bought and cannot be kept. */
export function lossOfMissing(
  { bought, boughtUsdMicro }: { bought: number; boughtUsdMicro: number },
  kept: number,
): number {
  return bought > kept ? Math.ceil((boughtUsdMicro * (bought - kept)) / bought) : 0
}

/** What the rows of an attempt tell after a crash: cost of what brought nothing, or may have, and of what was bought. */
export function costsOfAttempt(attempts: AttemptRow[]): { lossUsdMicro: number; boughtUsdMicro: number } {
  const costOf = (attempt: AttemptRow) => attempt.cost_usd_micro ?? attempt.expected_cost_usd_micro
  return {
    lossUsdMicro:
      sum(attempts.filter(isOpenPart).map(costOf)) +
      sum(attempts.filter(({ state }) => state === 'failed').map(each => each.cost_usd_micro ?? 0)),
    boughtUsdMicro: sum(attempts.filter(({ state }) => state === 'done').map(costOf)),
  }
}

/** Nothing is recorded of what became of it. */
export function isOpenPart({ state }: AttemptRow): boolean {
  return state === 'unknown' || state === 'intent' || state === 'accepted'
}

function toCost(shareUsdMicro: number): (part: PartOutcome) => number {
  return ({ outcome }) => costOfOutcome(outcome, shareUsdMicro)
}

function sum(amounts: number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0)
}
