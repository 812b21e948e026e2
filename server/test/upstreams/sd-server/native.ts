// The native surface of sd-server: jobs that are queued, polled and canceled. They live in memory: a restart loses
// them, and so does time after their end.

import type { OneJob } from '../engine/one-job.ts'
import { makeEnginePicture, spoilBase64 } from '../engine/pictures.ts'
import { type Answer, answerRead, type Refusal, runWork, sendAnswer } from '../faults.ts'
import type { PictureFormat } from '../pictures.ts'
import { json, parseObject, readImages } from '../sdapi/requests.ts'
import { type Directives, type Exchange, readNumber } from '../upstream.ts'

export const nativeDirectives: Record<string, string> = {
  queue_full: '429 job queue is full',
  bad_request: '400 with a bare string',
  job_failed: 'the job fails in the end',
  job_cancelled: 'somebody else cancels the job',
  restart: 'the engine restarts when the job is asked for: 404 job not found',
  'restart=N': 'the same at the Nth read',
  'expires=MS': '410 job expired MS milliseconds after the end (default 600 s)',
  no_result: 'completed without a result',
  null_images: 'completed with images: null',
  'fewer=N': 'only N pictures',
  half_json: 'the answer ends in the middle, cleanly',
  half_base64: 'base64 cut in half, inside a quad',
  base64_text: 'base64 of words',
  truncated_picture: 'the first half of a picture, as good base64',
}

type Status = 'queued' | 'generating' | 'completed' | 'failed' | 'cancelled'

type NativeJob = {
  id: string
  order: NativeOrder
  directives: Directives
  status: Status
  reads: number
  created: number
  endedAt: number | null
  pictures: Buffer[]
}

type NativeOrder = {
  prompt: string
  negativePrompt: string
  width: number
  height: number
  seed: number
  count: number
  steps: number
  format: PictureFormat
  images: Buffer[]
  mask: Buffer | null
  /** The engine writes settings into the picture unless told not to. */
  embeds: boolean
}

export type Native = {
  create(exchange: Exchange): Promise<void>
  read(exchange: Exchange, id: string): Promise<void>
  cancel(exchange: Exchange, id: string): Promise<void>
}

const defaultExpiryMs = 600_000
const maxQueue = 64
const maxJobs = 1_000

export function createNative({ engine, latencyMs }: { engine: OneJob; latencyMs: number }): Native {
  const jobs = new Map<string, NativeJob>()
  let count = 0

  /** The work behind the answer; it goes on when the client has gone. */
  async function work(exchange: Exchange, job: NativeJob): Promise<void> {
    const durationMs = readNumber(job.directives, 'slow', latencyMs)
    await engine.run(job.id, async () => {
      if (job.status === 'cancelled') return
      job.status = 'generating'
      await exchange.wait(durationMs)
      if (job.directives.has('job_failed') || job.directives.has('job_cancelled')) {
        job.status = job.directives.has('job_failed') ? 'failed' : 'cancelled'
      } else {
        job.pictures = await drawAll(job)
        job.status = 'completed'
      }
      job.endedAt = performance.now()
    })
  }

  return {
    async create(exchange) {
      const read = await readOrder(exchange)
      if ('answer' in read) return sendAnswer(exchange, read.answer)
      const { order } = read
      const directives = exchange.steer(order.prompt)
      exchange.note({ ...order, images: order.images.length, mask: order.mask !== null, sent: read.sent })
      count += 1
      const id = `job_${count.toString(16).padStart(8, '0')}`
      const created = Math.floor((performance.timeOrigin + performance.now()) / 1000)
      const kept = { reads: 0, created, endedAt: null, pictures: [] }
      const job: NativeJob = { id, order, directives, status: 'queued', ...kept }
      const refusal = findRefusal(directives, engine.waiting())
      const isAccepted = refusal === null && directives.get('when') !== 'before'
      if (isAccepted) {
        jobs.set(id, job)
        const [oldest = ''] = jobs.keys()
        if (jobs.size > maxJobs) jobs.delete(oldest)
        work(exchange, job).catch(() => undefined)
      }
      const poll_url = `/sdcpp/v1/jobs/${id}`
      await runWork(exchange, {
        latencyMs: 0,
        isTask: true,
        refusal,
        answer: () => json(202, { id, kind: 'img_gen', status: 'queued', created, poll_url }),
      })
    },
    async read(exchange, id) {
      const job = jobs.get(id)
      if (job !== undefined) job.reads += 1
      const directives = job?.directives ?? new Map<string, string>()
      const nth = job?.reads ?? 1
      await answerRead(exchange, { place: 'poll', directives, nth, answer: () => tell(jobs, job, engine) })
    },
    async cancel(exchange, id) {
      const job = jobs.get(id)
      if (job === undefined) return sendAnswer(exchange, json(404, { error: 'job not found' }))
      if (job.status !== 'queued') return sendAnswer(exchange, json(409, { error: 'job is not cancellable' }))
      job.status = 'cancelled'
      job.endedAt = performance.now()
      return sendAnswer(exchange, json(200, { id, status: 'cancelled' }))
    },
  }
}

