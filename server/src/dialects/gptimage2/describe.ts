// gptimage2's part of the OpenAPI document: every status that can be sent, and the headers that matter.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { HttpEnv } from '../../http/context.ts'
import { uploadMediaTypes } from '../../uploads/uploads.ts'
import { describeSendUpload } from '../shared-upload-describe.ts'
import { rateHeaders as headers, waitHeaders } from './describe-parts.ts'
import {
  acceptedResponse,
  generateRequest,
  generationObject,
  gptimage2Error,
  uploadRequest,
  uploadTicket,
} from './schema.ts'

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const text = (description: string) => ({ description, schema: { type: 'string' as const } })

const refused = (description: string) => ({ description, headers, content: json(gptimage2Error) })
const toComeAgain = (description: string) => ({
  description,
  headers: waitHeaders,
  content: json(gptimage2Error),
})

const tags = ['gptimage2']
const common = {
  401: refused('The API key is missing or not valid.'),
  429: toComeAgain('600 requests in the hour, or 5 generations in flight; see `Retry-After`.'),
  500: refused('Something went wrong on our side.'),
  503: toComeAgain('At capacity or not available right now; see `Retry-After`.'),
}
const invalid = {
  400: refused('The request is not valid; `error` has the message, `issues` the fields.'),
  403: refused('The plan of the account does not include this API, or the API key lacks the scope.'),
  413: refused('The body is too large.'),
  415: refused('The body is not declared as JSON.'),
}

const idempotencyKey = (description: string) =>
  z.object({
    'Idempotency-Key': z.string().min(1).max(255).optional().openapi({ param: { description } }),
  })

export function describeGptimage2({ openAPIRegistry: registry }: OpenAPIHono<HttpEnv>): void {
  registry.registerPath({
    method: 'post',
    path: '/api/v1/generate',
    tags,
    summary: 'Submit a generation or an edit',
    description:
      'Answers 202 at once, or when asked by `Prefer: wait=N` as soon as the generation has ended, after N seconds at most; poll the generation. `Idempotency-Key` makes a repeat safe: it answers the same generation and charges nothing.',
    operationId: 'submitGptimage2Generation',
    request: {
      headers: idempotencyKey('Names this order; a repeat answers its id and its status now.').extend({
        Prefer: z
          .string()
          .optional()
          .openapi({ param: { description: '`respond-async`, or `wait=N` with seconds (RFC 7240).' } }),
      }),
      body: { required: true, content: json(generateRequest) },
    },
    responses: {
      202: {
        description: 'Accepted, with the status as it is now: poll it',
        headers: {
          ...headers,
          Location: text('Where to read the generation.'),
          'Preference-Applied': text('What of `Prefer` was obeyed.'),
        },
        content: json(acceptedResponse),
      },
      ...invalid,
      402: refused('Too few credits, or the cap of the key or of the plan is reached; see `code`.'),
      422: refused('Refused by a safety check, or the idempotency key was used with another request.'),
      ...common,
    },
  })
  registry.registerPath({
    method: 'get',
    path: '/api/v1/generations/{id}',
    tags,
    summary: 'Poll a generation',
    description: 'Answers at once with the state as it is. Ended states do not change any more.',
    operationId: 'getGptimage2Generation',
    request: { params: z.object({ id: z.uuid() }) },
    responses: {
      200: { description: 'The generation as it is now', headers, content: json(generationObject) },
      403: refused('The API key lacks the scope.'),
      404: refused('Unknown, or not yours.'),
      ...common,
    },
  })
  describeUploads(registry)
}

function describeUploads(registry: OpenAPIHono<HttpEnv>['openAPIRegistry']): void {
  registry.registerPath({
    method: 'post',
    path: '/api/v1/upload',
    tags,
    summary: 'Announce an upload',
    description:
      'Answers an address to PUT the bytes to within 5 minutes, with exactly the type and length announced, and the key that orders name.',
    operationId: 'createGptimage2Upload',
    request: {
      headers: idempotencyKey('A repeat answers the same key with a fresh address.'),
      body: { required: true, content: json(uploadRequest) },
    },
    responses: {
      200: { description: 'Where to send it', headers, content: json(uploadTicket) },
      ...invalid,
      422: refused('The idempotency key was used with another request.'),
      ...common,
    },
  })
  describeSendUpload(registry, {
    tag: 'gptimage2',
    operationId: 'sendGptimage2Upload',
    mediaTypes: uploadMediaTypes,
    headers,
    refused,
    unavailable: toComeAgain('Not available right now; see `Retry-After`.'),
  })
}
