// The OpenAPI 3.1 documents, made once at start from the schemas that validate requests.
import { OpenAPIHono } from '@hono/zod-openapi'
import type { HttpEnv } from '../http/context.ts'
import { addExamples } from './examples.ts'

export type Document = Record<string, unknown>

const bearer = {
  type: 'http' as const,
  scheme: 'bearer',
  bearerFormat: 'API key',
  description: 'Create an API key in the dashboard and send it as Authorization: Bearer <key>.',
}

const sessionCookie = {
  type: 'apiKey' as const,
  in: 'cookie',
  name: '__Host-darkroom_session',
  description: 'Set by signing in; over http on this machine its name is `darkroom_session`.',
}

export type DocumentHead = {
  title: string
  version: string
  description: string
  tags: { name: string; description: string }[]
  /** A contract's own document, to which nothing may be added. */
  isFixed?: boolean
}

/** One document of the paths and schemas of the given dialects. */
export function createDocument(
  apps: OpenAPIHono<HttpEnv>[],
  head: DocumentHead,
  serverUrl: string,
): Document {
  // A fresh app as the pot to collect in: mounting merges the registries, and nothing is served from it.
  const pot = new OpenAPIHono<HttpEnv>()
  for (const app of apps) pot.route('/', app)
  const { tags, isFixed: _isFixed, ...info } = head
  const { webhooks, ...document } = pot.getOpenAPI31Document({
    openapi: '3.1.0',
    info,
    servers: [{ url: serverUrl }],
    security: [{ ApiKeyBearer: [] }],
    tags,
  })
  const components = {
    securitySchemes: {
      ApiKeyBearer: bearer,
      // Only where something stands behind that door.
      ...(JSON.stringify(document.paths).includes('"SessionCookie"') ? { SessionCookie: sessionCookie } : {}),
    },
    schemas: document.components?.schemas ?? {},
  }
  const license = { name: 'MIT', identifier: 'MIT' }
  const contact = { name: 'The operator of this service', url: serverUrl }
  const made = structuredClone({ ...document, info: { ...document.info, license, contact }, components })
  if (!head.isFixed) addWrongMethods(made.paths)
  addExamples(made)
  describeAll(made.paths)
  // The library adds an empty section of webhooks, and takes the names of events for paths.
  const events = Object.entries(webhooks ?? {}).map(([name, item]) => [name.replace(/^\//, ''), item])
  return { ...made, ...(events.length > 0 ? { webhooks: Object.fromEntries(events) } : {}) }
}

/** Other methods are no address there: 404. */
const withoutMethods = /^\/(?:files|v2\/downloads|api\/auth)\//

/** Every path says what it answers to a method that it does not take, in the words of its other refusals. */
function addWrongMethods(paths: unknown): void {
  for (const [path, item] of Object.entries((paths ?? {}) as Record<string, Record<string, Document>>)) {
    if (withoutMethods.test(path)) continue
    for (const operation of Object.values(item)) {
      // Get Images' operations stay as published also where they stand among others.
      if (isOfFixedContract(operation)) continue
      const responses = (operation.responses ?? {}) as Record<string, Refusal>
      const like = [401, 404, 400, 403, 500].flatMap(status => responses[status] ?? [])[0]
      const schema = like?.content?.['application/json']?.schema ?? serviceErrorRef
      responses[405] = {
        description: 'Another method; `Allow` names those that there are.',
        headers: { ...like?.headers, Allow: { description: 'The methods.', schema: { type: 'string' } } },
        content: { 'application/json': { schema } },
      }
    }
  }
}

type Refusal = { description: string; headers?: object; content?: Record<string, { schema?: object }> }

/** Of what has no other refusal: `describe-service.ts`. */
const serviceErrorRef = { $ref: '#/components/schemas/ServiceError' }

function isOfFixedContract({ tags = [] }: { tags?: string[] }): boolean {
  return tags.some(tag => getImagesHead.tags.some(({ name }) => name === tag))
}

/** Where the summary says it all it is the description, too: readers and linters look there. */
function describeAll(paths: unknown): void {
  for (const item of Object.values((paths ?? {}) as Record<string, Record<string, Document>>)) {
    for (const operation of Object.values(item)) {
      if (operation.summary) operation.description ??= `${operation.summary}.`
    }
  }
}

/** Of both dialects that have them. */
const webhooksTag = { name: 'Webhooks', description: 'Be told when generations end.' }

export const getImagesHead: DocumentHead = {
  title: 'Get Images REST API',
  version: '1.0.0',
  description: 'Generate images, list generations, inspect account credit balance, and read credit usage.',
  isFixed: true,
  tags: [
    { name: 'Images', description: 'Generate and retrieve images.' },
    { name: 'Account', description: 'Read account and usage information.' },
  ],
}

export const nativeHead: DocumentHead = {
  title: 'Darkroom native API',
  version: '1.0.0',
  description: 'Generations with any model, asynchronous or waited for.',
  tags: [
    { name: 'Generations', description: 'Create and read generations of any model.' },
    { name: 'Models', description: 'What can be ordered, and what it costs.' },
    { name: 'Usage', description: 'What was charged.' },
    { name: 'Operation', description: 'How the service itself fares.' },
    { name: 'Uploads', description: 'Send pictures to work from.' },
    webhooksTag,
    { name: 'Provider keys', description: 'Bring a key of your own to an upstream.' },
    { name: 'Administration', description: 'For the operator: API keys with the scope `admin`.' },
  ],
}

export const gptimage2Head: DocumentHead = {
  title: 'gptimage2 REST API',
  version: '1.0.0',
  description: 'Images and edits, submitted and polled, as permanent public PNG and WebP files.',
  tags: [
    { name: 'gptimage2', description: 'Submit and poll generations, send pictures to edit.' },
    webhooksTag,
  ],
}

export const getimgHead: DocumentHead = {
  title: 'getimg.ai API',
  version: '2.0.0',
  description: 'Generate images synchronously, read models, balance and costs.',
  tags: [{ name: 'getimg', description: 'The getimg API, version 2.' }],
}

export const imgeoHead: DocumentHead = {
  title: 'imgeo REST API',
  version: '1.0.0',
  description: 'Images from text and from pictures by fourteen models, answered as permanent addresses.',
  tags: [{ name: 'imgeo', description: 'Generate images, list models, read the balance.' }],
}

export const openAiHead: DocumentHead = {
  title: 'OpenAI Images API',
  version: '1.0.0',
  description: "OpenAI's Images API, served by this service with any model of its catalogue.",
  tags: [
    { name: 'OpenAI Images', description: 'Create and edit images as with OpenAI.' },
    { name: 'OpenAI Models', description: 'The models that can be called.' },
  ],
}

export const serviceHead: DocumentHead = {
  title: 'Darkroom',
  version: '1.0.0',
  description: 'Everything this service speaks: the APIs it is compatible with, and its own.',
  tags: [
    ...new Set([
      ...getImagesHead.tags,
      ...gptimage2Head.tags,
      ...getimgHead.tags,
      ...imgeoHead.tags,
      ...nativeHead.tags,
      ...openAiHead.tags,
      { name: 'Sessions', description: 'Sign in and out, for what takes a session cookie.' },
      { name: 'Reported keys', description: 'For whoever finds an API key that is not theirs.' },
      { name: 'Files', description: 'Pictures by address, for whoever has the address.' },
      { name: 'Documents', description: 'What describes the service to programs.' },
    ]),
  ],
}
