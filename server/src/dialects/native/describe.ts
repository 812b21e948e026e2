// The native API's part of the OpenAPI document: every status that can be sent, and the headers that matter.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { HttpEnv } from '../../http/context.ts'
import { describeCatalog } from './catalog-route.ts'
import { describeEvents } from './describe-events.ts'
import { describeProviderKeys } from './describe-keys.ts'
import { describeList } from './describe-list.ts'
import {
  common,
  idParameter,
  json,
  type Registry,
  rateHeaders,
  refused,
  text,
  waitHeaders,
} from './describe-parts.ts'
import { describeUploads } from './describe-uploads.ts'
import { describeVerbs } from './describe-verbs.ts'
import { describeNativeWebhooks } from './describe-webhooks.ts'
import { describeRoutes } from './routes-route.ts'
import { createGenerationRequest, generationObject, imageFormats } from './schema.ts'
import { describeDailyUsage } from './usage-route.ts'

const tags = ['Generations']

export function describeNative(app: OpenAPIHono<HttpEnv>): void {
  describeCreate(app.openAPIRegistry)
  describeList(app.openAPIRegistry)
  describeReads(app.openAPIRegistry)
  describeEvents(app.openAPIRegistry)
  describeVerbs(app.openAPIRegistry)
  describeUploads(app.openAPIRegistry)
  describeNativeWebhooks(app.openAPIRegistry)
  describeProviderKeys(app.openAPIRegistry)
  describeCatalog(app.openAPIRegistry)
  describeRoutes(app.openAPIRegistry)
  describeDailyUsage(app.openAPIRegistry)
}

function describeCreate(registry: Registry): void {
  registry.registerPath({
    method: 'post',
    path: '/api/v1/generations',
    tags,
    summary: 'Create a generation',
    description:
      'Takes an order for any model and answers 202 at once, or waits when asked by `Prefer: wait=N`. `Idempotency-Key` makes a repeat safe.',
    operationId: 'createGeneration',
    request: {
      headers: z.object({
        'Idempotency-Key': z
          .string()
          .min(1)
          .max(255)
          .optional()
          .openapi({ param: { description: 'Names this order; a repeat shows the same generation.' } }),
        Prefer: z
          .string()
          .optional()
          .openapi({ param: { description: '`respond-async`, or `wait=N` with seconds (RFC 7240).' } }),
      }),
      body: { required: true, content: json(createGenerationRequest) },
    },
    responses: {
      200: { description: 'Ended within the wait', headers: rateHeaders, content: json(generationObject) },
      202: {
        description: 'Accepted',
        headers: { ...waitHeaders, Location: text('Where to read the generation.') },
        content: json(generationObject),
      },
      400: refused('The request is not valid; `issues` names the fields.'),
      402: refused('Too few credits.'),
      413: refused('The body is too large.'),
      415: refused('The body is not declared as JSON.'),
      422: refused('Refused by a safety check, or the idempotency key was used with another request.'),
      ...common,
    },
  })
}

function describeReads(registry: Registry): void {
  registry.registerPath({
    method: 'get',
    path: '/api/v1/generations/{id}',
    tags,
    summary: 'Read a generation',
    operationId: 'getGeneration',
    request: { params: idParameter },
    responses: {
      200: {
        description: 'The generation as it is now',
        headers: rateHeaders,
        content: json(generationObject),
      },
      404: refused('Unknown, or not yours.'),
      ...common,
    },
  })
  registry.registerPath({
    method: 'get',
    path: '/api/v1/generations/{id}/images/{index}',
    tags,
    summary: 'Read the bytes of an image',
    operationId: 'getGenerationImage',
    request: {
      params: idParameter.extend({ index: z.int().min(0) }),
      query: z.object({
        format: z
          .enum(imageFormats)
          .optional()
          .openapi({
            param: { description: 'Another format; left out, the image as the model made it.' },
          }),
      }),
    },
    responses: {
      200: {
        description: 'The image',
        headers: rateHeaders,
        content: { 'image/*': { schema: z.string().openapi({ format: 'binary' }) } },
      },
      206: {
        description: 'The part that `Range` asked for',
        headers: rateHeaders,
        content: { 'image/*': { schema: z.string().openapi({ format: 'binary' }) } },
      },
      304: { description: '`If-None-Match` named it.', headers: rateHeaders },
      400: refused('The format is not known.'),
      404: refused('Unknown, not yours, or deleted.'),
      416: { description: '`Range` lies outside the image.', headers: rateHeaders },
      ...common,
    },
  })
}
