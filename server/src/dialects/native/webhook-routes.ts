// Webhooks with an API key.
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { HttpEnv } from '../../http/context.ts'
import { addWebhookRoutes, type WebhookRouteNeeds } from '../shared-webhooks.ts'
import type { Begin } from './begin.ts'

export type { WebhookRouteNeeds }

export function addWebhooks(app: OpenAPIHono<HttpEnv>, needs: WebhookRouteNeeds, begin: Begin): void {
  addWebhookRoutes(app, needs, { base: '/api/v1/webhooks', enter: begin })
}
