// The shape of a catalogue file: the shipped defaults and the operator's override are held to the same schema.
// Unknown keys are refused everywhere, so that a misspelt price can never be silently ignored.
import { z } from 'zod'
import { parseRatio, parseResolution, parseSize } from './sizes.ts'

const ratio = z.string().refine(text => parseRatio(text) !== null, 'expected a ratio such as 16:9')
const size = z.string().refine(text => parseSize(text) !== null, 'expected a size such as 1024x1024')
const resolution = z.string().refine(text => parseResolution(text) !== null, 'expected a label such as 1K')
const date = z.iso.date('expected a date such as 2026-12-01')
const name = z.string().min(1).max(200)
const mode = z.enum(['generate', 'edit'])
const quality = z.string().regex(/^[a-z]+$/, 'expected a lower-case word such as medium')
const imageFormat = z.enum(['png', 'jpeg', 'webp'])
const background = z.enum(['opaque', 'transparent'])
const thinkingLevel = z.enum(['default', 'deep'])
const inputFidelity = z.enum(['high', 'low'])
const parameters = z.record(name, z.union([z.string(), z.number(), z.boolean()]))

/** Dialects that a model can be listed in; the native one and OpenAI's list every model. */
export const listingDialects = ['getimages', 'getimg', 'gptimage2', 'imgeo', 'openai'] as const
const listingDialect = z.enum(listingDialects)
const pricedDialect = z.enum([...listingDialects, 'native'])

const freeSizeRule = z.strictObject({
  multipleOf: z.int().min(1),
  minPixels: z.int().min(1),
  maxPixels: z.int().min(1),
  maxEdge: z.int().min(1),
  maxRatio: z.number().min(1),
})

export const sizeTableSchema = z.record(resolution, z.record(ratio, size))

/** A table by its name, or written out. `ratios` and `resolutions` narrow a shared table. */
const sizes = z.union([name, sizeTableSchema])
const narrowing = { ratios: z.array(ratio).optional(), resolutions: z.array(resolution).optional() }

const shape = z.discriminatedUnion('by', [
  z.strictObject({
    by: z.literal('ratio'),
    sizes,
    ...narrowing,
    /** What the upstream is told for each of our labels; null = it is told nothing. */
    resolutionWords: z.record(resolution, name).nullable(),
  }),
  z.strictObject({
    by: z.literal('pixels'),
    sizes,
    ...narrowing,
    free: freeSizeRule.nullable().default(null),
  }),
])

const costRule = z.strictObject({
  quality: quality.optional(),
  resolution: resolution.optional(),
  size: size.optional(),
  usdMicro: z.int().min(0),
})

const tokenPrice = z.int().min(0).max(10_000_000_000)

const cost = z.strictObject({
  /** The first rule whose conditions hold counts. Micro-USD for one picture. */
  rules: z.array(costRule).default([]),
  /** Pictures billed by output tokens, where no rule holds: the factor per quality and the price of a token. */
  tokens: z
    .strictObject({ factors: z.record(quality, z.int().min(1)), usdMicroPerToken: z.int().min(1) })
    .optional(),
  /**
   * What a call costs whose answer tells its tokens: micro-USD for a million of each kind. Left out, and for answers
   * that tell none, a call costs its pictures by the rules. No price of an order comes from it.
   */
  usdMicroPerMillionTokens: z
    .strictObject({
      textIn: tokenPrice,
      /** Left out = as `textIn`. */
      imageIn: tokenPrice.optional(),
      imageOut: tokenPrice,
      /** Left out = an answer that tells of such tokens costs its pictures. */
      textOut: tokenPrice.optional(),
      /** Left out = as `textOut`. */
      thinking: tokenPrice.optional(),
    })
    .optional(),
  perReferenceUsdMicro: z.int().min(0).default(0),
  /** True when no vendor's price list states the numbers. */
  estimate: z.boolean().default(false),
})

const thinking = z.strictObject({
  /** The upstream's words for our levels; a level without one is left to the model. */
  default: name.optional(),
  deep: name.optional(),
  /** Said before the prompt for `deep`, where the upstream has no switch. */
  deepPhrase: z.string().min(1).optional(),
})

