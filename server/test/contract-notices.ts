// Where an emulator's webhooks arrive in the provider contract: each is shown to the adapter, and only what the adapter
// believes wakes the poll, as in the core.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CallContext, Provider } from '../src/providers/provider.ts'

export type NoticeBoard = {
  /** What the upstream is to call. */
  url: string
  /** Calls that the adapter has believed. */
  notices(): number
  /** Resolves with the next one; at once where one came since the last time. */
  untilNotice(): Promise<void>
  close(): Promise<void>
}

/** Listens for the webhooks of one attempt. */
export async function openNoticeBoard(provider: Provider, context: CallContext): Promise<NoticeBoard> {
  let count = 0
  let seen = 0
  let wake = () => {}
  const server = createServer(async (incoming, answer) => {
    const parts: Buffer[] = []
    for await (const part of incoming as AsyncIterable<Buffer>) parts.push(part)
    const headers = Object.fromEntries(
      Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
    )
    const request = { headers, rawBody: Buffer.concat(parts), receivedAt: new Date() }
    const notice = await provider.readWebhook?.(request, context).catch(() => null)
    answer.statusCode = notice ? 204 : 401
    answer.end()
    if (!notice) return
    count += 1
    wake()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/hooks/${encodeURIComponent(context.attemptId)}`,
    notices: () => count,
    async untilNotice() {
      if (count === seen) await new Promise<void>(resolve => (wake = resolve))
      seen = count
    },
    async close() {
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}
