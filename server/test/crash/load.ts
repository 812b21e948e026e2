// The callers of the kill loop: each takes one order with a key to its end, asking again after every lost answer,
// as a careful client would. They remember which generations they were told of.
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, idOf, order } from './crash-rig.ts'

export type LoadRecord = {
  /** Generations named by the answers to one key: never more than one. */
  idsByKey: Map<string, Set<string>>
  /** Keys whose order ended with a picture, or without one. */
  succeeded: Set<string>
  refused: Set<string>
  /** Keys given up on: no final answer in all that time; and the last that was heard of each. */
  unanswered: Map<string, string>
  /** Answers that name an order and yet let a client's library send it again. */
  retryable: string[]
}

export function createLoadRecord(): LoadRecord {
  return {
    idsByKey: new Map(),
    succeeded: new Set(),
    refused: new Set(),
    unanswered: new Map(),
    retryable: [],
  }
}

export type Behaviour = [share: number, model: string, directives: string]

/** What the upstreams do, by share: most work, some answers are lost, some are refused. */
const usualBehaviours: Behaviour[] = [
  [0.3, 'openai:gpt-image-2', 'slow=60'],
  [0.12, 'openai:gpt-image-2', 'slow=250'],
  [0.08, 'openai:gpt-image-2', 'reset_before_headers'],
  [0.06, 'openai:gpt-image-2', 'rate_limit=ms,first=1'],
  [0.04, 'openai:gpt-image-2', 'error_500'],
  [0.04, 'openai:gpt-image-2', 'moderation_input'],
  [0.16, 'engine:tasks', 'slow=200'],
  [0.02, 'engine:tasks', 'task_failed'],
  [0.12, 'engine:repeatable', 'slow=60'],
  [0.06, 'engine:repeatable', 'lose,first=1'],
]

/**
 * A client gives up after so long: well past the deadline of any order and the slowest restart of everything. A database
 * that has crashed may itself take a minute on a slow disk, and every node starts anew behind it.
 */
const patienceMs = 180_000

export async function placeOrder(
  options: { apiKey: string; record: LoadRecord; behaviours?: readonly Behaviour[] },
  target: () => string,
  random: () => number,
): Promise<void> {
  const { record, apiKey, behaviours = usualBehaviours } = options
  let at = random()
  const [, model, directives] = behaviours.find(([share]) => {
    at -= share
    return at < 0
  }) ?? [0, 'openai:gpt-image-2', '']
  const key = randomUUID()
  const native = model.startsWith('engine:') || random() < 0.4
  const call = { apiKey, key, model, prompt: `${key} [[emulate: ${directives}]]`, native }
  const waits = random() < 0.7
  const endsAt = performance.now() + patienceMs
  let heard = 'nothing'
  for (let tries = 0; performance.now() < endsAt; tries += 1) {
    const answer = await order(
      { url: target() },
      { ...call, ...(waits || tries > 0 ? { prefer: 'wait=5' } : {}) },
    )
    if (note(record, key, answer)) return
    heard = `${model} ${directives}: try ${tries}: ${answer ? `${answer.status} ${JSON.stringify(answer.body)}` : 'no answer'}`
    await delay(answer ? 100 : 30)
  }
  record.unanswered.set(key, heard)
}

/** True when the answer is final. */
function note(record: LoadRecord, key: string, answer: Answer | null): boolean {
  if (!answer) return false
  const id = idOf(answer)
  if (id) {
    const ids = record.idsByKey.get(key) ?? new Set()
    record.idsByKey.set(key, ids.add(id))
    if (answer.headers.get('x-should-retry') !== 'false') record.retryable.push(`${key}: ${answer.status}`)
  }
  const { status } = answer.body as { status?: string }
  if (answer.status === 202 || status === 'queued' || status === 'running') return false
  if (answer.status === 200 && (status ?? 'succeeded') === 'succeeded') record.succeeded.add(key)
  else if (id) record.refused.add(key)
  else return false
  return true
}

/** The same caller against the naive server: one key until an end is told, or for ten tries. */
export async function placeNaiveOrder(target: () => string, prompt: string): Promise<void> {
  const key = randomUUID()
  for (let tries = 0; tries < 10; tries += 1) {
    const answer = await fetch(target(), { method: 'POST', body: JSON.stringify({ key, prompt }) })
      .then(response => response.json() as Promise<{ state: string }>)
      .catch(() => null)
    if (answer && answer.state !== 'running') return
    await delay(50)
  }
}
