// What a webhook tells of a generation that has ended: the public facts, as they are when it is sent.
import type { Db } from '../db/db.ts'
import type { FindFacts, GenerationFacts } from '../webhooks/events.ts'
import { type Generation, isTerminal, reasonTexts, shownStatus } from './generation.ts'
import { type ShowNeeds, showOutputs } from './shown-outputs.ts'
import { type GenerationRow, sql, toGeneration } from './sql.ts'

/** The account is not asked for: whoever calls has it from the event. */
export function createFactFinder(needs: ShowNeeds & { db: Db }): FindFacts {
  return async generationIds => {
    const rows = await needs.db.query<GenerationRow>(sql.findEach, [generationIds])
    return new Map(
      rows.flatMap(row => {
        const facts = toFacts(needs, toGeneration(row))
        return facts ? [[row.id, facts] as const] : []
      }),
    )
  }
}

function toFacts(needs: ShowNeeds, generation: Generation): GenerationFacts | null {
  const { id, state, options, reason, createdAt, completedAt } = generation
  if (!completedAt || !isTerminal(state)) return null
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
  }
}
