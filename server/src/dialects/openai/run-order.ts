// Takes an order and answers it: waited for, streamed, or accepted.
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { AuthenticatedKey } from '../../accounts/authenticate.ts'
import { inFlightCapOf } from '../../accounts/plans.ts'
import type { CreateNeeds, GenerationInput } from '../../generations/create.ts'
import { fingerprintOf } from '../../generations/fingerprint.ts'
import type { Generation } from '../../generations/generation.ts'
import { type OrderResult, orderGeneration } from '../../generations/order.ts'
import type { PartialPicture } from '../../generations/partials.ts'
import { type HttpContext, setAnswerHeader } from '../../http/context.ts'
import { readIdempotencyKey } from '../../http/idempotency-key.ts'
import { keepWaitingCallerAlive } from '../../http/interim.ts'
import { openWait } from '../../http/order-wait.ts'
import {
  chooseDeadlineMs,
  type Deadlines,
  hearsLater,
  type Preference,
  readPreference,
  sendAccepted,
  showPreference,
} from '../../http/prefer.ts'
import { type RepeatRule, showRepeat } from '../../http/retry-mark.ts'
import { type AnswerNeeds, sendImages } from './answer.ts'
import type { Order } from './order.ts'
import { toOutcomeError } from './present.ts'
import { type EventStream, openEventStream, overdue } from './stream.ts'

export type RunNeeds = CreateNeeds &
  AnswerNeeds &
  Deadlines & {
    publicUrl: () => string
    interimResponses: boolean
    defaultModel: string
  }

export type OrderCall = {
  caller: AuthenticatedKey
  repeat: RepeatRule
  order: Order
  /** Without its mount. */
  route: string
  /** Called once the pictures that came with the order are kept or refused. */
  onTaken?: () => Promise<void>
}

export function runOrder(needs: RunNeeds, context: HttpContext, call: OrderCall): Promise<Response> {
  const prefer = call.order.streams ? null : readPreference(context)
  const deadlineMs = chooseDeadlineMs(needs, prefer ?? hearsLater)
  const input = toInput(needs, call, { idempotencyKey: readIdempotencyKey(context), deadlineMs })
  // Callers of this hold the order while it waits: a body may be of 64 MiB, and has been said in the input.
  call.order.body = null
  call.order.inputs = null
  return prefer
    ? runWaited(needs, context, { ...call, input, prefer })
    : runStreamed(needs, context, { ...call, input })
}

type Call = OrderCall & { input: GenerationInput }

function toInput(
  needs: RunNeeds,
  { caller, repeat, order, route }: OrderCall,
  terms: Pick<GenerationInput, 'idempotencyKey' | 'deadlineMs'>,
): GenerationInput {
  const { accountId, keyId: apiKeyId, spendCaps, allowedModels } = caller
  const inFlightCap = inFlightCapOf(caller)
  return {
    ...{ accountId, apiKeyId, spendCaps, allowedModels, ...repeat, ...terms },
    dialect: 'openai',
    modelId: order.model ?? needs.defaultModel,
    prompt: order.prompt,
    options: order.options,
    echo: {},
    inputs: order.inputs,
    fingerprint: fingerprintOf({ method: 'POST', route, accountId, body: order.body }),
    // Waiting calls hold themselves back; only a cap that the key or its plan names counts.
    slots: inFlightCap ? [{ scope: `openai:${apiKeyId}`, cap: inFlightCap }] : [],
  }
}

async function runWaited(
  needs: RunNeeds,
  context: HttpContext,
  { input, order, onTaken, prefer }: Call & { prefer: Preference },
): Promise<Response> {
  const stopInterim = keepWaitingCallerAlive(context, needs.interimResponses)
  try {
    const wait = { ...openWait(context, needs, prefer), ...(onTaken ? { onTaken } : {}) }
    const result = await orderGeneration(needs, Object.assign(input, { adapts: prefer.isLenient }), wait)
    // Nobody reads this; a body is needed all the same.
    if (result.kind === 'gone') return context.body(null, 500)
    if (result.kind === 'overdue') throw overdue(result.generation)
    showOrder(context, result)
    const { generation } = result
    showPreference(context, prefer, generation)
    if (result.kind === 'open' || generation.state !== 'succeeded') {
      // Told in full, for better or worse: what comes later is no repeat of this.
      context.env.outgoing.once('finish', () => needs.answered.mark(generation.id))
      if (result.kind === 'ended') throw toOutcomeError(generation)
      return sendAccepted(context, { publicUrl: needs.publicUrl(), generation })
    }
    return await sendImages(needs, context, { generation, asUrl: wantsUrl(order, input.modelId) })
  } finally {
    stopInterim()
  }
}

/** Clients made for DALL-E read the address without asking for it. */
function wantsUrl({ responseFormat }: Order, modelId: string): boolean {
  return responseFormat === 'url' || (responseFormat === null && modelId.startsWith('dall-e-'))
}

/** Which order it was, and that it must not be sent again. */
function showOrder(
  context: HttpContext,
  order: { generation: Generation; replayed: boolean; joined: boolean },
): void {
  setAnswerHeader(context, 'x-darkroom-generation-id', order.generation.id)
  setAnswerHeader(context, 'x-should-retry', 'false')
  showRepeat(context, order)
}

/** `Prefer` says nothing here: the answer begins when the order is taken. */
async function runStreamed(
  needs: RunNeeds,
  context: HttpContext,
  { input, order, onTaken }: Call,
): Promise<Response> {
  const live: { stream: EventStream | null } = { stream: null }
  try {
    const result = await orderGeneration(
      needs,
      // The input itself, no copy: what orderGeneration lets go, nothing may hold.
      Object.assign(input, { onPartial: (partial: PartialPicture) => live.stream?.sendPartial(partial) }),
      {
        ...openWait(context, needs, { waitMs: null }),
        longestMs: needs.deadlineAsyncMs,
        async onTaken(taken) {
          await onTaken?.()
          showOrder(context, taken)
          live.stream = openEventStream(needs, context, { mode: order.mode, generation: taken.generation })
        },
      },
    )
    await finishStream(live.stream, result)
  } catch (error) {
    // Before the head is out an error is an answer like any other.
    if (!live.stream) throw error
    await live.stream.sendError(error)
  }
  return RESPONSE_ALREADY_SENT
}

async function finishStream(stream: EventStream | null, result: OrderResult): Promise<void> {
  if (!stream || result.kind === 'gone') return
  if (result.kind !== 'ended') throw overdue(result.generation)
  await stream.sendOutcome(result.generation)
}
