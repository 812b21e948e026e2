// Adapters of the test engine, which the shipped upstreams do not resemble: `repeatable` deduplicates creates by
// their key, `tasks` answers with a handle that is polled and can be canceled, `others` as well. Bundled into crash programs only.
import { readFileSync } from 'node:fs'
import { armFailpoints } from '../../src/failpoints.ts'
import { OutboundError, type OutboundResponse } from '../../src/outbound.ts'
import {
  type CallContext,
  type FailureKind,
  noUsage,
  type Provider,
  type ProviderFailure,
  type ProviderOutcome,
  type ProviderRequest,
  type UpstreamTask,
} from '../../src/providers/provider.ts'

import { readCall } from './engine-hooks.ts'

const maxAnswerBytes = 16 * 1024 * 1024

// A run that is killed outright leaves no nodes behind: they notice that their parent is another one.
const parent = process.ppid
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL')
}, 1_000).unref()

// A running process takes new failpoints from this file when it is told to by SIGUSR2.
const { TEST_FAILPOINT_FILE } = process.env
if (TEST_FAILPOINT_FILE) {
  process.on('SIGUSR2', () => {
    armFailpoints(readFileSync(`${TEST_FAILPOINT_FILE}-${process.pid}`, 'utf8'))
    process.stdout.write('failpoints armed\n')
  })
}

/** All of them; the address comes with the route's parameters. */
export function createEngineProviders(): Provider[] {
  return [createRepeatableProvider(), createTasksProvider('tasks'), createTasksProvider('others')]
}

function createRepeatableProvider(): Provider {
  return {
    name: 'repeatable',
    idempotentCreates: true,
    submit: (request, context) =>
      answerOf(async () => {
        const answer = await send(context, {
          method: 'POST',
          url: `${addressOf(request)}/repeatable`,
          headers: { 'idempotency-key': context.createKey },
          body: JSON.stringify({ prompt: request.prompt }),
        })
        return readPicture(answer, context)
      }),
  }
}

function createTasksProvider(name: string): Provider {
  return {
    name,
    idempotentCreates: false,
    submit: (request, context) =>
      answerOf(async () => {
        const url = `${addressOf(request)}/tasks`
        const answer = await send(context, {
          method: 'POST',
          url,
          headers: {},
          body: JSON.stringify({
            prompt: request.prompt,
            count: request.count,
            webhook: context.webhookUrl,
          }),
        })
        if (answer.status === 200) return readAtOnce(answer, url, context)
        if (answer.status === 422) return readRefusal(parse(await answer.text()) as Refusal)
        if (answer.status !== 202) return unknown(`status ${answer.status}`)
        const text = await answer.text()
        if (!text.startsWith('{')) return unknown(text)
        const { id } = parse(text) as { id: string }
        return { kind: 'pending', task: { id, pollUrl: `${url}/${id}` }, pollAfterMs: 50 }
      }),
    poll: (task, context) =>
      readOf(async () => {
        const answer = await send(context, { method: 'GET', url: task.pollUrl ?? '', headers: {} })
        if (answer.status === 404) return unknown('the task is gone')
        if (answer.status !== 200)
          return { kind: 'failed', failure: 'unavailable', message: `${answer.status}` }
        return readTask(task, parse(await answer.text()) as TaskAnswer)
      }),
    async readWebhook(request) {
      const call = readCall(request)
      if (!call) return null
      return { taskId: call.id, ...(call.pollUrl ? { task: { id: call.id, pollUrl: call.pollUrl } } : {}) }
    },
    async cancel(task, context) {
      const answer = await send(context, { method: 'DELETE', url: task.pollUrl ?? '', headers: {} })
      await answer.discard()
      if (answer.status === 204) return { kind: 'canceled' }
      return { kind: 'not_canceled', message: `status ${answer.status}` }
    },
  }
}

/** The work was done by the time of the answer: the picture itself, or where it lies. */
async function readAtOnce(
  answer: OutboundResponse,
  url: string,
  context: CallContext,
): Promise<ProviderOutcome> {
  if (answer.headers['content-type'] === 'image/png') return readPicture(answer, context)
  const told = parse(await answer.text()) as TaskAnswer & { id: string }
  const task = { id: told.id, pollUrl: `${url}/${told.id}` }
  return { ...readTask(task, told), task } as ProviderOutcome
}

/** Careless on purpose: its error holds all that the upstream said. */
function parse(text: string): unknown {
  if (!text.startsWith('{')) throw new Error(`no JSON: ${text}`)
  return JSON.parse(text)
}

type Refusal = { failure?: FailureKind; stage?: 'input' | 'output'; costUsdMicro?: number; accepted?: true }
type TaskAnswer = Refusal & {
  status: 'running' | 'done' | 'failed'
  urls?: string[]
  progress?: number
  queuePosition?: number
}

function readTask(task: UpstreamTask, answer: TaskAnswer): ProviderOutcome {
  if (answer.status === 'running') {
    const { progress, queuePosition } = answer
    return {
      kind: 'pending',
      task,
      pollAfterMs: 50,
      ...(progress === undefined ? {} : { progress }),
      ...(queuePosition === undefined ? {} : { queuePosition }),
    }
  }
  if (answer.status === 'failed') return readRefusal(answer)
  const urls = answer.urls ?? []
  const images = urls.map(url => ({ kind: 'url' as const, url, mediaType: 'image/png' }))
  const usage = { ...noUsage, costUsdMicro: answer.costUsdMicro ?? null }
  return { kind: 'succeeded', images, usage, warnings: [] }
}

/** This upstream says by itself which failure it is, and what it bills for it. */
function readRefusal({
  failure = 'upstream_failed',
  costUsdMicro,
  stage,
  accepted,
}: Refusal): ProviderFailure {
  return {
    kind: 'failed',
    failure,
    message: 'it said so',
    ...(stage ? { stage } : {}),
    ...(accepted ? { accepted } : {}),
    ...(costUsdMicro === undefined ? {} : { usage: { ...noUsage, costUsdMicro } }),
  }
}

function addressOf({ parameters }: ProviderRequest): string {
  return String(parameters.address)
}

type Call = { method: 'GET' | 'POST' | 'DELETE'; url: string; headers: Record<string, string>; body?: string }

function send(context: CallContext, call: Call): Promise<OutboundResponse> {
  return context.http.request({
    ...call,
    headers: { ...call.headers, ...context.headers },
    trust: 'configured',
    timeoutMs: context.timeoutMs,
    maxBodyBytes: maxAnswerBytes,
    signal: context.signal,
  })
}

async function readPicture(answer: OutboundResponse, context: CallContext): Promise<ProviderOutcome> {
  if (answer.status !== 200) {
    await answer.discard()
    if (answer.status === 503) return { kind: 'failed', failure: 'unavailable', message: 'busy' }
    return unknown(`status ${answer.status}`)
  }
  const image = await context.receiveImage(answer.body)
  return { kind: 'succeeded', images: [{ kind: 'received', image }], usage: noUsage, warnings: [] }
}

async function answerOf(run: () => Promise<ProviderOutcome>): Promise<ProviderOutcome> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    if (error.sent) return unknown(error.message)
    return { kind: 'failed', failure: 'unavailable', message: error.message }
  }
}

/** A read that was lost says nothing of the task. */
async function readOf(run: () => Promise<ProviderOutcome>): Promise<ProviderOutcome> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    return { kind: 'failed', failure: 'unavailable', message: error.message }
  }
}

function unknown(message: string): ProviderOutcome {
  return { kind: 'failed', failure: 'unknown_outcome', message }
}
