// Tasks say which key they were made with, so that a key that replaces it, of whatever account of the vendor, orphans
// none: each is read, canceled and fetched with its own key as long as that is known, and webhooks signed for it are
// believed. Where it is not known, a refusal proves nothing of the task.
import { createHash } from 'node:crypto'
import type {
  Provider,
  ProviderFailure,
  ProviderOutcome,
  UpstreamTask,
  WebhookContext,
  WebhookNotice,
  WebhookRequest,
} from './provider.ts'

/** 48 bits: enough to tell two keys apart, and no key of a vendor can be found from them. */
const fingerprintLength = 12

/** The same for the same key, on every installation. */
export function fingerprintOf(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, fingerprintLength)
}

export type KeyRing = {
  /** The provider with the key of that fingerprint; null where it is not known. */
  find(fingerprint: string): Provider | null
  /** The providers with keys that gave way to the one in use, the newest first. */
  earlier(): readonly { fingerprint: string; provider: Provider }[]
  /** Told of a task that the key in use does not show, made with one that is not known. */
  onOrphan(fingerprint: string): void
}

/** The same provider, whose tasks carry `madeWith`. */
export function markTasks(provider: Provider, fingerprint: string, ring: KeyRing): Provider {
  const { submit, poll, cancel, fetchOutput, readWebhook } = provider
  if (!poll) return provider
  const makerOf = ({ madeWith }: UpstreamTask) =>
    typeof madeWith === 'string' && madeWith !== fingerprint ? ring.find(madeWith) : null
  return {
    ...provider,
    submit: async (request, context) => mark(await submit(request, context), fingerprint),
    async poll(task, context) {
      const madeWith = typeof task.madeWith === 'string' ? task.madeWith : fingerprint
      const maker = makerOf(task)
      if (maker?.poll) {
        const outcome = await maker.poll(task, context)
        // A key that was revoked since: the one in use may be of the same account.
        if (!isRefused(outcome)) return mark(outcome, madeWith)
      }
      const outcome = await poll(task, context)
      if (madeWith === fingerprint || !isDenied(outcome)) return mark(outcome, fingerprint)
      if (!maker) ring.onOrphan(madeWith)
      return unread(outcome, madeWith)
    },
    ...(cancel ? { cancel: (task, context) => cancelWith(makerOf(task), cancel, [task, context]) } : {}),
    ...(fetchOutput ? { fetchOutput: fetchWith(fetchOutput, task => (task ? makerOf(task) : null)) } : {}),
    ...(readWebhook
      ? {
          readWebhook: (request, context) =>
            readWith([{ fingerprint, provider }, ...ring.earlier()], { request, context }),
        }
      : {}),
  }
}

type Cancel = NonNullable<Provider['cancel']>
type FetchOutput = NonNullable<Provider['fetchOutput']>

/** What the key that made it does not end, that in use may: the first may have been revoked. */
async function cancelWith(maker: Provider | null, cancel: Cancel, given: Parameters<Cancel>) {
  const outcome = await maker?.cancel?.(...given)
  return outcome?.kind === 'canceled' ? outcome : cancel(...given)
}

function fetchWith(
  fetchOutput: FetchOutput,
  makerOf: (task: UpstreamTask | undefined) => Provider | null,
): FetchOutput {
  return async (url, context, task) => {
    const answer = await makerOf(task)?.fetchOutput?.(url, context, task)
    if (answer && answer.status !== 401 && answer.status !== 403) return answer
    await answer?.discard()
    return fetchOutput(url, context, task)
  }
}

/**
 * Who signed it is known only by trying. One whose secret cannot be had now says nothing of the others, but none of them
 * having signed it, the call must come again.
 */
async function readWith(
  keys: readonly { fingerprint: string; provider: Provider }[],
  { request, context }: { request: WebhookRequest; context: WebhookContext },
): Promise<WebhookNotice | null> {
  const errors: unknown[] = []
  for (const { fingerprint, provider } of keys) {
    try {
      const notice = await provider.readWebhook?.(request, context)
      if (notice?.task) return { ...notice, task: { ...notice.task, madeWith: fingerprint } }
      if (notice) return notice
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
  return null
}

function mark(outcome: ProviderOutcome, madeWith: string): ProviderOutcome {
  if (outcome.kind === 'failed' || !outcome.task || outcome.task.madeWith === madeWith) return outcome
  return { ...outcome, task: { ...outcome.task, madeWith } }
}

function isRefused(outcome: ProviderOutcome): boolean {
  return outcome.kind === 'failed' && outcome.failure === 'misconfigured'
}

/** What a vendor says to a key of another account. */
function isDenied(outcome: ProviderOutcome): outcome is ProviderFailure {
  return isRefused(outcome) || (outcome.kind === 'failed' && outcome.failure === 'unknown_outcome')
}

/** The read failed, and is made again until the deadline: the right key may come back. */
function unread({ message }: ProviderFailure, madeWith: string): ProviderFailure {
  const cause = `the task was made with the key ${madeWith}, and the key in use does not show it`
  return { kind: 'failed', failure: 'misconfigured', message: `${cause}: ${message}` }
}
