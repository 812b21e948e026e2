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
