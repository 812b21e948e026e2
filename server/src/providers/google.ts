// The Gemini image models. One create is one HTTP call and is never repeated here: once it was sent, an answer
// that cannot be had is an unknown outcome, because the upstream takes no idempotency key and bills regardless.
import { OutboundError, type OutboundResponse } from '../outbound.ts'
import { type AnswerPicture, classifyAnswer } from './google/answer.ts'
import { classifyErrorAnswer } from './google/errors.ts'
import { buildGoogleRequest, type GoogleBody } from './google/request.ts'
import { JsonImagesError, type JsonPath, readJsonWithImages } from './json-images.ts'
import {
  type CallContext,
  ImageRejected,
  type ImageSource,
  type Provider,
  type ProviderFailure,
  type ProviderOutcome,
} from './provider.ts'

export { NOT_RUN } from './google/errors.ts'

export type GoogleOptions = {
  apiKey: string
  /** With the version, without a trailing slash needed: `https://generativelanguage.googleapis.com/v1beta`. */
  baseUrl: string
}

type Endpoint = { apiKey: string; baseUrl: string }

// A TCP and TLS handshake that takes longer than this never becomes a request.
const CONNECT_TIMEOUT_MS = 10_000
// Ten drafts and a final picture of 4K each, as base64, stay below this; nothing honest is larger.
const MAX_ANSWER_BYTES = 256 * 1024 * 1024
// Thought signatures come beside the pictures and have been seen at more than a megabyte each.
const MAX_JSON_BYTES = 8 * 1024 * 1024
// Ten pictures for one request have been seen. The core numbers objects within a hundred per call.
const MAX_PICTURES = 32
// An error's envelope is a few kilobytes; what is longer is a page nobody reads.
const MAX_ERROR_BYTES = 64 * 1024
// Enough for the operator to recognise a message, too little to fill a log line with a page of HTML.
const MESSAGE_CHARS = 600
// The model list is some tens of kilobytes.
const MAX_LIST_BYTES = 4 * 1024 * 1024

/**
 * Makes the `google` provider. One picture per call: a route to it must have `maxCountPerCall` 1. Route
 * parameters `thinkingDefault` and `thinkingDeep` hold the wire words for models that take a thinking level.
 * `submit` rejects only with errors of storage, ours and not the upstream's.
 */
export function createGoogleProvider(options: GoogleOptions): Provider {
  const endpoint = { apiKey: options.apiKey, baseUrl: options.baseUrl.replace(/\/+$/, '') }
  return {
    name: 'google',
    idempotentCreates: false,
    async submit(request, context) {
      const built = await buildGoogleRequest(request)
      const outcome = built.ok ? await create(endpoint, built, context) : built.failure
      return outcome.kind === 'failed'
        ? { ...outcome, message: cleanMessage(outcome.message, endpoint) }
        : outcome
    },
    async check(context) {
      const problem = await findProblem(endpoint, context)
      return problem === null ? { ok: true } : { ok: false, message: cleanMessage(problem, endpoint) }
    },
  }
}

async function create(
  endpoint: Endpoint,
  call: { path: string; body: GoogleBody },
  context: CallContext,
): Promise<ProviderOutcome> {
  let response: OutboundResponse
  try {
    response = await context.http.request({
      method: 'POST',
      url: `${endpoint.baseUrl}${call.path}`,
      trust: 'configured',
      headers: {
        ...context.headers,
        accept: 'application/json',
        'content-type': 'application/json',
        'content-length': String(call.body.sizeBytes),
        'x-goog-api-key': endpoint.apiKey,
      },
      body: call.body.content,
      ...limitCall(context, MAX_ANSWER_BYTES),
    })
  } catch (error) {
    return describeLostCall(error)
  }
  try {
    if (response.status >= 200 && response.status < 300) return await readAnswer(response, context)
    const text = await readErrorText(response)
    return classifyErrorAnswer({ httpStatus: response.status, headers: response.headers, text })
  } finally {
    // Frees the socket after an early end; a body that was read to its end is not touched by this.
    response.body.destroy()
  }
}

function limitCall(context: CallContext, maxBodyBytes: number) {
  const { timeoutMs, signal } = context
  const connectTimeoutMs = Math.min(CONNECT_TIMEOUT_MS, timeoutMs)
  // Headers come only when the picture is done, so they may take as long as the whole call.
  return { timeoutMs, connectTimeoutMs, headersTimeoutMs: timeoutMs, maxBodyBytes, signal }
}

