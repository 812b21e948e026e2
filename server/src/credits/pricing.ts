// What a picture costs the customer. Pure: the entry, the request and the day decide, nothing else. A combination
// without a price answers null and is refused by the caller; it is never free by accident.
import type { PriceRequest, Quote } from '../models/catalog.ts'
import { dayOf, type ModelEntry, type PriceConditions, type PriceRule } from '../models/entry.ts'
import type { GenerationOptions } from '../models/options.ts'
import { findUnitCostUsdMicro } from '../models/upstream.ts'

// Default prices keep three tenths above cost: refused and failed work is paid upstream and never by a customer.
const MARGIN_TENTHS = 13

/** Null when the combination has no price. */
export function quotePrice(entry: ModelEntry, request: PriceRequest): Quote | null {
  const day = dayOf(request.at)
  const versions = entry.prices[request.dialect] ?? []
  const version = versions.findLast(({ from }) => from === null || from <= day)
  const rule = version?.rules.find(({ when }) => holds(when, request.options))
  return rule ? quoteRule(rule, request) : null
}

function holds(when: PriceConditions, options: GenerationOptions): boolean {
  return (
    (when.quality === null || when.quality === options.quality) &&
    (when.resolution === null || when.resolution === options.resolution) &&
    (when.sizes === null || (options.size !== null && when.sizes.includes(options.size))) &&
    (when.thinkingLevel === null || when.thinkingLevel === options.thinkingLevel) &&
    (when.minReferences === null || options.referenceCount >= when.minReferences)
  )
}

function quoteRule(rule: PriceRule, { options, creditPriceUsdMicro }: PriceRequest): Quote | null {
  if (rule.kind === 'credits') {
    return { credits: rule.credits + rule.creditsPerReference * options.referenceCount, isDefault: false }
  }
  const cost = findUnitCostUsdMicro(rule.upstream, {
    ...options,
    quality: rule.quality ?? options.quality,
    resolution: rule.resolution ?? options.resolution,
    size: rule.size ?? options.size,
  })
  // A cost of nothing would make the picture free, which only a written price may do.
  if (cost === null || cost === 0) return null
  return { credits: divideUp(cost * MARGIN_TENTHS, creditPriceUsdMicro * 10), isDefault: true }
}

/** Integer division rounding up; exact below 2^53, unlike a division in floating point. */
function divideUp(dividend: number, divisor: number): number {
  return (dividend - (dividend % divisor)) / divisor + (dividend % divisor > 0 ? 1 : 0)
}
