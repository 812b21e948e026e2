// The control server of `npm run upstreams`: a page and an API by which an operator chooses how each emulator
// behaves, and sees what reached it. It shows no body, no header and no prompt.
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type Declared, findFault, listForms } from './control/behaviours.ts'
import { transportDirectives } from './faults.ts'
import type { LoggedRequest, StandingBehaviour, Upstream } from './upstream.ts'

/** An emulator under control. */
export type Rehearsed = {
  upstream: Upstream
  /** Its own directives, beside those of the transport. */
  directives: Declared
  /** What the service is told of it. */
  environment: Record<string, string>
}

export type Control = { url: string; close(): Promise<void> }

/** The page shows what happened lately; the emulator itself remembers more. */
const shownRequests = 30
const maxBodyBytes = 16 * 1024

const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}

const pages: Record<string, { file: string; type: string }> = {
  '/': { file: 'page.html', type: 'text/html; charset=utf-8' },
  '/page.css': { file: 'page.css', type: 'text/css; charset=utf-8' },
  '/page.js': { file: 'page.js', type: 'text/javascript; charset=utf-8' },
}

type Answer = { status: number; value: unknown }

/** Starts the server on loopback. `folder` holds the page's three files. */
export async function startControl({
  port,
  folder,
  rehearsed,
}: {
  port: number
  folder: string
  rehearsed: readonly Rehearsed[]
}): Promise<Control> {
  const server = createServer((request, response) => void serve({ request, response, folder, rehearsed }))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}

type Serving = {
  request: IncomingMessage
  response: ServerResponse
  folder: string
  rehearsed: readonly Rehearsed[]
}

async function serve({ request, response, folder, rehearsed }: Serving): Promise<void> {
  const path = (request.url ?? '/').split('?')[0] ?? '/'
  if (!isOurs(request))
    return send(response, refuse(403, 'host', 'only this machine may steer the emulators'))
  const page = request.method === 'GET' ? pages[path] : undefined
  if (page !== undefined) {
    response.writeHead(200, { ...headers, 'content-type': page.type })
    response.end(readFileSync(join(folder, page.file)))
    return
  }
  // Browsers ask for it unasked, and would note an error.
  if (path === '/favicon.ico') return void response.writeHead(204).end()
  send(response, await answer(request, path, rehearsed))
}

/** A page from elsewhere may neither name this server as its own nor send anything to it. */
function isOurs({ headers: { host = '', origin } }: IncomingMessage): boolean {
  if (!/^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(host)) return false
  return origin === undefined || origin === `http://${host}`
}

async function answer(
  request: IncomingMessage,
  path: string,
  rehearsed: readonly Rehearsed[],
): Promise<Answer> {
  const route = `${request.method} ${path}`
  if (route === 'GET /upstreams') return { status: 200, value: { upstreams: rehearsed.map(present) } }
  if (route === 'POST /reset') {
    for (const each of rehearsed) reset(each)
    return { status: 200, value: { upstreams: rehearsed.map(present) } }
  }
  const [, name, part = ''] = /^\/upstreams\/([a-z0-9-]+)(\/[a-z]+)?$/.exec(path) ?? []
  if (name === undefined) return refuse(404, 'path', `there is no ${path}`)
  const found = rehearsed.find(({ upstream }) => upstream.name === name)
  if (found === undefined) return refuse(404, 'name', `no emulator is called ${name}`)
  switch (`${request.method} ${part}`) {
    case 'GET ':
      return { status: 200, value: presentWhole(found) }
    case 'GET /behaviour':
      return { status: 200, value: presentBehaviour(found) }
    case 'PUT /behaviour':
      return setBehaviour(found, await readBody(request))
    case 'DELETE /behaviour':
      found.upstream.setStanding(null)
      return { status: 200, value: presentBehaviour(found) }
    case 'POST /reset':
      reset(found)
      return { status: 200, value: presentWhole(found) }
    default:
      return refuse(405, 'method', `${request.method} is not for ${path}`)
  }
}

function setBehaviour(rehearsed: Rehearsed, body: unknown): Answer {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return refuse(400, 'body', 'expected a JSON object such as {"behaviour":"slow=5000"}')
  }
  const { behaviour, share = 1, times = null, ...others } = body as Record<string, unknown>
  const [other] = Object.keys(others)
  if (other !== undefined) return refuse(400, other, 'is no field; there are behaviour, share and times')
  if (typeof behaviour !== 'string') return refuse(400, 'behaviour', 'expected a text such as "slow=5000"')
  const fault = findFault(behaviour, { ...transportDirectives, ...rehearsed.directives })
  if (fault !== null) return refuse(400, 'behaviour', fault)
  if (typeof share !== 'number' || !(share > 0 && share <= 1)) {
    return refuse(400, 'share', 'expected a number above 0 and at most 1')
  }
  if (times !== null && !(typeof times === 'number' && Number.isSafeInteger(times) && times > 0)) {
    return refuse(400, 'times', 'expected a whole number above 0, or null for until it is changed')
  }
  const standing: StandingBehaviour = { behaviour, share, left: times }
  rehearsed.upstream.setStanding(standing)
  return { status: 200, value: presentBehaviour(rehearsed) }
}

function reset({ upstream }: Rehearsed): void {
  upstream.setStanding(null)
  upstream.resetCounts()
}

function presentBehaviour({ upstream }: Rehearsed): Record<string, unknown> {
  const standing = upstream.getStanding()
  return standing === null
    ? { behaviour: null }
    : { behaviour: standing.behaviour, share: standing.share, times: standing.left }
}

function present(rehearsed: Rehearsed): Record<string, unknown> {
  const { upstream, environment } = rehearsed
  const { requests, billable, inFlight, maxInFlight } = upstream.total
  return {
    name: upstream.name,
    url: upstream.url,
    environment,
    counts: { requests, billable, inFlight, maxInFlight },
    standing: presentBehaviour(rehearsed),
  }
}

function presentWhole(rehearsed: Rehearsed): Record<string, unknown> {
  const { upstream, directives } = rehearsed
  return {
    ...present(rehearsed),
    behaviours: { vendor: listForms(directives), transport: listForms(transportDirectives) },
    requests: upstream.requests.slice(-shownRequests).reverse().map(presentRequest),
  }
}

function presentRequest({ arrivedAtMs, method, path, status, end, directives }: LoggedRequest): object {
  const behaviour = [...directives].map(([name, value]) => (value === '' ? name : `${name}=${value}`))
  return {
    at: new Date(arrivedAtMs).toISOString(),
    method,
    path,
    status,
    end,
    behaviour: behaviour.join(', '),
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let sizeBytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    sizeBytes += part.length
    if (sizeBytes > maxBodyBytes) return null
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch {
    return null
  }
}

function refuse(status: number, field: string, message: string): Answer {
  return { status, value: { error: { field, message } } }
}

function send(response: ServerResponse, { status, value }: Answer): void {
  response.writeHead(status, { ...headers, 'content-type': 'application/json' })
  response.end(`${JSON.stringify(value, null, 2)}\n`)
}
