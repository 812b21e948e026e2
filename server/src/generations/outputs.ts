// The outputs of an attempt: stored already, or at a URL of the upstream and fetched from there. What lies there has
// been paid for and reading it again costs nothing, so one failed download gives no picture up.
import { OutboundError } from '../outbound.ts'
import { ImageRejected, type ReceivedImage, type UpstreamImage } from '../providers/provider.ts'
import { type DispatchNeeds, openContext } from './dispatch.ts'
import { backoffMs, type Generation, type StoredImage } from './generation.ts'
import type { GenerationEvents } from './observe.ts'
import { timeLeftMs } from './time-left.ts'

/** One output as T5 records it: stored already, or a URL still to be fetched. */
export type ExpectedImage = StoredImage | { index: number; url: string }

export type CollectNeeds = DispatchNeeds & { events: GenerationEvents; random: () => number }
type Work = { generation: Generation; n: number; received: string[] }

/** Outputs are small; an upstream that drips is cut. */
const fetchTimeoutMs = 60_000
const maxOutputBytes = 80 * 1024 * 1024
/** Tries in all: with the back-off they span some 15 seconds, in which a store of files restarts or fails over. */
const maxTries = 6
/** For answers that are probably final: files have been seen to appear a moment after their address. */
const maxDoubtfulTries = 2
/** Kept free before the deadline for the manifest and the settlement. */
const reserveMs = 1_000

export function toExpected(image: UpstreamImage, index: number): ExpectedImage {
  return image.kind === 'url' ? { index, url: image.url } : toStored(image.image, index)
}

function toStored(image: ReceivedImage, index: number): StoredImage {
  const { storageKey: key, mediaType, sizeBytes, sha256, width, height } = image
  return { index, key, mediaType, sizeBytes, sha256, width, height }
}

/** Fetches what is still a URL. An output that cannot be had is left out: the customer pays for what is there. */
export async function collectImages(
  needs: CollectNeeds,
  work: Work,
  expected: ExpectedImage[],
): Promise<StoredImage[]> {
  const collected = await Promise.all(
    expected.map(async image => ('key' in image ? image : await fetchOutput(needs, work, image))),
  )
  return collected.filter(image => image !== null).map((image, index) => ({ ...image, index }))
}

/** How one try failed, and how often such a failure is worth a try in all. */
type Miss = { cause: string; maxTries: number; retryAfterMs: number | null }

async function fetchOutput(
  needs: CollectNeeds,
  work: Work,
  image: { index: number; url: string },
): Promise<StoredImage | null> {
  const leftMs = () => timeLeftMs(work.generation.timeLeft) - reserveMs
  for (let tries = 1; ; tries += 1) {
    const timeoutMs = Math.max(1, Math.min(fetchTimeoutMs, leftMs()))
    const result = await tryFetch(needs, work, { ...image, timeoutMs })
    if (!('cause' in result)) return toStored(result, image.index)
    const pauseMs = Math.max(backoffMs(tries, needs.random()), result.retryAfterMs ?? 0)
    if (tries >= result.maxTries || pauseMs >= leftMs()) {
      needs.events.outputLost(work.generation, { index: image.index, cause: result.cause, tries })
      return null
    }
    await new Promise(resolve => setTimeout(resolve, pauseMs))
  }
}

async function tryFetch(
  needs: CollectNeeds,
  work: Work,
  { index, url, timeoutMs }: { index: number; url: string; timeoutMs: number },
): Promise<ReceivedImage | Miss> {
  try {
    const answer = await needs.http.request({
      method: 'GET',
      url,
      trust: 'upstream',
      timeoutMs,
      maxBodyBytes: maxOutputBytes,
    })
    if (answer.status !== 200) {
      await answer.discard()
      return missByStatus(answer.status, answer.headers['retry-after'])
    }
    const signal = AbortSignal.timeout(timeoutMs)
    return await openContext(needs, { ...work, part: index, signal, timeoutMs }).receiveImage(answer.body)
  } catch (error) {
    return missByError(error)
  }
}

function missByStatus(status: number, retryAfter: string | undefined): Miss {
  const seconds = /^\d{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) : null
  const isPassing = status >= 500 || status === 429 || status === 408
  return {
    cause: `status ${status}`,
    maxTries: isPassing ? maxTries : maxDoubtfulTries,
    retryAfterMs: isPassing && seconds !== null ? seconds * 1_000 : null,
  }
}

/** Rethrows what is not the upstream's: trouble of storage, and the end of this process, whose successor fetches. */
function missByError(error: unknown): Miss {
  if (error instanceof ImageRejected) {
    // Cut bodies and pages of a proxy look like this; so does a result that is no picture, and stays none.
    return { cause: error.message, maxTries: maxDoubtfulTries, retryAfterMs: null }
  }
  if (!(error instanceof OutboundError) || error.code === 'aborted') throw error
  const isFinal = error.code === 'blocked' || error.code === 'too_large'
  return { cause: error.message, maxTries: isFinal ? 1 : maxTries, retryAfterMs: null }
}
