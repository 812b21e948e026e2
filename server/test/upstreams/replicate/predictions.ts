// Predictions of the emulated vendor: they live by the clock from their creation on, publish real pictures when they
// are done, and lose them after an hour.
import { randomBytes } from 'node:crypto'
import type { FileHost } from '../files.ts'
import { makePicture, type PictureFormat } from '../pictures.ts'
import { type Directives, readNumber } from '../upstream.ts'
import type { Inputs } from './inputs.ts'
import { type EmulatedModel, findPixels } from './models.ts'
import { findSentence } from './refusals.ts'

export type Prediction = {
  id: string
  model: EmulatedModel
  /** As given, and with the defaults filled in. */
  input: Inputs
  filled: Inputs
  directives: Directives
  createdAtMs: number
  /** From creation to the end. */
  durationMs: number
  /** When the vendor cancels it by itself, from creation on. */
  cancelAfterMs: number | null
  canceledAtMs: number | null
  webhook: { url: string; events: string[] } | null
  /** What it has published, once it was done. */
  output: unknown
  polls: number
}

export type World = {
  files: FileHost
  /** Origin with the version. */
  api: string
  removesAfterMs: number
  pictureSizeBytes: number | undefined
}

export type Status = 'starting' | 'processing' | 'succeeded' | 'failed' | 'canceled' | 'aborted'

/** Letters and digits as the vendor's ids have them. */
export function makeId(): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'
  return [...randomBytes(26)].map(byte => letters[byte % letters.length]).join('')
}

export function isEnded(status: Status): boolean {
  return status !== 'starting' && status !== 'processing'
}

/** Where it stands now. */
export function statusOf(prediction: Prediction): Status {
  const { directives, durationMs, cancelAfterMs, canceledAtMs } = prediction
  const elapsedMs = performance.now() - prediction.createdAtMs
  if (canceledAtMs !== null) return 'canceled'
  if (cancelAfterMs !== null && cancelAfterMs < durationMs && elapsedMs >= cancelAfterMs) return 'canceled'
  for (const word of ['canceled', 'aborted'] as const) {
    if (directives.has(word) && elapsedMs >= durationMs / 2) return word
  }
  if (elapsedMs >= durationMs) return findSentence(directives) === null ? 'succeeded' : 'failed'
  return elapsedMs < durationMs / 3 ? 'starting' : 'processing'
}

/** As the API tells it now. */
export function present(
  world: World,
  prediction: Prediction,
  status = statusOf(prediction),
): Record<string, unknown> {
  const { id, model, directives } = prediction
  const isRemoved =
    directives.has('data_removed') ||
    performance.now() - prediction.createdAtMs > prediction.durationMs + world.removesAfterMs
  const isDone = status === 'succeeded'
  const hasOutput = isDone || (directives.has('early_output') && status === 'processing')
  if (hasOutput && prediction.output === null) prediction.output = publish(world, prediction)
  const removed = isDone && isRemoved
  const seconds = prediction.durationMs / 1000
  return {
    id,
    model: model.name,
    version: model.isOfficial ? 'hidden' : model.version,
    input: removed ? {} : prediction.input,
    logs: removed ? '' : writeLogs(prediction, status),
    output: hasOutput && !removed ? prediction.output : null,
    error: status === 'failed' ? findSentence(directives) || null : null,
    status: directives.has('strange_status') && !isEnded(status) ? 'queued_elsewhere' : status,
    created_at: timeOf(prediction.createdAtMs),
    started_at: status === 'starting' ? null : timeOf(prediction.createdAtMs + prediction.durationMs / 3),
    completed_at: isEnded(status) ? timeOf(prediction.createdAtMs + prediction.durationMs) : null,
    data_removed: removed,
    source: 'api',
    ...(isEnded(status) ? { metrics: { predict_time: seconds, total_time: seconds * 1.2 } } : {}),
    urls: {
      get: `${world.api}/predictions/${id}`,
      cancel: `${world.api}/predictions/${id}/cancel`,
      stream: `${world.api}/stream/${id}`,
      web: `https://replicate.com/p/${id}`,
    },
  }
}

function timeOf(atMs: number): string {
  return new Date(performance.timeOrigin + atMs).toISOString().replace('Z', '994Z')
}

function writeLogs({ filled, directives, model }: Prediction, status: Status): string {
  if (status === 'starting') return ''
  const lines = model.fields.seed ? [`Using seed: ${filled.seed ?? 38291}`] : []
  lines.push(status === 'processing' ? ' 46%|####6     | 23/50' : '100%|##########| 50/50')
  if (isEnded(status) && directives.has('fewer')) lines.push('NSFW content detected in image 2')
  return `${lines.join('\n')}\n`
}

/** How many pictures come out. */
function countPictures({ filled, directives }: Prediction): number {
  const isSequence = filled.sequential_image_generation === 'auto'
  const asked = Number(isSequence ? filled.max_images : (filled.num_outputs ?? 1))
  return readNumber(directives, 'more', Math.min(asked, readNumber(directives, 'fewer', asked)))
}

function publish(world: World, prediction: Prediction): unknown {
  const { model, directives } = prediction
  if (directives.has('output_null')) return null
  if (directives.has('output_number')) return 42
  if (directives.has('output_empty')) return []
  if (directives.has('output_words')) return 'a small red boat'
  const urls = Array.from({ length: countPictures(prediction) }, (_, index) =>
    publishOne(world, prediction, index),
  )
  if (directives.has('output_nested')) return [urls]
  const form = directives.has('output_other_form')
    ? model.output === 'array'
      ? 'string'
      : 'array'
    : model.output
  return form === 'array' ? urls : urls[0]
}

const pictureFormats: Record<string, PictureFormat> = { png: 'png', jpg: 'jpeg', jpeg: 'jpeg', webp: 'webp' }

function publishOne(world: World, prediction: Prediction, index: number): string {
  const { model, filled, directives } = prediction
  const small = directives.has('tiny_picture') ? 1 : directives.has('other_size') ? 512 : null
  const pixels = small === null ? findPixels(model, filled) : { width: small, height: small }
  const ending = String(filled.output_format ?? model.format)
  const format = pictureFormats[ending] ?? 'png'
  const { pictureSizeBytes: sizeBytes } = world
  const spec = {
    ...pixels,
    format,
    seed: `${model.name}:${String(filled.prompt)}:${String(filled.seed ?? '')}:${index}`,
    ...(sizeBytes === undefined || small !== null ? {} : { sizeBytes }),
  }
  // One short line of base64: the smallest png there is.
  if (directives.has('output_data_url')) return `data:image/png;base64,${smallestPng}`
  return world.files.publish({
    name: model.output === 'array' ? `out-${index}.${ending}` : `tmp${makeId().slice(0, 8)}.${ending}`,
    mediaType: `image/${format}`,
    make: () => makePicture(spec),
    directives,
  })
}

const smallestPng =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
