// What waiting costs: CPU of a poll of a generation, and of a repeat under an idempotency key, over a bare Hono route
// that answers the same bytes, and over one that checks the key and counts exactly, too; and whether the ten-thousandth queued order costs more to run than the first.
// Usage: node bench/polling.mjs [--requests N] [--rounds N] [--queued N]
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { cpuSeconds, removeAtEnd, run, start } from './processes.mjs'
import { here, option, startDarkroom, startUpstream } from './rig.mjs'
import { median, report } from './rows.mjs'

const requests = option('requests', 2_000)
const rounds = option('rounds', 5)
const queued = option('queued', 10_000)
const connections = 16
/** Node compiles for its first thousands of calls; a service runs for weeks. */
const warmUp = 10_000
const maxRatio = 3
/** A process of the service at work is warm after so many orders, and the last of them end one by one. */
const skippedJobs = 1_000
const maxGrowth = 1.25
const sampleEveryMs = 100

const rows = [...(await benchAnswers()), ...(await benchQueue())]
report('polling', rows)

async function benchAnswers() {
  const upstream = await startUpstream({ latencyMs: 0, pictureBytes: null })
  // The key is counted by an exact limit, as every caller's is.
  const darkroom = await startDarkroom({
    database: 'postgres',
    upstream,
    settings: { LOG_LEVEL: 'warn' },
    rate: '1000000/1h',
  })
  const body = JSON.stringify({ model: 'gpt-image-2', prompt: 'a lighthouse at dusk' })
  const order = { prefer: 'wait=60', 'idempotency-key': 'the-order-that-is-repeated' }
  const made = await fetch(`${darkroom.url}/api/v1/generations`, {
    method: 'POST',
    headers: { ...order, authorization: `Bearer ${darkroom.apiKey}`, 'content-type': 'application/json' },
    body,
  })
  const text = await made.text()
  const { id } = JSON.parse(text)
  if (!made.ok || !id) throw new Error(`the first order was answered by ${made.status}: ${text}`)
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-bench-'))
  removeAtEnd(folder)
  const file = join(folder, 'answer.json')
  writeFileSync(file, text)
  const floors = await startFloors({ file, darkroom })
  const seen = []
  for (const [name, url, sent, headers] of [
    ['poll of a generation', `${darkroom.url}/api/v1/generations/${id}`, '', {}],
    ['repeat under an idempotency key', `${darkroom.url}/api/v1/generations`, body, order],
  ]) {
    const ours = { url, pids: [darkroom.pid, darkroom.databasePid] }
    const measured = [ours, ...floors].map(each => ({ ...each, body: sent, headers, key: darkroom.apiKey }))
    for (const each of measured) await measure(each, warmUp)
    const costs = []
    for (let round = 1; round <= rounds; round += 1) {
      const cost = []
      for (const each of measured) cost.push(await measure(each, requests))
      costs.push(cost)
      console.log(`${name}: ${cost.map(each => each.toFixed(3)).join(', ')} ms CPU per call`)
    }
    seen.push(
      ...floors.map((floor, at) => {
        const ratios = costs.map(cost => cost[0] / cost[at + 1])
        return {
          what: `CPU per ${name} over ${floor.what}, ${connections} connections, ${darkroom.databaseVersion}`,
          target: `≤ ${maxRatio}×`,
          measured: `${median(ratios).toFixed(1)}× (rounds ${ratios.map(each => each.toFixed(1)).join(', ')})`,
          isMet: median(ratios) <= maxRatio,
          command: 'node bench/polling.mjs',
        }
      }),
    )
  }
  await Promise.all([...floors.map(floor => floor.stop()), darkroom.stop()])
  await upstream.stop()
  return seen
}

/** A route that does nothing else, and one that checks the key and counts exactly, in the same database. */
async function startFloors({ file, darkroom }) {
  const main = join(here, 'bare.mjs')
  const bare = await start([main, file], {}, line => Number(line) || null)
  const values = [file, darkroom.databaseAdminUrl, darkroom.apiKey]
  const checked = await start([main, ...values], {}, line => Number(line) || null)
  return [
    {
      what: 'a bare Hono route of the same bytes',
      url: `http://127.0.0.1:${bare.value}/answer`,
      pids: [bare.pid],
      stop: bare.stop,
    },
    {
      what: 'one that checks the key and counts exactly, too',
      url: `http://127.0.0.1:${checked.value}/checked`,
      pids: [checked.pid, darkroom.databasePid],
      stop: checked.stop,
    },
  ]
}

