// The bridge to the provider packages of the Vercel AI SDK: one adapter for every image model that a package of the
// operator's choice can call. The package knows the vendor's wire; sending, limits, pictures and outcomes stay ours.
import { randomUUID } from 'node:crypto'
import { classifyPoll, classifySubmit, isKeyRefused } from './ai-sdk/failures.ts'
import { type ImageModel, loadPackage, UnusablePackage } from './ai-sdk/package.ts'
import { createShelf, type Shelf } from './ai-sdk/pictures.ts'
import { buildOptions } from './ai-sdk/request.ts'
import { readSent, type Sent } from './ai-sdk/sent-request.ts'
import { keepCreate, readKept } from './ai-sdk/task.ts'
import { canReplay, createWire, type Journal } from './ai-sdk/wire.ts'
import { checkByGet, isRecord, scrubKey, scrubOutcome } from './hosted-call.ts'
import {
  type CallContext,
  noUsage,
  type Provider,
  type ProviderFailure,
  type ProviderOutcome,
  type ProviderRequest,
  type ProviderSuccess,
  type UpstreamImage,
  type UpstreamTask,
  type Usage,
} from './provider.ts'

export type AiSdkOptions = {
  /** What routes of the catalogue call it. */
  name: string
  /** `@ai-sdk/luma`; imported at the first call. */
  package: string
  apiKey: string
  /** Null = the package's own. */
  baseUrl: string | null
}

/** Packages ask twice a second inside one call; between ours the core decides. */
const POLL_AFTER_MS = 1_000

/** Creates one provider of the name that the configuration gave it. */
export function createAiSdkProvider(given: AiSdkOptions): Provider {
  const options = { ...given, baseUrl: given.baseUrl?.replace(/\/+$/, '') ?? null }
  return {
    name: options.name,
    idempotentCreates: false,
    submit: async (request, context) => scrubOutcome(await submit(options, request, context), options.apiKey),
    poll: async (task, context) => scrubOutcome(await poll(options, task, context), options.apiKey),
    check: context => check(options, context),
  }
}

async function submit(
  options: AiSdkOptions,
  request: ProviderRequest,
  context: CallContext,
): Promise<ProviderOutcome> {
  const { prompt, count, upstreamModel } = request
  const shelf = createShelf(context)
  const wire = createWire({ ...options, context, shelf, prompt, count, replayed: null })
  const { journal } = wire
  let result: Awaited<ReturnType<ImageModel['generate']>>
  try {
    const model = (await loadPackage(options.package))({
      ...options,
      model: upstreamModel,
      fetch: wire.fetch,
    })
    const built = await buildOptions(request, model)
    if ('kind' in built) return built
    result = await untilAborted(
      model.generate({ ...built, abortSignal: context.signal, headers: {} }),
      context,
      journal,
    )
  } catch (error) {
    if (journal.own !== null) throw journal.own.error
    if (journal.isWaiting) return waitForTask({ upstreamModel, request, context, journal })
    return classifySubmit({ vendor: options.name, error }, journal, context.signal.aborted)
  }
  if (journal.own !== null) throw journal.own.error
  const outcome = await conclude(options, { shelf, journal, result, count })
  if (outcome.kind !== 'succeeded' || !canReplay(journal.createAnswer)) return outcome
  // Addresses die; with the create's answer the package can be asked for new ones.
  const isByUrl = outcome.images.some(image => image.kind === 'url')
  const task = isByUrl ? keepAnswer({ upstreamModel, request, context, journal }) : null
  return task === null ? outcome : { ...outcome, task }
}

type Waiting = { upstreamModel: string; request: ProviderRequest; context: CallContext; journal: Journal }

function waitForTask(waiting: Waiting): ProviderOutcome {
  const task = keepAnswer(waiting)
  if (task !== null) return { kind: 'pending', task, pollAfterMs: POLL_AFTER_MS }
  const message = 'The upstream took the work on with an answer that cannot be asked about again'
  return { kind: 'failed', failure: 'malformed_response', message }
}

function keepAnswer({ upstreamModel, request, context, journal }: Waiting): UpstreamTask | null {
  if (journal.createAnswer === null) return null
  const { prompt, count } = request
  const kept = { model: upstreamModel, count, answer: journal.createAnswer }
  return keepCreate(kept, { prompt, attemptId: context.attemptId })
}

/** Runs the package again: its create is answered from the task, its first read goes out, its second means "not yet". */
async function poll(
  options: AiSdkOptions,
  task: UpstreamTask,
  context: CallContext,
): Promise<ProviderOutcome> {
  const kept = readKept(task)
  if (kept === null) {
    return { kind: 'failed', failure: 'unknown_outcome', message: 'The task is none of the AI SDK bridge' }
  }
  // The words of the order are gone; the package must send something that we know again.
  const prompt = `poll ${randomUUID()}`
  const shelf = createShelf(context)
  const { count } = kept
  const wire = createWire({ ...options, context, shelf, prompt, count, replayed: kept.answer })
  const { journal } = wire
  let result: Awaited<ReturnType<ImageModel['generate']>>
  try {
    const model = (await loadPackage(options.package))({ ...options, model: kept.model, fetch: wire.fetch })
    const generating = model.generate({ ...askPlainly(prompt, count), abortSignal: context.signal })
    result = await untilAborted(generating, context, journal)
  } catch (error) {
    if (journal.own !== null) throw journal.own.error
    if (journal.isWaiting) return { kind: 'pending', task, pollAfterMs: POLL_AFTER_MS }
    return classifyPoll({ vendor: options.name, error }, journal, context.signal.aborted)
  }
  if (journal.own !== null) throw journal.own.error
  return conclude(options, { shelf, journal, result, count })
}

