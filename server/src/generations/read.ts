// Reading generations. The account is part of every statement: "not yours" and "not there" are one answer.
import type { Readable } from 'node:stream'
import type { Db } from '../db/db.ts'
import { isId } from '../ids.ts'
import type { Dialect } from '../models/options.ts'
import type { Storage } from '../storage/storage.ts'
import { findRowById } from './find.ts'
import type { FreshImages, FreshText } from './fresh.ts'
import { type Generation, hasFiles, type StoredImage } from './generation.ts'
import { markSpacing } from './marks.ts'
import { findRow, type GenerationRow, sql, toGeneration } from './sql.ts'

/** The account's generation, or null: unknown, another account's, deleted, or no UUID at all. */
export async function findGeneration(db: Db, accountId: string, id: string): Promise<Generation | null> {
  if (!isId(id)) return null
  const row = await findRowById(db, { id: id.toLowerCase(), accountId })
  return row && !row.deleted_at ? toGeneration(row) : null
}

export type Page = { limit: number; offset: number }

/**
 * Succeeded generations of one dialect, newest first, with their number from a counter kept at settlement. A page
 * costs the same at any depth.
 */
export async function listSucceeded(
  db: Db,
  owner: { accountId: string; dialect: Dialect },
  page: Page,
): Promise<{ generations: Generation[]; total: number }> {
  const { accountId, dialect } = owner
  // Near the newest end counting is cheaper than looking for a mark.
  const list = page.offset < markSpacing ? sql.list : sql.listDeep
  const [rows, total] = await Promise.all([
    db.query<GenerationRow>(list, [accountId, dialect, page.limit, page.offset]),
    findRow<{ succeeded: number }>(db, sql.total, [accountId, dialect]),
  ])
  return { generations: rows.map(toGeneration), total: total?.succeeded ?? 0 }
}

/** The image that may be shown now, or null. */
export function findImage(generation: Generation, index: number, now: Date): StoredImage | null {
  return hasFiles(generation, now) ? (generation.images[index] ?? null) : null
}

/** The base64 of one image when it has just passed through this process, else null. The taker releases it. */
export function takeFreshText(
  needs: { fresh: FreshImages; now: () => Date },
  generation: Generation,
  index: number,
): FreshText | null {
  const image = findImage(generation, index, needs.now())
  return image ? needs.fresh.take(image.key, image.sizeBytes) : null
}

/** The bytes of one image from storage, or null when they are gone. */
export async function openImage(
  needs: { storage: Storage; now: () => Date },
  generation: Generation,
  index: number,
): Promise<{ stream: Readable; sizeBytes: number; image: StoredImage } | null> {
  const image = findImage(generation, index, needs.now())
  if (!image) return null
  const { sizeBytes } = image
  const found = await needs.storage.read(image.key)
  if (found?.sizeBytes === sizeBytes) return { stream: found.stream, sizeBytes, image }
  found?.stream.destroy()
  return null
}
