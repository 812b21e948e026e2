// What the service answers beside the APIs, for the document of everything: sign-in, files by address, health, and the
// documents themselves. All of it is open without an API key.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { HttpEnv } from '../http/context.ts'
import { keyReport, reportedKeysPath } from '../http/reported-keys.ts'

type Registry = OpenAPIHono<HttpEnv>['openAPIRegistry']

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const text = (description: string) => ({ description, schema: { type: 'string' as const } })
const wait = {
  'Retry-After': { description: 'Whole seconds to wait.', schema: { type: 'integer' as const } },
}

const serviceError = z.object({ error: z.string(), code: z.string() }).openapi('ServiceError')
const refused = (description: string) => ({ description, content: json(serviceError) })

/** An app that serves nothing and describes: for `createDocument`. */
export function describeService(): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>()
  describeSessions(app.openAPIRegistry)
  describeReportedKeys(app.openAPIRegistry)
  describeFiles(app.openAPIRegistry)
  describeHealth(app.openAPIRegistry)
  describeDocuments(app.openAPIRegistry)
  return app
}

const sessionError = z.object({ code: z.string(), message: z.string() }).openapi('SessionError', {
  example: { code: 'INVALID_BODY', message: 'Send {"email": "…", "password": "…"}.' },
})
const user = z
  .looseObject({ id: z.string(), email: z.email(), name: z.string() })
  .openapi('SessionUser', { example: { id: 'user_4fzzzxjylrx', email: 'you@example.com', name: 'you' } })

function describeSessions(registry: Registry): void {
  const unable = (description: string) => ({ description, content: json(sessionError) })
  const common = { tags: ['Sessions'], security: [] }
  const failures = { 500: unable('Something went wrong on our side.') }
  registry.registerPath({
    ...{ ...common, method: 'post', path: '/api/auth/sign-in/email', operationId: 'signIn' },
    summary: 'Sign in',
    description:
      'Sets the session cookie, which opens `/api/account/webhooks`. A session ends 12 hours after it began, or after half an hour unused.',
    request: {
      body: { required: true, content: json(z.object({ email: z.email(), password: z.string() })) },
    },
    responses: {
      200: {
        description: 'Signed in',
        headers: { 'Set-Cookie': text('The session, for a browser or a client that keeps cookies.') },
        content: json(z.looseObject({ user })),
      },
      400: unable('The body is not `{"email": "…", "password": "…"}`.'),
      401: unable('The e-mail address or the password is wrong.'),
      403: unable('A page of another site may not do that, or the service is not reached by https.'),
      413: unable('The body is too large.'),
      415: unable('The body is not declared as JSON.'),
      429: { ...unable('Too many tries; see `Retry-After`.'), headers: wait },
      ...failures,
      503: { ...unable('Too many people sign in right now; see `Retry-After`.'), headers: wait },
    },
  })
  registry.registerPath({
    ...{ ...common, method: 'post', path: '/api/auth/sign-out', operationId: 'signOut' },
    summary: 'Sign out',
    description: 'Ends the session of the cookie that is sent, and needs an `Origin` header of the service.',
    request: { body: { required: true, content: json(z.object({})) } },
    responses: {
      200: { description: 'Signed out', content: json(z.object({ success: z.boolean() })) },
      400: unable('The body is no JSON object.'),
      403: unable('A page of another site may not do that.'),
      ...failures,
    },
  })
  registry.registerPath({
    ...{ ...common, method: 'get', path: '/api/auth/get-session', operationId: 'getSession' },
    summary: 'Read the session',
    description: 'Whose session the cookie is; null without one.',
    responses: {
      200: {
        description: 'The session, or null',
        content: json(
          z.union([
            z.looseObject({ session: z.looseObject({ expiresAt: z.iso.datetime() }), user }),
            z.null(),
          ]),
        ),
      },
      403: unable('The service is not reached by https.'),
      ...failures,
    },
  })
}

function describeReportedKeys(registry: Registry): void {
  registry.registerPath({
    ...{ method: 'post', tags: ['Reported keys'], security: [], operationId: 'reportKey' },
    path: reportedKeysPath,
    summary: 'Report an API key that was found',
    description:
      'The key itself is the proof: one that is live is revoked at once. The answer is the same for every text, also one that is no key.',
    request: { body: { required: true, content: json(keyReport.openapi('KeyReport')) } },
    responses: {
      202: { description: 'Taken', content: json(z.object({ received: z.literal(true) })) },
      400: refused('The body is not `{"key": "…", "url": "…"}`.'),
      413: refused('The body is too large.'),
      415: refused('The body is not declared as JSON.'),
      429: { ...refused('Too many reports from this address; see `Retry-After`.'), headers: wait },
      500: refused('Something went wrong on our side.'),
      503: { ...refused('Not available right now; see `Retry-After`.'), headers: wait },
    },
  })
}