export const upstreamSchema = z.strictObject({
  provider: name,
  model: name,
  retiresAt: date.nullable().default(null),
  successor: name.nullable().default(null),
  modes: z.array(mode).min(1),
  maxReferences: z.int().min(0).max(64).default(0),
  mask: z.boolean().default(false),
  shape,
  qualities: z.array(quality).default([]),
  formats: z.array(imageFormat).default([]),
  compression: z.boolean().default(false),
  backgrounds: z.array(background).default(['opaque']),
  /** Modes in which it can be told to judge less strictly. */
  moderation: z.array(mode).default([]),
  inputFidelity: z.array(inputFidelity).default([]),
  /** Follows pictures as closely as it can by itself, and takes no word about it. */
  alwaysFaithful: z.boolean().default(false),
  maxPartialImages: z.int().min(0).max(3).default(0),
  seed: z.enum(['exact', 'best-effort', 'none']).default('none'),
  negativePrompt: z.enum(['field', 'phrase', 'none']).default('none'),
  thinking: thinking.nullable().default(null),
  maxCountPerCall: z.int().min(1).max(16).default(1),
  /** Calls that may be open there at once, over all processes; null = as many as there are workers. */
  maxInFlight: z.int().min(1).max(10_000).nullable().default(null),
  /** Images that may be begun there in any minute, over all processes; null = no limit of ours. */
  imagesPerMinute: z.int().min(1).max(100_000).nullable().default(null),
  /** The same within another window, beside that or instead of it. The database remembers 60 seconds. */
  imagesPerWindow: z
    .strictObject({ images: z.int().min(1).max(100_000), seconds: z.int().min(1).max(60).default(60) })
    .nullable()
    .default(null),
  parameters: parameters.default({}),
  cost,
  note: z.string().optional(),
})

const priceConditions = {
  quality: quality.optional(),
  resolution: resolution.optional(),
  sizes: z.array(size).min(1).optional(),
  thinkingLevel: thinkingLevel.optional(),
  /** Holds when at least so many reference pictures come with the request. */
  minReferences: z.int().min(1).optional(),
}

const contractPrice = z.strictObject({
  ...priceConditions,
  credits: z.int().min(0).max(1_000_000),
  creditsPerReference: z.int().min(0).max(1_000_000).default(0),
})

const defaultPrice = z.strictObject({
  ...priceConditions,
  /** No contract states a number: upstream cost with a margin, in credits, rounded up. */
  default: z.literal(true),
  costOf: z.strictObject({
    upstream: name,
    quality: quality.optional(),
    resolution: resolution.optional(),
    size: size.optional(),
  }),
})

const priceVersion = z.strictObject({
  from: date.nullable().default(null),
  rules: z.array(z.union([contractPrice, defaultPrice])).min(1),
})

const priceList = z.union([
  z.int().min(0).max(1_000_000),
  z.array(priceVersion).min(1),
  z.strictObject({ sameAs: listingDialect }),
])

const weightedRoute = z.strictObject({ upstream: name, weight: z.int().min(1).max(1_000) })

export const modelSchema = z.strictObject({
  id: name,
  name,
  owner: name,
  createdAt: date,
  /** The first one is the model's home: its price is the native price unless the data says otherwise. */
  dialects: z.array(listingDialect).default([]),
  modes: z.array(mode).min(1),
  aspectRatios: z.array(ratio).default([]),
  resolutions: z.array(resolution).default([]),
  sizes: z
    .strictObject({ listed: z.array(size).min(1), free: freeSizeRule.nullable().default(null) })
    .nullable()
    .default(null),
  qualities: z.array(quality).default([]),
  defaultQuality: quality.optional(),
  formats: z.array(imageFormat).min(1).default(['png', 'jpeg', 'webp']),
  compression: z.boolean().default(false),
  backgrounds: z.array(background).default(['opaque']),
  negativePrompt: z.boolean().default(false),
  seed: z.boolean().default(false),
  mask: z.boolean().default(false),
  maxReferences: z.int().min(0).max(64).default(0),
  maxCount: z.int().min(1).max(16).default(1),
  limits: z
    .partialRecord(
      pricedDialect,
      z.strictObject({
        maxReferences: z.int().min(0).max(64).optional(),
        maxCount: z.int().min(1).max(16).optional(),
      }),
    )
    .default({}),
  thinkingLevels: z.array(thinkingLevel).default([]),
  moderation: z
    .array(z.enum(['auto', 'low']))
    .min(1)
    .default(['auto']),
  inputFidelity: z.array(inputFidelity).default([]),
  streaming: z.boolean().default(false),
  routes: z.array(z.union([name, weightedRoute])).min(1),
  /** The model to use once this one is served no more. */
  successor: name.nullable().default(null),
  /** Which route is asked first: the first of the list, one by lot with the weights, or the cheapest. */
  routing: z.enum(['preference', 'weight', 'price']).default('preference'),
  /** What an order does whose route is full: it waits for a place, or goes to the next route that has one. */
  whenBusy: z.enum(['wait', 'next']).default('wait'),
  prices: z.partialRecord(pricedDialect, priceList),
  note: z.string().optional(),
})

/** One file before its parts are merged and checked: only the frame is known. */
export const catalogFrameSchema = z.strictObject({
  sizeTables: z.record(name, z.unknown()).default({}),
  upstreams: z.record(name, z.record(z.string(), z.unknown())).default({}),
  models: z.array(z.looseObject({ id: name })).default([]),
})

export type CatalogFrame = z.infer<typeof catalogFrameSchema>
export type FileUpstream = z.infer<typeof upstreamSchema>
export type FileModel = z.infer<typeof modelSchema>
export type FilePriceList = z.infer<typeof priceList>
export type FilePriceRule = z.infer<typeof priceVersion>['rules'][number]
