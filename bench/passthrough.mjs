// The floor: a bare proxy of the same upstream answer, nothing durable, nothing counted.
// Usage: node bench/passthrough.mjs UPSTREAM_URL  (prints the port it listens on)
import { createServer } from 'node:http'
import { Agent, request } from 'undici'

const [upstreamUrl = ''] = process.argv.slice(2)
const dispatcher = new Agent({ connections: 256 })

const server = createServer(async (incoming, outgoing) => {
  const chunks = []
  for await (const chunk of incoming) chunks.push(chunk)
  const { authorization = '' } = incoming.headers
  const answer = await request(upstreamUrl, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: Buffer.concat(chunks),
    dispatcher,
  })
  const length = answer.headers['content-length']
  outgoing.writeHead(answer.statusCode, {
    'content-type': 'application/json',
    ...(length ? { 'content-length': length } : {}),
  })
  answer.body.pipe(outgoing)
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
