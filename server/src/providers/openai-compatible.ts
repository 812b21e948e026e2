// The adapter of self-hosted engines that speak OpenAI's Images API more or less: sd-server, LocalAI, vLLM-Omni and
// others. They ignore fields, answer with addresses of their own, and say nothing true about usage.
import type { OutboundResponse } from '../outbound.ts'
import {
  conclude,
  fetchStripped,
  MAX_PICTURE_TEXT_BYTES,
  type PicturesRead,
  readPictures,
} from './engine-answer.ts'
import { classifyErrorAnswer, describeError } from './engine-failures.ts'
import {
  checkByGet,
  classifyBrokenAnswer,
  classifyLostCreate,
  isRecord,
  limitCall,
  readErrorText,
  scrubOutcome,
  textOrNull,
} from './hosted-call.ts'
import { buildCall, type EngineCall, type Profile, UnusableRequest } from './openai-compatible/request.ts'
import {
  type CallContext,
  noUsage,
  type Provider,
  type ProviderOutcome,
  type ProviderRequest,
  type Usage,
} from './provider.ts'

export type OpenAiCompatibleOptions = {
  /** As routes of the catalogue spell it; several engines are several providers. */
  name?: string
  /** With the version: `http://127.0.0.1:8080/v1`. */
  baseUrl: string
  /** Empty for an engine that wants none. */
  apiKey?: string
  /** What the upstream model `default` is called there; empty = the field is left out. */
  model?: string
  profile?: Profile
}

const VENDOR = 'openai-compatible'
const MAX_ENVELOPE_BYTES = 1024 * 1024

/** Creates the provider `openai-compatible`, or one of another name for a further engine. */
export function createOpenAiCompatibleProvider(options: OpenAiCompatibleOptions): Provider {
  const { name = VENDOR, apiKey = '', model = '', profile = 'generic' } = options
  const headers = apiKey === '' ? {} : { authorization: `Bearer ${apiKey}` }
  const engine: Engine = { baseUrl: options.baseUrl.replace(/\/+$/, ''), headers, model, profile }
  return {
    name,
    idempotentCreates: false,
    submit: async (request, context) => scrubOutcome(await submit(engine, request, context), apiKey),
    fetchOutput: (url, context) => fetchStripped(url, headers, context),
    check: context =>
      checkByGet(
        { vendor: VENDOR, apiKey, url: `${engine.baseUrl}/models`, headers, judge: judgeCheck },
        context,
      ),
  }
}

type Engine = { baseUrl: string; headers: Record<string, string>; model: string; profile: Profile }

async function submit(
  engine: Engine,
  request: ProviderRequest,
  context: CallContext,
): Promise<ProviderOutcome> {
  let call: EngineCall
  try {
    call = await buildCall(request, engine)
  } catch (error) {
    if (!(error instanceof UnusableRequest)) throw error
    return { kind: 'failed', failure: 'invalid_request', message: error.message, field: error.field }
  }
  let response: OutboundResponse
  try {
    response = await context.http.request({
      method: 'POST',
      url: `${engine.baseUrl}${call.path}`,
      trust: 'configured',
      headers: { ...context.headers, ...engine.headers, accept: 'application/json', ...call.headers },
      body: call.body,
      // An engine that ignores `n` may send more than were asked for.
      ...limitCall(context, (request.count + 1) * MAX_PICTURE_TEXT_BYTES + MAX_ENVELOPE_BYTES),
    })
  } catch (error) {
    return classifyLostCreate(VENDOR, error)
  }
  try {
    const { status, headers } = response
    if (status < 200 || status > 299) {
      return classifyErrorAnswer(VENDOR, { status, headers, text: await readErrorText(response) })
    }
    const read = await readPictures(response, context, {
      isImage: path => path.length === 3 && path[0] === 'data' && path[2] === 'b64_json',
    })
    return concludeAnswer(engine, { read, request, warnings: call.warnings })
  } catch (error) {
    return classifyBrokenAnswer(VENDOR, error, response)
  } finally {
    // Frees the socket after an early end; a body that was read to its end is not touched by this.
    response.body.destroy()
  }
}

type Answer = { read: PicturesRead; request: ProviderRequest; warnings: string[] }

function concludeAnswer(engine: Engine, { read, request, warnings }: Answer): ProviderOutcome {
  const { count, width, height } = request
  const urls = findUrls(read.value, engine.baseUrl)
  const asked = { count, width, height }
  const outcome = conclude(VENDOR, read, { asked, urls, warnings })
  return outcome.kind === 'succeeded' ? { ...outcome, usage: readUsage(read.value) } : outcome
}

/**
 * Addresses of pictures, on the engine we know: what it takes for its own name is often one that only it can reach,
 * and nobody else may be asked on its word.
 */
function findUrls(value: unknown, baseUrl: string): string[] {
  const data = isRecord(value) && Array.isArray(value.data) ? value.data : []
  return data.filter(isRecord).flatMap(({ url }) => {
    const text = textOrNull(url)
    if (text === null || !URL.canParse(text, baseUrl)) return []
    const { protocol, pathname, search } = new URL(text, baseUrl)
    return /^https?:$/.test(protocol) ? [`${new URL(baseUrl).origin}${pathname}${search}`] : []
  })
}

/** Tokens, where an engine counts any; zeros are what those say that count nothing. */
function readUsage(value: unknown): Usage {
  const usage = isRecord(value) && isRecord(value.usage) ? value.usage : {}
  const positive = (each: unknown) =>
    typeof each === 'number' && Number.isSafeInteger(each) && each > 0 ? each : null
  return {
    ...noUsage,
    inputTokens: positive(usage.input_tokens),
    outputTokens: positive(usage.output_tokens),
  }
}

/** Some engines have no list of models; that they answer at all is enough. */
function judgeCheck({ status, text }: { status: number; text: string }): string | null {
  if (status === 200 || status === 404 || status === 405) return null
  return `${VENDOR} answered ${status}: ${describeError(text)}`
}
