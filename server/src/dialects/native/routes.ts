// The core of the native API: create a generation with any model, read it, read its images.
import { OpenAPIHono } from '@hono/zod-openapi'
import type { AuthenticatedKey, RateRule } from '../../accounts/authenticate.ts'
import type { Db } from '../../db/db.ts'
import { AppError, invalidField } from '../../errors.ts'
import type { AnsweredMarks } from '../../generations/answered.ts'
import type { CreateNeeds, GenerationInput } from '../../generations/create.ts'
import { type OutputNeeds, openOutput } from '../../generations/files.ts'
import { fingerprintOf } from '../../generations/fingerprint.ts'
import type { FreshImages } from '../../generations/fresh.ts'
import type { Generation } from '../../generations/generation.ts'
import { orderGeneration } from '../../generations/order.ts'
import { findGeneration } from '../../generations/read.ts'
import type { ShowNeeds } from '../../generations/shown-outputs.ts'
import { type AdmissionNeeds, admit } from '../../http/admission.ts'
import { callerGone } from '../../http/caller-gone.ts'
import { type HttpContext, type HttpEnv, setAnswerHeader } from '../../http/context.ts'
import { methodNotAllowed, toAppError } from '../../http/errors.ts'
import { cacheControlOf } from '../../http/files.ts'
import { readIdempotencyKey } from '../../http/idempotency-key.ts'
import { readPreferredWaitMs } from '../../http/prefer.ts'
import { showRate } from '../../http/rate-headers.ts'
import { readJsonBody } from '../../http/read-json.ts'
import { sendFile, setFileHeaders } from '../../http/send-file.ts'
import { logBroken } from '../../http/send-image.ts'
import type { Log } from '../../log.ts'
import { noOptions } from '../../models/options.ts'
import type { OutputFormat } from '../../storage/links.ts'
import type { InputRequest, InputRequests } from '../../uploads/input.ts'
import { readSource } from '../../uploads/reference.ts'
import type { UploadNeeds } from '../../uploads/uploads.ts'
import { describeNative } from './describe.ts'
import { renderError, toGenerationObject, toIssues } from './present.ts'
import {
  type CreateGenerationRequest,
  createGenerationRequest,
  type InputPicture,
  imageFormats,
} from './schema.ts'
import { addUploads } from './upload-routes.ts'

export type NativeNeeds = CreateNeeds &
  AdmissionNeeds &
  OutputNeeds &
  ShowNeeds & {
    db: Db
    fresh: FreshImages
    log: Log
    answered: AnsweredMarks
    uploads: UploadNeeds
    deadlineAsyncMs: number
  }

const rate: RateRule = { dialect: 'native', per: 'key', requests: 600, windowS: 60 }
const defaultInFlight = 50
/** A prompt of 32,000 four-byte characters with its options, and a picture or two as data URLs. */
const maxBodyBytes = 25 * 1024 * 1024

const paths = {
  generations: '/api/v1/generations',
  generation: '/api/v1/generations/:id',
  image: '/api/v1/generations/:id/images/:index',
}

export function createNativeDialect(needs: NativeNeeds): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>()
  app.onError((error, context) => {
    showRate(needs, context, rate)
    return renderError(context, toAppError(needs.log, context, error))
  })
  const begin = async (context: HttpContext, route: string, scope: 'generate' | 'read') => {
    context.set('dialect', 'native')
    context.set('route', route)
    const caller = await admit(needs, context, { rate, scope })
    showRate(needs, context, rate)
    return caller
  }

  app.post(paths.generations, async context => {
    const caller = await begin(context, paths.generations, 'generate')
    return create(needs, context, caller)
  })
  app.get(paths.generation, async context => {
    const { accountId } = await begin(context, paths.generation, 'read')
    const generation = await findGeneration(needs.db, accountId, context.req.param('id') ?? '')
    if (!generation) throw new AppError('not_found', 'There is no such generation.')
    const shown = toGenerationObject(needs, generation)
    if (shown.status === 'queued' || shown.status === 'running') setAnswerHeader(context, 'retry-after', '1')
    return context.json(shown)
  })
  app.get(paths.image, async context => {
    setFileHeaders(context, { crossOrigin: false })
    const { accountId } = await begin(context, paths.image, 'read')
    return sendOne(needs, context, accountId)
  })

  addUploads(app, needs, begin)
  app.all(paths.generations, methodNotAllowed(['POST']))
  app.all(paths.generation, methodNotAllowed(['GET']))
  app.all(paths.image, methodNotAllowed(['GET']))
  describeNative(app)
  return app
}

