// The description of webhooks with an API key, and of what they send.
import { describeEvents, describeWebhooks } from '../shared-webhook-describe.ts'
import { common, type Registry, rateHeaders, refused } from './describe-parts.ts'

export function describeNativeWebhooks(registry: Registry): void {
  const tag = 'Webhooks'
  describeWebhooks(registry, {
    base: '/api/v1/webhooks',
    ...{ tag, suffix: '', headers: rateHeaders, refused, common },
  })
  describeEvents(registry, tag)
}
