// What is sealed opens with the installation's secret, an earlier one included, and with no other.
import { expect, test } from 'vitest'
import { createSeal, type SealPurpose } from './seal.ts'

const open = (secrets: string[], purpose: SealPurpose = 'webhook secrets') => createSeal(secrets, purpose)

test('a secret is read again, also after the installation’s secret was replaced, and looks different each time', () => {
  const sealed = open(['first']).seal('whsec_abc')
  expect(sealed).not.toContain('whsec')
  expect(open(['second', 'first']).open(sealed)).toBe('whsec_abc')
  expect(open(['first']).seal('whsec_abc')).not.toBe(sealed)
  expect(open(['first']).isFresh(sealed)).toBe(true)
  expect(open(['second', 'first']).isFresh(sealed)).toBe(false)
})

test('another secret opens nothing, and nothing that was changed or sealed for another purpose is opened', () => {
  const sealed = open(['first']).seal('whsec_abc')
  expect(() => open(['second']).open(sealed)).toThrow('AUTH_SECRET')
  expect(() => open(['first'], 'provider keys').open(sealed)).toThrow('AUTH_SECRET')
  const bytes = Buffer.from(sealed, 'base64')
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
  expect(() => open(['first']).open(bytes.toString('base64'))).toThrow('AUTH_SECRET')
  expect(() => open([])).toThrow('needs a secret')
})
