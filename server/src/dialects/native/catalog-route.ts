// The models that the service offers, with what each takes and costs. `/api/v1/models` belongs to the imgeo API.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import { AppError } from '../../errors.ts'
import type { HttpEnv } from '../../http/context.ts'
import type { ListedModel, ModelList } from '../../models/catalog.ts'
import type { Begin } from './begin.ts'
import { common, json, type Registry, rateHeaders, refused } from './describe-parts.ts'
import { paths } from './paths.ts'
import { readQuery } from './query.ts'

export type CatalogRouteNeeds = { catalog: ModelList }

const catalogQuery = z.strictObject({
  model: z.string().min(1).max(200).optional().openapi({ description: 'The id of one model alone.' }),
})

const price = z
  .object({
    resolution: z.string().nullable(),
    size: z.string().nullable(),
    quality: z.string().nullable(),
    thinkingLevel: z.string().nullable(),
    credits: z.int().openapi({
      description:
        'For one image, made without pictures to work from, which may cost more: a quote has the price with them. Null fields do not matter to it.',
    }),
  })
  .openapi('ModelPrice')

const model = z
  .object({
    id: z.string(),
    name: z.string(),
    owner: z.string(),
    edits: z.boolean().openapi({ description: 'Whether it takes `images`.' }),
    aspectRatios: z.array(z.string()).openapi({ description: 'The first is the default.' }),
    resolutions: z.array(z.string()),
    sizes: z.array(z.string()),
    freeSizes: z.boolean().openapi({ description: "Whether other sizes by the model's rule are taken too." }),
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

export function addCatalog(app: OpenAPIHono<HttpEnv>, { catalog }: CatalogRouteNeeds, begin: Begin): void {
  app.get(paths.catalog, async context => {
    await begin(context, paths.catalog, 'read')
    const { model: id } = readQuery(context, catalogQuery)
    const offered = catalog.list('native').filter(each => each.offered)
    const asked = id === undefined ? offered : offered.filter(each => each.id === id)
    if (id !== undefined && asked.length === 0) throw new AppError('not_found', 'There is no such model.')
    return context.json({ models: asked.map(toModelObject) } satisfies z.infer<typeof modelCatalog>)
  })
}

function toModelObject(listed: ListedModel): z.infer<typeof model> {
  const { id, name, owner, aspectRatios, resolutions, sizes, freeSizes, qualities, thinkingLevels } = listed
  return {
    ...{ id, name, owner, edits: listed.modes.includes('edit') },
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
    prices: listed.prices.map(({ default: _, ...stated }) => stated),
    retiresAt: listed.retiresAt,
    notes: listed.notes,
  }
}

export function describeCatalog(registry: Registry): void {
  registry.registerPath({
    method: 'get',
    path: '/api/v1/catalog',
    tags: ['Models'],
    summary: 'List the models',
    description:
      'Every model that the service offers now, with what it takes and what one image costs. Models that only a key of your own can serve are not in it.',
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
