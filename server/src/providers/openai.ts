// The adapter of OpenAI's Images API (the gpt-image family). A create is sent once: nothing in this file or
// below it may ever send it again, because OpenAI has no idempotent creates.
import { OutboundError, type OutboundResponse } from '../outbound.ts'
import { readByGet } from './hosted-call.ts'
import { JsonImagesError } from './json-images.ts'
import { MAX_PICTURE_TEXT_BYTES, readDocument, readStream } from './openai/answer.ts'
import { classifyErrorAnswer, type ErrorAnswer } from './openai/failures.ts'
import { readModelList } from './openai/models.ts'
import { buildCall, type OpenAiCall, UnusableRequest } from './openai/request.ts'
import type {
  CallContext,
  ListContext,
  ModelList,
  Provider,
  ProviderFailure,
  ProviderOutcome,
  ProviderRequest,
} from './provider.ts'
import { ImageRejected, noUsage } from './provider.ts'

export { NOT_RUN } from './openai/failures.ts'

export type OpenAiOptions = {
  apiKey: string
  /** With the version: `https://api.openai.com/v1`. */
  baseUrl: string
  organization?: string
  project?: string
}

// A TCP and TLS handshake that takes longer than this never becomes a request.
const CONNECT_TIMEOUT_MS = 10_000
// The vendor's error bodies are below 2 KB; more than this is not worth reading.
const MAX_ERROR_BODY_BYTES = 64 * 1024
// Envelope and usage of an answer, beside its pictures.
const MAX_ENVELOPE_BYTES = 1024 * 1024
/** One bound for the check and the daily read: what proves the key is what is read. A gateway's list has thousands. */
const MAX_MODEL_LIST_BYTES = 4 * 1024 * 1024
const MAX_MESSAGE_CHARS = 1000

/** Creates the provider `openai`. */
export function createOpenAiProvider(given: OpenAiOptions): Provider {
  const options = { ...given, baseUrl: given.baseUrl.replace(/\/+$/, '') }
  return {
    name: 'openai',
    idempotentCreates: false,
    submit: async (request, context) => scrubOutcome(await submit(options, request, context), options.apiKey),
    check: context => check(options, context),
    readModels: (models, context) => readModels(options, models, context),
  }
}

async function submit(
  options: OpenAiOptions,
  request: ProviderRequest,
  context: CallContext,
): Promise<ProviderOutcome> {
  let call: OpenAiCall
  try {
    call = await buildCall(request)
  } catch (error) {
    if (!(error instanceof UnusableRequest)) throw error
    return { kind: 'failed', failure: 'invalid_request', message: error.message, field: error.field }
  }
  let response: OutboundResponse
  try {
    response = await send(options, { call, request, context })
  } catch (error) {
    return classifyTransport(error)
  }
  try {
    return await readAnswer(response, { call, request, context })
  } finally {
    // Frees the socket after an early end; a body that was read to its end is not touched by this.
    response.body.destroy()
  }
}

type Sending = { call: OpenAiCall; request: ProviderRequest; context: CallContext }

function send(options: OpenAiOptions, { call, request, context }: Sending): Promise<OutboundResponse> {
  return context.http.request({
    method: 'POST',
    url: `${options.baseUrl}${call.path}`,
    trust: 'configured',
    headers: {
      ...context.headers,
      ...authorize(options),
      accept: call.streams ? 'text/event-stream' : 'application/json',
      ...call.headers,
    },
    body: call.body,
    connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, context.timeoutMs),
    headersTimeoutMs: context.timeoutMs,
    timeoutMs: context.timeoutMs,
    maxBodyBytes: (request.count + request.partialImages) * MAX_PICTURE_TEXT_BYTES + MAX_ENVELOPE_BYTES,
    signal: context.signal,
  })
}

async function readAnswer(
  response: OutboundResponse,
  { call, request, context }: Sending,
): Promise<ProviderOutcome> {
  const upstreamRequestId = response.headers['x-request-id'] ?? null
  if (response.status < 200 || response.status > 299) {
    const failure = classifyErrorAnswer(await readErrorAnswer(response))
    return { ...failure, usage: { ...noUsage, upstreamRequestId } }
  }
  const { width, height, count } = request
  const expected = { count, width, height, upstreamRequestId, warnings: call.warnings }
  // A server that ignores `stream` answers with one document; the answer's own type decides.
  const isStream = /^text\/event-stream\b/i.test(response.headers['content-type'] ?? '')
  try {
    return await (isStream
      ? readStream(response.body, context, expected)
      : readDocument(response.body, context, expected))
  } catch (error) {
    return classifyReading(error, response)
  }
}

