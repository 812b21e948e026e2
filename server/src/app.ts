// Mounts the frame, the service's own endpoints and every dialect: at the root on its documented paths, and below
// its prefix. The path alone picks the dialect that answers, errors included.
import { join } from 'node:path'
import { Hono } from 'hono'
import postman from '../../docs/postman/darkroom-gptimage2.postman_collection.json' with { type: 'json' }
import { findClientAddress } from './accounts/client-address.ts'
import { reportKey } from './accounts/reported-keys.ts'
import { AUTH_PATH, type Sessions } from './accounts/sessions.ts'
import type { Config } from './config.ts'
import { createConsole } from './dialects/console/routes.ts'
import { describeService } from './dialects/describe-service.ts'
import {
  createDocument,
  getImagesHead,
  getimgHead,
  gptimage2Head,
  imgeoHead,
  nativeHead,
  openAiHead,
  serviceHead,
} from './dialects/documents.ts'
import { renderError as renderGetImagesError } from './dialects/getimages/present.ts'
import { createGetImagesDialect } from './dialects/getimages/routes.ts'
import { renderError as renderGetimgError } from './dialects/getimg/present.ts'
import { createGetimgDialect } from './dialects/getimg/routes.ts'
import { fillCollection } from './dialects/gptimage2/postman.ts'
import { createGptimage2Dialect } from './dialects/gptimage2/routes.ts'
import { acceptedResponse, generateRequest as gptimage2Request } from './dialects/gptimage2/schema.ts'
import { createAccountWebhooks } from './dialects/gptimage2/webhook-routes.ts'
import { renderError as renderImgeoError } from './dialects/imgeo/present.ts'
import { createImgeoDialect } from './dialects/imgeo/routes.ts'
import { generateResponse, generateRequest as imgeoRequest } from './dialects/imgeo/schema.ts'
import { createFail, type Fail } from './dialects/native/begin.ts'
import { renderError as renderNativeError, toGenerationObject } from './dialects/native/present.ts'
import { createNativeDialect } from './dialects/native/routes.ts'
import { renderError as renderOpenAiError } from './dialects/openai/present.ts'
import { createOpenAiDialect } from './dialects/openai/routes.ts'
import { createSharedGenerate } from './dialects/shared-generate.ts'
import { AppError } from './errors.ts'
import type { Generation } from './generations/generation.ts'
import { receiveHook, takesHooks } from './generations/hooks.ts'
import { openInputLink } from './generations/input-links.ts'
import { openPublicLink, openSignedLink } from './generations/linked.ts'
import { findQueuePlace } from './generations/queue-place.ts'
import type { HttpContext, HttpEnv, RenderError } from './http/context.ts'
import { methodNotAllowed, toAppError } from './http/errors.ts'
import { addFiles } from './http/files.ts'
import { guardFilesHost } from './http/files-host.ts'
import { addFront } from './http/front.ts'
import { addHealth } from './http/health.ts'
import { addHooks } from './http/hooks.ts'
import { addReportedKeys } from './http/reported-keys.ts'
import { frameRequests } from './http/request-log.ts'
import { createSpool } from './http/spool.ts'
import { addressSettings } from './read-engines.ts'
import { keyVariableOf } from './read-packages.ts'
import { keySettings } from './read-providers.ts'
import type { Services } from './services.ts'

export type AppNeeds = Services & { sessions: Sessions }

export function createApp(needs: AppNeeds): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>()
  app.use(frameRequests(needs))
  app.use(guardFilesHost({ filesUrl: needs.config.filesUrl, publicUrl: needs.publicUrl() }))
  addDoors(app, needs)
  const dialectNeeds = {
    ...needs,
    deadlineSyncMs: needs.config.deadlineSyncMs,
    deadlineAsyncMs: needs.config.deadlineAsyncMs,
    interimResponses: needs.config.interimResponses,
    gptimage2Model: needs.config.gptimage2Model,
    showGeneration: async (generation: Generation) =>
      toGenerationObject(needs, generation, await findQueuePlace(needs.db, generation)),
  }
  const url = needs.publicUrl
  const getimages = createGetImagesDialect(dialectNeeds)
  const gptimage2 = createGptimage2Dialect(dialectNeeds)
  const imgeo = createImgeoDialect(dialectNeeds)
  const getimg = createGetimgDialect({ ...dialectNeeds, ...getimgSettings(needs) })
  const native = createNativeDialect(dialectNeeds)
  const openai = createOpenAiDialect({
    ...dialectNeeds,
    ...needs.config.openaiDialect,
    spool: createSpool(join(needs.config.dataDir, 'incoming')),
  })
  const shared = createSharedGenerate(dialectNeeds, {
    gptimage2: { ...gptimage2, request: gptimage2Request, answer: acceptedResponse },
    imgeo: { ...imgeo, request: imgeoRequest, answer: generateResponse },
  })
  const accountWebhooks = createAccountWebhooks({ ...needs, showRate: gptimage2.showRate })
  const operatorPages = createConsole({ ...needs, settingOf: name => nameSetting(needs.config, name) })
  addDocuments(app, {
    '/openapi.json': () =>
      createDocument(
        [getimages, getimg, shared, imgeo.own, openai, native, accountWebhooks, describeService()],
        serviceHead,
        url(),
      ),
    ...documentOf('getimages', () => createDocument([getimages], getImagesHead, url())),
    ...documentOf('getimg', () => createDocument([getimg], getimgHead, url())),
    ...documentOf('gptimage2', () =>
      createDocument([gptimage2.whole, accountWebhooks], gptimage2Head, url()),
    ),
    '/gptimage2/postman.json': () => fillCollection(postman, url()),
    ...documentOf('imgeo', () => createDocument([imgeo.whole], imgeoHead, url())),
    ...documentOf('openai', () => createDocument([openai], openAiHead, url())),
    '/openapi/native.json': () => createDocument([native], nativeHead, url()),
  })
  addSessions(app, needs)
  app.route('/', operatorPages.app)
  app.route('/getimages', getimages)
  app.route('/getimg', getimg)
  app.route('/imgeo', imgeo.whole)
  app.route('/openai', openai)
  // The dialect last: it answers every path below its mount.
  for (const below of [accountWebhooks, gptimage2.whole]) app.route('/gptimage2', below)
  for (const atRoot of [getimages, getimg, shared, imgeo.own, openai, native, accountWebhooks])
    app.route('/', atRoot)
  const rendererOf = createRenderers({
    gptimage2: gptimage2.fail,
    console: operatorPages.fail,
    native: createFail(needs),
  })
  app.notFound(context => rendererOf(context.req.path)(context as HttpContext, new AppError('not_found')))
  app.onError((error, context) =>
    rendererOf(context.req.path)(context, toAppError(needs.log, context, error)),
  )
  return app
}

