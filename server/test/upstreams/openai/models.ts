// The image models the emulated vendor knows, and what each of them takes.
import { sendAnswer } from '../faults.ts'
import type { Exchange } from '../upstream.ts'
import { jsonAnswer, refuse } from './refusals.ts'

export type EmulatedModel = {
  id: string
  shutdownDate: string | null
  /** Any legal WxH, or the three classic sizes only. */
  freeSizes: boolean
  qualities: readonly string[]
  inputFidelity: readonly string[]
  complexity: boolean
}

const classic = { shutdownDate: '2026-12-01', freeSizes: false, complexity: false }
const current = { shutdownDate: null, freeSizes: true, inputFidelity: [] }
const plainQualities = ['auto', 'low', 'medium', 'high'] as const
const allQualities = [...plainQualities, 'xhigh', 'max'] as const

const models: EmulatedModel[] = [
  { id: 'gpt-image-1.5', ...classic, qualities: plainQualities, inputFidelity: ['high', 'low'] },
  { id: 'gpt-image-1-mini', ...classic, qualities: plainQualities, inputFidelity: ['low'] },
  { id: 'chatgpt-image-latest', ...classic, qualities: plainQualities, inputFidelity: ['high', 'low'] },
  { id: 'gpt-image-2', ...current, qualities: plainQualities, complexity: false },
  { id: 'gpt-image-2-2026-04-21', ...current, qualities: plainQualities, complexity: false },
  { id: 'gpt-image-2.5-sunburst', ...current, qualities: allQualities, complexity: false },
  { id: 'gpt-image-2.5-flare', ...current, qualities: allQualities, complexity: false },
  { id: 'gpt-image-2.6-sunburst', ...current, qualities: allQualities, complexity: true },
  { id: 'gpt-image-2.6-flare', ...current, qualities: allQualities, complexity: true },
]

/** The model, or null for retired and unknown ids. */
export function findEmulatedModel(id: string): EmulatedModel | null {
  return models.find(model => model.id === id) ?? null
}

export async function listModels(
  exchange: Exchange,
  shutdownDates: Record<string, string | null> = {},
): Promise<void> {
  const present = (model: EmulatedModel) =>
    presentModel({ ...model, shutdownDate: shutdownDates[model.id] ?? model.shutdownDate })
  const id = decodeURIComponent(exchange.request.path.slice('/v1/models'.length).replace(/^\//, ''))
  if (id === '') return sendAnswer(exchange, jsonAnswer(200, { object: 'list', data: models.map(present) }))
  const model = findEmulatedModel(id)
  const answer =
    model === null
      ? refuse(404, { message: `The model '${id}' does not exist`, param: 'model', code: 'model_not_found' })
      : jsonAnswer(200, present(model))
  return sendAnswer(exchange, answer)
}

function presentModel({ id, shutdownDate }: EmulatedModel): Record<string, unknown> {
  return { id, object: 'model', created: 1_776_000_000, owned_by: 'system', shutdown_date: shutdownDate }
}
