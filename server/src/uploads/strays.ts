// Tells which objects of uploads no row names: what killed processes left, and what came too late to be used.
import type { Queryable } from '../db/db.ts'
import { uploadObjectKey } from '../storage/keys.ts'
import { sql } from './sql.ts'

type ObjectsRow = { key: string; raw_key: string | null; picture_key: string | null }

/** Of these objects those without a row. One that is just being stored is among them: it must be given time. */
export async function findStrayUploads(
  db: Queryable,
  objects: { key: string; uploadKey: string }[],
): Promise<string[]> {
  const uploadKeys = [...new Set(objects.map(({ uploadKey }) => uploadKey))]
  if (uploadKeys.length === 0) return []
  const found = await db.query<ObjectsRow>(sql.objectsOf, [uploadKeys])
  const rows = new Map(found.map(row => [row.key, row]))
  return objects.filter(object => isStray(object, rows.get(object.uploadKey))).map(({ key }) => key)
}

function isStray(
  { key, uploadKey }: { key: string; uploadKey: string },
  row: ObjectsRow | undefined,
): boolean {
  if (!row) return true
  if (key === row.raw_key || key === row.picture_key) return false
  // A bucket takes what is sent without telling us: it waits there for the first order to look.
  return row.picture_key !== null || key !== uploadObjectKey(uploadKey, 'raw')
}
