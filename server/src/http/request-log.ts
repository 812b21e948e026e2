// The frame around every request: an id, the log line, the metrics, and the headers every answer carries.
import type { MiddlewareHandler } from 'hono'
import { newRequestId } from '../ids.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../telemetry.ts'
import { type HttpEnv, setAnswerHeader } from './context.ts'

export type FrameNeeds = { log: Log; metrics: Metrics; isSandbox(): boolean }

/** A caller's own id is taken over when it is short and harmless. */
const requestIdPattern = /^[\w.:-]{1,128}$/

export function frameRequests(needs: FrameNeeds): MiddlewareHandler<HttpEnv> {
  return async (context, next) => {
    const beganAt = performance.now()
    const given = context.req.header('x-request-id')
    const requestId = given && requestIdPattern.test(given) ? given : newRequestId()
    context.set('requestId', requestId)
    context.set('answerHeaders', {})
    setAnswerHeader(context, 'x-request-id', requestId)
    setAnswerHeader(context, 'x-content-type-options', 'nosniff')
    if (needs.isSandbox()) setAnswerHeader(context, 'x-darkroom-sandbox', '1')
    const { outgoing } = context.env
    outgoing.once('close', () => {
      const seconds = (performance.now() - beganAt) / 1000
      const dialect = context.get('dialect') ?? 'service'
      const route = context.get('route') ?? 'other'
      const { method } = context.req
      const status = outgoing.writableFinished ? outgoing.statusCode : 499
      needs.metrics.requests.inc({ dialect, route, method, status })
      needs.metrics.requestSeconds.observe({ dialect, route }, seconds)
      const keyId = context.get('caller')?.keyId
      const generationId = context.get('generationId')
      const record = { requestId, dialect, route, method, status, seconds, keyId, generationId }
      needs.log.info({ event: 'request.ended', ...record }, 'request ended')
    })
    await next()
  }
}
