// Webhooks with the session cookie of a browser, as gptimage2 documents them. A call without a browser, with the cookie
// and JSON, works too; a browser's call must come from our own pages.
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Sessions } from '../../accounts/sessions.ts'
import { AppError } from '../../errors.ts'
import type { HttpEnv } from '../../http/context.ts'
import { errorHeaders, toAppError } from '../../http/errors.ts'
import type { Log } from '../../log.ts'
import { addWebhookRoutes, type Enter, type WebhookRouteNeeds } from '../shared-webhooks.ts'

export type AccountWebhookNeeds = WebhookRouteNeeds & {
  log: Log
  sessions: Pick<Sessions, 'findSession' | 'mayChange'>
}

export function createAccountWebhooks(needs: AccountWebhookNeeds): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>()
  app.onError((thrown, context) => {
    const error = toAppError(needs.log, context, thrown)
    const { details } = error.options
    const body = { error: error.message, code: error.code, ...(details ? { issues: details } : {}) }
    return context.json(body, { status: error.status as 400, headers: errorHeaders(error) })
  })
  const enter: Enter = async (context, route, scope) => {
    context.set('dialect', 'gptimage2')
    context.set('route', route)
    const { headers } = context.req.raw
    // Before the session is looked up: another site learns nothing from a visitor's cookie.
    if (scope !== 'read' && !needs.sessions.mayChange(headers)) {
      throw new AppError('forbidden', 'This origin may not do that.')
    }
    const session = await needs.sessions.findSession(headers)
    if (!session) throw new AppError('unauthorized', 'Sign in first, and send the session cookie.')
    return session
  }
  addWebhookRoutes(app, needs, { base: '/api/account/webhooks', enter })
  return app
}
