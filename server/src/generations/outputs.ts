// The outputs of an attempt: stored already, or at a URL of the upstream and fetched from there. What lies there has
// been paid for and reading it again costs nothing, so no failure that may pass gives a picture up before the deadline.
import { OutboundError, type OutboundResponse } from '../outbound.ts'
import {
  type CallContext,
  ImageRejected,
  noUsage,
  type ProviderOutcome,
  type ReceivedImage,
  type UpstreamImage,
  type UpstreamTask,
} from '../providers/provider.ts'
import type { Breaker } from './breaker.ts'
import { type DispatchNeeds, openContext, type PartOutcome } from './dispatch.ts'
import { backoffMs, type Generation, type StoredImage } from './generation.ts'
import type { GenerationEvents } from './observe.ts'
import { timeLeftMs } from './time-left.ts'

/** An output that is still to be fetched: the one at that place (`at`) of what its part brought. */
type Address = { index: number; url: string; part?: number; at?: number }
/** One output as T5 records it: stored already, or a URL still to be fetched. */
export type ExpectedImage = StoredImage | Address

export type CollectNeeds = DispatchNeeds & {
  events: GenerationEvents
  breaker: Pick<Breaker, 'note'>
  random: () => number
  /** The generation holds no worker until the answer is called: it waits for nothing that this process does. */
  restWork?(generationId: string): () => void
}
export type CollectWork = {
  generation: Generation
  n: number
  provider: string
  upstreamModel: string
  /** The handles of the parts, where the upstream gave one: by them an address that is gone is had anew. */
  tasks: ReadonlyMap<number, UpstreamTask>
  received: string[]
  /** Somebody comes again for what cannot be reached now. */
  isBrief?: boolean
  /** How long ago the call was made, or its task accepted. Without it that is too long ago to tell of the route. */
  ageMs?: number
}
/** `gone`: how many the upstream no longer has. */
export type Collected = { images: StoredImage[]; gone: number }
/** `reread` is one answer for each part, asked for once. */
type Work = CollectWork & { reread: Map<number, Promise<UpstreamImage[]>> }

/** Outputs are small; an upstream that drips is cut. */
const fetchTimeoutMs = 60_000
const maxOutputBytes = 80 * 1024 * 1024
/** With the back-off they span some 15 seconds, in which most stores of files restart; then no worker is held. */
const triesOfWorker = 6
/** Where somebody comes again. */
const briefTries = 2
/** However long a store asks to be left alone, what is paid for is asked for again while there is time. */
const maxPauseMs = 15_000
/** For answers that are probably final: files have been seen to appear a moment after their address. */
const maxDoubtfulTries = 2
/** Kept free before the deadline for the manifest and the settlement. */
const reserveMs = 1_000

export function toExpected(parts: PartOutcome[]): ExpectedImage[] {
  const images = parts.flatMap(({ part, outcome }) =>
    outcome.kind === 'succeeded' ? outcome.images.map((image, at) => ({ image, part, at })) : [],
  )
  return images.map(({ image, part, at }, index) =>
    image.kind === 'url' ? { index, url: image.url, part, at } : toStored(image.image, index),
  )
}

function toStored(image: ReceivedImage, index: number): StoredImage {
  const { storageKey: key, mediaType, sizeBytes, sha256, width, height } = image
  return { index, key, mediaType, sizeBytes, sha256, width, height }
}

/** Fetches what is still a URL. An output that cannot be had is left out: the customer pays for what is there. */
export async function collectImages(
  needs: CollectNeeds,
  work: CollectWork,
  expected: ExpectedImage[],
): Promise<Collected> {
  const collected = await collectEach(needs, work, expected)
  const images = collected.filter(image => typeof image !== 'string')
  return {
    images: images.map((image, index) => ({ ...image, index })),
    gone: collected.filter(image => image === 'gone').length,
  }
}

/** An output that is not here: the upstream has it no more, it is no picture, or it may be had later. */
export type Missing = 'gone' | 'unusable' | 'unreached'

/** The same, each in its place. */
export async function collectEach(
  needs: CollectNeeds,
  work: CollectWork,
  expected: ExpectedImage[],
): Promise<(StoredImage | Missing)[]> {
  const reading = { ...work, reread: new Map() }
  let resume = () => {}
  let isResting = false
  const rest = () => {
    if (!isResting) resume = needs.restWork?.(work.generation.id) ?? resume
    isResting = true
  }
  const beganAt = performance.now()
  try {
    const collected = await Promise.all(
      expected.map(async image =>
        'key' in image ? image : await fetchOutput(needs, reading, { ...image, rest }),
      ),
    )
    const fetched = collected.filter((_, at) => !('key' in (expected[at] ?? {})))
    judgeRoute(needs, work, { fetched, tookMs: performance.now() - beganAt })
    return collected
  } finally {
    resume()
  }
}

/** A call is one voice, however many pictures of it are lost. */
function judgeRoute(
  { breaker }: CollectNeeds,
  { generation: { accountId }, provider, upstreamModel, ageMs }: CollectWork,
  { fetched, tookMs }: { fetched: (StoredImage | Missing)[]; tookMs: number },
): void {
  const isHad = fetched.some(image => typeof image !== 'string')
  if (ageMs === undefined || (!isHad && fetched.every(image => image === 'unreached'))) return
  const heard = { accountId, stage: 'output' as const, ageMs: ageMs + tookMs }
  breaker.note({ provider, upstreamModel }, { ...heard, outcomes: [isHad ? outputHad : outputLost] })
}

