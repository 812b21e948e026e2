// `npm run demo`: the first five minutes in one command. Starts the service in the sandbox with a data folder of
// its own, makes an account with credits, asks for one image over HTTP, saves it and says what it cost.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const program = join(dirname(fileURLToPath(import.meta.url)), 'main.js')
const dataDir = join('data', 'demo')
const imageDir = 'demo'
const modelId = 'google:gemini-2.5-flash-image'
const defaultPrompt = 'a red lighthouse by the sea at sunset'
const startingCredits = 100
/** Making the first database takes seconds; on a slow machine, many. */
const startPatienceMs = 120_000

// Nothing of the operator's own configuration: the demo must neither spend money nor touch real data.
const env = {
  PATH: process.env.PATH ?? '',
  HOME: process.env.HOME ?? '',
  DARKROOM_DATA: dataDir,
  DARKROOM_SANDBOX: 'on',
  PORT: '0',
  LOG_LEVEL: 'warn',
}

type Answer = {
  image?: { id: string; mediaType: string; b64_json: string }
  credits?: { charged: number; remaining: number }
  error?: { message: string }
}

const usage = `Usage: npm run demo [-- a prompt in any words]
Makes one image offline, saves it in ${imageDir}/ and keeps its data in ${dataDir}/.
`

async function main(): Promise<void> {
  // Nobody wants a picture of "--help".
  if (['--help', '-h'].includes(process.argv[2] ?? '')) return void process.stdout.write(usage)
  const prompt = process.argv.slice(2).join(' ').trim() || defaultPrompt
  console.log('Starting Darkroom in its sandbox (the built-in illustrator serves every model)…')
  const service = await startService()
  try {
    const apiKey = await createAccount()
    console.log(`Made an account with ${startingCredits} credits and a key.`)
    console.log(`Asking ${modelId} for "${prompt}" …`)
    const body = JSON.stringify({ prompt, modelId })
    const beganAt = performance.now()
    const answer = await generate(service.url, apiKey, body)
    const seconds = ((performance.now() - beganAt) / 1000).toFixed(1)
    if (!answer.image || !answer.credits)
      throw new Error(answer.error?.message ?? 'the answer holds no image')
    const file = saveImage(prompt, answer.image)
    console.log(`
  image      ${file}
  took       ${seconds} s
  charged    ${answer.credits.charged} credits
  remaining  ${answer.credits.remaining} credits

To repeat it, start the service on the same data in one terminal:

  DARKROOM_DATA=${dataDir} DARKROOM_SANDBOX=on npm start

and in another:

  curl -s http://127.0.0.1:8787/api/v1/images/generate \\
    -H 'Authorization: Bearer ${apiKey}' \\
    -H 'Content-Type: application/json' \\
    -d '${body.replaceAll("'", "'\\''")}'
`)
  } finally {
    await service.stop()
  }
}

async function startService(): Promise<{ url: string; stop(): Promise<void> }> {
  mkdirSync(dataDir, { recursive: true })
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const url = await readUrl(child)
  return {
    url,
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

function readUrl(child: ChildProcess): Promise<string> {
  const output: string[] = []
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${why}\n${output.slice(-20).join('\n')}`))
    const timer = setTimeout(() => fail('The service did not become ready in time.'), startPatienceMs)
    child.once('exit', code => {
      clearTimeout(timer)
      fail(`The service ended with code ${code} before it was ready.`)
    })
    const read = (line: string) => {
      output.push(line)
      const url = /ready at (\S+)/.exec(line)?.[1]
      if (!url) return
      clearTimeout(timer)
      resolve(url)
    }
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', read)
    }
  })
}

async function createAccount(): Promise<string> {
  const email = `demo-${Date.now().toString(36)}@example.com`
  const command = [
    program,
    'accounts',
    'create',
    '--email',
    email,
    '--credits',
    `${startingCredits}`,
    '--json',
  ]
  const { stdout } = await promisify(execFile)(process.execPath, command, { env })
  return (JSON.parse(stdout) as { apiKey: string }).apiKey
}

async function generate(url: string, apiKey: string, body: string): Promise<Answer> {
  const answer = await fetch(`${url}/api/v1/images/generate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body,
  })
  return (await answer.json()) as Answer
}

function saveImage(prompt: string, image: { id: string; mediaType: string; b64_json: string }): string {
  const words = prompt.toLowerCase().match(/[a-z0-9]+/g) ?? ['image']
  const name = `${words.slice(0, 6).join('-')}-${image.id.slice(-6)}.${image.mediaType.split('/')[1] ?? 'png'}`
  mkdirSync(imageDir, { recursive: true })
  const file = join(imageDir, name)
  writeFileSync(file, Buffer.from(image.b64_json, 'base64'))
  return relative(process.cwd(), file)
}

main().catch(error => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
