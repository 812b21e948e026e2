// Stands in for getimg's own SDK, which no registry has: what it sends, repeats and reads, to the letter of its
// documentation. Five more tries on network errors, 408, 409, 429 and 5xx; `x-should-retry` decides before the status;
// the pause is `retry-after-ms`, else `Retry-After`, else a second doubling to ten less up to a quarter.
import { request } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import type { GetimgImage } from './getimg-contract.ts'

const maxRetries = 5
const timeoutMs = 300_000

export class GetimgApiError extends Error {
  readonly status: number | undefined
  /** The whole body. */
  readonly error: { error?: { code?: string; message?: string; param?: string | null } } | undefined
  readonly headers: Record<string, string | string[] | undefined>
  constructor(answer: Answer) {
    super(`${answer.status} ${JSON.stringify(answer.body)}`)
    this.status = answer.status
    this.error = answer.body as GetimgApiError['error']
    this.headers = answer.headers
  }
}

export class GetimgConnectionError extends Error {}

type Answer = { status: number; headers: Record<string, string | string[] | undefined>; body: unknown }

export type GetimgClient = {
  images: { generate(params: Record<string, unknown>): Promise<GetimgImage> }
  models: { list(): Promise<unknown[]>; retrieve(id: string): Promise<unknown> }
  billing: {
    retrieveBalance(): Promise<{ balance: string }>
    listCosts(query: { start: string; end: string }): Promise<unknown>
  }
  /** The answer of the last call, for tests alone. */
  last(): Answer | null
}

export type GetimgClientOptions = {
  apiKey: string
  /** May carry a path. */
  baseURL: string
  /** Called in each pause, before it or, with `patient` unset, in its place. */
  pause(ms: number): Promise<void>
  /** Waits as long as the SDK does. */
  patient?: boolean
}

export function createGetimgClient(options: GetimgClientOptions): GetimgClient {
  const { apiKey, baseURL, pause, patient } = options
  let last: Answer | null = null
  const call = async <Result>(method: string, path: string, body?: unknown): Promise<Result> => {
    for (let retries = 0; ; retries += 1) {
      const answer = await send(`${baseURL}${path}`, { method, apiKey, retries, body }).catch(error => {
        if (retries >= maxRetries) throw new GetimgConnectionError('Connection error.', { cause: error })
        return null
      })
      last = answer
      if (answer && answer.status < 400) return answer.body as Result
      if (answer && (retries >= maxRetries || !shouldRetry(answer))) throw new GetimgApiError(answer)
      const ms = pauseMs(answer, retries)
      await pause(ms)
      if (patient) await wait(ms)
    }
  }
  return {
    images: { generate: params => call('POST', '/v2/images/generations', params) },
    models: {
      list: () => call('GET', '/v2/models'),
      retrieve: id => call('GET', `/v2/models/${encodeURIComponent(id)}`),
    },
    billing: {
      retrieveBalance: () => call('GET', '/v2/billing/balance'),
      listCosts: query => call('GET', `/v2/billing/costs?${new URLSearchParams(query)}`),
    },
    last: () => last,
  }
}

function shouldRetry({ status, headers }: Answer): boolean {
  if (headers['x-should-retry'] === 'true') return true
  if (headers['x-should-retry'] === 'false') return false
  return status === 408 || status === 409 || status === 429 || status >= 500
}

function pauseMs(answer: Answer | null, retries: number): number {
  const exact = Number(answer?.headers['retry-after-ms'])
  if (exact > 0) return exact
  const given = String(answer?.headers['retry-after'] ?? '')
  const seconds = Number(given)
  if (given !== '') return Number.isNaN(seconds) ? Date.parse(given) - Date.now() : seconds * 1000
  return Math.min(1000 * 2 ** retries, 10_000) * (1 - Math.random() * 0.25)
}

type Sending = { method: string; apiKey: string; retries: number; body?: unknown }

/** Rejects when no whole answer comes. */
function send(url: string, { method, apiKey, retries, body }: Sending): Promise<Answer> {
  const text = body === undefined ? null : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method,
        agent: false,
        timeout: timeoutMs,
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${apiKey}`,
          'user-agent': 'GetimgAI/JS 0.2.0',
          'x-stainless-retry-count': String(retries),
          'x-stainless-timeout': String(timeoutMs / 1000),
          'x-stainless-lang': 'js',
          ...(text === null
            ? {}
            : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
        },
      },
      incoming => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('aborted', () => reject(new Error('the answer was cut')))
        incoming.on('end', () => {
          const answered = Buffer.concat(chunks).toString('utf8')
          const type = incoming.headers['content-type'] ?? ''
          const isJson = /^application\/(?:[\w.+-]+\+)?json(?:;|$)/.test(type)
          const parsed = isJson ? JSON.parse(answered) : answered
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: parsed })
        })
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error('timed out')))
    outgoing.on('error', reject)
    outgoing.end(text ?? undefined)
  })
}
