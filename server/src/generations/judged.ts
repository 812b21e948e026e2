// Results are judged between storage and the manifest: what is not in the manifest is never sold, whatever dies next.
// Pictures that must not be delivered are left out; when none is left the generation is blocked.
import { JudgeDown, type Moderation } from '../moderation/moderation.ts'
import { readObject } from '../storage/read-object.ts'
import type { Storage } from '../storage/storage.ts'
import { backoffMs, type Generation, type StoredImage } from './generation.ts'
import { timeLeftMs } from './time-left.ts'

export type JudgeNeeds = { moderation: Moderation; storage: Pick<Storage, 'read'>; random: () => number }

/** Every picture of a result was refused. */
export class ContentBlocked extends Error {
  override name = 'ContentBlocked'
}

/** Kept free before the deadline for the manifest and the settlement. */
const reserveMs = 2_000

export const withheldWarning = 'Some images were withheld by a safety check; they are not charged.'

/**
 * The pictures that may be delivered, numbered anew, and those that may not. A judge that is down is asked again until
 * the deadline, because the result is paid for. Throws ContentBlocked, or JudgeDown when the time is up.
 */
export async function judgeImages(
  needs: JudgeNeeds,
  generation: Generation,
  images: StoredImage[],
): Promise<{ images: StoredImage[]; withheld: StoredImage[] }> {
  if (!needs.moderation.checksOutput) return { images, withheld: [] }
  const flagged = await askUntilAnswered(needs, generation, images)
  const withheld = images.filter((_, index) => flagged.includes(index))
  if (withheld.length === images.length) throw new ContentBlocked('the safety check refused the whole result')
  const kept = images.filter((_, index) => !flagged.includes(index))
  return {
    images: withheld.length > 0 ? kept.map((image, index) => ({ ...image, index })) : images,
    withheld,
  }
}

async function askUntilAnswered(
  { moderation, storage, random }: JudgeNeeds,
  { id: generationId, accountId, timeLeft }: Generation,
  images: StoredImage[],
): Promise<number[]> {
  const pictures = images.map(({ key }) => ({ read: () => readObject(storage, key) }))
  for (let tries = 1; ; tries += 1) {
    try {
      return await moderation.checkOutput({ accountId, generationId }, pictures)
    } catch (error) {
      const pauseMs = backoffMs(tries, random())
      if (!(error instanceof JudgeDown) || pauseMs + reserveMs > timeLeftMs(timeLeft)) throw error
      await new Promise(resolve => setTimeout(resolve, pauseMs))
    }
  }
}
