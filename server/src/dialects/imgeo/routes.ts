// imgeo's three endpoints: its words into the core's verbs and back. POST /api/v1/generate belongs to two dialects at
// the root, so that endpoint is handed out besides: dialects/shared-generate.ts decides whose request it is.
import { OpenAPIHono } from '@hono/zod-openapi'
import type { AuthenticatedKey, RateRule } from '../../accounts/authenticate.ts'
import { inFlightCapOf } from '../../accounts/plans.ts'
import { findWallet } from '../../credits/ledger.ts'
import type { Db } from '../../db/db.ts'
import { AppError, invalidField } from '../../errors.ts'
import type { AnsweredMarks } from '../../generations/answered.ts'
import type { CreateNeeds, GenerationInput } from '../../generations/create.ts'
import { fingerprintOf } from '../../generations/fingerprint.ts'
import { hasFiles } from '../../generations/generation.ts'
import { type OrderResult, orderGeneration } from '../../generations/order.ts'
import type { ShowNeeds } from '../../generations/shown-outputs.ts'
import { type AdmissionNeeds, admit } from '../../http/admission.ts'
import { type HttpContext, type HttpEnv, setAnswerHeader } from '../../http/context.ts'
import { methodNotAllowed, toAppError } from '../../http/errors.ts'
import { readIdempotencyKey } from '../../http/idempotency-key.ts'
import { keepWaitingCallerAlive } from '../../http/interim.ts'
import { sayKnownFields, toIssues } from '../../http/issues.ts'
import { openWait } from '../../http/order-wait.ts'
import {
  chooseDeadlineMs,
  type Deadlines,
  type Preference,
  readPreference,
  sendAccepted,
  showPreference,
} from '../../http/prefer.ts'
import { readJsonBody } from '../../http/read-json.ts'
import type { Log } from '../../log.ts'
import type { ModelList } from '../../models/catalog.ts'
import { noOptions } from '../../models/options.ts'
import type { InputRequests } from '../../uploads/input.ts'
import { describeAll, describeOwn } from './describe.ts'
import { renderError, toGenerateResponse, toModelObject, toOutcomeError } from './present.ts'
import { type GenerateRequest, generateRequest } from './schema.ts'

export type ImgeoNeeds = Omit<CreateNeeds, 'catalog'> &
  AdmissionNeeds &
  ShowNeeds &
  Deadlines & {
    catalog: CreateNeeds['catalog'] & ModelList
    db: Db
    log: Log
    answered: AnsweredMarks
    interimResponses: boolean
  }

export type ImgeoDialect = {
  /** All of it, for its mount. */
  whole: OpenAPIHono<HttpEnv>
  /** What it owns alone. */
  own: OpenAPIHono<HttpEnv>
  /** POST /api/v1/generate; never rejects. `readBody` for a body that was read before. */
  generate(context: HttpContext, readBody?: () => Promise<unknown>): Promise<Response>
  /** An error as the contract shows it. */
  fail(context: HttpContext, error: unknown): Response
}

/** The contract promises no limit; a key may have one of its own. */
const rate: RateRule = { dialect: 'imgeo', per: 'key', requests: 0, windowS: 60 }
/** A body is two prompts, an address and four short words. */
const maxBodyBytes = 64 * 1024

const paths = { generate: '/api/v1/generate', models: '/api/v1/models', balance: '/api/v1/balance' }

export function createImgeoDialect(needs: ImgeoNeeds): ImgeoDialect {
  const fail = (context: HttpContext, error: unknown) =>
    renderError(context, toAppError(needs.log, context, error))
  const begin = (context: HttpContext, route: string) => {
    context.set('dialect', 'imgeo')
    context.set('route', route)
  }
  const makeApp = () => {
    const app = new OpenAPIHono<HttpEnv>()
    app.onError((error, context) => fail(context, error))
    return app
  }
  const generate: ImgeoDialect['generate'] = async (
    context,
    readBody = () => readJsonBody(context, maxBodyBytes),
  ) => {
    begin(context, paths.generate)
    try {
      const caller = await admit(needs, context, { rate, scope: 'generate' })
      return await order(needs, context, { caller, readBody })
    } catch (error) {
      return fail(context, error)
    }
  }

  const own = makeApp()
  own.get(paths.models, context => {
    begin(context, paths.models)
    return context.json(
      needs.catalog
        .list('imgeo')
        .filter(model => model.offered)
        .map(toModelObject),
    )
  })
  own.get(paths.balance, async context => {
    begin(context, paths.balance)
    const { accountId } = await admit(needs, context, { rate, scope: 'read' })
    const wallet = await findWallet(needs.db, accountId)
    if (!wallet) throw new AppError('unauthorized')
    return context.json({ balance: wallet.available, credits: wallet.available })
  })
  for (const path of [paths.models, paths.balance]) own.all(path, methodNotAllowed(['GET']))

  // Mounting copies what is described by then.
  describeOwn(own)
  const whole = makeApp()
  whole.post(paths.generate, context => generate(context))
  whole.all(paths.generate, methodNotAllowed(['POST']))
  whole.route('/', own)
  describeAll(whole)
  return { whole, own, generate, fail }
}

