// The description of a generation's events in the OpenAPI document.
import { z } from '@hono/zod-openapi'
import { common, idParameter, type Registry, rateHeaders, refused } from './describe-parts.ts'
import { generationObject, partialEvent, progressEvent, statusEvent } from './schema.ts'

const example = `retry: 1000

event: status
data: {"id":"0190f2f0-0000-7000-8000-000000000000","status":"running"}

event: partial
data: {"index":0,"part":0,"mediaType":"image/png","image":"iVBORw0KGgo…"}

id: end
event: end
data: {"id":"0190f2f0-0000-7000-8000-000000000000","status":"succeeded","…":"…"}
`

export function describeEvents(registry: Registry): void {
  registry.registerPath({
    method: 'get',
    path: '/api/v1/generations/{id}/events',
    tags: ['Generations'],
    summary: 'Watch a generation',
    description:
      'Server-sent events: `status` when it changes, `progress` when the upstream tells how far it is, `partial` for each unfinished picture that was ordered by `partialImages` and is made by the process that answers, `end` with the generation. A stream that ends without `end` is to be opened again, at any node.',
    operationId: 'watchGeneration',
    request: {
      params: idParameter,
      headers: z.object({
        'Last-Event-ID': z
          .string()
          .optional()
          .openapi({ param: { description: '`end`: the end was seen, and the answer is 204.' } }),
      }),
    },
    responses: {
      200: {
        description: 'The events',
        headers: rateHeaders,
        content: {
          // The data of each event is one of the four; the body is text.
          'text/event-stream': {
            schema: z.union([statusEvent, progressEvent, partialEvent, generationObject, z.string()]),
            example,
          },
        },
      },
      204: { description: 'Nothing more will come.', headers: rateHeaders },
      400: refused('There is no such query parameter.'),
      404: refused('Unknown, deleted, or not yours.'),
      ...common,
    },
  })
}
