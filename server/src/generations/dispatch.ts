// One attempt at an upstream: opens the call context, submits every part of the order and adds their outcomes up.
// No transaction is open while this runs; the attempt's intent has been committed before.
import { fp } from '../failpoints.ts'
import type { Catalog, Route } from '../models/catalog.ts'
import type { Moderation } from '../moderation/moderation.ts'
import type { OutboundClient } from '../outbound.ts'
import type {
  CallContext,
  FailureKind,
  Provider,
  ProviderFailure,
  ProviderOutcome,
  ReferenceImage,
  UpstreamImage,
  Usage,
} from '../providers/provider.ts'
import type { ProviderSource } from '../providers/source.ts'
import { generationObjectKey } from '../storage/keys.ts'
import { readObject } from '../storage/read-object.ts'
import { receiveImage } from '../storage/receive-image.ts'
import type { Storage } from '../storage/storage.ts'
import type { StoredInput } from '../uploads/input.ts'
import { priceOutcome } from './call-cost.ts'
import type { FreshImages } from './fresh.ts'
import { type Generation, splitCount } from './generation.ts'
import type { HookedPart, Hooks } from './hooks.ts'
import type { InputLinks } from './input-links.ts'
import type { PartialBus } from './partials.ts'
import { callUpstream, type Redact } from './redaction.ts'
import { timeLeftMs } from './time-left.ts'

export type DispatchNeeds = {
  catalog: Catalog
  providers: Pick<ProviderSource, 'get' | 'has'>
  storage: Storage
  http: OutboundClient
  /** Headers for every upstream call of an attempt: empty but in tests. */
  attemptHeaders(attemptId: string): Record<string, string>
  partials: Pick<PartialBus, 'publish'>
  moderation: Moderation
  fresh: FreshImages
  redact: Redact
  hooks: Pick<Hooks, 'urlOf'>
  inputLinks: Pick<InputLinks, 'urlOf'>
}

/** The largest picture accepted from an upstream: a 4K PNG of noise is about 70 MB. */
const maxImageBytes = 80 * 1024 * 1024

/** The key an upstream with idempotent creates deduplicates by. */
export function createKeyOf(generationId: string, part: number): string {
  return `${generationId}/${part}`
}

export type PartOutcome = { part: number; outcome: ProviderOutcome }

/** Routes that can serve it now and have a provider here, in order of preference. */
export function listRoutes(
  { catalog, providers }: Pick<DispatchNeeds, 'catalog' | 'providers'>,
  { model, options }: Pick<Generation, 'model' | 'options'>,
): Route[] {
  return catalog.routes(model, options).filter(route => providers.has(route.provider))
}

export function partsOf(generation: Generation, route: Route): number[] {
  return splitCount(generation.count, route.maxCountPerCall)
}

/** Expected cost of each part, micro-USD; rounded up, so that the parts never sum to less than the order. */
export function expectedPartCostUsdMicro(
  catalog: Catalog,
  generation: Pick<Generation, 'count' | 'options'>,
  route: Route,
): number {
  const parts = splitCount(generation.count, route.maxCountPerCall).length
  return Math.ceil(catalog.expectedCostUsdMicro(route, generation.options) / parts)
}

/**
 * Submits all parts at once. Never throws for what an upstream does; storage failures do throw, and end the other
 * parts. The keys of all pictures that were stored, chosen or not, are added to `received`.
 */
export async function submitParts(
  needs: DispatchNeeds,
  work: {
    generation: Generation
    route: Route
    n: number
    received: string[]
    /** Hears each part as it is answered, and is waited for. */
    onOutcome(part: PartOutcome): Promise<void>
  },
): Promise<PartOutcome[]> {
  const { generation, route, n } = work
  const provider = needs.providers.get(route.provider)
  if (!provider) throw new Error(`route to ${route.provider}, which is not configured`)
  const base = needs.catalog.toProviderRequest(route, promptOf(generation), generation.options)
  const mask = generation.inputs?.mask ? toReference(needs.storage, generation.inputs.mask) : null
  const counts = partsOf(generation, route)
  const tariff = needs.catalog.tariff(route, generation.options)
  const deadline = openDeadline(timeLeftMs(generation.timeLeft))
  const references = listReferences(needs, generation, deadline.timeoutMs)
  try {
    return await Promise.all(
      counts.map(async (count, part) => {
        const seed =
          base.seed === null ? null : base.seed + counts.slice(0, part).reduce((sum, each) => sum + each, 0)
        const context = openContext(needs, {
          ...work,
          part,
          signal: deadline.signal,
          timeoutMs: deadline.timeoutMs,
          webhookUrl: hookUrlOf(needs, provider, { generationId: generation.id, n, part }),
        })
        const request = { ...base, count, seed, references, mask }
        const answer = await callUpstream(needs, generation, () => provider.submit(request, context))
        const outcome = priceOutcome(answer, tariff)
        await work.onOutcome({ part, outcome })
        return { part, outcome }
      }),
    )
  } catch (error) {
    deadline.abort(error)
    throw error
  } finally {
    deadline.close()
  }
}

/** Null where no webhook will come. */
export function hookUrlOf(
  { hooks }: Pick<DispatchNeeds, 'hooks'>,
  provider: Provider | undefined,
  part: HookedPart,
): string | null {
  return provider?.readWebhook ? hooks.urlOf(provider.name, part) : null
}

/** A style instruction follows the prompt in words every model understands. */
function promptOf({ prompt, options }: Generation): string {
  return options.style ? `${prompt}\n\nStyle: ${options.style}` : prompt
}

