// A caller of Get Images that believes nothing: every answer is held against the published document, and its
// status against the list of that operation plus the three that the service's rules add.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import createClient from 'openapi-fetch'
import { expect } from 'vitest'
import type { components, paths } from './getimages.gen.ts'
import { type RawRequest, sendRaw } from './raw-request.ts'

export const publishedUrl = new URL('../../../docs/openapi/getimages.published.json', import.meta.url)

type Operation = { responses: Record<string, { content?: Record<string, unknown> }> }
export type PublishedDocument = {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> }
  tags: unknown
  security: unknown
}

export const published = JSON.parse(readFileSync(fileURLToPath(publishedUrl), 'utf8')) as PublishedDocument

export type Schemas = components['schemas']
export type ImageMetadata = Schemas['ImageMetadata']
export type Transaction = Schemas['CreditTransaction']

const ajv = new Ajv2020({ strict: false, allErrors: true })
ajvFormats.default(ajv)
// A body with bytes satisfies both shapes of `GET /images/{id}`, because neither closes itself: for judging,
// `oneOf` is read as `anyOf`.
const lenient = JSON.stringify(published).replaceAll('"oneOf"', '"anyOf"')
ajv.addSchema(JSON.parse(lenient) as object, 'published')

const validators = new Map<string, ValidateFunction>()

function validatorAt(pointer: string): ValidateFunction {
  const known = validators.get(pointer)
  if (known) return known
  const made = ajv.compile({ $ref: `published#${pointer}` })
  validators.set(pointer, made)
  return made
}

const escapePointer = (text: string) => encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'))

/** Problems of a value against a component; empty = valid. */
export function faultsOf(component: keyof Schemas, value: unknown): string[] {
  const validate = validatorAt(`/components/schemas/${component}`)
  validate(value)
  return (validate.errors ?? []).map(each => `${each.instancePath} ${each.message}`)
}

/** Statuses beyond the schema: accepted (only when preferred), wrong method, at capacity. */
const added = [202, 405, 503]

export type Judged = {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Record<string, unknown>
  text: string
}

/** Sends a request below `/api/v1` (or a mount of it) and judges the answer. */
export async function judge(url: string, raw: RawRequest): Promise<Judged> {
  const answer = await sendRaw(url, raw)
  const where = `${raw.method ?? 'GET'} ${raw.path} → ${answer.status} ${answer.text.slice(0, 300)}`
  expect(answer.headers['x-request-id'], where).toMatch(/^\S{1,128}$/)
  expect(answer.headers['x-content-type-options'], where).toBe('nosniff')
  for (const name of ['limit', 'remaining', 'reset']) {
    expect(answer.headers[`x-ratelimit-${name}`], where).toBeUndefined()
  }
  if (raw.method === 'HEAD') return { ...answer, body: {} }
  expect(answer.headers['content-type'], where).toMatch(/^application\/json(?:;|$)/)
  const body = JSON.parse(answer.text) as Record<string, unknown>
  if (answer.status === 202) expect(raw.headers?.join(' '), where).toMatch(/prefer/i)
  else expect(faultsOfAnswer(raw, answer.status, body), where).toEqual([])
  if (answer.status === 429) expect(answer.headers['retry-after'], where).toMatch(/^[1-9]\d*$/)
  if (answer.status === 405) expect(answer.headers.allow, where).toMatch(/^[A-Z, ]+$/)
  return { ...answer, body }
}

function faultsOfAnswer(raw: RawRequest, status: number, body: unknown): string[] {
  const path = (raw.path.split('?')[0] ?? '').replace(/^\/getimages/, '')
  const template = Object.keys(published.paths).find(each => matchesTemplate(each, path))
  const operation = template ? published.paths[template]?.[(raw.method ?? 'GET').toLowerCase()] : undefined
  if (!template || !operation) {
    return [404, 405].includes(status)
      ? faultsOf('ErrorResponse', body)
      : [`status ${status} for no operation`]
  }
  if (!(String(status) in operation.responses)) {
    return added.includes(status)
      ? faultsOf('ErrorResponse', body)
      : [`status ${status} is not in the contract`]
  }
  const method = (raw.method ?? 'GET').toLowerCase()
  const pointer = [
    'paths',
    template,
    method,
    'responses',
    String(status),
    'content',
    'application/json',
    'schema',
  ]
  const validate = validatorAt(`/${pointer.map(escapePointer).join('/')}`)
  validate(body)
  return (validate.errors ?? []).map(each => `${each.instancePath} ${each.message}`)
}

/** A named path wins over `{id}`. */
function matchesTemplate(template: string, path: string): boolean {
  if (template in published.paths && template === path) return true
  if (published.paths[path]) return false
  return new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`).test(path)
}

/** Headers of an authenticated JSON call. */
export function withKey(apiKey: string, ...more: string[]): string[] {
  return ['authorization', `Bearer ${apiKey}`, 'content-type', 'application/json', ...more]
}

/** `POST /api/v1/images/generate`; the body is sent as it is when it is a string. */
export function postGenerate(
  url: string,
  apiKey: string,
  order: { body: unknown; headers?: readonly string[]; mount?: string },
): Promise<Judged> {
  const { body, headers = [], mount = '' } = order
  return judge(url, {
    method: 'POST',
    path: `${mount}/api/v1/images/generate`,
    headers: withKey(apiKey, ...headers),
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

/** A judged GET with the key. */
export function get(url: string, apiKey: string, path: string): Promise<Judged> {
  return judge(url, { path, headers: ['authorization', `Bearer ${apiKey}`] })
}

/** The client that openapi-typescript and openapi-fetch make of the published document. */
export function createTypedClient(url: string, apiKey: string) {
  return createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${apiKey}` } })
}

export type Detail = { path: string; message: string; code: string }
type ErrorAnswer = { error: { message: string; details?: Detail[] } }

export function errorOf(answer: Judged): ErrorAnswer['error'] {
  return (answer.body as ErrorAnswer).error
}

/** `path: code` of each detail, in order. */
export function detailsOf(answer: Judged): string[] {
  return (errorOf(answer).details ?? []).map(each => `${each.path}: ${each.code}`)
}

export function imageOf(answer: Judged): Schemas['GeneratedImage'] {
  return (answer.body as { image: Schemas['GeneratedImage'] }).image
}

export function creditsOf(answer: Judged): Schemas['CreditCharge'] {
  return (answer.body as { credits: Schemas['CreditCharge'] }).credits
}
