// What the engine remembers of work that has ended: pictures by node, or why there are none.
import { isRecord, textOrNull } from '../hosted-call.ts'

export type Ended = { kind: 'done'; files: OutputFile[] } | { kind: 'failed'; message: string }
export type OutputFile = { filename: string; subfolder: string; type: string }

/** Null where the entry is none. */
export function readHistory(entry: unknown, outputs: readonly string[]): Ended | null {
  if (!isRecord(entry)) return null
  const status = isRecord(entry.status) ? entry.status : {}
  // Releases before the status was kept have entries of work that was done only.
  if (status.status_str === 'error' || status.completed === false) {
    return { kind: 'failed', message: describeFailure(status.messages) }
  }
  return { kind: 'done', files: listFiles(entry.outputs, outputs) }
}

function describeFailure(messages: unknown): string {
  const pairs = (Array.isArray(messages) ? messages : []).filter(Array.isArray)
  const said = (name: string) => pairs.find(pair => pair[0] === name)?.[1]
  const error = said('execution_error')
  if (isRecord(error)) {
    const { node_type, node_id, exception_type, exception_message } = error
    const place = `node ${String(node_id)} (${textOrNull(node_type) ?? '?'})`
    return `${place}: ${textOrNull(exception_type) ?? ''} ${textOrNull(exception_message) ?? ''}`
  }
  return said('execution_interrupted') === undefined ? 'no reason told' : 'it was interrupted'
}

/** Saved ones; pictures that were only shown in the editor where nothing was saved. */
function listFiles(outputs: unknown, wanted: readonly string[]): OutputFile[] {
  if (!isRecord(outputs)) return []
  const nodes = Object.keys(outputs).filter(node => wanted.length === 0 || wanted.includes(node))
  const files = nodes
    .sort((a, b) => wanted.indexOf(a) - wanted.indexOf(b) || Number(a) - Number(b))
    .flatMap(node => readImages(outputs[node]))
  const saved = files.filter(file => file.type === 'output')
  return saved.length > 0 ? saved : files
}

function readImages(output: unknown): OutputFile[] {
  const images = isRecord(output) && Array.isArray(output.images) ? output.images : []
  return images.filter(isRecord).flatMap(image => {
    const filename = textOrNull(image.filename)
    if (filename === null) return []
    return [
      { filename, subfolder: textOrNull(image.subfolder) ?? '', type: textOrNull(image.type) ?? 'output' },
    ]
  })
}

/** Whether the work stands in the queue, and how many before it; null = it is not there. */
export function findInQueue(queue: unknown, promptId: string): { before: number; isRunning: boolean } | null {
  const { queue_running: running, queue_pending: pending } = isRecord(queue) ? queue : {}
  if (listEntries(running).some(each => each.id === promptId)) return { before: 0, isRunning: true }
  const waiting = listEntries(pending)
  const mine = waiting.find(each => each.id === promptId)
  if (mine === undefined) return null
  const earlier = waiting.filter(each => each.number < mine.number).length
  return { before: earlier + listEntries(running).length, isRunning: false }
}

/** `[number, prompt_id, …]`; the list is a heap, its order says nothing. */
function listEntries(list: unknown): { id: unknown; number: number }[] {
  const entries = (Array.isArray(list) ? list : []).filter(Array.isArray)
  return entries.map(entry => ({ id: entry[1], number: typeof entry[0] === 'number' ? entry[0] : 0 }))
}
