// The emulated engine itself: a queue in memory, one job at a time, a history that a restart loses, and what it tells
// those who listen.
import sharp from 'sharp'
import { makeEnginePicture } from '../engine/pictures.ts'
import { type Directives, readNumber } from '../upstream.ts'
import { type Graph, type Meaning, readMeaning } from './nodes.ts'

export type ComfyJob = {
  number: number
  promptId: string
  clientId: string
  graph: Graph
  directives: Directives
}

export type HistoryEntry = {
  prompt: unknown[]
  outputs: Record<string, { images: { filename: string; subfolder: string; type: string }[] }>
  status: { status_str: 'success' | 'error'; completed: boolean; messages: [string, unknown][] }
}

export type StoredFile = { picture: Buffer; directives: Directives; reads: number }

export type Listener = {
  clientId: string
  send(event: { type: string; data: unknown } | Buffer): void
  drop(): void
}

export type EngineOptions = {
  latencyMs: number
  wait(ms: number): Promise<void>
  /** How many jobs run at once; the engine itself has one. */
  cards: number
}

export type ComfyEngine = ReturnType<typeof createComfyEngine>

export function createComfyEngine({ latencyMs, wait, cards }: EngineOptions) {
  const pending: ComfyJob[] = []
  const history = new Map<string, HistoryEntry>()
  const files = new Map<string, StoredFile>()
  const inputs = new Map<string, Buffer>()
  const listeners = new Set<Listener>()
  const known = createKnown()
  const active = new Map<number, { job: ComfyJob; interrupt(): void }>()
  let count = 0
  let life = 0

  function runAll(): void {
    while (active.size < cards) {
      const job = pending.shift()
      if (job === undefined) return
      const bornIn = life
      const memory = { history, files, inputs, listeners, active, isLost: () => bornIn !== life }
      const waited = () => wait(readNumber(job.directives, 'slow', latencyMs))
      run(job, memory, waited).then(runAll, () => undefined)
    }
  }

  return {
    history,
    files,
    inputs,
    listeners,
    pending,
    running: () => [...active.values()].map(({ job }) => job),
    enqueue(job: Omit<ComfyJob, 'number'>): ComfyJob {
      count += 1
      const queued = { ...job, number: count }
      pending.push(queued)
      known.add(job)
      runAll()
      return queued
    },
    directivesOf: known.directivesOf,
    countRead: known.countRead,
    remove(promptId: string): void {
      const at = pending.findIndex(job => job.promptId === promptId)
      if (at >= 0) pending.splice(at, 1)
    },
    /** Without a name it ends whatever runs. */
    interrupt(promptId: string | null): void {
      for (const { job, interrupt } of active.values()) {
        if (promptId === null || job.promptId === promptId) interrupt()
      }
    },
    restart(): void {
      life += 1
      pending.length = 0
      history.clear()
      active.clear()
    },
  }
}

type Memory = {
  history: Map<string, HistoryEntry>
  files: Map<string, StoredFile>
  inputs: ReadonlyMap<string, Buffer>
  listeners: ReadonlySet<Listener>
  active: Map<number, { job: ComfyJob; interrupt(): void }>
  /** A restart in the meantime has taken everything with it. */
  isLost(): boolean
}

async function run(job: ComfyJob, memory: Memory, waited: () => Promise<void>): Promise<void> {
  const { history, files, inputs, listeners, active } = memory
  let isInterrupted = false
  const interrupted = new Promise<void>(resolve => {
    active.set(job.number, {
      job,
      interrupt() {
        isInterrupted = true
        resolve()
      },
    })
  })
  tell(listeners, job, 'execution_start')
  showPreviews(job, listeners, 1)
  const steps = tellSteps(job, listeners)
  await Promise.race([waited(), interrupted])
  clearInterval(steps)
  if (memory.isLost()) return
  const entry = await finish(job, { isInterrupted, files, inputs })
  if (memory.isLost()) return
  history.set(job.promptId, entry)
  active.delete(job.number)
  const [lastType = ''] = entry.status.messages.at(-1) ?? []
  tell(listeners, job, lastType)
  tell(listeners, job, 'executing')
}

/** What is known of every piece of work, also after its end. */
function createKnown() {
  const known = new Map<string, { directives: Directives; reads: number }>()
  return {
    add: ({ promptId, directives }: Pick<ComfyJob, 'promptId' | 'directives'>) =>
      void known.set(promptId, { directives, reads: 0 }),
    directivesOf: (promptId: string): Directives =>
      known.get(promptId)?.directives ?? new Map<string, string>(),
    /** Which look at the work this is, from 1. */
    countRead(promptId: string): number {
      const entry = known.get(promptId)
      if (entry === undefined) return 1
      entry.reads += 1
      return entry.reads
    },
  }
}

function tell(listeners: ReadonlySet<Listener>, job: ComfyJob, type: string): void {
  // The node is null when all of them have ended.
  const data = { prompt_id: job.promptId, node: null }
  for (const each of listeners) if (each.clientId === job.clientId) each.send({ type, data })
}

