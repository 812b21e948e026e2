// Webhooks with an API key: endpoints, their secrets, the log of deliveries. Changing takes the scope of orders,
// because it changes what is told to the outside; looking takes the scope of reads.
import type { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Db } from '../../db/db.ts'
import { AppError } from '../../errors.ts'
import type { HttpContext, HttpEnv } from '../../http/context.ts'
import { methodNotAllowed } from '../../http/errors.ts'
import { toIssues } from '../../http/issues.ts'
import { readJsonBody } from '../../http/read-json.ts'
import {
  getDelivery,
  listDeliveries,
  resendDelivery,
  resendFailed,
  sendTest,
} from '../../webhooks/deliveries.ts'
import {
  changeEndpoint,
  createEndpoint,
  deleteEndpoint,
  type EndpointNeeds,
  getEndpoint,
  listEndpoints,
  rotateSecret,
} from '../../webhooks/endpoints.ts'
import { eventTypes } from '../../webhooks/events.ts'
import type { Begin } from './begin.ts'
import { toDeliveryObject, toWebhookObject } from './webhook-present.ts'
import {
  changeWebhookRequest,
  createWebhookRequest,
  deliveryQuery,
  resendFailedRequest,
} from './webhook-schema.ts'

export type WebhookRouteNeeds = { db: Db; webhooks: EndpointNeeds }

export const webhookPaths = {
  all: '/api/v1/webhooks',
  one: '/api/v1/webhooks/:id',
  rotate: '/api/v1/webhooks/:id/rotate-secret',
  test: '/api/v1/webhooks/:id/test',
  resendFailed: '/api/v1/webhooks/:id/resend-failed',
  deliveries: '/api/v1/webhooks/:id/deliveries',
  delivery: '/api/v1/webhooks/:id/deliveries/:deliveryId',
  resend: '/api/v1/webhooks/:id/deliveries/:deliveryId/resend',
}

/** A URL and a label, escaped, and a few words. */
const maxBodyBytes = 16 * 1024

/** `begin` admits the caller, as for every endpoint of the dialect. */
export function addWebhooks(app: OpenAPIHono<HttpEnv>, needs: WebhookRouteNeeds, begin: Begin): void {
  addEndpoints(app, needs, begin)
  addDeliveries(app, needs, begin)
  app.all(webhookPaths.all, methodNotAllowed(['GET', 'POST']))
  app.all(webhookPaths.one, methodNotAllowed(['GET', 'PATCH', 'DELETE']))
  for (const path of [webhookPaths.rotate, webhookPaths.test, webhookPaths.resendFailed, webhookPaths.resend])
    app.all(path, methodNotAllowed(['POST']))
  for (const path of [webhookPaths.deliveries, webhookPaths.delivery])
    app.all(path, methodNotAllowed(['GET']))
}

function addEndpoints(app: OpenAPIHono<HttpEnv>, needs: WebhookRouteNeeds, begin: Begin): void {
  const { db, webhooks } = needs
  app.post(webhookPaths.all, async context => {
    const { accountId } = await begin(context, webhookPaths.all, 'generate')
    const { events = eventTypes, ...input } = await readBody(context, createWebhookRequest)
    const { endpoint, secret } = await createEndpoint(webhooks, accountId, {
      ...dropUndefined(input),
      events,
    })
    return context.json({ ...toWebhookObject(endpoint), secret }, 201)
  })
  app.get(webhookPaths.all, async context => {
    const { accountId } = await begin(context, webhookPaths.all, 'read')
    return context.json({ webhooks: (await listEndpoints(db, accountId)).map(toWebhookObject) })
  })
  app.get(webhookPaths.one, async context => {
    const { accountId } = await begin(context, webhookPaths.one, 'read')
    return context.json(toWebhookObject(await getEndpoint(db, accountId, idOf(context))))
  })
  app.patch(webhookPaths.one, async context => {
    const { accountId } = await begin(context, webhookPaths.one, 'generate')
    const change = dropUndefined(await readBody(context, changeWebhookRequest))
    return context.json(
      toWebhookObject(await changeEndpoint(webhooks, { accountId, id: idOf(context) }, change)),
    )
  })
  app.delete(webhookPaths.one, async context => {
    const { accountId } = await begin(context, webhookPaths.one, 'generate')
    await deleteEndpoint(db, accountId, idOf(context))
    return context.body(null, 204)
  })
  app.post(webhookPaths.rotate, async context => {
    const { accountId } = await begin(context, webhookPaths.rotate, 'generate')
    const { endpoint, secret, oldSecretUntil } = await rotateSecret(webhooks, accountId, idOf(context))
    return context.json({
      ...toWebhookObject(endpoint),
      secret,
      oldSecretUntil: oldSecretUntil.toISOString(),
    })
  })
}

function addDeliveries(app: OpenAPIHono<HttpEnv>, needs: WebhookRouteNeeds, begin: Begin): void {
  const { db, webhooks } = needs
  const ownerOf = async (context: HttpContext, route: string, scope: 'generate' | 'read') => {
    const { accountId } = await begin(context, route, scope)
    return { accountId, endpointId: idOf(context) }
  }
  const deliveryIdOf = (context: HttpContext) => context.req.param('deliveryId') ?? ''
  app.post(webhookPaths.test, async context => {
    const owner = await ownerOf(context, webhookPaths.test, 'generate')
    return context.json(toDeliveryObject(await sendTest(webhooks, owner)), 202)
  })
  app.post(webhookPaths.resendFailed, async context => {
    const owner = await ownerOf(context, webhookPaths.resendFailed, 'generate')
    const { since } = await readBody(context, resendFailedRequest)
    return context.json({ resent: await resendFailed(db, owner, new Date(since)) }, 202)
  })
  app.get(webhookPaths.deliveries, async context => {
    const owner = await ownerOf(context, webhookPaths.deliveries, 'read')
    const parsed = deliveryQuery.strict().safeParse(context.req.query())
    if (!parsed.success) throw new AppError('invalid_request', undefined, { details: toIssues(parsed.error) })
    const { limit = 20, cursor = null, status = null } = parsed.data
    const { deliveries, nextCursor } = await listDeliveries(db, owner, { limit, cursor, state: status })
    return context.json({ deliveries: deliveries.map(toDeliveryObject), nextCursor })
  })
  app.get(webhookPaths.delivery, async context => {
    const owner = await ownerOf(context, webhookPaths.delivery, 'read')
    return context.json(toDeliveryObject(await getDelivery(db, owner, deliveryIdOf(context))))
  })
  app.post(webhookPaths.resend, async context => {
    const owner = await ownerOf(context, webhookPaths.resend, 'generate')
    return context.json(toDeliveryObject(await resendDelivery(db, owner, deliveryIdOf(context))), 202)
  })
}

function idOf(context: HttpContext): string {
  return context.req.param('id') ?? ''
}

async function readBody<Schema extends z.ZodType>(
  context: HttpContext,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const parsed = schema.safeParse(await readJsonBody(context, maxBodyBytes))
  if (!parsed.success) throw new AppError('invalid_request', undefined, { details: toIssues(parsed.error) })
  return parsed.data
}

/** What was left out must not look like what was set to nothing. */
function dropUndefined<Fields extends object>(
  fields: Fields,
): { [Key in keyof Fields]: Exclude<Fields[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Fields]: Exclude<Fields[Key], undefined>
  }
}
