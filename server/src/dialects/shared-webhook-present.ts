// Endpoints and deliveries onto the wire.
import type { z } from '@hono/zod-openapi'
import type { Delivery } from '../webhooks/deliveries.ts'
import type { Endpoint } from '../webhooks/endpoints.ts'
import type { deliveryObject, webhookObject } from './shared-webhook-schema.ts'

export function toWebhookObject(endpoint: Endpoint): z.infer<typeof webhookObject> {
  const { disabledAt, failures, createdAt, updatedAt, ...same } = endpoint
  return {
    ...same,
    disabledAt: disabledAt?.toISOString() ?? null,
    consecutiveFailures: failures,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}

export function toDeliveryObject(delivery: Delivery): z.infer<typeof deliveryObject> {
  const { state, nextAttemptAt, attempts, createdAt, endedAt, ...same } = delivery
  return {
    ...same,
    status: state,
    nextAttemptAt: nextAttemptAt?.toISOString() ?? null,
    attempts: attempts.map(({ n, startedAt, error, ...attempt }) => ({
      number: n,
      startedAt: startedAt.toISOString(),
      error: error as z.infer<typeof deliveryObject>['attempts'][number]['error'],
      ...attempt,
    })),
    createdAt: createdAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
  }
}
