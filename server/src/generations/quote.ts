// What an order would cost, to the credit, without taking it: the same catalogue that prices the hold is asked the same.
// Nothing is fetched, judged or written.
import type { Catalog, Offer } from '../models/catalog.ts'
import { resolveWish, type Wish } from './intake.ts'

/** Throws AppError invalid_request as the order itself would: unknown model, options that it does not offer. */
export function quoteGeneration(needs: { catalog: Catalog }, order: Wish): Offer {
  return resolveWish(needs, order)
}
