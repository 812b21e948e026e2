// The catalogue at work: resolves a request to an offer, an offer to routes, a route to the provider's request.
// The price is fixed here, at the hold; nothing after it may ask for a price again.
import { AppError } from '../errors.ts'
import { adaptOptions, type Fault } from './adapt.ts'
import type {
  Catalog,
  ConfiguredRoute,
  ListedModel,
  ModelList,
  Offer,
  OwnUse,
  QuotePrice,
  Route,
  Standing,
} from './catalog.ts'
import { dayOf, isListed, isRetired, type ModelEntry, type Upstream, upstreamKey } from './entry.ts'
import { applyLife, findLife, noLife, type Stock } from './life.ts'
import { describeModel } from './list-models.ts'
import { isOffered } from './offered.ts'
import type { Dialect, GenerationOptions } from './options.ts'
import { fillDefaults, findOptionIssues, notAllowed, type OptionIssue } from './options-check.ts'
import { describeRetirement } from './retirement.ts'
import {
  canServe,
  listLiveRoutes,
  listServingRoutes,
  quote,
  type Shelf,
  SKETCH_PROVIDER,
  sandboxRouteFor,
} from './shelf.ts'
import { readSizeAsRatio } from './size-as-ratio.ts'
import {
  dearestCostUsdMicro,
  describeRequest,
  findRefusedField,
  findTokenPrices,
  findUnitCostUsdMicro,
} from './upstream.ts'

export type CatalogNeeds = {
  entries: readonly ModelEntry[]
  /** What changes while the service runs: the same object for as long as it does not. */
  standing: () => Standing
  /** What one credit is worth; at least a millionth of a dollar. */
  creditPriceUsd: number
  /** `quotePrice` of credits/pricing.ts. */
  quotePrice: QuotePrice
  now: () => Date
}

/** Throws when the credit price is no positive number or two entries share an id. */
export function createCatalog(needs: CatalogNeeds): Catalog & ModelList {
  const shelf = stockShelf(needs)
  const list = rememberLists(shelf)
  shelf.offeredIds = dialect => list(dialect).flatMap(({ id, offered }) => (offered ? id : []))
  return {
    ...openShelf(shelf),
    expectedCostUsdMicro: (route, options) =>
      expectUnitCostUsdMicro(getUpstream(shelf, route, options), options) * options.count,
    tariff: (route, options) => {
      const upstream = findUpstream(shelf, route, options)
      if (!upstream) return null
      const pictureUsdMicro = expectUnitCostUsdMicro(upstream, options)
      return { pictureUsdMicro, tokenPrices: findTokenPrices(upstream) }
    },
    list,
    find: (dialect, modelId) => list(dialect).find(model => model.id === modelId) ?? null,
  }
}

/** At no cost. */
function openShelf(shelf: Shelf): Catalog {
  return {
    resolve: (dialect, modelId, options) => resolveOffer(shelf, { dialect, modelId, options }),
    adapt: (dialect, modelId, options) => adaptOffer(shelf, { dialect, modelId, options }),
    routes: (modelId, options) => {
      const entry = shelf.entries.get(modelId)
      if (!entry) return []
      const routes = listServingRoutes(shelf, entry, options).map(route => toRoute(route, entry))
      // The limits of a route are those of the operator's own account there.
      return shelf.onlyConfigured ? routes.map(({ pacing: _pacing, ...route }) => route) : routes
    },
    routing: modelId => {
      const { routing: by = 'preference', whenBusy = 'wait' } = shelf.entries.get(modelId) ?? {}
      return { by, whenBusy }
    },
    ...rememberRoutes(shelf),
    toProviderRequest: (route, prompt, options) =>
      describeRequest(getUpstream(shelf, route, options), prompt, options),
    under(configuredProviders) {
      const { life = noLife } = shelf.standing()
      const standing = { configuredProviders, sandbox: false, life }
      return openShelf({ ...shelf, ...standing, standing: () => standing, onlyConfigured: true })
    },
    expectedCostUsdMicro: () => 0,
    tariff: () => null,
  }
}

function expectUnitCostUsdMicro(upstream: Upstream, options: GenerationOptions): number {
  return findUnitCostUsdMicro(upstream, options) ?? dearestCostUsdMicro(upstream, options)
}

