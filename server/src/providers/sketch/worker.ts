// Entry point of a drawing thread: takes one job after another and answers with encoded pictures. It must not
// read files, the network or the clock, so that a picture depends on its job alone.
import { parentPort } from 'node:worker_threads'
import { drawPicture } from './draw.ts'
import { DrawingCancelled, UnreadableReference, type WorkerAnswer, type WorkerRequest } from './job.ts'

const port = parentPort
if (!port) throw new Error('the drawing worker runs as a thread only')

/** A view of a shared pool cannot be transferred, so bytes that do not own their buffer are copied. */
function toOwn(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength
  return whole && bytes.buffer instanceof ArrayBuffer
    ? (bytes as Uint8Array<ArrayBuffer>)
    : new Uint8Array(bytes)
}

function answer(message: WorkerAnswer, bytes?: Uint8Array<ArrayBuffer>): void {
  port?.postMessage(message, bytes ? [bytes.buffer] : [])
}

async function work({ id, job, cancelled }: WorkerRequest): Promise<void> {
  const flag = new Int32Array(cancelled)
  try {
    const picture = await drawPicture(job, {
      isCancelled: () => Atomics.load(flag, 0) === 1,
      onPartial: (partial, index) => {
        const bytes = toOwn(partial)
        answer({ id, kind: 'partial', bytes, index }, bytes)
      },
    })
    const bytes = toOwn(picture)
    answer({ id, kind: 'done', bytes }, bytes)
  } catch (error) {
    if (error instanceof DrawingCancelled) return answer({ id, kind: 'cancelled' })
    const message = error instanceof Error ? error.message : String(error)
    answer({ id, kind: error instanceof UnreadableReference ? 'unreadable' : 'failed', message })
  }
}

port.on('message', (request: WorkerRequest) => {
  void work(request)
})
