// The files of getimg's answers: which format is given, the signed address that ends with the file, and the way back
// from an address to its bytes. The address names no format, so the signature does.
import { AppError } from '../../errors.ts'
import { type OutputNeeds, openOutput, possibleFormat } from '../../generations/files.ts'
import type { Generation, StoredImage } from '../../generations/generation.ts'
import { type LinkedFile, type LinkNeeds, openSignedOutput } from '../../generations/linked.ts'
import type { Log } from '../../log.ts'
import { findGenerationId, toRequestId } from './request-ids.ts'
import { defaultOutputFormat, type GenerationResponse, outputFormats } from './schema.ts'

export type DownloadNeeds = LinkNeeds & OutputNeeds & { log: Log }

const formats = [...outputFormats, 'original'] as const
type Format = (typeof formats)[number]

const indexPattern = /^(?:0|[1-9]\d{0,3})$/

export const downloadPath = '/v2/downloads/:id/:n'

/** Makes the copy, should one be needed, so that what is answered is there. */
export async function toFile(
  needs: DownloadNeeds,
  generation: Generation,
  image: StoredImage,
): Promise<GenerationResponse['data'][number]> {
  const { filesExpireAt } = generation
  if (!filesExpireAt) throw new AppError('internal', undefined, { generationId: generation.id })
  const format = await settleFormat(needs, generation, image)
  const output = { generationId: generation.id, index: image.index, format }
  const { exp, sig } = needs.links.sign(output, filesExpireAt)
  const path = `/v2/downloads/${toRequestId(generation.id)}/${image.index}`
  return {
    url: `${needs.links.origin()}${path}?exp=${exp}&sig=${sig}`,
    width: image.width,
    height: image.height,
    mime_type: format === 'original' ? image.mediaType : `image/${format}`,
    deletes_at: filesExpireAt.toISOString(),
  }
}

/** What was asked for; what is there when the picture cannot be that. */
async function settleFormat(
  needs: DownloadNeeds,
  generation: Generation,
  image: StoredImage,
): Promise<Format> {
  const asked = outputFormats.find(each => each === generation.echo.outputFormat) ?? defaultOutputFormat
  const format = formats.find(each => each === possibleFormat(image, asked)) ?? 'original'
  try {
    await openOutput(needs, generation, { index: image.index, format })
    return format
  } catch (error) {
    // Too much is being converted: this one will be when it is downloaded.
    if (error instanceof AppError) return format
    const { id: generationId } = generation
    needs.log.warn(
      { event: 'copy.failed', generationId, format, err: error },
      'a picture could not be converted and is given as it is',
    )
    return 'original'
  }
}

/** Null for whatever is wrong with the address. */
export async function openDownload(
  needs: LinkNeeds,
  { id, n }: { id: string; n: string },
  query: { exp: string; sig: string },
): Promise<LinkedFile | null> {
  const generationId = findGenerationId(id)
  if (generationId === null || !indexPattern.test(n)) return null
  for (const format of formats) {
    const file = await openSignedOutput(needs, { generationId, index: Number(n), format }, query)
    if (file) return file
  }
  return null
}
