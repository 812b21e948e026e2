// Lists one folder of the disk driver in pages. The names are read anew for each page: nothing is held open between
// them, so the next page may be asked for by another process, days later.
import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { isAbsent, toStorageError } from './disk-failure.ts'
import { assertFolder, assertObjectKey } from './keys.ts'
import type { ObjectPage } from './storage.ts'

/** A few hundred kilobytes of names, and few readings of a folder that holds millions. */
const pageNames = 5_000
/** Names read from the folder in one trip to the thread pool. */
const readNames = 500

/** Pages are in the order of names. `cursor` is the last name of the page before. */
export async function listFolder(
  root: string,
  { folder, cursor }: { folder: string; cursor: string | null },
): Promise<ObjectPage> {
  assertFolder(folder)
  try {
    const { names, isCut } = await readPage(join(root, folder), cursor ?? '')
    return { keys: names.map(name => folder + name), next: isCut ? (names.at(-1) ?? null) : null }
  } catch (error) {
    if (isAbsent(error)) return { keys: [], next: null }
    throw toStorageError(error, root)
  }
}

/** The smallest names behind `after`, without ever holding more than two pages of them. */
async function readPage(path: string, after: string): Promise<{ names: string[]; isCut: boolean }> {
  let names: string[] = []
  let isCut = false
  const keepSmallest = (): void => {
    names.sort()
    isCut ||= names.length > pageNames
    names = names.slice(0, pageNames)
  }
  for await (const entry of await opendir(path, { bufferSize: readNames })) {
    // Folders and what other programs left are no objects; unfinished writes begin with a dot.
    if (!entry.isFile() || entry.name <= after || !isObjectName(entry.name)) continue
    names.push(entry.name)
    if (names.length === 2 * pageNames) keepSmallest()
  }
  keepSmallest()
  return { names, isCut }
}

function isObjectName(name: string): boolean {
  try {
    assertObjectKey(name)
    return true
  } catch {
    return false
  }
}
