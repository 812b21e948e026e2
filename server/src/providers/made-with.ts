// Tasks say which key they were made with, so that a key that replaces it, of whatever account of the vendor, orphans
// none: each is read with its own key as long as that is known. Where it is not, a refusal proves nothing of the task.
import { createHash } from 'node:crypto'
import type { Provider, ProviderFailure, ProviderOutcome, UpstreamTask } from './provider.ts'

/** 48 bits: enough to tell two keys apart, and no key of a vendor can be found from them. */
const fingerprintLength = 12

/** The same for the same key, on every installation. */
export function fingerprintOf(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, fingerprintLength)
}

export type KeyRing = {
  /** The provider with the key of that fingerprint; null where it is not known. */
  find(fingerprint: string): Provider | null
  /** Told of a task that the key in use does not show, made with one that is not known. */
  onOrphan(fingerprint: string): void
}

/** The same provider, whose tasks carry `madeWith`. */
export function markTasks(provider: Provider, fingerprint: string, ring: KeyRing): Provider {
  const { submit, poll, cancel } = provider
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
    ...(cancel ? { cancel: (task, context) => (makerOf(task)?.cancel ?? cancel)(task, context) } : {}),
  }
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