function openDeadline(leftMs: number) {
  const timeoutMs = Math.max(1, leftMs)
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Error('the deadline has passed')), timeoutMs)
  return {
    signal: controller.signal,
    timeoutMs,
    abort: (reason: unknown) => controller.abort(reason),
    close: () => clearTimeout(timer),
  }
}

export function openContext(
  needs: DispatchNeeds,
  call: {
    /** A mere read knows no more of it than its id. */
    generation: Pick<Generation, 'id'> & Partial<Pick<Generation, 'dialect' | 'options'>>
    n: number
    part: number
    signal: AbortSignal
    timeoutMs: number
    /** Takes the key of every picture that was stored. */
    received: string[]
    /** Where the numbers of its objects begin within its part; 0. */
    firstObject?: number
    webhookUrl?: string | null
  },
): CallContext {
  const { generation, n, part, webhookUrl } = call
  const { id, dialect } = generation
  const attemptId = `${id}/${n}/${part}`
  let count = call.firstObject ?? 0
  // What has to be judged before delivery is not shown half made.
  const showsPartials = (generation.options?.partialImages ?? 0) > 0 && !needs.moderation.checksOutput
  const context: CallContext = {
    http: needs.http,
    signal: call.signal,
    timeoutMs: call.timeoutMs,
    attemptId,
    createKey: createKeyOf(generation.id, part),
    headers: needs.attemptHeaders(attemptId),
    async receiveImage(bytes) {
      const key = generationObjectKey(id, n, part * 100 + count++)
      const text = bytes.listenToText && dialect ? needs.fresh.collect({ id, dialect }, key) : null
      if (text) bytes.listenToText?.(text.add)
      try {
        // Whoever waits for the text is answered with it; all others come to read the object.
        const readSoon = text === null
        if (__FAILPOINTS__) await fp('receive.before')
        const image = await receiveImage(needs.storage, { key, maxBytes: maxImageBytes, readSoon }, bytes)
        call.received.push(key)
        if (__FAILPOINTS__) await fp('receive.after')
        return image
      } catch (error) {
        text?.drop()
        throw error
      }
    },
  }
  if (showsPartials)
    context.onPartialImage = (bytes, index) => needs.partials.publish(id, { bytes, index, part })
  if (webhookUrl) context.webhookUrl = webhookUrl
  return context
}

/** Each with the address by which an upstream may fetch it, where there can be one. */
function listReferences(
  { storage, inputLinks }: Pick<DispatchNeeds, 'storage' | 'inputLinks'>,
  { id, inputs }: Generation,
  timeoutMs: number,
): ReferenceImage[] {
  return (inputs?.references ?? []).map((input, index) => {
    const publicUrl = inputLinks.urlOf({ generationId: id, index }, timeoutMs)
    return { ...toReference(storage, input), ...(publicUrl === null ? {} : { publicUrl }) }
  })
}

function toReference(storage: Storage, input: StoredInput): ReferenceImage {
  return {
    mediaType: input.mediaType,
    sizeBytes: input.sizeBytes,
    width: input.width,
    height: input.height,
    read: () => readObject(storage, input.key),
  }
}

/** The order's outcome, added up from its parts. */
export type Combined =
  | { kind: 'delivered'; images: UpstreamImage[]; usage: Usage; warnings: string[] }
  | { kind: 'pending' }
  | { kind: 'failed'; failure: ProviderFailure }

/**
 * While one part is pending, so is the order. Then one image is enough for a (partial) success. Without any, the failure that decides is the most cautious one:
 * an unknown part forbids every retry, a definite failure beats "did not run".
 */
const caution: Record<FailureKind, number> = {
  unknown_outcome: 9,
  malformed_response: 8,
  upstream_failed: 7,
  content_rejected: 6,
  invalid_request: 5,
  misconfigured: 4,
  model_retired: 3,
  quota_exhausted: 2,
  rate_limited: 1,
  unavailable: 0,
}

export function combineParts(parts: PartOutcome[]): Combined {
  if (parts.some(({ outcome }) => outcome.kind === 'pending')) return { kind: 'pending' }
  const delivered = parts.flatMap(({ outcome }) => (outcome.kind === 'succeeded' ? [outcome] : []))
  const images = delivered.flatMap(outcome => outcome.images)
  if (images.length > 0) {
    const warnings = delivered.flatMap(outcome => outcome.warnings)
    return { kind: 'delivered', images, usage: sumUsage(delivered.map(outcome => outcome.usage)), warnings }
  }
  const failures = parts.flatMap(({ outcome }) => (outcome.kind === 'failed' ? [outcome] : []))
  failures.sort((a, b) => caution[b.failure] - caution[a.failure])
  const failure = failures[0] ?? {
    kind: 'failed' as const,
    failure: 'malformed_response' as const,
    message: 'the provider reported success without an image',
  }
  return { kind: 'failed', failure }
}

function sumUsage(usages: Usage[]): Usage {
  const add = (pick: (usage: Usage) => number | null): number | null => {
    // What was stored by an earlier version lacks what this one reads.
    const known = usages.map(pick).filter(value => typeof value === 'number')
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0)
  }
  return {
    inputTokens: add(usage => usage.inputTokens),
    outputTokens: add(usage => usage.outputTokens),
    inputTextTokens: add(usage => usage.inputTextTokens),
    inputImageTokens: add(usage => usage.inputImageTokens),
    outputTextTokens: add(usage => usage.outputTextTokens),
    outputImageTokens: add(usage => usage.outputImageTokens),
    thinkingTokens: add(usage => usage.thinkingTokens),
    images: add(usage => usage.images),
    costUsdMicro: add(usage => usage.costUsdMicro),
    upstreamRequestId: usages[0]?.upstreamRequestId ?? null,
  }
}
