// The models that the caller can order from, with what each takes and costs. `/api/v1/models` belongs to the imgeo API.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import { mayUse } from '../../accounts/allowed-models.ts'
import { AppError } from '../../errors.ts'
import { findOwnUse, type OwnKeys } from '../../generations/own-keys.ts'
import type { HttpEnv } from '../../http/context.ts'
import type { ListedModel, ListedPrice, ModelList } from '../../models/catalog.ts'
import type { Begin } from './begin.ts'
import { common, json, type Registry, rateHeaders, refused } from './describe-parts.ts'
import { paths } from './paths.ts'
import { readQuery } from './query.ts'

export type CatalogRouteNeeds = { catalog: ModelList; ownKeys: OwnKeys; isSandbox(): boolean }

const catalogQuery = z.strictObject({
  model: z.string().min(1).max(200).optional().openapi({ description: 'The id of one model alone.' }),
  all: z.enum(['true', 'false']).optional().openapi({
    description: '`true`: also models that only a key which you have not brought would serve.',
  }),
})

const price = z
  .object({
    resolution: z.string().nullable(),
    size: z.string().nullable(),
    quality: z.string().nullable(),
    thinkingLevel: z.string().nullable(),
    aspectRatio: z.string().nullable(),
    credits: z.int().openapi({
      description:
        'For one image made without pictures to work from, or with one by a model that only edits. Null fields do not matter to it.',
    }),
    creditsWithImages: z.array(z.int()).openapi({
      description:
        'For one image made with one picture more, two more and so on, as many as are taken; empty where they cost nothing more.',
    }),
    ownKey: z.boolean().openapi({ description: 'True: with your own provider key; it is the fee alone.' }),
  })
  .openapi('ModelPrice')

const model = z
  .object({
    id: z.string(),
    name: z.string(),
    owner: z.string(),
    createdAt: z.iso.datetime(),
    offered: z.boolean().openapi({
      description:
        'False: only with a key of yours for one of `ownKeyProviders`; prices are what it costs then.',
    }),
    ownKeyProviders: z.array(z.string()).openapi({
      description: 'Providers that would serve it with a key of yours, for the fee.',
    }),
    edits: z.boolean().openapi({ description: 'Whether it takes `images`.' }),
    aspectRatios: z.array(z.string()).openapi({ description: 'The first is the default.' }),
    resolutions: z.array(z.string()),
    sizes: z.array(z.string()),
    freeSizes: z.boolean().openapi({
      description: "Whether other sizes by the model's rule are taken too; a quote has their price.",
    }),
    qualities: z.array(z.string()),
    thinkingLevels: z.array(z.string()),
    outputFormats: z.array(z.string()),
    backgrounds: z.array(z.string()),
    moderation: z.array(z.string()).openapi({ description: 'What may be asked of its safety check.' }),
    inputFidelity: z.array(z.string()),
    negativePrompt: z.boolean(),
    seed: z.boolean(),
    mask: z.boolean(),
    partialImages: z.boolean(),
    maxImages: z.int().openapi({ description: 'Pictures to work from, at most.' }),
    maxN: z.int().openapi({ description: 'Images of one order, at most.' }),
    prices: z.array(price),
    retiresAt: z.iso.date().nullable().openapi({
      description: 'The first day on which nothing known serves it; null = none known.',
    }),
    notes: z.array(z.string()),
  })
  .openapi('Model')

export const modelCatalog = z.object({ models: z.array(model) }).openapi('ModelCatalog')

export function addCatalog(app: OpenAPIHono<HttpEnv>, needs: CatalogRouteNeeds, begin: Begin): void {
  app.get(paths.catalog, async context => {
    const { accountId, allowedModels } = await begin(context, paths.catalog, 'read')
    const { model: id, all } = readQuery(context, catalogQuery)
    const every = await listFor(needs, accountId, all === 'true')
    const listed = every.filter(each => mayUse(allowedModels, each.id))
    const asked = id === undefined ? listed : listed.filter(each => each.id === id)
    if (id !== undefined && asked.length === 0) throw new AppError('not_found', 'There is no such model.')
    return context.json({ models: asked } satisfies z.infer<typeof modelCatalog>)
  })
}

async function listFor(
  needs: CatalogRouteNeeds,
  accountId: string,
  all: boolean,
): Promise<z.infer<typeof model>[]> {
  const own = await findOwnUse(needs, accountId)
  const names = own ? needs.ownKeys.names() : []
  const brought = own && own.brought.providers.size > 0 ? own.brought : undefined
  const possible = all && own ? needs.catalog.list('native', own.possible) : []
  return needs.catalog.list('native', brought).flatMap(listed => {
    if (listed.offered) return toModelObject(listed, names)
    const other = possible.find(({ id, offered }) => offered && id === listed.id)
    return other ? { ...toModelObject(other, names), offered: false } : []
  })
}

function toModelObject(listed: ListedModel, ownKeyNames: readonly string[]): z.infer<typeof model> {
  const { id, name, owner, aspectRatios, resolutions, sizes, freeSizes, qualities, thinkingLevels } = listed
  return {
    ...{ id, name, owner, createdAt: listed.createdAt.toISOString(), offered: true },
    ownKeyProviders: listed.providers.filter(each => ownKeyNames.includes(each)),
    edits: listed.modes.includes('edit'),
    ...{ aspectRatios, resolutions, sizes, freeSizes, qualities, thinkingLevels },
    outputFormats: listed.formats,
    backgrounds: listed.backgrounds,
    moderation: listed.moderation,
    inputFidelity: listed.inputFidelity,
    negativePrompt: listed.supportsNegativePrompt,
    seed: listed.supportsSeed,
    mask: listed.supportsMask,
    partialImages: listed.streaming,
    maxImages: listed.maxReferences,
    maxN: listed.maxCount,
    prices: listed.prices.map(toPriceObject),
    retiresAt: listed.retiresAt,
    notes: listed.notes,
  }
}

function toPriceObject(listed: ListedPrice): z.infer<typeof price> {
  const { resolution, size, quality, thinkingLevel, aspectRatio, credits, ownKey } = listed
  const creditsWithImages = listed.creditsWithReferences
  return {
    ...{ resolution, size, quality, thinkingLevel, aspectRatio, credits, creditsWithImages, ownKey },
  }
}

export function describeCatalog(registry: Registry): void {
  registry.registerPath({
    method: 'get',
    path: '/api/v1/catalog',
    tags: ['Models'],
    summary: 'List the models',
    description:
      'Every model that you can order from now, also by provider keys of your own, with what it takes and what one image costs you; with a key that is for some models, these alone.',
    operationId: 'listCatalog',
    request: { query: catalogQuery },
    responses: {
      200: { description: 'The models', headers: rateHeaders, content: json(modelCatalog) },
      400: refused('There is no such query parameter.'),
      404: refused('No model of that id is offered.'),
      ...common,
    },
  })
}
