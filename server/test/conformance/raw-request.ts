// Requests exactly as a test wants them on the wire: any method, repeated headers, bodies in pieces. Nothing is
// added, followed or repeated.
import { request } from 'node:http'

export type RawRequest = {
  method?: string
  path: string
  /** What the request says it is for; its own address when left out. */
  host?: string
  /** Name, value, name, value …; repeats are sent. */
  headers?: readonly string[]
  /** One buffer is sent with Content-Length unless `chunked`; several always in chunks. */
  body?: string | Buffer | readonly Buffer[]
  chunked?: boolean
}

export type RawAnswer = {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

/** Sends one request on a connection of its own. Rejects when the connection ends before the answer. */
export function sendRaw(url: string, raw: RawRequest): Promise<RawAnswer> {
  const { hostname, port } = new URL(url)
  const parts =
    raw.body === undefined ? [] : Array.isArray(raw.body) ? raw.body : [Buffer.from(raw.body as string)]
  const inChunks = raw.chunked === true || parts.length > 1
  const [only] = parts
  const length = !inChunks && only ? ['content-length', String(only.length)] : []
  const headers = ['host', raw.host ?? `${hostname}:${port}`, ...(raw.headers ?? []), ...length]
  if (inChunks) headers.push('transfer-encoding', 'chunked')
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { hostname, port, method: raw.method ?? 'GET', path: raw.path, headers, agent: false },
      incoming => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        )
      },
    )
    outgoing.on('error', reject)
    for (const part of parts) outgoing.write(part)
    outgoing.end()
  })
}