/** A create whose connection failed; only a connection that was never made proves that nothing ran. */
function classifyTransport(error: unknown): ProviderFailure {
  if (!(error instanceof OutboundError)) throw error
  const failure = error.sent ? 'unknown_outcome' : 'unavailable'
  return { kind: 'failed', failure, message: `OpenAI, no answer: ${error.message}` }
}

/** A 2xx whose body could not be read: cut on the way, or whole and not understandable. */
function classifyReading(error: unknown, response: OutboundResponse): ProviderFailure {
  const message = error instanceof Error ? `OpenAI's answer is unusable: ${error.message}` : ''
  const { headers } = response
  const usage = { ...noUsage, upstreamRequestId: headers['x-request-id'] ?? null }
  if (error instanceof OutboundError) {
    const failure = error.code === 'too_large' ? 'malformed_response' : 'unknown_outcome'
    return { kind: 'failed', failure, message, usage }
  }
  if (error instanceof ImageRejected) return { kind: 'failed', failure: 'malformed_response', message, usage }
  if (!(error instanceof JsonImagesError)) throw error
  // Without a length or chunks the end of a body is merely the end of the connection, and that may be a cut.
  const isFramed = 'content-length' in headers || 'transfer-encoding' in headers
  const isCut = error.code === 'truncated' && !isFramed
  return { kind: 'failed', failure: isCut ? 'unknown_outcome' : 'malformed_response', message, usage }
}

/** Reads at most the bounded part. The status alone is enough to classify, so a cut body is no failure here. */
async function readErrorAnswer({ status, headers, body }: OutboundResponse): Promise<ErrorAnswer> {
  const parts: Buffer[] = []
  let sizeBytes = 0
  try {
    for await (const part of body as AsyncIterable<Buffer>) {
      parts.push(part)
      sizeBytes += part.length
      if (sizeBytes >= MAX_ERROR_BODY_BYTES) break
    }
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
  }
  return { status, headers, body: Buffer.concat(parts).subarray(0, MAX_ERROR_BODY_BYTES).toString('utf8') }
}

async function check(
  options: OpenAiOptions,
  context: CallContext,
): Promise<{ ok: true } | { ok: false; message: string }> {
  try {
    const response = await context.http.request({
      method: 'GET',
      url: `${options.baseUrl}/models`,
      trust: 'configured',
      headers: { ...context.headers, ...authorize(options), accept: 'application/json' },
      connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, context.timeoutMs),
      timeoutMs: context.timeoutMs,
      maxBodyBytes: MAX_MODEL_LIST_BYTES,
      signal: context.signal,
    })
    if (response.status === 200) {
      await response.discard()
      return { ok: true }
    }
    const { message } = classifyErrorAnswer(await readErrorAnswer(response))
    return { ok: false, message: scrub(message, options.apiKey) }
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    return { ok: false, message: scrub(`OpenAI, no answer: ${error.message}`, options.apiKey) }
  }
}

async function readModels(
  options: OpenAiOptions,
  upstreamModels: readonly string[],
  context: ListContext,
): Promise<ModelList> {
  const url = `${options.baseUrl}/models`
  const { apiKey } = options
  const call = { vendor: 'OpenAI', apiKey, url, headers: authorize(options) }
  const read = await readByGet({ ...call, maxBytes: MAX_MODEL_LIST_BYTES }, context)
  if (read.status === null) return { ok: false, message: read.message }
  const models = read.status === 200 ? readModelList(read.value, upstreamModels) : null
  if (models) return { ok: true, models }
  return { ok: false, message: `OpenAI answered ${read.status} without a list of models` }
}

function authorize({ apiKey, organization, project }: OpenAiOptions): Record<string, string> {
  return {
    authorization: `Bearer ${apiKey}`,
    ...(organization === undefined ? {} : { 'openai-organization': organization }),
    ...(project === undefined ? {} : { 'openai-project': project }),
  }
}

function scrubOutcome(outcome: ProviderOutcome, apiKey: string): ProviderOutcome {
  return outcome.kind === 'failed' ? { ...outcome, message: scrub(outcome.message, apiKey) } : outcome
}

/** 401 bodies repeat the key, whole or with stars in its middle. */
function scrub(message: string, apiKey: string): string {
  return message
    .replaceAll(apiKey, '[key]')
    .replace(/(key provided:?\s*)\S+/gi, '$1[key]')
    .replace(/\bsk-[\w*-]+/g, '[key]')
    .slice(0, MAX_MESSAGE_CHARS)
}
