// Interim 102 answers keep a silent wait alive for clients that give up after 300 s without a header. Off by
// default: some proxies cut the connection on them.
import type { HttpContext } from './context.ts'

const interimEveryMs = 30_000

/** Sends 102 every 30 s until the returned function is called. */
export function keepWaitingCallerAlive(context: HttpContext, enabled: boolean): () => void {
  const { incoming, outgoing } = context.env
  if (!enabled || incoming.httpVersion !== '1.1' || !('writeProcessing' in outgoing)) return () => {}
  const timer = setInterval(() => {
    if (!outgoing.headersSent && !outgoing.destroyed) outgoing.writeProcessing()
  }, interimEveryMs)
  return () => clearInterval(timer)
}
