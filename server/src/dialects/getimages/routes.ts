// Get Images' five endpoints: its words into the core's verbs and back.
import { OpenAPIHono } from '@hono/zod-openapi'
import type { AuthenticatedKey, RateRule } from '../../accounts/authenticate.ts'
import { findAccountOwner } from '../../accounts/owner.ts'
import { findWallet, listUsage } from '../../credits/ledger.ts'
import type { Db } from '../../db/db.ts'
import { AppError } from '../../errors.ts'
import type { AnsweredMarks } from '../../generations/answered.ts'
import type { CreateNeeds } from '../../generations/create.ts'
import { fingerprintOf } from '../../generations/fingerprint.ts'
import type { FreshImages } from '../../generations/fresh.ts'
import { type Generation, hasFiles } from '../../generations/generation.ts'
import { type OrderResult, orderGeneration } from '../../generations/order.ts'
import { findGeneration, listSucceeded, openImage, takeFreshText } from '../../generations/read.ts'
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
import { logBroken, sendJsonWithImage, sendJsonWithText } from '../../http/send-image.ts'
import type { Log } from '../../log.ts'
import type { Catalog, ModelList } from '../../models/catalog.ts'
import { noOptions } from '../../models/options.ts'
import type { Storage } from '../../storage/storage.ts'
import { describeGetImages } from './describe.ts'
import { renderError, toBodyError, toImageMetadata, toOutcomeError, toTransaction } from './present.ts'
import { generateImageRequest, pageQuery } from './schema.ts'

export type GetImagesNeeds = CreateNeeds &
  AdmissionNeeds &
  Deadlines & {
    db: Db
    catalog: Catalog & ModelList
    storage: Storage
    fresh: FreshImages
    log: Log
    answered: AnsweredMarks
    publicUrl: () => string
    interimResponses: boolean
  }

/** 60 requests a minute and key, all endpoints together. */
const rate: RateRule = { dialect: 'getimages', per: 'key', requests: 60, windowS: 60 }
/** A body is a prompt and four short words. */
const maxBodyBytes = 64 * 1024

export function createGetImagesDialect(needs: GetImagesNeeds): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>()
  app.onError((error, context) => renderError(context, toAppError(needs.log, context, error)))
  const paths = {
    generate: '/api/v1/images/generate',
    images: '/api/v1/images',
    image: '/api/v1/images/:id',
    account: '/api/v1/account',
    usage: '/api/v1/usage',
  }
  const begin = (context: HttpContext, route: string, scope: 'generate' | 'read') => {
    context.set('dialect', 'getimages')
    context.set('route', route)
    return admit(needs, context, { rate, scope })
  }

  app.post(paths.generate, async context => {
    const caller = await begin(context, paths.generate, 'generate')
    return generate(needs, context, caller)
  })
  // Before the pattern with an id, which would take `generate` for one.
  app.all(paths.generate, methodNotAllowed(['POST']))
  app.get(paths.images, async context => {
    const { accountId } = await begin(context, paths.images, 'read')
    const page = readPage(context)
    const { generations, total } = await listSucceeded(needs.db, { accountId, dialect: 'getimages' }, page)
    return context.json({ images: generations.map(each => metadataOf(each)), total, ...page })
  })
  app.get(paths.image, async context => {
    const { accountId } = await begin(context, paths.image, 'read')
    return sendOne(needs, context, accountId)
  })
  app.get(paths.account, async context => {
    const { accountId } = await begin(context, paths.account, 'read')
    const [owner, wallet] = await Promise.all([
      findAccountOwner(needs.db, accountId),
      findWallet(needs.db, accountId),
    ])
    if (!owner || !wallet) throw new AppError('not_found', 'Account not found.')
    return context.json({ userId: owner.userId, email: owner.email, creditBalance: wallet.available })
  })
  app.get(paths.usage, async context => {
    const { accountId } = await begin(context, paths.usage, 'read')
    const page = readPage(context)
    const { rows, total } = await listUsage(needs.db, accountId, page)
    return context.json({ transactions: rows.map(toTransaction), total, ...page })
  })

  for (const path of [paths.images, paths.image, paths.account, paths.usage])
    app.all(path, methodNotAllowed(['GET']))
  describeGetImages(app)
  return app
}

