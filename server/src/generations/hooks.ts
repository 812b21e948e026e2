// Webhooks that upstreams send us: they wake the poll of a task and do nothing else. Each part of an order has an
// address of its own, signed by us: strangers know none, and a task whose create is not answered yet is known by it.
import { timingSafeEqual } from 'node:crypto'
import type { Db } from '../db/db.ts'
import { isId } from '../ids.ts'
import { OutboundError } from '../outbound.ts'
import type { WebhookContext, WebhookRequest } from '../providers/provider.ts'
import type { ProviderSource } from '../providers/source.ts'
import { createSigner } from '../storage/links.ts'
import type { GenerationEvents } from './observe.ts'
import { pollSql } from './poll-sql.ts'

/** One part of an order at its upstream. */
export type HookedPart = { generationId: string; n: number; part: number }
export type HookQuery = { part: string; sig: string }

export type Hooks = {
  /** Where this part's upstream may call; null when it could not reach us. */
  urlOf(provider: string, part: HookedPart): string | null
  /** The part whose address was called, or null when we did not make it. */
  readPart(provider: string, query: HookQuery): HookedPart | null
}

/** 128 bits: nobody guesses one in the life of an order. */
const tokenBytes = 16
const partPattern = /^([0-9a-f-]{36})\.(\d{1,6})\.(\d{1,4})$/

/** The first secret signs; addresses of the others are still known. */
export function createHooks(options: { secrets: string[]; isOn: boolean; origin(): string }): Hooks {
  const signer = createSigner(options.secrets, 'upstream-hook')
  return {
    urlOf(provider, { generationId, n, part }) {
      if (!options.isOn) return null
      const text = `${generationId}.${n}.${part}`
      const sig = tokenOf(signer.sign([provider, text]))
      return `${options.origin()}/hooks/${provider}?part=${text}&sig=${sig}`
    },
    readPart(provider, { part, sig }) {
      const [text, generationId = '', n, index] = partPattern.exec(part) ?? []
      if (text === undefined || !isId(generationId)) return null
      const presented = Buffer.from(sig)
      const isOurs = signer.candidates([provider, text]).some(mac => {
        const expected = Buffer.from(tokenOf(mac))
        return expected.length === presented.length && timingSafeEqual(expected, presented)
      })
      return isOurs ? { generationId, n: Number(n), part: Number(index) } : null
    },
  }
}

function tokenOf(mac: Buffer): string {
  return mac.subarray(0, tokenBytes).toString('base64url')
}

export type HookNeeds = {
  db: Db
  http: WebhookContext['http']
  providers: Pick<ProviderSource, 'get'>
  events: GenerationEvents
  attemptHeaders(attemptId: string): Record<string, string>
}

/** Keys of an upstream are fetched within the few seconds that it waits for our answer. */
const readTimeoutMs = 5_000

/**
 * Of a call at the address of `part`. `later`: it could not be judged now. What is not from the upstream is `refused`,
 * whatever it speaks of.
 */
export async function receiveHook(
  needs: HookNeeds,
  { provider: name, part, request }: { provider: string; part: HookedPart; request: WebhookRequest },
): Promise<'taken' | 'refused' | 'later'> {
  const provider = needs.providers.get(name)
  if (!provider?.readWebhook) return 'refused'
  const signal = AbortSignal.timeout(readTimeoutMs)
  const headers = needs.attemptHeaders(`hooks/${name}`)
  try {
    const context = { http: needs.http, signal, timeoutMs: readTimeoutMs, headers }
    const notice = await provider.readWebhook(request, context)
    if (!notice) return 'refused'
    const task = notice.task?.id === notice.taskId ? JSON.stringify(notice.task) : null
    const values = [name, notice.taskId, part.generationId, part.n, part.part, task]
    await needs.db.query(pollSql.hear, values)
    return 'taken'
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    needs.events.hookUnread(name, error)
    return 'later'
  }
}

/** Whether a provider of that name can be called at all. */
export function takesHooks({ providers }: Pick<HookNeeds, 'providers'>, name: string): boolean {
  return providers.get(name)?.readWebhook !== undefined
}
