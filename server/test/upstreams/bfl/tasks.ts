// Tasks of the emulator of Black Forest Labs: what a create hands out, and what a read of one says.
import { randomUUID } from 'node:crypto'
import type { Answer } from '../faults.ts'
import type { FileHost } from '../files.ts'
import { makePicture } from '../pictures.ts'
import { type Directives, readNumber } from '../upstream.ts'
import type { Order } from './orders.ts'
import { jsonAnswer } from './refusals.ts'

export type BflTask = {
  id: string
  order: Order
  directives: Directives
  startedMs: number
  durationMs: number
  reads: number
  /** The picture's address, once it was told. */
  sample: string | null
}

type Telling = { origin: string; pollOrigin: string; files: FileHost; pictureSizeBytes: number | undefined }

export function createTask(
  order: Order,
  { directives, durationMs }: { directives: Directives; durationMs: number },
): BflTask {
  const startedMs = performance.now()
  return { id: randomUUID(), order, directives, startedMs, durationMs, reads: 0, sample: null }
}

/** Refused and failed tasks are not charged. */
export function isBilled({ directives }: BflTask): boolean {
  return !['moderation_input', 'moderation_output', 'failed'].some(name => directives.has(name))
}

export function countActive(tasks: Iterable<BflTask>): number {
  let active = 0
  for (const task of tasks) if (!isDone(task)) active += 1
  return active
}

/** What a create answers. */
export function describeReceipt(task: BflTask, { origin, pollOrigin }: Telling): Answer {
  const { id, order, directives } = task
  const host = directives.has('same_host') ? origin : pollOrigin
  const address = directives.get('poll_url') ?? `${host}/v1/get_result?id=${id}`
  return jsonAnswer(200, {
    ...(directives.has('no_id') ? {} : { id }),
    ...(directives.has('no_polling_url') ? {} : { polling_url: address }),
    ...(directives.has('no_cost') ? {} : { cost: order.cost }),
    input_mp: order.inputMp,
    output_mp: order.outputMp,
  })
}

/** What a read answers; directives with a number hold for the first reads. */
export function describeTask(task: BflTask, telling: Telling): Answer {
  const { directives, id, reads } = task
  const isEarly = (name: string, fallback = Number.POSITIVE_INFINITY) =>
    directives.has(name) && reads <= readNumber(directives, name, fallback)
  const status = readNumber(directives, 'poll_status', 200)
  if (status !== 200 && reads === 1) return jsonAnswer(status, { detail: 'No.' })
  const absent = { id, status: 'Task not found', result: null }
  if (isEarly('not_found')) return jsonAnswer(200, absent)
  if (isEarly('not_found_404')) return jsonAnswer(404, absent)
  if (isEarly('new_state', 1)) return tell(task, 'Warming up')
  if (directives.has('moderation_input')) return tell(task, 'Request Moderated')
  if (!isDone(task)) return tell(task, 'Pending')
  if (directives.has('moderation_output')) return tell(task, 'Content Moderated')
  if (directives.has('failed')) return tell(task, directives.get('failed') || 'Error')
  if (isEarly('ready_null')) return tell(task, 'Ready')
  return tell(task, 'Ready', describeResult(task, telling))
}

function isDone({ startedMs, durationMs }: BflTask): boolean {
  return performance.now() >= startedMs + durationMs
}

function tell({ id, directives }: BflTask, status: string, result: object | null = null): Answer {
  const reasons = (directives.get('reasons') || 'Derivative Works Filter').split('+')
  const isModerated = status.endsWith('Moderated') && directives.get('reasons') !== 'none'
  return jsonAnswer(200, {
    id,
    status,
    result,
    progress: directives.has('progress') ? 0.5 : null,
    details: isModerated ? { 'Moderation Reasons': reasons } : null,
    preview: null,
  })
}

/** The answer repeats the prompt beside the address. */
function describeResult(task: BflTask, { files, pictureSizeBytes }: Telling): object {
  const { order, directives } = task
  task.sample ??= files.publish({
    name: `sample.${order.format}`,
    mediaType: `image/${order.format}`,
    make: () => draw(task, pictureSizeBytes),
    directives,
  })
  const said = { prompt: order.prompt, seed: order.seed, start_time: 1, end_time: 2, duration: 1 }
  return directives.has('no_sample') ? said : { sample: task.sample, ...said }
}

function draw({ order, directives }: BflTask, sizeBytes: number | undefined): Promise<Buffer> {
  const small = directives.has('tiny_picture') ? 1 : directives.has('other_size') ? 512 : null
  const other = order.format === 'png' ? 'jpeg' : 'png'
  return makePicture({
    width: small ?? order.width,
    height: small ?? order.height,
    format: directives.has('wrong_type') ? other : order.format,
    seed: `${order.model}:${order.prompt}:${order.seed}`,
    ...(sizeBytes === undefined || small !== null ? {} : { sizeBytes }),
  })
}
