// `npm run upstreams`: every emulator on its fixed port, and the control page that steers them. Prints the
// environment lines to paste and the behaviours that can be asked for.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bflDirectives, defaultBflKey, startBflUpstream } from './bfl.ts'
import { comfyUiDirectives, startComfyUiUpstream } from './comfyui.ts'
import { type Control, type Rehearsed, startControl } from './control.ts'
import { defaultFalKey, falDirectives, startFalUpstream } from './fal.ts'
import { transportDirectives } from './faults.ts'
import type { FileHost } from './files.ts'
import { defaultFireworksKey, fireworksDirectives, startFireworksUpstream } from './fireworks.ts'
import { defaultGetimgKey, getimgDirectives, startGetimgUpstream } from './getimg.ts'
import { defaultGoogleKey, googleDirectives, startGoogleUpstream } from './google.ts'
import { defaultLumaKey, lumaDirectives, startLumaUpstream } from './luma.ts'
import { defaultModelArkKey, modelArkDirectives, startModelArkUpstream } from './modelark.ts'
import { defaultOpenAiKey, openAiDirectives, startOpenAiUpstream } from './openai.ts'
import {
  defaultOpenAiCompatibleKey,
  localAiModel,
  openAiCompatibleDirectives,
  startOpenAiCompatibleUpstream,
} from './openai-compatible.ts'
import { defaultReplicateKey, replicateDirectives, startReplicateUpstream } from './replicate.ts'
import { sdServerDirectives, startSdServerUpstream } from './sd-server.ts'
import { defaultSdapiKey, sdapiDirectives, startSdapiUpstream } from './sdapi.ts'
import { defaultStabilityKey, stabilityDirectives, startStabilityUpstream } from './stability.ts'
import type { Upstream } from './upstream.ts'
import { defaultXaiKey, startXaiUpstream, xaiDirectives } from './xai.ts'

type StartOptions = {
  port: number
  latencyMs: number
  /** Where an emulator whose pictures lie on an origin of their own may serve them: 100 above its port, or 0. */
  filesPort: number
  pictureSizeBytes?: number
}

type Row = {
  /** As the emulator itself says it, so that --only and the control API agree. */
  name: string
  /** Fixed, so that printed lines and documents stay true. */
  port: number
  start(options: StartOptions): Promise<Upstream & { files?: FileHost }>
  directives: Record<string, string>
  /** What to tell the service, by the emulator's origin. A variable that several rows set is joined by commas. */
  environment(url: string, options: { filesPort: number }): Record<string, string>
}

