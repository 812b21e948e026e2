// The operator's pages, for people with a browser: behind a sign-in with an admin key, rendered here, whole without
// JavaScript. Whoever is not signed in sees the sign-in form at every address and learns nothing else.
import { Hono } from 'hono'
import { findClientAddress } from '../../accounts/client-address.ts'
import type { LastUsed } from '../../accounts/last-used.ts'
import type { Operator, OperatorSignIn, Operators } from '../../accounts/operators.ts'
import { AppError } from '../../errors.ts'
import { type HttpContext, type HttpEnv, type RenderError, setAnswerHeader } from '../../http/context.ts'
import { errorHeaders } from '../../http/errors.ts'
import { type Assets, assetsPath, loadAssets } from './assets.ts'
import { layOut, type Markup, paths } from './layout.ts'
import { errorPage, missingPage, refusals, signInPage } from './plain-pages.ts'
import { createUpstreamsReader, readView, type UpstreamsNeeds } from './upstream-rows.ts'
import { upstreamsPage } from './upstreams-page.ts'

export type ConsoleNeeds = UpstreamsNeeds & {
  operators: Operators
  lastUsed: LastUsed
  isSandbox(): boolean
  queue: { depth(): number; ageSeconds(): number }
  config: { trustedProxies: number }
}

/** A key and the name of its field fit in this many times over. */
const formMaxBytes = 4_096

/** Nothing but ours is loaded, nobody frames a page, and forms go home. */
const policy = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

export type Console = { app: Hono<HttpEnv>; fail: RenderError }

type Show = {
  context: HttpContext
  title: string
  operator: Operator | null
  body: Markup
  status?: 200 | 400 | 401 | 403 | 404 | 415 | 429
  headers?: Record<string, string>
}
type ShowPage = (page: Show) => Response | Promise<Response>

export function createConsole(needs: ConsoleNeeds): Console {
  const assets = loadAssets()
  const app = new Hono<HttpEnv>()
  const show: ShowPage = ({ context, title, operator, body, status = 200, headers = {} }) => {
    const page = layOut(assets, { title, operator, isSandbox: needs.isSandbox(), body })
    return context.html(page, status, headers)
  }
  app.use(`${paths.root}/*`, async (context, next) => {
    begin(context)
    await next()
  })
  app.get(`${assetsPath}/:name`, async (context, next) => sendAsset(assets, context) ?? next())
  addSignIn(app, needs, show)
  addPages(app, needs, show)
  const fail: RenderError = (context, error) => {
    begin(context)
    const page = layOut(assets, { title: 'Error', operator: null, isSandbox: false, body: errorPage(error) })
    return context.body(String(page), {
      status: error.status as 400,
      headers: { ...errorHeaders(error), 'content-type': 'text/html; charset=UTF-8' },
    })
  }
  return { app, fail }
}

function showSignIn(show: ShowPage, context: HttpContext, status: 200 | 401): Response | Promise<Response> {
  return show({ context, title: 'Sign in', operator: null, body: signInPage(null), status })
}

function findOperator(needs: ConsoleNeeds, context: HttpContext): Promise<Operator | null> {
  return needs.operators.find(context.req.raw.headers)
}

function addSignIn(app: Hono<HttpEnv>, needs: ConsoleNeeds, show: ShowPage): void {
  app.get(paths.signIn, async context => {
    context.set('route', paths.signIn)
    if (await findOperator(needs, context)) return context.redirect(paths.upstreams, 303)
    return showSignIn(show, context, 200)
  })
  app.post(paths.signIn, async context => {
    context.set('route', paths.signIn)
    const tried = await signIn(needs, context)
    if ('refused' in tried) {
      const headers: Record<string, string> =
        'retryAfterSeconds' in tried ? { 'retry-after': String(tried.retryAfterSeconds) } : {}
      const body = signInPage(refusals[tried.refused])
      const status = tried.refused === 'too_many' ? 429 : 403
      return show({ context, title: 'Sign in', operator: null, body, status, headers })
    }
    needs.lastUsed.note(tried.keyId)
    return context.body(null, 303, { location: paths.upstreams, 'set-cookie': tried.cookie })
  })
  app.post(paths.signOut, context => {
    context.set('route', paths.signOut)
    if (!needs.operators.isOwnForm(context.req.raw.headers)) throw new AppError('forbidden', refusals.foreign)
    return context.body(null, 303, { location: paths.signIn, 'set-cookie': needs.operators.signOut() })
  })
}

/** Each asks who is signed in before anything else. */
function addPages(app: Hono<HttpEnv>, needs: ConsoleNeeds, show: ShowPage): void {
  const readUpstreams = createUpstreamsReader(needs)
  app.get(paths.root, async context => {
    begin(context)
    if (await findOperator(needs, context)) return context.redirect(paths.upstreams, 303)
    return showSignIn(show, context, 401)
  })
  app.get(paths.upstreams, async context => {
    context.set('route', paths.upstreams)
    const operator = await findOperator(needs, context)
    if (!operator) return showSignIn(show, context, 401)
    const view = readView(context.req.queries())
    const body = upstreamsPage({
      ...(await readUpstreams()),
      view,
      lossLimits: needs.config.lossLimits,
      queue: { depth: needs.queue.depth(), ageSeconds: needs.queue.ageSeconds() },
    })
    return show({ context, title: 'Upstreams', operator, body })
  })
  app.all(`${paths.root}/*`, async context => {
    const operator = await findOperator(needs, context)
    if (!operator) return showSignIn(show, context, 401)
    return show({ context, title: 'Not found', operator, body: missingPage(), status: 404 })
  })
}

function begin(context: HttpContext): void {
  context.set('dialect', 'console')
  context.set('route', paths.root)
  setAnswerHeader(context, 'content-security-policy', policy)
  setAnswerHeader(context, 'cache-control', 'no-store')
  // `no-referrer` would also take the origin from our own forms, by which they are known.
  setAnswerHeader(context, 'referrer-policy', 'same-origin')
  setAnswerHeader(context, 'cross-origin-opener-policy', 'same-origin')
  setAnswerHeader(context, 'cross-origin-resource-policy', 'same-origin')
}

/** Null = another name than theirs of today. */
function sendAsset(assets: Assets, context: HttpContext): Response | null {
  context.set('route', assetsPath)
  const asset = Object.values(assets).find(({ path }) => path === context.req.path)
  if (!asset) return null
  setAnswerHeader(context, 'cache-control', 'public, max-age=31536000, immutable')
  return context.body(asset.text, 200, { 'content-type': asset.mediaType })
}

async function signIn(needs: ConsoleNeeds, context: HttpContext): Promise<OperatorSignIn> {
  const address = findClientAddress({
    remoteAddress: context.env.incoming.socket.remoteAddress ?? null,
    forwardedFor: context.req.header('x-forwarded-for') ?? null,
    trustedProxies: needs.config.trustedProxies,
  })
  const form = await readForm(context)
  return needs.operators.signIn({ headers: context.req.raw.headers, key: form.get('key') ?? '', address })
}

async function readForm(context: HttpContext): Promise<URLSearchParams> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(context.req.header('content-type') ?? ''))
    throw new AppError('unsupported_media_type', 'Send the form of this page.')
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of context.req.raw.body ?? []) {
    sizeBytes += chunk.length
    if (sizeBytes > formMaxBytes) throw new AppError('payload_too_large', 'The form is too large.')
    chunks.push(chunk)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}
