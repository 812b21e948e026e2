// Lets large answers flow by turns. What has arrived and was not taken yet is counted over all of them; while it is
// much, this process is the slow side, and further answers stay in the network until it has caught up. Working on
// all of them at once would hold a buffer for each and end none sooner.

/** What may lie unread before no further answer begins: as much as a dozen answers read ahead. */
const MAX_UNREAD_BYTES = 3 * 1024 * 1024
/** Begun in one turn of the event loop, at whose end it shows how much each of them brings. */
const MAX_STARTS_PER_TURN = 4
/** Whoever does not take what it has may be waiting for an answer that waits here: one begins all the same. */
const STALL_MS = 1_000

export type Flow = {
  /**
   * `start` is called when the answer's turn has come, in order of arrival; not when it may be read at once. It is
   * never called within a call of this module, because then the parser of another answer may be at work.
   */
  join(start: () => void): FlowMember
}

export type FlowMember = {
  /** Whether it may be read: at once, or since `start` was called. */
  isFlowing(): boolean
  /** Tells how much of the answer lies unread now. */
  note(unreadBytes: number): void
  /** The answer has ended or is given up. */
  leave(): void
}

export function createFlow(): Flow {
  const waiting = new Set<() => void>()
  let unreadBytes = 0
  let startsInTurn = 0
  let isTurnComing = false
  let stallTimer: NodeJS.Timeout | null = null

  const isBehind = () => unreadBytes >= MAX_UNREAD_BYTES
  const hasRoom = () => !isBehind() && startsInTurn < MAX_STARTS_PER_TURN

  function beginTurn(): void {
    isTurnComing = false
    startsInTurn = 0
    for (const begin of waiting) {
      if (!hasRoom()) break
      begin()
    }
    watch()
  }
  /** Sees to it that whoever waits is begun: in the next turn, or when somebody takes what lies unread. */
  function watch(): void {
    const isTurnNeeded = startsInTurn > 0 || (waiting.size > 0 && !isBehind())
    if (isTurnNeeded && !isTurnComing) {
      isTurnComing = true
      setImmediate(beginTurn)
    }
    if (waiting.size > 0) stallTimer ??= setTimeout(onStall, STALL_MS).unref()
  }
  function noteProgress(): void {
    if (stallTimer) clearTimeout(stallTimer)
    stallTimer = null
  }
  function onStall(): void {
    stallTimer = null
    const [begin] = waiting
    begin?.()
    watch()
  }

  return {
    join(start) {
      let ownBytes = 0
      let isFlowing = waiting.size === 0 && hasRoom()
      const begin = () => {
        waiting.delete(begin)
        startsInTurn += 1
        isFlowing = true
        start()
      }
      if (isFlowing) startsInTurn += 1
      else waiting.add(begin)
      watch()
      const note = (bytes: number) => {
        if (bytes < ownBytes) noteProgress()
        unreadBytes += bytes - ownBytes
        ownBytes = bytes
        watch()
      }
      return {
        isFlowing: () => isFlowing,
        note,
        leave() {
          waiting.delete(begin)
          note(0)
        },
      }
    },
  }
}
