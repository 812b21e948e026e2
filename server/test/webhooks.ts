// What the suites of webhooks share: calls of the native API, orders that end at once, and the database's clock.
import { createAccount } from '../src/accounts/accounts.ts'
import { createPasswords } from '../src/accounts/passwords.ts'
import { grantCredits } from '../src/credits/ledger.ts'
import type { Node, Rig } from './harness.ts'
import { ask } from './money.ts'

export type Called = { status: number; headers: Headers; body: Record<string, unknown> }

/** One call of the API; an answer without a body is an empty object. */
export async function call(
  node: Pick<Node, 'url'>,
  apiKey: string,
  request: { method?: string; path: string; body?: unknown; headers?: Record<string, string> },
): Promise<Called> {
  const { method = request.body === undefined ? 'GET' : 'POST', path, body, headers = {} } = request
  const answer = await fetch(node.url + path, {
    method,
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: text === '' ? {} : JSON.parse(text) }
}

export type MadeWebhook = { id: string; secret: string }

export async function makeWebhook(
  node: Pick<Node, 'url'>,
  apiKey: string,
  input: { url: string; events?: string[]; policy?: string },
): Promise<MadeWebhook> {
  const { status, body } = await call(node, apiKey, { path: '/api/v1/webhooks', body: input })
  if (status !== 201) throw new Error(`no webhook: ${status} ${JSON.stringify(body)}`)
  return { id: String(body.id), secret: String(body.secret) }
}

/** A native order, waited for: its id. */
export async function orderNative(
  node: Pick<Node, 'url'>,
  apiKey: string,
  prompt = 'a boat',
): Promise<string> {
  const { status, body } = await call(node, apiKey, {
    path: '/api/v1/generations',
    headers: { prefer: 'wait=30' },
    body: { model: 'openai:gpt-image-2', prompt },
  })
  if (status !== 200) throw new Error(`no order: ${status} ${JSON.stringify(body)}`)
  return String(body.id)
}

/** Moves the database's clock, which retries go by. */
export async function moveClock(rig: Rig, seconds: number): Promise<void> {
  await ask(rig.database.ownerDb, "UPDATE clock_offset SET value = value + $1 * interval '1 s'", [seconds])
}

export type ShownDelivery = {
  id: string
  event: string
  status: string
  generationId: string | null
  nextAttemptAt: string | null
  attempts: {
    number: number
    startedAt: string
    durationMs: number
    status: number | null
    error: string | null
    answer: string | null
  }[]
}

/** Newest first. */
export async function deliveriesOf(
  node: Pick<Node, 'url'>,
  apiKey: string,
  webhookId: string,
): Promise<ShownDelivery[]> {
  const { body } = await call(node, apiKey, { path: `/api/v1/webhooks/${webhookId}/deliveries?limit=100` })
  return body.deliveries as ShownDelivery[]
}

/** A new account whose user has signed in: the cookie of a browser. */
export async function signIn(
  rig: Rig,
  node: Pick<Node, 'url'>,
  email: string,
): Promise<{ accountId: string; cookie: string }> {
  const password = 'correct horse battery'
  const hashPassword = createPasswords({ cost: { log2N: 12, r: 8, p: 1 } }).hash
  const needs = { db: rig.database.db, now: () => new Date(), grantCredits, hashPassword }
  const { accountId } = await createAccount(needs, { email, password, credits: 0, signupCredits: 0 })
  const answer = await fetch(`${node.url}/api/auth/sign-in/email`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: node.url },
    body: JSON.stringify({ email, password }),
  })
  if (answer.status !== 200) throw new Error(`no sign-in: ${answer.status}`)
  const cookie = answer.headers
    .getSetCookie()
    .map(line => line.split(';')[0])
    .join('; ')
  return { accountId, cookie }
}
