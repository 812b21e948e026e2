// A slow walk over folders of storage, one page of names a step. Where it stands is a round, so that all processes
// together walk once and a dead one holds nobody up.
import { type Storage, StorageError } from '../storage/storage.ts'
import { noteRound, type Round, type RoundName, type RoundNeeds, takeRound } from './rounds.ts'

export type WalkNeeds = RoundNeeds & { storage: Pick<Storage, 'list' | 'removeUnfinished'> }

export type FolderPage = { folder: string; keys: string[]; isFirst: boolean }

export type FolderWalk = {
  name: RoundName
  folderCount: number
  folderAt(at: number): string
  /** Acts on one page of keys; answers how many it removed. */
  sweepPage(page: FolderPage): Promise<number>
}

/** Between pages of a folder that has many: a large installation needs no longer than a small one. */
const pagePauseMs = 5_000
/** A page takes seconds; a process that takes longer has died. */
const holdMs = 10 * 60 * 1_000
/** All folders once a day. */
const walkMs = 24 * 60 * 60 * 1_000

/** One step, if one is due: a page of a folder. */
export async function stepWalk(needs: WalkNeeds, walk: FolderWalk): Promise<void> {
  const round = await takeRound(needs, walk.name, holdMs)
  if (!round) return
  const { at, cursor } = readPosition(round, walk.folderCount)
  const folder = walk.folderAt(at)
  const goOn = (next: string | null, step: { checked: number; faults: number }) =>
    noteRound(
      needs,
      { name: walk.name, position: writePosition(walk, at, next) },
      { ...step, pauseMs: next === null ? Math.floor(walkMs / walk.folderCount) : pagePauseMs },
    )
  try {
    if (cursor === null) await needs.storage.removeUnfinished(folder)
    const page = await needs.storage.list(folder, cursor)
    const removed = await walk.sweepPage({ folder, keys: page.keys, isFirst: cursor === null })
    await goOn(page.next, { checked: page.keys.length, faults: removed })
  } catch (error) {
    // One folder that cannot be read must not keep the walk from all others.
    if (error instanceof StorageError) await goOn(null, { checked: 0, faults: 0 })
    throw error
  }
}

/** `<folder>` is done, or `<folder>:<cursor>` is where its next page begins; behind the last folder empty. */
function writePosition({ folderCount }: FolderWalk, at: number, next: string | null): string {
  if (next !== null) return `${at}:${next}`
  return at === folderCount - 1 ? '' : `${at}`
}

function readPosition(
  { position }: Pick<Round, 'position'>,
  count: number,
): { at: number; cursor: string | null } {
  const [, done = '', cursor] = /^(\d+)(?::(.+))?$/s.exec(position) ?? []
  if (done === '') return { at: 0, cursor: null }
  return cursor === undefined
    ? { at: (Number(done) + 1) % count, cursor: null }
    : { at: Number(done), cursor }
}