const picture = { 'image/*': { schema: z.string().openapi({ format: 'binary' }) } }
const fileAnswers = {
  200: { description: 'The file', headers: { ETag: text('Of these bytes.') }, content: picture },
  206: { description: 'The part that `Range` asked for', content: picture },
  304: { description: '`If-None-Match` named it.' },
  404: refused('Unknown, changed, ended or deleted: one answer for all.'),
  416: { description: '`Range` lies outside the file.' },
  500: refused('Something went wrong on our side.'),
  503: { ...refused('Not available right now; see `Retry-After`.'), headers: wait },
}

function describeFiles(registry: Registry): void {
  const common = { method: 'get' as const, tags: ['Files'], security: [], responses: fileAnswers }
  const name = z.string().openapi({ param: { description: 'Index and format, such as `0.png`.' } })
  registry.registerPath({
    ...{ ...common, path: '/files/{id}/{token}/{name}', operationId: 'getPublicFile' },
    summary: 'Read a file by its permanent address',
    request: { params: z.object({ id: z.string(), token: z.string(), name }) },
  })
  registry.registerPath({
    ...{ ...common, path: '/files/{id}/{name}', operationId: 'getSignedFile' },
    summary: 'Read a file by its signed address',
    request: {
      params: z.object({ id: z.string(), name }),
      query: z.object({ exp: z.string(), sig: z.string() }),
    },
  })
}

const check = z.object({ ok: z.boolean(), message: z.string().optional() })
const readiness = z
  .object({ status: z.enum(['ready', 'not ready']), checks: z.record(z.string(), check) })
  .openapi('Readiness', {
    example: {
      status: 'ready',
      checks: { database: { ok: true }, storage: { ok: true }, jobs: { ok: true }, queue: { ok: true } },
    },
  })

function describeHealth(registry: Registry): void {
  const common = { method: 'get' as const, tags: ['Operation'], security: [] }
  const alive = { 200: { description: 'It answers', content: json(z.object({ status: z.literal('ok') })) } }
  registry.registerPath({
    ...{ ...common, path: '/healthz', operationId: 'getLiveness', summary: 'Tell whether it is alive' },
    responses: alive,
  })
  registry.registerPath({
    ...{
      ...common,
      path: '/health',
      operationId: 'getHealth',
      summary: 'Tell whether it is alive, as /healthz',
    },
    responses: alive,
  })
  registry.registerPath({
    ...{ ...common, path: '/readyz', operationId: 'getReadiness', summary: 'Tell whether it can take work' },
    responses: {
      200: { description: 'Ready', content: json(readiness) },
      503: { description: 'Not ready: the check that fails says so', content: json(readiness) },
    },
  })
  registry.registerPath({
    ...{ ...common, path: '/metrics', operationId: 'getMetrics', summary: 'Read the metrics' },
    description: 'With `METRICS_TOKEN` for whoever sends it as a bearer token, else for this machine alone.',
    responses: {
      200: {
        description: "In Prometheus' text format",
        content: {
          'text/plain': {
            schema: z.string(),
            example: '# TYPE darkroom_queue_depth gauge\ndarkroom_queue_depth 0\n',
          },
        },
      },
      401: refused('The token is missing or wrong.'),
    },
  })
}

/** `/openapi/getimages.json` and its like; each stands below its dialect's mount, too. */
const dialects = ['getimages', 'getimg', 'gptimage2', 'imgeo', 'native', 'openai'] as const

function describeDocuments(registry: Registry): void {
  const common = { method: 'get' as const, tags: ['Documents'], security: [] }
  const found = (description: string, example: object) => ({
    200: { description, content: json(z.looseObject({}).openapi({ example })) },
  })
  const openapi = { openapi: '3.1.0', info: { title: 'Darkroom', version: '1.0.0' }, paths: {} }
  registry.registerPath({
    ...{ ...common, path: '/openapi.json', operationId: 'getDocument', summary: 'Read this document' },
    responses: found('Everything that the service answers', openapi),
  })
  registry.registerPath({
    ...{ ...common, path: '/openapi/{dialect}.json', operationId: 'getDialectDocument' },
    summary: 'Read the document of one API',
    request: { params: z.object({ dialect: z.enum(dialects) }) },
    responses: found('That API alone', openapi),
  })
  registry.registerPath({
    ...{ ...common, path: '/gptimage2/postman.json', operationId: 'getPostmanCollection' },
    summary: "Read gptimage2's Postman collection",
    responses: found('The collection, version 2.1, with the address of this service', {
      ...{ info: { name: 'gptimage2' }, item: [] },
    }),
  })
}
