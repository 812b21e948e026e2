// Webhooks on the wire: endpoints, deliveries, and what is sent to a receiver.
import { z } from '@hono/zod-openapi'
import { challengeEventType } from '../webhooks/challenge.ts'
import { deliveryStates, shownAttempts } from '../webhooks/deliveries.ts'
import { maxLabelLength, maxOverlapS, maxUrlLength, ownerships } from '../webhooks/endpoints.ts'
import { eventTypes } from '../webhooks/events.ts'
import { policyNames } from '../webhooks/policy.ts'

const fields = {
  url: z.string().min(1).max(maxUrlLength).openapi({
    description: 'An https URL of a public host on port 443, without a user name or password in it.',
    example: 'https://your-app.example.com/hooks/darkroom',
  }),
  events: z
    .array(z.enum(eventTypes))
    .min(1)
    .openapi({ description: 'What the endpoint is told of.', example: [...eventTypes] }),
  label: z.string().max(maxLabelLength).nullable().openapi({ example: 'Production app' }),
  policy: z.enum(policyNames).openapi({
    description:
      '`default`: 5 s for an answer, further attempts after 30 s, 2 min and 10 min, disabled by 8 failed attempts in a row. `standard`: 15 s, nine further attempts over three days, disabled by failing for 5 days or by a 410.',
  }),
}

export const createWebhookRequest = z
  .strictObject({
    url: fields.url,
    events: fields.events.optional().openapi({ description: 'Left out: all of them.' }),
    label: fields.label.optional(),
    policy: fields.policy.optional(),
  })
  .openapi('CreateWebhookRequest')

export const changeWebhookRequest = z
  .strictObject({
    url: fields.url.optional(),
    events: fields.events.optional(),
    label: fields.label.optional(),
    policy: fields.policy.optional(),
    enabled: z.boolean().optional().openapi({
      description: 'Disabling drops what has not been sent; enabling begins with a clean record.',
    }),
  })
  .openapi('ChangeWebhookRequest')

export const resendFailedRequest = z
  .strictObject({
    since: z.iso.datetime({ offset: true }).openapi({
      description: 'Deliveries created since then.',
      example: '2026-11-28T00:00:00.000Z',
    }),
  })
  .openapi('ResendFailedRequest')

export const rotateSecretRequest = z
  .strictObject({
    overlapSeconds: z.int().min(0).max(maxOverlapS).optional().openapi({
      description:
        'How long the old secret signs too. Default 86400, a day. 0 ends it at once, which is what a leak needs.',
      example: 3_600,
    }),
  })
  .openapi('RotateWebhookSecretRequest')

export const deliveryQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).optional().openapi({ description: 'Default 20.' }),
  cursor: z.string().max(200).optional().openapi({ description: '`nextCursor` of the page before.' }),
  status: z.enum(deliveryStates).optional(),
})

export const webhookObject = z
  .object({
    id: z.uuid(),
    ...fields,
    enabled: z.boolean(),
    disabledReason: z.enum(['owner', 'failures', 'gone', 'unproven']).nullable(),
    disabledAt: z.iso.datetime().nullable(),
    consecutiveFailures: z.int(),
    ownership: z.enum(ownerships).optional().openapi({
      description:
        'Only where a proof of ownership is asked for. `pending`: the URL has not echoed its challenge yet, and is sent nothing else. `unproven`: it never did; ask again.',
    }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('Webhook')

const secret = z.string().openapi({
  description: 'Shown only this once.',
  example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=',
})

export const createdWebhook = webhookObject
  .extend({
    secret: secret.optional().openapi({
      description:
        'Shown only this once, and to a repeat under the same `Idempotency-Key` within 24 hours unless it was replaced.',
    }),
  })
  .openapi('CreatedWebhook')

export const rotatedWebhook = webhookObject
  .extend({
    secret,
    oldSecretUntil: z.iso.datetime().openapi({
      description:
        'Until then the old secret signs too, and `X-Gptimg-Signature`, which holds one signature only, is the old one’s.',
    }),
  })
  .openapi('RotatedWebhook')

export const webhookList = z.object({ webhooks: z.array(webhookObject) }).openapi('WebhookList')

export const deliveryAttempt = z
  .object({
    number: z.int(),
    startedAt: z.iso.datetime(),
    durationMs: z.int(),
    status: z.int().nullable().openapi({ description: 'What the receiver answered.' }),
    error: z
      .enum(['blocked_address', 'unreachable', 'timeout', 'connection_lost', 'not_echoed'])
      .nullable()
      .openapi({
        description: 'Why there is no answer; `not_echoed`: the answer to a challenge was something else.',
      }),
    answer: z.string().nullable().openapi({ description: 'The first 1,024 bytes of the answer.' }),
    headers: z
      .record(z.string(), z.string())
      .nullable()
      .openapi({
        description:
          'Of the answer, the first 32 with 256 characters each and 2,048 in all; cookies and credentials are left out. Null where there is no answer.',
        example: { 'content-type': 'text/plain', server: 'nginx' },
      }),
  })
  .openapi('WebhookAttempt')

export const deliveryObject = z
  .object({
    id: z.uuid().openapi({ description: '`webhook-id` and `X-Gptimg-Delivery` of every attempt.' }),
    event: z.string(),
    generationId: z.uuid().nullable().openapi({ description: 'Null for a test and for a challenge.' }),
    status: z.enum(deliveryStates).openapi({
      description:
        '`exhausted`: every attempt failed. `dropped`: the webhook was disabled, or its generation is gone.',
    }),
    nextAttemptAt: z.iso.datetime().nullable(),
    attemptCount: z.int(),
    attempts: z
      .array(deliveryAttempt)
      .openapi({ description: `The newest ${shownAttempts}; all of them are a list of their own.` }),
    createdAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
  })
  .openapi('WebhookDelivery')

export const deliveryList = z
  .object({ deliveries: z.array(deliveryObject), nextCursor: z.string().nullable() })
  .openapi('WebhookDeliveryList')

export const attemptQuery = deliveryQuery.omit({ status: true })

export const attemptList = z
  .object({ attempts: z.array(deliveryAttempt), nextCursor: z.string().nullable() })
  .openapi('WebhookAttemptList')

export const resentCount = z.object({ resent: z.int() }).openapi('ResentWebhooks')

export const challengeEvent = z
  .object({
    event: z.literal(challengeEventType),
    data: z.object({
      endpointId: z.uuid(),
      challenge: z.string().openapi({ description: 'To be answered, alone.' }),
      createdAt: z.iso.datetime(),
    }),
  })
  .openapi('WebhookChallenge')

export const generationEvent = z
  .object({
    event: z.enum(eventTypes),
    sequence: z.int().openapi({
      format: 'int64',
      description:
        'The moment of the end in microseconds since 1970, by the database: the order of events of one account.',
    }),
    data: z.object({
      generationId: z.uuid(),
      type: z.string(),
      status: z.enum(['succeeded', 'failed', 'blocked', 'canceled']),
      outputs: z.array(z.object({ png: z.url(), webp: z.url(), width: z.int(), height: z.int() })),
      error: z.string().optional().openapi({ description: 'Only where there is no image.' }),
      createdAt: z.iso.datetime(),
      completedAt: z.iso.datetime(),
    }),
  })
  .openapi('GenerationEvent')
