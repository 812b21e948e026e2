// The contract between the core and an upstream. A provider is functions that return outcomes: no retries,
// no money, no database, no clock. Nothing outside an adapter ever reads a message to learn what happened.
import type { OutboundClient, OutboundResponse } from '../outbound.ts'

/** What became of a create. Only 'rate_limited', 'quota_exhausted' and 'unavailable' prove that nothing ran. */
export const failureKinds = [
  'invalid_request',
  'content_rejected',
  'rate_limited',
  'quota_exhausted',
  'unavailable',
  'unknown_outcome',
  'misconfigured',
  'malformed_response',
  'model_retired',
  'upstream_failed',
] as const
export type FailureKind = (typeof failureKinds)[number]

export type ImageFormat = 'png' | 'jpeg' | 'webp'
export type ThinkingLevel = 'default' | 'deep'

/** A picture the customer sent to be edited or followed; already checked by magic bytes. */
export type ReferenceImage = {
  mediaType: string
  sizeBytes: number
  width: number
  height: number
  /**
   * An https address at which an upstream can fetch the bytes while the order is open, for those that take nothing
   * else. Absent where nobody outside can reach this service.
   */
  publicUrl?: string
  /** Reads the bytes; called at most once per use. */
  read(): Promise<Buffer>
}

/** One create, in core words. The route has already chosen the upstream model and legal sizes. */
export type ProviderRequest = {
  /** The upstream's own model id, from the route. */
  upstreamModel: string
  prompt: string
  negativePrompt: string | null
  /** Ratio label such as `16:9`; null = the upstream's default. */
  aspectRatio: string | null
  /** `512` | `1K` | `2K` | `4K`; null = the route does not take one. */
  resolution: string | null
  /** Pixels to ask for, when the route works in pixels. */
  width: number | null
  height: number | null
  quality: string | null
  thinkingLevel: ThinkingLevel | null
  seed: number | null
  /** 1 to the route's maximum per call. */
  count: number
  outputFormat: ImageFormat | null
  /** 0 to 100; jpeg and webp only. */
  outputCompression: number | null
  background: 'auto' | 'transparent' | 'opaque' | null
  moderation: 'auto' | 'low' | null
  inputFidelity: 'high' | 'low' | null
  /** 0 to 3 partial images wanted while working; 0 = none. */
  partialImages: number
  references: ReferenceImage[]
  mask: ReferenceImage | null
  /** Fixed upstream parameters of the route, sent as they are. */
  parameters: Record<string, string | number | boolean>
}

/** An output: bytes already received into storage, or an upstream URL the core must fetch at once. */
export type UpstreamImage =
  | { kind: 'received'; image: ReceivedImage }
  | { kind: 'url'; url: string; mediaType: string | null }

/** A picture that the core has streamed to storage, checked by its bytes (not by what was declared). */
export type ReceivedImage = {
  /** Where the bytes lie; opaque to the adapter. */
  storageKey: string
  mediaType: string
  sizeBytes: number
  sha256: string
  width: number
  height: number
}

/** What the upstream says it used; null where it says nothing. Integers. */
export type Usage = {
  inputTokens: number | null
  outputTokens: number | null
  inputTextTokens: number | null
  inputImageTokens: number | null
  /** Of the output tokens; those of no kind that is told are of pictures. */
  outputTextTokens: number | null
  outputImageTokens: number | null
  thinkingTokens: number | null
  /** Pictures that it bills or has visibly made, where that may be another number than arrived. */
  images: number | null
  /** Cost as stated by the upstream, in micro-USD; null where the price table must tell. */
  costUsdMicro: number | null
  upstreamRequestId: string | null
}

export const noUsage: Usage = {
  inputTokens: null,
  outputTokens: null,
  inputTextTokens: null,
  inputImageTokens: null,
  outputTextTokens: null,
  outputImageTokens: null,
  thinkingTokens: null,
  images: null,
  costUsdMicro: null,
  upstreamRequestId: null,
}

