// The rig of every suite: real database, real processes of the built service, real emulators. Nothing of the
// product is replaced; what varies is the environment, as for any operator.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createAccount } from '../src/accounts/accounts.ts'
import { createKey, type KeyInput } from '../src/accounts/keys.ts'
import { findViolations, findWallet, grantCredits, type Violation } from '../src/credits/ledger.ts'
import { type BrokenBooks, watchBooks } from './books.ts'
import { buildProgram } from './crash/program.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { findMutant } from './mutants/mutants.ts'
import { defaultGoogleKey, startGoogleUpstream } from './upstreams/google.ts'
import { defaultOpenAiKey, startOpenAiUpstream } from './upstreams/openai.ts'
import type { Upstream } from './upstreams/upstream.ts'

const program = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist-test', 'main.js')

/** The service is up within seconds, or never; a machine may be as busy as it likes meanwhile. */
const startPatienceMs = 180_000
/** Leases short enough to see them expire, and long enough for a process that gets no time for seconds to keep its own. */
export const testLeaseMs = 6_000
export const testSweepMs = 150

export type Node = {
  url: string
  pid: number
  /** Lines the process printed, newest last. */
  output: string[]
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>
  /** Resolves with the exit code, however it ends. */
  exited: Promise<number | null>
}

export type Rig = {
  database: TestDatabase
  openai: Upstream
  google: Upstream
  /** Folder of stored images and secrets, shared by all nodes. */
  dataDir: string
  startNode(env?: Record<string, string>, role?: string): Promise<Node>
  /** An account with credits and one key without rate limit. */
  account(options: {
    credits: number
    key?: Partial<KeyInput>
    /** Left out, that of a new account. */
    plan?: string
  }): Promise<{ accountId: string; apiKey: string }>
  violations(): Promise<Violation[]>
  balance(accountId: string): Promise<number>
  /** Ends everything; throws when the books do not hold, or did not while they were watched. */
  close(): Promise<void>
}

export type RigOptions = {
  latencyMs?: number
  pictureSizeBytes?: number
  /** Another build of the service than dist-test's. */
  program?: string
  /** Another database than a fresh one of the run's server; the rig drops it. */
  database?: TestDatabase
  /** Looks at the books all the time, for suites of load and chaos. */
  watched?: boolean
  /** Which rules the books break on purpose in the end, and why; all others must hold. */
  brokenBooks?: BrokenBooks
}

export async function createRig(options: RigOptions = {}): Promise<Rig> {
  const { brokenBooks } = options
  const database = options.database ?? (await createTestDatabase(brokenBooks ? { brokenBooks } : {}))
  const mutated = findMutant()?.source && !options.program ? await buildProgram() : null
  const watch = options.watched ? await watchBooks(database.ownerUrl) : null
  const emulation = {
    latencyMs: options.latencyMs ?? 20,
    ...(options.pictureSizeBytes ? { pictureSizeBytes: options.pictureSizeBytes } : {}),
  }
  const openai = await startOpenAiUpstream(emulation)
  const google = await startGoogleUpstream(emulation)
  const dataDir = mkdtempSync(join(tmpdir(), 'darkroom-rig-'))
  const nodes = new Set<Node>()

  const baseEnv = {
    PATH: process.env.PATH ?? '',
    DATABASE_URL: database.appUrl,
    DATABASE_OWNER_URL: database.ownerUrl,
    DARKROOM_DATA: dataDir,
    OPENAI_BASE_URL: `${openai.url}/v1`,
    OPENAI_API_KEY: defaultOpenAiKey,
    GEMINI_BASE_URL: `${google.url}/v1beta`,
    GEMINI_API_KEY: defaultGoogleKey,
    PORT: '0',
    LOG_LEVEL: 'warn',
    DB_POOL_SIZE: '8',
    SHUTDOWN_GRACE_S: '30',
    TEST_LEASE_MS: String(testLeaseMs),
    TEST_SWEEP_MS: String(testSweepMs),
  }

  return {
    database,
    openai,
    google,
    dataDir,
    async startNode(env = {}, role = 'all') {
      const node = await startProcess(
        { ...baseEnv, ...env },
        role,
        options.program ?? mutated?.file ?? program,
      )
      nodes.add(node)
      node.exited.then(() => nodes.delete(node))
      return node
    },
    account: options => makeAccount(database, options),
    violations: () => findViolations(database.db, null),
    balance: async accountId => (await findWallet(database.db, accountId))?.available ?? Number.NaN,
    async close() {
      await Promise.all([...nodes].map(node => node.kill()))
      await Promise.all([openai.close(), google.close()])
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
      mutated?.remove()
      try {
        await watch?.stop()
      } finally {
        await database.drop()
      }
    },
  }
}

