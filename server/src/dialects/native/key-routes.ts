// Keys of upstreams: the operator's, for API keys with the scope `admin`, and those that an account brings. A key is
// written and never read: answers show its last letters and a fingerprint.
import type { OpenAPIHono, z } from '@hono/zod-openapi'
import { AppError } from '../../errors.ts'
import type { OwnKeys } from '../../generations/own-keys.ts'
import type { HttpContext, HttpEnv } from '../../http/context.ts'
import { methodNotAllowed } from '../../http/errors.ts'
import { sayKnownFields, toIssues } from '../../http/issues.ts'
import { readJsonBody } from '../../http/read-json.ts'
import type { KeptKey, KeyOwner } from '../../keyring/key-store.ts'
import type { Keyring } from '../../keyring/keyring.ts'
import type { Begin } from './begin.ts'
import { type providerKeyObject, setProviderKeyRequest } from './key-schema.ts'
import { readQuery } from './query.ts'
import { noQuery } from './schema.ts'

export type KeyRouteNeeds = { keyring: Keyring; ownKeys: Pick<OwnKeys, 'isOn'> }

/** A key and its quotes. */
const maxBodyBytes = 4 * 1024

type Door = {
  all: string
  one: string
  scopes: { read: 'read' | 'admin'; write: 'generate' | 'admin' }
  ownerOf(accountId: string): KeyOwner
  refuse?(): void
}

export function addProviderKeys(app: OpenAPIHono<HttpEnv>, needs: KeyRouteNeeds, begin: Begin): void {
  addDoor(app, needs, {
    begin,
    door: {
      ...pathsBelow('/api/v1/admin/provider-keys'),
      scopes: { read: 'admin', write: 'admin' },
      ownerOf: () => 'operator',
    },
  })
  addDoor(app, needs, {
    begin,
    door: {
      ...pathsBelow('/api/v1/provider-keys'),
      // As for webhooks: what changes the terms of orders takes the scope of orders.
      scopes: { read: 'read', write: 'generate' },
      ownerOf: accountId => ({ accountId }),
      refuse() {
        if (!needs.ownKeys.isOn)
          throw new AppError('forbidden', 'This service takes no provider keys of its customers.')
      },
    },
  })
}

function pathsBelow(base: string) {
  return { all: base, one: `${base}/:provider` }
}

function addDoor(
  app: OpenAPIHono<HttpEnv>,
  { keyring }: KeyRouteNeeds,
  { begin, door }: { begin: Begin; door: Door },
): void {
  const { all, one, scopes } = door
  app.get(all, async context => {
    const { accountId } = await begin(context, all, scopes.read)
    readQuery(context, noQuery)
    const keys = await keyring.list(door.ownerOf(accountId))
    return context.json({ providerKeys: keys.map(toKeyObject) })
  })
  app.get(one, async context => {
    const { accountId } = await begin(context, one, scopes.read)
    readQuery(context, noQuery)
    const keys = await keyring.list(door.ownerOf(accountId))
    const key = keys.find(({ provider }) => provider === providerOf(context))
    if (!key) throw new AppError('not_found', 'There is no key for this provider.')
    return context.json(toKeyObject(key))
  })
  app.put(one, async context => {
    const { accountId } = await begin(context, one, scopes.write)
    readQuery(context, noQuery)
    door.refuse?.()
    const parsed = setProviderKeyRequest.safeParse(await readJsonBody(context, maxBodyBytes), {
      error: sayKnownFields,
    })
    if (!parsed.success) throw new AppError('invalid_request', undefined, { details: toIssues(parsed.error) })
    const given = { provider: providerOf(context), key: parsed.data.key }
    return context.json(toKeyObject(await keyring.set(door.ownerOf(accountId), given)))
  })
  app.delete(one, async context => {
    const { accountId } = await begin(context, one, scopes.write)
    readQuery(context, noQuery)
    await keyring.remove(door.ownerOf(accountId), providerOf(context))
    return context.body(null, 204)
  })
  app.all(all, methodNotAllowed(['GET']))
  app.all(one, methodNotAllowed(['GET', 'PUT', 'DELETE']))
}

const providerOf = (context: HttpContext) => context.req.param('provider') ?? ''

function toKeyObject({ provider, lastLetters, fingerprint, setAt, seal }: KeptKey) {
  return {
    ...{ provider, lastLetters: lastLetters || null, fingerprint, setAt: setAt.toISOString() },
    usable: seal !== 'unreadable',
  } satisfies z.infer<typeof providerKeyObject>
}
