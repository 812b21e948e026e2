// An emulator of Fireworks' image workflows, as the package @ai-sdk/fireworks speaks them: raw bytes at once, or for the
// Kontext models a task that is asked about by POST and whose picture lies at a URL.
// All behaviours are listed in `fireworksDirectives` and, for the transport, in faults.ts.
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

export const defaultFireworksKey = 'fw_emulatedkey0123456789abcdef'

export const fireworksDirectives: Record<string, string> = {
  ...commonDirectives,
  content_filtered: '200 with a black picture and the header finish-reason: CONTENT_FILTERED',
  half_picture: 'the first half of a picture, complete by its headers',
  words_for_picture: 'words under the type of a picture',
  moderated: 'task: ends as Content Moderated',
  failed: 'task: ends as Error',
  ready_without_picture: 'task: Ready without a picture',
  task_gone: 'task: 404 on every read',
  ...fileDirectives,
}

const syncModels = ['flux-1-schnell-fp8', 'flux-1-dev-fp8']
const taskModels = ['flux-kontext-pro', 'flux-kontext-max']
const prefix = '/inference/v1/workflows/accounts/fireworks/models/'

type Task = { directives: Directives; doneAtMs: number; reads: number; url: string }
type Settings = Required<Pick<LongTailOptions, 'apiKey' | 'latencyMs'>> &
  LongTailOptions & { files: FileHost; tasks: Map<string, Task> }

export type FireworksUpstream = Upstream & { files: FileHost }

/** Starts the emulator; the base URL is `${url}/inference/v1`. */
export async function startFireworksUpstream(options: LongTailOptions = {}): Promise<FireworksUpstream> {
  const files = await startFileHost({ name: 'fireworks', port: options.filesPort ?? 0 })
  const settings = { apiKey: defaultFireworksKey, latencyMs: 0, ...options, files, tasks: new Map() }
  const upstream = await startUpstream({
    name: 'fireworks',
    port: options.port ?? 0,
    handle: exchange => handle(exchange, settings),
  })
  const close = async () => void (await Promise.all([upstream.close(), files.close()]))
  return { ...upstream, files, close }
}

const refuse: Envelope = (status, message) =>
  jsonAnswer(status, { error: { object: 'error', type: 'invalid_request_error', message } })

async function handle(exchange: Exchange, settings: Settings): Promise<void> {
  const { request } = exchange
  const wrong = findWrongKey(exchange, settings.apiKey)
  if (wrong !== null) return sendAnswer(exchange, jsonAnswer(401, { error: `unauthorized: ${wrong}` }))
  if (!request.path.startsWith(prefix)) return sendAnswer(exchange, refuse(404, 'Path not found.'))
  if (request.method !== 'POST') return sendAnswer(exchange, refuse(405, 'Method not allowed.'))
  const [model = '', verb = ''] = request.path.slice(prefix.length).split('/')
  const isTask = taskModels.includes(model)
  if (!isTask && !syncModels.includes(model)) {
    return sendAnswer(exchange, refuse(404, `Model ${model} not found or not deployed.`))
  }
  if (isTask && verb === 'get_result') return readTask(exchange, settings)
  if (verb !== (isTask ? '' : 'text_to_image')) return sendAnswer(exchange, refuse(404, 'Path not found.'))
  const body = parseBody(exchange)
  if (body === null || typeof body.prompt !== 'string') {
    return sendAnswer(exchange, refuse(400, 'The body must be JSON with a prompt.'))
  }
  const directives = exchange.steer(body.prompt)
  exchange.note(body)
  await runWork(exchange, {
    latencyMs: settings.latencyMs,
    refusal: findCommonRefusal(directives, refuse, { apiKey: settings.apiKey, model }),
    answer: () => (isTask ? openTask(directives, body, settings) : answerBytes(directives, body, settings)),
    isTask,
  })
}

async function answerBytes(
  directives: Directives,
  body: Record<string, unknown>,
  settings: Settings,
): Promise<Answer> {
  const isFiltered = directives.has('content_filtered')
  const bytes = await makePicture(directives, isFiltered ? {} : body, settings)
  const headers = {
    'content-type': 'image/jpeg',
    seed: String(body.seed ?? 7),
    'finish-reason': isFiltered ? 'CONTENT_FILTERED' : 'SUCCESS',
  }
  return { status: 200, headers, body: [bytes] }
}

function openTask(directives: Directives, body: Record<string, unknown>, settings: Settings): Answer {
  const id = randomUUID()
  const url = settings.files.publish({
    name: 'sample.jpeg',
    mediaType: 'image/jpeg',
    make: () => makePicture(directives, body, settings),
    directives,
  })
  const workMs = readNumber(directives, 'slow', settings.latencyMs)
  settings.tasks.set(id, { directives, doneAtMs: performance.now() + workMs, reads: 0, url })
  return jsonAnswer(200, { request_id: id })
}

async function readTask(exchange: Exchange, { tasks }: Settings): Promise<void> {
  const id = String(parseBody(exchange)?.id)
  const task = tasks.get(id)
  if (task === undefined || task.directives.has('task_gone')) {
    return sendAnswer(exchange, refuse(404, 'Task not found.'))
  }
  task.reads += 1
  const { directives, reads: nth } = task
  await answerRead(exchange, { place: 'poll', directives, nth, answer: () => describeTask(id, task) })
}

function describeTask(id: string, { directives, doneAtMs, url }: Task): Answer {
  if (performance.now() < doneAtMs)
    return jsonAnswer(200, { id, status: 'Pending', result: null, progress: 0.4 })
  if (directives.has('moderated')) return jsonAnswer(200, { id, status: 'Content Moderated', result: null })
  if (directives.has('failed')) return jsonAnswer(200, { id, status: 'Error', result: null })
  const sample = directives.has('ready_without_picture') ? null : url
  return jsonAnswer(200, { id, status: 'Ready', result: { sample } })
}

function makePicture(
  directives: Directives,
  body: Record<string, unknown>,
  settings: Settings,
): Promise<Buffer> {
  const { aspect_ratio: aspectRatio = '1:1', prompt, seed } = body
  return draw(directives, {
    aspectRatio: String(aspectRatio),
    format: 'jpeg',
    seed: [prompt, seed],
    pictureSizeBytes: settings.pictureSizeBytes,
  })
}
