// The jobs of the emulated fal: their way through the queue, their results, and what is read of them.
import { randomUUID } from 'node:crypto'
import type { Answer } from '../faults.ts'
import type { FileHost } from '../files.ts'
import { makePicture } from '../pictures.ts'
import { type Directives, readNumber } from '../upstream.ts'
import { findResultError, jsonAnswer, say } from './errors.ts'
import type { FalOrder } from './submit.ts'

export type FalJob = {
  id: string
  order: FalOrder
  directives: Directives
  /** Where its addresses begin: owner and alias of the model, not its whole path. */
  base: string
  startedMs: number
  durationMs: number
  /** Answered looks at the status, and at the result. */
  looks: number
  resultLooks: number
  /** Requests of both kinds, for faults of the transport. */
  reads: number
  isCanceled: boolean
  /** Made once: every read of the result tells the same addresses. */
  result: Promise<unknown> | null
}

export type JobState = 'IN_QUEUE' | 'IN_PROGRESS' | 'COMPLETED'

export function createJob(
  order: FalOrder,
  { directives, origin, durationMs }: { directives: Directives; origin: string; durationMs: number },
): FalJob {
  const id = randomUUID()
  const [owner, alias] = order.model.path.split('/')
  return {
    id,
    order,
    directives,
    base: `${origin}/${owner}/${alias}/requests/${id}`,
    startedMs: performance.now(),
    durationMs,
    looks: 0,
    resultLooks: 0,
    reads: 0,
    isCanceled: directives.has('canceled_elsewhere'),
    result: null,
  }
}

export function describeReceipt(job: FalJob): Answer {
  const { directives, id } = job
  const base = directives.has('foreign_urls') ? `https://evil.example/requests/${id}` : job.base
  const urls = { response_url: base, status_url: `${base}/status`, cancel_url: `${base}/cancel` }
  const place = readNumber(directives, 'queue', 0)
  return jsonAnswer(200, {
    status: 'IN_QUEUE',
    ...(directives.has('no_id') ? {} : { request_id: id, gateway_request_id: id }),
    ...(directives.has('no_urls') ? {} : urls),
    queue_position: Math.max(0, place - 1),
  })
}

/** By looks where a directive counts them, else by time: the first third in the queue. */
export function findState(job: FalJob): JobState {
  if (job.isCanceled) return 'COMPLETED'
  const queued = readNumber(job.directives, 'queue', 0)
  const steps = readNumber(job.directives, 'steps', 0)
  if (job.looks < queued) return 'IN_QUEUE'
  if (job.looks < queued + steps) return 'IN_PROGRESS'
  const passedMs = performance.now() - job.startedMs
  if (passedMs >= job.durationMs) return 'COMPLETED'
  return passedMs < job.durationMs / 3 ? 'IN_QUEUE' : 'IN_PROGRESS'
}

export function describeStatus(job: FalJob, withLogs: boolean): Answer {
  const { directives, base, id } = job
  if (directives.has('forgotten')) return say(404, 'Request not found.')
  const state = findState(job)
  const place = Math.max(0, readNumber(directives, 'queue', 0) - job.looks - 1)
  job.looks += 1
  const word = job.looks === 1 ? directives.get('state') : undefined
  const code = job.looks === 1 ? directives.get('poll_status') : undefined
  if (code !== undefined) return say(Number(code), 'Try again.')
  return jsonAnswer(state === 'COMPLETED' ? 200 : 202, {
    status: word ?? state,
    request_id: id,
    response_url: base,
    status_url: `${base}/status`,
    cancel_url: `${base}/cancel`,
    ...(state === 'IN_QUEUE' ? { queue_position: place } : {}),
    ...(withLogs ? { logs: [] } : {}),
    ...(state === 'COMPLETED' ? { metrics: { inference_time: job.durationMs / 1000 } } : {}),
  })
}

/** Whether the job ends with pictures, which fal bills. */
export function isBilled({ directives, order }: FalJob): boolean {
  return !directives.has('canceled_elsewhere') && findResultError(directives, order.prompt) === null
}

export async function describeResult(job: FalJob, files: FileHost): Promise<Answer> {
  const { directives, order } = job
  job.resultLooks += 1
  const isEarly = job.resultLooks <= readNumber(directives, 'early_result', 0)
  if (findState(job) !== 'COMPLETED' || isEarly) return say(400, 'Request is still in progress')
  if (job.isCanceled) return say(499, 'Request was cancelled')
  const error = findResultError(directives, order.prompt)
  if (error !== null) return error
  if (job.resultLooks <= readNumber(directives, 'odd_result', 0)) return jsonAnswer(200, { status: 'ok' })
  job.result ??= buildResult(job, files)
  return jsonAnswer(200, await job.result, { 'x-fal-request-id': job.id })
}

async function buildResult({ order, directives, durationMs }: FalJob, files: FileHost): Promise<unknown> {
  const count = readNumber(directives, 'fewer', order.count)
  const flags = Array.from({ length: count }, (_, index) => isFlagged(directives, index))
  const images = await Promise.all(
    flags.map((flagged, index) => buildImage({ order, directives, files, index, flagged })),
  )
  const shown = directives.has('null_images') ? null : directives.has('empty_images') ? [] : images
  return {
    ...(directives.has('no_images') ? {} : { images: shown }),
    timings: { inference: durationMs / 1000 },
    ...(order.seed === null ? {} : { seed: order.seed }),
    has_nsfw_concepts: flags,
    prompt: order.prompt,
  }
}

function isFlagged(directives: Directives, index: number): boolean {
  const listed = directives.get('nsfw')
  return listed !== undefined && (listed === '' || listed.split('+').includes(String(index + 1)))
}

type Image = { order: FalOrder; directives: Directives; files: FileHost; index: number; flagged: boolean }

async function buildImage({ order, directives, files, index, flagged }: Image): Promise<unknown> {
  const { width, height } = directives.has('other_size') ? { width: 64, height: 64 } : order
  const { format } = order
  const seed = flagged
    ? 'black'
    : JSON.stringify([order.prompt, order.seed, order.references, order.model.path, index])
  const make = () => makePicture({ width, height, format, seed })
  const mediaType = `image/${format}`
  const name = `${index}.${format}`
  const data = directives.has('data_url') || directives.has('half_data_url') ? await make() : null
  const text = data === null ? '' : `data:${mediaType};base64,${data.toString('base64')}`
  const cut = directives.has('half_data_url') ? text.slice(0, Math.floor(text.length / 8) * 4 + 1) : text
  const url = data === null ? files.publish({ name, mediaType, make, directives }) : cut
  return {
    ...(directives.has('no_url') ? {} : { url }),
    width,
    height,
    content_type: mediaType,
    file_name: name,
    file_size: null,
  }
}