/** Only the client's own proof that no byte left makes a lost call one that did not run. */
function describeLostCall(error: unknown): ProviderFailure {
  if (!(error instanceof OutboundError)) throw error
  const failure = error.sent ? 'unknown_outcome' : 'unavailable'
  return { kind: 'failed', failure, message: `Gemini could not be asked (${error.code}): ${error.message}` }
}

/** Streams every picture to storage while the answer arrives; which one counts is known only at its end. */
async function readAnswer(response: OutboundResponse, context: CallContext): Promise<ProviderOutcome> {
  try {
    const document = await readJsonWithImages(response.body, {
      isImage: isPictureData,
      receive: createReceiver(context),
      spoilt: (): AnswerPicture => ({ kind: 'rejected', message: 'It is not valid base64.' }),
      maxJsonBytes: MAX_JSON_BYTES,
    })
    const pictures = new Map<number, AnswerPicture>()
    for (const { path, received } of document.images) {
      if (path[1] === 0) pictures.set(Number(path[4]), received)
    }
    return classifyAnswer({ value: document.value, pictures })
  } catch (error) {
    return describeBrokenAnswer(error, response)
  }
}

/** `candidates[c].content.parts[p].inlineData.data` */
function isPictureData(path: JsonPath): boolean {
  return (
    path.length === 7 &&
    path[6] === 'data' &&
    path[5] === 'inlineData' &&
    typeof path[4] === 'number' &&
    path[3] === 'parts' &&
    path[2] === 'content' &&
    typeof path[1] === 'number' &&
    path[0] === 'candidates'
  )
}

/** A draft may be broken without harm, so a picture that is none ends only the answer that needs it. */
function createReceiver(context: CallContext) {
  let count = 0
  return async (bytes: ImageSource, path: JsonPath): Promise<AnswerPicture> => {
    // Only the first candidate was asked for; what others hold is read past.
    if (path[1] !== 0) return { kind: 'rejected', message: 'The picture belongs to another candidate.' }
    count += 1
    if (count > MAX_PICTURES)
      throw new JsonImagesError('too_large', `More than ${MAX_PICTURES} pictures came`)
    try {
      return { kind: 'received', image: await context.receiveImage(bytes) }
    } catch (error) {
      if (error instanceof ImageRejected) return { kind: 'rejected', message: error.message }
      throw error
    }
  }
}

function describeBrokenAnswer(error: unknown, response: OutboundResponse): ProviderFailure {
  if (error instanceof OutboundError) {
    const failure = error.code === 'too_large' ? 'malformed_response' : 'unknown_outcome'
    return { kind: 'failed', failure, message: `Gemini's answer broke off (${error.code}): ${error.message}` }
  }
  if (error instanceof JsonImagesError) {
    const isCut = error.code === 'truncated' && !isFramed(response.headers)
    const failure = isCut ? 'unknown_outcome' : 'malformed_response'
    return {
      kind: 'failed',
      failure,
      message: `Gemini's answer cannot be read (${error.code}): ${error.message}`,
    }
  }
  throw error
}

/** Without either, the end of the connection is the end of the body, and a cut looks like a clean end. */
function isFramed(headers: Record<string, string>): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
}

/** The first kilobytes of an error answer; what arrived when it breaks off. */
async function readErrorText(response: OutboundResponse): Promise<string> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      sizeBytes += chunk.length
      if (sizeBytes >= MAX_ERROR_BYTES) break
    }
  } catch {
    // The status alone classifies it then; a 503 without its envelope counts as unknown.
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_ERROR_BYTES)
}

async function findProblem(endpoint: Endpoint, context: CallContext): Promise<string | null> {
  try {
    const response = await context.http.request({
      method: 'GET',
      url: `${endpoint.baseUrl}/models`,
      trust: 'configured',
      headers: { ...context.headers, 'x-goog-api-key': endpoint.apiKey },
      ...limitCall(context, MAX_LIST_BYTES),
    })
    if (response.status !== 200) {
      const text = await readErrorText(response)
      return classifyErrorAnswer({ httpStatus: response.status, headers: response.headers, text }).message
    }
    return isModelList(await response.text())
      ? null
      : 'The address does not answer like Gemini: no model list.'
  } catch (error) {
    return describeLostCall(error).message
  }
}

function isModelList(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null && 'models' in parsed && Array.isArray(parsed.models)
  } catch {
    return false
  }
}

/** Messages go to logs: upstreams echo the key they were given. Cut last, so that no half of a key is left. */
function cleanMessage(message: string, { apiKey }: Endpoint): string {
  const own = apiKey === '' ? message : message.replaceAll(apiKey, '[key]')
  return own.replace(/AIza[\w-]{20,}/g, '[key]').slice(0, MESSAGE_CHARS)
}
