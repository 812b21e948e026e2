// The rows of a dialect's model list: what can be asked for now, at which price, and what became of the
// upstream's own id.
import type { ListedModel, ListedPrice, OwnUse, Quote } from './catalog.ts'
import { listCombinations } from './combinations.ts'
import { dayOf, isRetired, type ModelEntry, maxCountOf, maxReferencesOf, type Upstream } from './entry.ts'
import type { Dialect, GenerationOptions } from './options.ts'
import { listPriceSteps, listRouteSteps } from './price-steps.ts'
import { findSuccessor } from './retirement.ts'
import { createServing, listLiveRoutes, quote, type Shelf } from './shelf.ts'
import { maxOrderOf } from './upstream.ts'

type View = { dialect: Dialect; own?: OwnUse }

export function describeModel(stocked: Shelf, entry: ModelEntry, view: View): ListedModel {
  const { dialect, own } = view
  const shelf = stopClock(own ? addOwn(stocked, own) : stocked)
  const all = listCombinations(entry, dialect)
  const quoteOf = createQuoteOf(shelf, entry, dialect)
  const isServed = createServing(shelf, entry)
  const sold = all.filter(options => isServed(options) && quoteOf(options) !== null)
  const offered = sold.length > 0
  // A model that cannot be used now is still described in full, as it would be with its provider configured.
  const shown = offered ? sold : all
  const keep = <T extends string>(values: readonly T[], field: keyof GenerationOptions): T[] =>
    values.filter(value => shown.some(options => options[field] === value))
  // No price depends on these, so no combination names them.
  const serves = (change: Partial<GenerationOptions>) =>
    shown.some(options => !offered || isServed({ ...options, ...change }))
  const maxReferences = Math.max(0, ...shown.map(options => options.referenceCount))
  return {
    id: entry.id,
    name: entry.name,
    owner: entry.owner,
    createdAt: new Date(`${entry.createdAt}T00:00:00.000Z`),
    modes: entry.modes.filter(mode =>
      shown.some(options => options.referenceCount > 0 === (mode === 'edit')),
    ),
    aspectRatios: keep(entry.aspectRatios, 'aspectRatio'),
    resolutions: keep(entry.resolutions, 'resolution'),
    sizes: keep(entry.sizes?.listed ?? [], 'size'),
    freeSizes: entry.sizes?.free != null && shown.some(options => options.size !== null),
    qualities: keep(entry.qualities, 'quality'),
    formats: entry.formats,
    backgrounds: entry.backgrounds,
    thinkingLevels: keep(entry.thinkingLevels, 'thinkingLevel'),
    moderation: entry.moderation.filter(moderation => moderation === 'auto' || serves({ moderation })),
    inputFidelity: entry.inputFidelity.filter(inputFidelity => serves({ inputFidelity })),
    supportsNegativePrompt: entry.negativePrompt,
    supportsSeed: entry.seed,
    supportsMask: entry.mask,
    maxReferences: Math.min(maxReferences, maxReferencesOf(entry, dialect)),
    maxCount: Math.min(maxCountOf(entry, dialect), largestOrderOf(shelf, entry)),
    streaming: entry.streaming,
    prices: listPrices(shown, createPricing(shelf, entry, { ...view, quoteOf })),
    offered,
    providers: listProviders(shelf, entry),
    retiresAt: lastDayOf(entry),
    notes: describeRoutes(shelf, entry, dialect),
  }
}

/** What the limits of its live routes let through at once. */
function largestOrderOf(shelf: Shelf, entry: ModelEntry): number {
  const live = shelf.sandbox ? [] : listLiveRoutes(shelf, entry)
  return live.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...live.map(maxOrderOf))
}

function addOwn(shelf: Shelf, { providers }: OwnUse): Shelf {
  return { ...shelf, configuredProviders: new Set([...shelf.configuredProviders, ...providers]) }
}

/** One moment for a whole description; what the shelf reads anew at each look is read once. */
function stopClock(shelf: Shelf): Shelf {
  const at = shelf.now()
  return { ...shelf, now: () => at }
}