/** What is open without a key. */
function addDoors(app: Hono<HttpEnv>, needs: AppNeeds): void {
  addFront(app)
  addHealth(app, needs)
  addFiles(app, {
    ...needs,
    openPublicLink: link => openPublicLink(needs, link),
    openSignedLink: async (link, query) =>
      (await openInputLink(needs, link, query)) ?? openSignedLink(needs, link, query),
  })
  addReportedKeys(app, {
    reportKey: report => reportKey(needs, report),
    findAddress: context => addressOf(context, needs.config),
  })
  addHooks(app, {
    ...needs,
    takesHooks: name => takesHooks(needs, name),
    receiveHook: call => receiveHook(needs, call),
  })
}

/** The variable without which a provider is not configured. */
function nameSetting({ packages }: Config, provider: string): string {
  if (packages.some(({ name }) => name === provider)) return keyVariableOf(provider)
  const settings: Readonly<Record<string, string>> = { ...addressSettings, ...keySettings }
  const kind = Object.keys(settings).find(name => provider === name || provider.startsWith(`${name}-`))
  return (kind && settings[kind]) ?? 'AI_SDK_PROVIDERS'
}

/** Whose words a path without an endpoint is answered in; the native dialect has the rest. */
function createRenderers(fails: { gptimage2: RenderError; console: RenderError; native: Fail }) {
  const renderers: [RegExp, (context: HttpContext, error: AppError) => Response | Promise<Response>][] = [
    [/^\/operator(?:\/|$)/, fails.console],
    [/^\/api\/reported-keys$/, renderNativeError],
    [/^\/(?:getimages|api\/v1\/(?:images|account|usage))(?:\/|$)/, renderGetImagesError],
    [/^\/(?:getimg|v2)(?:\/|$)/, renderGetimgError],
    [/^\/(?:openai|v1)(?:\/|$)/, renderOpenAiError],
    [/^\/gptimage2(?:\/|$)/, fails.gptimage2],
    [/^\/(?:imgeo|api\/v1\/(?:models|balance))(?:\/|$)/, renderImgeoError],
    [/^\/api(?:\/|$)/, fails.native],
  ]
  // What is no part of any API belongs to no window.
  return (path: string) => renderers.find(([pattern]) => pattern.test(path))?.[1] ?? renderNativeError
}

function getimgSettings({ config }: AppNeeds) {
  return {
    creditPriceUsdMicro: config.creditPriceUsdMicro,
    filesLiveS: config.getimgFilesLiveS,
    requestsPerMinute: config.getimgRequestsPerMinute,
    inFlight: config.getimgInFlight,
  }
}

type Documents = Record<string, () => unknown>

/** A dialect's own document, in both its places. */
function documentOf(dialect: string, make: () => unknown): Documents {
  return { [`/openapi/${dialect}.json`]: make, [`/${dialect}/openapi.json`]: make }
}

/** Each is made when it is first asked for. */
function addDocuments(app: Hono<HttpEnv>, documents: Documents): void {
  for (const [path, make] of Object.entries(documents)) {
    let text: string | null = null
    app.get(path, context => {
      text ??= JSON.stringify(make())
      return context.body(text, 200, { 'content-type': 'application/json; charset=utf-8' })
    })
    app.all(path, methodNotAllowed(['GET']))
  }
}

function addSessions(app: Hono<HttpEnv>, { sessions, config }: AppNeeds): void {
  app.on(['GET', 'POST'], `${AUTH_PATH}/*`, context => {
    context.set('route', AUTH_PATH)
    return sessions.handler(context.req.raw, addressOf(context, config))
  })
}

function addressOf(context: HttpContext, { trustedProxies }: Config): string | null {
  return findClientAddress({
    remoteAddress: context.env.incoming.socket.remoteAddress ?? null,
    forwardedFor: context.req.header('x-forwarded-for') ?? null,
    trustedProxies,
  })
}
