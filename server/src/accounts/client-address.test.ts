// Guards that a caller cannot choose the address we count against.
import { expect, test } from 'vitest'
import { findClientAddress } from './client-address.ts'

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
