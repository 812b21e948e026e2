// A thousand generations of 5 s in flight at once in one process, through a key without limits: all must succeed.
// Prints the latency added to the upstream's 5 s, and the service's resident memory against the bytes being sent.
// Usage: node bench/flight.mjs [--database postgres|embedded] [--callers N] [--latency MS] [--picture-bytes N]
import { join } from 'node:path'
import { cpuSeconds, residentBytes, run } from './processes.mjs'
import { here, option, startDarkroom, startUpstream, textOption } from './rig.mjs'

const callers = option('callers', 1000)
const latencyMs = option('latency', 5000)
const rounds = option('rounds', 2)
const pictureBytes = option('picture-bytes', null)
const database = textOption('database', 'postgres')
const sampleEveryMs = 50
const mebibyte = 1024 * 1024

const upstream = await startUpstream({ latencyMs, pictureBytes })
const darkroom = await startDarkroom({ database, upstream, settings: { LOG_LEVEL: 'warn' } })
const url = `${darkroom.url}/api/v1/images/generate`
const body = JSON.stringify({ modelId: 'openai:gpt-image-2', prompt: 'a lighthouse at dusk' })
const load = (connections, requests, spreadMs) =>
  run([
    join(here, 'load.mjs'),
    url,
    darkroom.apiKey,
    body,
    String(connections),
    String(requests),
    String(spreadMs),
  ])

await load(32, 64, 0)
let peakBytes = 0
const sampling = setInterval(() => {
  peakBytes = Math.max(peakBytes, residentBytes(darkroom.pid))
}, sampleEveryMs)

for (let round = 1; round <= rounds; round += 1) {
  // Callers arrive over the upstream's own latency, so that at the end of it all of them are in flight.
  for (const spreadMs of [Math.round(latencyMs * 0.9), 0]) {
    peakBytes = 0
    const restingBytes = residentBytes(darkroom.pid)
    const cpuBefore = cpuSeconds([darkroom.pid])
    const seen = await load(callers, callers, spreadMs)
    const sentBytes = seen.bytes
    console.log(
      JSON.stringify({
        bench: 'flight',
        round,
        database: darkroom.databaseVersion,
        callers,
        arriveWithinMs: spreadMs,
        pictureBytes,
        failed: seen.failed,
        failures: seen.failures,
        inFlightAtOnce: seen.mostAtOnce,
        addedP50Ms: Math.round(seen.p50Ms - latencyMs),
        addedP99Ms: Math.round(seen.p99Ms - latencyMs),
        restingMb: Math.round(restingBytes / mebibyte),
        peakMb: Math.round(peakBytes / mebibyte),
        sentMb: Math.round(sentBytes / mebibyte),
        cpuMs: Number((((cpuSeconds([darkroom.pid]) - cpuBefore) * 1000) / callers).toFixed(2)),
      }),
    )
  }
}
clearInterval(sampling)
await darkroom.stop()
await upstream.stop()
