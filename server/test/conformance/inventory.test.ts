// what the router takes, what the OpenAPI documents promise and what the pages tell are the same; what one of them
// leaves out stands here with its reason.
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAccount } from '../../src/accounts/accounts.ts'
import { createPasswords } from '../../src/accounts/passwords.ts'
import { type AppNeeds, createApp } from '../../src/app.ts'
import { grantCredits } from '../../src/credits/ledger.ts'
import { dialects } from '../../src/models/options.ts'
import { createRig, type Node, type Rig } from '../harness.ts'
import { openDocumented } from './documented.ts'

/** Routes that no document describes. */
const undescribed: [pattern: RegExp, why: string][] = [
  [/ \/$/, 'says in plain text where to go on'],
  [/ \/operator(?:\/|$)/, 'pages for people'],
  [/^POST \/hooks\/\{\}$/, 'upstreams call it at addresses that only they were given'],
  [/^(?:GET|POST) \/api\/auth\/\*$/, 'the door of the library; the three paths it opens are described'],
  [/^(?:PUT|PATCH) \/api\/v1\/generations\/quote$/, 'refuses, where `{id}` would be taken for an id'],
]
/** Operations of the documents that the router knows by another pattern. */
const byPattern: [pattern: RegExp, route: string][] = [
  [/^(?:GET|POST) \/api\/auth\//, '/api/auth/*'],
  [/^GET \/openapi\/\{\}\.json$/, '/openapi/<dialect>.json'],
]
/** Below its mount each dialect has its own paths, but signed addresses name the root. */
const atRootAlone = /^(?:PUT \/uploads\/|GET \/files\/)/

let rig: Rig
let node: Node
let routes: string[]

beforeAll(async () => {
  rig = await createRig()
  node = await rig.startNode()
  routes = listRoutes()
})
afterAll(() => rig.close())

/** The program's own app, built with nothing behind it: only its routes are read. */
function listRoutes(): string[] {
  const config = { filesUrl: null, dataDir: tmpdir(), openaiDialect: { defaultModel: '', rate: null } }
  const app = createApp({ config, publicUrl: () => 'http://127.0.0.1' } as unknown as AppNeeds)
  // What takes every method only refuses, or stands before the others.
  const own = app.routes.filter(({ method }) => method !== 'ALL')
  return unique(own.map(({ method, path }) => `${method} ${plain(path)}`))
}

const unique = (given: string[]) => [...new Set(given)].sort()
/** Parameters by their place alone: `:id`, `:model{.+}` and `{model}` are one. */
const plain = (path: string) => path.replace(/:\w+(?:\{[^}]*\})?|\{\w+\}/g, '{}')

async function listDescribed(path: string): Promise<string[]> {
  const document = (await (await fetch(node.url + path)).json()) as { paths: Record<string, object> }
  return unique(
    Object.entries(document.paths).flatMap(([at, item]) =>
      Object.keys(item).map(method => `${method.toUpperCase()} ${plain(at)}`),
    ),
  )
}

const mounts = dialects.filter(dialect => dialect !== 'native')
const mountOf = (route: string) => mounts.find(mount => route.includes(` /${mount}/`))
const isDescribed = (described: string[], route: string) =>
  described.includes(route) || undescribed.some(([pattern]) => pattern.test(route))

test('every route of the router is described, and everything described has a route', async () => {
  const described = await listDescribed('/openapi.json')
  const documentsOfDialects = dialects.map(dialect => `GET /openapi/${dialect}.json`)
  const atRoot = routes.filter(route => !mountOf(route) || route.endsWith('/postman.json'))
  const missing = atRoot.filter(
    route => !isDescribed(described, route) && !documentsOfDialects.includes(route),
  )
  expect(missing).toEqual([])
  expect(documentsOfDialects.filter(route => !routes.includes(route))).toEqual([])
  const known = (operation: string) =>
    routes.includes(operation) || byPattern.some(([pattern]) => pattern.test(operation))
  expect(described.filter(operation => !known(operation))).toEqual([])
  // An exception that nothing needs any more would hide what comes after it.
  for (const [pattern] of undescribed)
    expect(
      routes.some(route => pattern.test(route)),
      String(pattern),
    ).toBe(true)
  for (const [pattern] of byPattern)
    expect(
      described.some(operation => pattern.test(operation)),
      String(pattern),
    ).toBe(true)
})

