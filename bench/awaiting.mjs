// What waiting for upstreams costs that answer later: 2,000 generations whose predictions run at the emulated Replicate
// and are polled. CPU of the service for each poll, of adapter and core together, beyond what the same process uses with
// nothing awaited; what PostgreSQL spends beside it, memory over the same process, and whether a worker is held.
// Usage: node bench/awaiting.mjs [--generations N] [--seconds N]

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { cpuSeconds, run } from './processes.mjs'
import { here, option, startDarkroom, startUpstream } from './rig.mjs'
import { report } from './rows.mjs'

const generations = option('generations', 2_000)
const seconds = option('seconds', 60)
/** Node compiles for its first thousands of calls; a service runs for weeks. */
const warmUpSeconds = 20
/** The service without an order, measured in the same run: its recurring work goes on whatever is awaited. */
const settlingSeconds = 10
const idleSeconds = 20
const maxPollMs = 0.2
const maxMb = 150
const command = 'node bench/awaiting.mjs'

const upstream = await startUpstream({
  latencyMs: 0,
  pictureBytes: null,
  only: 'replicate',
  last: 'OUTBOUND_ALLOW',
})
const settings = {
  LOG_LEVEL: 'warn',
  QUEUE_BOUND: String(generations * 2),
  GENERATION_DEADLINE_ASYNC_S: '3600',
  WORKER_CONCURRENCY: '32',
}
const darkroom = await startDarkroom({ database: 'postgres', upstream, settings })
const client = new pg.Client({ connectionString: darkroom.databaseUrl })
await client.connect()

const idleMb = rssMb()
await pause(settlingSeconds * 1_000)
const idleBefore = cpuSeconds([darkroom.pid])
await pause(idleSeconds * 1_000)
const idleMsPerSecond = ((cpuSeconds([darkroom.pid]) - idleBefore) * 1000) / idleSeconds
const body = JSON.stringify({
  model: 'black-forest-labs/flux-schnell',
  prompt: 'a lighthouse at dusk [[emulate: slow=3000000]]',
})
const headers = JSON.stringify({ prefer: 'respond-async' })
const load = [`${darkroom.url}/api/v1/generations`, darkroom.apiKey, body, 16, generations, 0, headers]
const { failures } = await run([join(here, 'load.mjs'), ...load.map(String)])
const refused = Object.entries(failures).filter(([status]) => status !== '202')
if (refused.length > 0) throw new Error(`orders were refused: ${JSON.stringify(failures)}`)
while ((await count('awaiting')) < generations) await pause(500)
await pause(warmUpSeconds * 1_000)

const before = {
  polls: await countPolls(),
  cpu: cpuSeconds([darkroom.pid]),
  database: cpuSeconds([darkroom.databasePid]),
}
let worstMb = 0
for (let second = 0; second < seconds; second += 1) {
  await pause(1_000)
  worstMb = Math.max(worstMb, rssMb())
}
const polls = (await countPolls()) - before.polls
const grossMs = ((cpuSeconds([darkroom.pid]) - before.cpu) * 1000) / polls
const pollMs = grossMs - (idleMsPerSecond * seconds) / polls
const databaseMs = ((cpuSeconds([darkroom.databasePid]) - before.database) * 1000) / polls
const running = Number(
  /^darkroom_generations_running\S* (\d+)/m.exec(await (await fetch(`${darkroom.url}/metrics`)).text())?.[1],
)
const still = await count('awaiting')
if (still < generations) throw new Error(`${generations - still} ended under way`)

report('awaiting', [
  {
    what: `CPU of the service per poll beyond its idle base, adapter and core, ${generations.toLocaleString('en')} predictions awaited, ${darkroom.databaseVersion}`,
    target: `≤ ${maxPollMs} ms`,
    measured: `${pollMs.toFixed(2)} ms (${grossMs.toFixed(2)} ms with the base of ${idleMsPerSecond.toFixed(0)} ms a second; and ${databaseMs.toFixed(2)} ms of PostgreSQL), ${Math.round(polls / seconds)} polls a second`,
    isMet: pollMs <= maxPollMs,
    command,
  },
  {
    what: `memory more than before, while the process awaits ${generations.toLocaleString('en')} generations`,
    target: `≤ ${maxMb} MB`,
    measured: `${Math.round(worstMb - idleMb)} MB (${Math.round(worstMb)} MB in all); ${running || 0} workers held`,
    isMet: worstMb - idleMb <= maxMb,
    command,
  },
])
await client.end()
await darkroom.stop()
await upstream.stop()

function rssMb() {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${darkroom.pid}/status`, 'utf8'))?.[1]) / 1024
}

async function count(state) {
  const { rows } = await client.query('SELECT count(*)::int AS n FROM generation WHERE state = $1', [state])
  return rows[0].n
}

/** Each is two changes of its row: claimed, and put back. */
async function countPolls() {
  await client.query('SELECT pg_stat_clear_snapshot()')
  const { rows } = await client.query(
    "SELECT n_tup_upd::int AS n FROM pg_stat_user_tables WHERE relname = 'poll'",
  )
  return rows[0].n / 2
}

function pause(ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}
