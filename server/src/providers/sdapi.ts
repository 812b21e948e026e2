// The adapter of engines behind A1111's interface: AUTOMATIC1111, Forge, SD.Next, KoboldCpp, sd-server. A create is
// sent once. There is no cancel: the engine's interrupt ends whatever it draws, which may be somebody else's order.
import type { OutboundResponse } from '../outbound.ts'
import { conclude, MAX_PICTURE_TEXT_BYTES, type PicturesRead, readPictures } from './engine-answer.ts'
import { authorizeBasic, scrubBasicCheck, scrubBasicOutcome } from './engine-auth.ts'
import { classifyErrorAnswer, describeError } from './engine-failures.ts'
import {
  checkByGet,
  classifyBrokenAnswer,
  classifyLostCreate,
  isRecord,
  limitCall,
  parseJsonOrNull,
  readErrorText,
  textOrNull,
} from './hosted-call.ts'
import type {
  CallContext,
  Provider,
  ProviderFailure,
  ProviderOutcome,
  ProviderRequest,
  ReceivedImage,
} from './provider.ts'
import { watchPreviews } from './sdapi/previews.ts'
import { buildCall, LOADED_MODEL, type SdapiCall, UnusableRequest } from './sdapi/request.ts'

export type SdapiOptions = {
  /** As routes of the catalogue spell it; several engines are several providers. */
  name?: string
  /** Without `/sdapi/v1`. */
  baseUrl: string
  /** `user:password`; empty for an engine without. */
  apiKey?: string
}

const VENDOR = 'sdapi'
/** `parameters` repeats the order and `info` describes it; pictures that came with it may be repeated too. */
const MAX_ENVELOPE_BYTES = 2 * 1024 * 1024

/** Creates the provider `sdapi`, or one of another name for a further engine. */
export function createSdapiProvider({ name = VENDOR, baseUrl, apiKey = '' }: SdapiOptions): Provider {
  const engine: Engine = { baseUrl: baseUrl.replace(/\/+$/, ''), headers: authorizeBasic(apiKey) }
  return {
    name,
    idempotentCreates: false,
    submit: async (request, context) => scrubBasicOutcome(await submit(engine, request, context), apiKey),
    check: context => {
      const url = `${engine.baseUrl}/sdapi/v1/sd-models`
      const call = { vendor: VENDOR, apiKey, url, headers: engine.headers, judge: judgeCheck }
      return scrubBasicCheck(checkByGet(call, context), apiKey)
    },
  }
}

type Engine = { baseUrl: string; headers: Record<string, string> }

async function submit(
  engine: Engine,
  request: ProviderRequest,
  context: CallContext,
): Promise<ProviderOutcome> {
  // A name of letters and digits: the engine shows it in its own interface.
  const taskId = `darkroom(${context.attemptId.replaceAll(/[^\w-]/g, '-')})`
  let call: SdapiCall
  try {
    call = await buildCall(request, taskId)
  } catch (error) {
    if (!(error instanceof UnusableRequest)) throw error
    return { kind: 'failed', failure: 'invalid_request', message: error.message, field: error.field }
  }
  const ended = new AbortController()
  const watch = { ...engine, taskId, count: request.partialImages }
  const watching = context.onPartialImage ? watchPreviews(watch, context, ended.signal) : null
  try {
    return await draw(engine, { call, request, context })
  } finally {
    ended.abort()
    await watching
  }
}

type Sending = { call: SdapiCall; request: ProviderRequest; context: CallContext }

async function draw(engine: Engine, { call, request, context }: Sending): Promise<ProviderOutcome> {
  let response: OutboundResponse
  // One picture more may come: a sheet that shows the others side by side.
  const maxBodyBytes = (request.count + 1) * MAX_PICTURE_TEXT_BYTES + MAX_ENVELOPE_BYTES + call.body.length
  try {
    response = await context.http.request({
      method: 'POST',
      url: `${engine.baseUrl}${call.path}`,
      trust: 'configured',
      headers: {
        ...context.headers,
        ...engine.headers,
        accept: 'application/json',
        'content-type': 'application/json',
      },
      body: call.body,
      ...limitCall(context, maxBodyBytes),
    })
  } catch (error) {
    return classifyLostCreate(VENDOR, error)
  }
  try {
    if (response.status < 200 || response.status > 299) return await readRefusal(response)
    const read = await readPictures(response, context, {
      isImage: path => path.length === 2 && path[0] === 'images' && typeof path[1] === 'number',
      maxJsonBytes: MAX_ENVELOPE_BYTES + call.body.length,
    })
    return concludeDrawing(read, { call, request })
  } catch (error) {
    return classifyBrokenAnswer(VENDOR, error, response)
  } finally {
    // Frees the socket after an early end; a body that was read to its end is not touched by this.
    response.body.destroy()
  }
}

async function readRefusal(response: OutboundResponse): Promise<ProviderFailure> {
  const { status, headers } = response
  return classifyErrorAnswer(VENDOR, { status, headers, text: await readErrorText(response) })
}

function concludeDrawing(
  read: PicturesRead,
  { call, request }: Pick<Sending, 'call' | 'request'>,
): ProviderOutcome {
  const { count, width, height } = request
  const received = dropContactSheet(read.received, request)
  const warnings = [...call.warnings, ...warnOfOtherModel(read.value, request.upstreamModel)]
  return conclude(VENDOR, { ...read, received }, { asked: { count, width, height }, warnings })
}

/**
 * With several pictures in a batch the first may be a sheet of all of them: then they are one more than asked for, or
 * it alone has another size.
 */
function dropContactSheet(
  received: ReceivedImage[],
  { count, width, height }: ProviderRequest,
): ReceivedImage[] {
  const fits = (image: ReceivedImage) => image.width === width && image.height === height
  const [first, ...others] = received
  if (count < 2 || !first || others.length === 0) return received
  const isSheet = received.length === count + 1 || (!fits(first) && others.every(fits))
  return isSheet ? others : received
}

/** A checkpoint that the engine does not know is passed over in silence: another one has drawn the picture. */
function warnOfOtherModel(value: unknown, asked: string): string[] {
  if (asked === LOADED_MODEL || !isRecord(value)) return []
  const info = parseJsonOrNull(textOrNull(value.info) ?? '')
  const used = isRecord(info) ? textOrNull(info.sd_model_name) : null
  if (used === null || plainName(used) === plainName(asked)) return []
  return [`The checkpoint ${asked} was asked for, ${used} has drawn`]
}

/** Checkpoints are named with folder, ending and hash, or without. */
function plainName(checkpoint: string): string {
  return checkpoint
    .replace(/^.*[\\/]/, '')
    .replace(/\s*\[\w+\]$/, '')
    .replace(/\.(safetensors|ckpt|gguf)$/, '')
    .toLowerCase()
}

function judgeCheck({ status, text }: { status: number; text: string }): string | null {
  if (status === 200) return null
  const hint = status === 404 ? ' (is the engine started with --api?)' : ''
  return `${VENDOR} answered ${status}: ${describeError(text)}${hint}`
}
