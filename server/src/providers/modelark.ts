// ByteDance's ModelArk (Seedream). One create is one call and is never repeated here. A 200 can hold pictures and
// errors side by side; only the pictures are billed, and the answer says how many.
import type { OutboundResponse } from '../outbound.ts'
import {
  classifyBrokenAnswer,
  classifyLostCreate,
  isRecord,
  limitCall,
  MAX_SMALL_ANSWER_BYTES,
  parseJsonOrNull,
  readErrorText,
  scrubKey,
  scrubOutcome,
} from './hosted-call.ts'
import { buildJsonBody } from './json-body.ts'
import { MAX_EVENT_BYTES, readDocument, readStream } from './modelark/answer.ts'
import { classifyErrorAnswer } from './modelark/failures.ts'
import { describeCall, findRefusal, type ModelArkCall } from './modelark/request.ts'
import {
  type CallContext,
  noUsage,
  type Provider,
  type ProviderOutcome,
  type ProviderRequest,
} from './provider.ts'

export { NOT_RUN } from './modelark/failures.ts'

export type ModelArkOptions = {
  apiKey: string
  /** With the version: `https://ark.ap-southeast.bytepluses.com/api/v3`. */
  baseUrl: string
}

const VENDOR = 'ModelArk'
const CREATE_PATH = '/images/generations'

/** Creates the provider `modelark`. */
export function createModelArkProvider(given: ModelArkOptions): Provider {
  const options = { ...given, baseUrl: given.baseUrl.replace(/\/+$/, '') }
  return {
    name: 'modelark',
    idempotentCreates: false,
    submit: async (request, context) => scrubOutcome(await submit(options, request, context), options.apiKey),
    async check(context) {
      const problem = await findProblem(options, context)
      return problem === null ? { ok: true } : { ok: false, message: scrubKey(problem, options.apiKey) }
    },
  }
}

async function submit(
  options: ModelArkOptions,
  request: ProviderRequest,
  context: CallContext,
): Promise<ProviderOutcome> {
  const refusal = findRefusal(request)
  if (refusal !== null) return refusal
  const call = describeCall(request)
  const body = await buildJsonBody(call.fields)
  let response: OutboundResponse
  try {
    response = await context.http.request({
      method: 'POST',
      url: `${options.baseUrl}${CREATE_PATH}`,
      trust: 'configured',
      headers: {
        ...context.headers,
        ...authorize(options),
        accept: call.streams ? 'text/event-stream' : 'application/json',
        ...body.headers,
      },
      body: body.content,
      ...limitCall(context, request.count * MAX_EVENT_BYTES + MAX_SMALL_ANSWER_BYTES),
    })
  } catch (error) {
    return classifyLostCreate(VENDOR, error)
  }
  try {
    return await readAnswer(response, { call, request, context })
  } finally {
    // Frees the socket after an early end; a body that was read to its end is not touched by this.
    response.body.destroy()
  }
}

type Sent = { call: ModelArkCall; request: ProviderRequest; context: CallContext }

async function readAnswer(
  response: OutboundResponse,
  { call, request, context }: Sent,
): Promise<ProviderOutcome> {
  const { status, headers } = response
  const upstreamRequestId = headers['x-request-id'] ?? null
  if (status < 200 || status > 299) {
    const failure = classifyErrorAnswer({ status, headers, text: await readErrorText(response) })
    return { ...failure, usage: { ...noUsage, upstreamRequestId } }
  }
  const { count, width, height } = request
  const expected = { count, width, height, warnings: call.warnings, upstreamRequestId }
  // A server that ignores `stream` answers with one document; the answer's own type decides.
  const isStream = /^text\/event-stream\b/i.test(headers['content-type'] ?? '')
  try {
    return await (isStream
      ? readStream(response.body, context, expected)
      : readDocument(response.body, context, expected))
  } catch (error) {
    const usage = { ...noUsage, upstreamRequestId }
    return { ...classifyBrokenAnswer(VENDOR, error, response), usage }
  }
}

/**
 * The vendor documents no free read. A create without model and prompt is refused after the key was looked at and
 * before anything is made, so the refusal proves key and address.
 */
async function findProblem(options: ModelArkOptions, context: CallContext): Promise<string | null> {
  try {
    const response = await context.http.request({
      method: 'POST',
      url: `${options.baseUrl}${CREATE_PATH}`,
      trust: 'configured',
      headers: { ...context.headers, ...authorize(options), 'content-type': 'application/json' },
      body: '{}',
      ...limitCall(context, MAX_SMALL_ANSWER_BYTES),
    })
    const { status, headers } = response
    const text = await readErrorText(response)
    const value = parseJsonOrNull(text)
    if (status === 400 && isRecord(value) && isRecord(value.error)) return null
    if (status < 300) return `The address does not answer like ${VENDOR}`
    return classifyErrorAnswer({ status, headers, text }).message
  } catch (error) {
    return classifyLostCreate(VENDOR, error).message
  }
}

function authorize({ apiKey }: ModelArkOptions): Record<string, string> {
  return { authorization: `Bearer ${apiKey}` }
}
