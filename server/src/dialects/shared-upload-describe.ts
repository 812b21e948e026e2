// The description of the address that an upload is sent to: announced in two APIs, served once.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { HttpEnv } from '../http/context.ts'

type Registry = OpenAPIHono<HttpEnv>['openAPIRegistry']
type Responses = Parameters<Registry['registerPath']>[0]['responses']
type Headers = Record<string, { description: string; schema: { type: 'string' | 'integer' } }>

/** What differs between the documents. */
export type UploadDoor = {
  tag: string
  operationId: string
  mediaTypes: readonly string[]
  headers: Headers
  refused(description: string): Responses[string]
  unavailable: Responses[string]
}

export function describeSendUpload(registry: Registry, door: UploadDoor): void {
  const { tag, operationId, mediaTypes, headers, refused, unavailable } = door
  registry.registerPath({
    method: 'put',
    path: '/uploads/{key}',
    tags: [tag],
    summary: 'Send an upload',
    description: 'The address that announcing it answered, signed: it needs no API key.',
    operationId,
    security: [],
    request: {
      params: z.object({ key: z.string() }),
      query: z.object({ exp: z.string(), sig: z.string() }),
      headers: z.object({ 'Content-Length': z.string() }),
      body: {
        required: true,
        content: Object.fromEntries(
          mediaTypes.map(type => [type, { schema: z.string().openapi({ format: 'binary' }) }]),
        ),
      },
    },
    responses: {
      200: { description: 'Kept', headers },
      400: refused('Another type or length than announced, or sent before.'),
      403: refused('The address is not valid or has ended.'),
      500: refused('Something went wrong on our side.'),
      503: unavailable,
    },
  })
}
