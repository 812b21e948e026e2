// OpenAI's Images API: generations, edits and the model list. Every model of the catalogue can be called.
import { OpenAPIHono } from '@hono/zod-openapi'
import type { RateRule } from '../../accounts/authenticate.ts'
import type { KeyScope } from '../../accounts/keys.ts'
import { AppError } from '../../errors.ts'
import type { CreateNeeds } from '../../generations/create.ts'
import { type AdmissionNeeds, admit } from '../../http/admission.ts'
import type { HttpContext, HttpEnv } from '../../http/context.ts'
import { methodNotAllowed, toAppError } from '../../http/errors.ts'
import type { Deadlines } from '../../http/prefer.ts'
import { readJsonBody } from '../../http/read-json.ts'
import { admitOrder } from '../../http/retry-mark.ts'
import type { Spool } from '../../http/spool.ts'
import type { ModelList } from '../../models/catalog.ts'
import type { AnswerNeeds } from './answer.ts'
import { describeOpenAi } from './describe.ts'
import { findWireModel, listWireModels } from './models.ts'
import { type Order, toOrder } from './order.ts'
import { renderError } from './present.ts'
import { parseRequest, readEdit } from './read-edit.ts'
import { runOrder } from './run-order.ts'
import { generateRequest } from './schema.ts'

export type OpenAiNeeds = CreateNeeds &
  AdmissionNeeds &
  AnswerNeeds &
  Deadlines & {
    catalog: ModelList
    spool: Spool
    publicUrl: () => string
    interimResponses: boolean
    /** What serves an order that names no model. */
    defaultModel: string
    /** Per key; null = none, but a key's own limit counts. */
    rate: { requests: number; windowS: number } | null
  }

/** A prompt of 32,000 characters, each escaped as two halves, with its options. */
const maxBodyBytes = 512 * 1024

export const paths = {
  generations: '/v1/images/generations',
  edits: '/v1/images/edits',
  models: '/v1/models',
  /** An id may hold slashes, encoded or not. */
  model: '/v1/models/:id{.+}',
}

export function createOpenAiDialect(needs: OpenAiNeeds): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>()
  app.onError((error, context) => renderError(context, toAppError(needs.log, context, error)))
  const { requests, windowS } = needs.rate ?? { requests: 0, windowS: 60 }
  const rate: RateRule = { dialect: 'openai', per: 'key', requests, windowS }
  const name = (context: HttpContext, route: string) => {
    context.set('dialect', 'openai')
    context.set('route', route)
  }
  const begin = async (context: HttpContext, route: string, scope: KeyScope) => {
    name(context, route)
    return admit(needs, context, { rate, scope })
  }

  app.post(paths.generations, async context => {
    name(context, paths.generations)
    const { read: order, ...admitted } = await admitOrder(needs, context, {
      rate,
      read: () => readGeneration(context),
    })
    return runOrder(needs, context, { ...admitted, order, route: paths.generations })
  })
  app.post(paths.edits, async context => {
    name(context, paths.edits)
    const { read: order, ...admitted } = await admitOrder(needs, context, {
      rate,
      read: () => readEdit(context, needs.spool),
    })
    const { close } = order
    try {
      return await runOrder(needs, context, { ...admitted, order, route: paths.edits, onTaken: close })
    } finally {
      await close()
    }
  })
  app.get(paths.models, async context => {
    const { allowedModels } = await begin(context, paths.models, 'read')
    return context.json(listWireModels(needs.catalog, allowedModels))
  })
  app.get(paths.model, async context => {
    const { allowedModels } = await begin(context, paths.model, 'read')
    const id = context.req.param('id') ?? ''
    const model = findWireModel(needs.catalog, allowedModels, id)
    if (model) return context.json(model)
    throw new AppError('not_found', `The model '${id.slice(0, 100)}' does not exist.`, {
      reason: 'unknown_model',
    })
  })

  app.all(paths.generations, methodNotAllowed(['POST']))
  app.all(paths.edits, methodNotAllowed(['POST']))
  app.all(paths.models, methodNotAllowed(['GET']))
  app.all(paths.model, methodNotAllowed(['GET']))
  describeOpenAi(app)
  return app
}

async function readGeneration(context: HttpContext): Promise<Order> {
  const body = await readJsonBody(context, maxBodyBytes)
  const request = parseRequest(generateRequest, body)
  return toOrder(request, { mode: 'image_generation', inputs: null, body })
}
