// The door for webhooks of upstreams. Anybody can knock: bodies are small, refusals are counted by address, and none
// of them tells anything but that it is one.
import type { Hono } from 'hono'
import { findClientAddress } from '../accounts/client-address.ts'
import { AppError } from '../errors.ts'
import { openBodyShare } from './body-budget.ts'
import type { HttpContext, HttpEnv } from './context.ts'
import { methodNotAllowed } from './errors.ts'

export type HookRequest = { headers: Record<string, string>; rawBody: Buffer; receivedAt: Date }

export type HookRouteNeeds = {
  now: () => Date
  config: { trustedProxies: number }
  /** Whether such calls can be from anybody we know. */
  takesHooks(provider: string): boolean
  receiveHook(call: {
    provider: string
    request: HookRequest
    query: { part: string; sig: string }
  }): Promise<'taken' | 'refused' | 'later'>
}

export const hooksPath = '/hooks/:provider'

/** A prediction with its logs; no upstream sends pictures this way. */
const maxBodyBytes = 1024 * 1024
/** At work at once, for each may fetch a key of its upstream. */
const maxAtOnce = 64
/** Refusals that one address may collect in a minute: a rotated secret of an upstream makes some. */
const maxRefused = 60
const windowMs = 60_000
/** Addresses remembered; beyond it all are forgotten, which costs a minute of leniency. */
const maxAddresses = 10_000

export function addHooks(app: Hono<HttpEnv>, needs: HookRouteNeeds): void {
  const refusals = createRefusals(needs.now)
  let atOnce = 0
  app.post(hooksPath, async context => {
    context.set('dialect', 'hooks')
    context.set('route', hooksPath)
    const provider = context.req.param('provider') ?? ''
    if (!needs.takesHooks(provider)) throw new AppError('not_found')
    const address = addressOf(needs, context)
    refusals.check(address)
    if (atOnce >= maxAtOnce) throw new AppError('overloaded', undefined, { retryAfterSeconds: 5 })
    atOnce += 1
    try {
      const rawBody = await readRaw(context)
      const request = { headers: headersOf(context), rawBody, receivedAt: needs.now() }
      const query = { part: context.req.query('part') ?? '', sig: context.req.query('sig') ?? '' }
      const verdict = await needs.receiveHook({ provider, request, query })
      if (verdict === 'later') throw new AppError('unavailable', undefined, { retryAfterSeconds: 10 })
      if (verdict === 'taken') return context.body(null, 204)
    } finally {
      atOnce -= 1
    }
    refusals.note(address)
    throw new AppError('unauthorized', 'The call is not signed by the upstream.')
  })
  app.all(hooksPath, methodNotAllowed(['POST']))
}

function addressOf({ config }: HookRouteNeeds, context: HttpContext): string {
  const address = findClientAddress({
    remoteAddress: context.env.incoming.socket.remoteAddress ?? null,
    forwardedFor: context.req.header('x-forwarded-for') ?? null,
    trustedProxies: config.trustedProxies,
  })
  return address ?? 'unknown'
}

function headersOf(context: HttpContext): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(context.env.incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return headers
}

async function readRaw(context: HttpContext): Promise<Buffer> {
  const tooLarge = () => new AppError('payload_too_large')
  if (Number(context.req.header('content-length') ?? 0) > maxBodyBytes) throw tooLarge()
  const share = openBodyShare('hooks')
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of context.env.incoming) {
      const bytes = chunk as Buffer
      size += bytes.length
      if (size > maxBodyBytes) throw tooLarge()
      share.take(bytes.length)
      chunks.push(bytes)
    }
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError('invalid_request', 'The request ended before its body was whole.', { cause: error })
  } finally {
    share.release()
  }
  return Buffer.concat(chunks)
}

function createRefusals(now: () => Date) {
  const counts = new Map<string, number>()
  let endsAt = 0
  function renew(): void {
    const nowMs = now().getTime()
    if (nowMs < endsAt && counts.size <= maxAddresses) return
    counts.clear()
    endsAt = nowMs + windowMs
  }
  return {
    check(address: string): void {
      renew()
      if ((counts.get(address) ?? 0) >= maxRefused) {
        throw new AppError('rate_limited', undefined, { retryAfterSeconds: 60 })
      }
    },
    note: (address: string) => void counts.set(address, (counts.get(address) ?? 0) + 1),
  }
}