async function makeAccount(
  database: TestDatabase,
  { credits, key, plan }: Parameters<Rig['account']>[0],
): ReturnType<Rig['account']> {
  const now = () => new Date()
  const hashPassword = async () => {
    throw new Error('no password here')
  }
  const needs = { db: database.db, now, grantCredits, hashPassword }
  const email = `person-${Math.random().toString(36).slice(2)}@example.com`
  const wallet = { credits, signupCredits: 0 }
  const made = await createAccount(needs, {
    ...{ email, password: null, ...wallet },
    ...(plan === undefined ? {} : { plan }),
  })
  const input: KeyInput = { accountId: made.accountId, rate: 'off', inFlight: 'off', ...key }
  const { apiKey } = await database.db.transaction(tx => createKey({ tx, now }, input))
  return { accountId: made.accountId, apiKey }
}

function startProcess(env: Record<string, string>, role: string, file: string): Promise<Node> {
  const child: ChildProcess = spawn(process.execPath, ['--enable-source-maps', file, role], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: string[] = []
  const exited = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${why}\n${output.slice(-30).join('\n')}`))
    const timer = setTimeout(() => fail('the service did not start in time'), startPatienceMs)
    exited.then(code => fail(`the service ended with ${code} before it was ready`))
    const read = (line: string) => {
      output.push(line)
      if (output.length > 2_000) output.splice(0, 1_000)
      const url = /ready at (\S+)/.exec(line)?.[1]
      if (!url && !(role === 'work' && /working/.test(line))) return
      clearTimeout(timer)
      resolve({
        url: url ?? '',
        pid: child.pid ?? 0,
        output,
        exited,
        async kill() {
          child.kill('SIGKILL')
          await exited
        },
        stop() {
          child.kill('SIGTERM')
          return exited
        },
      })
    }
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', read)
    }
  })
}

/** One generation through Get Images' endpoint; `headers` are sent as such, everything else is the body. */
export async function generateImage(
  target: { url: string },
  apiKey: string,
  { headers = {}, ...body }: { headers?: Record<string, string>; [field: string]: unknown },
): Promise<{ status: number; headers: Headers; body: GenerateAnswer }> {
  const answer = await fetch(`${target.url}/api/v1/images/generate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ modelId: 'openai:gpt-image-2', ...body }),
  })
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as GenerateAnswer }
}

export type GenerateAnswer = {
  image?: { id: string; b64_json: string; [field: string]: unknown }
  credits?: { charged: number; remaining: number }
  generationId?: string
  error?: { message: string; details?: { path: string; message: string; code: string }[] }
}

/** Reads a resource with the key. */
export async function read(target: { url: string }, apiKey: string, path: string) {
  const answer = await fetch(target.url + path, { headers: { authorization: `Bearer ${apiKey}` } })
  return {
    status: answer.status,
    headers: answer.headers,
    body: (await answer.json()) as Record<string, unknown>,
  }
}

/** In the run of a mutant most conditions are met within a second, or never. */
const mutantPatienceMs = 10_000

/** Nothing is judged by it: what holds is seen at once, and only what never comes takes so long. */
const usualPatienceMs = 120_000

/** Looks until the condition holds; rejects with `what` after the time. */
export async function eventually(
  what: string,
  condition: () => Promise<boolean> | boolean,
  timeoutMs = usualPatienceMs,
): Promise<void> {
  const until = performance.now() + (process.env.MUTANT ? Math.min(timeoutMs, mutantPatienceMs) : timeoutMs)
  while (!(await condition())) {
    if (performance.now() > until) throw new Error(`not in time: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}
