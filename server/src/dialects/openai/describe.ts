// The dialect's part of the OpenAPI document: every status that can be sent, with an example of each kind.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { HttpEnv } from '../../http/context.ts'
import {
  editExamples,
  editForms,
  errors,
  exampleEvents,
  exampleImages,
  exampleModel,
  generateExamples,
} from './examples.ts'
import {
  acceptedResponse,
  completedEvent,
  editForm,
  editRequest,
  generateRequest,
  imagesResponse,
  modelList,
  modelObject,
  openAiError,
  partialEvent,
} from './schema.ts'

type Registry = OpenAPIHono<HttpEnv>['openAPIRegistry']
type Examples = Record<string, { summary?: string; value: unknown }>

const json = <Schema extends z.ZodType>(schema: Schema, examples: Examples) => ({
  'application/json': { schema, examples },
})
const text = (description: string) => ({ description, schema: { type: 'string' as const } })
const whole = (description: string) => ({ description, schema: { type: 'integer' as const } })

const orderHeaders = {
  'x-darkroom-generation-id': text('The order, as the native API knows it.'),
  'x-should-retry': text("`false`: clients' libraries must not send the order again."),
}
const waitHeaders = { 'Retry-After': whole('Whole seconds to wait.') }

const refused = (description: string, examples: Examples, headers: object = {}) => ({
  description,
  headers: headers as typeof orderHeaders,
  content: json(openAiError, examples),
})

const orderErrors = {
  400: refused('A member is not valid, or a safety system refused; `param` names the member.', {
    invalid: { value: errors.invalid },
    moderation: { value: errors.moderation },
  }),
  401: refused('The API key is missing or not valid.', { unauthorized: { value: errors.unauthorized } }),
  403: refused('The API key lacks the scope.', { forbidden: { value: errors.forbidden } }),
  404: refused('There is no such model.', { model: { value: errors.model } }),
  413: refused('The body is too large.', { large: { value: errors.large } }),
  415: refused('The body is of another type.', { type: { value: errors.type } }),
  422: refused('The idempotency key was used with another request.', { reused: { value: errors.reused } }),
  429: refused(
    'Too many requests, or too few credits: then with `x-should-retry: false`.',
    { rate: { value: errors.rate }, quota: { value: errors.quota } },
    waitHeaders,
  ),
  500: refused('The generation failed and was not charged.', { failed: { value: errors.failed } }),
  503: refused(
    'At capacity or not available right now.',
    { overloaded: { value: errors.overloaded } },
    waitHeaders,
  ),
}

const readErrors = {
  401: orderErrors[401],
  403: orderErrors[403],
  429: refused('Too many requests.', { rate: { value: errors.rate } }, waitHeaders),
  500: refused('Something went wrong on our side.', { internal: { value: errors.internal } }),
  503: orderErrors[503],
}

const orderRequestHeaders = z.object({
  'Idempotency-Key': z
    .string()
    .min(1)
    .max(255)
    .optional()
    .openapi({ param: { description: 'Names this order; a repeat shows the same result.' } }),
  Prefer: z
    .string()
    .optional()
    .openapi({ param: { description: '`respond-async`, or `wait=N` with seconds (RFC 7240).' } }),
})

const orderAnswers = (event: 'image_generation' | 'image_edit') => ({
  200: {
    description: 'The images; with `stream`, server-sent events named after their `type`.',
    headers: orderHeaders,
    content: {
      ...json(imagesResponse, exampleImages),
      'text/event-stream': {
        schema: z.union([partialEvent, completedEvent, openAiError]),
        examples: { completed: { value: exampleEvents(event) } },
      },
    },
  },
  202: {
    description: 'Accepted, where `Prefer` asked for it: read the result by the native API.',
    headers: { ...orderHeaders, ...waitHeaders, Location: text('Where to read the generation.') },
    content: json(acceptedResponse, {
      running: { value: { generationId: 'd34a5dd4-0f2c-4c06-a2c8-6f4c4a2d7e01', status: 'running' } },
    }),
  },
  ...orderErrors,
})

export function describeOpenAi({ openAPIRegistry: registry }: OpenAPIHono<HttpEnv>): void {
  describeOrders(registry)
  describeModels(registry)
}

const images = ['OpenAI Images']
const models = ['OpenAI Models']

function describeOrders(registry: Registry): void {
  registry.registerPath({
    method: 'post',
    path: '/v1/images/generations',
    tags: images,
    summary: 'Create images',
    description: 'Makes images from a prompt, with any model of the list. Waits until they are there.',
    operationId: 'createImage',
    request: {
      headers: orderRequestHeaders,
      body: { required: true, content: json(generateRequest, generateExamples) },
    },
    responses: orderAnswers('image_generation'),
  })
  registry.registerPath({
    method: 'post',
    path: '/v1/images/edits',
    tags: images,
    summary: 'Edit images',
    description:
      'Makes images from a prompt and up to 16 pictures, sent as files of a form or by address in JSON.',
    operationId: 'createImageEdit',
    request: {
      headers: orderRequestHeaders,
      body: {
        required: true,
        content: {
          'multipart/form-data': { schema: editForm, examples: editForms },
          ...json(editRequest, editExamples),
        },
      },
    },
    responses: orderAnswers('image_edit'),
  })
}

function describeModels(registry: Registry): void {
  registry.registerPath({
    method: 'get',
    path: '/v1/models',
    tags: models,
    summary: 'List models',
    description: 'Every model that can be called now.',
    operationId: 'listModels',
    responses: {
      200: {
        description: 'The models',
        content: json(modelList, { models: { value: { object: 'list', data: [exampleModel] } } }),
      },
      ...readErrors,
    },
  })
  registry.registerPath({
    method: 'get',
    path: '/v1/models/{id}',
    tags: models,
    summary: 'Get a model',
    description: 'One model. A slash in its id may be sent percent-encoded or as it is.',
    operationId: 'retrieveModel',
    request: { params: z.object({ id: z.string().openapi({ example: 'gpt-image-2' }) }) },
    responses: {
      200: { description: 'The model', content: json(modelObject, { model: { value: exampleModel } }) },
      404: orderErrors[404],
      ...readErrors,
    },
  })
}
