// The list of everything the account made, through whichever API.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Db } from '../../db/db.ts'
import { invalidField } from '../../errors.ts'
import type { GenerationState, PublicStatus } from '../../generations/generation.ts'
import { type ListFilter, listGenerations, readCursor } from '../../generations/list.ts'
import { findQueuePlaces } from '../../generations/queue-place.ts'
import type { ShowNeeds } from '../../generations/shown-outputs.ts'
import type { HttpEnv } from '../../http/context.ts'
import { dialects } from '../../models/options.ts'
import type { Begin } from './begin.ts'
import { paths } from './paths.ts'
import { toGenerationObject } from './present.ts'
import { readQuery } from './query.ts'

const defaultLimit = 20
const maxLimit = 100

const time = z.iso.datetime({ offset: true })

export const listQuery = z.strictObject({
  limit: z
    .string()
    .refine(text => /^(?:[1-9]\d?|100)$/.test(text), `limit must be 1 to ${maxLimit}.`)
    .optional()
    .openapi({ type: 'integer', minimum: 1, maximum: maxLimit, default: defaultLimit }),
  cursor: z.string().max(200).optional().openapi({ description: '`nextCursor` of the page before.' }),
  model: z.string().min(1).max(200).optional(),
  status: z.enum(['queued', 'running', 'succeeded', 'failed', 'blocked', 'canceled']).optional(),
  dialect: z.enum(dialects).optional().openapi({ description: 'The API it was made through.' }),
  key: z.uuid().optional().openapi({ description: 'The id of the API key it was made with.' }),
  createdFrom: time.optional().openapi({ description: 'From this time on.' }),
  createdTo: time.optional().openapi({ description: 'Before this time.' }),
  q: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .optional()
    .openapi({ description: 'Part of the prompt, in upper or lower case.' }),
  tag: z.string().trim().min(1).max(128).optional(),
  parentId: z.uuid().optional().openapi({ description: 'Those that go on from this one.' }),
})

export function addList(app: OpenAPIHono<HttpEnv>, needs: ShowNeeds & { db: Db }, begin: Begin): void {
  app.get(paths.generations, async context => {
    const { accountId } = await begin(context, paths.generations, 'read')
    const query = readQuery(context, listQuery)
    const cursor = query.cursor === undefined ? null : readCursor(query.cursor)
    if (query.cursor !== undefined && !cursor)
      throw invalidField('cursor', 'cursor must be nextCursor of a page.')
    const limit = Number(query.limit ?? defaultLimit)
    const page = await listGenerations(needs.db, accountId, { filter: toFilter(query), limit, cursor })
    const places = await findQueuePlaces(needs.db, accountId, page.generations)
    const generations = page.generations.map(generation =>
      toGenerationObject(needs, generation, places.get(generation.id) ?? null),
    )
    return context.json({ generations, nextCursor: page.nextCursor })
  })
}

function toFilter(query: z.infer<typeof listQuery>): ListFilter {
  const { model, dialect, tag, parentId } = query
  const createdFrom = query.createdFrom ? new Date(query.createdFrom) : undefined
  const createdTo = query.createdTo ? new Date(query.createdTo) : undefined
  if (createdFrom && createdTo && createdFrom > createdTo)
    throw invalidField('createdFrom', 'createdFrom must not be after createdTo.')
  return {
    ...{ model, dialect, tag, parentId, createdFrom, createdTo },
    states: query.status && statesOf[query.status],
    apiKeyId: query.key,
    text: query.q,
  }
}

const statesOf: Record<PublicStatus, readonly GenerationState[]> = {
  queued: ['queued'],
  running: ['dispatching', 'awaiting', 'storing', 'reconciling'],
  succeeded: ['succeeded'],
  failed: ['failed'],
  blocked: ['blocked'],
  canceled: ['canceled'],
}
