// How cookies are set for the origin we are served on. Over https they are bound to the host and never sent in the
// clear; plain http is for loopback, or for an operator who accepts the risk by name.
import { isLoopbackHost } from '../loopback.ts'

export type CookieRules = {
  sessionName: string
  deviceName: string
  /** Of the operator's sign-in with an admin key. */
  operatorName: string
  secure: boolean
  /** False = people may not sign in over this origin. */
  allowed: boolean
}

/** Rules for a public origin such as `https://images.example.com`. */
export function cookieRulesFor(publicUrl: string, allowInsecureCookies: boolean): CookieRules {
  const { protocol, hostname } = new URL(publicUrl)
  const secure = protocol === 'https:'
  const prefix = secure ? '__Host-' : ''
  return {
    sessionName: `${prefix}darkroom_session`,
    deviceName: `${prefix}darkroom_device`,
    operatorName: `${prefix}darkroom_operator`,
    secure,
    allowed: secure || allowInsecureCookies || isLoopbackHost(hostname),
  }
}

/** The value of one cookie of a `Cookie` header. */
export function findCookie(header: string | null, name: string): string | null {
  for (const part of header?.split(';') ?? []) {
    const equals = part.indexOf('=')
    if (equals > 0 && part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim()
  }
  return null
}

/**
 * A `Set-Cookie` line for a cookie that scripts cannot read and other sites cannot send along with a POST; a strict one
 * with nothing at all.
 */
export function writeCookie(
  rules: CookieRules,
  cookie: { name: string; value: string; maxAgeSeconds: number; strict?: true },
): string {
  const parts = [
    `${cookie.name}=${cookie.value}`,
    `Max-Age=${cookie.maxAgeSeconds}`,
    'Path=/',
    'HttpOnly',
    `SameSite=${cookie.strict ? 'Strict' : 'Lax'}`,
  ]
  return [...parts, ...(rules.secure ? ['Secure'] : [])].join('; ')
}

/**
 * Whether a request that carries a session cookie may change something: same origin by Fetch Metadata or `Origin`,
 * or no browser at all (neither header), which cannot be made to carry somebody else's cookie.
 */
export function isSameOrigin(headers: Headers, trustedOrigins: readonly string[]): boolean {
  const site = headers.get('sec-fetch-site')
  if (site !== null && site !== 'same-origin' && site !== 'none') return false
  const origin = headers.get('origin')
  return origin === null || trustedOrigins.includes(origin)
}

/** On this machine its names are one origin to the people who type them. */
export function trustedOriginsFor(publicUrl: string): string[] {
  const url = new URL(publicUrl)
  if (!isLoopbackHost(url.hostname)) return [url.origin]
  const port = url.port === '' ? '' : `:${url.port}`
  return [
    ...new Set([
      url.origin,
      ...['localhost', '127.0.0.1', '[::1]'].map(host => `${url.protocol}//${host}${port}`),
    ]),
  ]
}
