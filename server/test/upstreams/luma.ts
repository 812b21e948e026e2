// An emulator of Luma's image API, as the package @ai-sdk/luma speaks it: a task that is read until it ends, its picture
// at a URL. All behaviours are listed in `lumaDirectives` and, for the transport, in faults.ts.
import { randomUUID } from 'node:crypto'
import {
  commonDirectives,
  draw,
  type Envelope,
  findCommonRefusal,
  findWrongKey,
  jsonAnswer,
  type LongTailOptions,
  parseBody,
} from './ai-sdk/long-tail.ts'
import { type Answer, answerRead, runWork, sendAnswer } from './faults.ts'
import { type FileHost, fileDirectives, startFileHost } from './files.ts'
import { type Directives, type Exchange, readNumber, startUpstream, type Upstream } from './upstream.ts'

export const defaultLumaKey = 'luma-emulated-key-0123456789abcdef'

export const lumaDirectives: Record<string, string> = {
  ...commonDirectives,
  moderation_output: 'the task fails with a reason that names moderation',
  failed: 'the task fails for another reason',
  completed_without_picture: 'the task completes without an address',
  task_gone: '404 on every read of the task',
  half_picture: 'the first half of a picture, complete by its headers',
  words_for_picture: 'words under the type of a picture',
  ...fileDirectives,
}

const models = ['photon-1', 'photon-flash-1']
const ratios = ['1:1', '16:9', '9:16', '4:3', '3:4', '21:9', '9:21']
const base = '/dream-machine/v1/generations'

type Order = { model: string; prompt: string; aspectRatio: string }
type Task = {
  order: Order
  directives: Directives
  bornAtMs: number
  doneAtMs: number
  reads: number
  url: string
}
type Settings = Required<Pick<LongTailOptions, 'apiKey' | 'latencyMs'>> &
  LongTailOptions & { files: FileHost; tasks: Map<string, Task> }

export type LumaUpstream = Upstream & { files: FileHost }

/** Starts the emulator; the base URL is its `url`. */
export async function startLumaUpstream(options: LongTailOptions = {}): Promise<LumaUpstream> {
  const files = await startFileHost({ name: 'luma', port: options.filesPort ?? 0 })
  const settings = { apiKey: defaultLumaKey, latencyMs: 0, ...options, files, tasks: new Map() }
  const upstream = await startUpstream({
    name: 'luma',
    port: options.port ?? 0,
    handle: exchange => handle(exchange, settings),
  })
  const close = async () => void (await Promise.all([upstream.close(), files.close()]))
  return { ...upstream, files, close }
}

const refuse: Envelope = (status, message) => jsonAnswer(status, { detail: message })

async function handle(exchange: Exchange, settings: Settings): Promise<void> {
  const { request } = exchange
  const wrong = findWrongKey(exchange, settings.apiKey)
  if (wrong !== null) return sendAnswer(exchange, refuse(401, `Not authenticated: ${wrong}`))
  if (request.method === 'GET' && request.path.startsWith(`${base}/`)) {
    return readTask(exchange, request.path.slice(base.length + 1), settings)
  }
  if (`${request.method} ${request.path}` !== `POST ${base}/image`) {
    return sendAnswer(exchange, refuse(404, 'Not Found'))
  }
  const body = parseBody(exchange)
  if (body === null || typeof body.prompt !== 'string') {
    return sendAnswer(exchange, refuse(400, 'Prompt is required.'))
  }
  const directives = exchange.steer(body.prompt)
  const { model, prompt, aspect_ratio: aspectRatio = '16:9' } = body
  if (!ratios.some(ratio => ratio === aspectRatio))
    return sendAnswer(exchange, refuseField('aspect_ratio', aspectRatio))
  if (!models.some(known => known === model)) return sendAnswer(exchange, refuseField('model', model))
  const order = { model: String(model), prompt, aspectRatio: String(aspectRatio) }
  exchange.note(order)
  await runWork(exchange, {
    latencyMs: settings.latencyMs,
    refusal: findCommonRefusal(directives, refuse, { apiKey: settings.apiKey, model: order.model }),
    answer: () => openTask(order, directives, settings),
    isTask: true,
  })
}

/** The envelope of a validation that failed. */
function refuseField(field: string, input: unknown): Answer {
  const msg = `Input should be one of the supported values`
  return jsonAnswer(422, {
    detail: [{ type: 'literal_error', loc: ['body', field], msg, input: String(input) }],
  })
}

function openTask(order: Order, directives: Directives, settings: Settings): Answer {
  const id = randomUUID()
  const url = settings.files.publish({
    name: 'image.jpg',
    mediaType: 'image/jpeg',
    make: () =>
      draw(directives, {
        aspectRatio: order.aspectRatio,
        format: 'jpeg',
        seed: order,
        pictureSizeBytes: settings.pictureSizeBytes,
      }),
    directives,
  })
  const bornAtMs = performance.now()
  const doneAtMs = bornAtMs + readNumber(directives, 'slow', settings.latencyMs)
  const task = { order, directives, bornAtMs, doneAtMs, reads: 0, url }
  settings.tasks.set(id, task)
  return jsonAnswer(201, describeTask(id, task, 'queued'))
}

async function readTask(exchange: Exchange, id: string, { tasks }: Settings): Promise<void> {
  const task = tasks.get(id)
  if (task === undefined || task.directives.has('task_gone')) {
    return sendAnswer(exchange, refuse(404, 'Generation not found'))
  }
  task.reads += 1
  const { directives, reads: nth } = task
  const state = performance.now() < task.doneAtMs ? 'dreaming' : findEnd(directives)
  const answer = () => jsonAnswer(200, describeTask(id, task, state))
  await answerRead(exchange, { place: 'poll', directives, nth, answer })
}

function findEnd(directives: Directives): 'completed' | 'failed' {
  return directives.has('failed') || directives.has('moderation_output') ? 'failed' : 'completed'
}

/** The vendor repeats the order, prompt included. */
function describeTask(id: string, { order, directives, url }: Task, state: string): Record<string, unknown> {
  const reason = directives.has('moderation_output') ? 'Frames failed content moderation.' : 'Internal error.'
  const hasPicture = state === 'completed' && !directives.has('completed_without_picture')
  return {
    id,
    generation_type: 'image',
    state,
    failure_reason: state === 'failed' ? reason : null,
    created_at: new Date().toISOString(),
    assets: hasPicture ? { image: url } : null,
    model: order.model,
    request: {
      generation_type: 'image',
      model: order.model,
      prompt: order.prompt,
      aspect_ratio: order.aspectRatio,
    },
  }
}
