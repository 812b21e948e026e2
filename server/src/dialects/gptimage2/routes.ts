// gptimage2: an order is answered with 202, at once unless the caller prefers to wait, and polled. POST /api/v1/generate belongs to two dialects at the
// root, so that endpoint is handed out besides: dialects/shared-generate.ts decides whose request it is. The other two
// stand at the root as the native API's, which answers the same objects.
import { OpenAPIHono } from '@hono/zod-openapi'
import type { AuthenticatedKey, RateRule } from '../../accounts/authenticate.ts'
import type { KeyScope } from '../../accounts/keys.ts'
import { inFlightCapOf, type Plans, requirePlan } from '../../accounts/plans.ts'
import type { Db } from '../../db/db.ts'
import { AppError, isUnknownModel } from '../../errors.ts'
import type { CreateNeeds, GenerationInput } from '../../generations/create.ts'
import { fingerprintOf } from '../../generations/fingerprint.ts'
import { type Generation, shownCost } from '../../generations/generation.ts'
import { type OrderResult, orderGeneration } from '../../generations/order.ts'
import { findGeneration } from '../../generations/read.ts'
import { slotsOfKey } from '../../generations/slots.ts'
import { type AdmissionNeeds, admit, passUnknown } from '../../http/admission.ts'
import { type HttpContext, type HttpEnv, setAnswerHeader } from '../../http/context.ts'
import { methodNotAllowed, toAppError } from '../../http/errors.ts'
import { readIdempotencyKey } from '../../http/idempotency-key.ts'
import { sayKnownFields, toIssues } from '../../http/issues.ts'
import { openWait } from '../../http/order-wait.ts'
import { chooseDeadlineMs, type Deadlines, hearsLater, readPreferredWaitMs } from '../../http/prefer.ts'
import { showRate } from '../../http/rate-headers.ts'
import { readJsonBody } from '../../http/read-json.ts'
import type { Log } from '../../log.ts'
import { noOptions } from '../../models/options.ts'
import { createUpload, type UploadNeeds } from '../../uploads/uploads.ts'
import { describeGptimage2 } from './describe.ts'
import { renderError, toStatus } from './present.ts'
import { doubledSizes, type GenerateRequest, generateRequest, uploadRequest } from './schema.ts'

export type Gptimage2Needs = CreateNeeds &
  AdmissionNeeds &
  Deadlines & {
    db: Db
    log: Log
    plans: Plans
    uploads: UploadNeeds
    publicUrl: () => string
    /** The model behind every order. */
    gptimage2Model: string
    /** The native API's object of a generation, which this contract's is part of. */
    showGeneration(generation: Generation): Promise<Record<string, unknown>>
  }

export type Gptimage2Dialect = {
  /** All of it, for its mount. */
  whole: OpenAPIHono<HttpEnv>
  /** POST /api/v1/generate; never rejects. `readBody` for a body that was read before. */
  generate(context: HttpContext, readBody?: () => Promise<unknown>): Promise<Response>
  /** An error as the contract shows it, its rate headers with it. */
  fail(context: HttpContext, error: unknown): Response
  showRate(context: HttpContext): void
  /** Counts a call that no endpoint takes, so that its answer shows the true window. Throws rate_limited alone. */
  count(context: HttpContext, route: string): Promise<void>
}

const rate: RateRule = { dialect: 'gptimage2', per: 'key', requests: 600, windowS: 3_600 }
const defaultInFlight = 5
/** A prompt of 4,000 four-byte characters, escaped, and four keys. */
const maxBodyBytes = 64 * 1024

const paths = {
  generate: '/api/v1/generate',
  generation: '/api/v1/generations/:id',
  upload: '/api/v1/upload',
}

type Begin = (context: HttpContext, route: string, scope: KeyScope) => Promise<AuthenticatedKey>

export function createGptimage2Dialect(needs: Gptimage2Needs): Gptimage2Dialect {
  const show = (context: HttpContext) => showRate(needs, context, rate)
  const fail = (context: HttpContext, error: unknown) => {
    show(context)
    return renderError(context, toAppError(needs.log, context, error))
  }
  const begin: Begin = async (context, route, scope) => {
    context.set('dialect', 'gptimage2')
    context.set('route', route)
    const caller = await admit(needs, context, { rate, scope })
    show(context)
    return caller
  }
  const generate: Gptimage2Dialect['generate'] = async (
    context,
    readBody = () => readJsonBody(context, maxBodyBytes),
  ) => {
    try {
      const caller = await begin(context, paths.generate, 'generate')
      return await order(needs, context, { caller, readBody })
    } catch (error) {
      return fail(context, error)
    }
  }

  const count = async (context: HttpContext, route: string) => {
    await begin(context, route, 'read').catch(passUnknown)
  }
  const refuseMethod = (app: OpenAPIHono<HttpEnv>, path: string, allow: string[]) =>
    app.all(path, async context => {
      await count(context, path)
      return methodNotAllowed(allow)()
    })

  const whole = new OpenAPIHono<HttpEnv>()
  whole.onError((error, context) => fail(context, error))
  whole.post(paths.generate, context => generate(context))
  whole.get(paths.generation, async context => {
    const { accountId } = await begin(context, paths.generation, 'read')
    const generation = await findGeneration(needs.db, accountId, context.req.param('id') ?? '')
    if (!generation) throw new AppError('not_found', 'There is no such generation.')
    const shown = { ...(await needs.showGeneration(generation)), costCredits: shownCost(generation) }
    return context.json({ ...shown, status: toStatus(generation) })
  })
  addUpload(whole, needs, begin)
  for (const path of [paths.generate, paths.upload]) refuseMethod(whole, path, ['POST'])
  refuseMethod(whole, paths.generation, ['GET'])
  whole.all('/*', async context => {
    await count(context, 'other')
    throw new AppError('not_found')
  })
  describeGptimage2(whole)
  return { whole, generate, fail, showRate: show, count }
}

