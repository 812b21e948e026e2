// Which host names can only mean this machine.
import { isIP } from 'node:net'

/** For host names as they stand in URLs, brackets of IPv6 included. */
export function isLoopbackHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  if (host === 'localhost' || host.endsWith('.localhost') || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}