test('below each mount stands what the document of its dialect describes, and nothing else', async () => {
  for (const mount of mounts) {
    const described = await listDescribed(`/openapi/${mount}.json`)
    expect(await listDescribed(`/${mount}/openapi.json`), mount).toEqual(described)
    const own = routes
      .filter(route => mountOf(route) === mount)
      .map(route => route.replace(` /${mount}/`, ' /'))
      .filter(route => !['GET /openapi.json', 'GET /postman.json'].includes(route))
    expect(own, mount).toEqual(described.filter(operation => !atRootAlone.test(operation)))
    expect(
      described.filter(operation => !routes.includes(operation)),
      mount,
    ).toEqual([])
  }
  const native = await listDescribed('/openapi/native.json')
  expect(native.filter(operation => !routes.includes(operation))).toEqual([])
})

test('what stands beside the APIs answers as the document of everything says', async () => {
  const documented = await openDocumented(node.url, '/openapi.json')
  const person = { email: 'reader@example.com', password: 'correct horse battery' }
  const hashPassword = createPasswords({ cost: { log2N: 12, r: 8, p: 1 } }).hash
  const needs = { db: rig.database.db, now: () => new Date(), grantCredits, hashPassword }
  await createAccount(needs, { ...person, credits: 0, signupCredits: 0 })
  const auth = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    documented.call({ path: `/api/auth/${path}`, key: null, body, headers: { origin: node.url, ...headers } })
  const signIn = (body: unknown, headers?: Record<string, string>) => auth('sign-in/email', body, headers)
  expect((await signIn({ ...person, password: 'wrong' })).status).toBe(401)
  expect((await signIn('[]')).status).toBe(400)
  expect((await signIn('a=b', { 'content-type': 'text/plain' })).status).toBe(415)
  expect((await signIn(person, { origin: 'https://evil.example' })).status).toBe(403)
  const signed = await signIn(person)
  expect([signed.status, (signed.body.user as { email: string }).email]).toEqual([200, person.email])
  const cookie = signed.headers
    .getSetCookie()
    .map(line => line.split(';')[0])
    .join('; ')
  const read = (path: string, headers = {}, template = path) =>
    documented.call({ path, template, key: null, headers })
  const session = await read('/api/auth/get-session', { cookie })
  expect(session.body).toMatchObject({ user: { email: person.email } })
  expect((await read('/api/auth/get-session')).body).toBeNull()
  expect((await auth('sign-out', {}, { origin: 'https://evil.example', cookie })).status).toBe(403)
  expect((await auth('sign-out', {}, { cookie })).status).toBe(200)
  expect((await read('/api/auth/get-session', { cookie })).body).toBeNull()

  for (const path of ['/healthz', '/health', '/readyz', '/openapi.json', '/gptimage2/postman.json'])
    expect((await read(path)).status, path).toBe(200)
  expect((await read('/openapi/getimg.json', {}, '/openapi/{dialect}.json')).status).toBe(200)
  expect((await read('/metrics', { 'x-forwarded-for': '203.0.113.7' })).status).toBe(401)
  expect((await read('/files/x/y/0.png', {}, '/files/{id}/{token}/{name}')).status).toBe(404)
  expect((await read('/files/x/0.png', {}, '/files/{id}/{name}')).status).toBe(404)
})

test('the pages of the APIs list every operation, and none that there is not', async () => {
  const folder = fileURLToPath(new URL('../../../docs/dialects/', import.meta.url))
  const rows = readdirSync(folder).flatMap(name =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .flatMap(line => /^\| `((?:GET|POST|PUT|PATCH|DELETE) \/[^`?]*)/.exec(line)?.[1] ?? []),
  )
  expect(unique(rows.map(plain))).toEqual(await listDescribed('/openapi.json'))
})
