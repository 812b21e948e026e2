// The files of a generation: one output in the format wanted, and their end. A read is refused by the row before
// storage is asked, so files are gone for everybody from the moment the row says so; the bytes follow.
import type { Db } from '../db/db.ts'
import { isId } from '../ids.ts'
import {
  canDerive,
  type Deriver,
  isInFormat,
  mediaTypes,
  type Original,
  type StoredFile,
} from '../storage/derive.ts'
import { keysOfOutput, manifestKey, readInputKey } from '../storage/keys.ts'
import { formatOfMediaType, type LinkFormat, type OutputFormat } from '../storage/links.ts'
import type { Storage } from '../storage/storage.ts'
import { eachRow } from './each-row.ts'
import { fileSql } from './file-sql.ts'
import { findRowById } from './find.ts'
import type { Generation, StoredImage } from './generation.ts'
import type { GenerationEvents } from './observe.ts'
import { findImage } from './read.ts'
import { findRow, type GenerationRow, toGeneration } from './sql.ts'

export type OutputNeeds = { storage: Storage; deriver: Deriver; now: () => Date }

/** `etag` is quoted and stands for these very bytes. */
export type OutputFile = StoredFile & { mediaType: string; etag: string; fileName: string }

/**
 * One output in one format: the stored bytes as they are when they have it, else a copy that is made when first
 * asked for. Null when it may not be shown, is gone, or cannot be that format. Throws AppError `overloaded`.
 */
export async function openOutput(
  needs: OutputNeeds,
  generation: Generation,
  { index, format }: { index: number; format: OutputFormat },
): Promise<OutputFile | null> {
  const image = findImage(generation, index, needs.now())
  if (!image) return null
  const name = `${generation.id}-${index}`
  if (format === 'original' || isInFormat(image, format)) return fileOfOriginal(needs.storage, image, name)
  const copy = await needs.deriver.derive(image, format)
  if (!copy) return null
  return {
    ...copy,
    mediaType: mediaTypes[format],
    // A copy that was lost and is made by another version of the encoder has another size.
    etag: `"${image.sha256.slice(0, 32)}-${format}-${copy.sizeBytes.toString(36)}"`,
    fileName: `${name}.${fileExtensions[format]}`,
  }
}

const fileExtensions: Record<LinkFormat, string> = {
  png: 'png',
  webp: 'webp',
  jpeg: 'jpg',
  thumb: 'thumb.webp',
}

function fileOfOriginal(storage: Storage, image: StoredImage, name: string): OutputFile {
  const { key, sizeBytes, mediaType, sha256 } = image
  return {
    sizeBytes,
    mediaType,
    etag: `"${sha256}"`,
    fileName: `${name}.${fileExtensions[formatOfMediaType(mediaType)]}`,
    async open(range) {
      const found = await storage.read(key, range)
      if (found?.sizeBytes === sizeBytes) return found.stream
      found?.stream.destroy()
      return null
    },
  }
}

/** The format to ask for when `wanted` is impossible for this picture: then its own. */
export function possibleFormat(image: Original, wanted: LinkFormat): LinkFormat {
  return isInFormat(image, wanted) || canDerive(image, wanted) ? wanted : formatOfMediaType(image.mediaType)
}

export type RemoveNeeds = { db: Db; storage: Pick<Storage, 'remove'> }

/**
 * Removes every object of a generation whose row refuses reads already: outputs, their copies, the manifest,
 * pictures that came with the order; those of an upload belong to it and stay. Then notes on the row that it is done.
 * May be repeated.
 */
export async function deleteFilesOf(needs: RemoveNeeds, generation: Generation): Promise<void> {
  const { id, images, inputs } = generation
  // An order that failed may hold outputs which were never fetched: addresses, no keys.
  const outputs = images.flatMap(image => ('key' in image ? [image.key] : []))
  // Outputs first: whoever is making a copy looks for its output afterwards, and removes the copy.
  await needs.storage.remove(outputs)
  const pictures = inputs ? [...inputs.references, ...(inputs.mask ? [inputs.mask] : [])] : []
  await needs.storage.remove([
    ...outputs.flatMap(key => keysOfOutput(key).slice(1)),
    ...pictures.map(({ key }) => key).filter(key => readInputKey(key) === id),
    manifestKey(id),
  ])
  await needs.db.query(fileSql.filesRemoved, [id])
}

export type DeleteNeeds = RemoveNeeds & { events: GenerationEvents }

/**
 * Forgets a generation at its owner's wish: no read shows it from now on, and no word of the caller's remains; the
 * books stay. Its files follow here, or by the sweep when storage fails now. `open`: cancel it first.
 */
export async function deleteGeneration(
  needs: DeleteNeeds,
  accountId: string,
  id: string,
): Promise<'deleted' | 'open' | 'not_found'> {
  if (!isId(id)) return 'not_found'
  const row = await findRow<{ outcome: 'deleted' | 'open' | null }>(needs.db, fileSql.delete, [id, accountId])
  if (row?.outcome !== 'deleted') return row?.outcome ?? 'not_found'
  const deleted = await findRowById(needs.db, { id: id.toLowerCase(), accountId })
  if (deleted && !deleted.files_removed_at) await tryDelete(needs, toGeneration(deleted))
  return 'deleted'
}

/**
 * Removes files whose end has come, those of deleted generations, and what came with orders that ended without an
 * image. What cannot be removed now is tried again by the next sweep.
 */
export async function sweepFiles(needs: DeleteNeeds): Promise<void> {
  for (const list of [fileSql.filesEnded, fileSql.filesDeleted, fileSql.inputsEnded]) {
    for await (const row of eachRow<GenerationRow & { at: string }>(needs.db, list)) {
      await tryDelete(needs, toGeneration(row))
    }
  }
}

async function tryDelete(needs: DeleteNeeds, generation: Generation): Promise<void> {
  try {
    await deleteFilesOf(needs, generation)
  } catch (error) {
    needs.events.filesKept(generation, error)
  }
}
