// What an order would cost, to the credit, without taking it: the same catalogue that prices the hold is asked the same.
// Nothing is fetched, judged or written.
import type { Catalog, Offer } from '../models/catalog.ts'
import type { GenerationInput } from './create.ts'
import { withCounts } from './intake.ts'

/** Throws AppError invalid_request as the order itself would: unknown model, options that it does not offer. */
export function quoteGeneration(
  { catalog }: { catalog: Catalog },
  order: Pick<GenerationInput, 'accountId' | 'dialect' | 'modelId' | 'prompt' | 'options' | 'inputs'>,
): Offer {
  return catalog.resolve(order.dialect, order.modelId, withCounts(order))
}
