// Stability's v2beta. One create is one synchronous call that answers with the picture's raw bytes, which stream to
// storage as they arrive. It has no idempotent creates: nothing here may send one again.
import type { OutboundResponse } from '../outbound.ts'
import {
  checkByGet,
  classifyBrokenAnswer,
  classifyLostCreate,
  isFramed,
  isRecord,
  limitCall,
  parseJsonOrNull,
  readErrorText,
  scrubOutcome,
} from './hosted-call.ts'
import { readJsonWithImages } from './json-images.ts'
import {
  type CallContext,
  ImageRejected,
  noUsage,
  type Provider,
  type ProviderFailure,
  type ProviderOutcome,
  type ProviderRequest,
  type ReceivedImage,
} from './provider.ts'
import { classifyErrorAnswer } from './stability/failures.ts'
import { buildCall, findRefusal } from './stability/request.ts'

export { NOT_RUN } from './stability/failures.ts'

export type StabilityOptions = {
  apiKey: string
  /** With the version: `https://api.stability.ai/v2beta`. */
  baseUrl: string
}

// The largest picture is a png of noise of some 4 megapixels; as base64, where a server answers with JSON, a third more.
const MAX_ANSWER_BYTES = 64 * 1024 * 1024
const VENDOR = 'Stability'

/** Creates the provider `stability`. One picture per call: a route to it must have `maxCountPerCall` 1. */
export function createStabilityProvider(given: StabilityOptions): Provider {
  const options = { ...given, baseUrl: given.baseUrl.replace(/\/+$/, '') }
  return {
    name: 'stability',
    idempotentCreates: false,
    submit: async (request, context) => scrubOutcome(await submit(options, request, context), options.apiKey),
    check: context =>
      checkByGet(
        {
          vendor: VENDOR,
          apiKey: options.apiKey,
          // The balance lives beside v2beta, in the older version of the API.
          url: new URL('../v1/user/balance', `${options.baseUrl}/`).href,
          headers: authorize(options),
          judge: judgeBalance,
        },
        context,
      ),
  }
}

async function submit(
  options: StabilityOptions,
  request: ProviderRequest,
  context: CallContext,
): Promise<ProviderOutcome> {
  const refusal = findRefusal(request)
  if (refusal !== null) return refusal
  const call = await buildCall(request)
  let response: OutboundResponse
  try {
    response = await context.http.request({
      method: 'POST',
      url: `${options.baseUrl}${call.path}`,
      trust: 'configured',
      // Errors come as JSON whatever is accepted.
      headers: { ...context.headers, ...authorize(options), accept: 'image/*', ...call.form.headers },
      body: call.form.body,
      ...limitCall(context, MAX_ANSWER_BYTES),
    })
  } catch (error) {
    return classifyLostCreate(VENDOR, error)
  }
  try {
    return await readAnswer(response, context, call.warnings)
  } finally {
    // Frees the socket after an early end; a body that was read to its end is not touched by this.
    response.body.destroy()
  }
}

async function readAnswer(
  response: OutboundResponse,
  context: CallContext,
  warnings: string[],
): Promise<ProviderOutcome> {
  const { status, headers } = response
  const usage = { ...noUsage, upstreamRequestId: headers['x-request-id'] ?? null }
  if (status < 200 || status > 299) {
    return classifyErrorAnswer({ status, headers, text: await readErrorText(response) })
  }
  try {
    const isJson = /^application\/json\b/i.test(headers['content-type'] ?? '')
    // A blurred picture is not worth reading; its header comes first.
    const filtered = judgeFinish(headers['finish-reason'])
    if (filtered !== null) return { ...filtered, usage }
    if (isJson) return await readDocument(response, context, warnings)
    const image = await context.receiveImage(response.body)
    return { kind: 'succeeded', images: [{ kind: 'received', image }], usage, warnings }
  } catch (error) {
    // Without length or chunks a cut picture looks like a short one, and the cut one may have been billed.
    if (error instanceof ImageRejected && !isFramed(headers)) {
      const message = `${VENDOR}'s answer ended before its picture: ${error.message}`
      return { kind: 'failed', failure: 'unknown_outcome', message, usage }
    }
    return { ...classifyBrokenAnswer(VENDOR, error, response), usage }
  }
}

/** What a server sends that takes no notice of `accept`: `{"image":"<base64>","finish_reason":"SUCCESS","seed":7}`. */
async function readDocument(
  response: OutboundResponse,
  context: CallContext,
  warnings: string[],
): Promise<ProviderOutcome> {
  const usage = { ...noUsage, upstreamRequestId: response.headers['x-request-id'] ?? null }
  const { value, images } = await readJsonWithImages<ReceivedImage>(response.body, {
    isImage: path => path.length === 1 && path[0] === 'image',
    receive: bytes => context.receiveImage(bytes),
  })
  const reason = isRecord(value) ? value.finish_reason : undefined
  const filtered = judgeFinish(typeof reason === 'string' ? reason : undefined)
  if (filtered !== null) return { ...filtered, usage }
  const image = images[0]?.received
  if (image === undefined) {
    const message = `${VENDOR}'s answer holds no picture`
    return { kind: 'failed', failure: 'malformed_response', message, usage }
  }
  return { kind: 'succeeded', images: [{ kind: 'received', image }], usage, warnings }
}

/** Null when the picture is whole. Reasons nobody knows yet do not take a good picture away. */
function judgeFinish(reason: string | undefined): ProviderFailure | null {
  if (reason !== 'CONTENT_FILTERED') return null
  const message = `${VENDOR} blurred the picture: CONTENT_FILTERED`
  return { kind: 'failed', failure: 'content_rejected', stage: 'output', categories: [], message }
}

function judgeBalance({ status, text }: { status: number; text: string }): string | null {
  if (status !== 200) return classifyErrorAnswer({ status, headers: {}, text }).message
  const balance = parseJsonOrNull(text)
  return isRecord(balance) && 'credits' in balance
    ? null
    : `The address does not answer like ${VENDOR}: no balance`
}

function authorize({ apiKey }: StabilityOptions): Record<string, string> {
  return { authorization: `Bearer ${apiKey}` }
}
