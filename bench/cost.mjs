// Added CPU per generation: a 1.5 MB image returned inline, everything durable, against a bare pass-through proxy of
// the same upstream answer. CPU counts Darkroom and its PostgreSQL processes. Ratios of one run on one machine.
// Usage: node bench/cost.mjs [--database postgres|embedded] [--requests N] [--rounds N] [--warm-up N]
import { join } from 'node:path'
import { cpuSeconds, cpuSplit, run, start } from './processes.mjs'
import { here, option, startDarkroom, startUpstream, textOption } from './rig.mjs'
import { median, report } from './rows.mjs'

const requests = option('requests', 600)
const rounds = option('rounds', 5)
// Node compiles for its first thousands of calls; a service runs for weeks.
const warmUp = option('warm-up', 2000)
const database = textOption('database', 'postgres')
const connections = 32
const pictureBytes = 1_500_000

const upstream = await startUpstream({ latencyMs: 0, pictureBytes })
const { OPENAI_BASE_URL, OPENAI_API_KEY } = upstream.environment
const proxy = await start(
  [join(here, 'passthrough.mjs'), `${OPENAI_BASE_URL}/images/generations`],
  {},
  line => Number(line) || null,
)
const nodeFlags = process.env.BENCH_NODE_FLAGS?.split(' ') ?? []
const darkroom = await startDarkroom({ database, upstream, nodeFlags })

const proxyBody = JSON.stringify({
  model: 'gpt-image-2',
  prompt: 'a lighthouse at dusk',
  n: 1,
  size: '1024x1024',
})
const darkroomBody = JSON.stringify({ modelId: 'openai:gpt-image-2', prompt: 'a lighthouse at dusk' })
const proxyCase = {
  url: `http://127.0.0.1:${proxy.value}/`,
  key: OPENAI_API_KEY,
  body: proxyBody,
  pids: [proxy.pid],
}
const darkroomCase = {
  url: `${darkroom.url}/api/v1/images/generate`,
  key: darkroom.apiKey,
  body: darkroomBody,
  pids: [darkroom.pid, darkroom.databasePid],
}

const ratios = []
await measure(proxyCase, warmUp)
await measure(darkroomCase, warmUp)
for (let round = 1; round <= rounds; round += 1) {
  const floor = await measure(proxyCase, requests)
  const ours = await measure(darkroomCase, requests)
  ratios.push(ours.cpuMs / floor.cpuMs)
  console.log(
    `round ${round}: pass-through ${floor.cpuMs.toFixed(2)} ms (kernel ${floor.kernelMs.toFixed(2)}), ` +
      `Darkroom ${ours.cpuMs.toFixed(2)} ms (service ${ours.parts[0].toFixed(2)}, kernel ${ours.kernelMs.toFixed(2)}; ` +
      `PostgreSQL ${ours.parts[1].toFixed(2)}) CPU per call: ${ratios.at(-1).toFixed(2)}x; ` +
      `${(requests / ours.seconds).toFixed(0)} calls/s, p99 ${ours.p99Ms.toFixed(0)} ms`,
  )
}
const maxRatio = database === 'embedded' ? 4 : 3
const ratioMedian = median(ratios)
report('cost', [
  {
    what: `CPU per generation of 1.5 MB over a bare pass-through, ${connections} connections, ${darkroom.databaseVersion}`,
    target: `≤ ${maxRatio}×`,
    measured: `${ratioMedian.toFixed(1)}×`,
    isMet: ratioMedian <= maxRatio,
    command: `node bench/cost.mjs --database ${database}`,
  },
])

await Promise.all([proxy.stop(), darkroom.stop()])
await upstream.stop()

async function measure({ url, key, body, pids }, count) {
  const before = pids.map(pid => cpuSeconds([pid]))
  const split = cpuSplit(pids[0])
  const seen = await run([join(here, 'load.mjs'), url, key, body, String(connections), String(count)])
  if (seen.failed > 0) throw new Error(`${seen.failed} calls of ${url} failed`)
  const parts = pids.map((pid, at) => ((cpuSeconds([pid]) - before[at]) * 1000) / count)
  const after = cpuSplit(pids[0])
  const kernelMs = ((after.kernel - split.kernel) * 1000) / count
  return { ...seen, kernelMs, parts, cpuMs: parts.reduce((sum, each) => sum + each, 0) }
}
