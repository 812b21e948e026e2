// The floor of small answers: a bare Hono route that says the same bytes to everybody, nothing looked up.
// Usage: node bench/bare.mjs FILE  (prints the port it listens on)
import { readFileSync } from 'node:fs'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const text = readFileSync(process.argv[2] ?? '', 'utf8')
const app = new Hono()
const headers = { 'content-type': 'application/json' }
app.get('/*', context => context.body(text, 200, headers))
app.post('/*', async context => {
  await context.req.json()
  return context.body(text, 200, headers)
})
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => console.log(port))
