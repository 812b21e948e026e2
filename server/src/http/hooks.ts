// The door for webhooks of upstreams. Anybody can knock, so the address itself is proven first: who does not know one of
// ours is answered at once, costs a hash, and keeps nobody out. Only behind it a body is read, a place taken, and what is
// not signed by the upstream counted, each against the one address that was called.
import type { Hono } from 'hono'
import { AppError } from '../errors.ts'
import type { HttpContext, HttpEnv } from './context.ts'
import { methodNotAllowed } from './errors.ts'
import { readBytes } from './read-bytes.ts'

export type HookRequest = { headers: Record<string, string>; rawBody: Buffer; receivedAt: Date }
export type HookPart = { generationId: string; n: number; part: number }

export type HookRouteNeeds = {
  now: () => Date
  /** Whether such calls can be from anybody we know. */
  takesHooks(provider: string): boolean
  /** Null for an address that is none of ours. */
  hooks: { readPart(provider: string, query: { part: string; sig: string }): HookPart | null }
  receiveHook(call: {
    provider: string
    part: HookPart
    request: HookRequest
  }): Promise<'taken' | 'refused' | 'later'>
}

export const hooksPath = '/hooks/:provider'

/** A prediction with its logs; no upstream sends pictures this way. */
const maxBodyBytes = 1024 * 1024
/** An upstream waits no longer for our answer; a longer body only holds a place. */
const bodyMs = 5_000
/** At work at once, for each may fetch a key of its upstream. */
const maxAtOnce = 64
/** Of these at one address: an upstream calls once, or twice in a hurry. */
const maxAtOnceOfOne = 4
/** Refusals that one address may collect in a minute; its order is polled all the same. */
const maxRefused = 20
const windowMs = 60_000
/** Addresses remembered; beyond it all are forgotten, which costs a minute of leniency. */
const maxAddresses = 10_000

export function addHooks(app: Hono<HttpEnv>, needs: HookRouteNeeds): void {
  const door = openDoor(needs.now)
  app.post(hooksPath, async context => {
    context.set('dialect', 'hooks')
    context.set('route', hooksPath)
    const provider = context.req.param('provider') ?? ''
    if (!needs.takesHooks(provider)) throw new AppError('not_found')
    const query = { part: context.req.query('part') ?? '', sig: context.req.query('sig') ?? '' }
    const part = needs.hooks.readPart(provider, query)
    if (!part) throw new AppError('unauthorized', 'This is no address that was given to the upstream.')
    const entry = door.enter(query.part)
    try {
      const rawBody = await readBytes(context, { maxBytes: maxBodyBytes, owner: 'hooks', withinMs: bodyMs })
      const request = { headers: headersOf(context), rawBody, receivedAt: needs.now() }
      const verdict = await needs.receiveHook({ provider, part, request })
      if (verdict === 'later') throw new AppError('unavailable', undefined, { retryAfterSeconds: 10 })
      if (verdict === 'taken') return context.body(null, 204)
    } finally {
      entry.leave()
    }
    entry.noteRefusal()
    throw new AppError('unauthorized', 'The call is not signed by the upstream.')
  })
  app.all(hooksPath, methodNotAllowed(['POST']))
}

function headersOf(context: HttpContext): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(context.env.incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return headers
}

/** Places, all of them and those of one address, and the refusals of each. */
function openDoor(now: () => Date) {
  const refusals = new Map<string, number>()
  const inside = new Map<string, number>()
  let atOnce = 0
  let endsAt = 0
  function renew(): void {
    const nowMs = now().getTime()
    if (nowMs < endsAt && refusals.size <= maxAddresses) return
    refusals.clear()
    endsAt = nowMs + windowMs
  }
  return {
    /** Throws AppError: rate_limited, overloaded. */
    enter(address: string) {
      renew()
      const own = inside.get(address) ?? 0
      if ((refusals.get(address) ?? 0) >= maxRefused) throw tooMany(60)
      if (own >= maxAtOnceOfOne) throw tooMany(bodyMs / 1000)
      if (atOnce >= maxAtOnce) throw new AppError('overloaded', undefined, { retryAfterSeconds: 5 })
      atOnce += 1
      inside.set(address, own + 1)
      return {
        leave(): void {
          atOnce -= 1
          const rest = (inside.get(address) ?? 0) - 1
          if (rest > 0) inside.set(address, rest)
          else inside.delete(address)
        },
        noteRefusal: () => void refusals.set(address, (refusals.get(address) ?? 0) + 1),
      }
    },
  }
}

function tooMany(retryAfterSeconds: number): AppError {
  return new AppError('rate_limited', undefined, { retryAfterSeconds })
}
