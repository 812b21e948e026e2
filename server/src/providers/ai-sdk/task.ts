// A task of a package that polls inside one call: the answer of its create, kept without any word of the prompt. The
// next poll runs the package again and answers its create from here.
import { isRecord, parseJsonOrNull } from '../hosted-call.ts'
import type { UpstreamTask } from '../provider.ts'
import type { Answer } from './wire.ts'

/** Texts above this are no ids, states or addresses. */
const MAX_KEPT_TEXT_CHARS = 2_000
const MAX_DEPTH = 16
const ID_FIELDS = ['id', 'request_id', 'requestId', 'task_id', 'taskId', 'generation_id', 'name']

export type KeptCreate = { model: string; count: number; answer: Answer }

/** Null when the answer is no JSON object: such a create cannot be told again. */
export function keepCreate(
  { model, count, answer }: KeptCreate,
  { prompt, attemptId }: { prompt: string; attemptId: string },
): UpstreamTask | null {
  const body = parseJsonOrNull(answer.text)
  if (!isRecord(body)) return null
  const id = ID_FIELDS.map(field => body[field]).find(value => typeof value === 'string' && value !== '')
  return {
    id: typeof id === 'string' ? id : attemptId,
    model,
    count,
    status: answer.status,
    answer: JSON.stringify(forgetPrompt(body, prompt)),
  }
}

/** Null when the task is none of ours. */
export function readKept(task: UpstreamTask): KeptCreate | null {
  const { model, count, status, answer } = task
  if (typeof model !== 'string' || typeof answer !== 'string') return null
  if (typeof count !== 'number' || typeof status !== 'number') return null
  const headers = { 'content-type': 'application/json' }
  return { model, count, answer: { status, headers, text: answer } }
}

/** Upstreams repeat the order in their answers. Texts stay texts, so that the package still knows the form. */
function forgetPrompt(value: unknown, prompt: string, depth = 0): unknown {
  if (depth > MAX_DEPTH) return null
  if (typeof value === 'string') {
    return value.includes(prompt) || value.length > MAX_KEPT_TEXT_CHARS ? '' : value
  }
  if (Array.isArray(value)) return value.map(each => forgetPrompt(each, prompt, depth + 1))
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      const isPrompt = /prompt/i.test(name) && typeof each === 'string'
      return [name, isPrompt ? '' : forgetPrompt(each, prompt, depth + 1)]
    }),
  )
}