/** The number of micro-USD in one credit. Throws when the price is no number of at least a millionth. */
export function toCreditPriceUsdMicro(creditPriceUsd: number): number {
  const micro = Math.round(creditPriceUsd * 1_000_000)
  if (!Number.isSafeInteger(micro) || micro < 1) {
    throw new Error(`the credit price must be at least 0.000001 USD, not ${creditPriceUsd}`)
  }
  return micro
}

export function stockShelf(needs: CatalogNeeds): Shelf {
  const entries = new Map<string, ModelEntry>()
  const upstreams = new Map<string, Upstream>()
  for (const entry of needs.entries) {
    if (entries.has(entry.id)) throw new Error(`two catalogue entries are called ${entry.id}`)
    entries.set(entry.id, entry)
    for (const route of entry.routes) upstreams.set(upstreamKey(route.provider, route.model), route)
  }
  const sketch = [...upstreams.values()].find(({ provider }) => provider === SKETCH_PROVIDER)
  if (needs.standing().sandbox && !sketch)
    throw new Error('the sandbox needs an entry with a route to the built-in model')
  const stockNow = rememberStock({ entries, upstreams }, needs)
  return {
    get entries() {
      return stockNow().entries
    },
    get upstreams() {
      return stockNow().upstreams
    },
    get configuredProviders() {
      return needs.standing().configuredProviders
    },
    get sandbox() {
      return needs.standing().sandbox
    },
    standing: needs.standing,
    creditPriceUsdMicro: toCreditPriceUsdMicro(needs.creditPriceUsd),
    quotePrice: needs.quotePrice,
    now: needs.now,
  }
}

/** Made anew only when something has turned out. */
function rememberStock(stock: Stock, needs: Pick<CatalogNeeds, 'standing' | 'now'>): () => Stock {
  let known = { life: noLife, stock }
  return () => {
    const { life = noLife } = needs.standing()
    if (known.life !== life) known = { life, stock: applyLife(stock, life, needs.now()) }
    return known.stock
  }
}

type Order = { dialect: Dialect; modelId: string; options: GenerationOptions }

function resolveOffer(shelf: Shelf, { dialect, modelId, options: asked }: Order): Offer {
  const entry = shelf.entries.get(modelId)
  if (!entry || !isListed(entry, dialect)) throw unknownModel(shelf, { dialect, modelId })
  const said = dialect === 'openai' ? readSizeAsRatio(shelf, entry, asked) : { options: asked }
  const filled = fillDefaults(entry, dialect, said.options)
  const issues = said.issue ? [said.issue] : findOptionIssues(entry, dialect, filled)
  // A model that nothing serves now is unknown to the caller, whatever the options.
  const isServed = issues.length === 0 && canServe(shelf, entry, filled)
  if (!isServed && !isOffered(shelf, entry, dialect)) {
    const retirement = describeRetirement(shelf, entry, dialect)
    if (retirement === null) throw unknownModel(shelf, { dialect, modelId })
    throw new AppError('invalid_request', retirement, { reason: 'retired_model' })
  }
  if (issues.length > 0) throw unsupported(issues)
  if (!isServed) throw unsupported([blame(shelf, entry, filled)])
  const price = quote(shelf, entry, { dialect, options: filled })
  if (!price) {
    throw new AppError('invalid_request', 'This combination of options has no price and is not offered.', {
      reason: 'no_price',
    })
  }
  const unitPrice = price.credits
  return {
    ...{ modelId, owner: entry.owner, options: filled },
    ...{ unitPrice, price: unitPrice * filled.count, warnings: [] },
  }
}

function adaptOffer(shelf: Shelf, order: Order): Offer {
  const entry = shelf.entries.get(order.modelId)
  if (!entry || !isListed(entry, order.dialect)) throw unknownModel(shelf, order)
  const findFault = (options: GenerationOptions) =>
    canServe(shelf, entry, options)
      ? findUnpriced(shelf, entry, { dialect: order.dialect, options })
      : findBlamed(shelf, entry, options)
  const { options, warnings } = adaptOptions(entry, order, findFault)
  return { ...resolveOffer(shelf, { ...order, options }), warnings }
}

