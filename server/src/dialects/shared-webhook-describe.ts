// The OpenAPI description of webhooks: their management, at whichever door it is mounted, and what a receiver is sent.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { HttpEnv } from '../http/context.ts'
import { challengeEventType } from '../webhooks/challenge.ts'
import { eventTypes } from '../webhooks/events.ts'
import {
  attemptList,
  attemptQuery,
  challengeEvent,
  changeWebhookRequest,
  createdWebhook,
  createWebhookRequest,
  deliveryList,
  deliveryObject,
  deliveryQuery,
  generationEvent,
  resendFailedRequest,
  resentCount,
  rotatedWebhook,
  rotateSecretRequest,
  webhookList,
  webhookObject,
} from './shared-webhook-schema.ts'

type Registry = OpenAPIHono<HttpEnv>['openAPIRegistry']
type Responses = Parameters<Registry['registerPath']>[0]['responses']
type Header = { description: string; schema: { type: 'string' | 'integer' } }

/** What differs between the doors. */
export type WebhookDoor = {
  base: string
  tag: string
  /** Ends every operationId, which are unique in the document of everything. */
  suffix: string
  /** Left out: the document's own, an API key. */
  security?: Record<string, string[]>[]
  headers: Record<string, Header>
  refused(description: string): Responses[string]
  /** What every one of them may answer. */
  common: Responses
}

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const one = z.object({ id: z.uuid() })
const delivery = one.extend({ deliveryId: z.uuid() })

export function describeWebhooks(registry: Registry, door: WebhookDoor): void {
  describeEndpoints(registry, door)
  describeSecretsAndTests(registry, door)
  describeChallenge(registry, door)
  describeDeliveries(registry, door)
}

/** The fields that all operations share, and the answers that several do. */
function createParts({ tag, suffix, security, headers, refused, common }: WebhookDoor) {
  return {
    named: (operationId: string, summary: string) => ({
      tags: [tag],
      summary,
      operationId: operationId + suffix,
      ...(security ? { security } : {}),
    }),
    answered: (description: string, schema: z.ZodType) => ({ description, headers, content: json(schema) }),
    empty: (description: string) => ({ description, headers }),
    invalid: refused('The request is not valid; `issues` names the fields.'),
    reused: refused('The idempotency key was used with another request.'),
    withBody: {
      413: refused('The body is too large.'),
      415: refused('The body is not declared as JSON.'),
    } as Responses,
    unknown: { 404: refused('Unknown, or not yours.'), ...common } as Responses,
  }
}

function describeEndpoints(registry: Registry, door: WebhookDoor): void {
  const { base, common } = door
  const { named, answered, empty, invalid, reused, withBody, unknown } = createParts(door)
  registry.registerPath({
    method: 'post',
    path: base,
    ...named('createWebhook', 'Create a webhook'),
    description:
      'Tells an endpoint of yours when generations end. The answer holds the secret, which is shown again to a repeat under the same `Idempotency-Key` alone, for 24 hours.',
    request: {
      headers: z.object({
        'Idempotency-Key': z
          .string()
          .min(1)
          .max(255)
          .optional()
          .openapi({
            param: { description: 'A repeat answers the same webhook, for 24 hours with its secret.' },
          }),
      }),
      body: { required: true, content: json(createWebhookRequest) },
    },
    responses: {
      201: answered('Created, with its secret', createdWebhook),
      400: invalid,
      ...withBody,
      422: reused,
      ...common,
    },
  })
  registry.registerPath({
    method: 'get',
    path: base,
    ...named('listWebhooks', 'List webhooks'),
    responses: { 200: answered('All of the account, oldest first', webhookList), ...common },
  })
  registry.registerPath({
    method: 'get',
    path: `${base}/{id}`,
    ...named('getWebhook', 'Read a webhook'),
    request: { params: one },
    responses: { 200: answered('The webhook', webhookObject), ...unknown },
  })
  registry.registerPath({
    method: 'patch',
    path: `${base}/{id}`,
    ...named('changeWebhook', 'Change, disable or enable a webhook'),
    request: { params: one, body: { required: true, content: json(changeWebhookRequest) } },
    responses: {
      200: answered('The webhook as it is now', webhookObject),
      400: invalid,
      ...withBody,
      ...unknown,
    },
  })
  registry.registerPath({
    method: 'delete',
    path: `${base}/{id}`,
    ...named('deleteWebhook', 'Delete a webhook'),
    request: { params: one },
    responses: { 204: empty('Deleted; nothing more is sent'), ...unknown },
  })
}

