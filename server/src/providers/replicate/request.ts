// Turns a request in core words into a prediction's: where it is created and with which inputs, pictures aside. What
// the model has no field for is refused before anything is sent.
import type { ProviderFailure, ProviderRequest } from '../provider.ts'
import { findReplicateModel, type ReplicateModel } from './models.ts'

export type Inputs = Record<string, string | number | boolean | string[]>

/** A prediction that can be created once its pictures have addresses. */
export type Plan = {
  /** Behind the base URL. */
  path: string
  /** For models that run by version only: 64 hex digits, named in the body. */
  version: string | null
  /** `owner/name`, as the tables know it. */
  modelName: string
  model: ReplicateModel
  inputs: Inputs
  warnings: string[]
}

export type Planned = { ok: true; plan: Plan } | { ok: false; failure: ProviderFailure }

const VERSION = /^[0-9a-f]{64}$/
const MODEL_NAME = /^[\w.-]{1,100}\/[\w.-]{1,100}$/
/** The parameter of a route that is for this adapter and no input. */
const VERSION_PARAMETER = 'version'

/** `owner/name`, or `owner/name:<version>`; the version may also be a parameter of the route. */
export function planPrediction(request: ProviderRequest): Planned {
  const [modelName = '', suffix] = request.upstreamModel.split(':')
  const version = suffix ?? request.parameters[VERSION_PARAMETER] ?? null
  if (!MODEL_NAME.test(modelName)) return refuse('model', 'Replicate names models owner/name')
  if (version !== null && !VERSION.test(String(version))) {
    return refuse('model', 'A version on Replicate is 64 hexadecimal digits')
  }
  const { model, isListed } = findReplicateModel(modelName)
  const problem = findProblem(request, model)
  if (problem !== null) return refuse(problem.field, `${modelName} ${problem.says}`)
  const warnings: string[] = []
  const inputs: Inputs = {
    ...model.fixed,
    ...pickParameters(request, { model, isListed, warnings }),
    ...buildInputs(request, model),
  }
  capInputs(inputs, request, model)
  return {
    ok: true,
    plan: {
      path: version === null ? `/models/${modelName}/predictions` : '/predictions',
      version: version === null ? null : String(version),
      modelName,
      model,
      inputs,
      warnings,
    },
  }
}

type Problem = { field: string; says: string }

function findProblem(request: ProviderRequest, model: ReplicateModel): Problem | null {
  const { aspectRatio, references, mask } = request
  if (aspectRatio !== null && model.ratios !== null && !model.ratios?.includes(aspectRatio)) {
    return { field: 'aspectRatio', says: `takes no ratio ${aspectRatio}` }
  }
  if (request.width !== null && model.pixels === undefined) return { field: 'size', says: 'takes no pixels' }
  if (request.resolution !== null && model.resolutionField === undefined) {
    return { field: 'resolution', says: 'takes no resolution' }
  }
  if (request.negativePrompt !== null && !model.negativePrompt) {
    return { field: 'negativePrompt', says: 'takes no negative prompt' }
  }
  if (request.seed !== null && !model.seed) return { field: 'seed', says: 'takes no seed' }
  const mostPictures = model.count?.max ?? 1
  if (request.count > mostPictures) {
    return { field: 'count', says: `makes at most ${mostPictures} in one prediction` }
  }
  if (request.outputFormat !== null && model.formats?.[request.outputFormat] === undefined) {
    return { field: 'outputFormat', says: `makes no ${request.outputFormat}` }
  }
  const mostReferences = model.references?.max ?? 0
  if (references.length > mostReferences) {
    return { field: 'references', says: `takes at most ${mostReferences} pictures` }
  }
  if (mask === null) return null
  if (model.maskField === undefined) return { field: 'mask', says: 'takes no mask' }
  return references.length === 0 ? { field: 'mask', says: 'takes a mask only with a picture' } : null
}

function buildInputs(request: ProviderRequest, model: ReplicateModel): Inputs {
  const { width, height, outputFormat, outputCompression } = request
  const inputs: Inputs = { prompt: request.prompt }
  const ratio = request.aspectRatio ?? model.defaultRatio
  if (ratio !== undefined) inputs.aspect_ratio = ratio
  if (request.resolution !== null && model.resolutionField !== undefined) {
    inputs[model.resolutionField] = request.resolution
  }
  if (width !== null && height !== null && model.pixels !== undefined) {
    const { switch: turn } = model.pixels
    if (turn !== null) {
      // A ratio beside them is refused, or wins over them.
      delete inputs.aspect_ratio
      inputs[turn.field] = turn.word
    }
    Object.assign(inputs, { width, height })
  }
  if (request.negativePrompt !== null) inputs.negative_prompt = request.negativePrompt
  if (request.seed !== null) inputs.seed = request.seed
  if (model.count !== undefined && request.count > 1) inputs[model.count.field] = request.count
  if (outputFormat !== null) inputs.output_format = model.formats?.[outputFormat] ?? outputFormat
  const isLossy = outputFormat === 'jpeg' || outputFormat === 'webp'
  if (model.qualityField !== undefined && outputCompression !== null && isLossy) {
    inputs[model.qualityField] = outputCompression
  }
  return inputs
}

function pickParameters(
  { parameters }: ProviderRequest,
  { model, isListed, warnings }: { model: ReplicateModel; isListed: boolean; warnings: string[] },
): Inputs {
  const picked: Inputs = {}
  for (const [name, value] of Object.entries(parameters)) {
    if (name === VERSION_PARAMETER || model.fixed?.[name] === value) continue
    if (!isListed || model.parameters.includes(name)) picked[name] = value
    else warnings.push(`The model takes no parameter ${name}, or none but ours; it was left out`)
  }
  return picked
}

function capInputs(inputs: Inputs, { references }: ProviderRequest, model: ReplicateModel): void {
  if (references.length === 0) return
  for (const [name, most] of Object.entries(model.withReferences ?? {})) {
    const value = inputs[name]
    if (typeof value === 'number' && value > most) inputs[name] = most
  }
}

function refuse(field: string, message: string): Planned {
  return { ok: false, failure: { kind: 'failed', failure: 'invalid_request', message, field } }
}
