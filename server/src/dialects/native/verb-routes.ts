// What can be done to an order beside creating it: price it, cancel it, delete what it left.
import type { OpenAPIHono, z } from '@hono/zod-openapi'
import { requireModel } from '../../accounts/allowed-models.ts'
import type { Db } from '../../db/db.ts'
import { AppError } from '../../errors.ts'
import { type CancelNeeds, type CancelResult, cancelGeneration } from '../../generations/cancel.ts'
import { type DeleteNeeds, deleteGeneration } from '../../generations/files.ts'
import { findQueuePlace, type QueuePlace } from '../../generations/queue-place.ts'
import type { ShowNeeds } from '../../generations/shown-outputs.ts'
import { findTerms } from '../../generations/terms.ts'
import type { HttpContext, HttpEnv } from '../../http/context.ts'
import { readJsonBody } from '../../http/read-json.ts'
import type { Catalog } from '../../models/catalog.ts'
import type { Begin } from './begin.ts'
import { checkParent, maxOrderBytes, parseCreateRequest, toOrder } from './create-route.ts'
import { paths } from './paths.ts'
import { toGenerationObject } from './present.ts'
import { readQuery } from './query.ts'
import { noSuchGeneration } from './read-routes.ts'
import { type cancellation, noQuery, type quote } from './schema.ts'

export type VerbNeeds = CancelNeeds &
  DeleteNeeds &
  ShowNeeds & { db: Db; catalog: Catalog; isSandbox(): boolean }

export function addVerbs(app: OpenAPIHono<HttpEnv>, needs: VerbNeeds, begin: Begin): void {
  app.post(paths.quote, async context => {
    const { accountId, allowedModels } = await begin(context, paths.quote, 'generate')
    readQuery(context, noQuery)
    const request = parseCreateRequest(await readJsonBody(context, maxOrderBytes))
    await checkParent(needs.db, accountId, request)
    requireModel(allowedModels, request.model)
    const { offer, ownProviders } = await findTerms(needs, { ...toOrder(request), accountId })
    const { modelId: model, price: costCredits, unitPrice: unitCredits, warnings } = offer
    const n = offer.options.count
    const ownKey = ownProviders !== null
    return context.json({ model, n, unitCredits, costCredits, ownKey, warnings } satisfies Quote)
  })
  app.post(paths.cancel, async context => {
    const { accountId } = await begin(context, paths.cancel, 'generate')
    readQuery(context, noQuery)
    const result = await cancelGeneration(needs, accountId, idOf(context))
    if (!result) throw noSuchGeneration()
    const queue = await findQueuePlace(needs.db, result.generation)
    return context.json(toCancellation(needs, result, queue))
  })
  app.delete(paths.generation, async context => {
    const { accountId } = await begin(context, paths.generation, 'generate')
    readQuery(context, noQuery)
    const id = idOf(context)
    const outcome = await deleteGeneration(needs, accountId, id)
    if (outcome === 'not_found') throw noSuchGeneration()
    if (outcome === 'open') throw new AppError('still_running', undefined, { generationId: id })
    return context.body(null, 204)
  })
}

type Quote = z.infer<typeof quote>

const idOf = (context: HttpContext) => context.req.param('id') ?? ''

/** A second cancel of a canceled generation is told the same as the first. */
function toCancellation(
  needs: ShowNeeds,
  { kind, generation }: CancelResult,
  queue: QueuePlace | null,
): z.infer<typeof cancellation> {
  const shown = toGenerationObject(needs, generation, queue)
  if (generation.state === 'canceled') {
    return { outcome: 'canceled', message: 'Canceled. Nothing was charged.', generation: shown }
  }
  const message =
    kind === 'runs_on'
      ? 'The model is at work and cannot be stopped. The generation runs on and is charged if it delivers.'
      : 'The generation had ended before it could be canceled.'
  return { outcome: kind === 'runs_on' ? 'runs_on' : 'already_ended', message, generation: shown }
}
