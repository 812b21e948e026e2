// A caller that hangs up shows as `close` on the response before it was fully written. `close` on the request is
// no sign: it comes as soon as the body was read.
import type { HttpContext } from './context.ts'

/** Aborted when the caller goes before the answer was sent. Leaving stops the waiting and nothing else. */
export function callerGone(context: HttpContext): AbortSignal {
  const controller = new AbortController()
  const { outgoing } = context.env
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) controller.abort()
  })
  // Gone while the body was read: that event has passed.
  if (outgoing.destroyed && !outgoing.writableFinished) controller.abort()
  return controller.signal
}
