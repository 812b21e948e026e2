// Reads single values out of the environment. Every mistake is collected with the variable's name and what is
// allowed, so that one start tells about all of them.
import { type PlanSetting, parsePlans, parseRate } from './plans-setting.ts'
import { settingGroups } from './settings.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const defaults = new Map(settingGroups.flatMap(group => group.settings.map(one => [one.name, one.default])))

export type SettingReader = {
  problems: string[]
  /** The value or its default; null when both are empty. */
  text(name: string): string | null
  isSet(name: string): boolean
  /** Of a variable whose name another one made up, such as the key of a named package; null when empty. */
  made(name: string): string | null
  integer(name: string, range: { min: number; max: number }): number
  choice<Value extends string>(name: string, values: readonly Value[]): Value
  flag(name: string): boolean
  /** An origin: scheme, host, port; nothing behind it. */
  origin(name: string): string | null
  url(name: string, schemes: readonly string[]): string | null
  /** URLs separated by commas, each with a name before it or none: `http://gpu-1:7860, big=http://gpu-2:7860`. */
  namedUrls(name: string): { name: string | null; url: string }[]
  /** A decimal number of dollars as integer micro-dollars. */
  usdMicro(name: string): number
  /** `host:port` targets. */
  targets(name: string): string[]
  plans(name: string): PlanSetting[]
  /** `25%`, or whole credits. */
  fee(name: string): { percent: number } | { credits: number }
  /** `600/1h`; null = `off`. */
  rate(name: string): { requests: number; windowS: number } | null
}

type Refuse = (name: string, allowed: string) => void

function parseUrl(text: string, schemes: readonly string[]): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null
  return url !== null && schemes.includes(url.protocol.replace(':', '')) && url.hostname !== '' ? url : null
}

function parseOrigin(text: string): string | null {
  const url = parseUrl(text, ['http', 'https'])
  const bare =
    url !== null && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === ''
  return bare ? url.origin : null
}

function parseTarget(text: string): boolean {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  return port >= 1 && port <= 65_535
}

/** Null when an address is none, or two have one name. */
function parseNamedUrls(text: string): { name: string | null; url: string }[] | null {
  const found: { name: string | null; url: string }[] = []
  for (const part of text.split(',').map(each => each.trim())) {
    const match = /^(?:([a-z][a-z0-9-]{0,30})=)?(.+)$/.exec(part)
    const url = parseUrl(match?.[2] ?? '', ['http', 'https'])
    const name = match?.[1] ?? null
    if (url === null || url.username !== '' || (name !== null && found.some(each => each.name === name)))
      return null
    found.push({ name, url: (match?.[2] ?? '').replace(/\/+$/, '') })
  }
  return found
}

function numberReaders(text: SettingReader['text'], refuse: Refuse) {
  return {
    integer(name: string, { min, max }: { min: number; max: number }): number {
      const given = text(name) ?? ''
      const value = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN
      if (value >= min && value <= max) return value
      refuse(name, `a whole number from ${min} to ${max}`)
      return min
    },
    usdMicro(name: string): number {
      const match = /^(\d{1,6})(?:\.(\d{1,6}))?$/.exec(text(name) ?? '')
      const micro =
        match === null ? 0 : Number(match[1]) * 1_000_000 + Number((match[2] ?? '').padEnd(6, '0'))
      if (micro <= 0) refuse(name, 'a positive number of dollars with at most 6 decimals, such as 0.01')
      return micro
    },
  }
}

/** Lists of addresses. */
function listReaders(text: SettingReader['text'], refuse: Refuse) {
  return {
    namedUrls(name: string) {
      const value = text(name)
      const urls = value === null ? [] : parseNamedUrls(value)
      if (urls === null) {
        refuse(
          name,
          'http:// or https:// addresses without a password, separated by commas, with different names',
        )
      }
      return urls ?? []
    },
    targets(name: string) {
      const list = (text(name) ?? '')
        .split(',')
        .map(target => target.trim().toLowerCase())
        .filter(Boolean)
      if (!list.every(parseTarget))
        refuse(name, 'a list of host:port separated by commas, such as 127.0.0.1:9000')
      return list
    },
  }
}

/** Reads one environment. Names that settings.ts does not list are a mistake of ours and throw. */
export function createSettingReader(env: Environment): SettingReader {
  const problems: string[] = []
  const given = (name: string): string => {
    if (!defaults.has(name)) throw new Error(`the setting ${name} is not documented`)
    return env[name]?.trim() ?? ''
  }
  const text = (name: string): string | null => given(name) || defaults.get(name) || null
  const refuse: Refuse = (name, allowed) => {
    // Values may be secrets or hold one, so none is ever repeated.
    problems.push(`${name} must be ${allowed}`)
  }
  const choice = <Value extends string>(name: string, values: readonly Value[]): Value => {
    const value = values.find(candidate => candidate === text(name)?.toLowerCase())
    if (value === undefined) refuse(name, `one of ${values.join(', ')}`)
    return value ?? (values[0] as Value)
  }
  return {
    problems,
    text,
    isSet: name => given(name) !== '',
    made: name => env[name]?.trim() || null,
    choice,
    flag: name => choice(name, ['on', 'off'] as const) === 'on',
    origin(name) {
      const value = text(name)
      const origin = value === null ? null : parseOrigin(value)
      if (value !== null && origin === null)
        refuse(name, 'an origin without a path, such as https://images.example.com')
      return origin
    },
    url(name, schemes) {
      const value = text(name)
      if (value !== null && parseUrl(value, schemes) === null)
        refuse(name, `a URL that begins ${schemes.join(':// or ')}://`)
      return value?.replace(/\/+$/, '') ?? null
    },
    rate(name) {
      const value = text(name) ?? 'off'
      const rate = value === 'off' ? null : parseRate(value)
      if (rate === null && value !== 'off') refuse(name, 'requests and window such as 600/1h, or off')
      return rate
    },
    fee(name) {
      const [, amount = '', percent] = /^(\d{1,9})(%?)$/.exec(text(name) ?? '') ?? []
      const isFit = amount !== '' && (percent === '' || Number(amount) <= 100)
      if (!isFit) refuse(name, 'a share of 0% to 100% such as 25%, or whole credits such as 1')
      return percent === '%' ? { percent: Number(amount) } : { credits: Number(amount) }
    },
    plans(name) {
      const plans = parsePlans(text(name) ?? '')
      if (plans === null) {
        const words = 'gptimage2=on|off, cap-month=N, rate=N/WINDOW|off, in-flight=N|off'
        refuse(name, `plans separated by commas, each a name and some of ${words}`)
      }
      return plans ?? []
    },
    ...listReaders(text, refuse),
    ...numberReaders(text, refuse),
  }
}