function describeSecretsAndTests(registry: Registry, door: WebhookDoor): void {
  const { base } = door
  const { named, answered, invalid, withBody, unknown } = createParts(door)
  registry.registerPath({
    method: 'post',
    path: `${base}/{id}/rotate-secret`,
    ...named('rotateWebhookSecret', 'Replace the secret of a webhook'),
    description:
      'The old secret signs beside the new one for `overlapSeconds`, a day unless you say otherwise. Meanwhile `X-Gptimg-Signature` is made with the old one. Send 0 when it has leaked.',
    request: { params: one, body: { required: false, content: json(rotateSecretRequest) } },
    responses: {
      200: answered('The webhook with its new secret', rotatedWebhook),
      400: invalid,
      ...withBody,
      ...unknown,
    },
  })
  registry.registerPath({
    method: 'post',
    path: `${base}/{id}/test`,
    ...named('testWebhook', 'Send a test event'),
    description:
      'Sends `webhook.test`, signed and retried like any event. Test events and resends share a limit per minute, of the account and of the host.',
    request: { params: one },
    responses: {
      202: answered('The delivery, to be sent at once', deliveryObject),
      400: invalid,
      ...unknown,
    },
  })
  registry.registerPath({
    method: 'post',
    path: `${base}/{id}/resend-failed`,
    ...named('resendFailedWebhooks', 'Send again what has failed'),
    description:
      'At most 1,000 deliveries, oldest first, each under its old id; none with 50 attempts or more.',
    request: { params: one, body: { required: true, content: json(resendFailedRequest) } },
    responses: {
      202: answered('How many are sent again', resentCount),
      400: invalid,
      ...withBody,
      ...unknown,
    },
  })
}

function describeChallenge(registry: Registry, door: WebhookDoor): void {
  const { named, answered, invalid, unknown } = createParts(door)
  registry.registerPath({
    method: 'post',
    path: `${door.base}/{id}/challenge`,
    ...named('challengeWebhook', 'Ask for the proof of ownership again'),
    description:
      'Sends `webhook.challenge` once more and enables a webhook that was disabled because it never echoed one. One that has is left as it is. Refused where no proof is asked for. Shares the limit per minute of test events.',
    request: { params: one },
    responses: {
      202: answered('The webhook as it is now', webhookObject),
      400: invalid,
      ...unknown,
    },
  })
}

function describeDeliveries(registry: Registry, door: WebhookDoor): void {
  const { base } = door
  const { named, answered, invalid, unknown } = createParts(door)
  registry.registerPath({
    method: 'get',
    path: `${base}/{id}/deliveries`,
    ...named('listWebhookDeliveries', 'List deliveries'),
    request: { params: one, query: deliveryQuery },
    responses: {
      200: answered('Newest first, with their newest attempts', deliveryList),
      400: invalid,
      ...unknown,
    },
  })
  registry.registerPath({
    method: 'get',
    path: `${base}/{id}/deliveries/{deliveryId}`,
    ...named('getWebhookDelivery', 'Read a delivery'),
    request: { params: delivery },
    responses: { 200: answered('The delivery with its newest attempts', deliveryObject), ...unknown },
  })
  registry.registerPath({
    method: 'get',
    path: `${base}/{id}/deliveries/{deliveryId}/attempts`,
    ...named('listWebhookAttempts', 'List the attempts of a delivery'),
    request: { params: delivery, query: attemptQuery },
    responses: { 200: answered('All of them by pages, oldest first', attemptList), 400: invalid, ...unknown },
  })
  registry.registerPath({
    method: 'post',
    path: `${base}/{id}/deliveries/{deliveryId}/resend`,
    ...named('resendWebhookDelivery', 'Send a delivery again'),
    description:
      'Under its old id. One that is still being tried is left as it is; one with 50 attempts or more is refused.',
    request: { params: delivery },
    responses: { 202: answered('The delivery as it is now', deliveryObject), 400: invalid, ...unknown },
  })
}

