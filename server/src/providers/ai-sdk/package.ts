// Loads a provider package of the Vercel AI SDK and opens one of its image models. The packages are the operator's
// choice and not ours, so nothing of them is imported by name and everything they return is looked at first.
export type ModelFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

export type ImageFile = { type: 'file'; mediaType: string; data: Uint8Array }

export type GenerateOptions = {
  prompt: string
  n: number
  size: string | undefined
  aspectRatio: string | undefined
  seed: number | undefined
  files: ImageFile[] | undefined
  mask: ImageFile | undefined
  providerOptions: Record<string, Record<string, unknown>>
  abortSignal: AbortSignal
  headers: Record<string, string>
}

export type GenerateResult = {
  images: (string | Uint8Array)[]
  warnings: unknown[]
  usage: unknown
}

export type ImageModel = {
  /** The key that its options stand under. */
  optionsKey: string
  /** Null = it does not say. */
  maxImagesPerCall: number | null
  generate(options: GenerateOptions): Promise<GenerateResult>
}

export type OpenModel = (given: {
  model: string
  apiKey: string
  baseUrl: string | null
  name: string
  fetch: ModelFetch
}) => ImageModel

/** The package is not installed, or is none that makes pictures. */
export class UnusablePackage extends Error {
  override name = 'UnusablePackage'
}

/** Version 2 lacks files and mask, 4 adds what we do not use; the call is the same in all three. */
const KNOWN_VERSIONS = ['v2', 'v3', 'v4']

const factories = new Map<string, Promise<OpenModel>>()

/** Imports once and remembers; a package that could not be loaded is tried again. */
export function loadPackage(packageName: string): Promise<OpenModel> {
  const known = factories.get(packageName)
  if (known !== undefined) return known
  const loading = importPackage(packageName)
  factories.set(packageName, loading)
  loading.catch(() => factories.delete(packageName))
  return loading
}

async function importPackage(packageName: string): Promise<OpenModel> {
  let module: Record<string, unknown>
  try {
    module = (await import(packageName)) as Record<string, unknown>
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : null
    const why = typeof code === 'string' ? code : 'it cannot be loaded'
    throw new UnusablePackage(`The package ${packageName} is not usable (${why}): npm install ${packageName}`)
  }
  const create = findFactory(module, packageName)
  if (create === null) throw new UnusablePackage(`The package ${packageName} exports no provider`)
  return ({ model, apiKey, baseUrl, name, fetch }) => {
    const provider: unknown = create({
      name,
      apiKey,
      fetch,
      ...(baseUrl === null ? {} : { baseURL: baseUrl }),
    })
    return openImageModel(provider, { model, packageName })
  }
}

type Factory = (options: Record<string, unknown>) => unknown

/** `createLuma` of `@ai-sdk/luma`; where none is called so, the only one there is. */
function findFactory(module: Record<string, unknown>, packageName: string): Factory | null {
  const wanted = `create${packageName
    .split('/')
    .at(-1)
    ?.replaceAll(/[^a-z0-9]/gi, '')}`.toLowerCase()
  const all = Object.entries(module).filter(
    ([name, value]) => /^create[A-Z]/.test(name) && typeof value === 'function',
  )
  const named = all.find(([name]) => name.toLowerCase() === wanted)
  const [, found] = named ?? (all.length === 1 ? all[0] : undefined) ?? []
  return (found as Factory | undefined) ?? null
}

function openImageModel(
  provider: unknown,
  { model, packageName }: { model: string; packageName: string },
): ImageModel {
  const open = readFunction(provider, 'imageModel') ?? readFunction(provider, 'image')
  const opened = open === null ? null : open(model)
  const generate = readFunction(opened, 'doGenerate')
  if (generate === null) throw new UnusablePackage(`The package ${packageName} makes no pictures`)
  const version = read(opened, 'specificationVersion')
  if (!KNOWN_VERSIONS.some(known => known === version)) {
    throw new UnusablePackage(`The package ${packageName} follows specification ${String(version)}`)
  }
  const most = read(opened, 'maxImagesPerCall')
  return {
    optionsKey: String(read(opened, 'provider')).split('.')[0]?.trim() ?? '',
    maxImagesPerCall: typeof most === 'number' ? most : null,
    generate: async options => readResult(await generate(options)),
  }
}

function readResult(result: unknown): GenerateResult {
  const images = read(result, 'images')
  const warnings = read(result, 'warnings')
  return {
    images: Array.isArray(images)
      ? images.filter(image => typeof image === 'string' || image instanceof Uint8Array)
      : [],
    warnings: Array.isArray(warnings) ? warnings : [],
    usage: read(result, 'usage'),
  }
}

function read(value: unknown, name: string): unknown {
  const holds = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return holds ? Reflect.get(value, name) : undefined
}

/** A method that keeps what it belongs to. */
function readFunction(value: unknown, name: string): ((argument: unknown) => unknown) | null {
  const found = read(value, name)
  return typeof found === 'function' ? argument => found.call(value, argument) : null
}
