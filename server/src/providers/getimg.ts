// The adapter of getimg's API, version 2, as an upstream. One create is one HTTP call that waits for the picture and
// is never repeated here: getimg takes no idempotency key.
import type { OutboundResponse } from '../outbound.ts'
import { readAnswer } from './getimg/answer.ts'
import { classifyErrorAnswer } from './getimg/failures.ts'
import { buildBody } from './getimg/request.ts'
import {
  checkByGet,
  classifyBrokenAnswer,
  classifyLostCreate,
  limitCall,
  MAX_SMALL_ANSWER_BYTES,
  readErrorText,
  readSmallJson,
  scrubOutcome,
} from './hosted-call.ts'
import {
  type CallContext,
  noUsage,
  type Provider,
  type ProviderOutcome,
  type ProviderRequest,
} from './provider.ts'

export { NOT_RUN } from './getimg/failures.ts'

export type GetimgOptions = {
  apiKey: string
  /** Without the version: `https://api.getimg.ai`. */
  baseUrl: string
}

/**
 * Makes the `getimg` provider. One picture per call: a route to it must have `maxCountPerCall` 1. Reference pictures
 * need a `publicUrl`, because getimg fetches them itself.
 */
export function createGetimgProvider(given: GetimgOptions): Provider {
  const options = { ...given, baseUrl: given.baseUrl.replace(/\/+$/, '') }
  const headers = { authorization: `Bearer ${options.apiKey}` }
  return {
    name: 'getimg',
    idempotentCreates: false,
    submit: async (request, context) => scrubOutcome(await submit(options, request, context), options.apiKey),
    check: context =>
      checkByGet(
        {
          vendor: 'getimg',
          apiKey: options.apiKey,
          url: `${options.baseUrl}/v2/models?type=image`,
          headers,
          judge: judgeModels,
        },
        context,
      ),
  }
}

async function submit(
  { apiKey, baseUrl }: GetimgOptions,
  request: ProviderRequest,
  context: CallContext,
): Promise<ProviderOutcome> {
  const built = buildBody(request)
  if ('failure' in built) return built.failure
  let response: OutboundResponse
  try {
    response = await context.http.request({
      method: 'POST',
      url: `${baseUrl}/v2/images/generations`,
      trust: 'configured',
      headers: {
        ...context.headers,
        accept: 'application/json',
        'content-type': 'application/json',
        authorization: `Bearer ${apiKey}`,
      },
      body: built.body,
      ...limitCall(context, MAX_SMALL_ANSWER_BYTES),
    })
  } catch (error) {
    return classifyLostCreate('getimg', error)
  }
  const { status, headers } = response
  if (status < 200 || status > 299) {
    const upstreamRequestId = headers['x-request-id'] ?? null
    const text = await readErrorText(response)
    const failure = classifyErrorAnswer({ status, headers, text, prompt: request.prompt })
    return { ...failure, usage: { ...noUsage, upstreamRequestId } }
  }
  try {
    return readAnswer(await readSmallJson(response))
  } catch (error) {
    return classifyBrokenAnswer('getimg', error, response)
  }
}

/** The list is a bare array; anything else is another service. */
function judgeModels({ status, text }: { status: number; text: string }): string | null {
  if (status !== 200) return classifyErrorAnswer({ status, headers: {}, text, prompt: '' }).message
  return text.trimStart().startsWith('[') ? null : 'The address does not answer like getimg: no model list.'
}
