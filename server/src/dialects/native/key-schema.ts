// Keys of upstreams on the wire.
import { z } from '@hono/zod-openapi'
import { keyLengths } from '../../keyring/key-store.ts'

export const setProviderKeyRequest = z
  .strictObject({
    key: z.string().min(keyLengths.min).max(keyLengths.max).openapi({
      description: 'The key as the provider gave it. It is encrypted at once and never shown again.',
    }),
  })
  .openapi('SetProviderKeyRequest', { example: { key: 'the-key-of-your-provider' } })

export const providerKeyObject = z
  .object({
    provider: z.string(),
    lastLetters: z.string().nullable().openapi({ description: 'Its last four; null for a short key.' }),
    fingerprint: z.string().openapi({ description: 'The same for the same key: tells two of them apart.' }),
    setAt: z.iso.datetime(),
    usable: z.boolean().openapi({
      description: "False: the service's secret was replaced, and the key must be set again.",
    }),
  })
  .openapi('ProviderKey', {
    example: {
      ...{ provider: 'openai', lastLetters: 'x7Qa', fingerprint: '9f2c61d07b3e' },
      ...{ setAt: '2026-11-28T10:00:00.000Z', usable: true },
    },
  })

export const providerKeyList = z
  .object({ providerKeys: z.array(providerKeyObject) })
  .openapi('ProviderKeyList')
