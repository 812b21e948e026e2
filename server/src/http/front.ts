// What a person sees who opens the address of the service itself: where to go on. It needs no key and tells no secret.
import type { Hono } from 'hono'
import type { HttpEnv } from './context.ts'
import { methodNotAllowed } from './errors.ts'

const text = `Darkroom: an image-generation API service.

/openapi.json         what the API takes and answers
/operator/upstreams   the operator's page
/healthz              whether it is alive
`

export function addFront(app: Hono<HttpEnv>): void {
  app.get('/', context => context.text(text))
  app.all('/', methodNotAllowed(['GET']))
}
