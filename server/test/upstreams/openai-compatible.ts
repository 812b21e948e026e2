// An emulator of engines that speak OpenAI's Images API in their own way: LocalAI, vLLM-Omni, and a bare one that
// ignores n and size and has no list of models. sd-server has a file of its own.

import { createFiles, type EngineFiles } from './engine/files.ts'
import { createOneJob } from './engine/one-job.ts'
import { sendAnswer } from './faults.ts'
import {
  createImages,
  type Surface,
  type SurfaceProfile,
  surfaceDirectives,
} from './openai-compatible/surface.ts'
import { json } from './sdapi/requests.ts'
import { type Exchange, startUpstream, type Upstream } from './upstream.ts'

export const openAiCompatibleDirectives = surfaceDirectives

export type EngineProfile = 'localai' | 'vllm-omni' | 'bare'

export type OpenAiCompatibleUpstreamOptions = {
  port?: number
  /** Empty = open to everybody. */
  apiKey?: string
  latencyMs?: number
  profile?: EngineProfile
  /** Jobs do not wait for each other. */
  isCrowd?: boolean
}

export const defaultOpenAiCompatibleKey = 'emulated-engine-key-0123456789'
export const localAiModel = 'stablediffusion'

const plain: SurfaceProfile = {
  obeysExtraArgs: false,
  splitsPipe: false,
  answersByUrl: false,
  needsModel: false,
  ignoresCount: false,
  ignoresSize: false,
  edits: true,
  usage: null,
  errors: 'object',
}
const zeros = { total_tokens: 0, input_tokens: 0, output_tokens: 0 }
const profiles: Record<EngineProfile, SurfaceProfile & { listsModels: boolean }> = {
  localai: {
    ...plain,
    splitsPipe: true,
    answersByUrl: true,
    needsModel: true,
    edits: false,
    usage: zeros,
    listsModels: true,
  },
  'vllm-omni': { ...plain, listsModels: true },
  bare: { ...plain, ignoresCount: true, ignoresSize: true, errors: 'string', listsModels: false },
}

/** Starts the emulator; the adapter's base URL is `${url}/v1`. */
export async function startOpenAiCompatibleUpstream(
  options: OpenAiCompatibleUpstreamOptions = {},
): Promise<Upstream> {
  const { profile: name = 'localai', apiKey = defaultOpenAiCompatibleKey, latencyMs = 0, port } = options
  const files = createFiles('/generated-images/')
  const profile = profiles[name]
  const engine = createOneJob(options.isCrowd)
  const surface: Surface = { profile, engine, latencyMs, publish: files.publish }
  const upstream: Upstream = await startUpstream({
    name: 'openai-compatible',
    ...(port === undefined ? {} : { port }),
    handle: exchange => handle(exchange, { surface, apiKey, files, listsModels: profile.listsModels }),
  })
  files.setOrigin(upstream.url)
  return upstream
}

type Settings = { surface: Surface; apiKey: string; files: EngineFiles; listsModels: boolean }

async function handle(exchange: Exchange, { surface, apiKey, files, listsModels }: Settings): Promise<void> {
  const { method, path, headers } = exchange.request
  // Pictures are open to whoever knows their name.
  if (method === 'GET' && files.has(path)) return files.serve(exchange)
  if (apiKey !== '' && headers.authorization !== `Bearer ${apiKey}`) {
    const error = {
      code: 401,
      message: `An authentication key is required, not ${headers.authorization}`,
      type: '',
    }
    return sendAnswer(exchange, json(401, { error }))
  }
  const route = `${method} ${path}`
  if (route === 'POST /v1/images/generations') return createImages(exchange, surface, false)
  if (route === 'POST /v1/images/edits' && surface.profile.edits) return createImages(exchange, surface, true)
  if (route === 'GET /v1/models' && listsModels) {
    return sendAnswer(exchange, json(200, { object: 'list', data: [{ id: localAiModel, object: 'model' }] }))
  }
  return sendAnswer(exchange, json(404, { error: { code: 404, message: 'Not Found', type: '' } }))
}
