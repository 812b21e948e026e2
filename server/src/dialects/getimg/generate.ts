// An order in getimg's words, waited for, and its answer. What its SDK does with an answer decides every header here:
// it sends a call again five times on its own, and must not buy a second picture by that.
import type { AuthenticatedKey, RateRule } from '../../accounts/authenticate.ts'
import { AppError } from '../../errors.ts'
import type { AnsweredMarks } from '../../generations/answered.ts'
import type { CreateNeeds, GenerationInput } from '../../generations/create.ts'
import { fingerprintOf } from '../../generations/fingerprint.ts'
import { type Generation, hasFiles } from '../../generations/generation.ts'
import { type OrderResult, orderGeneration } from '../../generations/order.ts'
import type { AdmissionNeeds } from '../../http/admission.ts'
import { type HttpContext, setAnswerHeader } from '../../http/context.ts'
import { readIdempotencyKey } from '../../http/idempotency-key.ts'
import { keepWaitingCallerAlive } from '../../http/interim.ts'
import { openWait } from '../../http/order-wait.ts'
import {
  chooseDeadlineMs,
  type Deadlines,
  type Preference,
  readPreference,
  sendAccepted,
  showPreference,
} from '../../http/prefer.ts'
import { showRate } from '../../http/rate-headers.ts'
import { readJsonBody } from '../../http/read-json.ts'
import { admitOrder, type RepeatRule, showRepeat } from '../../http/retry-mark.ts'
import type { ModelList } from '../../models/catalog.ts'
import { noOptions } from '../../models/options.ts'
import type { InputRequests } from '../../uploads/input.ts'
import { readSource } from '../../uploads/reference.ts'
import { type DownloadNeeds, toFile } from './downloads.ts'
import { toUsdNumber } from './money.ts'
import { sayUnknown, toBodyError, toOutcomeError } from './present.ts'
import { toRequestId } from './request-ids.ts'
import {
  defaultOutputFormat,
  type GenerationRequest,
  type GenerationResponse,
  generationRequest,
  maxImageBytes,
} from './schema.ts'

export type GenerateNeeds = CreateNeeds &
  AdmissionNeeds &
  DownloadNeeds &
  Deadlines & {
    catalog: ModelList
    answered: AnsweredMarks
    publicUrl: () => string
    interimResponses: boolean
    creditPriceUsdMicro: number
    filesLiveS: number
    /** Generations of an account at once; 0 = no limit. */
    inFlight: number
  }

export const generatePath = '/v2/images/generations'
/** The contract's; eight pictures of the largest size do not fit, nor do they there. */
const maxBodyBytes = 25 * 1024 * 1024

export async function generate(
  needs: GenerateNeeds,
  context: HttpContext,
  rate: RateRule,
): Promise<Response> {
  const prefer = readPreference(context)
  const { repeat, read } = await admitOrder(needs, context, {
    rate,
    read: caller => readInput(needs, context, caller),
  })
  // No copy: what orderGeneration lets go, nothing may hold.
  const input: GenerationInput = Object.assign(read, repeat, {
    adapts: prefer.isLenient,
    deadlineMs: chooseDeadlineMs(needs, prefer),
  })
  const stopInterim = keepWaitingCallerAlive(context, needs.interimResponses)
  try {
    const wait = openWait(context, needs, prefer)
    const result = await orderGeneration(needs, input, wait)
    if (rate.requests > 0) showRate(needs, context, rate)
    return await answer(needs, context, { result, prefer })
  } finally {
    stopInterim()
  }
}

type ReadInput = Omit<GenerationInput, 'adapts' | 'deadlineMs' | keyof RepeatRule>
type OrderPart = Omit<ReadInput, 'idempotencyKey' | 'fingerprint'>