async function generate(
  needs: GetImagesNeeds,
  context: HttpContext,
  caller: AuthenticatedKey,
): Promise<Response> {
  const idempotencyKey = readIdempotencyKey(context)
  const body = await readJsonBody(context, maxBodyBytes)
  const parsed = generateImageRequest.safeParse(body, { reportInput: true, error: sayKnownFields })
  if (!parsed.success) throw toBodyError(parsed.error, needs.catalog)
  const { prompt, modelId, aspectRatio, thinkingLevel } = parsed.data
  const style = parsed.data.style?.trim() || null
  const prefer = readPreference(context)
  const stopInterim = keepWaitingCallerAlive(context, needs.interimResponses)
  try {
    const result = await orderGeneration(
      needs,
      {
        accountId: caller.accountId,
        apiKeyId: caller.keyId,
        dialect: 'getimages',
        modelId,
        prompt,
        options: { ...noOptions, aspectRatio, style, thinkingLevel: thinkingLevel ?? null },
        adapts: prefer.isLenient,
        echo: { style, thinkingLevel: thinkingLevel ?? null },
        inputs: null,
        idempotencyKey,
        fingerprint: fingerprintOf({
          method: 'POST',
          route: '/api/v1/images/generate',
          accountId: caller.accountId,
          body,
        }),
        deadlineMs: chooseDeadlineMs(needs, prefer),
        slots: [],
        spendCaps: caller.spendCaps,
        allowedModels: caller.allowedModels,
      },
      openWait(context, needs, prefer),
    )
    return await answer(needs, context, { result, prefer })
  } finally {
    stopInterim()
  }
}

async function answer(
  needs: GetImagesNeeds,
  context: HttpContext,
  { result, prefer }: { result: OrderResult; prefer: Preference },
): Promise<Response> {
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
  const credits = { charged: generation.captured, remaining: result.available }
  return sendBytes(needs, context, { generation, rest: { credits } })
}

async function sendOne(needs: GetImagesNeeds, context: HttpContext, accountId: string): Promise<Response> {
  const generation = await findGeneration(needs.db, accountId, context.req.param('id') ?? '')
  const shown = generation?.dialect === 'getimages' && hasFiles(generation, needs.now())
  if (!shown) throw new AppError('not_found', 'Image not found.')
  if (context.req.query('format') === 'metadata') return context.json({ image: metadataOf(generation) })
  return sendBytes(needs, context, { generation, rest: {} })
}

/** Writes `{"image": {…, "b64_json": "…"}, …rest}` with the picture streamed from storage. */
async function sendBytes(
  needs: GetImagesNeeds,
  context: HttpContext,
  { generation, rest }: { generation: Generation; rest: Record<string, unknown> },
): Promise<Response> {
  const text = takeFreshText(needs, generation, 0)
  const image = text ? null : await openImage(needs, generation, 0)
  const metadata = JSON.stringify(metadataOf(generation))
  const tail = JSON.stringify(rest)
  const answer = {
    status: 200,
    headers: {},
    before: `{"image":${metadata.slice(0, -1)},"b64_json":"`,
    after: tail === '{}' ? '"}}' : `"},${tail.slice(1)}`,
    onSent: () => needs.answered.mark(generation.id),
  }
  if (text) return sendJsonWithText(context, { ...answer, text })
  if (!image) throw new AppError('not_found', 'Image not found.')
  const onBroken = logBroken(needs.log, context)
  return sendJsonWithImage(context, { ...answer, image, onBroken })
}

function metadataOf(generation: Generation) {
  // The id names its provider: `openai:…`, `google:…`.
  return toImageMetadata(generation, generation.model.split(':')[0] ?? '')
}

function readPage(context: HttpContext): { limit: number; offset: number } {
  const parsed = pageQuery.safeParse({
    limit: context.req.query('limit'),
    offset: context.req.query('offset'),
  })
  if (parsed.success) return parsed.data
  // The contract names one parameter.
  throw new AppError('invalid_request', 'Invalid pagination.', {
    details: toIssues(parsed.error).slice(0, 1),
  })
}
