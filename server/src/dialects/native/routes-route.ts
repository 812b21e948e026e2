// How each route to an upstream fares: for the operator, with a key of the scope `admin`.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import { listRouteStates, type RouteState } from '../../generations/route-states.ts'
import type { HttpEnv } from '../../http/context.ts'
import { findOverruledEnd } from '../../models/life.ts'
import type { Begin } from './begin.ts'
import { common, json, type Registry, rateHeaders, refused } from './describe-parts.ts'
import { paths } from './paths.ts'
import { readQuery } from './query.ts'

export type RoutesRouteNeeds = Parameters<typeof listRouteStates>[0]

const noQuery = z.strictObject({})

const routeObject = z
  .object({
    provider: z.string(),
    upstreamModel: z.string().openapi({ description: "The upstream's own id." }),
    models: z.array(z.string()).openapi({ description: 'The models that it serves.' }),
    retired: z.boolean(),
    retiresAt: z.iso.date().nullable(),
    overruledEnd: z.iso.date().nullable().openapi({
      description: 'The day on which it ends by the word of its upstream, which the operator has overruled.',
    }),
    successor: z.string().nullable().openapi({ description: 'The upstream id that replaces it.' }),
    gone: z
      .object({
        since: z.iso.datetime(),
        message: z.string().openapi({ description: "The upstream's words, without secrets and prompts." }),
        generationId: z.uuid().openapi({ description: 'The order that met it first.' }),
      })
      .nullable()
      .openapi({
        description:
          'Set where the upstream said that it has no such model. No order is sent there until the operator restores it.',
      }),
    breaker: z.enum(['closed', 'open']).openapi({
      description: '`open`: a process has seen every call fail and only probes it now.',
    }),
    lastSuccessAt: z.iso.datetime().nullable(),
    lastError: z
      .object({
        kind: z.string().openapi({ description: 'Such as `unavailable` or `unknown_outcome`.' }),
        message: z.string().openapi({ description: "The upstream's words, without secrets and prompts." }),
        at: z.iso.datetime(),
      })
      .nullable()
      .openapi({ description: "The last failure that was no customer's mistake." }),
    succeeded: z.int().openapi({ description: 'Calls since it is known.' }),
    failed: z.int(),
    meanSeconds: z.number().nullable().openapi({ description: 'Of calls that succeeded of late.' }),
    inFlight: z.int().openapi({ description: 'Calls of orders under way.' }),
    waiting: z.int().openapi({ description: 'Orders that wait for a place there.' }),
    pacing: z
      .object({
        maxInFlight: z.int().nullable(),
        imagesPerMinute: z.int().nullable(),
        imagesLastMinute: z.int(),
        imagesPerWindow: z.object({ images: z.int(), seconds: z.int() }).nullable(),
        imagesLastWindow: z.int().nullable(),
      })
      .nullable()
      .openapi({ description: 'Its limits over all processes; null = it has none.' }),
  })
  .openapi('Route')

export const routeList = z.object({ routes: z.array(routeObject) }).openapi('RouteList')

export function addRoutes(app: OpenAPIHono<HttpEnv>, needs: RoutesRouteNeeds, begin: Begin): void {
  app.get(paths.routes, async context => {
    await begin(context, paths.routes, 'admin')
    readQuery(context, noQuery)
    const routes = await listRouteStates(needs)
    return context.json({ routes: routes.map(toRouteObject) } satisfies z.infer<typeof routeList>)
  })
}

function toRouteObject(route: RouteState): z.infer<typeof routeObject> {
  const { provider, upstreamModel, models, isRetired, retiresAt, successor, breaker, pacing } = route
  const { gone, lastSuccessAt, lastFailure, succeeded, failed, meanMs, inFlight, waiting } = route
  return {
    ...{ provider, upstreamModel, models, retired: isRetired, retiresAt, successor, breaker },
    overruledEnd: findOverruledEnd(route.told),
    gone: gone && {
      since: gone.since.toISOString(),
      message: gone.said,
      generationId: gone.generationId,
    },
    lastSuccessAt: lastSuccessAt?.toISOString() ?? null,
    lastError: lastFailure && { ...lastFailure, at: lastFailure.at.toISOString() },
    ...{ succeeded, failed, meanSeconds: meanMs === null ? null : meanMs / 1_000, inFlight, waiting, pacing },
  }
}

export function describeRoutes(registry: Registry): void {
  registry.registerPath({
    method: 'get',
    path: '/api/v1/routes',
    tags: ['Operation'],
    summary: 'List the routes to upstreams',
    description:
      'Every route whose provider is configured: whether it works, what it is given, its last error. Needs a key with the scope `admin`. What processes tell of a route may be a few seconds old.',
    operationId: 'listRoutes',
    responses: {
      200: { description: 'The routes', headers: rateHeaders, content: json(routeList) },
      400: refused('There is no such query parameter.'),
      ...common,
    },
  })
}
