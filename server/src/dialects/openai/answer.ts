// The plain answer to an order: base64 streamed from storage, or signed addresses.
import { AppError } from '../../errors.ts'
import type { AnsweredMarks } from '../../generations/answered.ts'
import type { OutputNeeds } from '../../generations/files.ts'
import type { FreshImages } from '../../generations/fresh.ts'
import type { Generation } from '../../generations/generation.ts'
import { formatFor, type HandedPicture, handOut, listShown } from '../../generations/hand-out.ts'
import { type AnswerPiece, sendJsonPieces } from '../../http/answer-pieces.ts'
import type { HttpContext } from '../../http/context.ts'
import { logBroken } from '../../http/send-image.ts'
import type { Log } from '../../log.ts'
import type { Links } from '../../storage/links.ts'
import { toUnixSeconds, toUsage } from './present.ts'

export type AnswerNeeds = OutputNeeds & {
  fresh: FreshImages
  links: Links
  answered: AnsweredMarks
  log: Log
}

/** How long a signed address opens. */
const linkLivesMs = 60 * 60_000

export async function sendImages(
  needs: AnswerNeeds,
  context: HttpContext,
  { generation, asUrl }: { generation: Generation; asUrl: boolean },
): Promise<Response> {
  const onSent = () => needs.answered.mark(generation.id)
  if (asUrl) {
    context.env.outgoing.once('finish', onSent)
    return context.json(toUrls(needs, generation))
  }
  const pictures = await handOut(needs, generation, generation.options.outputFormat)
  const data = pictures.flatMap((picture, at): AnswerPiece[] => [
    `${at === 0 ? '' : ','}{"b64_json":"`,
    toPiece(picture),
    '"}',
  ])
  const { created, ...rest } = describe(generation, pictures[0])
  return sendJsonPieces(context, {
    status: 200,
    headers: {},
    pieces: [`{"created":${created},"data":[`, ...data, `],${JSON.stringify(rest).slice(1)}`],
    onSent,
    onBroken: logBroken(needs.log, context),
  })
}

export function toPiece({ bytes }: HandedPicture): AnswerPiece {
  return 'text' in bytes ? bytes.text : { sizeBytes: bytes.file.sizeBytes, open: () => bytes.file.open() }
}

function toUrls(needs: AnswerNeeds, generation: Generation) {
  const expiresAt = new Date(needs.now().getTime() + linkLivesMs)
  const pictures = listShown(generation, needs.now()).map(image => ({
    ...image,
    format: formatFor(generation, image, generation.options.outputFormat),
  }))
  const data = pictures.map(({ index, format }) => ({
    url: needs.links.signedLink({ generationId: generation.id, index, format }, expiresAt),
  }))
  const { created, ...rest } = describe(generation, pictures[0])
  return { created, data, ...rest }
}

/** What is true of the result, whatever was asked for. */
function describe(
  generation: Generation,
  first: Pick<HandedPicture, 'format' | 'width' | 'height'> | undefined,
) {
  if (!first) throw new AppError('internal', 'The order has no image.', { generationId: generation.id })
  const { background, quality } = generation.options
  const usage = toUsage(generation)
  return {
    created: toUnixSeconds(generation.createdAt),
    ...(background === 'transparent' || background === 'opaque' ? { background } : {}),
    output_format: first.format,
    size: `${first.width}x${first.height}`,
    ...(quality === null ? {} : { quality }),
    ...(usage ? { usage } : {}),
  }
}