/** The option that the dialect has no price for, as a size where it sells by resolution; null = all has one. */
function findUnpriced(
  shelf: Shelf,
  entry: ModelEntry,
  { dialect, options }: Pick<Order, 'dialect' | 'options'>,
): Fault | null {
  const costs = (change: Partial<GenerationOptions>) =>
    quote(shelf, entry, { dialect, options: { ...options, ...change } }) !== null
  if (costs({})) return null
  const qualities = entry.qualities.filter(quality => costs({ quality }))
  if (qualities.length > 0) return { path: 'quality', allowed: qualities }
  const sizes = (entry.sizes?.listed ?? []).filter(size => costs({ size }))
  if (options.size !== null) return { path: 'size', allowed: sizes }
  const resolutions = entry.resolutions.filter(resolution => costs({ resolution }))
  return resolutions.length > 0 ? { path: 'resolution', allowed: resolutions } : null
}

function unknownModel(shelf: Shelf, { dialect, modelId }: Pick<Order, 'dialect' | 'modelId'>): AppError {
  const ids = shelf.offeredIds?.(dialect) ?? []
  const more = ids.length > MAX_NAMED ? ` and ${ids.length - MAX_NAMED} more` : ''
  const allowed = ids.length > 0 ? `; allowed: ${ids.slice(0, MAX_NAMED).join(', ')}${more}` : ''
  const message = `There is no model called ${modelId.slice(0, MAX_ECHO_LENGTH)}${allowed}.`
  return new AppError('invalid_request', message, { reason: 'unknown_model' })
}

// Long enough for every real id, too short to turn an error into a carrier for other text.
const MAX_ECHO_LENGTH = 100
// As many as a person reads; the dialects' lists have them all.
const MAX_NAMED = 20

function unsupported(issues: OptionIssue[]): AppError {
  const message = issues.map(issue => issue.message).join(' ')
  return new AppError('invalid_request', message, { reason: 'unsupported_option', details: issues })
}

function blame(shelf: Shelf, entry: ModelEntry, options: GenerationOptions): OptionIssue {
  const { path, allowed } = findBlamed(shelf, entry, options)
  if (allowed.length > 0) return notAllowed(path, allowed)
  return { path, message: `Nothing serves this model with that ${path} now.`, code: 'invalid_value' }
}

/** The option that no live route can honour together with the rest, and the values that would work. */
function findBlamed(
  shelf: Shelf,
  entry: ModelEntry,
  options: GenerationOptions,
): { path: keyof GenerationOptions; allowed: string[] } {
  const refusals = listLiveRoutes(shelf, entry).map(route => findRefusedField(route, options))
  const works = (change: Partial<GenerationOptions>) => canServe(shelf, entry, { ...options, ...change })
  const values: Partial<Record<keyof GenerationOptions, string[]>> = {
    aspectRatio: entry.aspectRatios.filter(aspectRatio => works({ aspectRatio })),
    resolution: entry.resolutions.filter(resolution => works({ resolution })),
    size: (entry.sizes?.listed ?? []).filter(size => works({ size })),
    quality: entry.qualities.filter(quality => works({ quality })),
    background: works({ background: null }) ? ['auto'] : [],
    moderation: works({ moderation: null }) ? ['auto'] : [],
    inputFidelity: entry.inputFidelity.filter(inputFidelity => works({ inputFidelity })),
  }
  const refused = refusals.filter(field => field !== null)
  const path = refused.find(field => (values[field]?.length ?? 0) > 0) ?? refused[0] ?? 'aspectRatio'
  return { path, allowed: values[path] ?? [] }
}

function toRoute(upstream: Upstream, entry?: ModelEntry): Route {
  const { provider, model, retiresAt, successor, maxCountPerCall } = upstream
  const { maxInFlight, imagesPerMinute, imagesPerWindow } = upstream
  const isPaced = maxInFlight !== null || imagesPerMinute !== null || imagesPerWindow !== null
  const weight = entry?.routing === 'weight' ? entry.weights[entry.routes.indexOf(upstream)] : undefined
  return {
    ...{ provider, upstreamModel: model, retiresAt, successor, maxCountPerCall },
    ...(isPaced ? { pacing: { maxInFlight, imagesPerMinute, imagesPerWindow } } : {}),
    ...(weight === undefined ? {} : { weight }),
  }
}

