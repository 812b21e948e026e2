// The models that an API key may be used for. Asked before anything is priced or held, and by every list that is read with
// a key; ids are public ones of the catalogue, of any surface.
import { AppError } from '../errors.ts'

/** Null = every model. */
export type AllowedModels = readonly string[] | null

export function mayUse(allowed: AllowedModels, modelId: string): boolean {
  return allowed === null || allowed.includes(modelId)
}

/** As many as a person reads. */
const maxNamed = 20
/** Long enough for every real id. */
const maxEchoLength = 100

/** Throws forbidden, with the reason `model_not_allowed`. Whether there is such a model is not told. */
export function requireModel(allowed: AllowedModels, modelId: string): void {
  if (allowed === null || allowed.includes(modelId)) return
  const more = allowed.length > maxNamed ? ` and ${allowed.length - maxNamed} more` : ''
  const named = `${allowed.slice(0, maxNamed).join(', ')}${more}`
  const message = `This API key may not use the model ${modelId.slice(0, maxEchoLength)}; allowed: ${named}.`
  throw new AppError('forbidden', message, {
    reason: 'model_not_allowed',
    details: [{ path: 'model', message, code: 'invalid_value' }],
  })
}
