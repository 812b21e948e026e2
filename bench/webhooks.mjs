// A thousand events to a healthy receiver, alone and beside one that hangs with as many: how long after the end of its
// generation each event arrives. Targets: p95 below 2 s, in both cases, and all of them arrive.
// Usage: node bench/webhooks.mjs [--database postgres|embedded] [--events N] [--connections N]
import { createServer } from 'node:http'
import { join } from 'node:path'
import { run } from './processes.mjs'
import { here, option, startDarkroom, startUpstream, textOption } from './rig.mjs'
import { percentile, report } from './rows.mjs'

const events = option('events', 1000)
const connections = option('connections', 16)
const database = textOption('database', 'postgres')
const maxP95Ms = 2000
/** A hanging receiver is cut after 5 s and disabled after eight of them; nothing takes longer than this. */
const patienceMs = 120_000

const arrivals = []
const receiver = createServer((request, response) => {
  const parts = []
  request.on('data', part => parts.push(part))
  request.on('end', () => {
    // One that hangs keeps its connection and never answers.
    if (request.url === '/hangs') return
    const { completedAt } = JSON.parse(Buffer.concat(parts)).data
    arrivals.push(Date.now() - Date.parse(completedAt))
    response.writeHead(204).end()
  })
})
await new Promise(resolve => receiver.listen(0, '127.0.0.1', resolve))
const host = `127.0.0.1:${receiver.address().port}`

const upstream = await startUpstream({ latencyMs: 20 })
const settings = { LOG_LEVEL: 'warn', OUTBOUND_ALLOW: host }
const darkroom = await startDarkroom({ database, upstream, settings })
const hanging = await darkroom.createAccount('hangs@example.com')
await makeWebhook(darkroom.apiKey, 'healthy')

const alone = await measure(() => order(darkroom.apiKey))
await makeWebhook(hanging.apiKey, 'hangs')
const beside = await measure(() => Promise.all([order(hanging.apiKey), order(darkroom.apiKey)]))
await darkroom.stop()
await upstream.stop()
receiver.closeAllConnections()
receiver.close()
report('webhooks', [row('alone', alone), row('beside one that hangs with as many', beside)])

async function makeWebhook(apiKey, path) {
  const answer = await fetch(`${darkroom.url}/api/v1/webhooks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ url: `http://${host}/${path}` }),
  })
  if (answer.status !== 201) throw new Error(`no webhook: ${answer.status} ${await answer.text()}`)
}

/** Native orders, answered with 202 before they are done, which the load counts as failures of no account. */
function order(apiKey) {
  const body = JSON.stringify({ model: 'openai:gpt-image-2', prompt: 'a lighthouse at dusk' })
  const values = [`${darkroom.url}/api/v1/generations`, apiKey, body, connections, events].map(String)
  return run([join(here, 'load.mjs'), ...values])
}

async function measure(load) {
  arrivals.length = 0
  await load()
  const until = performance.now() + patienceMs
  while (arrivals.length < events && performance.now() < until)
    await new Promise(resolve => setTimeout(resolve, 50))
  const seen = {
    arrived: arrivals.length,
    p50Ms: Math.round(percentile(arrivals, 0.5)),
    p95Ms: Math.round(percentile(arrivals, 0.95)),
    maxMs: Math.round(Math.max(...arrivals)),
  }
  console.log(JSON.stringify(seen))
  return seen
}

function row(how, { arrived, p50Ms, p95Ms, maxMs }) {
  return {
    what: `${events.toLocaleString('en')} webhooks to a healthy receiver, ${how}: from the end of the generation`,
    target: `p95 < ${maxP95Ms / 1000} s`,
    measured: `p50 ${p50Ms} ms, p95 ${p95Ms} ms, at most ${maxMs} ms; ${arrived} arrived`,
    isMet: arrived === events && p95Ms < maxP95Ms,
    database: darkroom.databaseVersion,
    command: `node bench/webhooks.mjs${database === 'postgres' ? '' : ` --database ${database}`}`,
  }
}