/** As the lists: only the day and the providers change them. */
function rememberRoutes(shelf: Shelf): Pick<Catalog, 'configuredRoutes' | 'unconfiguredRoutes'> {
  let known: { day: string; standing: Standing; routes: SortedRoutes } | null = null
  const sortNow = () => {
    const day = dayOf(shelf.now())
    const standing = shelf.standing()
    if (known?.day !== day || known.standing !== standing) {
      known = { day, standing, routes: sortRoutes(shelf) }
    }
    return known.routes
  }
  return {
    configuredRoutes: () => sortNow().configured,
    unconfiguredRoutes: () => sortNow().unconfigured,
  }
}

type SortedRoutes = { configured: ConfiguredRoute[]; unconfigured: ConfiguredRoute[] }

/** In the sandbox nothing but the built-in model is asked for anything. */
function sortRoutes(shelf: Shelf): SortedRoutes {
  const now = shelf.now()
  const { life = noLife } = shelf.standing()
  const isConfigured = ({ provider }: Upstream) =>
    provider === SKETCH_PROVIDER || (!shelf.sandbox && shelf.configuredProviders.has(provider))
  const describe = (upstream: Upstream) => ({
    ...toRoute(upstream),
    models: [...shelf.entries.values()].filter(each => each.routes.includes(upstream)).map(({ id }) => id),
    isRetired: isRetired(upstream, now),
    ...findLife(life, { provider: upstream.provider, upstreamModel: upstream.model }),
  })
  const upstreams = [...shelf.upstreams.values()]
  return {
    configured: upstreams.filter(isConfigured).map(describe),
    unconfigured: upstreams.filter(upstream => !isConfigured(upstream)).map(describe),
  }
}

/** Throws when the route is in no entry: work of a model that the operator has since removed. */
function getUpstream(shelf: Shelf, route: Route, options: GenerationOptions): Upstream {
  const upstream = findUpstream(shelf, route, options)
  if (!upstream) throw new Error(`the catalogue has no route ${route.provider}/${route.upstreamModel}`)
  return upstream
}

function findUpstream(
  shelf: Shelf,
  { provider, upstreamModel }: Pick<Route, 'provider' | 'upstreamModel'>,
  options: GenerationOptions,
): Upstream | null {
  if (provider === SKETCH_PROVIDER) return sandboxRouteFor(shelf, options)
  return shelf.upstreams.get(upstreamKey(provider, upstreamModel)) ?? null
}

/**
 * To describe a model is to walk every combination of its options. What is said of it depends on the day, on the
 * operator's providers and on those keys of an account that could serve it: kept for each choice among these, few for
 * each model, so that no account can have it worked out again and again by bringing and taking keys.
 */
function rememberLists(shelf: Shelf): ModelList['list'] {
  const known = new Map<string, { day: string; standing: Standing; model: ListedModel }>()
  function describe(entry: ModelEntry, dialect: Dialect, own: OwnUse | undefined): ListedModel {
    const bearing = own && keepBearing(own, entry)
    const key = [dialect, entry.id, ...(bearing?.providers ?? [])].join(' ')
    const day = dayOf(shelf.now())
    const standing = shelf.standing()
    const last = known.get(key)
    if (last?.day === day && last.standing === standing) return last.model
    const model = describeModel(shelf, entry, bearing ? { dialect, own: bearing } : { dialect })
    known.set(key, { day, standing, model })
    return model
  }
  return (dialect, own) =>
    [...shelf.entries.values()]
      .filter(entry => isListed(entry, dialect))
      .map(entry => describe(entry, dialect, own))
}

/** In the order of the routes; undefined where no key of the account could serve the model. */
function keepBearing(own: OwnUse, entry: ModelEntry): OwnUse | undefined {
  const providers = new Set(
    entry.routes.flatMap(({ provider }) => (own.providers.has(provider) ? provider : [])),
  )
  return providers.size > 0 ? { ...own, providers } : undefined
}
