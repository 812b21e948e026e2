// Calls held against the document that the service itself serves: a status or a body that is not in it fails the test.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import { expect } from 'vitest'

export type Answer<Body> = { status: number; headers: Headers; body: Body }

export type Call = {
  method?: string
  path: string
  /** The path as the document writes it, when it has parameters. */
  template?: string
  /** Null = no Authorization header. */
  key: string | null
  /** Text is sent as it is, anything else as JSON. */
  body?: unknown
  headers?: Record<string, string>
  /** The service at another address, or below a mount. */
  url?: string
}

type Document = { paths: Record<string, Record<string, { responses: Record<string, unknown> }>> }

export type Documented = {
  document: Document
  call<Body = Record<string, unknown>>(call: Call): Promise<Answer<Body>>
  /** Fails the test where the document does not promise this answer; a body is not looked at where it promises none. */
  check(call: Pick<Call, 'method' | 'path' | 'template' | 'body'>, answer: Answer<unknown>): void
}

/** Reads the document at `path` of the service. */
export async function openDocumented(url: string, path: string): Promise<Documented> {
  const document = (await (await fetch(url + path)).json()) as Document
  const ajv = new Ajv2020({ strict: false })
  ajvFormats.default(ajv)
  ajv.addSchema(document, 'document')
  const known = new Map<string, ValidateFunction>()
  const validatorOf = (at: readonly string[]) => {
    const pointer = at.map(part => encodeURIComponent(part.replaceAll('/', '~1'))).join('/')
    const validate = known.get(pointer) ?? ajv.compile({ $ref: `document#/${pointer}` })
    known.set(pointer, validate)
    return validate
  }
  const check: Documented['check'] = (call, answer) => {
    const template = call.template ?? call.path.split('?')[0] ?? ''
    const method = methodOf(call).toLowerCase()
    const status = String(answer.status)
    const label = `${method} ${template} ${status} ${JSON.stringify(answer.body)}`
    const responses = document.paths[template]?.[method]?.responses ?? {}
    expect(Object.keys(responses), label).toContain(status)
    if (!Object.hasOwn(responses[status] as object, 'content')) return
    const at = ['paths', template, method, 'responses', status, 'content', 'application/json', 'schema']
    const validate = validatorOf(at)
    expect(validate(answer.body), JSON.stringify([validate.errors, answer.body])).toBe(true)
  }
  return {
    document,
    check,
    async call<Body>(call: Call) {
      const answer = await send<Body>(url, call)
      check(call, answer)
      return answer
    },
  }
}

function methodOf({ method, body }: Pick<Call, 'method' | 'body'>): string {
  return method ?? (body === undefined ? 'GET' : 'POST')
}

/** One call as it is, without a look at the document. */
export async function send<Body>(url: string, call: Call): Promise<Answer<Body>> {
  const { path, key, body, headers = {} } = call
  const sent = await fetch((call.url ?? url) + path, {
    method: methodOf(call),
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: sent.status, headers: sent.headers, body: (await sent.json()) as Body }
}
