// `npm run upstreams`: every emulator on its fixed port, for rehearsals by hand. Prints the environment lines to
// paste and the behaviours that a prompt can ask for.
import { transportDirectives } from './faults.ts'
import { defaultGoogleKey, googleDirectives, startGoogleUpstream } from './google.ts'
import { defaultOpenAiKey, openAiDirectives, startOpenAiUpstream } from './openai.ts'
import type { Upstream } from './upstream.ts'

/** Fixed, so that printed lines and documents stay true. */
const openAiPort = 4801
const googlePort = 4802
/** Long enough to see a generation at work, short enough to wait for. */
const defaultLatencyMs = 800

const usage = `Usage: npm run upstreams -- [--latency MS] [--picture-bytes N] [--ports OPENAI,GOOGLE] [--quiet]
  --latency        duration of a success (default ${defaultLatencyMs})
  --picture-bytes  exact file size of every picture (default: small pictures)
  --ports          where to listen instead of ${openAiPort},${googlePort}; 0 = any free one
  --quiet          print the environment lines only
`

async function main(args: string[]): Promise<void> {
  if (args.includes('--help')) return void process.stdout.write(usage)
  const latencyMs = readOption(args, '--latency') ?? defaultLatencyMs
  const pictureSizeBytes = readOption(args, '--picture-bytes')
  const settings = { latencyMs, ...(pictureSizeBytes === null ? {} : { pictureSizeBytes }) }
  const [openAiAt, googleAt] = readPorts(args)
  const openAi = await startOpenAiUpstream({ port: openAiAt, ...settings })
  const google = await startGoogleUpstream({ port: googleAt, ...settings })
  process.stdout.write(`OPENAI_BASE_URL=${openAi.url}/v1
OPENAI_API_KEY=${defaultOpenAiKey}
GEMINI_BASE_URL=${google.url}/v1beta
GEMINI_API_KEY=${defaultGoogleKey}
`)
  if (!args.includes('--quiet')) printHelp([openAi, google])
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void Promise.all([openAi.close(), google.close()]))
  }
}

function printHelp(upstreams: Upstream[]): void {
  process.stdout.write(`
# Paste the lines above into the environment of the service; the addresses of configured base URLs are trusted,
# so OUTBOUND_ALLOW is not needed. Ctrl-C stops the emulators.
# What they have counted: ${upstreams.map(({ url }) => `${url}/-/counters`).join('  ')}
# A prompt asks for a behaviour by [[emulate: NAME]] or [[emulate: NAME=VALUE, NAME]]:

${describe('every emulator', transportDirectives)}
${describe('openai', openAiDirectives)}
${describe('google', googleDirectives)}
`)
}

function describe(name: string, directives: Record<string, string>): string {
  const width = Math.max(...Object.keys(directives).map(key => key.length)) + 2
  const lines = Object.entries(directives).map(([key, meaning]) => `#   ${key.padEnd(width)}${meaning}`)
  return `# ${name}\n${lines.join('\n')}\n`
}

function readOption(args: string[], name: string): number | null {
  const at = args.indexOf(name)
  if (at < 0) return null
  const value = Number(args[at + 1])
  if (!Number.isInteger(value) || value < 0) throw new Error(`${name} needs a whole number\n${usage}`)
  return value
}

function readPorts(args: string[]): [number, number] {
  const at = args.indexOf('--ports')
  if (at < 0) return [openAiPort, googlePort]
  const [openAi, google] = (args[at + 1] ?? '').split(',').map(Number)
  if (!Number.isInteger(openAi) || !Number.isInteger(google))
    throw new Error(`--ports needs two numbers\n${usage}`)
  return [openAi ?? openAiPort, google ?? googlePort]
}

await main(process.argv.slice(2))
