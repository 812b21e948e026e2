// imgeo's part of the OpenAPI document: every status that can be sent, and the headers that matter.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { HttpEnv } from '../../http/context.ts'
import {
  acceptedResponse,
  balanceResponse,
  generateRequest,
  generateResponse,
  imgeoError,
  modelObject,
} from './schema.ts'

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const whole = (description: string) => ({ description, schema: { type: 'integer' as const } })
const refused = (description: string) => ({ description, content: json(imgeoError) })
const toComeAgain = (description: string) => ({
  description,
  headers: { 'Retry-After': whole('Whole seconds to wait.') },
  content: json(imgeoError),
})

const tags = ['imgeo']
const common = {
  401: refused('The API key is missing or not valid.'),
  403: refused('The API key lacks the scope.'),
  429: toComeAgain('The limit of the key is used up; see `Retry-After`.'),
  500: refused('Something went wrong on our side.'),
  503: toComeAgain('At capacity or not available right now; see `Retry-After`.'),
}

/** What imgeo owns alone. */
export function describeOwn({ openAPIRegistry: registry }: OpenAPIHono<HttpEnv>): void {
  registry.registerPath({
    method: 'get',
    path: '/api/v1/models',
    tags,
    summary: 'List the models',
    description: 'Those that a configured provider serves, with what each can do and costs. Needs no key.',
    operationId: 'listImgeoModels',
    security: [],
    responses: {
      200: { description: 'Every model that can be used now', content: json(z.array(modelObject)) },
      500: common[500],
    },
  })
  registry.registerPath({
    method: 'get',
    path: '/api/v1/balance',
    tags,
    summary: 'Read the balance',
    description: 'Credits that are neither spent nor held. One balance for every API of the account.',
    operationId: 'getImgeoBalance',
    responses: { 200: { description: 'The credits left', content: json(balanceResponse) }, ...common },
  })
}

/** The endpoint that another dialect shares at the root. */
export function describeAll({ openAPIRegistry: registry }: OpenAPIHono<HttpEnv>): void {
  registry.registerPath({
    method: 'post',
    path: '/api/v1/generate',
    tags,
    summary: 'Generate images',
    description:
      'Answers when the images are made. When fewer came than ordered, those are answered and charged.',
    operationId: 'generateImgeoImages',
    request: {
      headers: z.object({
        'Idempotency-Key': z
          .string()
          .min(1)
          .max(255)
          .optional()
          .openapi({ param: { description: 'Names this order; a repeat shows the same images.' } }),
        Prefer: z
          .string()
          .optional()
          .openapi({ param: { description: '`respond-async`, or `wait=N` with seconds (RFC 7240).' } }),
      }),
      body: { required: true, content: json(generateRequest) },
    },
    responses: {
      200: { description: 'The images', content: json(generateResponse) },
      202: {
        description: 'Not ended within the wait that `Prefer` asked for',
        headers: { 'Retry-After': whole('Whole seconds to wait.') },
        content: json(acceptedResponse),
      },
      400: refused('The request is not valid or was refused; `error` names the field.'),
      402: refused('Too few credits, or the cap of the key or the plan is reached.'),
      404: refused('A repeat of an order whose images were deleted.'),
      413: refused('The body is too large.'),
      415: refused('The body is not declared as JSON.'),
      ...common,
    },
  })
}
