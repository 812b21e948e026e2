// Creating a generation: the body in core words, and the answer at once or after the wait that the caller prefers.
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { AuthenticatedKey } from '../../accounts/authenticate.ts'
import { inFlightCapOf } from '../../accounts/plans.ts'
import type { Db } from '../../db/db.ts'
import { AppError, invalidField } from '../../errors.ts'
import type { AnsweredMarks } from '../../generations/answered.ts'
import type { CreateNeeds, GenerationInput } from '../../generations/create.ts'
import { fingerprintOf } from '../../generations/fingerprint.ts'
import { type OrderResult, orderGeneration } from '../../generations/order.ts'
import { findQueuePlace } from '../../generations/queue-place.ts'
import { findGeneration } from '../../generations/read.ts'
import type { ShowNeeds } from '../../generations/shown-outputs.ts'
import { slotsOfKey } from '../../generations/slots.ts'
import { type HttpContext, type HttpEnv, setAnswerHeader } from '../../http/context.ts'
import { readIdempotencyKey } from '../../http/idempotency-key.ts'
import { sayKnownFields, toIssues } from '../../http/issues.ts'
import { openWait } from '../../http/order-wait.ts'
import { chooseDeadlineMs, type Deadlines, hearsLater, readPreferredWaitMs } from '../../http/prefer.ts'
import { readJsonBody } from '../../http/read-json.ts'
import { showRepeat } from '../../http/retry-mark.ts'
import { noOptions } from '../../models/options.ts'
import type { InputRequest, InputRequests } from '../../uploads/input.ts'
import { readSource } from '../../uploads/reference.ts'
import type { Begin } from './begin.ts'
import { paths } from './paths.ts'
import { type Labels, toGenerationObject } from './present.ts'
import { type CreateGenerationRequest, createGenerationRequest, type InputPicture } from './schema.ts'

export type CreateRouteNeeds = CreateNeeds & ShowNeeds & Deadlines & { answered: AnsweredMarks }

const defaultInFlight = 50
/** A prompt of 32,000 four-byte characters with its options, and a picture or two as data URLs. */
export const maxOrderBytes = 25 * 1024 * 1024

export function addCreate(app: OpenAPIHono<HttpEnv>, needs: CreateRouteNeeds, begin: Begin): void {
  app.post(paths.generations, async context => {
    const caller = await begin(context, paths.generations, 'generate')
    return create(needs, context, caller)
  })
}

async function create(
  needs: CreateRouteNeeds,
  context: HttpContext,
  caller: AuthenticatedKey,
): Promise<Response> {
  const prefer = readPreferredWaitMs(context.req.header('prefer'))
  const input = await readInput(needs, context, caller)
  // Asynchronous unless the caller says how long it wants to wait.
  const wait = openWait(context, needs, prefer ?? hearsLater)
  const result = await orderGeneration(needs, input, wait)
  if (prefer && result.kind !== 'gone') setAnswerHeader(context, 'preference-applied', prefer.applied)
  return answer(needs, context, result)
}

/** Apart from the wait, so that nothing of the body waits with it. */
async function readInput(
  needs: CreateRouteNeeds,
  context: HttpContext,
  caller: AuthenticatedKey,
): Promise<GenerationInput> {
  const idempotencyKey = readIdempotencyKey(context)
  const body = await readJsonBody(context, maxOrderBytes)
  const request = parseCreateRequest(body)
  const { parentId } = request
  const { accountId, keyId } = caller
  return {
    ...toOrder(request),
    accountId,
    apiKeyId: keyId,
    echo: toLabels(request),
    // A repeat is shown again also when the parent is gone.
    beforeNew: () => checkParent(needs.db, accountId, { parentId }),
    idempotencyKey,
    fingerprint: fingerprintOf({ method: 'POST', route: paths.generations, accountId, body }),
    deadlineMs: chooseDeadlineMs(needs, hearsLater),
    slots: slotsOfKey(keyId, inFlightCapOf(caller) ?? defaultInFlight),
    spendCaps: caller.spendCaps,
    allowedModels: caller.allowedModels,
  }
}

async function answer(needs: CreateRouteNeeds, context: HttpContext, result: OrderResult): Promise<Response> {
  if (result.kind === 'gone') return context.body(null, 500)
  const { generation } = result
  setAnswerHeader(context, 'x-should-retry', 'false')
  setAnswerHeader(context, 'location', `${needs.publicUrl()}/api/v1/generations/${generation.id}`)
  if (result.kind !== 'overdue') showRepeat(context, result)
  const ended = result.kind === 'ended'
  if (!ended) setAnswerHeader(context, 'retry-after', '1')
  if (ended) context.env.outgoing.once('finish', () => needs.answered.mark(generation.id))
  const queue = ended ? null : await findQueuePlace(needs.db, generation)
  return context.json(toGenerationObject(needs, generation, queue), ended ? 200 : 202)
}

export function parseCreateRequest(body: unknown): CreateGenerationRequest {
  const parsed = createGenerationRequest.safeParse(body, { error: sayKnownFields })
  if (!parsed.success) throw new AppError('invalid_request', undefined, { details: toIssues(parsed.error) })
  return parsed.data
}

/** What is ordered, in core words. */
export function toOrder(
  request: CreateGenerationRequest,
): Pick<GenerationInput, 'dialect' | 'modelId' | 'prompt' | 'options' | 'adapts' | 'inputs'> {
  return {
    dialect: 'native',
    modelId: request.model,
    prompt: request.prompt,
    options: {
      ...noOptions,
      aspectRatio: request.aspectRatio ?? null,
      resolution: request.resolution ?? null,
      size: request.size ?? null,
      quality: request.quality ?? null,
      style: request.style ?? null,
      thinkingLevel: request.thinkingLevel ?? null,
      negativePrompt: request.negativePrompt ?? null,
      seed: request.seed ?? null,
      count: request.n ?? 1,
      outputFormat: request.outputFormat ?? null,
      outputCompression: request.outputCompression ?? null,
      background: request.background ?? null,
      moderation: request.moderation ?? null,
      inputFidelity: request.inputFidelity ?? null,
      partialImages: request.partialImages ?? 0,
    },
    adapts: request.onUnsupported === 'adapt',
    inputs: toInputs(request),
  }
}

function toLabels({ metadata, tags = [], parentId }: CreateGenerationRequest): Labels {
  return {
    ...(metadata ? { metadata } : {}),
    ...(tags.length > 0 ? { tags } : {}),
    ...(parentId ? { parentId } : {}),
  }
}

/** Throws invalid_request when it goes on from nothing that the account has. */
export async function checkParent(
  db: Db,
  accountId: string,
  { parentId }: Pick<CreateGenerationRequest, 'parentId'>,
): Promise<void> {
  if (parentId === undefined || (await findGeneration(db, accountId, parentId))) return
  throw invalidField('parentId', 'parentId names no generation of this account.')
}

function toInputs({ images = [], mask }: CreateGenerationRequest): InputRequests | null {
  if (images.length === 0 && !mask) return null
  return {
    references: images.map((picture, index) => toInputRequest(picture, `images.${index}`)),
    mask: mask ? toInputRequest(mask, 'mask') : null,
  }
}

function toInputRequest({ url, uploadKey }: InputPicture, path: string): InputRequest {
  if (uploadKey !== undefined) {
    return { source: { kind: 'upload', key: uploadKey }, field: `${path}.uploadKey` }
  }
  const field = `${path}.url`
  return { source: readSource(url ?? '', field), field }
}
