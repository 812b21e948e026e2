// Server-sent events: the head at once, then one event after the other, and a comment now and then, because proxies
// cut a connection that is silent.
import { type AnswerPiece, type OnBroken, openAnswer } from './answer-pieces.ts'
import type { HttpContext } from './context.ts'

/** Proxies in common use cut a connection that is silent for 60 s, some for 30 s. */
const heartbeatMs = 15_000
/** Partial pictures come in bursts of three; each is some megabytes. */
const maxWaiting = 4

export type Events = {
  /** Aborted when the caller goes. */
  gone: AbortSignal
  /** Waits for its turn and for the socket; resolves also when the caller has gone. */
  send(pieces: readonly AnswerPiece[]): Promise<void>
  /** What nobody misses is left out while the caller is slow: only a few pieces wait. */
  whenRoom(pieces: readonly AnswerPiece[]): void
  end(): Promise<void>
}

export function openEvents(context: HttpContext, onBroken: OnBroken): Events {
  const answer = openAnswer(context, {
    status: 200,
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // nginx would keep events back until a buffer is full.
      'x-accel-buffering': 'no',
    },
    onBroken,
  })
  // One event after the other: two at once would be mixed up on the wire.
  let last: Promise<void> = Promise.resolve()
  let waiting = 0
  const send = (pieces: readonly AnswerPiece[]): Promise<void> => {
    waiting += 1
    const sent = last.then(() => answer.write(pieces))
    last = sent
      .catch(error => answer.abort(error))
      .finally(() => {
        waiting -= 1
      })
    return last
  }
  const whenRoom = (pieces: readonly AnswerPiece[]): void => {
    if (waiting < maxWaiting && !answer.gone.aborted) void send(pieces)
  }
  const heartbeat = setInterval(() => whenRoom([': keep-alive\n\n']), heartbeatMs)
  const stop = () => clearInterval(heartbeat)
  answer.gone.addEventListener('abort', stop, { once: true })
  if (answer.gone.aborted) stop()
  return {
    gone: answer.gone,
    send,
    whenRoom,
    async end() {
      stop()
      await last
      answer.end()
    },
  }
}
