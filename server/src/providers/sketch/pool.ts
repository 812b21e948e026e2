// Owns the drawing threads: started when needed, bounded in number and in waiting jobs, replaced when they crash,
// and never a reason for the process to stay alive. The event loop of the service only passes messages.
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { DrawingCancelled, type DrawJob, UnreadableReference, type WorkerAnswer } from './job.ts'

// Drawing is pure CPU work: more threads than cores only add memory, and four draw more than a host needs.
const MAX_WORKERS = 4
// A waiting job holds its references in memory; past this the caller had better come back later.
const MAX_WAITING_JOBS = 200

export type DrawOptions = { signal: AbortSignal; onPartial?: (bytes: Buffer, index: number) => void }

export type DrawingPool = {
  /**
   * Draws one picture. Rejects with PoolBusy, WorkerCrashed, UnreadableReference or DrawingCancelled, or with an
   * Error that says what went wrong in the drawing.
   */
  draw(job: DrawJob, options: DrawOptions): Promise<Buffer>
  /** Ends the threads; jobs under way reject with WorkerCrashed. */
  close(): Promise<void>
}

/** Too many pictures are waiting. */
export class PoolBusy extends Error {
  override name = 'PoolBusy'
}

/** The thread that drew the picture ended before it was done. */
export class WorkerCrashed extends Error {
  override name = 'WorkerCrashed'
}

type Task = {
  id: number
  job: DrawJob
  options: DrawOptions
  cancelled: SharedArrayBuffer
  resolve: (bytes: Buffer) => void
  reject: (error: Error) => void
}

type Seat = { worker: Worker; task: Task | null }

type WorkerStarter = () => Promise<Worker>

/**
 * Native modules stay loaded only while some thread holds them; loading them in the main thread first keeps a
 * thread's end from unloading them under another.
 */
async function holdNativeModules(): Promise<void> {
  await Promise.all([import('sharp'), import('@resvg/resvg-js')])
}

/** From a build: the worker's own file. From sources: the worker is bundled in memory, packages stay external. */
async function findWorkerStarter(): Promise<WorkerStarter> {
  await holdNativeModules()
  const built = new URL('./sketch-worker.js', import.meta.url)
  if (existsSync(built)) return async () => new Worker(built)
  const source = fileURLToPath(new URL('./worker.ts', import.meta.url))
  const { build } = await import('esbuild')
  const bundle = await build({
    entryPoints: [source],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
    logLevel: 'silent',
  })
  const require = `process.getBuiltinModule('node:module').createRequire(${JSON.stringify(source)})`
  const code = `(function (require, module, exports) {${bundle.outputFiles[0]?.text ?? ''}\n})(${require}, { exports: {} }, {})`
  return async () => new Worker(code, { eval: true })
}

/** `startWorker` is for tests that need a thread which fails. */
export function createDrawingPool(
  options: { maxWorkers?: number; maxWaiting?: number; startWorker?: WorkerStarter } = {},
): DrawingPool {
  const maxWorkers = options.maxWorkers ?? Math.min(MAX_WORKERS, availableParallelism())
  const maxWaiting = options.maxWaiting ?? MAX_WAITING_JOBS
  const seats = new Set<Seat>()
  const waiting: Task[] = []
  let nextId = 1
  let starting = 0
  let starter: Promise<WorkerStarter> | null = null

  const settle = (seat: Seat, finish: (task: Task) => void): void => {
    const { task } = seat
    seat.task = null
    seat.worker.unref()
    if (task) finish(task)
    pump()
  }

  const hear = (seat: Seat, answer: WorkerAnswer): void => {
    const { task } = seat
    if (!task || task.id !== answer.id) return
    if (answer.kind === 'partial') {
      if (!task.options.signal.aborted)
        task.options.onPartial?.(Buffer.from(answer.bytes.buffer), answer.index)
    } else if (answer.kind === 'done') settle(seat, t => t.resolve(Buffer.from(answer.bytes.buffer)))
    else if (answer.kind === 'cancelled') settle(seat, t => t.reject(new DrawingCancelled('cancelled')))
    else if (answer.kind === 'unreadable')
      settle(seat, t => t.reject(new UnreadableReference(answer.message)))
    else settle(seat, t => t.reject(new Error(answer.message)))
  }

  const lose = (seat: Seat, message: string): void => {
    if (!seats.delete(seat)) return
    settle(seat, task => task.reject(new WorkerCrashed(message)))
  }

  const seatWorker = (worker: Worker): Seat => {
    const seat: Seat = { worker, task: null }
    worker.on('message', (answer: WorkerAnswer) => hear(seat, answer))
    worker.on('error', error => lose(seat, `the drawing thread failed: ${String(error)}`))
    worker.on('exit', code => lose(seat, `the drawing thread ended with ${code}`))
    worker.unref()
    seats.add(seat)
    return seat
  }

  const startOne = async (): Promise<void> => {
    starting++
    try {
      starter ??= options.startWorker ? Promise.resolve(options.startWorker) : findWorkerStarter()
      seatWorker(await (await starter)())
    } catch (error) {
      starter = null
      const message = `no drawing thread could be started: ${String(error)}`
      for (const task of waiting.splice(0)) task.reject(new WorkerCrashed(message))
    } finally {
      starting--
    }
    pump()
  }

  const assign = (seat: Seat, task: Task): void => {
    seat.task = task
    seat.worker.ref()
    seat.worker.postMessage({ id: task.id, job: task.job, cancelled: task.cancelled })
  }

  function pump(): void {
    for (const seat of seats) {
      if (seat.task) continue
      const task = waiting.shift()
      if (!task) return
      assign(seat, task)
    }
    if (waiting.length > starting && seats.size + starting < maxWorkers) void startOne()
  }

  const enqueue = (task: Task): void => {
    waiting.push(task)
    pump()
  }

  return {
    draw: (job, drawOptions) => {
      const { signal } = drawOptions
      if (signal.aborted) return Promise.reject(new DrawingCancelled('cancelled'))
      if (waiting.length >= maxWaiting) return Promise.reject(new PoolBusy('too many pictures are waiting'))
      const cancelled = new SharedArrayBuffer(4)
      return new Promise<Buffer>((resolve, reject) => {
        const task: Task = { id: nextId++, job, options: drawOptions, cancelled, resolve, reject }
        const onAbort = (): void => {
          Atomics.store(new Int32Array(cancelled), 0, 1)
          const place = waiting.indexOf(task)
          if (place >= 0) waiting.splice(place, 1)
          reject(new DrawingCancelled('cancelled'))
        }
        signal.addEventListener('abort', onAbort, { once: true })
        task.resolve = bytes => {
          signal.removeEventListener('abort', onAbort)
          resolve(bytes)
        }
        task.reject = error => {
          signal.removeEventListener('abort', onAbort)
          reject(error)
        }
        enqueue(task)
      })
    },
    close: async () => {
      await Promise.all([...seats].map(seat => seat.worker.terminate()))
    },
  }
}