/** Milliseconds of CPU for each call. */
async function measure({ url, body, headers, pids, key }, count) {
  const before = cpuSeconds(pids)
  const load = [url, key, body, connections, count, 0, JSON.stringify(headers)].map(String)
  const { failed } = await run([join(here, 'load.mjs'), ...load])
  if (failed > 0) throw new Error(`${failed} calls of ${url} failed`)
  return ((cpuSeconds(pids) - before) * 1000) / count
}

/** All orders wait before the first is run: the process that takes them runs none. */
async function benchQueue() {
  const upstream = await startUpstream({ latencyMs: 0, pictureBytes: null })
  const settings = {
    LOG_LEVEL: 'warn',
    QUEUE_BOUND: String(queued * 2),
    GENERATION_DEADLINE_ASYNC_S: '3600',
    WORKER_CONCURRENCY: '32',
  }
  const darkroom = await startDarkroom({ database: 'postgres', upstream, settings, role: 'serve' })
  const body = JSON.stringify({ model: 'gpt-image-2', prompt: 'a lighthouse at dusk' })
  const url = `${darkroom.url}/api/v1/generations`
  const load = [
    url,
    darkroom.apiKey,
    body,
    connections,
    queued,
    0,
    JSON.stringify({ prefer: 'respond-async' }),
  ]
  const { failures } = await run([join(here, 'load.mjs'), ...load.map(String)])
  const refused = Object.entries(failures).filter(([status]) => status !== '202')
  if (refused.length > 0) throw new Error(`orders were refused: ${JSON.stringify(failures)}`)
  const client = new pg.Client({ connectionString: darkroom.databaseUrl })
  await client.connect()
  const count = async () => {
    const text = `SELECT count(*) FILTER (WHERE state = 'succeeded')::int AS done,
      count(*) FILTER (WHERE state NOT IN ('succeeded', 'queued', 'dispatching', 'storing', 'awaiting'))::int AS bad
      FROM generation`
    const { rows: found } = await client.query(text)
    if (found[0].bad > 0) throw new Error(`${found[0].bad} orders did not succeed`)
    return found[0].done
  }
  const worker = await darkroom.startWorker()
  const pids = [worker.pid, darkroom.databasePid]
  const samples = []
  for (let done = 0; done < queued; ) {
    await new Promise(resolve => setTimeout(resolve, sampleEveryMs))
    done = await count()
    samples.push({ done, cpu: cpuSeconds(pids), atMs: performance.now() })
  }
  await client.end()
  await worker.stop()
  await darkroom.stop()
  await upstream.stop()
  const usable = samples.filter(({ done }) => done >= skippedJobs && done <= queued - skippedJobs / 10)
  const quarters = [0, 1, 2, 3].map(at => costBetween(usable, at / 4, (at + 1) / 4))
  const growth = quarters[3] / quarters[0]
  const seconds = ((samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0)) / 1000
  return [
    {
      what: `CPU per order of the last quarter over that of the first, ${queued.toLocaleString('en')} queued orders drained`,
      target: `≤ ${maxGrowth}×`,
      measured: `${growth.toFixed(2)}× (${quarters.map(each => each.toFixed(2)).join(', ')} ms), all succeeded, ${Math.round(queued / seconds)} a second`,
      isMet: growth <= maxGrowth,
      command: 'node bench/polling.mjs',
    },
  ]
}

/** Milliseconds of CPU per order between two shares of what was done. */
function costBetween(samples, from, to) {
  const [first, last] = [samples[0].done, samples.at(-1).done]
  const at = share => samples.find(({ done }) => done >= first + (last - first) * share) ?? samples.at(-1)
  const [begin, end] = [at(from), at(to)]
  return ((end.cpu - begin.cpu) * 1000) / (end.done - begin.done)
}
