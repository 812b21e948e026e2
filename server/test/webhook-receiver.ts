// A customer's receiver: a real server on a real socket that keeps every delivery, byte for byte, and answers as the
// test says. Reached through OUTBOUND_ALLOW, as an operator would reach one inside their own network.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { testCertificate, testKey } from './certificate.ts'

export type Received = {
  path: string
  headers: Record<string, string>
  /** As it came over the wire. */
  body: string
  atMs: number
}

/** Answers one delivery; the default is 204. Never answering is allowed. */
export type Answering = (response: ServerResponse, received: Received) => void

export type Receiver = {
  url: string
  /** For OUTBOUND_ALLOW. */
  host: string
  received: Received[]
  /** Those sent to a path. */
  at(path: string): Received[]
  answer(how: Answering): void
  close(): Promise<void>
}

export const withStatus =
  (status: number, headers: Record<string, string> = {}): Answering =>
  response =>
    void response.writeHead(status, headers).end()

export async function startReceiver(options: { tls?: boolean } = {}): Promise<Receiver> {
  const received: Received[] = []
  let answering: Answering = withStatus(204)
  const listen = (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = []
    request.on('data', part => parts.push(part))
    request.on('end', () => {
      const whole = {
        path: request.url ?? '',
        headers: request.headers as Record<string, string>,
        body: Buffer.concat(parts).toString('utf8'),
        atMs: performance.now(),
      }
      received.push(whole)
      answering(response, whole)
    })
  }
  const server = options.tls
    ? createTlsServer({ key: testKey, cert: testCertificate }, listen)
    : createServer(listen)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const host = `${options.tls ? 'localhost' : '127.0.0.1'}:${port}`
  return {
    url: `${options.tls ? 'https' : 'http'}://${host}`,
    host,
    received,
    at: path => received.filter(each => each.path === path),
    answer(how) {
      answering = how
    },
    close: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
