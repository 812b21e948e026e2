// Mounts the native API: one file for each subject, all of them begun and refused in the same way.
import { OpenAPIHono } from '@hono/zod-openapi'
import type { HttpEnv } from '../../http/context.ts'
import { methodNotAllowed } from '../../http/errors.ts'
import type { UploadNeeds } from '../../uploads/uploads.ts'
import { createBegin, createFail, type FailNeeds } from './begin.ts'
import { addCatalog, type CatalogRouteNeeds } from './catalog-route.ts'
import { addCreate, type CreateRouteNeeds } from './create-route.ts'
import { describeNative } from './describe.ts'
import { addEvents, type EventNeeds } from './events-route.ts'
import { addProviderKeys, type KeyRouteNeeds } from './key-routes.ts'
import { addList } from './list-route.ts'
import { paths } from './paths.ts'
import { addReads, type ReadRouteNeeds } from './read-routes.ts'
import { addRoutes, type RoutesRouteNeeds } from './routes-route.ts'
import { addUploads } from './upload-routes.ts'
import { addDailyUsage, type UsageNeeds } from './usage-route.ts'
import { addVerbs, type VerbNeeds } from './verb-routes.ts'
import { addWebhooks, type WebhookRouteNeeds } from './webhook-routes.ts'

export type NativeNeeds = FailNeeds &
  CreateRouteNeeds &
  ReadRouteNeeds &
  EventNeeds &
  CatalogRouteNeeds &
  RoutesRouteNeeds &
  VerbNeeds &
  UsageNeeds &
  WebhookRouteNeeds &
  KeyRouteNeeds & { uploads: UploadNeeds }

export function createNativeDialect(needs: NativeNeeds): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>()
  const fail = createFail(needs)
  app.onError((error, context) => fail(context, error))
  const begin = createBegin(needs)
  addCreate(app, needs, begin)
  addList(app, needs, begin)
  addReads(app, needs, begin)
  addEvents(app, needs, begin)
  addVerbs(app, needs, begin)
  addCatalog(app, needs, begin)
  addRoutes(app, needs, begin)
  addDailyUsage(app, needs, begin)
  addUploads(app, needs, begin)
  addWebhooks(app, needs, begin)
  addProviderKeys(app, needs, begin)
  app.all(paths.generations, methodNotAllowed(['GET', 'POST']))
  // A GET of the quote is one of a generation called so, and there is none.
  app.on(['PUT', 'PATCH'], paths.quote, methodNotAllowed(['POST']))
  app.all(paths.generation, methodNotAllowed(['GET', 'DELETE']))
  app.all(paths.events, methodNotAllowed(['GET']))
  app.all(paths.catalog, methodNotAllowed(['GET']))
  app.all(paths.routes, methodNotAllowed(['GET']))
  app.all(paths.dailyUsage, methodNotAllowed(['GET']))
  app.all(paths.cancel, methodNotAllowed(['POST']))
  app.all(paths.image, methodNotAllowed(['GET']))
  describeNative(app)
  return app
}
