// How the outputs of a generation are shown: who may open them by address alone, and for how long. That is decided by
// the dialect it was made through, here and nowhere else, in whichever dialect it is looked at.
import type { Dialect } from '../models/options.ts'
import { formatOfMediaType, type LinkFormat, type Links } from '../storage/links.ts'
import { possibleFormat } from './files.ts'
import { type Generation, hasFiles, type StoredImage } from './generation.ts'

/**
 * `public`: whoever has the permanent address. `signed`: whoever has the address, until the files end. `private`:
 * with an API key of the account; a dialect may sign an address that ends for its own answer.
 */
export type FilePolicy = 'public' | 'signed' | 'private'

export const filePolicies: Record<Dialect, FilePolicy> = {
  getimages: 'private',
  getimg: 'signed',
  gptimage2: 'public',
  imgeo: 'public',
  openai: 'private',
  native: 'public',
}

/** `url` is the stored picture as it is; `png` and `webp` are the picture in that format. */
export type ShownOutput = Omit<StoredImage, 'index' | 'key'> & { url: string; png: string; webp: string }

export type ShowNeeds = { links: Links; publicUrl: () => string; now: () => Date }

/** Empty before success and after the end of the files. */
export function showOutputs(needs: ShowNeeds, generation: Generation): ShownOutput[] {
  if (!hasFiles(generation, needs.now())) return []
  return generation.images.map(image => {
    const { mediaType, width, height, sizeBytes, sha256 } = image
    const address = (format: LinkFormat) => addressOf(needs, generation, { index: image.index, format })
    const isPrivate = policyOf(generation) === 'private'
    return {
      url: isPrivate ? privateAddress(needs, generation, image.index) : address(formatOfMediaType(mediaType)),
      png: address(possibleFormat(image, 'png')),
      webp: address(possibleFormat(image, 'webp')),
      ...{ mediaType, width, height, sizeBytes, sha256 },
    }
  })
}

/** Files whose end was never set cannot be signed up to it. */
function policyOf({ dialect, filesExpireAt }: Generation): FilePolicy {
  const policy = filePolicies[dialect]
  return policy === 'signed' && !filesExpireAt ? 'private' : policy
}

function addressOf(
  needs: ShowNeeds,
  generation: Generation,
  file: { index: number; format: LinkFormat },
): string {
  const output = { generationId: generation.id, ...file }
  const policy = policyOf(generation)
  if (policy === 'public') return needs.links.publicLink(output)
  if (policy === 'signed' && generation.filesExpireAt)
    return needs.links.signedLink(output, generation.filesExpireAt)
  return `${privateAddress(needs, generation, file.index)}?format=${file.format}`
}

function privateAddress({ publicUrl }: ShowNeeds, { id }: Generation, index: number): string {
  return `${publicUrl()}/api/v1/generations/${id}/images/${index}`
}
