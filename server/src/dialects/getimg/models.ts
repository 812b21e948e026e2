// The catalogue's models as getimg lists them.
import type { ListedModel } from '../../models/catalog.ts'
import { toUsdText } from './money.ts'
import { type Model, maxImages } from './schema.ts'

export function toModel(listed: ListedModel, creditPriceUsdMicro: number): Model {
  const references = Math.min(listed.maxReferences, maxImages)
  return {
    id: listed.id,
    name: listed.name,
    type: 'image',
    created_at: listed.createdAt.toISOString(),
    supported_aspect_ratios: defaultFirst(listed.aspectRatios),
    supported_resolutions: listed.resolutions,
    supported_durations: [],
    supported_references: references > 0 ? { reference_image: references } : {},
    supports_sound: false,
    pricing: { currency: 'USD', rates: listRates(listed, creditPriceUsdMicro) },
  }
}

/** The contract says that the first is the default; the catalogue's default is the square where there is one. */
function defaultFirst(ratios: string[]): string[] {
  return ratios.includes('1:1') ? ['1:1', ...ratios.filter(ratio => ratio !== '1:1')] : ratios
}

/** One for each resolution: where a price depends on more, which callers cannot say here, the highest. */
function listRates({ prices }: ListedModel, creditPriceUsdMicro: number): Model['pricing']['rates'] {
  const credits = new Map<string | null, number>()
  for (const price of prices) {
    credits.set(price.resolution, Math.max(price.credits, credits.get(price.resolution) ?? 0))
  }
  return [...credits]
    .sort(([, one], [, other]) => one - other)
    .map(([resolution, each]) => ({
      billable_unit: 'image' as const,
      resolution,
      sound: 'not_applicable' as const,
      unit_price: toUsdText(each, creditPriceUsdMicro),
    }))
}
