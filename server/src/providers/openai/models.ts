// OpenAI's own list of models, for the days on which it ends them.
import { isRecord, textOrNull } from '../hosted-call.ts'
import type { ModelFacts } from '../provider.ts'

/** Those that were asked for, each once, however often the list names it. Null: it is no list of models. */
export function readModelList(value: unknown, upstreamModels: readonly string[]): ModelFacts[] | null {
  if (!isRecord(value) || !Array.isArray(value.data)) return null
  const rows = new Map(value.data.filter(isRecord).map(row => [row.id, row]))
  return upstreamModels.flatMap(upstreamModel => {
    const row = rows.get(upstreamModel)
    return row ? { upstreamModel, shutdownOn: readDay(textOrNull(row.shutdown_date)), version: null } : []
  })
}

/** Null where it is no day: a date that cannot be read ends nothing. */
function readDay(text: string | null): string | null {
  if (text === null || !/^20\d{2}-\d{2}-\d{2}$/.test(text)) return null
  const at = new Date(`${text}T00:00:00.000Z`)
  return Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== text ? null : text
}