/**
 * The provider's own handle for pending work; stored before the first poll. Must survive JSON. Outlives the customer's
 * deletion, so it holds addresses and ids only, never the prompt that some upstreams repeat beside them.
 */
export type UpstreamTask = { id: string; pollUrl?: string; cancelUrl?: string; [extra: string]: unknown }

export type ProviderFailure = {
  kind: 'failed'
  failure: FailureKind
  /** For the operator's log only; the customer gets our own words. Never contains a key. */
  message: string
  /** The upstream's stated delay for rate_limited and quota_exhausted. */
  retryAfterMs?: number
  /** For content_rejected. */
  stage?: 'input' | 'output' | 'unknown'
  categories?: string[]
  /** The request field at fault, in core words, for invalid_request, when the upstream names it. */
  field?: string
  /**
   * For invalid_request: the upstream had taken the work on before it said so, so the refusal proves nothing about
   * what was billed.
   */
  accepted?: true
  /**
   * For model_retired: status and code of the upstream, as it documents them, leave no doubt that it has no such model,
   * so no order is sent there any more. Without it the answer may as well mean an address or an account of ours.
   */
  gone?: true
  /** Refusals may be billed too. */
  usage?: Usage
  /** For unavailable: the upstream answered that it is overloaded, so trying again adds to its load. */
  overloaded?: boolean
}

/** The work is done. `images` are all that the upstream gives: fewer than asked is a partial success. */
export type ProviderSuccess = {
  kind: 'succeeded'
  images: UpstreamImage[]
  usage: Usage
  warnings: string[]
  /**
   * For a submit that was answered at once with addresses: the handle by which `poll` tells this result again, so
   * that an address that is gone can be had anew. The core knows it already when the success comes from a poll.
   */
  task?: UpstreamTask
}

/** The upstream has taken the work on and tells the outcome later. */
export type ProviderPending = {
  kind: 'pending'
  /** Best the very handle that was given, where nothing of it has changed: it is not even compared. Never changed in place. */
  task: UpstreamTask
  /** When a read is worth it, as if there were no webhooks; where one is promised the core asks less often. */
  pollAfterMs: number
  /** Share of the work that is done, 0 to 1, where the upstream says it; else what it said before stands. */
  progress?: number
  /**
   * How many orders stand before this one in the upstream's queue, where it says so; 0 = it is next, null = it waits
   * there no more. Without it what was said before stands.
   */
  queuePosition?: number | null
  partial?: ReceivedImage
}

export type ProviderOutcome = ProviderSuccess | ProviderPending | ProviderFailure

/** `canceled` only on the upstream's word that the work will not go on; a doubt is `not_canceled`. */
export type CancelOutcome = { kind: 'canceled' } | { kind: 'not_canceled'; message: string }

/**
 * A picture as it arrives. Where the upstream sends it as base64, `listenToText` also hands on that text, which
 * spares a caller who is answered in base64 the encoding. Text is only lent for the length of the call.
 */
export type ImageSource = AsyncIterable<Uint8Array> & {
  listenToText?(listener: (text: Buffer) => void): void
}

/** What the core lends a provider for one call. */
export type CallContext = {
  http: OutboundClient
  /** Aborted at the generation's deadline. */
  signal: AbortSignal
  /** Milliseconds left to the deadline when the call began. */
  timeoutMs: number
  /**
   * Streams one picture to storage as its bytes arrive. Rejects with ImageRejected when the bytes are no
   * png, jpeg or webp, are cut, or exceed the limits; the adapter turns that into malformed_response. A chunk's
   * memory may be used again once the next one is asked for.
   */
  receiveImage(bytes: ImageSource): Promise<ReceivedImage>
  /** Hands on a partial picture; absent when nobody listens. */
  onPartialImage?(bytes: Buffer, index: number): void
  /** Names this attempt ("<generation id>/<attempt>/<part>"), for logs. */
  attemptId: string
  /** Stays the same over the attempts of one part; a provider with idempotent creates sends it as its key. */
  createKey: string
  /** Extra headers for every request to the upstream: empty in production, a counter's label in tests. */
  headers: Record<string, string>
  /**
   * For submit: where the upstream can say that the task has moved, an https address that is this part's own. A
   * provider with `readWebhook` puts it, unchanged, into every create that has it, for the core then polls slowly.
   * Absent where the upstream could not reach us, and for providers without `readWebhook`.
   */
  webhookUrl?: string
}

