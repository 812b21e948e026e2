// What the descriptions of the native API's endpoints share: headers, refusals, shapes.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { HttpEnv } from '../../http/context.ts'
import { nativeError } from './schema.ts'

export type Registry = OpenAPIHono<HttpEnv>['openAPIRegistry']

export const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
export const text = (description: string) => ({ description, schema: { type: 'string' as const } })
export const whole = (description: string) => ({ description, schema: { type: 'integer' as const } })

export const rateHeaders = {
  'X-RateLimit-Limit': whole('Requests per window.'),
  'X-RateLimit-Remaining': whole('Requests left in the window.'),
  'X-RateLimit-Reset': whole('End of the window, in Unix seconds.'),
}
export const waitHeaders = { ...rateHeaders, 'Retry-After': whole('Whole seconds to wait.') }

export const refused = (description: string, headers: typeof rateHeaders = rateHeaders) => ({
  description,
  headers,
  content: json(nativeError),
})

/** What every endpoint with a key may answer. */
export const common = {
  401: refused('The API key is missing or not valid.'),
  403: refused('The API key lacks the scope.'),
  429: refused('Too many requests, or too many generations in flight; see `Retry-After`.', waitHeaders),
  500: refused('Something went wrong on our side.'),
  503: refused('At capacity or not available right now; see `Retry-After`.', waitHeaders),
}

export const idParameter = z.object({ id: z.uuid() })