/** One row per emulator. */
const table: readonly Row[] = [
  {
    name: 'openai',
    port: 4801,
    start: startOpenAiUpstream,
    directives: openAiDirectives,
    environment: url => ({ OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: defaultOpenAiKey }),
  },
  {
    name: 'google',
    port: 4802,
    start: startGoogleUpstream,
    directives: googleDirectives,
    environment: url => ({ GEMINI_BASE_URL: `${url}/v1beta`, GEMINI_API_KEY: defaultGoogleKey }),
  },
  {
    name: 'replicate',
    port: 4803,
    start: startReplicateUpstream,
    directives: replicateDirectives,
    environment: (url, { filesPort }) => ({
      REPLICATE_BASE_URL: `${url}/v1`,
      REPLICATE_API_TOKEN: defaultReplicateKey,
      OUTBOUND_ALLOW: `127.0.0.1:${filesPort}`,
    }),
  },
  {
    name: 'fal',
    port: 4805,
    start: startFalUpstream,
    directives: falDirectives,
    environment: (url, { filesPort }) => ({
      FAL_BASE_URL: url,
      FAL_API_KEY: defaultFalKey,
      OUTBOUND_ALLOW: `127.0.0.1:${filesPort}`,
    }),
  },
  {
    name: 'getimg',
    port: 4804,
    start: startGetimgUpstream,
    directives: getimgDirectives,
    environment: (url, { filesPort }) => ({
      GETIMG_BASE_URL: url,
      GETIMG_API_KEY: defaultGetimgKey,
      OUTBOUND_ALLOW: `127.0.0.1:${filesPort}`,
    }),
  },
  {
    name: 'sdapi',
    port: 4820,
    start: startSdapiUpstream,
    directives: sdapiDirectives,
    environment: url => ({ SDAPI_BASE_URL: url, SDAPI_AUTH: defaultSdapiKey }),
  },
  {
    name: 'comfyui',
    port: 4822,
    start: startComfyUiUpstream,
    directives: comfyUiDirectives,
    // The workflows of the documents, as seen from the checkout.
    environment: url => ({ COMFYUI_BASE_URL: url, COMFYUI_WORKFLOWS: 'docs/providers/comfyui' }),
  },
  {
    name: 'openai-compatible',
    port: 4821,
    start: startOpenAiCompatibleUpstream,
    directives: openAiCompatibleDirectives,
    environment: url => ({
      OPENAI_COMPATIBLE_BASE_URL: `${url}/v1`,
      OPENAI_COMPATIBLE_API_KEY: defaultOpenAiCompatibleKey,
      OPENAI_COMPATIBLE_MODEL: localAiModel,
      OPENAI_COMPATIBLE_PROFILE: 'localai',
    }),
  },
  {
    name: 'sd-server',
    port: 4823,
    start: startSdServerUpstream,
    directives: sdServerDirectives,
    // One engine behind both interfaces; beside another it shares that one's work. It has no password to set.
    environment: url => ({ SDAPI_BASE_URL: url, OPENAI_COMPATIBLE_BASE_URL: `${url}/v1` }),
  },
  {
    name: 'bfl',
    port: 4806,
    // Tasks are read at a third host.
    start: options => startBflUpstream({ ...options, pollPort: pollPortOf(options.filesPort) }),
    directives: bflDirectives,
    environment: (url, { filesPort }) => ({
      BFL_BASE_URL: `${url}/v1`,
      BFL_API_KEY: defaultBflKey,
      OUTBOUND_ALLOW: `127.0.0.1:${filesPort},127.0.0.1:${pollPortOf(filesPort)}`,
    }),
  },
  {
    name: 'stability',
    port: 4807,
    start: startStabilityUpstream,
    directives: stabilityDirectives,
    environment: url => ({ STABILITY_BASE_URL: `${url}/v2beta`, STABILITY_API_KEY: defaultStabilityKey }),
  },
  {
    name: 'modelark',
    port: 4808,
    start: startModelArkUpstream,
    directives: modelArkDirectives,
    environment: (url, { filesPort }) => ({
      MODELARK_BASE_URL: `${url}/api/v3`,
      MODELARK_API_KEY: defaultModelArkKey,
      OUTBOUND_ALLOW: `127.0.0.1:${filesPort}`,
    }),
  },
  {
    name: 'luma',
    port: 4812,
    start: startLumaUpstream,
    directives: lumaDirectives,
    environment: (url, { filesPort }) => ({
      AI_SDK_PROVIDERS: 'luma=@ai-sdk/luma',
      LUMA_BASE_URL: url,
      LUMA_API_KEY: defaultLumaKey,
      OUTBOUND_ALLOW: `127.0.0.1:${filesPort}`,
    }),
  },
  {
    name: 'fireworks',
    port: 4813,
    start: startFireworksUpstream,
    directives: fireworksDirectives,
    environment: (url, { filesPort }) => ({
      AI_SDK_PROVIDERS: 'fireworks=@ai-sdk/fireworks',
      FIREWORKS_BASE_URL: `${url}/inference/v1`,
      FIREWORKS_API_KEY: defaultFireworksKey,
      OUTBOUND_ALLOW: `127.0.0.1:${filesPort}`,
    }),
  },
  {
    name: 'xai',
    port: 4814,
    start: startXaiUpstream,
    directives: xaiDirectives,
    environment: (url, { filesPort }) => ({
      AI_SDK_PROVIDERS: 'xai=@ai-sdk/xai',
      XAI_BASE_URL: `${url}/v1`,
      XAI_API_KEY: defaultXaiKey,
      OUTBOUND_ALLOW: `127.0.0.1:${filesPort}`,
    }),
  },
]

const controlPort = 4800
/** Long enough to see a generation at work, short enough to wait for. */
const defaultLatencyMs = 800

const usage = `Usage: npm run upstreams -- [--latency MS] [--picture-bytes N] [--only NAME,…]
                           [--free-ports] [--quiet] [--environment]
  --latency        duration of a success (default ${defaultLatencyMs})
  --picture-bytes  exact file size of every picture (default: small pictures)
  --only           these alone: ${table.map(row => row.name).join(', ')}
  --free-ports     any free ports instead of ${controlPort} and above
  --quiet          print the environment lines only
  --environment    print them and end, without starting anything
`

const options = {
  values: ['--latency', '--picture-bytes', '--only'],
  flags: ['--free-ports', '--quiet', '--environment'],
}

/** What is misspelt would be rehearsed without. */
function checkOptions(args: readonly string[]): void {
  const isValue = (at: number) => options.values.includes(args[at - 1] ?? '')
  const strange = args.find(
    (word, at) => !isValue(at) && !options.values.includes(word) && !options.flags.includes(word),
  )
  if (strange !== undefined) fail(`There is no option ${strange}`)
}

