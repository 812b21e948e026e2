// A generation: one accepted request and its result. States, words and pure rules; no database, no clock.
import type { Dialect, GenerationOptions } from '../models/options.ts'
import type { FailureKind, Usage } from '../providers/provider.ts'
import type { StoredInputs } from '../uploads/input.ts'
import type { Countdown } from './time-left.ts'

export const openStates = ['queued', 'dispatching', 'awaiting', 'storing', 'reconciling'] as const
export const terminalStates = ['succeeded', 'failed', 'blocked', 'canceled'] as const
export type GenerationState = (typeof openStates)[number] | (typeof terminalStates)[number]

/** Why a generation is no success. Stable and public; the customer's only explanation. */
export type Reason =
  | 'content_rejected'
  | 'invalid_for_model'
  | 'upstream_unavailable'
  | 'upstream_failed'
  | 'provider_key_refused'
  | 'provider_key_missing'
  | 'unknown_outcome'
  | 'malformed_result'
  | 'storage_failed'
  | 'moderation_unavailable'
  | 'deadline_exceeded'
  | 'queue_timeout'
  | 'canceled'

export type StoredImage = {
  index: number
  key: string
  mediaType: string
  sizeBytes: number
  sha256: string
  width: number
  height: number
}

/**
 * One output of a part: stored already, or an address, still to be fetched or in vain (`lost`): it was paid for all the
 * same. `index` counts within the part.
 */
export type PartImage = StoredImage | { index: number; url: string; lost?: true }
/** What one part of an order brought. */
export type PartResult = { images: PartImage[]; usage: Usage; warnings: string[] }

/** What an upstream said of a call; what it did not say is left out. The cost has a column of its own. */
export type StoredUsage = { [Key in Exclude<keyof Usage, 'costUsdMicro'>]?: NonNullable<Usage[Key]> }

export type Generation = {
  id: string
  accountId: string
  apiKeyId: string | null
  dialect: Dialect
  model: string
  prompt: string
  options: GenerationOptions
  /** What the dialect wants to show again, in its own words. */
  echo: Record<string, unknown>
  inputs: StoredInputs | null
  fingerprint: Buffer
  /** Credits. */
  unitPrice: number
  count: number
  price: number
  captured: number
  state: GenerationState
  reason: Reason | null
  /** Providers whose key of the account's own it uses, and no others; null = the operator's. */
  ownProviders: string[] | null
  epoch: number
  attempts: number
  leaseOwner: string | null
  /** The paced route whose places it holds, as `openai/gpt-image-2`. */
  pacedRoute: string | null
  /** What is left to the deadline, counted down since the row was read. */
  timeLeft: Countdown
  images: StoredImage[]
  warnings: string[]
  usage: Usage | null
  createdAt: Date
  completedAt: Date | null
  deletedAt: Date | null
  /** From then on its files are refused and removed; null = they stay. A whole second. */
  filesExpireAt: Date | null
  filesRemovedAt: Date | null
}

/** Whether its images may be shown at this moment. */
export function hasFiles(generation: Generation, now: Date): boolean {
  const { state, deletedAt, filesRemovedAt, filesExpireAt } = generation
  if (state !== 'succeeded' || deletedAt || filesRemovedAt) return false
  return filesExpireAt === null || now < filesExpireAt
}

export function isTerminal(state: GenerationState): boolean {
  return (terminalStates as readonly string[]).includes(state)
}

export type PublicStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'blocked' | 'canceled'

export function publicStatus(state: GenerationState): PublicStatus {
  if (state === 'dispatching' || state === 'awaiting' || state === 'storing' || state === 'reconciling')
    return 'running'
  return state
}

/** As it is told in every API and event: gptimage2's list of statuses is closed and knows no `canceled`. */
export function shownStatus({ state, dialect }: Pick<Generation, 'state' | 'dialect'>): PublicStatus {
  return dialect === 'gptimage2' && state === 'canceled' ? 'failed' : publicStatus(state)
}

