// The network address of a caller. Behind proxies the caller can write the left of X-Forwarded-For; only the
// entries that our own proxies appended, counted from the right, are believed.
import { isIP } from 'node:net'

export type AddressFacts = {
  /** The other end of the socket. */
  remoteAddress: string | null
  /** The header as received, all lines joined with commas. */
  forwardedFor: string | null
  /** Proxies of ours in front: TRUSTED_PROXIES. */
  trustedProxies: number
}

/** Null when it cannot be known: then nothing may be counted against it. */
export function findClientAddress({
  remoteAddress,
  forwardedFor,
  trustedProxies,
}: AddressFacts): string | null {
  // A dual-stack socket shows IPv4 callers as ::ffff:192.0.2.1.
  const plain = (address: string) => address.trim().replace(/^::ffff:(?=\d+\.)/i, '')
  if (trustedProxies === 0) return remoteAddress === null ? null : plain(remoteAddress)
  const hops = forwardedFor === null ? [] : forwardedFor.split(',').map(plain)
  const address = hops.at(-trustedProxies)
  return address !== undefined && isIP(address) !== 0 ? address : null
}

/** Groups of an IPv6 address that name its network: whoever has one address there has 2^64. */
const networkGroups = 4

/** What tries are counted by: an IPv4 address itself, of an IPv6 address the network, `2001:db8:0:1::/64`. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address
  const [head = '', tail] = address.split('%', 1).join('').split('::')
  const groupsOf = (text: string) => (text === '' ? [] : text.split(':'))
  const [left, right] = [groupsOf(head), groupsOf(tail ?? '')]
  // An IPv4 address at the end stands for two groups.
  const written = left.length + right.length + Number(address.includes('.'))
  const between = tail === undefined ? [] : Array.from({ length: 8 - written }, () => '0')
  const groups = [...left, ...between, ...right].slice(0, networkGroups)
  return `${groups.map(group => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
