// A caller of getimg that believes nothing: every answer is held against the document that the service publishes, and
// against what the contract says of all answers.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import { expect } from 'vitest'
import { createKey, type KeyInput } from '../../src/accounts/keys.ts'
import type { Rig } from '../harness.ts'
import { type RawRequest, sendRaw } from './raw-request.ts'

type Operation = { responses: Record<string, { content?: Record<string, unknown> }> }
export type GetimgDocument = {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}

export type Judged = {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Record<string, unknown>
  text: string
}

export type GetimgFile = {
  url: string
  width: number
  height: number
  mime_type: string
  deletes_at: string
}
export type GetimgImage = {
  id: string
  status: 'completed'
  model: string
  data: GetimgFile[]
  usage: { total_cost: number; unit_price: number; quantity: number; billable_unit: string }
}
export type GetimgFault = {
  message: string
  type: string
  param: string | null
  code: string
  doc_url: string | null
}

export type Contract = {
  document: GetimgDocument
  /** Sends a request below `/v2` (or a mount of it) and judges the answer. */
  judge(raw: RawRequest): Promise<Judged>
  /** `POST /v2/images/generations`; the body is sent as it is when it is a string. */
  post(apiKey: string, order: { body: unknown; headers?: readonly string[]; mount?: string }): Promise<Judged>
  get(apiKey: string, path: string): Promise<Judged>
}

const members = ['code', 'doc_url', 'message', 'param', 'type']
const ordersPath = '/v2/images/generations'

export async function openContract(url: string): Promise<Contract> {
  const document = (await (await fetch(`${url}/openapi/getimg.json`)).json()) as GetimgDocument
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  ajvFormats.default(ajv)
  ajv.addSchema(document as object, 'getimg')
  const validators = new Map<string, ValidateFunction>()
  const faultsOf = (pointer: string[], value: unknown): string[] => {
    const $ref = `getimg#/${pointer.map(escapePointer).join('/')}`
    const validate = validators.get($ref) ?? ajv.compile({ $ref })
    validators.set($ref, validate)
    validate(value)
    return (validate.errors ?? []).map(each => `${each.instancePath} ${each.message}`)
  }
  const contract: Contract = {
    document,
    async judge(raw) {
      const answer = await sendRaw(url, raw)
      const where = `${raw.method ?? 'GET'} ${raw.path} → ${answer.status} ${answer.text.slice(0, 300)}`
      const path = (raw.path.split('?')[0] ?? '').replace(/^\/getimg/, '')
      expect(answer.headers['x-request-id'], where).toMatch(/^\S{1,128}$/)
      if (path === ordersPath) expectRate(answer, where)
      else expect(answer.headers['x-ratelimit-limit'], where).toBeUndefined()
      if (answer.status === 429) expect(answer.headers['retry-after'], where).toMatch(/^[1-9]\d*$/)
      if (answer.status === 405) expect(answer.headers.allow, where).toMatch(/^[A-Z, ]+$/)
      if (raw.method === 'HEAD') return { ...answer, body: {} }
      expect(answer.headers['content-type'], where).toMatch(/^application\/json(?:;|$)/)
      const body = JSON.parse(answer.text) as Record<string, unknown>
      if (answer.status >= 400) {
        expect(Object.keys(body), where).toEqual(['error'])
        expect(Object.keys(body.error as object).sort(), where).toEqual(members)
      }
      expect(
        faultsOfAnswer(document, { raw, path, status: answer.status }, pointer => faultsOf(pointer, body)),
        where,
      ).toEqual([])
      return { ...answer, body }
    },
    post: (apiKey, { body, headers = [], mount = '' }) =>
      contract.judge({
        method: 'POST',
        path: `${mount}${ordersPath}`,
        headers: withKey(apiKey, ...headers),
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    get: (apiKey, path) => contract.judge({ path, headers: ['authorization', `Bearer ${apiKey}`] }),
  }
  return contract
}

function expectRate(answer: { headers: Judged['headers'] }, where: string): void {
  for (const name of ['limit', 'remaining', 'reset']) {
    expect(answer.headers[`x-ratelimit-${name}`], where).toMatch(/^\d+$/)
  }
}

const escapePointer = (text: string) => encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'))

function faultsOfAnswer(
  { paths }: GetimgDocument,
  { raw, path, status }: { raw: RawRequest; path: string; status: number },
  faultsOf: (pointer: string[]) => string[],
): string[] {
  const method = (raw.method ?? 'GET').toLowerCase()
  const template = paths[path] ? path : Object.keys(paths).find(each => matches(each, path))
  const operation = template ? paths[template]?.[method] : undefined
  if (!template || !operation) {
    return [404, 405].includes(status)
      ? faultsOf(['components', 'schemas', 'GetimgError'])
      : [`status ${status} for no operation`]
  }
  if (!(String(status) in operation.responses)) return [`status ${status} is not described`]
  return faultsOf([
    'paths',
    template,
    method,
    'responses',
    String(status),
    'content',
    'application/json',
    'schema',
  ])
}

function matches(template: string, path: string): boolean {
  return new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`).test(path)
}

/** With a key that the contract's own limits hold for, while the rig's keys have none. */
export function openAccount(rig: Rig, credits: number): Promise<{ accountId: string; apiKey: string }> {
  return rig.account({ credits, key: { rate: null, inFlight: null } })
}

/** Another key of the account. */
export async function addKey(rig: Rig, input: KeyInput): Promise<string> {
  const { db } = rig.database
  const { apiKey } = await db.transaction(tx => createKey({ tx, now: () => new Date() }, input))
  return apiKey
}

/** Headers of an authenticated JSON call. */
export function withKey(apiKey: string, ...more: string[]): string[] {
  return ['authorization', `Bearer ${apiKey}`, 'content-type', 'application/json', ...more]
}

export function faultOf(answer: Judged): GetimgFault {
  return (answer.body as { error: GetimgFault }).error
}

export function imageOf(answer: Judged): GetimgImage {
  return answer.body as unknown as GetimgImage
}

export function fileOf(answer: Judged): GetimgFile {
  const [file] = imageOf(answer).data ?? []
  if (!file) throw new Error(`no file in ${answer.status} ${answer.text.slice(0, 300)}`)
  return file
}
