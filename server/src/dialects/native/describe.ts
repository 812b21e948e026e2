// The native API's part of the OpenAPI document: every status that can be sent, and the headers that matter.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { HttpEnv } from '../../http/context.ts'
import { uploadMediaTypes } from '../../uploads/uploads.ts'
import {
  createGenerationRequest,
  createUploadRequest,
  generationObject,
  imageFormats,
  nativeError,
  uploadTicket,
} from './schema.ts'

type Registry = OpenAPIHono<HttpEnv>['openAPIRegistry']

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const text = (description: string) => ({ description, schema: { type: 'string' as const } })
const whole = (description: string) => ({ description, schema: { type: 'integer' as const } })

const rateHeaders = {
  'X-RateLimit-Limit': whole('Requests per window.'),
  'X-RateLimit-Remaining': whole('Requests left in the window.'),
  'X-RateLimit-Reset': whole('End of the window, in Unix seconds.'),
}
const waitHeaders = { ...rateHeaders, 'Retry-After': whole('Whole seconds to wait.') }

const refused = (description: string, headers: typeof rateHeaders = rateHeaders) => ({
  description,
  headers,
  content: json(nativeError),
})
const common = {
  401: refused('The API key is missing or not valid.'),
  403: refused('The API key lacks the scope.'),
  429: refused('Too many requests, or too many generations in flight; see `Retry-After`.', waitHeaders),
  500: refused('Something went wrong on our side.'),
  503: refused('At capacity or not available right now; see `Retry-After`.', waitHeaders),
}
const tags = ['Generations']
const id = z.object({ id: z.uuid() })

export function describeNative(app: OpenAPIHono<HttpEnv>): void {
  describeCreate(app.openAPIRegistry)
  describeReads(app.openAPIRegistry)
  describeUploads(app.openAPIRegistry)
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
    request: { params: id },
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
      params: id.extend({ index: z.int().min(0) }),
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

function describeUploads(registry: Registry): void {
  registry.registerPath({
    method: 'post',
    path: '/api/v1/upload',
    tags: ['Uploads'],
    summary: 'Announce an upload',
    description:
      'Answers an address to PUT the picture to within 5 minutes, and the key that orders name. An upload that is never sent is gone after 24 hours, any other after 30 days.',
    operationId: 'createUpload',
    request: {
      headers: z.object({
        'Idempotency-Key': z
          .string()
          .min(1)
          .max(255)
          .optional()
          .openapi({ param: { description: 'A repeat answers the same key with a fresh address.' } }),
      }),
      body: { required: true, content: json(createUploadRequest) },
    },
    responses: {
      200: { description: 'Where to send it', headers: rateHeaders, content: json(uploadTicket) },
      400: refused('The request is not valid; `issues` names the fields.'),
      413: refused('The body is too large.'),
      415: refused('The body is not declared as JSON.'),
      422: refused('The idempotency key was used with another request.'),
      ...common,
    },
  })
  registry.registerPath({
    method: 'put',
    path: '/uploads/{key}',
    tags: ['Uploads'],
    summary: 'Send an upload',
    operationId: 'sendUpload',
    security: [],
    request: {
      params: z.object({ key: z.string() }),
      query: z.object({ exp: z.string(), sig: z.string() }),
      headers: z.object({ 'Content-Length': z.string() }),
      body: {
        required: true,
        content: Object.fromEntries(
          uploadMediaTypes.map(type => [type, { schema: z.string().openapi({ format: 'binary' }) }]),
        ),
      },
    },
    responses: {
      200: { description: 'Kept' },
      400: refused('Another type or length than announced, or sent before.'),
      403: refused('The address is not valid or has ended.'),
      500: refused('Something went wrong on our side.'),
      503: refused('Not available right now; see `Retry-After`.', waitHeaders),
    },
  })
}
