// The core of the native API: create a generation with any model, read it, read its images.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { RateRule } from '../../accounts/authenticate.ts'
import type { Db } from '../../db/db.ts'
import { AppError } from '../../errors.ts'
import type { AnsweredMarks } from '../../generations/answered.ts'
import type { CreateNeeds, GenerationInput } from '../../generations/create.ts'
import { fingerprintOf } from '../../generations/fingerprint.ts'
import type { FreshImages } from '../../generations/fresh.ts'
import { orderGeneration } from '../../generations/order.ts'
import { findGeneration, openImage } from '../../generations/read.ts'
import { type AdmissionNeeds, admit } from '../../http/admission.ts'
import { callerGone } from '../../http/caller-gone.ts'
import { type HttpContext, type HttpEnv, setAnswerHeader } from '../../http/context.ts'
import { methodNotAllowed, toAppError } from '../../http/errors.ts'
import { readIdempotencyKey } from '../../http/idempotency-key.ts'
import { readPreferredWaitMs } from '../../http/prefer.ts'
import { readJsonBody } from '../../http/read-json.ts'
import { sendImage } from '../../http/send-image.ts'
import type { Log } from '../../log.ts'
import { noOptions } from '../../models/options.ts'
import type { Storage } from '../../storage/storage.ts'
import { renderError, toGenerationObject, toIssues } from './present.ts'
import {
  type CreateGenerationRequest,
  createGenerationRequest,
  generationObject,
  nativeError,
} from './schema.ts'

export type NativeNeeds = CreateNeeds &
  AdmissionNeeds & {
    db: Db
    storage: Storage
    fresh: FreshImages
    log: Log
    answered: AnsweredMarks
    publicUrl: () => string
    deadlineAsyncMs: number
  }

const rate: RateRule = { dialect: 'native', per: 'key', requests: 600, windowS: 60 }
const defaultInFlight = 50
/** A prompt of 32,000 four-byte characters and its options. */
const maxBodyBytes = 256 * 1024

const paths = {
  generations: '/api/v1/generations',
  generation: '/api/v1/generations/:id',
  image: '/api/v1/generations/:id/images/:index',
}

export function createNativeDialect(needs: NativeNeeds): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>()
  app.onError((error, context) => renderError(context, toAppError(needs.log, context, error)))

  app.post(paths.generations, async context => {
    const caller = await begin(needs, context, paths.generations, 'generate')
    return create(needs, context, caller)
  })
  app.get(paths.generation, async context => {
    const { accountId } = await begin(needs, context, paths.generation, 'read')
    const generation = await findGeneration(needs.db, accountId, context.req.param('id') ?? '')
    if (!generation) throw new AppError('not_found', 'There is no such generation.')
    const shown = toGenerationObject(generation, needs.publicUrl())
    if (shown.status === 'queued' || shown.status === 'running') setAnswerHeader(context, 'retry-after', '1')
    return context.json(shown)
  })
  app.get(paths.image, async context => {
    const { accountId } = await begin(needs, context, paths.image, 'read')
    return sendOne(needs, context, accountId)
  })

  app.all(paths.generations, methodNotAllowed(['POST']))
  app.all(paths.generation, methodNotAllowed(['GET']))
  app.all(paths.image, methodNotAllowed(['GET']))
  describe(app)
  return app
}

async function begin(needs: NativeNeeds, context: HttpContext, route: string, scope: 'generate' | 'read') {
  context.set('dialect', 'native')
  context.set('route', route)
  const caller = await admit(needs, context, { rate, scope })
  if (caller.rate) {
    setAnswerHeader(context, 'x-ratelimit-limit', String(caller.rate.limit))
    setAnswerHeader(context, 'x-ratelimit-remaining', String(caller.rate.remaining))
    setAnswerHeader(context, 'x-ratelimit-reset', String(Math.ceil(caller.rate.resetAt.getTime() / 1000)))
  }
  return caller
}

async function create(
  needs: NativeNeeds,
  context: HttpContext,
  caller: { accountId: string; keyId: string; inFlightCap: number | null },
): Promise<Response> {
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
  return context.json(toGenerationObject(generation, needs.publicUrl()), ended ? 200 : 202)
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
    inputs: null,
  }
}

async function sendOne(needs: NativeNeeds, context: HttpContext, accountId: string): Promise<Response> {
  const generation = await findGeneration(needs.db, accountId, context.req.param('id') ?? '')
  const index = context.req.param('index') ?? ''
  const found =
    generation && /^\d{1,3}$/.test(index) ? await openImage(needs, generation, Number(index)) : null
  if (!found) throw new AppError('not_found', 'There is no such image.')
  const { mediaType, sizeBytes, sha256 } = found.image
  return sendImage(context, {
    status: 200,
    headers: {
      'content-type': mediaType,
      'content-length': String(sizeBytes),
      etag: `"${sha256}"`,
      'cache-control': 'private, max-age=31536000, immutable',
      'content-security-policy': "default-src 'none'; sandbox",
      'cross-origin-resource-policy': 'same-origin',
    },
    image: found,
  })
}

function describe(app: OpenAPIHono<HttpEnv>): void {
  const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
  const refused = (description: string) => ({ description, content: json(nativeError) })
  const common = {
    400: refused('The request is not valid; `issues` names the fields.'),
    401: refused('The API key is missing or not valid.'),
    429: refused('Too many requests, or too many generations in flight; see `Retry-After`.'),
    503: refused('At capacity or not available right now; see `Retry-After`.'),
  }
  const tags = ['Generations']
  const id = z.object({ id: z.uuid() })
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/api/v1/generations',
    tags,
    summary: 'Create a generation',
    description:
      'Takes an order for any model and answers 202 at once, or waits when asked by `Prefer: wait=N`. `Idempotency-Key` makes a repeat safe.',
    operationId: 'createGeneration',
    request: { body: { required: true, content: json(createGenerationRequest) } },
    responses: {
      200: { description: 'Ended within the wait', content: json(generationObject) },
      202: { description: 'Accepted', content: json(generationObject) },
      402: refused('Too few credits.'),
      422: refused('The idempotency key was used with another request.'),
      ...common,
    },
  })
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/api/v1/generations/{id}',
    tags,
    summary: 'Read a generation',
    operationId: 'getGeneration',
    request: { params: id },
    responses: {
      200: { description: 'The generation as it is now', content: json(generationObject) },
      404: refused('Unknown, or not yours.'),
      ...common,
    },
  })
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/api/v1/generations/{id}/images/{index}',
    tags,
    summary: 'Read the bytes of an image',
    operationId: 'getGenerationImage',
    request: { params: id.extend({ index: z.int().min(0) }) },
    responses: {
      200: {
        description: 'The image',
        content: { 'image/*': { schema: z.string().openapi({ format: 'binary' }) } },
      },
      404: refused('Unknown, not yours, or deleted.'),
      ...common,
    },
  })
}
