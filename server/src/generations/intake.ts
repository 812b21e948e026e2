// What comes with an order is taken in between the check for a repeat and the hold: pictures are fetched, checked and
// stored, then everything that was sent is judged. A refusal here leaves nothing behind and the key unused.
import { AppError } from '../errors.ts'
import type { Catalog, Offer } from '../models/catalog.ts'
import type { Dialect, GenerationOptions } from '../models/options.ts'
import type { Moderation } from '../moderation/moderation.ts'
import { readObject } from '../storage/read-object.ts'
import { type Storage, StorageError } from '../storage/storage.ts'
import type { InputRequests, InputTaker, StoredInputs } from '../uploads/input.ts'

export type IntakeNeeds = { inputs: InputTaker; moderation: Moderation; storage: Pick<Storage, 'read'> }

type Intake = {
  accountId: string
  prompt: string
  options: GenerationOptions
  inputs: InputRequests | null
}

/** The options with the number of pictures that come with the order. */
function withCounts({ options, inputs }: Intake): GenerationOptions {
  if (!inputs) return options
  return { ...options, referenceCount: inputs.references.length, hasMask: inputs.mask !== null }
}

export type Wish = Intake & { dialect: Dialect; modelId: string; adapts?: boolean }

/** What the catalogue makes of an order. Throws as it does. */
export function resolveWish({ catalog }: { catalog: Pick<Catalog, 'resolve' | 'adapt'> }, wish: Wish): Offer {
  const options = withCounts(wish)
  return wish.adapts === true
    ? catalog.adapt(wish.dialect, wish.modelId, options)
    : catalog.resolve(wish.dialect, wish.modelId, options)
}

/** Stores the pictures, or throws and leaves nothing behind. */
export async function takeInputs(
  needs: IntakeNeeds,
  intake: Intake,
  generationId: string,
): Promise<StoredInputs | null> {
  const { accountId } = intake
  let inputs: StoredInputs | null = null
  try {
    if (intake.inputs) inputs = await needs.inputs.take({ accountId, generationId }, intake.inputs)
    // A negative prompt says what is not wanted: whoever excludes what is forbidden must not be punished for it.
    const texts = [intake.prompt, intake.options.style].filter(text => text !== null)
    // A mask says where, not what.
    const pictures = (inputs?.references ?? []).map(({ key }) => ({
      read: () => readObject(needs.storage, key),
    }))
    await needs.moderation.checkInput({ accountId, texts, pictures })
    return inputs
  } catch (error) {
    if (inputs) await needs.inputs.discard(inputs)
    if (!(error instanceof StorageError)) throw error
    throw new AppError('unavailable', 'Images cannot be stored right now.', { cause: error })
  }
}
