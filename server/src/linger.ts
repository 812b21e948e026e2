// The end of a connection on which a body is still arriving. Closed at once, what arrives next would be answered with a
// reset, and a caller who sends the whole body before it reads would meet that instead of why it was refused.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Enough for a refused body of 25 MiB at 7 Mbit/s. */
const defaultMs = 30_000
/** When the service stops: whoever waits for it must not wait for a body that nobody wants. */
const hurriedMs = 1_000

export type Linger = {
  /**
   * Sees each request before it is answered. From then on `destroySoon`, with which Node and its adapters end a
   * connection after an answer, closes our half alone while the body is arriving; the rest is read and thrown away,
   * until it ends or the time is up.
   */
  watch(request: IncomingMessage, response: ServerResponse): void
  /** The service stops: a second is enough from now on. */
  hurry(): void
}

type Exchange = { request: IncomingMessage; response: ServerResponse }

export function openLinger(lingerMs = defaultMs): Linger {
  /** Only the last request of a connection can have a body on its way; it need not be the one that was answered. */
  const last = new WeakMap<Socket, Exchange>()
  const lingering = new Set<Socket>()
  let patienceMs = lingerMs
  function begin(socket: Socket, request: IncomingMessage, destroySoon: () => void): void {
    lingering.add(socket)
    socket.end()
    cutAfter(socket, patienceMs)
    socket.once('close', () => lingering.delete(socket))
    // Whoever read of it has ended, but may have left a listener that holds the stream up.
    request.removeAllListeners('data').once('end', destroySoon).resume()
  }
  return {
    watch(request, response) {
      const { socket } = request
      const isKnown = last.has(socket)
      last.set(socket, { request, response })
      if (isKnown) return
      const destroySoon = socket.destroySoon.bind(socket)
      socket.destroySoon = () => {
        const exchange = last.get(socket)
        if (!exchange || !isRefused(exchange)) destroySoon()
        else if (!lingering.has(socket)) begin(socket, exchange.request, destroySoon)
      }
    },
    hurry() {
      patienceMs = Math.min(patienceMs, hurriedMs)
      for (const socket of lingering) cutAfter(socket, patienceMs)
    },
  }
}

/** Whoever gave the body up for good has taken it from its socket, and nothing would read on. */
function isRefused({ request, response }: Exchange): boolean {
  return response.writableEnded && !request.complete && !request.destroyed
}

function cutAfter(socket: Socket, ms: number): void {
  const timer = setTimeout(() => socket.destroy(), ms)
  socket.once('close', () => clearTimeout(timer))
}
