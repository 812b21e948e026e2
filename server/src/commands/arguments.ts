// Reads the values of command-line options. A mistake is a usage error: it names what is allowed.
import { InvalidArgumentError, Option } from 'commander'
import type { KeyScope, RateOverride } from '../accounts/keys.ts'
import { keyScopes, RATE_WINDOW_MAX_S } from '../accounts/keys.ts'
import { keyStyles } from '../accounts/secret.ts'

const unitSeconds: Readonly<Record<string, number>> = {
  s: 1,
  sec: 1,
  m: 60,
  min: 60,
  h: 3_600,
  hour: 3_600,
  d: 86_400,
  day: 86_400,
}

export function parseInteger(text: string): number {
  if (!/^[+-]?\d{1,15}$/.test(text)) throw new InvalidArgumentError('Give a whole number.')
  return Number(text)
}

/** How many rows a list shows at most. */
const LIST_LIMIT_MAX = 10_000

export function parseLimit(text: string): number {
  const limit = parseInteger(text)
  if (limit >= 1 && limit <= LIST_LIMIT_MAX) return limit
  throw new InvalidArgumentError(`Give a whole number from 1 to ${LIST_LIMIT_MAX}.`)
}

export function parseWindowSeconds(text: string): number {
  const [, count = '', unit = ''] = /^(\d{0,6})([a-z]+)$/.exec(text) ?? []
  const seconds = (count === '' ? 1 : Number(count)) * (unitSeconds[unit] ?? Number.NaN)
  if (seconds >= 1 && seconds <= RATE_WINDOW_MAX_S) return seconds
  throw new InvalidArgumentError('The window is a time such as 60s, 1min, 1h, up to 1d.')
}

/** `600/1h`, or `off`. */
export function parseRate(text: string): RateOverride {
  if (text === 'off') return 'off'
  const [requests = '', window, ...rest] = text.split('/')
  if (window === undefined || rest.length > 0 || !/^[1-9]\d{0,8}$/.test(requests)) {
    throw new InvalidArgumentError('Give requests and window such as 600/1h, or off.')
  }
  return { requests: Number(requests), windowS: parseWindowSeconds(window) }
}

/** A positive number, or `off`. */
export function parseInFlight(text: string): number | 'off' {
  if (text === 'off') return 'off'
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give a positive whole number, or off.')
}

export function parseScopes(text: string): KeyScope[] {
  const scopes = text.split(',').map(word => keyScopes.find(scope => scope === word.trim()))
  const known = scopes.filter(scope => scope !== undefined)
  if (known.length === scopes.length) return [...new Set(known)]
  throw new InvalidArgumentError(`Give some of ${keyScopes.join(', ')}, separated by commas.`)
}

/** Public ids, separated by commas; whether there are such is looked up later. */
export function parseModels(text: string): string[] {
  const ids = text.split(',').map(id => id.trim())
  if (ids.every(id => id !== '')) return [...new Set(ids)]
  throw new InvalidArgumentError('Give ids of models, separated by commas.')
}

export function parseTime(text: string): Date {
  const day = /^\d{4}-\d\d-\d\d/.exec(text)?.[0] ?? ''
  const midnight = new Date(`${day}T00:00:00Z`)
  const time = day === text ? midnight : new Date(text)
  // 31 February would otherwise become a day in March.
  const isRealDay = !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day)
  if (isRealDay && !Number.isNaN(time.getTime())) return time
  throw new InvalidArgumentError('Give a date such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z.')
}

/** `keys create` has the one, `accounts create` the other; each takes both. The last one names the value. */
const styleFlags = { style: '--key-style, --style', keyStyle: '--style, --key-style' }

/** An option that names a key style. */
export function styleOption(name: keyof typeof styleFlags): Option {
  return new Option(`${styleFlags[name]} <style>`, 'what the key begins with')
    .choices([...keyStyles])
    .default('default')
}

export function jsonOption(): Option {
  return new Option('--json', 'answer with one JSON document')
}
