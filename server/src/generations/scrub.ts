// Reads every stored picture once in a long while and compares it with what is on record, because nothing else would
// notice a byte that a disk has changed: reads for customers do not hash. Slow on purpose, and it repairs nothing.
import type { Log } from '../log.ts'
import type { Storage } from '../storage/storage.ts'
import { StorageError } from '../storage/storage.ts'
import { findObjectProblem, type ObjectProblem } from '../storage/verify-objects.ts'
import type { Metrics } from '../telemetry.ts'
import { fileSql } from './file-sql.ts'
import type { StoredImage } from './generation.ts'
import { noteRound, type Round, type RoundNeeds, takeRound } from './rounds.ts'
import { findRow } from './sql.ts'

export type ScrubNeeds = RoundNeeds & {
  storage: Pick<Storage, 'head' | 'read'>
  log: Pick<Log, 'info' | 'error'>
  metrics: Pick<Metrics, 'scrubbed' | 'damagedObjects' | 'missingObjects'>
}

export type Scrub = {
  /** One look: at most one picture is read, or a part of a large one's worth of time is let pass. */
  step(): Promise<void>
}

/** A walk begins at most once a day: few pictures are not read again and again. */
const walkMs = 24 * 60 * 60 * 1_000
/** Where the walk stands is noted this often; so much is read twice after a crash. */
const noteEveryMs = 60_000
/** A process that has noted nothing for so long has died. */
const holdMs = 5 * noteEveryMs
/** Without a walk under way here, how often it is asked whether one is due. */
const askEveryMs = 10_000
/** What one look may read, bytes; a larger picture is paid for with the looks after it. */
const bytesPerLook = 4 * 1024 * 1024

const firstId = '00000000-0000-0000-0000-000000000000'
type Stored = { id: string; images: StoredImage[] }
/** What is left of the generation that is looked at, and the key of a picture that could not be read just now. */
type Walk = {
  round: Round
  beganAt: number
  checked: number
  faults: number
  notedAt: number
  left: Stored
  doubtful: string | null
}

/** `elapsedMs` is a clock that only goes forward. */
export function createScrub(needs: ScrubNeeds, elapsedMs: () => number): Scrub {
  let walk: Walk | null = null
  let askAt = 0
  let debtBytes = 0

  async function begin(): Promise<void> {
    if (elapsedMs() < askAt) return
    askAt = elapsedMs() + askEveryMs
    const round = await takeRound(needs, 'scrub', holdMs)
    if (!round) return
    const left = { id: round.position || firstId, images: [] }
    const notedAt = elapsedMs()
    walk = { round, beganAt: notedAt - round.ageMs, checked: 0, faults: 0, notedAt, left, doubtful: null }
  }

  async function note(current: Walk, position: string): Promise<void> {
    const { round, checked, faults } = current
    const ageMs = elapsedMs() - current.beganAt
    const pauseMs = position ? holdMs : Math.max(walkMs - ageMs, askEveryMs)
    const isOurs = await noteRound(needs, { name: 'scrub', position }, { pauseMs, checked, faults })
    const noted = { ...round, ageMs, checked: round.checked + checked, faults: round.faults + faults }
    walk =
      isOurs && position ? { ...current, round: noted, checked: 0, faults: 0, notedAt: elapsedMs() } : null
    if (isOurs && !position) reportWalk(needs, noted)
  }

  async function readNext(current: Walk): Promise<void> {
    if (current.left.images.length === 0) {
      // Asked anew for every generation, right before its pictures are read: what was deleted is not missing.
      const next = await findRow<Stored>(needs.db, fileSql.nextStored, [current.left.id])
      if (!next) return note(current, '')
      current.left = next
    }
    const [image, ...images] = current.left.images
    if (!image) return
    debtBytes += image.sizeBytes
    const problem = await findProblem(needs, current.left.id, image)
    // Storage that does not answer for a moment is asked once more, a look later.
    if (problem === 'unreadable' && current.doubtful !== image.key) {
      current.doubtful = image.key
      return
    }
    current.left = { id: current.left.id, images }
    report(needs, current.left.id, { key: image.key, problem })
    current.checked += 1
    current.faults += problem ? 1 : 0
    // Only between generations: the position says that all pictures up to it were read.
    if (images.length === 0 && elapsedMs() - current.notedAt >= noteEveryMs)
      await note(current, current.left.id)
  }

  return {
    async step() {
      debtBytes = Math.max(0, debtBytes - bytesPerLook)
      if (debtBytes > 0) return
      if (!walk) await begin()
      if (walk) await readNext(walk)
    },
  }
}

type Problem = ObjectProblem | 'unreadable'

/** Null when the picture is as recorded, or need not be there any more. */
async function findProblem(needs: ScrubNeeds, id: string, image: StoredImage): Promise<Problem | null> {
  const problem = await compare(needs.storage, image)
  // Its owner may have deleted it while it was being read.
  return problem && (await findRow(needs.db, fileSql.isStored, [id])) ? problem : null
}

async function compare(storage: ScrubNeeds['storage'], image: StoredImage): Promise<Problem | null> {
  try {
    // First, because the watched storage raises an alarm of its own for whatever is not there to be read.
    if (!(await storage.head(image.key))) return 'missing'
    return await findObjectProblem(storage, image, { hashes: true })
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return 'unreadable'
  }
}

function report(
  { log, metrics }: ScrubNeeds,
  generationId: string,
  { key, problem }: { key: string; problem: Problem | null },
): void {
  metrics.scrubbed.inc()
  if (!problem) return
  if (problem === 'missing') metrics.missingObjects.inc()
  else metrics.damagedObjects.inc({ problem })
  const event = problem === 'missing' ? 'object.missing' : 'object.damaged'
  log.error({ event, generationId, key, problem }, 'a stored picture is not what was stored')
}

function reportWalk({ log }: ScrubNeeds, { checked, faults, ageMs }: Round): void {
  const hours = Math.round(ageMs / 360_000) / 10
  log.info({ event: 'scrub.ended', checked, faults, hours }, 'every stored picture was read and compared')
}
