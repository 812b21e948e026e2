// Orders under an account's own key of an upstream. Whether one is such an order is decided once, with its price: then it
// uses routes of those providers alone and never the operator's key. Its calls cost the operator nothing, say nothing of
// an upstream's health to others, and a key that is refused is the customer's to mend.
import type { OwnKey } from '../keyring/key-store.ts'
import type { Keyring } from '../keyring/keyring.ts'
import type { Catalog, OwnUse } from '../models/catalog.ts'
import type { Provider, ProviderOutcome, UpstreamTask } from '../providers/provider.ts'
import type { ProviderSource } from '../providers/source.ts'
import type { Breaker } from './breaker.ts'
import type { Generation } from './generation.ts'
import type { Redact } from './redaction.ts'

/** What an order under an own key costs: a share of the price in percent, or credits for each image. */
export type OwnKeyFee = { percent: number } | { credits: number }

export type OwnKeys = {
  /** Providers that the account brought a key for. Asks nothing for accounts that never did. */
  list(accountId: string): Promise<{ provider: string; isReadable: boolean }[]>
  find(accountId: string, provider: string): Promise<OwnKey | null>
  /** Null where no adapter of that name takes a key. */
  providerWith(name: string, apiKey: string, earlier: readonly string[]): Provider | null
  /** Providers that an account may bring a key for now. */
  names(): readonly string[]
  fee: OwnKeyFee
  /** False: keys may be kept, and new orders do not use them. */
  isOn: boolean
}

/** What changes in an order's hands when its account's key is used. */
export type OwnableNeeds = {
  ownKeys: OwnKeys
  catalog: Catalog
  providers: Pick<ProviderSource, 'get' | 'has'>
  redact: Redact
  breaker?: Breaker
  own?: OwnWork
}

/**
 * Only on what `needsOf` made. `hasKeys` false: the account has removed them since. `unreadable`: providers whose key is
 * there and cannot be opened by this node, which is no reason to end anything.
 */
export type OwnWork = { hasKeys: boolean; unreadable: ReadonlySet<string> }

export function openOwnKeys(
  byok: Pick<OwnKeys, 'isOn' | 'fee' | 'names'>,
  keyring: Keyring,
  { withKey, takesOwnKeys }: Pick<ProviderSource, 'withKey' | 'takesOwnKeys'>,
): OwnKeys {
  return {
    ...byok,
    async list(accountId) {
      if (!keyring.mayOwn(accountId)) return []
      // One brought for an engine that has lost its own key serves nothing new: any key would do there.
      const kept = (await keyring.list({ accountId })).filter(({ provider }) => takesOwnKeys(provider))
      return kept.map(({ provider, seal }) => ({ provider, isReadable: seal !== 'unreadable' }))
    },
    find: keyring.findOwn,
    providerWith: withKey,
  }
}

type Owned = Pick<Generation, 'accountId' | 'ownProviders'>

/** The same for nearly all orders; for one under the account's own keys, with those in place of the operator's. */
export async function needsOf<Needs extends OwnableNeeds>(needs: Needs, owned: Owned): Promise<Needs> {
  const { accountId, ownProviders } = owned
  if (ownProviders === null) return needs
  const providers = new Map<string, Provider>()
  const secrets: string[] = []
  const unreadable = new Set<string>()
  for (const name of ownProviders) {
    const found = await needs.ownKeys.find(accountId, name)
    if (found === 'unreadable') unreadable.add(name)
    if (found === null || found === 'unreadable') continue
    const provider = needs.ownKeys.providerWith(name, found.key, found.earlier)
    if (!provider) continue
    secrets.push(found.key, ...found.earlier)
    providers.set(name, paidElsewhere(provider, accountId))
  }
  return {
    ...needs,
    providers,
    catalog: needs.catalog.under(new Set(providers.keys())),
    redact: (text, sent) => needs.redact(text, { ...sent, secrets }),
    breaker: noBreaker,
    own: { hasKeys: providers.size + unreadable.size > 0, unreadable },
  }
}

/** Of a task whose key the account has removed: nobody can read it any more. What other parts brought is sold. */
export const keyGone: ProviderOutcome = {
  kind: 'failed',
  failure: 'unknown_outcome',
  message: "the account's own key was removed",
}

/**
 * Until work whose key this node cannot open may be claimed again, by whoever comes first: at no fixed distance, or the
 * node that left it might come first every time.
 */
export function leaveDelayMs(random: number): number {
  return Math.round(1_000 + 2_000 * random)
}

/** What a customer's key is refused for is no sign of the upstream's health, nor does an outage cost the operator. */
const noBreaker: Breaker = {
  waitMs: () => 0,
  enter: () => ({ leave: () => {}, isProbe: false }),
  note: () => {},
  stateOf: () => 'closed',
}

/**
 * The upstream bills the customer: what it states is no cost of the operator's. Its tasks say whose they are, for the
 * poller, which reads no orders; its webhooks would be signed for the customer, so they are not asked for.
 */
function paidElsewhere(provider: Provider, accountId: string): Provider {
  const { readWebhook: _unused, ...rest } = provider
  const { submit, poll } = provider
  const own = (outcome: ProviderOutcome) => toOwn(outcome, accountId)
  return {
    ...rest,
    submit: async (request, context) => own(await submit.call(provider, request, context)),
    ...(poll ? { poll: async (task, context) => own(await poll.call(provider, task, context)) } : {}),
  }
}

function toOwn(outcome: ProviderOutcome, accountId: string): ProviderOutcome {
  if (outcome.kind === 'pending') return { ...outcome, task: { ...outcome.task, ownedBy: accountId } }
  if (!outcome.usage) return outcome
  return { ...outcome, usage: { ...outcome.usage, costUsdMicro: null } }
}

/** As needsOf, by what the tasks of one order say. */
export async function needsOfTasks<Needs extends OwnableNeeds>(
  needs: Needs,
  tasks: readonly { provider: string; task: UpstreamTask | null }[],
): Promise<Needs> {
  const owner = tasks.find(({ task }) => typeof task?.ownedBy === 'string')?.task?.ownedBy
  if (typeof owner !== 'string') return needs
  return needsOf(needs, { accountId: owner, ownProviders: tasks.map(({ provider }) => provider) })
}

/** What the account's keys would do for its orders, and what all keys that it could bring would; null = none are used. */
export async function findOwnUse(
  { ownKeys, isSandbox }: { ownKeys: OwnKeys; isSandbox(): boolean },
  accountId: string,
): Promise<{ brought: OwnUse; possible: OwnUse } | null> {
  if (!ownKeys.isOn || isSandbox()) return null
  const feeOfOwn = (price: number) => feeOf(ownKeys.fee, price)
  const brought = (await ownKeys.list(accountId)).filter(({ isReadable }) => isReadable)
  return {
    brought: { providers: new Set(brought.map(({ provider }) => provider)), feeOf: feeOfOwn },
    possible: { providers: new Set(ownKeys.names()), feeOf: feeOfOwn },
  }
}

/** Whole credits for one image, rounded up; never above the price itself. */
export function feeOf(fee: OwnKeyFee, unitPrice: number): number {
  if ('credits' in fee) return Math.min(fee.credits, unitPrice)
  return Math.ceil((unitPrice * fee.percent) / 100)
}
