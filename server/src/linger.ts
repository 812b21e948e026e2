// The end of a connection on which a body is still arriving. Closed at once, what arrives next would be answered with a
// reset, and a caller who sends the whole body before it reads would meet that instead of why it was refused.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** Enough for a refused body of 25 MiB at 7 Mbit/s. */
const defaultMs = 30_000

/**
 * Returns what must see each request before it is answered. From then on `destroySoon`, with which Node and its
 * adapters end a connection after an answer, closes our half alone while the body is arriving; the rest is read and
 * thrown away, until it ends or the time is up.
 */
export function openLinger(lingerMs = defaultMs): (request: IncomingMessage) => void {
  /** Only the last request of a connection can have a body that is still on its way. */
  const last = new WeakMap<Socket, IncomingMessage>()
  return request => {
    const { socket } = request
    const isKnown = last.has(socket)
    last.set(socket, request)
    if (!isKnown) linger(socket, { lingerMs, lastRequest: () => last.get(socket) })
  }
}

type Lingering = { lingerMs: number; lastRequest(): IncomingMessage | undefined }

function linger(socket: Socket, { lingerMs, lastRequest }: Lingering): void {
  const destroySoon = socket.destroySoon.bind(socket)
  let isLingering = false
  socket.destroySoon = () => {
    const request = lastRequest()
    // Whoever gave the body up for good has taken it from its socket, and nothing would read on.
    if (!request || request.complete || request.destroyed) return destroySoon()
    if (isLingering) return
    isLingering = true
    socket.end()
    const timer = setTimeout(() => socket.destroy(), lingerMs)
    socket.once('close', () => clearTimeout(timer))
    request.once('end', destroySoon).resume()
  }
}