/**
 * The credits that its caller is told: those held while it is open, then those charged. The gptimage2 contract keeps
 * the number of an order that was given back.
 */
export function shownCost({ state, dialect, price, captured }: Generation): number {
  const isKept = !isTerminal(state) || (dialect === 'gptimage2' && state !== 'succeeded')
  return isKept ? price : captured
}

/**
 * What the core does with each failure. `retry`: nothing ran, so another try is allowed; `release`: ended, the
 * hold goes back; `reconcile`: it may have run, so it is never sent again. `mayBeBilled`: the expected cost is
 * booked as the operator's loss unless the upstream told the real one, or the outcome says more (loss.ts).
 */
type FailureRule = {
  action: 'retry' | 'retry_elsewhere' | 'release' | 'reconcile'
  state: 'failed' | 'blocked'
  reason: Reason
  mayBeBilled: boolean
}

export const failureRules: Record<FailureKind, FailureRule> = {
  invalid_request: { action: 'release', state: 'failed', reason: 'invalid_for_model', mayBeBilled: false },
  content_rejected: { action: 'release', state: 'blocked', reason: 'content_rejected', mayBeBilled: true },
  rate_limited: { action: 'retry', state: 'failed', reason: 'upstream_unavailable', mayBeBilled: false },
  quota_exhausted: {
    action: 'retry_elsewhere',
    state: 'failed',
    reason: 'upstream_unavailable',
    mayBeBilled: false,
  },
  unavailable: { action: 'retry', state: 'failed', reason: 'upstream_unavailable', mayBeBilled: false },
  unknown_outcome: { action: 'reconcile', state: 'failed', reason: 'unknown_outcome', mayBeBilled: true },
  misconfigured: { action: 'release', state: 'failed', reason: 'upstream_unavailable', mayBeBilled: false },
  malformed_response: { action: 'release', state: 'failed', reason: 'malformed_result', mayBeBilled: true },
  model_retired: {
    action: 'retry_elsewhere',
    state: 'failed',
    reason: 'upstream_unavailable',
    mayBeBilled: false,
  },
  upstream_failed: { action: 'release', state: 'failed', reason: 'upstream_failed', mayBeBilled: true },
}

/** The customer's words for each reason. The upstream's own text never leaves the operator's log. */
export const reasonTexts: Record<Reason, string> = {
  content_rejected: 'The content was refused by a safety system. Nothing was charged.',
  invalid_for_model: 'The model refused this combination of options. Nothing was charged.',
  upstream_unavailable: 'The model is not available right now. Nothing was charged.',
  upstream_failed: 'The model failed to make the image. Nothing was charged.',
  provider_key_refused:
    'The provider refused your own key, or its account there has no credit left. Nothing was charged.',
  provider_key_missing:
    'Your own key for this model was removed before the image was made. Nothing was charged.',
  unknown_outcome: 'The outcome at the model provider is unknown. Nothing was charged.',
  malformed_result: 'The model returned no usable image. Nothing was charged.',
  storage_failed: 'The image could not be stored. Nothing was charged.',
  moderation_unavailable: 'The image could not be checked for safety. Nothing was charged.',
  deadline_exceeded: 'The generation took too long. Nothing was charged.',
  queue_timeout: 'The generation waited too long in the queue. Nothing was charged.',
  canceled: 'The generation was canceled. Nothing was charged.',
}

/** Back-off before the next try when the upstream names no delay: 0.5 s doubling to 8 s, ±25 % by `random`. */
export function backoffMs(attempt: number, random: number): number {
  const baseMs = Math.min(500 * 2 ** (attempt - 1), 8_000)
  return Math.round(baseMs * (0.75 + random * 0.5))
}

/** Splits an order into upstream calls no larger than the route allows: 4 by 3 gives [3, 1]. */
export function splitCount(count: number, maxPerCall: number): number[] {
  const parts: number[] = []
  for (let left = count; left > 0; left -= maxPerCall) parts.push(Math.min(left, maxPerCall))
  return parts
}