async function create(needs: NativeNeeds, context: HttpContext, caller: AuthenticatedKey): Promise<Response> {
  const idempotencyKey = readIdempotencyKey(context)
  const body = await readJsonBody(context, maxBodyBytes)
  const parsed = createGenerationRequest.safeParse(body)
  if (!parsed.success) throw new AppError('invalid_request', undefined, { details: toIssues(parsed.error) })
  const prefer = readPreferredWaitMs(context.req.header('prefer'))
  const cap = caller.inFlightCap ?? defaultInFlight
  const input: GenerationInput = {
    ...toInput(parsed.data),
    accountId: caller.accountId,
    apiKeyId: caller.keyId,
    idempotencyKey,
    fingerprint: fingerprintOf({
      method: 'POST',
      route: paths.generations,
      accountId: caller.accountId,
      body,
    }),
    deadlineMs: needs.deadlineAsyncMs,
    slots: cap > 0 ? [{ scope: `native:${caller.keyId}`, cap }] : [],
    spendCaps: caller.spendCaps,
  }
  // Asynchronous unless the caller says how long it wants to wait.
  const wait = { waitMs: prefer?.waitMs ?? 0, signal: callerGone(context) }
  const result = await orderGeneration(needs, input, wait)
  if (result.kind === 'gone') return context.body(null, 500)
  const { generation } = result
  setAnswerHeader(context, 'x-should-retry', 'false')
  setAnswerHeader(context, 'location', `${needs.publicUrl()}/api/v1/generations/${generation.id}`)
  if (prefer) setAnswerHeader(context, 'preference-applied', prefer.applied)
  if (result.kind !== 'overdue' && result.replayed) setAnswerHeader(context, 'idempotent-replayed', 'true')
  const ended = result.kind === 'ended'
  if (!ended) setAnswerHeader(context, 'retry-after', '1')
  if (ended) context.env.outgoing.once('finish', () => needs.answered.mark(generation.id))
  return context.json(toGenerationObject(needs, generation), ended ? 200 : 202)
}

function toInput(request: CreateGenerationRequest) {
  return {
    dialect: 'native' as const,
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
    },
    echo: {},
    inputs: toInputs(request),
  }
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

async function sendOne(needs: NativeNeeds, context: HttpContext, accountId: string): Promise<Response> {
  const format = readFormat(context)
  const generation = await findGeneration(needs.db, accountId, context.req.param('id') ?? '')
  const index = context.req.param('index') ?? ''
  const file =
    generation && /^\d{1,3}$/.test(index)
      ? await openOutput(needs, generation, { index: Number(index), format })
      : null
  if (!generation || !file) throw new AppError('not_found', 'There is no such image.')
  return sendFile(context, file, {
    cacheControl: privateCacheOf(generation, needs.now()),
    crossOrigin: false,
    onBroken: logBroken(needs.log, context),
  })
}

function privateCacheOf({ filesExpireAt }: Generation, now: Date): string {
  return filesExpireAt ? cacheControlOf(filesExpireAt, now) : 'private, max-age=31536000, immutable'
}

/** Left out: the bytes as the model made them. */
function readFormat(context: HttpContext): OutputFormat {
  const given = context.req.query('format')
  if (given === undefined) return 'original'
  const format = imageFormats.find(each => each === given)
  if (!format) throw invalidField('format', `format must be one of ${imageFormats.join(', ')}.`)
  return format
}
