// What is offered, as data. This file states what the rest of the service may ask of the catalogue.
import type { ImageFormat, ProviderRequest, ThinkingLevel } from '../providers/provider.ts'
import type { ModelEntry } from './entry.ts'
import type { GoneModel, ModelLife, ToldModel } from './life.ts'
import type { Dialect, GenerationOptions } from './options.ts'

/** One way to serve a model. */
export type Route = {
  provider: string
  upstreamModel: string
  /** First day (UTC, YYYY-MM-DD) on which the upstream no longer serves it; null = none known. */
  retiresAt: string | null
  /** The upstream id that replaces it, for the reader of the model list. */
  successor: string | null
  /** Pictures one upstream call can make. */
  maxCountPerCall: number
  /** How much it may be given; left out = as much as there is. */
  pacing?: Pacing
  /** Its share where routes are drawn by lot; left out = 1. */
  weight?: number
}

/** Limits of a route over all processes; null = none. */
export type Pacing = {
  /** Calls open at once. */
  maxInFlight: number | null
  /** Images begun in any minute. */
  imagesPerMinute: number | null
  /** Images begun in any so many seconds, at most 60. */
  imagesPerWindow: { images: number; seconds: number } | null
}

/** What a call on a route costs. */
export type Tariff = {
  /** One picture of the order, micro-USD: what a call costs whose answer tells no tokens. */
  pictureUsdMicro: number
  /** Null = by the picture alone. */
  tokenPrices: TokenPrices | null
}

/** Micro-USD for a million tokens; null = no price is known. */
export type TokenPrices = {
  textIn: number
  imageIn: number
  textOut: number | null
  imageOut: number
  thinking: number | null
}

/** How a model's routes are chosen from. */
export type Routing = {
  by: 'preference' | 'weight' | 'price'
  /** What an order does whose route is full. */
  whenBusy: 'wait' | 'next'
}

/** A route with the models that it serves. */
export type ConfiguredRoute = Route & {
  models: string[]
  isRetired: boolean
  /** What its upstream said when it was found not to have it any more; null = it has not. */
  gone: Pick<GoneModel, 'since' | 'said' | 'generationId'> | null
  /** What its upstream's own list says of it; null = that says nothing, or was not read yet. */
  told: Pick<ToldModel, 'shutdownOn' | 'version' | 'versionAt' | 'versionBefore' | 'overruledEnd'> | null
}

/** A request the catalogue has accepted: defaults filled in, price fixed. */
export type Offer = {
  modelId: string
  /** Shown by dialects that name the provider (`openai`, `google`, …). */
  owner: string
  options: GenerationOptions
  /** Credits for one picture and for all. Integers. */
  unitPrice: number
  price: number
  /** What was changed of the request, in plain sentences; empty unless it was to be adapted. */
  warnings: string[]
}

/** What the catalogue offers from. */
export type Standing = {
  /** Names of providers that can be used; the built-in one counts always. */
  configuredProviders: ReadonlySet<string>
  /** True: the built-in model serves every entry at its normal price. */
  sandbox: boolean
  /** True: outside the sandbox the built-in model serves nobody. */
  withoutBuiltIn?: boolean
  /** What has turned out about upstream models; left out: nothing. */
  life?: ModelLife
}

