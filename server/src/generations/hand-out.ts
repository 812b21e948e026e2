// The pictures of a success as an answer carries them: all in one format, from memory where they have just passed
// through this process, else from storage.
import { AppError } from '../errors.ts'
import type { ImageFormat } from '../providers/provider.ts'
import { formatOfMediaType } from '../storage/links.ts'
import { type OutputFile, type OutputNeeds, openOutput, possibleFormat } from './files.ts'
import type { FreshImages, FreshText } from './fresh.ts'
import { type Generation, hasFiles, type StoredImage } from './generation.ts'
import { takeFreshText } from './read.ts'

export type HandedPicture = {
  index: number
  format: ImageFormat
  width: number
  height: number
  /** The base64 of the bytes, to be released, or the file. */
  bytes: { text: FreshText } | { file: OutputFile }
}

/** Throws AppError `not_found` when the files have ended or were deleted. */
export function listShown(generation: Generation, now: Date): StoredImage[] {
  if (hasFiles(generation, now)) return generation.images
  throw new AppError('not_found', 'The images of this order were deleted.', { generationId: generation.id })
}

/**
 * What a picture is handed out as: the format wanted, else that of the first one. Where a picture cannot be that, it
 * stays what it is.
 */
export function formatFor(
  generation: Generation,
  image: StoredImage,
  wanted: ImageFormat | null,
): ImageFormat {
  const own = formatOfMediaType(image.mediaType)
  const common = wanted ?? formatOfMediaType(generation.images[0]?.mediaType ?? image.mediaType)
  return possibleFormat(image, common) === common ? common : own
}

/** Throws AppError `not_found`, or `overloaded` when too many copies are being made. */
export async function handOut(
  needs: OutputNeeds & { fresh: FreshImages },
  generation: Generation,
  wanted: ImageFormat | null,
): Promise<HandedPicture[]> {
  const pictures: HandedPicture[] = []
  try {
    for (const image of listShown(generation, needs.now())) {
      const { index, width, height } = image
      const format = formatFor(generation, image, wanted)
      const isOwn = format === formatOfMediaType(image.mediaType)
      const text = isOwn ? takeFreshText(needs, generation, index) : null
      const file = text ? null : await openOutput(needs, generation, { index, format })
      const bytes = text ? { text } : file ? { file } : null
      if (!bytes) throw new AppError('not_found', 'An image of this order has gone.')
      pictures.push({ index, format, width, height, bytes })
    }
    return pictures
  } catch (error) {
    for (const { bytes } of pictures) if ('text' in bytes) bytes.text.release()
    if (!(error instanceof AppError)) throw error
    throw new AppError(error.code, error.message, { ...error.options, generationId: generation.id })
  }
}
