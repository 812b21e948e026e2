// Plans: what an account may use and how much, by the name that its row carries. They are configuration; an account
// of a plan that is configured no longer is treated as one of the first.
import { AppError } from '../errors.ts'
import type { SpendCap } from './spend-caps.ts'

export type Plan = {
  name: string
  /** Whether the gptimage2 API is open to its accounts. */
  gptimage2: boolean
  /** Credits an account may spend in a month of the UTC calendar; null = no cap. */
  capMonth: number | null
  /** Limits in place of every dialect's own, for keys that have none of their own; null = the dialect's. */
  rate: { requests: number; windowS: number } | 'off' | null
  inFlight: number | 'off' | null
}

export type Plans = {
  find(name: string): Plan
  names(): string[]
  /** Rates by plan, for the statement that admits requests; null when no plan has one. */
  rates: PlanRates | null
}

/** Empty where the plan has no rate and the dialect's holds. Under no name: what holds for names that are not in it. */
export type PlanRates = Record<string, { requests: number; windowS: number } | Record<string, never>>

export function createPlans(list: readonly Plan[]): Plans {
  const [first] = list
  if (!first) throw new Error('there must be a plan')
  const rateOf = ({ rate }: Plan) => (rate === 'off' ? { requests: 0, windowS: 1 } : (rate ?? {}))
  const isRated = list.some(plan => plan.rate !== null)
  return {
    find: name => list.find(plan => plan.name === name) ?? first,
    names: () => list.map(plan => plan.name),
    rates: isRated
      ? Object.fromEntries([['', rateOf(first)], ...list.map(plan => [plan.name, rateOf(plan)])])
      : null,
  }
}

/** The plan's cap on an account's month, as the orders of its keys take it along. */
export function monthlyCapOf(plan: Plan, accountId: string): SpendCap[] {
  if (plan.capMonth === null) return []
  return [{ scope: `account:${accountId}`, period: 'month', credits: plan.capMonth }]
}

/** Generations at once of a key, where the dialect counts by key: null = the dialect's own cap, zero = no cap. */
export function inFlightCapOf(key: {
  inFlightCap: number | null
  planInFlightCap: number | null
}): number | null {
  return key.inFlightCap ?? key.planInFlightCap
}

/** Throws plan_required unless the caller's plan opens the gptimage2 API. For that dialect alone. */
export function requirePlan(plans: Plans, caller: { plan: string }): void {
  if (plans.find(caller.plan).gptimage2) return
  const open = plans.names().filter(name => plans.find(name).gptimage2)
  const names = open.map(name => name.charAt(0).toUpperCase() + name.slice(1)).join('/')
  throw new AppError('plan_required', names === '' ? undefined : `${names} plan required.`)
}
