// What the function that takes an order refuses (DR001 to DR004), in the service's words.
import type { SpendCap } from '../accounts/spend-caps.ts'
import { findDatabaseError, sqlStateOf } from '../db/database-error.ts'
import { AppError, type AppErrorOptions, type ErrorCode } from '../errors.ts'

/** What of the order its refusal speaks about. */
export type Refused = { price: number; spendCaps: readonly SpendCap[] }

/** The database said no to the whole order: nothing of it remains. */
export function isRefusal(error: unknown): boolean {
  return sqlStateOf(error)?.startsWith('DR') ?? false
}

export const refusal = {
  tooFewCredits: (price: number) =>
    moneyRefusal('insufficient_credits', show => `This needs ${show(price)}, and the account has less.`),
  tooManyInFlight: () => new AppError('too_many_in_flight', undefined, { retryAfterSeconds: 1 }),
  noAccount: () => new AppError('unauthorized'),
}

/** The AppError for a refusal; any other error as it is. */
export function refusalOf(error: unknown, order: Refused): unknown {
  switch (sqlStateOf(error)) {
    case 'DR001':
      return refusal.tooFewCredits(order.price)
    case 'DR002':
      return refusal.tooManyInFlight()
    case 'DR003':
      return refusal.noAccount()
    case 'DR004':
      return capReached(order, Number(findDatabaseError(error)?.detail))
    default:
      return error
  }
}

/** `nth` counts the order's caps from 1. */
function capReached({ price, spendCaps }: Refused, nth: number): AppError {
  const cap = spendCaps[nth - 1]
  const isKey = cap?.scope.startsWith('key:') === true
  const whose = isKey ? 'the API key may spend' : "the account's plan allows"
  return moneyRefusal(isKey ? 'spend_cap_reached' : 'monthly_cap_reached', show => {
    const much = cap ? `${show(cap.credits)} a ${cap.period}` : 'less'
    return `This needs ${show(price)}, and ${whose} ${much} (UTC).`
  })
}

/** In credits, unless a dialect counts in something else. */
function moneyRefusal(code: ErrorCode, say: NonNullable<AppErrorOptions['say']>): AppError {
  const message = say(credits => `${credits} credits`)
  return new AppError(code, message, { say })
}
