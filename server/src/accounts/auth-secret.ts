// The secret that signs session cookies and links to files. Made once and kept in the data folder, readable by the
// service alone; losing it signs everybody out and kills every link given out, permanent ones too.
import { randomUUID } from 'node:crypto'
import { link, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolders, nameDataFolder } from '../folders.ts'
import { randomToken } from '../ids.ts'

/** 43 letters of 62 carry 256 bits. */
const SECRET_LENGTH = 43
const FILE_NAME = 'auth-secret'

async function findStoredSecret(file: string): Promise<string | null> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    // Where a file stands in place of a folder, making the folder says so.
    const isAbsent =
      error instanceof Error && 'code' in error && /^(ENOENT|ENOTDIR)$/.test(String(error.code))
    if (isAbsent) return null
    throw error
  }
}

/** The configured secret, else the one in the data folder, which is made when absent. */
export async function loadAuthSecret(options: {
  configured: string | null
  dataDir: string
}): Promise<string> {
  if (options.configured !== null) return options.configured
  const file = join(options.dataDir, FILE_NAME)
  const stored = (await findStoredSecret(file)) ?? (await storeNewSecret(options.dataDir, file))
  if (stored.length !== SECRET_LENGTH) {
    throw new Error(`${file} is damaged: delete it to have a new one made; everybody must then sign in again`)
  }
  return stored
}

/** Of several processes that start at once one wins, and all return its secret. */
async function storeNewSecret(dataDir: string, file: string): Promise<string> {
  await nameDataFolder(dataDir, () => makeFolders(dataDir))
  const draft = join(dataDir, `${FILE_NAME}.${randomUUID()}`)
  await writeFile(draft, `${randomToken(SECRET_LENGTH)}\n`, { mode: 0o600, flag: 'wx' })
  try {
    // A link appears whole or not at all, and never replaces another.
    await link(draft, file)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await unlink(draft)
  }
  return (await readFile(file, 'utf8')).trim()
}
