// Endpoints and deliveries onto the wire.
import type { z } from '@hono/zod-openapi'
import type { Delivery, DeliveryAttempt } from '../webhooks/deliveries.ts'
import type { Endpoint } from '../webhooks/endpoints.ts'
import type { deliveryAttempt, deliveryObject, webhookObject } from './shared-webhook-schema.ts'

export function toWebhookObject(endpoint: Endpoint): z.infer<typeof webhookObject> {
  const { disabledAt, failures, ownership, createdAt, updatedAt, ...same } = endpoint
  return {
    ...same,
    ...(ownership === null ? {} : { ownership }),
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
    attempts: attempts.map(toAttemptObject),
    createdAt: createdAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
  }
}

export function toAttemptObject(attempt: DeliveryAttempt): z.infer<typeof deliveryAttempt> {
  const { n, startedAt, error, ...same } = attempt
  return {
    number: n,
    startedAt: startedAt.toISOString(),
    error: error as z.infer<typeof deliveryAttempt>['error'],
    ...same,
  }
}