/** Apart from the wait: nothing of the body lives longer than it is needed. */
async function readInput(
  needs: GenerateNeeds,
  context: HttpContext,
  caller: AuthenticatedKey,
): Promise<ReadInput> {
  const idempotencyKey = readIdempotencyKey(context)
  const body = await readJsonBody(context, maxBodyBytes)
  const parsed = generationRequest.safeParse(body, { reportInput: true, error: sayUnknown })
  if (!parsed.success) throw toBodyError(parsed.error)
  const { accountId } = caller
  const fingerprint = fingerprintOf({ method: 'POST', route: generatePath, accountId, body })
  return { ...toInput(needs, caller, parsed.data), idempotencyKey, fingerprint }
}

function toInput(needs: GenerateNeeds, caller: AuthenticatedKey, request: GenerationRequest): OrderPart {
  const format = request.output_format ?? defaultOutputFormat
  // A format that the model does not make is made from the one it does.
  const isMade = needs.catalog.find('getimg', request.model)?.formats.includes(format) ?? false
  return {
    accountId: caller.accountId,
    apiKeyId: caller.keyId,
    dialect: 'getimg',
    modelId: request.model,
    prompt: request.prompt,
    options: {
      ...noOptions,
      aspectRatio: request.aspect_ratio ?? null,
      resolution: request.resolution ?? null,
      outputFormat: isMade ? format : null,
    },
    echo: { outputFormat: format },
    inputs: toInputs(request),
    filesLiveS: needs.filesLiveS,
    slots: slotsOf(needs, caller),
    spendCaps: caller.spendCaps,
    allowedModels: caller.allowedModels,
  }
}

function toInputs({ images = [] }: GenerationRequest): InputRequests | null {
  if (images.length === 0) return null
  const references = images.map(({ url }, index) => {
    const field = `images[${index}].url`
    return { source: readSource(url, field), field, maxBytes: maxImageBytes }
  })
  return { references, mask: null }
}

/** The account's keys share its places, those of its plan if it says a number, save a key with one of its own. */
function slotsOf({ inFlight }: GenerateNeeds, caller: AuthenticatedKey): { scope: string; cap: number }[] {
  const own = caller.inFlightCap
  if (own !== null) return own > 0 ? [{ scope: `getimg:key:${caller.keyId}`, cap: own }] : []
  const shared = caller.planInFlightCap ?? inFlight
  return shared > 0 ? [{ scope: `getimg:${caller.accountId}`, cap: shared }] : []
}

async function answer(
  needs: GenerateNeeds,
  context: HttpContext,
  { result, prefer }: { result: OrderResult; prefer: Preference },
): Promise<Response> {
  // Nobody reads this; a body is needed all the same.
  if (result.kind === 'gone') return context.body(null, 500)
  const { generation } = result
  // Open past its deadline: what becomes of it is not known here, so nothing is claimed about it.
  if (result.kind === 'overdue')
    throw new AppError('internal', 'The outcome is not known yet.', { generationId: generation.id })
  showRepeat(context, result)
  showPreference(context, prefer, generation)
  // An order was taken: its SDK must not send it again whatever the status.
  setAnswerHeader(context, 'x-should-retry', 'false')
  const isOpen = result.kind === 'open'
  const response = generation.state === 'succeeded' && !isOpen ? await toResponse(needs, generation) : null
  // Told in full, for better or worse: what comes later is no repeat of this.
  context.env.outgoing.once('finish', () => needs.answered.mark(generation.id))
  if (isOpen) return sendAccepted(context, { publicUrl: needs.publicUrl(), generation })
  if (!response) throw toOutcomeError(generation)
  return context.json(response)
}

async function toResponse(needs: GenerateNeeds, generation: Generation): Promise<GenerationResponse> {
  const { creditPriceUsdMicro } = needs
  if (!hasFiles(generation, needs.now())) {
    const { id: generationId } = generation
    throw new AppError('not_found', 'The files of this generation are there no more.', { generationId })
  }
  const data = await Promise.all(generation.images.map(image => toFile(needs, generation, image)))
  return {
    id: toRequestId(generation.id),
    status: 'completed',
    model: generation.model,
    data,
    usage: {
      total_cost: toUsdNumber(generation.captured, creditPriceUsdMicro),
      unit_price: toUsdNumber(generation.unitPrice, creditPriceUsdMicro),
      quantity: data.length,
      billable_unit: 'image',
    },
  }
}
