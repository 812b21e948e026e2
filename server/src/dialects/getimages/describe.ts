// The dialect's part of the OpenAPI document, made from the schemas that validate its requests.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { HttpEnv } from '../../http/context.ts'
import {
  accountResponse,
  errorResponse,
  generateImageRequest,
  generateImageResponse,
  getImageMetadataResponse,
  getImageResponse,
  listImagesResponse,
  listUsageResponse,
  pageQuery,
} from './schema.ts'

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const failed = { description: 'Error response', content: json(errorResponse) }
const refused = {
  description: 'Missing, invalid, revoked, or rate-limited API key',
  content: json(errorResponse),
}

export function describeGetImages(app: OpenAPIHono<HttpEnv>): void {
  describeGenerate(app)
  describeImages(app)
  describeAccount(app)
}

type Registry = OpenAPIHono<HttpEnv>['openAPIRegistry']
const images = ['Images']
const account = ['Account']

function describeGenerate({ openAPIRegistry: registry }: { openAPIRegistry: Registry }): void {
  registry.registerPath({
    method: 'post',
    path: '/api/v1/images/generate',
    tags: images,
    summary: 'Generate an image',
    description:
      'Generates an image, charges credits, stores the generation, and returns inline base64 image bytes.',
    operationId: 'generateImage',
    request: { body: { required: true, content: json(generateImageRequest) } },
    responses: {
      200: { description: 'Generated image', content: json(generateImageResponse) },
      400: failed,
      401: refused,
      429: refused,
      500: failed,
    },
  })
}

function describeImages({ openAPIRegistry: registry }: { openAPIRegistry: Registry }): void {
  registry.registerPath({
    method: 'get',
    path: '/api/v1/images',
    tags: images,
    summary: 'List generated images',
    description:
      "Returns paginated metadata for the caller's generated images. Base64 image bytes are not included.",
    operationId: 'listImages',
    request: { query: pageQuery },
    responses: {
      200: { description: 'Paginated image metadata', content: json(listImagesResponse) },
      400: failed,
      401: refused,
      429: refused,
    },
  })
  registry.register('GetImageResponse', getImageResponse)
  registry.register('GetImageMetadataResponse', getImageMetadataResponse)
  // The contract says oneOf, where the schema library would write anyOf for a union.
  const oneImage = {
    oneOf: [
      { $ref: '#/components/schemas/GetImageResponse' },
      { $ref: '#/components/schemas/GetImageMetadataResponse' },
    ],
  }
  registry.registerPath({
    method: 'get',
    path: '/api/v1/images/{id}',
    tags: images,
    summary: 'Get a generated image',
    description:
      'Returns one generated image. By default the response includes inline base64 image bytes. Use format=metadata to omit bytes.',
    operationId: 'getImage',
    request: {
      params: z.object({ id: z.uuid() }),
      query: z.object({
        format: z
          .enum(['metadata'])
          .optional()
          .openapi({ param: { description: 'Pass metadata to omit b64_json from the response.' } }),
      }),
    },
    responses: {
      200: {
        description: 'Generated image',
        content: { 'application/json': { schema: oneImage } },
      },
      401: refused,
      404: failed,
      429: refused,
    },
  })
}

function describeAccount({ openAPIRegistry: registry }: { openAPIRegistry: Registry }): void {
  registry.registerPath({
    method: 'get',
    path: '/api/v1/account',
    tags: account,
    summary: 'Get account',
    description: "Returns the caller's user ID, email, and current credit balance.",
    operationId: 'getAccount',
    responses: {
      200: { description: 'Account details', content: json(accountResponse) },
      401: refused,
      404: failed,
      429: refused,
    },
  })
  registry.registerPath({
    method: 'get',
    path: '/api/v1/usage',
    tags: account,
    summary: 'List credit usage',
    description: 'Returns paginated credit transactions for the caller.',
    operationId: 'listUsage',
    request: { query: pageQuery },
    responses: {
      200: { description: 'Paginated credit transactions', content: json(listUsageResponse) },
      400: failed,
      401: refused,
      429: refused,
    },
  })
}
