// Webhooks of the test engine: signed over the time and the body, and read again by its adapter. Also for tests that
// send some of their own.
import { createHmac, timingSafeEqual } from 'node:crypto'

const secret = 'a secret of the engine'
/** As old or as far ahead as a call may be. */
const toleranceMs = 300_000

export function signCall(body: string, timestamp: number): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
}

/** The status of the answer, or null when there was none. */
export async function callBack(
  address: string,
  task: { id: string; pollUrl?: string },
  { timestamp = Date.now(), signature }: { timestamp?: number; signature?: string } = {},
): Promise<number | null> {
  const body = JSON.stringify(task)
  const headers = {
    'content-type': 'application/json',
    'x-engine-timestamp': String(timestamp),
    'x-engine-signature': signature ?? signCall(body, timestamp),
  }
  try {
    const answer = await fetch(address, { method: 'POST', body, headers })
    await answer.arrayBuffer()
    return answer.status
  } catch {
    return null
  }
}

export function readCall({
  headers,
  rawBody,
  receivedAt,
}: {
  headers: Record<string, string>
  rawBody: Buffer
  receivedAt: Date
}): { id: string; pollUrl?: string } | null {
  const timestamp = Number(headers['x-engine-timestamp'])
  const given = Buffer.from(headers['x-engine-signature'] ?? '')
  const expected = Buffer.from(signCall(rawBody.toString('utf8'), timestamp))
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null
  if (Math.abs(receivedAt.getTime() - timestamp) > toleranceMs) return null
  return JSON.parse(rawBody.toString('utf8')) as { id: string; pollUrl?: string }
}
