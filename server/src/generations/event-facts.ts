// What a webhook tells of a generation that has ended: the public facts, as they are when it is sent.
import type { Db } from '../db/db.ts'
import type { FindFacts } from '../webhooks/events.ts'
import { type Generation, isTerminal, reasonTexts } from './generation.ts'
import { type ShowNeeds, showOutputs } from './shown-outputs.ts'
import { findRow, type GenerationRow, sql, toGeneration } from './sql.ts'

/** The account is not asked for: whoever calls has it from the event. */
export function createFactFinder(needs: ShowNeeds & { db: Db }): FindFacts {
  return async generationId => {
    const row = await findRow<GenerationRow>(needs.db, sql.findAny, [generationId])
    const generation = row && toGeneration(row)
    if (!generation?.completedAt || !isTerminal(generation.state)) return null
    const { id, options, reason, createdAt, completedAt } = generation
    return {
      generationId: id,
      type: options.referenceCount > 0 ? 'edit' : 'text2img',
      status: statusOf(generation),
      outputs: showOutputs(needs, generation).map(({ png, webp, width, height }) => ({
        ...{ png, webp, width, height },
      })),
      error: reason && reasonTexts[reason],
      createdAt,
      completedAt,
    }
  }
}

/** gptimage2's list of statuses is closed and knows no `canceled`. */
function statusOf({ state, dialect }: Generation): string {
  return dialect === 'gptimage2' && state === 'canceled' ? 'failed' : state
}
