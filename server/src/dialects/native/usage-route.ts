// What the account's orders cost by UTC day, through whichever API: the same sums as getimg's costs, in credits.
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import { listDailyCosts, listDays } from '../../credits/costs.ts'
import type { Db } from '../../db/db.ts'
import { invalidField } from '../../errors.ts'
import { callerGone } from '../../http/caller-gone.ts'
import type { HttpEnv } from '../../http/context.ts'
import { dialects } from '../../models/options.ts'
import type { Begin } from './begin.ts'
import { common, json, type Registry, rateHeaders, refused } from './describe-parts.ts'
import { paths } from './paths.ts'
import { readQuery } from './query.ts'

export type UsageNeeds = { db: Db; now: () => Date }

const dayMs = 86_400_000
/** As getimg's: half a year in one answer. */
const maxDays = 180
const defaultDays = 30
/** Nothing was ordered before, and before the year 1 days have other names. */
const firstDay = '1970-01-01'

const usageQuery = z.strictObject({
  from: z.iso
    .date()
    .optional()
    .openapi({ description: `The first day (UTC); ${defaultDays} days up to \`to\` when left out.` }),
  to: z.iso
    .date()
    .optional()
    .openapi({
      description: `The last day (UTC), today when left out; at most ${maxDays} days with the first.`,
    }),
  model: z.string().min(1).max(200).optional(),
  dialect: z.enum(dialects).optional().openapi({ description: 'The API they were made through.' }),
  key: z.uuid().optional().openapi({ description: 'The id of the API key they were made with.' }),
})

const sums = {
  credits: z.int().openapi({ description: 'Charged for what was delivered, less what was given back.' }),
  generations: z.int().openapi({ description: 'Orders that were charged.' }),
}

const dailyUsage = z
  .object({
    from: z.iso.date(),
    to: z.iso.date(),
    days: z.array(z.object({ date: z.iso.date(), ...sums })).openapi({
      description: 'One for each day, in order. An order counts on the day it was made, once it has ended.',
    }),
    ...sums,
  })
  .openapi('DailyUsage')

export function addDailyUsage(app: OpenAPIHono<HttpEnv>, { db, now }: UsageNeeds, begin: Begin): void {
  app.get(paths.dailyUsage, async context => {
    const { accountId } = await begin(context, paths.dailyUsage, 'read')
    const query = readQuery(context, usageQuery)
    const { from, to } = readDays(query, now)
    const { model, dialect, key: apiKeyId } = query
    const filter = { from, to: new Date(to.getTime() + dayMs - 1), model, dialect, apiKeyId }
    const costs = await listDailyCosts(db, { accountId, signal: callerGone(context) }, filter)
    const days = listDays(from, to).map(date => {
      const { credits, charged } = costs.get(date) ?? { credits: 0, charged: 0 }
      return { date, credits, generations: charged }
    })
    const sum = (of: 'credits' | 'generations') => days.reduce((total, day) => total + day[of], 0)
    return context.json({
      ...{
        from: dateOf(from),
        to: dateOf(to),
        days,
        credits: sum('credits'),
        generations: sum('generations'),
      },
    } satisfies z.infer<typeof dailyUsage>)
  })
}

/** Midnights. Throws invalid_request naming `from` or `to`. */
function readDays(query: z.infer<typeof usageQuery>, now: () => Date): { from: Date; to: Date } {
  const to = new Date(query.to ?? dateOf(now()))
  const from = query.from ? new Date(query.from) : new Date(to.getTime() - (defaultDays - 1) * dayMs)
  if (from < new Date(firstDay))
    throw invalidField(query.from ? 'from' : 'to', `There are no days before ${firstDay}.`)
  if (from > to) throw invalidField('from', 'from must not be after to.')
  if (to.getTime() - from.getTime() >= maxDays * dayMs)
    throw invalidField('to', `to may be at most ${maxDays - 1} days after from.`)
  return { from, to }
}

function dateOf(at: Date): string {
  return at.toISOString().slice(0, 10)
}

export function describeDailyUsage(registry: Registry): void {
  registry.registerPath({
    method: 'get',
    path: '/api/v1/usage/daily',
    tags: ['Usage'],
    summary: 'Sum what was charged by day',
    description:
      'What the orders of the account cost, through whichever API, for each UTC day of a span; of one model, API or key when asked.',
    operationId: 'listDailyUsage',
    request: { query: usageQuery },
    responses: {
      200: { description: 'The sums', headers: rateHeaders, content: json(dailyUsage) },
      400: refused('A day is none, or the span is too long.'),
      ...common,
    },
  })
}
