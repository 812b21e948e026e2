// The description of keys of upstreams in the OpenAPI document.
import { z } from '@hono/zod-openapi'
import { common, json, type Registry, rateHeaders, refused } from './describe-parts.ts'
import { providerKeyList, providerKeyObject, setProviderKeyRequest } from './key-schema.ts'

const provider = z.object({
  provider: z
    .string()
    .openapi({ param: { description: 'Such as `openai` or `replicate`.' }, example: 'openai' }),
})

type Door = { base: string; tag: string; whose: string; name: string; more: string }

export function describeProviderKeys(registry: Registry): void {
  describeDoor(registry, {
    ...{ base: '/api/v1/provider-keys', tag: 'Provider keys', whose: 'your account', name: 'ProviderKey' },
    more: ' Orders that the provider can serve are then made with this key, and cost only the fee.',
  })
  describeDoor(registry, {
    ...{
      base: '/api/v1/admin/provider-keys',
      tag: 'Administration',
      whose: 'the service',
      name: 'ServiceKey',
    },
    more: ' Needs the scope `admin`. Every node uses it at once; calls under way end with the key before it.',
  })
}

function describeDoor(registry: Registry, { base, tag, whose, name, more }: Door): void {
  const tags = [tag]
  const unknown = refused('There is no key for this provider.')
  const one = `${base}/{provider}`
  registry.registerPath({
    ...{ method: 'get', path: base, tags, summary: `List the provider keys of ${whose}` },
    operationId: `list${name}s`,
    responses: {
      200: { description: 'The keys, not readable', headers: rateHeaders, content: json(providerKeyList) },
      400: refused('There is no such query parameter.'),
      ...common,
    },
  })
  registry.registerPath({
    ...{ method: 'get', path: one, tags, summary: `Look at a provider key of ${whose}` },
    operationId: `get${name}`,
    request: { params: provider },
    responses: {
      200: { description: 'What may be shown of it', headers: rateHeaders, content: json(providerKeyObject) },
      400: refused('There is no such query parameter.'),
      404: unknown,
      ...common,
    },
  })
  registry.registerPath({
    ...{ method: 'put', path: one, tags, summary: `Set a provider key of ${whose}` },
    description: `Stores the key, encrypted, in place of the one before it.${more}`,
    operationId: `set${name}`,
    request: { params: provider, body: { required: true, content: json(setProviderKeyRequest) } },
    responses: {
      200: { description: 'What may be shown of it', headers: rateHeaders, content: json(providerKeyObject) },
      400: refused('No such provider, or no text that could be a key.'),
      413: refused('The body is too large.'),
      415: refused('The body is not declared as JSON.'),
      ...common,
    },
  })
  registry.registerPath({
    ...{ method: 'delete', path: one, tags, summary: `Remove a provider key of ${whose}` },
    operationId: `remove${name}`,
    request: { params: provider },
    responses: {
      204: { description: 'Removed', headers: rateHeaders },
      400: refused('There is no such query parameter.'),
      404: unknown,
      ...common,
    },
  })
}
