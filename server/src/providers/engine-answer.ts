// What the adapters of self-hosted engines share in reading pictures, in base64 or from an address of the engine: every picture loses its
// private metadata on the way, and what arrived is held against what was asked for.
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import type { OutboundResponse } from '../outbound.ts'
import { limitCall } from './hosted-call.ts'
import { type JsonPath, readJsonWithImages } from './json-images.ts'
import {
  type CallContext,
  ImageRejected,
  noUsage,
  type ProviderFailure,
  type ProviderOutcome,
  type ReceivedImage,
} from './provider.ts'
import { stripMetadata } from './strip-metadata.ts'

/** The largest base64 form of one picture that is read: storage takes 80 MiB of bytes. */
export const MAX_PICTURE_TEXT_BYTES = 112 * 1024 * 1024

export type PicturesRead = { value: unknown; received: ReceivedImage[]; rejections: string[] }

/** Reads one document; pictures are the strings that `isImage` points out. A picture that is none is noted. */
export async function readPictures(
  response: OutboundResponse,
  context: Pick<CallContext, 'receiveImage'>,
  given: { isImage(path: JsonPath): boolean; maxJsonBytes?: number },
): Promise<PicturesRead> {
  const rejections: string[] = []
  const { value, images } = await readJsonWithImages(response.body, {
    ...given,
    receive: async bytes => {
      try {
        return await context.receiveImage(stripMetadata(bytes))
      } catch (error) {
        if (!(error instanceof ImageRejected)) throw error
        rejections.push(error.message)
        return null
      }
    },
  })
  const received = images.flatMap(image => image.received ?? [])
  return { value, received, rejections }
}

/** The largest file that is fetched; storage takes no more. */
const MAX_PICTURE_BYTES = 80 * 1024 * 1024

/** For `fetchOutput`: the picture at an address of the engine, without its metadata. */
export async function fetchStripped(
  url: string,
  headers: Record<string, string>,
  context: CallContext,
): Promise<OutboundResponse> {
  const response = await context.http.request({
    method: 'GET',
    url,
    trust: 'upstream',
    headers: { ...context.headers, ...headers },
    ...limitCall(context, MAX_PICTURE_BYTES),
  })
  if (response.status !== 200) return response
  const body = Readable.from(stripMetadata(response.body), { objectMode: false })
  return { ...response, body, bytes: () => buffer(body), text: () => text(body) }
}

export type Asked = { count: number; width: number | null; height: number | null }

/** The outcome of an answer whose pictures have been received. More than were asked for cannot be sold. */
export function conclude(
  vendor: string,
  { received, rejections }: Pick<PicturesRead, 'received' | 'rejections'>,
  { asked, urls = [], warnings: earlier = [] }: { asked: Asked; urls?: string[]; warnings?: string[] },
): ProviderOutcome {
  const arrived = received.length + urls.length
  if (arrived === 0) {
    const why = rejections.length > 0 ? rejections.join('; ') : 'it holds no picture'
    return failAsMalformed(`${vendor}'s answer is unusable: ${why}`)
  }
  const warnings = [...earlier, ...rejections.map(why => `A picture was unusable: ${why}`)]
  if (arrived !== asked.count) {
    warnings.push(`Asked for ${asked.count} pictures, ${arrived} arrived`)
  }
  for (const { width, height } of received) {
    if (asked.width === null || (width === asked.width && height === asked.height)) continue
    warnings.push(`Asked for ${asked.width}x${asked.height}, a picture of ${width}x${height} arrived`)
  }
  const images = [
    ...received.map(image => ({ kind: 'received' as const, image })),
    ...urls.map(url => ({ kind: 'url' as const, url, mediaType: null })),
  ]
  return { kind: 'succeeded', images: images.slice(0, asked.count), usage: noUsage, warnings }
}

export function failAsMalformed(message: string): ProviderFailure {
  return { kind: 'failed', failure: 'malformed_response', message }
}
