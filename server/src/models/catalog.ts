// What is offered, as data. This file states what the rest of the service may ask of the catalogue.
import type { ProviderRequest } from '../providers/provider.ts'
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
}

export type Catalog = {
  /**
   * Checks model and options for one dialect and prices them. Throws AppError `invalid_request` (reason
   * `unknown_model` or `unsupported_option`, details naming the field in core words) when the model is not
   * listed or not offered now, an option is not supported, or the combination has no price.
   */
  resolve(dialect: Dialect, modelId: string, options: GenerationOptions): Offer
  /** Live, configured routes that can serve the offer, in order of preference. Empty = none right now. */
  routes(modelId: string, options: GenerationOptions): Route[]
  /** The provider's request for one route. */
  toProviderRequest(route: Route, prompt: string, options: GenerationOptions): Omit<ProviderRequest, 'references' | 'mask'>
  /** Expected upstream cost of the whole order in micro-USD (integer); 0 for the built-in model. */
  expectedCostUsdMicro(route: Route, options: GenerationOptions): number
}
