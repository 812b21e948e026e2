// A streamed answer: server-sent events once the order is taken. Whatever happens after that is told by an event,
// because the status has gone out.
import { AppError } from '../../errors.ts'
import type { Generation } from '../../generations/generation.ts'
import { type HandedPicture, handOut } from '../../generations/hand-out.ts'
import type { PartialPicture } from '../../generations/partials.ts'
import type { AnswerPiece } from '../../http/answer-pieces.ts'
import type { HttpContext } from '../../http/context.ts'
import { toAppError } from '../../http/errors.ts'
import { openEvents } from '../../http/event-stream.ts'
import { logBroken } from '../../http/send-image.ts'
import { type AnswerNeeds, toPiece } from './answer.ts'
import type { Mode } from './order.ts'
import { noTokens, toErrorBody, toOutcomeError, toUnixSeconds, toUsage } from './present.ts'

export type EventStream = {
  gone: AbortSignal
  /** Left out while the caller is slow. */
  sendPartial(partial: PartialPicture): void
  sendOutcome(generation: Generation): Promise<void>
  sendError(error: unknown): Promise<void>
}

export function openEventStream(
  needs: AnswerNeeds,
  context: HttpContext,
  { mode, generation }: { mode: Mode; generation: Generation },
): EventStream {
  const events = openEvents(context, logBroken(needs.log, context))
  return {
    gone: events.gone,
    sendPartial({ bytes, mediaType, index, part }) {
      // Calls side by side would mix their numbers.
      if (part !== 0) return
      const fields = {
        ...describe(generation, { format: formatOf(mediaType) }),
        created_at: toUnixSeconds(needs.now()),
        partial_image_index: index,
      }
      events.whenRoom(toEvent(`${mode}.partial_image`, fields, bytes.toString('base64')))
    },
    async sendOutcome(ended) {
      const onSent = () => needs.answered.mark(generation.id)
      if (ended.state !== 'succeeded') {
        context.env.outgoing.once('finish', onSent)
        throw toOutcomeError(ended)
      }
      const pictures = await handOut(needs, ended, ended.options.outputFormat)
      context.env.outgoing.once('finish', onSent)
      for (const [at, picture] of pictures.entries()) {
        // The call's tokens once, so that whoever adds events up is right.
        const usage = at === pictures.length - 1 ? (toUsage(ended) ?? noTokens) : noTokens
        const fields = { ...describe(ended, picture), created_at: toUnixSeconds(ended.createdAt), usage }
        await events.send(toEvent(`${mode}.completed`, fields, toPiece(picture)))
      }
      await events.end()
    },
    async sendError(error) {
      const body = JSON.stringify(toErrorBody(toAppError(needs.log, context, error)))
      await events.send([`event: error\ndata: ${body}\n\n`])
      await events.end()
    },
  }
}

function toEvent(type: string, fields: Record<string, unknown>, picture: AnswerPiece): AnswerPiece[] {
  const rest = JSON.stringify(fields).slice(1)
  return [`event: ${type}\ndata: {"type":"${type}","b64_json":"`, picture, `",${rest}\n\n`]
}

/** The members every event has; a word stands also where nothing was asked for, as the type wants it. */
function describe(
  { options, images: [first] }: Generation,
  picture: { format: string } & Partial<Pick<HandedPicture, 'width' | 'height'>>,
) {
  const { width, height } = picture.width === undefined && first ? first : picture
  return {
    size: width === undefined ? (options.size ?? 'auto') : `${width}x${height}`,
    quality: options.quality ?? 'auto',
    background: options.background ?? 'auto',
    output_format: picture.format,
  }
}

function formatOf(mediaType: string): string {
  return mediaType.slice('image/'.length)
}

/** Thrown to whoever waits for an outcome that did not come in time. */
export function overdue(generation: Generation): AppError {
  return new AppError('internal', 'The outcome is not known yet.', { generationId: generation.id })
}
