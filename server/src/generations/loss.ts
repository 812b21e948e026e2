// What of the cost of calls is the operator's loss, in micro-USD: that of parts that brought nothing, of pictures that
// cannot be kept, and of what nothing is known of.
import { costOfOutcome } from './call-cost.ts'
import type { PartOutcome } from './dispatch.ts'
import { isOpenPart } from './parts.ts'
import type { AttemptRow } from './sql.ts'

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

function toCost(shareUsdMicro: number): (part: PartOutcome) => number {
  return ({ outcome }) => costOfOutcome(outcome, shareUsdMicro)
}

function sum(amounts: number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0)
}
