// Added CPU per generation: a 1.5 MB image returned inline, everything durable, against a bare pass-through proxy of
// the same upstream answer. CPU counts Darkroom and its PostgreSQL processes. Ratios of one run on one machine.
// Usage: node bench/cost.mjs [--requests N] [--rounds N]   after `npm ci`
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cpuSeconds, run, start } from './processes.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const dist = process.env.BENCH_DIST ?? join(here, '..', 'server', 'dist')
const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? fallback : Number(process.argv[at + 1])
}
const requests = option('requests', 600)
const rounds = option('rounds', 3)
const connections = 32
const pictureBytes = 1_500_000

const upstream = await start(
  [join(dist, 'upstreams.js'), '--latency', '0', '--picture-bytes', String(pictureBytes), '--quiet'],
  {},
  collectEnvironment(),
)
const dataDir = mkdtempSync(join(tmpdir(), 'darkroom-bench-'))
// As root the database runs as another user, who must be able to pass.
chmodSync(dataDir, 0o755)
const environment = { ...upstream.value, DARKROOM_DATA: dataDir, PORT: '0', LOG_LEVEL: 'warn' }

const proxy = await start(
  [join(here, 'passthrough.mjs'), `${environment.OPENAI_BASE_URL}/images/generations`],
  {},
  line => Number(line) || null,
)
const darkroom = await start([join(dist, 'main.js')], environment, line => /ready at (\S+)/.exec(line)?.[1])
const { accountId } = await run([join(dist, 'main.js'), 'accounts', 'create', '--email', 'bench@example.com', '--credits', '100000000', '--json'], environment)
const { apiKey } = await run([join(dist, 'main.js'), 'keys', 'create', '--account', accountId, '--rate', 'off', '--in-flight', 'off', '--json'], environment)
const postmaster = Number(readFileSync(join(dataDir, 'postgres', 'cluster', 'postmaster.pid'), 'utf8').split('\n')[0])

const proxyBody = JSON.stringify({ model: 'gpt-image-2', prompt: 'a lighthouse at dusk', n: 1, size: '1024x1024' })
const darkroomBody = JSON.stringify({ modelId: 'openai:gpt-image-2', prompt: 'a lighthouse at dusk' })
const proxyCase = { url: `http://127.0.0.1:${proxy.value}/`, key: environment.OPENAI_API_KEY, body: proxyBody, pids: [proxy.pid] }
const darkroomCase = { url: `${darkroom.value}/api/v1/images/generate`, key: apiKey, body: darkroomBody, pids: [darkroom.pid, postmaster] }

const ratios = []
await measure(proxyCase, 100)
await measure(darkroomCase, 100)
for (let round = 1; round <= rounds; round += 1) {
  const floor = await measure(proxyCase, requests)
  const ours = await measure(darkroomCase, requests)
  ratios.push(ours.cpuMs / floor.cpuMs)
  console.log(
    `round ${round}: pass-through ${floor.cpuMs.toFixed(2)} ms, Darkroom ${ours.cpuMs.toFixed(2)} ms CPU per call` +
      ` (service ${ours.parts[0].toFixed(2)}, PostgreSQL ${ours.parts[1].toFixed(2)}): ${ratios.at(-1).toFixed(2)}x;` +
      ` ${(requests / ours.seconds).toFixed(0)} calls/s, p99 ${ours.p99Ms.toFixed(0)} ms`,
  )
}
ratios.sort((a, b) => a - b)
console.log(JSON.stringify({ bench: 'cost', pictureBytes, connections, requests, ratioMedian: ratios[Math.floor(ratios.length / 2)], ratios }))

await Promise.all([proxy.stop(), darkroom.stop()])
await upstream.stop()
rmSync(dataDir, { recursive: true, force: true })

async function measure({ url, key, body, pids }, count) {
  const before = pids.map(pid => cpuSeconds([pid]))
  const seen = await run([join(here, 'load.mjs'), url, key, body, String(connections), String(count)])
  if (seen.failed > 0) throw new Error(`${seen.failed} calls of ${url} failed`)
  const parts = pids.map((pid, at) => ((cpuSeconds([pid]) - before[at]) * 1000) / count)
  return { ...seen, parts, cpuMs: parts.reduce((sum, each) => sum + each, 0) }
}

function collectEnvironment() {
  const values = {}
  return line => {
    const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? []
    if (name) values[name] = value
    return values.GEMINI_API_KEY ? values : null
  }
}
