// Webhooks: endpoints, their secrets, the log of deliveries. One set of routes behind two doors, an API key and a
// browser's session, which differ in who comes in and in nothing else. What changes something takes the scope of
// orders, because it changes what is told to the outside; looking takes the scope of reads.
import { createHash } from 'node:crypto'
import type { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Db } from '../db/db.ts'
import { AppError } from '../errors.ts'
import { type HttpContext, type HttpEnv, setAnswerHeader } from '../http/context.ts'
import { methodNotAllowed } from '../http/errors.ts'
import { readIdempotencyKey } from '../http/idempotency-key.ts'
import { sayKnownFields, toIssues } from '../http/issues.ts'
import { readJsonBody } from '../http/read-json.ts'
import {
  getDelivery,
  listAttempts,
  listDeliveries,
  resendDelivery,
  resendFailed,
  sendTest,
} from '../webhooks/deliveries.ts'
import {
  challengeEndpoint,
  changeEndpoint,
  createEndpoint,
  deleteEndpoint,
  type EndpointNeeds,
  getEndpoint,
  listEndpoints,
  rotateSecret,
} from '../webhooks/endpoints.ts'
import { eventTypes } from '../webhooks/events.ts'
import { toAttemptObject, toDeliveryObject, toWebhookObject } from './shared-webhook-present.ts'
import {
  attemptQuery,
  changeWebhookRequest,
  createWebhookRequest,
  deliveryQuery,
  resendFailedRequest,
  rotateSecretRequest,
} from './shared-webhook-schema.ts'

export type WebhookRouteNeeds = { db: Db; webhooks: EndpointNeeds }

/** Whose account it is, or an AppError; `route` is the path's pattern. */
export type Enter = (
  context: HttpContext,
  route: string,
  scope: 'generate' | 'read',
) => Promise<{ accountId: string }>

type Door = { paths: ReturnType<typeof pathsBelow>; enter: Enter }

function pathsBelow(base: string) {
  const one = `${base}/:id`
  const delivery = `${one}/deliveries/:deliveryId`
  return {
    all: base,
    one,
    rotate: `${one}/rotate-secret`,
    challenge: `${one}/challenge`,
    test: `${one}/test`,
    resendFailed: `${one}/resend-failed`,
    deliveries: `${one}/deliveries`,
    delivery,
    attempts: `${delivery}/attempts`,
    resend: `${delivery}/resend`,
  }
}

/** A URL and a label, escaped, and a few words. */
const maxBodyBytes = 16 * 1024

export function addWebhookRoutes(
  app: OpenAPIHono<HttpEnv>,
  needs: WebhookRouteNeeds,
  { base, enter }: { base: string; enter: Enter },
): void {
  const paths = pathsBelow(base)
  addEndpoints(app, needs, { paths, enter })
  addDeliveries(app, needs, { paths, enter })
  app.all(paths.all, methodNotAllowed(['GET', 'POST']))
  app.all(paths.one, methodNotAllowed(['GET', 'PATCH', 'DELETE']))
  for (const path of [paths.rotate, paths.challenge, paths.test, paths.resendFailed, paths.resend])
    app.all(path, methodNotAllowed(['POST']))
  for (const path of [paths.deliveries, paths.delivery, paths.attempts])
    app.all(path, methodNotAllowed(['GET']))
}

function addEndpoints(app: OpenAPIHono<HttpEnv>, needs: WebhookRouteNeeds, { paths, enter }: Door): void {
  const { db, webhooks } = needs
  app.post(paths.all, async context => {
    const { accountId } = await enter(context, paths.all, 'generate')
    const idempotencyKey = readIdempotencyKey(context)
    const body = await readBody(context, createWebhookRequest)
    const { events = eventTypes, ...input } = body
    const repeat = idempotencyKey === null ? null : { idempotencyKey, fingerprint: hashOf(paths.all, body) }
    const made = await createEndpoint(webhooks, accountId, { ...dropUndefined(input), events, repeat })
    setAnswerHeader(context, 'cache-control', 'no-store')
    if (made.replayed) setAnswerHeader(context, 'idempotent-replayed', 'true')
    return context.json(
      { ...toWebhookObject(made.endpoint), ...(made.secret ? { secret: made.secret } : {}) },
      201,
    )
  })
  app.get(paths.all, async context => {
    const { accountId } = await enter(context, paths.all, 'read')
    return context.json({ webhooks: (await listEndpoints(db, accountId)).map(toWebhookObject) })
  })
  app.get(paths.one, async context => {
    const { accountId } = await enter(context, paths.one, 'read')
    return context.json(toWebhookObject(await getEndpoint(db, accountId, idOf(context))))
  })
  app.patch(paths.one, async context => {
    const { accountId } = await enter(context, paths.one, 'generate')
    const change = dropUndefined(await readBody(context, changeWebhookRequest))
    return context.json(
      toWebhookObject(await changeEndpoint(webhooks, { accountId, id: idOf(context) }, change)),
    )
  })
  app.delete(paths.one, async context => {
    const { accountId } = await enter(context, paths.one, 'generate')
    await deleteEndpoint(db, accountId, idOf(context))
    return context.body(null, 204)
  })
  app.post(paths.rotate, async context => {
    const { accountId } = await enter(context, paths.rotate, 'generate')
    const { overlapSeconds } = await readOptionalBody(context, rotateSecretRequest)
    const rotated = await rotateSecret(webhooks, { accountId, id: idOf(context) }, overlapSeconds)
    const { endpoint, secret, oldSecretUntil } = rotated
    setAnswerHeader(context, 'cache-control', 'no-store')
    return context.json({
      ...toWebhookObject(endpoint),
      secret,
      oldSecretUntil: oldSecretUntil.toISOString(),
    })
  })
}

