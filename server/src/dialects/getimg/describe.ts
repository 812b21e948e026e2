// The dialect's part of the OpenAPI document: every status that can be sent, and the headers that matter.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { HttpEnv } from '../../http/context.ts'
import {
  acceptedResponse,
  balance,
  costs,
  errorResponse,
  generationRequest,
  generationResponse,
  model,
} from './schema.ts'

type Registry = OpenAPIHono<HttpEnv>['openAPIRegistry']

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const text = (description: string) => ({ description, schema: { type: 'string' as const } })
const whole = (description: string) => ({ description, schema: { type: 'integer' as const } })

const rateHeaders = {
  'X-RateLimit-Limit': whole('Orders of the account per 60 seconds.'),
  'X-RateLimit-Remaining': whole('Orders left in the window.'),
  'X-RateLimit-Reset': whole('End of the window, in Unix seconds.'),
}
const retryAfter = { 'Retry-After': whole('Whole seconds to wait.') }
const shouldRetry = { 'x-should-retry': text('`false` where an order was taken: do not send it again.') }

type Headers = Record<string, ReturnType<typeof text> | ReturnType<typeof whole>>
const refused = (description: string, headers: Headers = {}) => ({
  description,
  headers,
  content: json(errorResponse),
})

const common = {
  401: refused('The API key is missing or not valid.'),
  500: refused('Something went wrong on our side.'),
  503: refused('Not available right now; see `Retry-After`.', retryAfter),
}

const tags = ['getimg']

export function describeGetimg({ openAPIRegistry: registry }: OpenAPIHono<HttpEnv>): void {
  describeGenerate(registry)
  describeDownload(registry)
  describeModels(registry)
  describeBilling(registry)
}

const orderHeaders = z.object({
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
})

function describeGenerate(registry: Registry): void {
  registry.registerPath({
    method: 'post',
    path: '/v2/images/generations',
    tags,
    summary: 'Generate an image',
    description: 'Waits for the image and answers with a signed URL that ends when the file is deleted.',
    operationId: 'createGetimgImage',
    request: { headers: orderHeaders, body: { required: true, content: json(generationRequest) } },
    responses: {
      200: {
        description: 'The finished image',
        headers: { ...rateHeaders, ...shouldRetry },
        content: json(generationResponse),
      },
      202: {
        description: 'Accepted; only with `Prefer`',
        headers: {
          ...rateHeaders,
          ...shouldRetry,
          ...retryAfter,
          Location: text('Where to read it natively.'),
        },
        content: json(acceptedResponse),
      },
      400: refused('The request is not valid; `param` names the field.', rateHeaders),
      401: refused('The API key is missing or not valid.', rateHeaders),
      402: refused('The balance or a cap does not allow it.', rateHeaders),
      404: refused('A repeat of an order whose files were deleted.', rateHeaders),
      413: refused('The body is larger than 25 MiB.', rateHeaders),
      415: refused('The body is not declared as JSON.', rateHeaders),
      422: refused('Refused by a safety check, or the idempotency key named another request.', rateHeaders),
      429: refused('Too many orders in the window or at once; see `Retry-After`.', {
        ...rateHeaders,
        ...retryAfter,
      }),
      500: refused('There is no image, and nothing was charged.', { ...rateHeaders, ...shouldRetry }),
      503: refused('Not available right now; see `Retry-After`.', { ...rateHeaders, ...retryAfter }),
    },
  })
}

const picture = { 'image/*': { schema: z.string().openapi({ format: 'binary' }) } }

function describeDownload(registry: Registry): void {
  registry.registerPath({
    method: 'get',
    path: '/v2/downloads/{id}/{n}',
    tags,
    summary: 'Download a file',
    description: 'Needs no key: the URL is signed. Whatever is wrong with it, the answer is one 404.',
    operationId: 'downloadGetimgFile',
    security: [],
    request: {
      params: z.object({ id: z.string(), n: z.int().min(0) }),
      query: z.object({ exp: z.int(), sig: z.string() }),
    },
    responses: {
      200: { description: 'The file', headers: { ETag: text('Of these bytes.') }, content: picture },
      206: { description: 'The part that `Range` asked for', content: picture },
      304: { description: '`If-None-Match` named it.' },
      404: refused('Unknown, changed, ended or deleted.'),
      416: { description: '`Range` lies outside the file.' },
      500: refused('Something went wrong on our side.'),
      503: refused('Not available right now; see `Retry-After`.', retryAfter),
    },
  })
}

function describeModels(registry: Registry): void {
  registry.registerPath({
    method: 'get',
    path: '/v2/models',
    tags,
    summary: 'List models',
    operationId: 'listGetimgModels',
    request: {
      query: z.object({
        type: z
          .enum(['image', 'video'])
          .optional()
          .openapi({ param: { description: 'There are no videos here: `video` gives an empty list.' } }),
      }),
    },
    responses: {
      200: { description: 'Models that can be used now', content: json(z.array(model)) },
      400: refused('`type` is no type.'),
      ...common,
    },
  })
  registry.registerPath({
    method: 'get',
    path: '/v2/models/{model}',
    tags,
    summary: 'Read a model',
    operationId: 'getGetimgModel',
    request: { params: z.object({ model: z.string() }) },
    responses: {
      200: { description: 'The model', content: json(model) },
      404: refused('There is no such model, or nothing serves it now.'),
      ...common,
    },
  })
}

function describeBilling(registry: Registry): void {
  registry.registerPath({
    method: 'get',
    path: '/v2/billing/balance',
    tags,
    summary: 'Read the balance',
    operationId: 'getGetimgBalance',
    responses: { 200: { description: 'What can be spent now', content: json(balance) }, ...common },
  })
  registry.registerPath({
    method: 'get',
    path: '/v2/billing/costs',
    tags,
    summary: 'List costs',
    description:
      'What delivered orders cost, refunds taken off, by the UTC date of the order, over every API of the account.',
    operationId: 'listGetimgCosts',
    request: {
      query: z.object({
        start: z.iso.datetime({ offset: true }),
        end: z.iso
          .datetime({ offset: true })
          .openapi({ param: { description: 'Included; after `start`, at most 180 days.' } }),
      }),
    },
    responses: {
      200: { description: 'One row for each UTC date', content: json(costs) },
      400: refused('The span is not valid; `param` names the field.'),
      ...common,
    },
  })
}
