// Drives one attempt as the core would: submit, poll until the outcome is terminal or the deadline has come, download
// what lies at a URL. Upstream delays are scaled down, for what is tested is the order of things.
import { type OutboundClient, OutboundError, type OutboundResponse } from '../src/outbound.ts'
import {
  type CallContext,
  type FailureKind,
  ImageRejected,
  type Provider,
  type ProviderOutcome,
  type ProviderPending,
  type ProviderRequest,
  type ProviderSuccess,
  type ReceivedImage,
  type UpstreamTask,
} from '../src/providers/provider.ts'

export type Drive = {
  provider: Provider
  request: ProviderRequest
  context: CallContext
  /** The time limit of one poll or download. */
  readMs: number
  /** Resolves when a webhook was read for this task; absent = nobody listens for any. */
  untilNotice?(): Promise<void>
}

export type Driven = {
  outcome: ProviderOutcome
  polls: number
  /** The last handle that the provider gave. */
  task: UpstreamTask | null
}

/** Failures of a poll that say nothing about the task. */
const missedReads: FailureKind[] = ['unavailable', 'rate_limited', 'misconfigured']
/** An upstream's second is this many milliseconds here. */
const scaledSecondMs = 10
const maxPauseMs = 150
/** A task that is still open then will not end in a test. */
const maxPolls = 40
const maxTries = 4
const maxDoubtfulTries = 2
const maxOutputBytes = 80 * 1024 * 1024
const missedReadDelayMs = 2_000

/** The outcome is `pending` when the deadline came first. Outputs at a URL are downloaded. */
export async function driveProvider(drive: Drive): Promise<Driven> {
  const { provider, request, context } = drive
  const first = await provider.submit(request, context)
  const driven =
    first.kind === 'pending' ? await pollToEnd(drive, first) : { outcome: first, polls: 0, task: null }
  if (driven.outcome.kind !== 'succeeded') return driven
  const task = driven.outcome.task ?? driven.task
  return { ...driven, outcome: await downloadAll(drive, driven.outcome, task) }
}

async function pollToEnd(drive: Drive, first: ProviderPending): Promise<Driven> {
  const { provider, context } = drive
  let pending = first
  for (let polls = 0; ; polls += 1) {
    // It lies in the database between two polls.
    const task = JSON.parse(JSON.stringify(pending.task)) as UpstreamTask
    if (polls >= maxPolls || context.signal.aborted) return { outcome: pending, polls, task }
    await pauseBeforePoll(drive, pending.pollAfterMs)
    if (context.signal.aborted) return { outcome: pending, polls, task }
    if (provider.poll === undefined) throw new Error('A provider without poll left its work pending')
    const read = await provider.poll(task, limitRead(drive))
    if (read.kind === 'pending') pending = read
    else if (read.kind !== 'failed' || !missedReads.includes(read.failure))
      return { outcome: read, polls: polls + 1, task }
    else pending = { ...pending, pollAfterMs: read.retryAfterMs ?? missedReadDelayMs }
  }
}

/** Without webhooks after the scaled time; with them on a notice, or very late. */
async function pauseBeforePoll({ context, untilNotice }: Drive, delayMs: number): Promise<void> {
  const scaledMs = Math.min((delayMs / 1_000) * scaledSecondMs, maxPauseMs)
  let timer: NodeJS.Timeout | undefined
  let wake = () => {}
  const passed = new Promise<void>(resolve => {
    timer = setTimeout(resolve, untilNotice === undefined ? scaledMs : 1_000)
    wake = resolve
    context.signal.addEventListener('abort', wake)
  })
  await Promise.race(untilNotice === undefined ? [passed] : [passed, untilNotice()])
  clearTimeout(timer)
  context.signal.removeEventListener('abort', wake)
}

function limitRead({ context, readMs }: Drive): CallContext {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(readMs)])
  return { ...context, signal, timeoutMs: Math.min(readMs, context.timeoutMs) }
}

/** A success is one with pictures in storage; an output that cannot be had is left out. The core ends it so, too. */
async function downloadAll(
  drive: Drive,
  outcome: ProviderSuccess,
  task: UpstreamTask | null,
): Promise<ProviderOutcome> {
  const images: ProviderSuccess['images'] = []
  let isGone = false
  for (const [index, image] of outcome.images.entries()) {
    const received =
      image.kind === 'received' ? image.image : await download(drive, { url: image.url, index, task })
    if (received === 'gone') isGone = true
    else if (received !== null) images.push({ kind: 'received', image: received })
  }
  if (images.length > 0) return { ...outcome, images }
  const failure = isGone ? 'unknown_outcome' : 'malformed_response'
  return { kind: 'failed', failure, message: 'no output could be fetched', usage: outcome.usage }
}

type Wanted = { url: string; index: number; task: UpstreamTask | null }

async function download(drive: Drive, { url, index, task }: Wanted): Promise<ReceivedImage | 'gone' | null> {
  let address = url
  let hasReread = false
  for (let tries = 1; ; tries += 1) {
    const result = await tryDownload(drive, address)
    if (typeof result === 'object') return result
    if (result === 'gone' && !hasReread && task !== null) {
      hasReread = true
      address = (await findFreshUrl(drive, task, index)) ?? address
    }
    if (result === 'refused') return null
    if (tries >= (result === 'passing' ? maxTries : maxDoubtfulTries))
      return result === 'gone' ? result : null
  }
}

async function findFreshUrl(drive: Drive, task: UpstreamTask, index: number): Promise<string | null> {
  const again = await drive.provider.poll?.(task, limitRead(drive))
  const image = again?.kind === 'succeeded' ? again.images[index] : undefined
  return image?.kind === 'url' ? image.url : null
}

type Miss = 'gone' | 'passing' | 'doubtful' | 'refused'

async function tryDownload(drive: Drive, url: string): Promise<ReceivedImage | Miss> {
  const context = limitRead(drive)
  try {
    const answer = await (drive.provider.fetchOutput?.(url, context) ?? getPlainly(context, url))
    if (answer.status === 200) return await context.receiveImage(answer.body)
    await answer.discard()
    if ([403, 404, 410].includes(answer.status)) return 'gone'
    return answer.status >= 500 || answer.status === 429 ? 'passing' : 'doubtful'
  } catch (error) {
    if (error instanceof ImageRejected) return 'doubtful'
    if (!(error instanceof OutboundError)) throw error
    return error.code === 'blocked' ? 'refused' : 'passing'
  }
}

function getPlainly({ http, timeoutMs, signal }: CallContext, url: string): Promise<OutboundResponse> {
  const request: Parameters<OutboundClient['request']>[0] = {
    method: 'GET',
    url,
    trust: 'upstream',
    timeoutMs,
    maxBodyBytes: maxOutputBytes,
    signal,
  }
  return http.request(request)
}
