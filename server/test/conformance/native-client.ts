// A client of the native API for suites: every answer is held against the document that the server itself serves, and
// must show the state of the rate window.
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import { expect } from 'vitest'
import type { Node } from '../harness.ts'
import { eventually } from '../harness.ts'

export const generations = '/api/v1/generations'

export type Shown = {
  id: string
  status: string
  model: string
  prompt: string
  dialect: string
  outputs: { url: string; png: string; webp: string; mediaType: string; width: number; height: number }[]
  reason: string | null
  costCredits: number
  createdAt: string
  completedAt: string | null
  [field: string]: unknown
}
export type Answer = {
  status: number
  headers: Headers
  body: Shown & { code?: string; issues?: { path: string; message: string }[] }
}

export type NativeClient = {
  call(
    apiKey: string,
    request: string,
    options?: { body?: unknown; headers?: Record<string, string>; url?: string },
  ): Promise<Answer>
  settled(apiKey: string, id: string): Promise<Shown>
}

type Document = { paths: Record<string, Record<string, { responses: Record<string, { content?: object }> }>> }

/** `request` is `POST /path`; a body is sent as JSON. */
export async function createNativeClient(node: Node): Promise<NativeClient> {
  const document = (await (await fetch(`${node.url}/openapi/native.json`)).json()) as Document
  const ajv = new Ajv2020({ strict: false })
  ajvFormats.default(ajv)
  ajv.addSchema(document, 'native')
  const check = (method: string, path: string, { status, body }: Pick<Answer, 'status' | 'body'>) => {
    const template = findTemplate(document, { method, path })
    const responses = document.paths[template]?.[method.toLowerCase()]?.responses ?? {}
    expect(Object.keys(responses), `${method} ${template}`).toContain(String(status))
    if (!responses[status]?.content) return expect(body).toEqual({})
    const at = ['paths', template, method.toLowerCase(), 'responses', status, 'content', 'application/json']
    const pointer = [...at, 'schema']
      .map(part => encodeURIComponent(String(part).replaceAll('/', '~1')))
      .join('/')
    const validate = ajv.compile({ $ref: `native#/${pointer}` })
    expect(validate(body), JSON.stringify([validate.errors, body])).toBe(true)
  }
  const call: NativeClient['call'] = async (apiKey, request, { body, headers = {}, url = node.url } = {}) => {
    const [method = '', path = ''] = request.split(' ')
    const sent = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await sent.text()
    const answer = { status: sent.status, headers: sent.headers, body: JSON.parse(text || '{}') }
    check(method, path.split('?')[0] ?? '', answer)
    return answer
  }
  return {
    call,
    async settled(apiKey, id) {
      let shown: Shown | null = null
      await eventually(`generation ${id} has ended`, async () => {
        shown = (await call(apiKey, `GET ${generations}/${id}`)).body
        return !['queued', 'running'].includes(shown.status)
      })
      if (!shown) throw new Error('unread')
      return shown
    },
  }
}

function findTemplate({ paths }: Document, { method, path }: { method: string; path: string }): string {
  if (paths[path]?.[method.toLowerCase()]) return path
  const found = Object.keys(paths).find(template =>
    new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(path),
  )
  if (!found) throw new Error(`${path} is not described`)
  return found
}
