// On which terms an order is taken: what it costs, and with whose key it is made. The one place where a quote and a
// charge come from.
import { AppError } from '../errors.ts'
import type { Offer } from '../models/catalog.ts'
import { resolveWish, type Wish } from './intake.ts'
import { feeOf, type OwnableNeeds } from './own-keys.ts'

/** `ownProviders` null: with the operator's keys, at the full price. */
export type Terms = { offer: Offer; ownProviders: string[] | null }

export type TermNeeds = Pick<OwnableNeeds, 'ownKeys' | 'catalog'> & { isSandbox(): boolean }

/** Throws AppError invalid_request as the catalogue does: unknown model, options that it does not offer. */
export async function findTerms(needs: TermNeeds, wish: Wish): Promise<Terms> {
  return (await findOwnTerms(needs, wish)) ?? { offer: resolveWish(needs, wish), ownProviders: null }
}

/**
 * Null: no key of the account serves this order. Throws AppError unavailable where one would that this node cannot open:
 * nobody pays the full price for it.
 */
async function findOwnTerms(needs: TermNeeds, wish: Wish): Promise<Terms | null> {
  const { ownKeys } = needs
  if (!ownKeys.isOn || needs.isSandbox()) return null
  const brought = await ownKeys.list(wish.accountId)
  const readable = brought.filter(({ isReadable }) => isReadable)
  const terms = termsUnder(needs, wish, readable)
  if (terms || readable.length === brought.length) return terms
  const closed = termsUnder(needs, wish, brought)?.ownProviders
  if (!closed) return null
  throw new AppError('unavailable', `Your key for ${closed.join(', ')} cannot be used right now.`, {
    retryAfterSeconds: 5,
  })
}

function termsUnder(
  { ownKeys, catalog }: TermNeeds,
  wish: Wish,
  brought: readonly { provider: string }[],
): Terms | null {
  if (brought.length === 0) return null
  const under = catalog.under(new Set(brought.map(({ provider }) => provider)))
  const offer = tryToResolve(() => resolveWish({ catalog: under }, wish))
  if (!offer) return null
  const routes = under.routes(offer.modelId, offer.options)
  const unitPrice = feeOf(ownKeys.fee, offer.unitPrice)
  return {
    offer: { ...offer, unitPrice, price: unitPrice * offer.options.count },
    ownProviders: [...new Set(routes.map(({ provider }) => provider))],
  }
}

/** What a key does not serve is asked of the operator's routes, which then say what is wrong. */
function tryToResolve(resolve: () => Offer): Offer | null {
  try {
    return resolve()
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_request') return null
    throw error
  }
}

/** As the usage list shows it. */
export function describeOrder({ ownProviders }: Terms, isSandbox: boolean): string {
  if (ownProviders) return `Generated image (fee; own key for ${ownProviders.join(', ')})`
  return isSandbox ? 'Generated image (sandbox)' : 'Generated image'
}
