// What many services do, built to be caught: deduct first, call the upstream, call again when that fails, give back
// in a catch; look for the key, then insert. The kill loop must see what gets lost here, or it sees nothing.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'

const [, , databaseUrl, upstreamUrl, apiKey] = process.argv
const pool = new pg.Pool({ connectionString: databaseUrl, max: 6 })
const price = 5
const tries = 3

async function readBody(request: IncomingMessage): Promise<{ key: string; prompt: string }> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as { key: string; prompt: string }
}

async function buy(key: string, prompt: string, attempt: number): Promise<void> {
  const answer = await fetch(`${upstreamUrl}/v1/images/generations`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${apiKey}`,
      'content-type': 'application/json',
      'x-darkroom-attempt': `${key}/${attempt}/0`,
    },
    body: JSON.stringify({ model: 'gpt-image-2', prompt }),
  })
  if (!answer.ok) throw new Error(`status ${answer.status}`)
  await answer.text()
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { key, prompt } = await readBody(request)
  const known = await pool.query('SELECT state FROM naive_order WHERE key = $1', [key])
  if (known.rowCount) {
    response.end(JSON.stringify({ state: known.rows[0].state }))
    return
  }
  await pool.query(`INSERT INTO naive_order (key, state) VALUES ($1, 'running')`, [key])
  await pool.query('UPDATE naive_wallet SET balance = balance - $1', [price])
  await pool.query('INSERT INTO naive_entry (key, amount) VALUES ($1, $2)', [key, -price])
  let state = 'failed'
  for (let attempt = 1; state === 'failed' && attempt <= tries; attempt += 1) {
    try {
      await buy(key, prompt, attempt)
      state = 'succeeded'
    } catch {
      if (attempt < tries) continue
      await pool.query('UPDATE naive_wallet SET balance = balance + $1', [price])
      await pool.query('INSERT INTO naive_entry (key, amount) VALUES ($1, $2)', [key, price])
    }
  }
  await pool.query('UPDATE naive_order SET state = $2 WHERE key = $1', [key, state])
  response.end(JSON.stringify({ state }))
}

const server = createServer((request, response) => {
  handle(request, response).catch(() => response.destroy())
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`ready at http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
})
