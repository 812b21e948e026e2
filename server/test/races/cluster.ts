// Three processes of the service on one database, and the few calls every race between them is made of.
import { randomUUID } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { createRig, type Node, type Rig, type RigOptions } from '../harness.ts'
import { ask } from '../money.ts'

export type Cluster = Rig & {
  nodes: Node[]
  /** The nodes in turn. */
  node(nth: number): Node
  /** Prompt of a test's own, so that its upstream calls can be told apart. */
  prompt(directives?: string): string
  /** Requests that reached the image upstream with this prompt. */
  calls(prompt: string): number
}

/** Nobody dies here unless a test says so, and a process that gets no time on a busy machine keeps its work. */
const calmLeaseMs = '15000'

/** Every node gets `env`, also those that are started later. The books are watched from the beginning to the end. */
export async function startCluster(
  options: RigOptions & { nodes?: number; env?: Record<string, string> } = {},
): Promise<Cluster> {
  const { nodes: count = 3, env = {}, ...rigOptions } = options
  const rig = await createRig({ watched: true, ...rigOptions })
  try {
    const startNode: Rig['startNode'] = (own = {}, role = 'all') =>
      rig.startNode({ TEST_LEASE_MS: calmLeaseMs, ...env, ...own }, role)
    const nodes = await Promise.all(Array.from({ length: count }, () => startNode()))
    return {
      ...rig,
      startNode,
      nodes,
      node(nth) {
        const node = nodes[nth % nodes.length]
        if (!node) throw new Error('a cluster without nodes')
        return node
      },
      prompt: directives => `boat ${randomUUID()}${directives ? ` [[emulate: ${directives}]]` : ''}`,
      calls: prompt => rig.openai.requests.filter(request => request.prompt?.includes(prompt)).length,
    }
  } catch (error) {
    await rig.close()
    throw error
  }
}

/** A getimages model at 3 credits; its upstream is the OpenAI emulator. */
export const threeCredits = 'openai:gpt-image-1.5'

export const times = <Result>(count: number, make: (index: number) => Promise<Result>): Promise<Result[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)))

/** What is asked again until it is answered: a process whose database has no connection left in time says 503. */
export async function insist(send: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await send()
    if (answer.status !== 503) return answer
  }
}

export type Answer = { status: number; headers: Headers; body: Record<string, unknown> }

export type Post = {
  prompt: string
  model?: string
  headers?: Record<string, string>
  body?: Record<string, unknown>
}

async function toAnswer(response: Response): Promise<Answer> {
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  }
}

async function send(url: string, apiKey: string, { body, headers }: { body: unknown; headers: object }) {
  const init = {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  }
  return toAnswer(await fetch(url, init))
}

/** A synchronous order; `prefer: respond-async` among the headers makes it a queued one. */
export function postImage(node: { url: string }, apiKey: string, post: Post): Promise<Answer> {
  const { prompt, model = threeCredits, headers = {}, body = {} } = post
  const whole = { modelId: model, prompt, ...body }
  return send(`${node.url}/api/v1/images/generate`, apiKey, { body: whole, headers })
}

/** An order of the native API, answered before it is done. */
export function postGeneration(node: { url: string }, apiKey: string, post: Post): Promise<Answer> {
  const { prompt, model = threeCredits, headers = {}, body = {} } = post
  return send(`${node.url}/api/v1/generations`, apiKey, { body: { model, prompt, ...body }, headers })
}

export async function get(node: { url: string }, apiKey: string, path: string): Promise<Answer> {
  return toAnswer(await fetch(node.url + path, { headers: { authorization: `Bearer ${apiKey}` } }))
}

/** A body without anything in it, which every API refuses. */
export function post(node: { url: string }, apiKey: string, path: string): Promise<Answer> {
  return send(node.url + path, apiKey, { body: {}, headers: {} })
}

export async function readBalance(node: { url: string }, apiKey: string): Promise<number> {
  return Number((await get(node, apiKey, '/api/v1/account')).body.creditBalance)
}

/** The id of the order behind an answer, whatever its shape. */
export function idOf({ body }: Answer): string {
  const image = body.image as { id?: string } | undefined
  return String(image?.id ?? body.generationId ?? body.id)
}

/** Orders of the account that are not ended yet. */
export async function countOpen(rig: Rig, accountId: string): Promise<number> {
  const rows = await ask<{ open: number }>(
    rig.database.db,
    'SELECT count(*)::int AS open FROM generation WHERE account_id = $1 AND is_open(state)',
    [accountId],
  )
  return rows[0]?.open ?? 0
}

/** What the database holds of an account's orders and their money. */
export async function countBooks(rig: Rig, accountId: string) {
  const [row] = await ask<{ generations: number; holds: number; resolutions: number }>(
    rig.database.db,
    `SELECT (SELECT count(*)::int FROM generation WHERE account_id = $1) AS generations,
        count(*) FILTER (WHERE kind = 'hold')::int AS holds,
        count(*) FILTER (WHERE kind IN ('capture', 'release'))::int AS resolutions
      FROM transfer WHERE account_id = $1`,
    [accountId],
  )
  return row
}

/** A request on a socket of its own, all of it sent but the last byte. */
export type Held = {
  /** Sends the last byte. */
  release(): void
  /** Status and body once answered. */
  answer: Promise<{ status: number; body: string }>
}

/** Opens a raw request and resolves when the kernel has taken all but its last byte. */
export async function holdLastByte(
  node: { url: string },
  apiKey: string,
  /** Without a body the last byte is that of the head. */
  request: { path: string; body?: unknown; headers?: Record<string, string> },
): Promise<Held> {
  const { hostname, port } = new URL(node.url)
  const body = request.body === undefined ? '' : JSON.stringify(request.body)
  const head = [
    `POST ${request.path} HTTP/1.1`,
    `host: ${hostname}:${port}`,
    `authorization: Bearer ${apiKey}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    ...Object.entries(request.headers ?? {}).map(([name, value]) => `${name}: ${value}`),
  ]
  const bytes = Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  const answer = readAnswer(socket)
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.write(bytes.subarray(0, -1), error => (error ? reject(error) : resolve()))
  })
  return { release: () => void socket.write(bytes.subarray(-1)), answer }
}

function readAnswer(socket: Socket): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('error', reject)
    socket.once('end', () => {
      const text = Buffer.concat(chunks).toString('latin1')
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1])
      resolve({ status, body: text.slice(text.indexOf('\r\n\r\n') + 4) })
      socket.destroy()
    })
  })
}
