// What is sealed opens with the installation's secret, an earlier one included, and with no other.
import { expect, test } from 'vitest'
import { createSeal } from './seal.ts'

test('a secret is read again, also after the installation’s secret was replaced, and looks different each time', () => {
  const sealed = createSeal(['first']).seal('whsec_abc')
  expect(sealed).not.toContain('whsec')
  expect(createSeal(['second', 'first']).open(sealed)).toBe('whsec_abc')
  expect(createSeal(['first']).seal('whsec_abc')).not.toBe(sealed)
})

test('another secret opens nothing, and nothing that was changed is opened', () => {
  const sealed = createSeal(['first']).seal('whsec_abc')
  expect(() => createSeal(['second']).open(sealed)).toThrow('AUTH_SECRET')
  const bytes = Buffer.from(sealed, 'base64')
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
  expect(() => createSeal(['first']).open(bytes.toString('base64'))).toThrow('AUTH_SECRET')
  expect(() => createSeal([])).toThrow('needs a secret')
})
