// Pictures of a job under way. The engine tells the progress of whatever it draws at the moment, so that only an
// answer that names our own task is shown to anybody.
import { setTimeout as pause } from 'node:timers/promises'
import { OutboundError } from '../../outbound.ts'
import { isRecord, limitCall } from '../hosted-call.ts'
import { JsonImagesError, readJsonWithImages } from '../json-images.ts'
import type { CallContext } from '../provider.ts'

/** Often enough for a job of ten seconds, rarely enough not to slow it. */
const EVERY_MS = 1_000
const MAX_PREVIEW_BYTES = 8 * 1024 * 1024

export type PreviewWatch = {
  baseUrl: string
  headers: Record<string, string>
  taskId: string
  /** Pictures wanted at most. */
  count: number
}

/** Asks until the signal ends it. Never fails: previews are a hint. */
export async function watchPreviews(
  watch: PreviewWatch,
  context: CallContext,
  ended: AbortSignal,
): Promise<void> {
  let shown = 0
  let last = ''
  while (shown < watch.count) {
    try {
      await pause(EVERY_MS, undefined, { signal: ended })
    } catch {
      return
    }
    const preview = await readPreview(watch, context, ended)
    const digest = preview?.toString('base64', 0, Math.min(preview.length, 4096)) ?? ''
    if (preview === null || ended.aborted || digest === last) continue
    last = digest
    context.onPartialImage?.(preview, shown)
    shown += 1
  }
}

async function readPreview(
  watch: PreviewWatch,
  context: CallContext,
  signal: AbortSignal,
): Promise<Buffer | null> {
  try {
    const response = await context.http.request({
      method: 'GET',
      url: `${watch.baseUrl}/sdapi/v1/progress?skip_current_image=false`,
      trust: 'configured',
      headers: { ...context.headers, ...watch.headers, accept: 'application/json' },
      ...limitCall(context, MAX_PREVIEW_BYTES),
      signal,
    })
    if (response.status !== 200) {
      await response.discard()
      return null
    }
    const { value, images } = await readJsonWithImages(response.body, {
      isImage: path => path.length === 1 && path[0] === 'current_image',
      receive: async bytes => {
        const parts: Buffer[] = []
        for await (const part of bytes) parts.push(Buffer.from(part))
        return Buffer.concat(parts)
      },
    })
    const isOurs = isRecord(value) && value.current_task === watch.taskId
    return isOurs ? (images[0]?.received ?? null) : null
  } catch (error) {
    if (error instanceof OutboundError || error instanceof JsonImagesError) return null
    throw error
  }
}