async function main(args: string[]): Promise<void> {
  if (args.includes('--help')) return void process.stdout.write(usage)
  checkOptions(args)
  if (args.includes('--environment')) return printEnvironment(readRows(args))
  const latencyMs = readNumberOption(args, '--latency') ?? defaultLatencyMs
  const pictureSizeBytes = readNumberOption(args, '--picture-bytes')
  const isFree = args.includes('--free-ports')
  const size = pictureSizeBytes === null ? {} : { pictureSizeBytes }
  const rehearsed: Rehearsed[] = []
  for (const row of readRows(args)) {
    const ports = { port: isFree ? 0 : row.port, filesPort: isFree ? 0 : filesPortOf(row) }
    const upstream = await listen(row, row.start({ latencyMs, ...ports, ...size }))
    const filesPort = upstream.files?.upstream.port ?? ports.filesPort
    const environment = row.environment(upstream.url, { filesPort })
    rehearsed.push({ upstream, directives: row.directives, environment })
  }
  const folder = join(dirname(fileURLToPath(import.meta.url)), 'upstreams-page')
  const name = { name: 'the control page', port: controlPort }
  const control = await listen(name, startControl({ port: isFree ? 0 : controlPort, folder, rehearsed }))
  process.stdout.write(joinEnvironment(rehearsed.map(each => each.environment)))
  if (!args.includes('--quiet')) printHelp(control, rehearsed)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(
      signal,
      () => void Promise.all([control, ...rehearsed.map(each => each.upstream)].map(close)),
    )
  }
}

function close(each: { close(): Promise<void> }): Promise<void> {
  return each.close()
}

/** Says whose port it was that could not be had. */
async function listen<Server>(
  { name, port }: { name: string; port: number },
  starting: Promise<Server>,
): Promise<Server> {
  try {
    return await starting
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : null
    if (code !== 'EADDRINUSE') throw error
    process.stderr.write(
      `Port ${port} of ${name} is taken: are the emulators running already? --free-ports takes others.\n`,
    )
    process.exit(1)
  }
}

function printEnvironment(rows: readonly Row[]): void {
  const environments = rows.map(row =>
    row.environment(`http://127.0.0.1:${row.port}`, { filesPort: filesPortOf(row) }),
  )
  process.stdout.write(joinEnvironment(environments))
}

function joinEnvironment(environments: readonly Record<string, string>[]): string {
  const values = new Map<string, string>()
  for (const [name, value] of environments.flatMap(each => Object.entries(each))) {
    const earlier = values.get(name)
    values.set(name, earlier === undefined ? value : `${earlier},${value}`)
  }
  return [...values].map(([name, value]) => `${name}=${value}\n`).join('')
}

function pollPortOf(filesPort: number): number {
  return filesPort === 0 ? 0 : filesPort + 100
}

function filesPortOf(row: Row): number {
  return row.port + 100
}

function printHelp(control: Control, rehearsed: readonly Rehearsed[]): void {
  // The list is long: what to do next stands last, where it is still on the screen.
  process.stdout.write(`
${describe('every emulator', transportDirectives)}
${rehearsed.map(({ upstream, directives }) => describe(upstream.name, directives)).join('\n')}
# Above: the environment of a service that uses these emulators, and what each can be told to do.
# Start such a service: export $(npm run --silent upstreams -- --environment)
# Choose how they behave, and see what reaches them: ${control.url}/
# The same from a shell: curl -X PUT ${control.url}/upstreams/openai/behaviour -d '{"behaviour":"slow=5000"}'
# A prompt asks for a behaviour by [[emulate: NAME]] or [[emulate: NAME=VALUE, NAME]].
# docs/rehearsing.md leads through it. Ctrl-C stops the emulators.
`)
}

function describe(name: string, directives: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(directives).map(key => key.length)) + 2
  const lines = Object.entries(directives).map(([key, meaning]) => `#   ${key.padEnd(width)}${meaning}`)
  return `# ${name}\n${lines.join('\n')}\n`
}

function readNumberOption(args: string[], name: string): number | null {
  const at = args.indexOf(name)
  if (at < 0) return null
  const value = Number(args[at + 1])
  if (!Number.isInteger(value) || value < 0) return fail(`${name} needs a whole number`)
  return value
}

function readRows(args: string[]): readonly Row[] {
  const at = args.indexOf('--only')
  if (at < 0) return table
  const names = (args[at + 1] ?? '').split(',')
  const unknown = names.find(name => !table.some(row => row.name === name))
  if (unknown !== undefined) return fail(`--only: no emulator is called "${unknown}"`)
  return table.filter(row => names.includes(row.name))
}

function fail(message: string): never {
  process.stderr.write(`${message}\n${usage}`)
  process.exit(2)
}

await main(process.argv.slice(2))