/** For runs in which nothing of an order is sent. */
function askPlainly(prompt: string, n: number) {
  const shape = { size: undefined, aspectRatio: undefined, seed: undefined }
  return { prompt, n, ...shape, files: undefined, mask: undefined, providerOptions: {}, headers: {} }
}

/** Some packages sleep between two requests without looking at the signal. */
async function untilAborted<Result>(
  work: Promise<Result>,
  { signal }: CallContext,
  journal: Journal,
): Promise<Result> {
  let onAbort = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      journal.broken ??= 'the time was up'
      reject(signal.reason instanceof Error ? signal.reason : new Error('The time was up'))
    }
    signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
    work.catch(() => undefined)
  }
}

type Concluding = {
  shelf: Shelf
  journal: Journal
  result: Awaited<ReturnType<ImageModel['generate']>>
  count: number
}

async function conclude(
  options: AiSdkOptions,
  { shelf, journal, result, count }: Concluding,
): Promise<ProviderSuccess | ProviderFailure> {
  const found: UpstreamImage[] = []
  for (const returned of result.images) {
    const image = await shelf.find(returned)
    if (image !== null) found.push(image)
  }
  const usage = readUsage(result.usage, journal)
  if (isFiltered(journal)) {
    const message = `${options.name} made a picture and withheld it`
    return { kind: 'failed', failure: 'content_rejected', stage: 'output', categories: [], message, usage }
  }
  if (found.length === 0) {
    const why = shelf.rejections.length > 0 ? shelf.rejections.join('; ') : 'it holds no picture'
    const message = `${options.name}'s answer is unusable: ${why}`
    return { kind: 'failed', failure: 'malformed_response', message, usage }
  }
  const warnings = [
    ...result.warnings.map(describeWarning),
    ...shelf.rejections.map(why => `A picture was unusable: ${why}`),
  ]
  if (found.length !== count) warnings.push(`Asked for ${count} pictures, ${found.length} arrived`)
  // More than were asked for cannot be sold; the first ones are kept.
  return { kind: 'succeeded', images: found.slice(0, count), usage, warnings }
}

/** A black picture comes in place of what the vendor's filter caught; the header alone tells. */
function isFiltered({ createAnswer }: Journal): boolean {
  return createAnswer?.headers['finish-reason'] === 'CONTENT_FILTERED'
}

function describeWarning(warning: unknown): string {
  if (!isRecord(warning)) return 'The package warned'
  const { type, feature, setting, details, message } = warning
  const words = [type, feature ?? setting, details ?? message].filter(each => typeof each === 'string')
  return `The package warned: ${words.join(', ')}`
}

function readUsage(usage: unknown, { createAnswer }: Journal): Usage {
  const given = isRecord(usage) ? usage : {}
  const count = (value: unknown) => (Number.isSafeInteger(value) ? Number(value) : null)
  return {
    ...noUsage,
    inputTokens: count(given.inputTokens),
    outputTokens: count(given.outputTokens),
    upstreamRequestId: createAnswer?.headers['x-request-id'] ?? null,
  }
}

/**
 * Learns from the package where and how it would send a create, and reads that address with the same headers: free,
 * and whoever does not know the key is turned away there.
 */
async function check(
  options: AiSdkOptions,
  context: CallContext,
): Promise<{ ok: true } | { ok: false; message: string }> {
  let sent: Sent | null = null
  try {
    const model = (await loadPackage(options.package))({
      ...options,
      model: 'check',
      fetch: async (input, init) => {
        sent ??= await readSent(input, init)
        throw new Error('This was only a question')
      },
    })
    const asking = model.generate({ ...askPlainly('check', 1), abortSignal: context.signal })
    await asking.catch(() => undefined)
  } catch (error) {
    if (!(error instanceof UnusablePackage)) throw error
    return { ok: false, message: scrubKey(error.message, options.apiKey) }
  }
  return askForFree(options, sent, context)
}

async function askForFree(
  { name, apiKey }: AiSdkOptions,
  sent: Sent | null,
  context: CallContext,
): Promise<{ ok: true } | { ok: false; message: string }> {
  if (sent === null) return { ok: false, message: `${name}: the package did not say where it sends to` }
  const { 'content-type': _type, ...headers } = sent.headers
  const judge = ({ status, text }: { status: number; text: string }) => {
    if (isKeyRefused(status, text)) return `${name} refused the key (${status})`
    return status >= 500 ? `${name} answered ${status}` : null
  }
  return checkByGet({ vendor: name, apiKey, url: sent.url, headers, judge }, context)
}