type Order = { caller: AuthenticatedKey; readBody: () => Promise<unknown> }

async function order(
  needs: Gptimage2Needs,
  context: HttpContext,
  { caller, readBody }: Order,
): Promise<Response> {
  const idempotencyKey = readIdempotencyKey(context)
  const body = await readBody()
  const parsed = generateRequest.safeParse(body, { error: sayKnownFields })
  if (!parsed.success) throw new AppError('invalid_request', undefined, { details: toIssues(parsed.error) })
  const { accountId, keyId } = caller
  const input: GenerationInput = {
    ...toInput(parsed.data),
    dialect: 'gptimage2',
    modelId: needs.gptimage2Model,
    accountId,
    apiKeyId: keyId,
    idempotencyKey,
    fingerprint: fingerprintOf({ method: 'POST', route: paths.generate, accountId, body }),
    deadlineMs: chooseDeadlineMs(needs, hearsLater),
    slots: slotsOfKey(keyId, inFlightCapOf(caller) ?? defaultInFlight),
    spendCaps: caller.spendCaps,
    allowedModels: caller.allowedModels,
    // A repeat shows its order whatever became of the plan.
    beforeNew: () => requirePlan(needs.plans, caller),
  }
  const prefer = readPreferredWaitMs(context.req.header('prefer'))
  // At once unless the caller says how long it wants to wait.
  const wait = openWait(context, needs, prefer ?? hearsLater)
  const result = await orderGeneration(needs, input, wait).catch(orUnavailable)
  // Nobody reads this; a body is needed all the same.
  if (result.kind === 'gone') return context.body(null, 500)
  if (prefer) setAnswerHeader(context, 'preference-applied', prefer.applied)
  return accepted(needs, context, { result, hasWaited: wait.waitMs !== 0 })
}

type Taken = Exclude<OrderResult, { kind: 'gone' }>

/** The contract's one answer: the id, and the status as it is now. */
async function accepted(
  needs: Gptimage2Needs,
  context: HttpContext,
  { result, hasWaited }: { result: Taken; hasWaited: boolean },
): Promise<Response> {
  const { generation } = result
  const replayed = result.kind !== 'overdue' && result.replayed
  if (replayed) setAnswerHeader(context, 'idempotent-replayed', 'true')
  setAnswerHeader(context, 'x-should-retry', 'false')
  setAnswerHeader(context, 'location', `${needs.publicUrl()}/api/v1/generations/${generation.id}`)
  return context.json({ generationId: generation.id, status: await statusNow() }, 202)

  async function statusNow() {
    if (result.kind === 'ended' || (replayed && !hasWaited)) return toStatus(generation)
    // A new order was queued, though a worker may have it already by the time this is read.
    if (!hasWaited) return 'queued'
    return toStatus((await findGeneration(needs.db, generation.accountId, generation.id)) ?? generation)
  }
}

/** The caller names no model: that the operator's is not served now is no fault of the request. */
function orUnavailable(error: unknown): never {
  if (!(error instanceof AppError) || !isUnknownModel(error)) throw error
  // That it is gone for good the caller may know: only the operator can mend it.
  const text =
    error.options.reason === 'retired_model' ? error.message : 'The model is not available right now.'
  throw new AppError('unavailable', text, { cause: error })
}

function toInput({ prompt, size = '1024x1024', quality = 'medium', n = 1, ...request }: GenerateRequest) {
  const keys = request.inputImageKeys ?? []
  const references = keys.map((key, index) => ({
    source: { kind: 'upload' as const, key },
    field: `inputImageKeys.${index}`,
  }))
  return {
    prompt,
    options: {
      ...noOptions,
      size: quality === 'high' ? doubledSizes[size] : size,
      quality,
      count: n,
    },
    echo: {},
    inputs: keys.length > 0 ? { references, mask: null } : null,
  }
}

/** A name of 200 characters, escaped, and two short fields. */
const maxUploadBodyBytes = 16 * 1024

function addUpload(app: OpenAPIHono<HttpEnv>, needs: Gptimage2Needs, begin: Begin): void {
  app.post(paths.upload, async context => {
    const caller = await begin(context, paths.upload, 'generate')
    const { accountId } = caller
    const idempotencyKey = readIdempotencyKey(context)
    const body = await readJsonBody(context, maxUploadBodyBytes)
    const parsed = uploadRequest.safeParse(body, { error: sayKnownFields })
    if (!parsed.success) throw new AppError('invalid_request', undefined, { details: toIssues(parsed.error) })
    requirePlan(needs.plans, caller)
    const { filename, contentType, size: sizeBytes } = parsed.data
    const made = await createUpload(needs.uploads, {
      ...{ accountId, filename, contentType, sizeBytes, idempotencyKey },
      fingerprint: fingerprintOf({ method: 'POST', route: paths.upload, accountId, body }),
    })
    if (made.replayed) setAnswerHeader(context, 'idempotent-replayed', 'true')
    return context.json({ url: made.url, key: made.key, expiresAt: made.expiresAt.toISOString() })
  })
}