/** A call that says it comes from the upstream; nothing of it is proved. */
export type WebhookRequest = {
  /** Lower-case names. */
  headers: Record<string, string>
  /** As received: signatures are over these bytes. At most 1 MB. */
  rawBody: Buffer
  receivedAt: Date
}

/** What the core lends for reading one: the way out, for an upstream whose keys must be fetched, and little time. */
export type WebhookContext = Pick<CallContext, 'http' | 'signal' | 'timeoutMs' | 'headers'>

/**
 * Which task has moved. Only that: the outcome is always read by `poll`. `task` is the whole handle where the call
 * holds all of it; the core takes it up when the answer to the create was lost.
 */
export type WebhookNotice = { taskId: string; task?: UpstreamTask }

/** What an upstream's own list says of one of its models; null = it says nothing of it. */
export type ModelFacts = {
  upstreamModel: string
  /** First day (UTC, YYYY-MM-DD) on which it is served no more. */
  shutdownOn: string | null
  /** What is served to whoever names no version. */
  version: string | null
}

/** What the core lends for reading the list. */
export type ListContext = Pick<CallContext, 'http' | 'signal' | 'timeoutMs' | 'headers'>

export type ModelList = { ok: true; models: ModelFacts[] } | { ok: false; message: string }

export type Provider = {
  name: string
  /** True when a create may be repeated under the same createKey without a second bill. */
  idempotentCreates: boolean
  submit(request: ProviderRequest, context: CallContext): Promise<ProviderOutcome>
  /**
   * One small read of a task. Any process may make it, also the one that made none of the calls before; two may meet.
   * 'unavailable', 'rate_limited' and 'misconfigured' mean here that the read failed and is to be made again; every
   * other failure is the task's end. A task that has succeeded is read again when an address of its output is
   * gone: the answer is then the same result with addresses as fresh as the upstream gives them.
   */
  poll?(task: UpstreamTask, context: CallContext): Promise<ProviderOutcome>
  cancel?(task: UpstreamTask, context: CallContext): Promise<CancelOutcome>
  /**
   * One GET for an output `{ kind: 'url' }`, where it is more than a plain one: a key in a header, a second try with
   * the key after a 401. The core reads the body, checks the bytes and decides about every other status, 403, 404 and
   * 410 among them. Without it the core sends a plain GET with trust 'upstream'. `task` is the handle that brought the
   * address, where there is one: it tells which key made it.
   */
  fetchOutput?(url: string, context: CallContext, task?: UpstreamTask): Promise<OutboundResponse>
  /**
   * Reads a webhook of this upstream: null unless signature (in constant time) and timestamp (against `receivedAt`)
   * prove that it is from there. The same call may come twice, late, or be played back by somebody else: it only
   * wakes the poll of that task. Throws OutboundError when keys cannot be fetched: the caller is asked to come again.
   */
  readWebhook?(request: WebhookRequest, context: WebhookContext): Promise<WebhookNotice | null>
  /**
   * What the upstream itself says of the life of these models, read for nothing, once a day. Those that its list does not
   * name are left out: that proves nothing.
   */
  readModels?(upstreamModels: readonly string[], context: ListContext): Promise<ModelList>
  /** A free, cheap call that proves key and address; for `doctor`. */
  check?(context: CallContext): Promise<{ ok: true } | { ok: false; message: string }>
}

/** The bytes given to receiveImage were no usable picture. */
export class ImageRejected extends Error {
  override name = 'ImageRejected'
}
