// Makes folders with those above them. Not by `recursive` of Node, which never ends where a folder is there and takes
// none, as in `/proc`, and keeps a thread busy with it.
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Answers the topmost folder that was made, or null. */
export async function makeFolders(folder: string, mode = 0o777): Promise<string | null> {
  const make = () => mkdir(folder, { mode })
  try {
    await make()
    return folder
  } catch (error) {
    // Some file systems say that they are read-only, or may not be written, also of what is there.
    const isThere = await stat(folder).then(
      stats => stats.isDirectory(),
      () => false,
    )
    if (isThere) return null
    if (codeOf(error) !== 'ENOENT' || folder === dirname(folder)) throw error
    const first = await makeFolders(dirname(folder), mode)
    await make().catch(again => {
      // Another process was faster.
      if (codeOf(again) !== 'EEXIST') throw again
    })
    return first ?? folder
  }
}

/** Where the data folder cannot be made, the error names its setting. */
export async function nameDataFolder<Result>(dataDir: string, make: () => Promise<Result>): Promise<Result> {
  try {
    return await make()
  } catch (error) {
    const why = codeOf(error) ?? String(error)
    throw new Error(`DARKROOM_DATA: no folder can be made at ${dataDir} (${why}); name one that can`, {
      cause: error,
    })
  }
}

function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}
