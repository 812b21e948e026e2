// OpenAI's own list of models, for the days on which it ends them.
import { isRecord, textOrNull } from '../hosted-call.ts'
import type { ModelFacts } from '../provider.ts'

/** Those that were asked for. Null: it is no list of models. */
export function readModelList(value: unknown, upstreamModels: readonly string[]): ModelFacts[] | null {
  if (!isRecord(value) || !Array.isArray(value.data)) return null
  return value.data.filter(isRecord).flatMap(({ id, shutdown_date }) => {
    const upstreamModel = upstreamModels.find(each => each === id)
    return upstreamModel === undefined
      ? []
      : { upstreamModel, shutdownOn: readDay(textOrNull(shutdown_date)), version: null }
  })
}

/** Null where it is no day: a date that cannot be read ends nothing. */
function readDay(text: string | null): string | null {
  if (text === null || !/^20\d{2}-\d{2}-\d{2}$/.test(text)) return null
  const at = new Date(`${text}T00:00:00.000Z`)
  return Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== text ? null : text
}
