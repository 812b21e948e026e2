// What was read of an answer lies outside of V8's heap, which does not look at its size: a large answer could leave all
// of itself behind before the heap is full and is collected. So while such answers pass, the young part of the heap is
// collected in between, and what comes next is read into the same memory. The heap is one, so this is one for the process.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Between two collections, which cost about a millisecond each while little of the heap is young. */
const COLLECT_AFTER_BYTES = 1024 * 1024

let bytesSince = 0
let collect: (() => void) | null = null

/** Counts what a large answer brings. */
export function noteSpentPiece(bytes: number): void {
  bytesSince += bytes
  if (bytesSince < COLLECT_AFTER_BYTES) return
  bytesSince = 0
  collect ??= findCollect()
  collect()
}

/** V8's own, which it gives to contexts that are made while it is told to. Where there is none, memory is not spared. */
function findCollect(): () => void {
  setFlagsFromString('--expose-gc')
  const found: unknown = runInNewContext('globalThis.gc')
  setFlagsFromString('--no-expose-gc')
  return typeof found === 'function' ? () => void found({ type: 'minor' }) : () => undefined
}
