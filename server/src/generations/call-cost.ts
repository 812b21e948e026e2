// What a call costs the operator, in micro-USD: as its upstream stated, else by the tokens that it stated, else by the
// pictures that it made, else its share of the catalogue's expected cost. One rule for every place that books a loss or a cost.
import type { Tariff, TokenPrices } from '../models/catalog.ts'
import { noUsage, type ProviderFailure, type ProviderOutcome, type Usage } from '../providers/provider.ts'
import { failureRules } from './generation.ts'

type Ended = Exclude<ProviderOutcome, { kind: 'pending' }>

/**
 * The outcome of a call with its cost, where what came tells it: every outcome passes here before anything acts on it.
 * What has no cost afterwards costs its share, or nothing. No tariff: its route is gone, or somebody else pays.
 */
export function priceOutcome(outcome: ProviderOutcome, tariff: Tariff | null): ProviderOutcome {
  if (outcome.kind === 'pending' || !tariff) return outcome
  const usage = outcome.usage ?? noUsage
  const costUsdMicro =
    usage.costUsdMicro ?? costOfTokens(outcome, tariff.tokenPrices) ?? costOfPictures(outcome, tariff)
  return costUsdMicro === null ? outcome : { ...outcome, usage: { ...usage, costUsdMicro } }
}

/**
 * Null where the answer tells no tokens, or some without a price. Output must be among them, for an answer that used none
 * told only half; but a refusal may have cost no more than what was read.
 */
function costOfTokens(outcome: Ended, prices: TokenPrices | null): number | null {
  if (!prices || !outcome.usage) return null
  const counts = countTokens(outcome.usage)
  const isRefusal = outcome.kind === 'failed' && outcome.failure === 'content_rejected'
  const output = counts.textOut + counts.imageOut + counts.thinking
  const told = isRefusal ? output + counts.textIn + counts.imageIn : output
  if (told === 0) return null
  let sum = 0
  for (const kind of tokenKinds) {
    const price = prices[kind]
    if (counts[kind] > 0 && price === null) return null
    sum += counts[kind] * (price ?? 0)
  }
  return Number.isSafeInteger(sum) ? Math.ceil(sum / 1_000_000) : null
}

const tokenKinds = ['textIn', 'imageIn', 'textOut', 'imageOut', 'thinking'] as const

/** Each token once. What is told of no kind is given text, and of the output a picture. */
function countTokens(usage: Usage): Record<keyof TokenPrices, number> {
  const imageIn = usage.inputImageTokens ?? 0
  const textOut = usage.outputTextTokens ?? 0
  const thinking = usage.thinkingTokens ?? 0
  const rest = (all: number | null, known: number) => Math.max(0, (all ?? 0) - known)
  return {
    imageIn,
    textIn: Math.max(usage.inputTextTokens ?? 0, rest(usage.inputTokens, imageIn)),
    textOut,
    thinking,
    imageOut: Math.max(usage.outputImageTokens ?? 0, rest(usage.outputTokens, textOut + thinking)),
  }
}

/** More than this no call brings: a larger number that is stated is a mistake, and not to be multiplied. */
const maxStatedPictures = 100

/** Never by the number that was asked for. */
function costOfPictures(outcome: Ended, { pictureUsdMicro }: Tariff): number | null {
  const told = outcome.usage?.images ?? null
  const stated = told !== null && told <= maxStatedPictures ? told : null
  if (outcome.kind === 'failed')
    return stated !== null && mayBeBilled(outcome) ? stated * pictureUsdMicro : null
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
