// Reads a job's result: addresses of pictures, and which of them fal's safety check has flagged. A flagged picture
// is dropped, whatever it shows: older models send a black one in its place.
import { isRecord, textOrNull } from '../hosted-call.ts'
import {
  type CallContext,
  ImageRejected,
  noUsage,
  type ProviderFailure,
  type ProviderOutcome,
  type UpstreamImage,
} from '../provider.ts'

const DATA_URL = /^data:image\/[\w.+-]+;base64,([A-Za-z0-9+/]+={0,2})$/

export type Expected = { requestId: string; count: number }

/** Classifies a whole result under 2xx. */
export async function readResult(
  value: unknown,
  expected: Expected,
  context: CallContext,
): Promise<ProviderOutcome> {
  const files = isRecord(value) && Array.isArray(value.images) ? value.images : []
  // What is withheld or spoilt was made all the same.
  const made = files.length > 0 ? files.length : null
  const usage = { ...noUsage, upstreamRequestId: expected.requestId, images: made }
  if (files.length === 0) return { ...malformed('it holds no images'), usage }
  const flags = isRecord(value) && Array.isArray(value.has_nsfw_concepts) ? value.has_nsfw_concepts : []
  const clean = files.filter((_file, index) => flags[index] !== true)
  if (clean.length === 0) {
    const message = 'fal flagged every picture that it made'
    return {
      kind: 'failed',
      failure: 'content_rejected',
      message,
      stage: 'output',
      categories: ['nsfw'],
      usage,
    }
  }
  const images: UpstreamImage[] = []
  const problems: string[] = []
  for (const file of clean.slice(0, expected.count)) {
    const image = await readFile(file, context)
    if ('problem' in image) problems.push(image.problem)
    else images.push(image)
  }
  if (images.length === 0) return { ...malformed(problems.join('; ')), usage }
  const warnings = problems.map(problem => `A picture was unusable: ${problem}`)
  if (clean.length < files.length)
    warnings.push(
      `${files.length - clean.length} of ${files.length} pictures were withheld by a safety check`,
    )
  if (files.length !== expected.count)
    warnings.push(`Asked for ${expected.count} pictures, ${files.length} arrived`)
  return { kind: 'succeeded', images, usage, warnings }
}

async function readFile(file: unknown, context: CallContext): Promise<UpstreamImage | { problem: string }> {
  const url = isRecord(file) ? textOrNull(file.url) : null
  if (!isRecord(file) || url === null) return { problem: 'an image has no url' }
  if (url.startsWith('data:')) return receiveDataUrl(url, context)
  if (!URL.canParse(url)) return { problem: 'the url of an image is none' }
  return { kind: 'url', url, mediaType: textOrNull(file.content_type) }
}

/** Small pictures may come in the result itself. */
async function receiveDataUrl(
  url: string,
  context: CallContext,
): Promise<UpstreamImage | { problem: string }> {
  const base64 = DATA_URL.exec(url)?.[1]
  if (base64 === undefined || base64.length % 4 !== 0) return { problem: 'a data URL is cut or no picture' }
  try {
    return { kind: 'received', image: await context.receiveImage(once(Buffer.from(base64, 'base64'))) }
  } catch (error) {
    if (!(error instanceof ImageRejected)) throw error
    return { problem: error.message }
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}

function malformed(why: string): ProviderFailure {
  return { kind: 'failed', failure: 'malformed_response', message: `fal's result is unusable: ${why}` }
}
