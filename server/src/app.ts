// Mounts the frame, the service's own endpoints and every dialect: at the root on its documented paths, and below
// its prefix. The path alone picks the dialect that answers, errors included.
import type { OpenAPIHono } from '@hono/zod-openapi'
import { Hono } from 'hono'
import { findClientAddress } from './accounts/client-address.ts'
import { AUTH_PATH, type Sessions } from './accounts/sessions.ts'
import { createDocument, getImagesHead, nativeHead, serviceHead } from './dialects/documents.ts'
import { renderError as renderGetImagesError } from './dialects/getimages/present.ts'
import { createGetImagesDialect } from './dialects/getimages/routes.ts'
import { renderError as renderNativeError } from './dialects/native/present.ts'
import { createNativeDialect } from './dialects/native/routes.ts'
import { AppError } from './errors.ts'
import { openPublicLink, openSignedLink } from './generations/linked.ts'
import type { HttpContext, HttpEnv, RenderError } from './http/context.ts'
import { methodNotAllowed, toAppError } from './http/errors.ts'
import { addFiles } from './http/files.ts'
import { guardFilesHost } from './http/files-host.ts'
import { addHealth } from './http/health.ts'
import { frameRequests } from './http/request-log.ts'
import type { Services } from './services.ts'

export type AppNeeds = Services & { sessions: Sessions }

export function createApp(needs: AppNeeds): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>()
  app.use(frameRequests(needs))
  app.use(guardFilesHost({ filesUrl: needs.config.filesUrl, publicUrl: needs.publicUrl() }))
  addHealth(app, needs)
  addFiles(app, {
    ...needs,
    openPublicLink: link => openPublicLink(needs, link),
    openSignedLink: (link, query) => openSignedLink(needs, link, query),
  })
  const dialectNeeds = {
    ...needs,
    deadlineSyncMs: needs.config.deadlineSyncMs,
    deadlineAsyncMs: needs.config.deadlineAsyncMs,
    interimResponses: needs.config.interimResponses,
  }
  const getimages = createGetImagesDialect(dialectNeeds)
  const native = createNativeDialect(dialectNeeds)
  addDocuments(app, needs, { getimages, native })
  addSessions(app, needs)
  app.route('/getimages', getimages)
  app.route('/', getimages)
  app.route('/', native)
  app.notFound(context => rendererOf(context.req.path)(context as HttpContext, new AppError('not_found')))
  app.onError((error, context) =>
    rendererOf(context.req.path)(context, toAppError(needs.log, context, error)),
  )
  return app
}

/** Whose words an unmatched path is answered in. */
function rendererOf(path: string): RenderError {
  const getimages = /^\/(?:getimages(?:\/|$)|api\/v1\/(?:images|account|usage)(?:\/|$))/
  return getimages.test(path) ? renderGetImagesError : renderNativeError
}

function addDocuments(
  app: Hono<HttpEnv>,
  needs: AppNeeds,
  { getimages, native }: { getimages: OpenAPIHono<HttpEnv>; native: OpenAPIHono<HttpEnv> },
): void {
  const once = (make: () => unknown) => {
    let text: string | null = null
    return (context: HttpContext) => {
      text ??= JSON.stringify(make())
      return context.body(text, 200, { 'content-type': 'application/json; charset=utf-8' })
    }
  }
  const url = needs.publicUrl
  const getimagesDocument = () => createDocument([getimages], getImagesHead, url())
  const documents = {
    '/openapi.json': once(() => createDocument([getimages, native], serviceHead, url())),
    '/openapi/getimages.json': once(getimagesDocument),
    '/getimages/openapi.json': once(getimagesDocument),
    '/openapi/native.json': once(() => createDocument([native], nativeHead, url())),
  }
  for (const [path, send] of Object.entries(documents)) {
    app.get(path, send)
    app.all(path, methodNotAllowed(['GET']))
  }
}

function addSessions(app: Hono<HttpEnv>, { sessions, config }: AppNeeds): void {
  app.on(['GET', 'POST'], `${AUTH_PATH}/*`, context => {
    context.set('route', AUTH_PATH)
    const clientAddress = findClientAddress({
      remoteAddress: context.env.incoming.socket.remoteAddress ?? null,
      forwardedFor: context.req.header('x-forwarded-for') ?? null,
      trustedProxies: config.trustedProxies,
    })
    return sessions.handler(context.req.raw, clientAddress)
  })
}
