// Examples for the OpenAPI documents: every body that has none of its own gets one, made of its schema and of what the
// members of all dialects are called. Readers see what a call looks like, and the linters hold it to the schema.
import { type ErrorCode, errorTable } from '../errors.ts'

type Json = Record<string, unknown>
type Schemas = Record<string, Json>
type Sampling = { schemas: Schemas; hints: Json; isRequest: boolean }
/** Where a schema stands: the member's name and that of the object it stands in; empty at the top. */
type Place = { name: string; parent: string }

/** Values by the name of the member; by its parent's name too where the same name means several things. */
const known: Json = {
  prompt: 'A lighthouse in fog, etching',
  model: 'gpt-image-2',
  modelId: 'openai:gpt-image-2',
  name: 'GPT Image 2',
  owner: 'openai',
  dialect: 'native',
  type: 'text2img',
  mediaType: 'image/png',
  b64_json:
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4DwABBAEAX+XDSwAAAABJRU5ErkJggg==',
  width: 1024,
  height: 1024,
  sizeBytes: 1483201,
  size: '1024x1024',
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  aspectRatio: '1:1',
  aspect_ratio: '1:1',
  userId: 'user_4fzzzxjylrx',
  filename: 'house.jpg',
  key: 'Yk3vB9tQ2mXw7LrZ',
  referenceId: 'd34a5dd4-0f2c-4c06-a2c8-6f4c4a2d7e01',
  description: 'Generated image',
  amount: -4,
  message: 'It runs on.',
  event: 'generation.succeeded',
  path: 'n',
  'upload.size': 482113,
  'error.type': 'invalid_request_error',
}

const byFormat: Json = {
  uuid: 'd34a5dd4-0f2c-4c06-a2c8-6f4c4a2d7e01',
  'date-time': '2026-11-28T10:00:00.000Z',
  date: '2026-11-28',
  uri: 'https://images.example.com/files/d34a5dd4-0f2c-4c06-a2c8-6f4c4a2d7e01/0.png',
  email: 'someone@example.com',
}

/** What a refusal with a status says most often. */
const codes: Record<string, ErrorCode> = {
  400: 'invalid_request',
  401: 'unauthorized',
  402: 'insufficient_credits',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  422: 'idempotency_key_reused',
  429: 'rate_limited',
  500: 'internal',
  503: 'overloaded',
}

/** Puts an example beside every JSON schema of a body that has none. Changes the document. */
export function addExamples(document: Json): void {
  const schemas = (document.components as { schemas?: Schemas } | undefined)?.schemas ?? {}
  for (const operation of operationsOf(document)) {
    const { requestBody, responses } = operation as { requestBody?: Json; responses?: Record<string, Json> }
    if (requestBody) fill(requestBody, { schemas, hints: known, isRequest: true })
    for (const [status, response] of Object.entries(responses ?? {})) {
      fill(response, { schemas, hints: { ...known, ...hintsOf(status) }, isRequest: false })
    }
  }
}

function operationsOf({ paths }: Json): Json[] {
  const methods = ['get', 'put', 'post', 'patch', 'delete']
  return Object.values((paths ?? {}) as Record<string, Json>).flatMap(item =>
    methods.flatMap(method => (item[method] ? [item[method] as Json] : [])),
  )
}

function hintsOf(status: string): Json {
  const code = codes[status]
  const isError = Number(status) >= 400
  if (!isError) return {}
  const text = code ? errorTable[code].title : 'The request was refused.'
  return { code: code ?? 'refused', error: text, message: text }
}

function fill(body: Json, sampling: Sampling): void {
  for (const [mediaType, media] of Object.entries((body.content ?? {}) as Record<string, Json>)) {
    const hasOwn = 'example' in media || 'examples' in media
    if (mediaType === 'application/json' && !hasOwn)
      media.example = sample(media.schema as Json, sampling, { name: '', parent: '' })
  }
}

function sample(schema: Json, sampling: Sampling, { name, parent }: Place): unknown {
  const resolved = resolve(schema, sampling)
  const own = resolved.example ?? (resolved.examples as unknown[] | undefined)?.[0]
  if (own !== undefined) return own
  const [choice] = (resolved.enum as unknown[] | undefined) ?? []
  const hint = sampling.hints[`${parent}.${name}`] ?? sampling.hints[name]
  if (choice !== undefined) return (resolved.enum as unknown[]).includes(hint) ? hint : choice
  if (resolved.const !== undefined) return resolved.const
  const types = [resolved.type].flat()
  if (types.includes('null')) return null
  if (types.includes('object')) return sampleObject(resolved, sampling, name)
  if (types.includes('array')) return sampleArray(resolved, sampling, name)
  if (types.includes('boolean')) return true
  if (types.includes('integer') || types.includes('number')) {
    return typeof hint === 'number' ? hint : Math.max(1, Number(resolved.minimum ?? 1))
  }
  if (typeof hint === 'string' && !resolved.format) return hint
  return byFormat[String(resolved.format)] ?? 'text'
}

function sampleObject(schema: Json, sampling: Sampling, name: string): Json {
  const { properties = {}, required = [] } = schema as { properties?: Schemas; required?: string[] }
  const shown = Object.entries(properties).filter(
    ([key, each]) =>
      required.includes(key) || (!sampling.isRequest && !('default' in each)) || 'example' in each,
  )
  // What is wrong with which member stands with a wrong body only.
  const isSaid = ([key]: [string, unknown]) =>
    !['issues', 'details'].includes(key) ||
    required.includes(key) ||
    sampling.hints.code === 'invalid_request'
  return Object.fromEntries(
    shown.filter(isSaid).map(([key, each]) => [key, sample(each, sampling, { name: key, parent: name })]),
  )
}

function sampleArray({ items }: Json, sampling: Sampling, name: string): unknown[] {
  return items ? [sample(items as Json, sampling, { name: name.replace(/s$/, ''), parent: '' })] : []
}

/**
 * Follows references, puts the parts of a whole together, and takes one of several ways: of those that exclude each
 * other the last, which says least, so that it is none of the others as well.
 */
function resolve(schema: Json, sampling: Sampling): Json {
  const { $ref, allOf, oneOf, anyOf } = schema as {
    $ref?: string
    allOf?: Json[]
    oneOf?: Json[]
    anyOf?: Json[]
  }
  if ($ref !== undefined) return resolve(sampling.schemas[$ref.split('/').at(-1) ?? ''] ?? {}, sampling)
  const way = oneOf?.at(-1) ?? anyOf?.[0]
  if (way) return resolve(way, sampling)
  if (!allOf) return schema
  const parts = allOf.map(part => resolve(part, sampling))
  return {
    ...Object.assign({}, ...parts),
    properties: Object.assign({}, ...parts.map(part => part.properties ?? {})),
    required: parts.flatMap(part => (part.required as string[] | undefined) ?? []),
  }
}
