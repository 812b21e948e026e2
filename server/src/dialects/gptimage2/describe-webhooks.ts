// The description of webhooks at the door of the session cookie.
import type { OpenAPIHono, z } from '@hono/zod-openapi'
import type { HttpEnv } from '../../http/context.ts'
import { describeEvents, describeWebhooks } from '../shared-webhook-describe.ts'
import { rateHeaders } from './describe-parts.ts'
import { gptimage2Error } from './schema.ts'

const refused = (description: string) => ({
  description,
  headers: rateHeaders,
  content: { 'application/json': { schema: gptimage2Error as z.ZodType } },
})

export function describeAccountWebhooks(registry: OpenAPIHono<HttpEnv>['openAPIRegistry']): void {
  const tag = 'Webhooks'
  describeWebhooks(registry, {
    base: '/api/account/webhooks',
    tag,
    suffix: 'OfSession',
    security: [{ SessionCookie: [] }],
    headers: rateHeaders,
    refused,
    common: {
      401: refused('Nobody is signed in.'),
      403: refused('A page of another site may not do that.'),
      429: refused('Too many test events and resends; see `Retry-After`.'),
      500: refused('Something went wrong on our side.'),
      503: refused('Not available right now; see `Retry-After`.'),
    },
  })
  describeEvents(registry, tag)
}
