// The password of an engine in what its check says, where a proxy before it repeats what it was shown.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { createOutbound } from '../outbound.ts'
import { createComfyUiProvider } from './comfyui.ts'
import type { CallContext } from './provider.ts'
import { createSdapiProvider } from './sdapi.ts'

const apiKey = 'painter:correct-horse-0123456789'

it('no check of an engine repeats its password, in no form', async () => {
  const shown = [apiKey, 'correct-horse-0123456789', Buffer.from(apiKey).toString('base64')]
  const proxy = createServer((request, response) => {
    response.writeHead(401, { 'content-type': 'text/plain' })
    response.end(`Wrong: ${request.headers.authorization} (${shown.join(' ')})`)
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const http = createOutbound({ allow: [], configuredOrigins: [baseUrl] })
  const context: CallContext = {
    ...{ http, signal: AbortSignal.timeout(10_000), timeoutMs: 10_000, headers: {} },
    ...{ attemptId: 'check', createKey: 'check' },
    receiveImage: () => Promise.reject(new Error('a check makes no picture')),
  }
  for (const provider of [
    createSdapiProvider({ baseUrl, apiKey }),
    createComfyUiProvider({ baseUrl, apiKey, workflows: new Map() }),
  ]) {
    const checked = await provider.check?.(context)
    const message = checked?.ok === false ? checked.message : ''
    expect(message).toMatch(/401.*Wrong: Basic \[key\]/)
    for (const form of shown) expect(message).not.toContain(form)
  }
  await http.close()
  proxy.close()
})
