// Mounts the frame, the service's own endpoints and every dialect: at the root on its documented paths, and below
// its prefix. The path alone picks the dialect that answers, errors included.
import type { OpenAPIHono } from '@hono/zod-openapi'
import { Hono } from 'hono'
import { findClientAddress } from './accounts/client-address.ts'
import { AUTH_PATH, type Sessions } from './accounts/sessions.ts'
import { createDocument, getImagesHead, imgeoHead, nativeHead, serviceHead } from './dialects/documents.ts'
import { renderError as renderGetImagesError } from './dialects/getimages/present.ts'
import { createGetImagesDialect } from './dialects/getimages/routes.ts'
import { createAccountWebhooks } from './dialects/gptimage2/webhook-routes.ts'
import { renderError as renderImgeoError } from './dialects/imgeo/present.ts'
import { createImgeoDialect, type ImgeoDialect } from './dialects/imgeo/routes.ts'
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
  const imgeo = createImgeoDialect(dialectNeeds)
  const native = createNativeDialect(dialectNeeds)
  addDocuments(app, needs, { getimages, imgeo, native })
  addSessions(app, needs)
  app.route('/getimages', getimages)
  app.route('/imgeo', imgeo.whole)
  app.route('/', getimages)
  app.route('/', imgeo.whole)
  app.route('/', native)
  const accountWebhooks = createAccountWebhooks(needs)
  for (const mount of ['/', '/gptimage2']) app.route(mount, accountWebhooks)
  app.notFound(context => rendererOf(context.req.path)(context as HttpContext, new AppError('not_found')))
  app.onError((error, context) =>
    rendererOf(context.req.path)(context, toAppError(needs.log, context, error)),
  )
  return app
}

/** Whose words a path without an endpoint is answered in; the native dialect has the rest. */
const renderers: [RegExp, RenderError][] = [
  [/^\/(?:getimages|api\/v1\/(?:images|account|usage))(?:\/|$)/, renderGetImagesError],
  [/^\/(?:imgeo|api\/v1\/(?:models|balance))(?:\/|$)/, renderImgeoError],
]

function rendererOf(path: string): RenderError {
  return renderers.find(([pattern]) => pattern.test(path))?.[1] ?? renderNativeError
}

function addDocuments(
  app: Hono<HttpEnv>,
  needs: AppNeeds,
  dialects: { getimages: OpenAPIHono<HttpEnv>; imgeo: ImgeoDialect; native: OpenAPIHono<HttpEnv> },
): void {
  const once = (make: () => unknown) => {
    let text: string | null = null
    return (context: HttpContext) => {
      text ??= JSON.stringify(make())
      return context.body(text, 200, { 'content-type': 'application/json; charset=utf-8' })
    }
  }
  const url = needs.publicUrl
  const { getimages, imgeo, native } = dialects
  const getimagesDocument = () => createDocument([getimages], getImagesHead, url())
  const imgeoDocument = () => createDocument([imgeo.whole], imgeoHead, url())
  const documents = {
    '/openapi.json': once(() => createDocument([getimages, imgeo.whole, native], serviceHead, url())),
    '/openapi/imgeo.json': once(imgeoDocument),
    '/imgeo/openapi.json': once(imgeoDocument),
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