const outputHad: ProviderOutcome = { kind: 'succeeded', images: [], usage: noUsage, warnings: [] }
/** Its content may be the cause: some upstreams take a picture away again. */
const outputLost: ProviderOutcome = {
  kind: 'failed',
  failure: 'malformed_response',
  message: 'its outputs could not be had',
}

/** How one try failed, and how often such a failure is worth a try in all; null = until the deadline. */
type Miss = { cause: string; maxTries: number | null; retryAfterMs: number | null; isGone?: boolean }

async function fetchOutput(
  needs: CollectNeeds,
  work: Work,
  { rest, ...image }: Address & { rest(): void },
): Promise<StoredImage | Missing> {
  const leftMs = () => timeLeftMs(work.generation.timeLeft) - reserveMs
  let { url } = image
  let isFresh = false
  for (let tries = 1; ; tries += 1) {
    const timeoutMs = Math.max(1, Math.min(fetchTimeoutMs, leftMs()))
    const result = await tryFetch(needs, work, { ...image, url, timeoutMs })
    if (!('cause' in result)) return toStored(result, image.index)
    const askedMs = Math.min(result.retryAfterMs ?? 0, maxPauseMs)
    const pauseMs = Math.max(backoffMs(tries, needs.random()), askedMs)
    const isPassing = result.maxTries === null
    if (isPassing && work.isBrief && tries >= briefTries) return 'unreached'
    if ((result.maxTries !== null && tries >= result.maxTries) || pauseMs >= leftMs()) {
      const fresh = result.isGone && !isFresh ? await findFresh(needs, work, { ...image, timeoutMs }) : null
      if (fresh?.kind === 'received') return toStored(fresh.image, image.index)
      if (fresh) {
        isFresh = true
        url = fresh.url
        tries = 0
        continue
      }
      const { provider, upstreamModel } = work
      const lost = { provider, upstreamModel, index: image.index, cause: result.cause, tries }
      needs.events.outputLost(work.generation, lost)
      return result.isGone ? 'gone' : 'unusable'
    }
    if (tries >= triesOfWorker) rest()
    await new Promise(resolve => setTimeout(resolve, pauseMs))
  }
}

type Call = Address & { timeoutMs: number }

/** Asks the upstream once more for what the part brought: its addresses end sooner than its memory. */
async function findFresh(needs: CollectNeeds, work: Work, call: Call): Promise<UpstreamImage | null> {
  const part = call.part ?? 0
  const task = work.tasks.get(part)
  const poll = needs.providers.get(work.provider)?.poll
  if (!task || !poll) return null
  const asked = work.reread.get(part) ?? readAgain(() => poll(task, openCall(needs, work, call)))
  work.reread.set(part, asked)
  const images = await asked
  return images[call.at ?? call.index] ?? null
}

async function readAgain(poll: () => Promise<ProviderOutcome>): Promise<UpstreamImage[]> {
  // What it says in place of its result is of no use here, and its words are not kept.
  const outcome = await poll().catch(() => null)
  return outcome?.kind === 'succeeded' ? outcome.images : []
}

/** Objects of outputs that were fetched are numbered behind those that came with the answer to a call. */
const fetchedFrom = 50

function openCall(needs: CollectNeeds, work: Work, { part, at, index, timeoutMs }: Call): CallContext {
  const { generation, n, received } = work
  const signal = AbortSignal.timeout(timeoutMs)
  const firstObject = fetchedFrom + (at ?? index)
  return openContext(needs, { generation, n, part: part ?? 0, signal, timeoutMs, received, firstObject })
}

function requestOutput(
  needs: CollectNeeds,
  work: Work,
  { url, timeoutMs, context, part }: Call & { context: CallContext },
): Promise<OutboundResponse> {
  const fetchIt = needs.providers.get(work.provider)?.fetchOutput
  if (fetchIt) return fetchIt(url, context, work.tasks.get(part ?? 0))
  const plain = { method: 'GET', trust: 'upstream', maxBodyBytes: maxOutputBytes } as const
  return needs.http.request({ ...plain, url, timeoutMs, signal: context.signal })
}

async function tryFetch(needs: CollectNeeds, work: Work, call: Call): Promise<ReceivedImage | Miss> {
  const context = openCall(needs, work, call)
  try {
    const answer = await requestOutput(needs, work, { ...call, context })
    if (answer.status !== 200) {
      await answer.discard()
      return missByStatus(answer.status, answer.headers['retry-after'])
    }
    return await context.receiveImage(answer.body)
  } catch (error) {
    return missByError(error)
  }
}

function missByStatus(status: number, retryAfter: string | undefined): Miss {
  const seconds = /^\d{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) : null
  const isPassing = status >= 500 || status === 429 || status === 408
  return {
    isGone: status === 403 || status === 404 || status === 410,
    cause: `status ${status}`,
    maxTries: isPassing ? null : maxDoubtfulTries,
    retryAfterMs: isPassing && seconds !== null ? seconds * 1_000 : null,
  }
}

/** Rethrows what is not the upstream's: trouble of storage, and the end of this process, whose successor fetches. */
function missByError(error: unknown): Miss {
  if (error instanceof ImageRejected) {
    // Cut bodies and pages of a proxy look like this; so does a result that is no picture, and stays none.
    return { cause: error.message, maxTries: maxDoubtfulTries, retryAfterMs: null }
  }
  if (!(error instanceof OutboundError) || error.code === 'aborted') throw error
  const isFinal = error.code === 'blocked' || error.code === 'too_large'
  return { cause: error.message, maxTries: isFinal ? 1 : null, retryAfterMs: null }
}
