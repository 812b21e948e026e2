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

type PoolState = {
  maxWorkers: number
  maxWaiting: number
  seats: Set<Seat>
  waiting: Task[]
  /** Threads that are about to be seated. */
  starting: number
  nextId: number
  closed: boolean
  getStarter: () => Promise<WorkerStarter>
}

function settle(pool: PoolState, seat: Seat, finish: (task: Task) => void): void {
  const { task } = seat
  seat.task = null
  // An idle thread is no reason for the process to stay alive.
  seat.worker.unref()
  if (task) finish(task)
  pump(pool)
}

function hear(pool: PoolState, seat: Seat, answer: WorkerAnswer): void {
  const { task } = seat
  if (!task || task.id !== answer.id) return
  switch (answer.kind) {
    case 'partial':
      if (!task.options.signal.aborted) task.options.onPartial?.(toBuffer(answer.bytes), answer.index)
      break
    case 'done':
      settle(pool, seat, t => t.resolve(toBuffer(answer.bytes)))
      break
    case 'cancelled':
      settle(pool, seat, t => t.reject(new DrawingCancelled('cancelled')))
      break
    case 'unreadable':
      settle(pool, seat, t => t.reject(new UnreadableReference(answer.message)))
      break
    default:
      settle(pool, seat, t => t.reject(new Error(answer.message)))
  }
}

const toBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function seatWorker(pool: PoolState, worker: Worker): void {
  const seat: Seat = { worker, task: null }
  const lose = (message: string): void => {
    if (pool.seats.delete(seat)) settle(pool, seat, task => task.reject(new WorkerCrashed(message)))
  }
  worker.on('message', (answer: WorkerAnswer) => hear(pool, seat, answer))
  worker.on('error', error => lose(`the drawing thread failed: ${String(error)}`))
  worker.on('exit', code => lose(`the drawing thread ended with ${code}`))
  worker.unref()
  pool.seats.add(seat)
}

function rejectWaiting(pool: PoolState, message: string): void {
  for (const task of pool.waiting.splice(0)) task.reject(new WorkerCrashed(message))
}

async function startOne(pool: PoolState): Promise<void> {
  pool.starting++
  try {
    const start = await pool.getStarter()
    const worker = await start()
    if (pool.closed) await worker.terminate()
    else seatWorker(pool, worker)
  } catch (error) {
    rejectWaiting(pool, `no drawing thread could be started: ${String(error)}`)
  } finally {
    pool.starting--
  }
  pump(pool)
}

/** Gives waiting jobs to idle threads and starts another thread while there are too few. */
function pump(pool: PoolState): void {
  if (pool.closed) return
  for (const seat of pool.seats) {
    if (seat.task) continue
    const task = pool.waiting.shift()
    if (!task) return
    seat.task = task
    seat.worker.ref()
    seat.worker.postMessage({ id: task.id, job: task.job, cancelled: task.cancelled })
  }
  const { waiting, starting, seats, maxWorkers } = pool
  if (waiting.length > starting && seats.size + starting < maxWorkers) void startOne(pool)
}

function enqueue(pool: PoolState, job: DrawJob, options: DrawOptions): Promise<Buffer> {
  const { signal } = options
  if (signal.aborted) return Promise.reject(new DrawingCancelled('cancelled'))
  if (pool.closed) return Promise.reject(new WorkerCrashed('the drawing threads have ended'))
  if (pool.waiting.length >= pool.maxWaiting)
    return Promise.reject(new PoolBusy('too many pictures are waiting'))
  return new Promise<Buffer>((resolve, reject) => {
    const cancelled = new SharedArrayBuffer(4)
    const onAbort = (): void => {
      Atomics.store(new Int32Array(cancelled), 0, 1)
      const place = pool.waiting.indexOf(task)
      if (place >= 0) pool.waiting.splice(place, 1)
      reject(new DrawingCancelled('cancelled'))
    }
    const task: Task = {
      id: pool.nextId++,
      job,
      options,
      cancelled,
      resolve: bytes => {
        signal.removeEventListener('abort', onAbort)
        resolve(bytes)
      },
      reject: error => {
        signal.removeEventListener('abort', onAbort)
        reject(error)
      },
    }
    signal.addEventListener('abort', onAbort, { once: true })
    pool.waiting.push(task)
    pump(pool)
  })
}

/** Finds once how threads start; tries again after a failure. */
function rememberStarter(): () => Promise<WorkerStarter> {
  let starter: Promise<WorkerStarter> | null = null
  return () => {
    starter ??= findWorkerStarter().catch(error => {
      starter = null
      throw error
    })
    return starter
  }
}

/** `startWorker` is for tests that need a thread which fails. */
export function createDrawingPool(
  options: { maxWorkers?: number; maxWaiting?: number; startWorker?: WorkerStarter } = {},
): DrawingPool {
  const { startWorker } = options
  const pool: PoolState = {
    maxWorkers: options.maxWorkers ?? Math.min(MAX_WORKERS, availableParallelism()),
    maxWaiting: options.maxWaiting ?? MAX_WAITING_JOBS,
    seats: new Set(),
    waiting: [],
    starting: 0,
    nextId: 1,
    closed: false,
    getStarter: startWorker ? async () => startWorker : rememberStarter(),
  }
  return {
    draw: (job, drawOptions) => enqueue(pool, job, drawOptions),
    close: async () => {
      pool.closed = true
      rejectWaiting(pool, 'the drawing threads have ended')
      await Promise.all([...pool.seats].map(seat => seat.worker.terminate()))
    },
  }
}