export type Catalog = {
  /**
   * Checks model and options for one dialect and prices them. Throws AppError `invalid_request`: reason
   * `unknown_model` (not listed or not offered now; no details), `retired_model` (gone upstream; no details), `unsupported_option` (details name the field
   * in core words) or `no_price` (the combination has no price).
   */
  resolve(dialect: Dialect, modelId: string, options: GenerationOptions): Offer
  /** As `resolve`, but what the model does not offer is changed to what comes nearest or left out, where it can be. */
  adapt(dialect: Dialect, modelId: string, options: GenerationOptions): Offer
  /** Live, configured routes that can serve the offer, in order of preference. Empty = none right now. */
  routes(modelId: string, options: GenerationOptions): Route[]
  /** How the model's routes are chosen from; that of a model which is gone is the usual one. */
  routing(modelId: string): Routing
  /** Every route whose provider is configured, retired ones too; each once. */
  configuredRoutes(): ConfiguredRoute[]
  /** The others: those that wait for a key or an address. */
  unconfiguredRoutes(): ConfiguredRoute[]
  /** The provider's request for one route. */
  toProviderRequest(
    route: Route,
    prompt: string,
    options: GenerationOptions,
  ): Omit<ProviderRequest, 'references' | 'mask'>
  /** The same offers, served by these providers alone and at the cost of whoever holds their keys. */
  under(providers: ReadonlySet<string>): Catalog
  /** Expected upstream cost of the whole order in micro-USD (integer); 0 for the built-in model. */
  expectedCostUsdMicro(route: Route, options: GenerationOptions): number
  /** What a call turns out to cost there is worked out from this; null = the route is gone, or costs somebody else. */
  tariff(route: Pick<Route, 'provider' | 'upstreamModel'>, options: GenerationOptions): Tariff | null
}

/** One row of a price list, credits for one picture. Null = the price does not depend on it. */
export type ListedPrice = {
  aspectRatio: string | null
  resolution: string | null
  size: string | null
  quality: string | null
  thinkingLevel: ThinkingLevel | null
  credits: number
  /** The same made from one more picture, two more, and so on; ends where that is not offered. Native lists alone. */
  creditsWithReferences: number[]
  /** Made with the account's own key. */
  ownKey: boolean
  /** True where no contract states the number and the service worked it out from the upstream's cost. */
  default: boolean
}

/** A model as a dialect's list shows it: what can be asked for now, on the routes that are live now. */
export type ListedModel = {
  id: string
  name: string
  owner: string
  createdAt: Date
  modes: ('generate' | 'edit')[]
  /** The first is the default; empty where the model speaks pixels only. */
  aspectRatios: string[]
  resolutions: string[]
  /** Sizes to show; `freeSizes` = any other size by the model's rule is taken too. */
  sizes: string[]
  freeSizes: boolean
  qualities: string[]
  formats: ImageFormat[]
  backgrounds: ('opaque' | 'transparent')[]
  thinkingLevels: ThinkingLevel[]
  moderation: ('auto' | 'low')[]
  inputFidelity: ('high' | 'low')[]
  supportsNegativePrompt: boolean
  supportsSeed: boolean
  supportsMask: boolean
  maxReferences: number
  maxCount: number
  streaming: boolean
  prices: ListedPrice[]
  /** False = known, but no configured route can serve it now. */
  offered: boolean
  /** Those that would serve it with a key. */
  providers: string[]
  /** The day (UTC, YYYY-MM-DD) from which no known route serves the model; null = none known. */
  retiresAt: string | null
  /** Plain sentences such as `gpt-image-1 was retired upstream on 2026-10-23; served by gpt-image-2.` */
  notes: string[]
}

/** An account's own keys: what they serve is made with them, at a fee in place of the price. */
export type OwnUse = {
  providers: ReadonlySet<string>
  /** The same for every account. */
  feeOf(price: number): number
}

export type ModelList = {
  /**
   * Every model the dialect lists, in the order of the data; `offered` says whether it can be used now. With `own` what
   * is offered to an account that has these keys, at what it pays.
   */
  list(dialect: Dialect, own?: OwnUse): ListedModel[]
  find(dialect: Dialect, modelId: string): ListedModel | null
}

/** Credits for one picture; `isDefault` where no contract states the number. */
export type Quote = { credits: number; isDefault: boolean }

export type PriceRequest = {
  dialect: Dialect
  /** With the defaults filled in. */
  options: GenerationOptions
  /** Decides which dated version of the price list is in force. */
  at: Date
  /** What one credit is worth, in micro-USD; an integer of at least 1. */
  creditPriceUsdMicro: number
}

/** The price of one picture, or null for a combination without a price. `credits/pricing.ts` is the one. */
export type QuotePrice = (entry: ModelEntry, request: PriceRequest) => Quote | null