/** Twenty while the work takes; `steps=N` holds it at that step, which is told again and again. */
function tellSteps(job: ComfyJob, listeners: ReadonlySet<Listener>): NodeJS.Timeout {
  const last = readNumber(job.directives, 'steps', 20)
  const takesMs = job.directives.has('steps') ? 0 : readNumber(job.directives, 'slow', 0)
  const everyMs = Math.max(25, takesMs / 20)
  let step = 1
  return setInterval(() => {
    step = Math.min(step + 1, last)
    showPreviews(job, listeners, step)
  }, everyMs)
}

/** Steps, with unfinished pictures in the two binary forms that releases send. */
function showPreviews(job: ComfyJob, listeners: ReadonlySet<Listener>, value: number): void {
  const isDropped = job.directives.has('ws_drop')
  for (const each of listeners) {
    if (each.clientId !== job.clientId) continue
    each.send({ type: 'progress', data: { value, max: 20, node: '3', prompt_id: job.promptId } })
    const head = Buffer.alloc(8)
    head.writeUInt32BE(1, 0)
    head.writeUInt32BE(2, 4)
    const pixel =
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
    each.send(Buffer.concat([head, Buffer.from(pixel, 'base64')]))
    if (job.directives.has('ws_flood')) each.send({ type: 'status', data: 'x'.repeat(2_000_000) })
    if (isDropped) each.drop()
  }
}

type Making = { isInterrupted: boolean; files: Map<string, StoredFile>; inputs: ReadonlyMap<string, Buffer> }

async function finish(job: ComfyJob, making: Making): Promise<HistoryEntry> {
  const { directives, graph, promptId } = job
  const prompt = [job.number, promptId, graph, {}, []]
  const failed = (name: string, data: Record<string, unknown>): HistoryEntry => ({
    prompt,
    outputs: {},
    status: {
      status_str: 'error',
      completed: false,
      messages: [
        ['execution_start', {}],
        [name, data],
      ],
    },
  })
  if (making.isInterrupted || directives.has('interrupted')) {
    return failed('execution_interrupted', {
      prompt_id: promptId,
      node_id: '3',
      node_type: 'KSampler',
      executed: [],
    })
  }
  if (directives.has('execution_error') || directives.has('oom')) {
    const [type, message] = directives.has('oom')
      ? ['torch.OutOfMemoryError', 'Allocation on device 0 would exceed allowed memory. (out of memory)']
      : ['RuntimeError', 'mat1 and mat2 shapes cannot be multiplied']
    const where = { prompt_id: promptId, node_id: '3', node_type: 'KSampler', executed: [] }
    return failed('execution_error', {
      ...where,
      exception_type: type,
      exception_message: message,
      traceback: [],
    })
  }
  const outputs = directives.has('no_images') ? {} : await drawAll(job, making)
  const messages: [string, unknown][] = [
    ['execution_start', { prompt_id: promptId }],
    ['execution_success', { prompt_id: promptId }],
  ]
  return { prompt, outputs, status: { status_str: 'success', completed: true, messages } }
}

async function drawAll(job: ComfyJob, { files, inputs }: Making): Promise<HistoryEntry['outputs']> {
  const meaning = readMeaning(job.graph)
  const outputs: HistoryEntry['outputs'] = {}
  for (const output of meaning.outputs) {
    const type = job.directives.has('temp_only') ? 'temp' : output.type
    const images: HistoryEntry['outputs'][string]['images'] = []
    const count = Math.min(meaning.count, readNumber(job.directives, 'fewer', meaning.count))
    for (let index = 0; index < count; index += 1) {
      const filename = `ComfyUI_${String(files.size + 1).padStart(5, '0')}_.png`
      const picture = await draw(job, { meaning, index, inputs })
      files.set(`${type}//${filename}`, { picture, directives: job.directives, reads: 0 })
      images.push({ filename, subfolder: '', type })
    }
    outputs[output.id] = { images }
  }
  return outputs
}

type Drawing = { meaning: Meaning; index: number; inputs: ReadonlyMap<string, Buffer> }

async function draw(job: ComfyJob, { meaning, index, inputs }: Drawing): Promise<Buffer> {
  const { prompt, negativePrompt, seed, steps, images, masks } = meaning
  const pictures = [...images, ...masks].map(name => inputs.get(name) ?? Buffer.alloc(0))
  const source = meaning.width === null && pictures[0] ? await sharp(pictures[0]).metadata() : null
  const bytes = pictures.map(each => each.length).join()
  return makeEnginePicture({
    width: job.directives.has('other_size') ? 96 : (meaning.width ?? source?.width ?? 64),
    height: job.directives.has('other_size') ? 96 : (meaning.height ?? source?.height ?? 64),
    format: 'png',
    seed: `${prompt}:${negativePrompt}:${seed}:${index}:${steps}:${bytes}`,
    metadata: { prompt: JSON.stringify(job.graph), workflow: JSON.stringify({ nodes: [prompt] }) },
  })
}
