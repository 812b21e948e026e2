// Guards that a caller cannot choose the address we count against.
import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { findClientAddress, networkOf } from './client-address.ts'
import { SIGN_IN_TRIES_PER_ADDRESS, takeSignInTry } from './sign-in-limit.ts'

const find = (remoteAddress: string | null, forwardedFor: string | null, trustedProxies: number) =>
  findClientAddress({ remoteAddress, forwardedFor, trustedProxies })

test('without a proxy of ours the header is not believed', () => {
  expect(find('198.51.100.7', '203.0.113.1', 0)).toBe('198.51.100.7')
  expect(find('::ffff:198.51.100.7', null, 0)).toBe('198.51.100.7')
  expect(find(null, '203.0.113.1', 0)).toBe(null)
})

test('behind proxies only what they appended is believed', () => {
  expect(find('10.0.0.1', '6.6.6.6, 203.0.113.1', 1)).toBe('203.0.113.1')
  expect(find('10.0.0.1', '6.6.6.6, 203.0.113.1, 10.0.0.2', 2)).toBe('203.0.113.1')
  expect(find('10.0.0.1', '2001:db8::1', 1)).toBe('2001:db8::1')
})

test('a header that is missing, short or no address gives none', () => {
  expect(find('10.0.0.1', null, 1)).toBe(null)
  expect(find('10.0.0.1', '203.0.113.1', 2)).toBe(null)
  expect(find('10.0.0.1', 'unknown', 1)).toBe(null)
})

test('an IPv6 address counts with its whole network, however it is written; an IPv4 address by itself', () => {
  const cases: [string, string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
    ['2001:0DB8:0000:0001:ffff:ffff:ffff:ffff', '2001:db8:0:1::/64'],
    ['2001:db8::1:0:0:0:2', '2001:db8:0:1::/64'],
    ['2001:db8:0:2::1', '2001:db8:0:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ]
  for (const [address, network] of cases) expect(networkOf(address), address).toBe(network)
})

test('tries from many addresses of one IPv6 network are counted together', async () => {
  const database = await createTestDatabase()
  try {
    const attempt = (nth: number) => ({
      email: `person-${nth}@example.com`,
      device: null,
      address: `2001:db8:0:1::${nth.toString(16)}`,
    })
    const waits: (number | null)[] = []
    for (let nth = 1; nth <= SIGN_IN_TRIES_PER_ADDRESS + 1; nth += 1) {
      waits.push(await takeSignInTry(database.db, 'a secret', attempt(nth)))
    }
    expect(waits.slice(0, -1)).toEqual(Array.from({ length: SIGN_IN_TRIES_PER_ADDRESS }, () => null))
    expect(waits.at(-1)).toBeGreaterThan(0)
    const elsewhere = { ...attempt(1), email: 'other@example.com', address: '2001:db8:0:2::1' }
    expect(await takeSignInTry(database.db, 'a secret', elsewhere)).toBeNull()
  } finally {
    await database.drop()
  }
})