type QuoteOf = (options: GenerationOptions) => Quote | null

/** Combinations that differ in nothing a price depends on share one quote. */
function createQuoteOf(shelf: Shelf, entry: ModelEntry, dialect: Dialect): QuoteOf {
  const steps = listPriceSteps(entry, dialect)
  const known = new Map<string, Quote | null>()
  return options => {
    const step = steps.findLast(each => each <= options.referenceCount) ?? 0
    const key = `${keyOf(options)}|${step}`
    const last = known.get(key)
    if (last !== undefined) return last
    const made = quote(shelf, entry, { dialect, options })
    known.set(key, made)
    return made
  }
}

type Price = { credits: number; isDefault: boolean; ownKey: boolean }
/** Null = not to be had. */
type PriceOf = (options: GenerationOptions) => Price | null

/** What an order is charged: the fee, where a key of the account serves it. */
function createPricing(
  shelf: Shelf,
  entry: ModelEntry,
  { dialect, own, quoteOf }: View & { quoteOf: QuoteOf },
): Pricing {
  const owned = own && { ...shelf, configuredProviders: own.providers, onlyConfigured: true as const }
  const isOwnServed = owned && createServing(owned, entry)
  const priceOf: PriceOf = options => {
    const price = quoteOf(options)
    if (!price) return null
    const ownKey = isOwnServed?.(options) === true
    return { ...price, ownKey, credits: ownKey && own ? own.feeOf(price.credits) : price.credits }
  }
  const steps = [...listPriceSteps(entry, dialect), ...(own ? listRouteSteps(entry) : [])]
  return { entry, dialect, priceOf, steps }
}

const dimensions = ['resolution', 'size', 'quality', 'thinkingLevel', 'aspectRatio'] as const
type Dimension = (typeof dimensions)[number]

/** Written out: there are thousands in a list. */
function keyOf({ resolution, size, quality, thinkingLevel, aspectRatio }: Pick<ListedPrice, Dimension>) {
  return `${resolution}|${size}|${quality}|${thinkingLevel}|${aspectRatio}`
}

type Pricing = {
  entry: ModelEntry
  dialect: Dialect
  priceOf: PriceOf
  /** Numbers of pictures to work from at which the price may change. */
  steps: readonly number[]
}

/**
 * The price list, as few rows as say it all: a dimension on which no price depends is null. Other lists than the
 * native one say nothing of ratios and of pictures to work from: where a price still differs within a row of theirs, the
 * row shows the highest.
 */
function listPrices(shown: GenerationOptions[], pricing: Pricing): ListedPrice[] {
  const fewest = Math.min(...shown.map(options => options.referenceCount))
  const rows = shown
    .filter(options => options.referenceCount === fewest)
    .flatMap(options => toRow(options, pricing) ?? [])
  const dropped = new Set<Dimension>(pricing.dialect === 'native' ? [] : ['aspectRatio'])
  for (const dimension of dimensions) {
    if (isPriceless(rows, dimension, dropped)) dropped.add(dimension)
  }
  const listed = new Map<string, ListedPrice>()
  for (const row of rows) {
    const bare: ListedPrice = { ...row }
    for (const dimension of dropped) bare[dimension] = null
    const key = keyOf(bare)
    const known = listed.get(key)
    if (!known || known.credits < bare.credits) listed.set(key, bare)
  }
  return [...listed.values()]
}

function toRow(options: GenerationOptions, pricing: Pricing): ListedPrice | null {
  const { entry, dialect } = pricing
  const price = pricing.priceOf(options)
  if (!price) return null
  const { resolution, size, quality, aspectRatio } = options
  // Nothing said means the default level, so the two share a row.
  const thinkingLevel = options.thinkingLevel ?? (entry.thinkingLevels.includes('default') ? 'default' : null)
  const { credits, ownKey, isDefault } = price
  const creditsWithReferences = dialect === 'native' ? listDearer(options, price, pricing) : []
  return {
    resolution,
    size,
    quality,
    thinkingLevel,
    aspectRatio,
    credits,
    creditsWithReferences,
    ownKey,
    default: isDefault,
  }
}

