// The built-in illustrator as a provider: free, offline and pure. The same request with the same seed always
// gives the same bytes, so a create may be repeated at will, and nothing in a prompt can make it fail.
import {
  type CallContext,
  type ImageFormat,
  ImageRejected,
  noUsage,
  type Provider,
  type ProviderFailure,
  type ProviderOutcome,
  type ProviderRequest,
  type ReceivedImage,
} from './provider.ts'
import { DrawingCancelled, type DrawJob, UnreadableReference } from './sketch/job.ts'
import { createDrawingPool, type DrawingPool, PoolBusy, WorkerCrashed } from './sketch/pool.ts'
import { findSketchSize } from './sketch/size.ts'

// Above this a picture would take a gigabyte of memory; the catalogue stays well below.
const MAX_PIXELS = 40_000_000
const MAX_PARTIALS = 3

let sharedPool: DrawingPool | null = null

/** All providers of a process share one pool, so that the number of threads stays bounded. */
function getSharedPool(): DrawingPool {
  sharedPool ??= createDrawingPool()
  return sharedPool
}

/** Draws on its own threads. `pool` is for tests; otherwise one pool serves the whole process. */
export function createSketchProvider(options: { pool?: DrawingPool } = {}): Provider {
  const getPool = (): DrawingPool => options.pool ?? getSharedPool()
  return {
    name: 'sketch',
    idempotentCreates: true,
    submit: (request, context) => submit(getPool(), request, context),
    check: context => check(getPool(), context),
  }
}

const failed = (failure: ProviderFailure['failure'], message: string): ProviderFailure => ({
  kind: 'failed',
  failure,
  message,
})

async function submit(
  pool: DrawingPool,
  request: ProviderRequest,
  context: CallContext,
): Promise<ProviderOutcome> {
  const size = findSketchSize(request)
  if (size === null || size.width * size.height > MAX_PIXELS) {
    return { ...failed('invalid_request', 'no such size'), field: 'size' }
  }
  // One failed picture ends the others: the outcome is one for the whole request.
  const stop = new AbortController()
  const signal = AbortSignal.any([context.signal, stop.signal])
  try {
    const references = await Promise.all(request.references.map(reference => reference.read()))
    const mask = request.mask ? await request.mask.read() : null
    const drawOne = async (index: number): Promise<ReceivedImage> => {
      const job = toJob(request, { index, references, mask, ...size })
      const listener = index === 0 && context.onPartialImage ? { onPartial: context.onPartialImage } : {}
      const bytes = await pool.draw(job, { signal, ...listener })
      return await context.receiveImage(inOnePiece(bytes))
    }
    const images = await Promise.all(Array.from({ length: request.count }, (_, index) => drawOne(index)))
    return {
      kind: 'succeeded',
      images: images.map(image => ({ kind: 'received', image })),
      usage: { ...noUsage, costUsdMicro: 0 },
      warnings: [],
    }
  } catch (error) {
    stop.abort()
    return describeFailure(error)
  }
}

/** Rethrows what is not the drawing's: trouble of storage belongs to the core. */
function describeFailure(error: unknown): ProviderFailure {
  if (error instanceof ImageRejected) return failed('malformed_response', error.message)
  if (error instanceof UnreadableReference)
    return { ...failed('invalid_request', error.message), field: 'image' }
  if (error instanceof PoolBusy) return { ...failed('unavailable', error.message), overloaded: true }
  if (error instanceof WorkerCrashed) return failed('unavailable', error.message)
  if (error instanceof DrawingCancelled) return failed('unavailable', 'stopped before the picture was drawn')
  throw error
}

async function* inOnePiece(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}

type JobExtras = Pick<DrawJob, 'index' | 'references' | 'mask' | 'width' | 'height'>

function toJob(request: ProviderRequest, extras: JobExtras): DrawJob {
  const format: ImageFormat = request.outputFormat ?? 'png'
  return {
    ...extras,
    prompt: request.prompt,
    negativePrompt: request.negativePrompt,
    seed: request.seed,
    format,
    compression: request.outputCompression,
    transparent: request.background === 'transparent' && format !== 'jpeg',
    detail: toDetail(request),
    partials: extras.index === 0 ? Math.min(MAX_PARTIALS, Math.max(0, request.partialImages)) : 0,
  }
}

function toDetail({ quality, thinkingLevel }: ProviderRequest): number {
  if (thinkingLevel === 'deep' || quality === 'high' || quality === 'hd') return 2
  return quality === 'low' ? 0 : 1
}

const thumbnail: DrawJob = {
  prompt: 'a lighthouse by the sea',
  negativePrompt: null,
  seed: 1,
  index: 0,
  width: 64,
  height: 64,
  format: 'png',
  compression: null,
  transparent: false,
  detail: 0,
  partials: 0,
  references: [],
  mask: null,
}

async function check(
  pool: DrawingPool,
  context: CallContext,
): Promise<{ ok: true } | { ok: false; message: string }> {
  try {
    await pool.draw(thumbnail, { signal: context.signal })
    return { ok: true }
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) }
  }
}
