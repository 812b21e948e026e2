// How many credits a key or an account may spend in a period. The caps travel with the order and are counted in the
// statement that takes it, so that parallel orders cannot pass them together.

/** Periods are those of the UTC calendar. */
export type SpendPeriod = 'day' | 'month'

export type SpendCap = {
  /** What is counted: `key:<id>` or `account:<id>`. */
  scope: string
  period: SpendPeriod
  /** Credits spent or held in one period, refunds given back. Zero = nothing may be spent. */
  credits: number
}

/** As the statement that takes an order wants them; null for whoever has no cap: then it does nothing about it. */
export function toCapValues(caps: SpendCap[]): (string[] | number[] | null)[] {
  if (caps.length === 0) return [null, null, null]
  return [caps.map(cap => cap.scope), caps.map(cap => cap.period), caps.map(cap => cap.credits)]
}