const header = (description: string, example: string) =>
  z.string().openapi({ param: { description }, example })

const exampleId = '0b6c3f0e-6f0f-4f4e-9d0a-3f7f5f6b8a11'
const exampleData = {
  generationId: '01990000-0000-7000-8000-000000000000',
  type: 'text2img',
  createdAt: '2026-04-26T01:23:45.000Z',
  completedAt: '2026-04-26T01:23:50.000Z',
}
const examples = {
  'generation.succeeded': {
    event: 'generation.succeeded',
    sequence: 1_777_166_630_123_456,
    data: {
      ...exampleData,
      status: 'succeeded',
      outputs: [
        {
          png: 'https://images.example.com/files/01990000-0000-7000-8000-000000000000/fftaTzbLcRMV568CuXxTS8btzJYnyxVw/0.png',
          webp: 'https://images.example.com/files/01990000-0000-7000-8000-000000000000/z2JDV7KAh8Cs45XhU9t1JsVu99oCXmtW/0.webp',
          width: 1024,
          height: 1024,
        },
      ],
    },
  },
  'generation.failed': {
    event: 'generation.failed',
    sequence: 1_777_166_630_123_456,
    data: {
      ...exampleData,
      status: 'blocked',
      outputs: [],
      error: 'The content was refused by a safety system. Nothing was charged.',
    },
  },
} as const

const exampleChallenge = {
  event: challengeEventType,
  data: {
    endpointId: '01990000-0000-7000-8000-000000000001',
    challenge: 'q0iX3hTn1m8V4vLxw9bS2cKfJ6yZpUaRgDeHtQoMlWk',
    createdAt: '2026-04-26T01:23:45.000Z',
  },
}

/** What every request to a receiver bears. */
const sentHeaders = (type: string) =>
  z.object({
    'X-Gptimg-Event': header('The event.', type),
    'X-Gptimg-Delivery': header('The same over repeats.', exampleId),
    'X-Gptimg-Signature': header('Hex HMAC-SHA256 of the body, keyed with the whole secret.', 'a1b2…'),
    'webhook-id': header('As `X-Gptimg-Delivery`.', exampleId),
    'webhook-timestamp': header('Of this attempt, in Unix seconds.', '1777166630'),
    'webhook-signature': header('As Standard Webhooks says; several while a secret is replaced.', 'v1,…'),
  })

/** The `webhooks` section: what a receiver of ours is sent. Once for a document, whichever doors it has. */
export function describeEvents(registry: Registry, tag: string): void {
  for (const type of eventTypes) {
    registry.registerWebhook({
      method: 'post',
      path: type,
      tags: [tag],
      summary: type === 'generation.succeeded' ? 'A generation has images' : 'A generation has none',
      description:
        'Any 2xx within the policy’s timeout accepts it; redirects are not followed. Sent at least once: tell repeats by `webhook-id`.',
      operationId: type === 'generation.succeeded' ? 'onGenerationSucceeded' : 'onGenerationFailed',
      // It is we who call; the signature is the credential.
      security: [],
      request: {
        headers: sentHeaders(type),
        body: {
          required: true,
          content: { 'application/json': { schema: generationEvent, example: examples[type] } },
        },
      },
      responses: { 204: { description: 'Taken. Any other 2xx does as well.' } },
    })
  }
  registry.registerWebhook({
    method: 'post',
    path: challengeEventType,
    tags: [tag],
    summary: 'A webhook must prove that it is wanted',
    description:
      'Sent first to a new or moved webhook where the installation asks for it, and nothing else until it is answered with a 2xx whose body is the text of `challenge`, or `{"challenge": "…"}`, alone.',
    operationId: 'onWebhookChallenge',
    security: [],
    request: {
      headers: sentHeaders(challengeEventType),
      body: {
        required: true,
        content: { 'application/json': { schema: challengeEvent, example: exampleChallenge } },
      },
    },
    responses: { 200: { description: 'The echo.' } },
  })
}
