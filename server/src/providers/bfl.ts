// Black Forest Labs. A create hands out a task and the address at which it is read, on another host and with the
// same key. The key goes nowhere but to hosts of the vendor, whatever an answer says.
import type { OutboundResponse } from '../outbound.ts'
import { readTask, takeTask } from './bfl/answer.ts'
import { classifyErrorAnswer, classifyReadError } from './bfl/failures.ts'
import { choosePollUrl } from './bfl/poll-url.ts'
import { describeCall, findRefusal } from './bfl/request.ts'
import {
  checkByGet,
  classifyBrokenAnswer,
  classifyLostCreate,
  classifyLostRead,
  isRecord,
  limitCall,
  MAX_SMALL_ANSWER_BYTES,
  parseJsonOrNull,
  readErrorText,
  readSmallJson,
  scrubOutcome,
} from './hosted-call.ts'
import { buildJsonBody } from './json-body.ts'
import type { CallContext, Provider, ProviderOutcome, ProviderRequest, UpstreamTask } from './provider.ts'

export { NOT_RUN } from './bfl/failures.ts'

export type BflOptions = {
  apiKey: string
  /** With the version: `https://api.bfl.ai/v1`, or a region's. */
  baseUrl: string
}

const VENDOR = 'Black Forest Labs'

/** Creates the provider `bfl`. One picture per call: a route to it must have `maxCountPerCall` 1. */
export function createBflProvider(given: BflOptions): Provider {
  const options = { ...given, baseUrl: given.baseUrl.replace(/\/+$/, '') }
  return {
    name: 'bfl',
    idempotentCreates: false,
    submit: async (request, context) => scrubOutcome(await submit(options, request, context), options.apiKey),
    poll: async (task, context) => scrubOutcome(await poll(options, task, context), options.apiKey),
    check: context =>
      checkByGet(
        {
          vendor: VENDOR,
          apiKey: options.apiKey,
          url: `${options.baseUrl}/credits`,
          headers: authorize(options),
          judge: judgeCredits,
        },
        context,
      ),
  }
}

async function submit(
  options: BflOptions,
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
      url: `${options.baseUrl}/${encodeURIComponent(request.upstreamModel)}`,
      trust: 'configured',
      headers: { ...context.headers, ...authorize(options), accept: 'application/json', ...body.headers },
      body: body.content,
      ...limitCall(context, MAX_SMALL_ANSWER_BYTES),
    })
  } catch (error) {
    return classifyLostCreate(VENDOR, error)
  }
  const { status, headers } = response
  if (status < 200 || status > 299) {
    return classifyErrorAnswer({ status, headers, text: await readErrorText(response) })
  }
  try {
    return takeTask(await readSmallJson(response), { baseUrl: options.baseUrl, warnings: call.warnings })
  } catch (error) {
    return classifyBrokenAnswer(VENDOR, error, response)
  }
}

async function poll(options: BflOptions, task: UpstreamTask, context: CallContext): Promise<ProviderOutcome> {
  try {
    const response = await context.http.request({
      method: 'GET',
      // Judged anew: the configured address may have changed since the task was written down.
      url: choosePollUrl(options.baseUrl, task.id, task.pollUrl),
      trust: 'upstream',
      // The vendor's hosts for tasks are named in no setting, and a handshake costs more than the whole read.
      keepsConnection: true,
      headers: { accept: 'application/json', ...context.headers, ...authorize(options) },
      ...limitCall(context, MAX_SMALL_ANSWER_BYTES),
    })
    const { status, headers } = response
    // Where the vendor does not know the task it has been seen to say so under either status.
    if (status === 200) return readTask(await readSmallJson(response), task)
    const text = await readErrorText(response)
    if (status === 404) return readTask({ status: 'Task not found' }, task)
    return classifyReadError({ status, headers, text })
  } catch (error) {
    return classifyLostRead(VENDOR, error)
  }
}

function judgeCredits({ status, text }: { status: number; text: string }): string | null {
  if (status !== 200) return classifyErrorAnswer({ status, headers: {}, text }).message
  const credits = parseJsonOrNull(text)
  return isRecord(credits) && 'credits' in credits
    ? null
    : `The address does not answer like ${VENDOR}: no credits`
}

function authorize({ apiKey }: BflOptions): Record<string, string> {
  return { 'x-key': apiKey }
}