/** Empty where no number of pictures changes the price. */
function listDearer(options: GenerationOptions, without: Price, pricing: Pricing): number[] {
  const { entry, dialect, priceOf, steps } = pricing
  const most = entry.modes.includes('edit') ? maxReferencesOf(entry, dialect) : 0
  if (steps.every(step => step <= options.referenceCount || step > most)) return []
  const prices: number[] = []
  let price: Price | null = without
  for (let count = options.referenceCount + 1; count <= most; count += 1) {
    if (steps.includes(count)) price = priceOf({ ...options, referenceCount: count })
    if (!price) break
    prices.push(price.credits)
  }
  return prices.some(credits => credits !== without.credits) ? prices : []
}

/** True when rows that differ in this dimension alone (and in dropped ones) cost the same. */
function isPriceless(rows: ListedPrice[], dimension: Dimension, dropped: ReadonlySet<Dimension>): boolean {
  const prices = new Map<string, string>()
  const others = dimensions.filter(other => other !== dimension && !dropped.has(other))
  return rows.every(row => {
    let key = ''
    for (const other of others) key += `${row[other]}|`
    const known = prices.get(key)
    const price = `${row.credits}|${row.ownKey}|${row.creditsWithReferences}`
    prices.set(key, price)
    return known === undefined || known === price
  })
}

function listProviders(shelf: Shelf, entry: ModelEntry): string[] {
  const living = entry.routes.filter(route => !isRetired(route, shelf.now()))
  return [...new Set(living.map(({ provider }) => provider))]
}

/** The day on which the last known route ends, if every one has an end. */
function lastDayOf(entry: ModelEntry): string | null {
  let last = ''
  for (const { retiresAt } of entry.routes) {
    if (retiresAt === null) return null
    if (retiresAt > last) last = retiresAt
  }
  return last
}

/** What the reader of the list should know of the upstream ids behind the model. */
function describeRoutes(shelf: Shelf, entry: ModelEntry, dialect: Dialect): string[] {
  const now = shelf.now()
  const notes: string[] = []
  const living = entry.routes.filter(route => !isRetired(route, now))
  const live = listLiveRoutes(shelf, entry)
  const first = live[0] ?? living[0]
  for (const route of entry.routes) {
    if (route === first) break
    const heir = first ? `; served by ${first.model}` : ''
    if (isRetired(route, now)) notes.push(`${route.model} was retired upstream on ${route.retiresAt}${heir}.`)
  }
  if (first?.retiresAt) notes.push(describeComingEnd(first, living))
  if (!first) notes.push(`Every known upstream id of this model is retired${heirOf(shelf, entry, dialect)}.`)
  else if (!shelf.sandbox && live.length === 0) {
    const providers = [...new Set(living.map(route => route.provider))]
    notes.push(`No configured provider serves it; it would be served by ${providers.join(', ')}.`)
  }
  if (entry.note !== undefined) notes.push(entry.note)
  return notes
}

function heirOf(shelf: Shelf, entry: ModelEntry, dialect: Dialect): string {
  const heir = findSuccessor(shelf, entry, dialect)
  return heir === null ? '' : `; use ${heir}`
}

function describeComingEnd(first: Upstream, living: Upstream[]): string {
  const end = first.retiresAt ?? ''
  const heir = living.find(route => route.retiresAt === null || route.retiresAt > end)
  return `${first.model} retires upstream on ${end}${heir ? `; then served by ${heir.model}` : ''}.`
}

/** Days from `now` to the start of a UTC day; negative when it has passed. */
export function daysUntil(day: string, now: Date): number {
  return Math.round((Date.parse(day) - Date.parse(dayOf(now))) / DAY_MS)
}

const DAY_MS = 24 * 60 * 60 * 1000
