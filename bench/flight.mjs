// A thousand generations of 5 s in flight at once in one process, through a key without limits: all must succeed.
// Measures the latency added to the upstream's 5 s and the service's resident memory: callers that arrive one after
// the other within the 5 s, the same with pictures of 1.5 MB, and all in one instant.
// Usage: node bench/flight.mjs [--database postgres|embedded] [--callers N] [--latency MS] [--rounds N]
import { join } from 'node:path'
import { cpuSeconds, residentBytes, run } from './processes.mjs'
import { here, option, startDarkroom, startUpstream, textOption } from './rig.mjs'
import { median, report } from './rows.mjs'

const callers = option('callers', 1000)
const latencyMs = option('latency', 5000)
const rounds = option('rounds', 3)
const database = textOption('database', 'postgres')
const largeBytes = 1_500_000
/** Node compiles for its first thousands of calls; a service runs for weeks. */
const warmUp = { calls: 2000, connections: 32 }
const sampleEveryMs = 50
const mebibyte = 1024 * 1024
const maxAddedP99Ms = 250
const maxResidentMb = 400

// The last one arrives shortly before the first one is answered: from then on all of them are in flight.
const arriving = {
  name: `arriving over ${(latencyMs * 0.9) / 1000} s`,
  spreadMs: Math.round(latencyMs * 0.9),
}
const burst = { name: 'all in one instant', spreadMs: 0 }

const small = await measure(null, [arriving, burst])
const large = await measure(largeBytes, [arriving])
report('flight', [
  row(small[0], { of: 'latency', isTarget: true }),
  row(small[0], { of: 'memory', isTarget: true }),
  row(small[1], { of: 'latency', isTarget: false }),
  row(large[0], { of: 'memory', isTarget: true }),
  row(large[0], { of: 'latency', isTarget: false }),
])

/** One service for all the ways to arrive; for each the median of its latencies and the highest of its peaks. */
async function measure(pictureBytes, ways) {
  const upstream = await startUpstream({ latencyMs, pictureBytes })
  const darkroom = await startDarkroom({ database, upstream, settings: { LOG_LEVEL: 'warn' } })
  const call = (connections, requests, more) =>
    run([
      join(here, 'load.mjs'),
      `${darkroom.url}/api/v1/images/generate`,
      darkroom.apiKey,
      JSON.stringify({ modelId: 'openai:gpt-image-2', prompt: more.prompt ?? 'a lighthouse at dusk' }),
      ...[connections, requests, more.spreadMs ?? 0].map(String),
    ])
  await call(warmUp.connections, warmUp.calls, { prompt: 'a lighthouse [[emulate: slow=0]]' })
  const measured = []
  for (const way of ways) {
    const seen = []
    for (let round = 1; round <= rounds; round += 1) {
      seen.push(await once(darkroom, () => call(callers, callers, way)))
      console.log(JSON.stringify({ way: way.name, pictureBytes, round, ...seen.at(-1) }))
    }
    measured.push({ way, pictureBytes, seen })
  }
  const { origin } = new URL(upstream.environment.OPENAI_BASE_URL)
  const { total } = await (await fetch(`${origin}/-/counters`)).json()
  await darkroom.stop()
  await upstream.stop()
  return measured.map(each => ({ ...each, inFlight: total.maxInFlight, version: darkroom.databaseVersion }))
}

async function once(darkroom, load) {
  let peakBytes = 0
  const sampling = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentBytes(darkroom.pid))
  }, sampleEveryMs)
  const cpuBefore = cpuSeconds([darkroom.pid])
  const seen = await load()
  clearInterval(sampling)
  return {
    failed: seen.failed,
    failures: seen.failures,
    addedP50Ms: Math.round(seen.p50Ms - latencyMs),
    addedP99Ms: Math.round(seen.p99Ms - latencyMs),
    peakMb: Math.round(peakBytes / mebibyte),
    answeredMb: Math.round(seen.bytes / mebibyte),
    cpuMsPerCall: Number((((cpuSeconds([darkroom.pid]) - cpuBefore) * 1000) / callers).toFixed(2)),
  }
}

function row({ way, pictureBytes, seen, inFlight, version }, { of, isTarget }) {
  const failed = seen.reduce((sum, each) => sum + each.failed, 0)
  const pictures = pictureBytes ? `, pictures of ${pictureBytes / 1_000_000} MB` : ''
  const what = `${callers.toLocaleString('en')} generations of ${latencyMs / 1000} s, ${way.name}${pictures}`
  const all = failed === 0 ? `all succeed, ${inFlight} at once` : `${failed} failed`
  const common = {
    database: version,
    command: `node bench/flight.mjs${database === 'postgres' ? '' : ` --database ${database}`}`,
  }
  if (of === 'latency') {
    const p99 = median(seen.map(each => each.addedP99Ms))
    return {
      what: `${what}: added latency`,
      target: isTarget ? `p99 < ${maxAddedP99Ms} ms` : '',
      measured: `p50 ${median(seen.map(each => each.addedP50Ms))} ms, p99 ${p99} ms; ${all}`,
      isMet: isTarget ? failed === 0 && p99 < maxAddedP99Ms : null,
      ...common,
    }
  }
  const peakMb = Math.max(...seen.map(each => each.peakMb))
  return {
    what: `${what}: resident memory of the service`,
    target: `< ${maxResidentMb} MB beyond the bytes being sent`,
    measured: `${peakMb} MB in all; ${all}`,
    // The whole process, the bytes being sent included, must stay below what the target leaves beside them.
    isMet: failed === 0 && peakMb < maxResidentMb,
    ...common,
  }
}
