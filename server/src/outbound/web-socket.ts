// Listens to a websocket: what is said there, text by text, until either side ends it. Nothing is ever said by us, and
// whatever goes wrong is one and the same end, for nobody may depend on what is heard here.
import type { Socket } from 'node:net'
import { Client, WebSocket } from 'undici'

export type Listening = {
  /** As of a request: http or https. */
  url: string
  trust: 'configured' | 'upstream' | 'customer'
  headers: Record<string, string>
  /** A larger message ends it. */
  maxMessageBytes: number
  onText(text: string): void
  /** Once, however it ends, but for a stop of ours. Never within the call that begins it. */
  onEnd(): void
}

/** To be open, handshake and all. */
const OPEN_TIMEOUT_MS = 10_000

export type ListeningNeeds = {
  url: URL
  /** Opens the one connection, by the rules of the way out. */
  dial(signal: AbortSignal): Promise<Socket>
  /** How to stop those that are open, this one among them. */
  listenings: Set<() => void>
}

/** Answers how to stop. */
export function openWebSocket(listening: Listening, { url, dial, listenings }: ListeningNeeds): () => void {
  const giveUp = new AbortController()
  let socket: Socket | undefined
  let isEnded = false
  const client = new Client(url.origin, {
    connect(_options, callback) {
      dial(giveUp.signal).then(
        opened => {
          socket = opened
          if (isEnded) opened.destroy()
          callback(null, opened)
        },
        (error: Error) => callback(error, null),
      )
    },
    allowH2: false,
    headersTimeout: OPEN_TIMEOUT_MS,
    webSocket: { maxPayloadSize: listening.maxMessageBytes },
  })
  const headers = { 'user-agent': 'darkroom', ...listening.headers }
  const heard = new WebSocket(url, { dispatcher: client, headers })
  heard.binaryType = 'arraybuffer'
  const timer = setTimeout(end, OPEN_TIMEOUT_MS)
  heard.addEventListener('open', () => clearTimeout(timer))
  heard.addEventListener('message', ({ data }) => {
    if (!isEnded && typeof data === 'string') listening.onText(data)
  })
  heard.addEventListener('error', end)
  heard.addEventListener('close', end)

  function end(): void {
    if (isEnded) return
    stop()
    listening.onEnd()
  }
  function stop(): void {
    isEnded = true
    listenings.delete(stop)
    clearTimeout(timer)
    giveUp.abort()
    // An upgraded connection is the client's no more.
    socket?.destroy()
    void client.destroy()
  }
  listenings.add(stop)
  return stop
}
