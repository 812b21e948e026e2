// Guards the plans: which opens the gptimage2 API, and what an account of an unknown plan gets.
import { expect, test } from 'vitest'
import { createPlans, inFlightCapOf, monthlyCapOf, type Plan, requirePlan } from './plans.ts'

const plan = (name: string, rest: Partial<Plan> = {}): Plan => ({
  ...{ name, gptimage2: true, capMonth: null, rate: null, inFlight: null },
  ...rest,
})

test('the gate names the plans that open it, and an account of a forgotten plan stands outside', () => {
  const plans = createPlans([plan('free', { gptimage2: false }), plan('pro'), plan('max')])
  expect(() => requirePlan(plans, { plan: 'pro' })).not.toThrow()
  expect(() => requirePlan(plans, { plan: 'max' })).not.toThrow()
  for (const name of ['free', 'gone']) {
    expect(() => requirePlan(plans, { plan: name })).toThrow(
      expect.objectContaining({ code: 'plan_required', status: 403, message: 'Pro/Max plan required.' }),
    )
  }
})

test('a cap on the month is that of the account, and only of plans that have one', () => {
  expect(monthlyCapOf(plan('pro', { capMonth: 500 }), 'a')).toEqual([
    { scope: 'account:a', period: 'month', credits: 500 },
  ])
  expect(monthlyCapOf(plan('max'), 'a')).toEqual([])
})

test('rates are given to the statement that admits only when a plan has one', () => {
  expect(createPlans([plan('free'), plan('max')]).rates).toBe(null)
  const rate = { requests: 5, windowS: 60 }
  expect(createPlans([plan('free'), plan('pro', { rate }), plan('max', { rate: 'off' })]).rates).toEqual({
    '': {},
    free: {},
    pro: rate,
    max: { requests: 0, windowS: 1 },
  })
})

test('a key may have its own number of orders at once, else that of its plan', () => {
  expect(inFlightCapOf({ inFlightCap: 0, planInFlightCap: 5 })).toBe(0)
  expect(inFlightCapOf({ inFlightCap: null, planInFlightCap: 5 })).toBe(5)
})
