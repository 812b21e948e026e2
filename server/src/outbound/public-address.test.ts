// Guards the classifier: what is not known to be public is refused, in every spelling of the same address.
import { isIP } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isPublicAddress } from './public-address.ts'

const special = [
  ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '100.100.100.200', '127.0.0.1', '127.255.255.254'],
  ...['168.63.129.16', '169.254.169.254', '169.254.170.2', '172.16.0.1', '172.31.255.255', '192.0.0.192'],
  ...[
    '192.0.2.1',
    '192.31.196.1',
    '192.52.193.1',
    '192.88.99.1',
    '192.168.0.1',
    '192.175.48.1',
    '198.18.0.1',
  ],
  ...[
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.1.1.1',
    '240.0.0.1',
    '255.255.255.255',
  ],
  ...['::', '::1', '::127.0.0.1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:8.8.8.8', '64:ff9b::7f00:1'],
  ...[
    '64:ff9b:1::1',
    '100::1',
    'fc00::1',
    'fd00:ec2::254',
    'fd20:ce::254',
    'fe80::1',
    'fe80::1%lo',
    'fec0::1',
  ],
  ...[
    'ff02::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '2620:4f:8000::1',
    '3ffe::1',
    '3fff::1',
    '4000::1',
  ],
  ...[
    '2606:4700::1111%eth0',
    '[2606:4700::1111]',
    '',
    'localhost',
    '127.1',
    '2130706433',
    '0x7f000001',
    '8.8.8',
  ],
]

test('no special address and no half-written one counts as public', () => {
  for (const address of special) expect([address, isPublicAddress(address)]).toEqual([address, false])
})

test('ordinary public addresses count as public, on both sides of every refused range', () => {
  const edges = ['1.0.0.0', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255']
  const more = ['128.0.0.0', '168.63.129.15', '168.63.129.17', '172.15.255.255', '172.32.0.0', '192.0.1.0']
  const ipv6 = [
    '2606:4700:4700::1111',
    '2001:200::1',
    '2a00:1450:4001::1',
    '2003::1',
    '2620:4f:8001::1',
    '3ffd::1',
  ]
  const last = [
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '203.0.114.0',
    '223.255.255.255',
  ]
  for (const address of [...edges, ...more, ...last, ...ipv6]) {
    expect([address, isPublicAddress(address)]).toEqual([address, true])
  }
})

test('a private IPv4 address stays refused inside every IPv6 form that can carry it', () => {
  const quad = fc.tuple(fc.constantFrom(10, 127, 0), fc.nat(255), fc.nat(255), fc.nat(255))
  fc.assert(
    fc.property(quad, ([a, b, c, d]) => {
      const [high, low] = [(a << 8) | b, (c << 8) | d].map(part => part.toString(16))
      const forms = [`${a}.${b}.${c}.${d}`, `::ffff:${a}.${b}.${c}.${d}`, `::${a}.${b}.${c}.${d}`]
      const hexForms = ['::ffff:', '::', '64:ff9b::', '0:0:0:0:0:ffff:', '0000:0000:0000:0000:0000:ffff:']
      const wrapped = [
        `2002:${high}:${low}::`,
        `2001:0:${high}:${low}::`,
        ...hexForms.map(form => `${form}${high}:${low}`),
      ]
      for (const form of [...forms, ...wrapped]) {
        expect(isIP(form)).not.toBe(0)
        expect([form, isPublicAddress(form)]).toEqual([form, false])
      }
    }),
    { numRuns: 500 },
  )
})