type Order = {
  caller: AuthenticatedKey
  readBody: () => Promise<unknown>
}

async function order(
  needs: ImgeoNeeds,
  context: HttpContext,
  { caller, readBody }: Order,
): Promise<Response> {
  const idempotencyKey = readIdempotencyKey(context)
  const body = await readBody()
  const parsed = generateRequest.safeParse(body, { error: sayKnownFields })
  if (!parsed.success) throw new AppError('invalid_request', undefined, { details: toIssues(parsed.error) })
  const { accountId, keyId } = caller
  const inFlightCap = inFlightCapOf(caller)
  const prefer = readPreference(context)
  const input: GenerationInput = {
    ...toInput(parsed.data),
    adapts: prefer.isLenient,
    accountId,
    apiKeyId: keyId,
    idempotencyKey,
    fingerprint: fingerprintOf({ method: 'POST', route: paths.generate, accountId, body }),
    deadlineMs: chooseDeadlineMs(needs, prefer),
    slots: inFlightCap ? [{ scope: `imgeo:${keyId}`, cap: inFlightCap }] : [],
    spendCaps: caller.spendCaps,
    allowedModels: caller.allowedModels,
  }
  const stopInterim = keepWaitingCallerAlive(context, needs.interimResponses)
  try {
    const wait = openWait(context, needs, prefer)
    const result = await orderGeneration(needs, input, wait)
    return answer(needs, context, { result, prefer })
  } finally {
    stopInterim()
  }
}

function answer(
  needs: ImgeoNeeds,
  context: HttpContext,
  { result, prefer }: { result: OrderResult; prefer: Preference },
): Response {
  // Nobody reads this; a body is needed all the same.
  if (result.kind === 'gone') return context.body(null, 500)
  const { generation } = result
  // Open past its deadline: what becomes of it is not known here, so nothing is claimed about it.
  if (result.kind === 'overdue')
    throw new AppError('internal', 'The outcome is not known yet.', { generationId: generation.id })
  if (result.replayed) setAnswerHeader(context, 'idempotent-replayed', 'true')
  showPreference(context, prefer, generation)
  setAnswerHeader(context, 'x-should-retry', 'false')
  if (result.kind === 'open') return sendAccepted(context, { publicUrl: needs.publicUrl(), generation })
  if (generation.state !== 'succeeded') throw toOutcomeError(generation)
  if (!hasFiles(generation, needs.now())) throw new AppError('not_found', 'The images were deleted.')
  context.env.outgoing.once('finish', () => needs.answered.mark(generation.id))
  return context.json(toGenerateResponse(needs, generation, result.available))
}

function toInput(request: GenerateRequest) {
  return {
    dialect: 'imgeo' as const,
    modelId: request.model,
    prompt: request.prompt,
    options: {
      ...noOptions,
      aspectRatio: request.aspect_ratio ?? '1:1',
      negativePrompt: request.negative_prompt ?? null,
      count: request.count ?? 1,
    },
    echo: {},
    inputs: toInputs(request),
  }
}

function toInputs({ mode, image }: GenerateRequest): InputRequests | null {
  // The contract has `image` for one mode only; in the other it says nothing.
  if (mode !== 'img2img') return null
  if (image === undefined) throw invalidField('image', 'mode img2img needs image.', 'invalid_type')
  // Plain http is refused where it is fetched, unless the operator has allowed that very target.
  if (!/^https?:/i.test(image)) {
    throw invalidField('image', 'image must be the https address of a picture.', 'invalid_format')
  }
  return { references: [{ source: { kind: 'url', url: image }, field: 'image' }], mask: null }
}
