// Webhooks with the session cookie of a browser, as gptimage2 documents them. A call without a browser, with the cookie
// and JSON, works too; a browser's call must come from our own pages.
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Sessions } from '../../accounts/sessions.ts'
import { AppError } from '../../errors.ts'
import type { HttpContext, HttpEnv } from '../../http/context.ts'
import { toAppError } from '../../http/errors.ts'
import type { Log } from '../../log.ts'
import { addWebhookRoutes, type Enter, type WebhookRouteNeeds } from '../shared-webhooks.ts'
import { describeAccountWebhooks } from './describe-webhooks.ts'
import { renderError } from './present.ts'

export type AccountWebhookNeeds = WebhookRouteNeeds & {
  log: Log
  /** The contract's headers of the window, on every answer: nobody is known by a key here. */
  showRate(context: HttpContext): void
  sessions: Pick<Sessions, 'findSession' | 'mayChange'>
}

export function createAccountWebhooks(needs: AccountWebhookNeeds): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>()
  app.onError((thrown, context) => {
    needs.showRate(context)
    return renderError(context, toAppError(needs.log, context, thrown))
  })
  const enter: Enter = async (context, route, scope) => {
    context.set('dialect', 'gptimage2')
    context.set('route', route)
    needs.showRate(context)
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
  describeAccountWebhooks(app.openAPIRegistry)
  return app
}