function addDeliveries(app: OpenAPIHono<HttpEnv>, needs: WebhookRouteNeeds, { paths, enter }: Door): void {
  const { db, webhooks } = needs
  const ownerOf = async (context: HttpContext, route: string, scope: 'generate' | 'read') => {
    const { accountId } = await enter(context, route, scope)
    return { accountId, endpointId: idOf(context) }
  }
  app.post(paths.challenge, async context => {
    const { accountId, endpointId: id } = await ownerOf(context, paths.challenge, 'generate')
    return context.json(toWebhookObject(await challengeEndpoint(webhooks, { accountId, id })), 202)
  })
  const deliveryIdOf = (context: HttpContext) => context.req.param('deliveryId') ?? ''
  app.post(paths.test, async context => {
    const owner = await ownerOf(context, paths.test, 'generate')
    return context.json(toDeliveryObject(await sendTest(webhooks, owner)), 202)
  })
  app.post(paths.resendFailed, async context => {
    const owner = await ownerOf(context, paths.resendFailed, 'generate')
    const { since } = await readBody(context, resendFailedRequest)
    return context.json({ resent: await resendFailed(db, owner, { since: new Date(since) }) }, 202)
  })
  app.get(paths.deliveries, async context => {
    const owner = await ownerOf(context, paths.deliveries, 'read')
    const { limit = 20, cursor = null, status = null } = readQuery(context, deliveryQuery.strict())
    const { deliveries, nextCursor } = await listDeliveries(db, owner, { limit, cursor, state: status })
    return context.json({ deliveries: deliveries.map(toDeliveryObject), nextCursor })
  })
  app.get(paths.delivery, async context => {
    const owner = await ownerOf(context, paths.delivery, 'read')
    return context.json(toDeliveryObject(await getDelivery(db, owner, deliveryIdOf(context))))
  })
  app.get(paths.attempts, async context => {
    const owner = await ownerOf(context, paths.attempts, 'read')
    const { limit = 20, cursor = null } = readQuery(context, attemptQuery.strict())
    const page = { id: deliveryIdOf(context), limit, cursor }
    const { attempts, nextCursor } = await listAttempts(db, owner, page)
    return context.json({ attempts: attempts.map(toAttemptObject), nextCursor })
  })
  app.post(paths.resend, async context => {
    const owner = await ownerOf(context, paths.resend, 'generate')
    return context.json(toDeliveryObject(await resendDelivery(db, owner, deliveryIdOf(context))), 202)
  })
}

function idOf(context: HttpContext): string {
  return context.req.param('id') ?? ''
}

function readQuery<Schema extends z.ZodType>(context: HttpContext, schema: Schema): z.infer<Schema> {
  const parsed = schema.safeParse(context.req.query(), { error: sayKnownFields })
  if (!parsed.success) throw new AppError('invalid_request', undefined, { details: toIssues(parsed.error) })
  return parsed.data
}

async function readBody<Schema extends z.ZodType>(
  context: HttpContext,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const parsed = schema.safeParse(await readJsonBody(context, maxBodyBytes), { error: sayKnownFields })
  if (!parsed.success) throw new AppError('invalid_request', undefined, { details: toIssues(parsed.error) })
  return parsed.data
}

/** As readBody; no body at all says nothing. */
async function readOptionalBody<Schema extends z.ZodType>(
  context: HttpContext,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = context.env.incoming.headers
  return coding === undefined && Number(length) === 0 ? schema.parse({}) : readBody(context, schema)
}

/** What makes two requests the same. The schema has put the fields in its own order. */
function hashOf(route: string, body: z.infer<typeof createWebhookRequest>): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([route, body]))
    .digest()
}

/** What was left out must not look like what was set to nothing. */
function dropUndefined<Fields extends object>(
  fields: Fields,
): { [Key in keyof Fields]: Exclude<Fields[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Fields]: Exclude<Fields[Key], undefined>
  }
}
