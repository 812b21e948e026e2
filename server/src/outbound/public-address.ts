// Decides whether an address belongs to the public internet. It is a list of what may be reached: an address of
// a kind not known here is refused. Every form a parser may take for an address ends here in canonical form.
import { BlockList, isIP } from 'node:net'

/** Thrown where a connection would lead to an address that is not public. */
export class AddressRefused extends Error {
  override name = 'AddressRefused'
}

const refusedIpv4Subnets = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  // Azure's host agent answers here, outside of any private range.
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]
// Everything public in IPv6 lies here; mapped, NAT64, unique local and link local addresses do not.
const publicIpv6Subnets = ['2000::/3']
const refusedIpv6Subnets = [
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '2620:4f:8000::/48',
  '3ffe::/16',
  '3fff::/20',
]

const refusedIpv4 = listSubnets(refusedIpv4Subnets, 'ipv4')
const publicIpv6 = listSubnets(publicIpv6Subnets, 'ipv6')
const refusedIpv6 = listSubnets(refusedIpv6Subnets, 'ipv6')

function listSubnets(subnets: string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [net = '', prefix] = subnet.split('/')
    list.addSubnet(net, Number(prefix), family)
  }
  return list
}

/** True only for a bare address, without brackets or zone, that is routed on the public internet. */
export function isPublicAddress(address: string): boolean {
  if (address.includes('%')) return false
  const family = isIP(address)
  if (family === 4) return !refusedIpv4.check(address, 'ipv4')
  return family === 6 && publicIpv6.check(address, 'ipv6') && !refusedIpv6.check(address, 'ipv6')
}