function tell(jobs: Map<string, NativeJob>, job: NativeJob | undefined, engine: OneJob): Answer {
  if (job === undefined) return json(404, { error: 'job not found' })
  const { directives, status } = job
  if (directives.has('restart') && job.reads >= readNumber(directives, 'restart', 1)) {
    jobs.clear()
    return json(404, { error: 'job not found' })
  }
  const expiryMs = readNumber(directives, 'expires', defaultExpiryMs)
  if (job.endedAt !== null && performance.now() - job.endedAt > expiryMs) {
    return json(410, { error: 'job expired' })
  }
  const head = {
    id: job.id,
    kind: 'img_gen',
    status,
    created: job.created,
    queue_position: status === 'queued' ? engine.waiting() : 0,
    error: status === 'failed' ? { code: 'generation_failed', message: 'out of memory' } : null,
  }
  if (status !== 'completed' || directives.has('no_result')) return json(200, { ...head, result: null })
  if (directives.has('null_images')) return json(200, { ...head, result: { images: null } })
  const body: (Buffer | string)[] = [
    `${JSON.stringify(head).slice(0, -1)},"result":{"output_format":"${job.order.format}","images":[`,
  ]
  for (const [index, picture] of job.pictures.entries()) {
    body.push(`${index > 0 ? ',' : ''}{"index":${index},"b64_json":"`, spoilBase64(picture, directives), '"}')
  }
  if (!directives.has('half_json')) body.push(']}}')
  return { status: 200, headers: { 'content-type': 'application/json' }, body }
}

function drawAll({ order, directives }: NativeJob): Promise<Buffer[]> {
  const { prompt, negativePrompt, steps, width, height, format, images } = order
  const count = Math.min(order.count, readNumber(directives, 'fewer', order.count))
  const settings = `${prompt}\nNegative prompt: ${negativePrompt}\nSteps: ${steps}`
  const seeds = Array.from({ length: count }, (_, index) => order.seed + index)
  return Promise.all(
    seeds.map(seed =>
      makeEnginePicture({
        ...{ width, height, format },
        seed: `${prompt}:${negativePrompt}:${seed}:${steps}:${images.map(image => image.length).join()}`,
        metadata: order.embeds ? { parameters: settings } : {},
      }),
    ),
  )
}

type Read = { order: NativeOrder; sent: Record<string, unknown> } | { answer: Answer }

async function readOrder({ request }: Exchange): Promise<Read> {
  const sent = parseObject(request)
  if (sent === null) return { answer: json(400, { error: 'invalid json' }) }
  if (typeof sent.prompt !== 'string') return { answer: json(400, { error: 'prompt required' }) }
  const { width = 512, height = 512, batch_count: count = 1, seed = -1 } = sent
  const numbers = [width, height, count, seed]
  if (!numbers.every(Number.isInteger)) return { answer: json(400, { error: 'width must be an integer' }) }
  const references = Array.isArray(sent.ref_images) ? sent.ref_images : []
  const given = [...(sent.init_image ? [sent.init_image] : []), ...references]
  const images = await readImages(given)
  const masks = await readImages(sent.mask_image ? [sent.mask_image] : [])
  if (images === null || masks === null) return { answer: json(400, { error: 'invalid image' }) }
  const params = (sent.sample_params ?? {}) as Record<string, unknown>
  return {
    sent,
    order: {
      prompt: sent.prompt,
      negativePrompt: String(sent.negative_prompt ?? ''),
      width: Number(width),
      height: Number(height),
      seed: Number(seed) < 0 ? Math.floor(Math.random() * 2 ** 31) : Number(seed),
      count: Number(count),
      steps: Number(params.sample_steps ?? 20),
      format: sent.output_format === 'jpeg' || sent.output_format === 'webp' ? sent.output_format : 'png',
      images,
      mask: masks[0] ?? null,
      embeds: sent.embed_image_metadata !== false,
    },
  }
}

function findRefusal(directives: Directives, waiting: number): Refusal | null {
  if (directives.has('queue_full') || waiting >= maxQueue) {
    return { answer: json(429, { error: 'job queue is full' }), late: false }
  }
  if (directives.has('bad_request')) return { answer: json(400, { error: 'width must be > 0' }), late: false }
  return null
}
