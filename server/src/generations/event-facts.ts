// What a webhook tells of a generation that has ended: the public facts, as they are when it is sent.
import type { Db } from '../db/db.ts'
import type { FindFacts, GenerationFacts } from '../webhooks/events.ts'
import { isTerminal, reasonTexts, shownStatus } from './generation.ts'
import { type ShowNeeds, showOutputs } from './shown-outputs.ts'
import { type GenerationRow, sql, toGeneration } from './sql.ts'

/** `completed_us`: microseconds since 1970, which a Date has no room for. */
type EndedRow = GenerationRow & { completed_us: number | null }

/** The account is not asked for: whoever calls has it from the event. */
export function createFactFinder(needs: ShowNeeds & { db: Db }): FindFacts {
  return async generationIds => {
    const rows = await needs.db.query<EndedRow>(sql.findEach, [generationIds])
    return new Map(
      rows.flatMap(row => {
        const facts = toFacts(needs, row)
        return facts ? [[row.id, facts] as const] : []
      }),
    )
  }
}

function toFacts(needs: ShowNeeds, row: EndedRow): GenerationFacts | null {
  const generation = toGeneration(row)
  const { id, state, options, reason, createdAt, completedAt } = generation
  if (!completedAt || row.completed_us === null || !isTerminal(state)) return null
  return {
    generationId: id,
    type: options.referenceCount > 0 ? 'edit' : 'text2img',
    status: shownStatus(generation),
    outputs: showOutputs(needs, generation).map(({ png, webp, width, height }) => ({
      ...{ png, webp, width, height },
    })),
    error: reason && reasonTexts[reason],
    createdAt,
    completedAt,
    sequence: row.completed_us,
  }
}
