// The setting PLANS as text and as data: `free gptimage2=off, pro cap-month=5000 rate=6000/1h in-flight=20`.

export type PlanSetting = {
  name: string
  /** Whether the gptimage2 API is open to its accounts. */
  gptimage2: boolean
  /** Credits an account may spend in a month of the UTC calendar; null = no cap. */
  capMonth: number | null
  /** In place of every dialect's own; null = the dialect's. */
  rate: { requests: number; windowS: number } | 'off' | null
  /** Generations of a key at once, likewise. */
  inFlight: number | 'off' | null
}

export const planNamePattern = /^[a-z][a-z0-9-]{0,31}$/
/** Windows older than two days are swept. */
const windowMaxS = 86_400
const unitSeconds: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3_600, d: 86_400 }

/** Null when the text is no list of plans, or names one twice. */
export function parsePlans(text: string): PlanSetting[] | null {
  const plans = text.split(',').map(parsePlan)
  const known = plans.filter(plan => plan !== null)
  const names = new Set(known.map(plan => plan.name))
  return known.length === plans.length && names.size === plans.length ? known : null
}

function parsePlan(text: string): PlanSetting | null {
  const [name = '', ...words] = text.trim().split(/\s+/)
  if (!planNamePattern.test(name)) return null
  const plan: PlanSetting = { name, gptimage2: true, capMonth: null, rate: null, inFlight: null }
  return words.every(word => applyWord(plan, word)) ? plan : null
}

/** False for a word that is none. */
function applyWord(plan: PlanSetting, word: string): boolean {
  const [name, value = ''] = word.split(/=(.*)/s)
  switch (name) {
    case 'gptimage2':
      plan.gptimage2 = value === 'on'
      return value === 'on' || value === 'off'
    case 'cap-month':
      plan.capMonth = value === 'off' ? null : parseCount(value)
      return value === 'off' || plan.capMonth !== null
    case 'in-flight':
      plan.inFlight = value === 'off' ? 'off' : parseCount(value)
      return plan.inFlight !== null
    case 'rate':
      plan.rate = value === 'off' ? 'off' : parseRate(value)
      return plan.rate !== null
    default:
      return false
  }
}

function parseCount(text: string): number | null {
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : null
}

/** `600/1h`; null when it is no rate. */
export function parseRate(text: string): { requests: number; windowS: number } | null {
  const [, requests = '', count = '', unit = ''] = /^([1-9]\d{0,8})\/(\d{0,6})([a-z]+)$/.exec(text) ?? []
  const windowS = (count === '' ? 1 : Number(count)) * (unitSeconds[unit] ?? Number.NaN)
  return windowS >= 1 && windowS <= windowMaxS ? { requests: Number(requests), windowS } : null
}
