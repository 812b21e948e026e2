// What a test lends a provider for one call: a plain request, and a call context over a real storage folder.
import type { CallContext, ProviderRequest, ReceivedImage } from '../src/providers/provider.ts'
import { receiveImage } from '../src/storage/receive-image.ts'
import type { Storage } from '../src/storage/storage.ts'
import { attemptHeader } from './upstreams/upstream.ts'

/** A test that waits for nothing ends far below this. */
const plainDeadlineMs = 20_000
/** Smaller than in production, so that a picture without end is refused soon. */
const maxImageBytes = 32 * 1024 * 1024

/** A request for one picture with nothing special about it. */
export function plainRequest(upstreamModel: string, more: Partial<ProviderRequest> = {}): ProviderRequest {
  return {
    upstreamModel,
    prompt: 'a small red boat',
    negativePrompt: null,
    aspectRatio: null,
    resolution: null,
    width: null,
    height: null,
    quality: null,
    thinkingLevel: null,
    seed: null,
    count: 1,
    outputFormat: null,
    outputCompression: null,
    background: null,
    moderation: null,
    inputFidelity: null,
    partialImages: 0,
    references: [],
    mask: null,
    parameters: {},
    ...more,
  }
}

export type TestContextOptions = {
  http: CallContext['http']
  storage: Storage | null
  attempt: string
  deadlineMs?: number
  signal?: AbortSignal
  receiveImage?: CallContext['receiveImage']
  onPartialImage?: CallContext['onPartialImage']
}

/** A call context over a real storage folder, as the core would lend it. */
export function openTestContext(options: TestContextOptions): CallContext {
  const { storage, attempt } = options
  const timeoutMs = options.deadlineMs ?? plainDeadlineMs
  let index = 0
  return {
    http: options.http,
    signal: options.signal ?? AbortSignal.timeout(timeoutMs),
    timeoutMs,
    attemptId: attempt,
    createKey: attempt,
    headers: { [attemptHeader]: attempt },
    receiveImage: options.receiveImage ?? (bytes => store(bytes)),
    ...(options.onPartialImage === undefined ? {} : { onPartialImage: options.onPartialImage }),
  }

  async function store(bytes: AsyncIterable<Uint8Array>): Promise<ReceivedImage> {
    if (storage === null) throw new Error('The test gave no storage')
    index += 1
    const key = `t/${attempt.replaceAll(/[^\w-]/g, '_')}-${index}`
    return receiveImage(storage, { key, maxBytes: maxImageBytes }, bytes)
  }
}
