// Turns one create in core words into the call of an image model. What a row of the catalogue says its upstream takes
// and the SDK has no word for goes into the package's own options; what has no name there is refused before sending.
import type { ProviderFailure, ProviderRequest, ReferenceImage } from '../provider.ts'
import type { GenerateOptions, ImageFile, ImageModel } from './package.ts'

type Built = Omit<GenerateOptions, 'abortSignal' | 'headers'>

/** Rejects with the storage's own error when a picture cannot be read. */
export async function buildOptions(
  request: ProviderRequest,
  model: ImageModel,
): Promise<Built | ProviderFailure> {
  const failure = findUnsupported(request, model)
  if (failure !== null) return failure
  const { width, height, references, mask } = request
  const files: ImageFile[] = []
  for (const reference of references) files.push(await readFile(reference))
  return {
    prompt: request.prompt,
    n: request.count,
    size: width === null || height === null ? undefined : `${width}x${height}`,
    aspectRatio: request.aspectRatio ?? undefined,
    seed: request.seed ?? undefined,
    files: files.length > 0 ? files : undefined,
    mask: mask === null ? undefined : await readFile(mask),
    providerOptions: { [model.optionsKey]: { ...nameOwnOptions(request), ...request.parameters } },
  }
}

/** Under the names that the packages share. */
function nameOwnOptions({ quality, negativePrompt, resolution, width }: ProviderRequest) {
  return {
    ...(quality === null ? {} : { quality }),
    ...(negativePrompt === null ? {} : { negative_prompt: negativePrompt }),
    // Beside pixels it says nothing more.
    ...(resolution === null || width !== null ? {} : { resolution }),
  }
}

async function readFile({ mediaType, read }: ReferenceImage): Promise<ImageFile> {
  return { type: 'file', mediaType, data: await read() }
}

function findUnsupported(request: ProviderRequest, model: ImageModel): ProviderFailure | null {
  if (model.maxImagesPerCall !== null && request.count > model.maxImagesPerCall) {
    return refuse('count', `One call makes at most ${model.maxImagesPerCall} pictures.`)
  }
  const wordless = {
    outputCompression: request.outputCompression,
    inputFidelity: request.inputFidelity,
    moderation: request.moderation,
  }
  const [field] = Object.entries(wordless).find(([, value]) => value !== null) ?? []
  if (field !== undefined) return refuse(field, 'The AI SDK has no word for it.')
  if (request.thinkingLevel === 'deep') return refuse('thinkingLevel', 'The AI SDK has no word for it.')
  if (request.background === 'transparent') return refuse('background', 'The AI SDK has no word for it.')
  return null
}

function refuse(field: string, message: string): ProviderFailure {
  return { kind: 'failed', failure: 'invalid_request', message, field }
}
