// The floors of small answers: Hono routes that say the same bytes to everybody. `/answer` looks nothing up. `/checked`, with
// a database, checks the key and counts the call exactly, in one statement: what one would write by hand.
// Usage: node bench/bare.mjs FILE [DATABASE_URL KEY]  (prints the port it listens on)
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import pg from 'pg'

const [file = '', databaseUrl, knownKey] = process.argv.slice(2)
const text = readFileSync(file, 'utf8')
const hash = key => createHash('sha256').update(key).digest()
const pool = databaseUrl ? await openDatabase() : null
const app = new Hono()
const headers = { 'content-type': 'application/json' }
app.get('/answer', context => context.body(text, 200, headers))
app.post('/answer', async context => {
  await context.req.json()
  return context.body(text, 200, headers)
})
app.get('/checked', async context =>
  (await isAllowed(context)) ? context.body(text, 200, headers) : context.body('', 403),
)
app.post('/checked', async context => {
  if (!(await isAllowed(context))) return context.body('', 403)
  await context.req.json()
  return context.body(text, 200, headers)
})
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => console.log(port))

async function openDatabase() {
  const opened = new pg.Pool({ connectionString: databaseUrl, max: 10 })
  await opened.query(`CREATE SCHEMA bare;
    CREATE TABLE bare.key (id int PRIMARY KEY, secret_hash bytea UNIQUE, revoked_at timestamptz);
    CREATE TABLE bare.spent (key_id int PRIMARY KEY, started_at timestamptz, used int) WITH (fillfactor = 50)`)
  await opened.query('INSERT INTO bare.key VALUES (1, $1)', [hash(knownKey)])
  return opened
}

async function isAllowed(context) {
  const key = context.req.header('authorization')?.slice('Bearer '.length) ?? ''
  const { rows } = await pool.query({
    name: 'admit',
    text: `INSERT INTO bare.spent AS w SELECT id, clock_timestamp(), 1 FROM bare.key WHERE secret_hash = $1 AND revoked_at IS NULL
      ON CONFLICT (key_id) DO UPDATE SET
        started_at = CASE WHEN w.started_at < clock_timestamp() - interval '1 hour' THEN clock_timestamp() ELSE w.started_at END,
        used = CASE WHEN w.started_at < clock_timestamp() - interval '1 hour' THEN 1 ELSE w.used + 1 END
      RETURNING used`,
    values: [hash(key)],
  })
  return rows.length > 0 && rows[0].used <= 1_000_000
}
