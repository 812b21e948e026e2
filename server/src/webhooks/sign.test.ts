// Both families of signatures, judged by the official library and by the check that gptimage2 publishes.
import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { newWebhookSecret, signedHeaders } from './sign.ts'

const now = () => new Date()
const message = (body: string, sentAt = now()) => ({
  id: '01890000-0000-7000-8000-000000000000',
  event: 'generation.succeeded',
  body,
  sentAt,
})
const only = (current: string) => ({ current, old: null })
const accepts = (secret: string, body: string, headers: Record<string, string>) => {
  try {
    new Webhook(secret).verify(body, headers)
    return true
  } catch {
    return false
  }
}
const hexOf = (secret: string, body: string) => createHmac('sha256', secret).update(body).digest('hex')

test('both families accept 1,000 payloads of any text, and no change of id, time or body', () => {
  const secret = newWebhookSecret()
  fc.assert(
    fc.property(fc.json({ noUnicodeString: false, stringUnit: 'binary' }), fc.nat(), (body, at) => {
      const headers = signedHeaders(only(secret), message(body))
      expect(accepts(secret, body, headers)).toBe(true)
      expect(headers['x-gptimg-signature']).toBe(hexOf(secret, body))

      const bytes = Buffer.from(body)
      const place = at % bytes.length
      bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place)
      const changed = bytes.toString('latin1')
      expect(accepts(secret, changed, headers)).toBe(false)
      expect(headers['x-gptimg-signature']).not.toBe(hexOf(secret, changed))
      const id = headers['webhook-id']?.replace('1', '2') ?? ''
      expect(accepts(secret, body, { ...headers, 'webhook-id': id })).toBe(false)
      const timestamp = String(Number(headers['webhook-timestamp']) + 1)
      expect(accepts(secret, body, { ...headers, 'webhook-timestamp': timestamp })).toBe(false)
    }),
    { numRuns: 1_000 },
  )
})

test('the time is that of the attempt in seconds, and good for five minutes to either side', () => {
  const secret = newWebhookSecret()
  const at = (offsetS: number) => {
    const sentAt = new Date(now().getTime() + offsetS * 1_000)
    return accepts(secret, '{}', signedHeaders(only(secret), message('{}', sentAt)))
  }
  expect([-302, -298, 0, 298, 302].map(at)).toEqual([false, true, true, true, false])
})

test('while a secret is replaced both verify, and the one hex signature is the old one’s', () => {
  const [old, current] = [newWebhookSecret(), newWebhookSecret()]
  const during = signedHeaders({ current, old }, message('{"a":1}'))
  expect([old, current].map(secret => accepts(secret, '{"a":1}', during))).toEqual([true, true])
  expect(during['x-gptimg-signature']).toBe(hexOf(old, '{"a":1}'))
  const after = signedHeaders(only(current), message('{"a":1}'))
  expect([old, current].map(secret => accepts(secret, '{"a":1}', after))).toEqual([false, true])
  expect(after['x-gptimg-signature']).toBe(hexOf(current, '{"a":1}'))
})

test('a secret is 32 random bytes behind its prefix', () => {
  const secrets = Array.from({ length: 100 }, newWebhookSecret)
  expect(new Set(secrets).size).toBe(100)
  for (const secret of secrets) {
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(Buffer.from(secret.slice(6), 'base64')).toHaveLength(32)
  }
})
