// Guards the decoders against damaged files: processes of their own, with little memory, are fed thousands of them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { createInstrumenter } from 'istanbul-lib-instrument'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inputCounts } from '../../test/counts.ts'
import { recordProof } from '../../test/crash/record.ts'
import { makeSeeds } from '../../test/fuzz-seeds.ts'

const server = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
/** Address space in KiB: Node, sharp and one picture of the largest size. */
const addressSpaceKiB = 3_000_000

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), `darkroom-test-${process.pid}-fuzz-`))
  symlinkSync(join(dirname(server), 'node_modules'), join(folder, 'node_modules'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** One file of test/ with what it imports. `count`: with counters of each statement and branch in it. */
async function bundle(name: string, { count = false } = {}): Promise<string> {
  const file = join(folder, `${name}.mjs`)
  const { outputFiles } = await build({
    absWorkingDir: server,
    entryPoints: [`test/${name}.ts`],
    outfile: file,
    write: false,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    define: { __FAILPOINTS__: 'false' },
    logLevel: 'error',
  })
  const code = outputFiles[0]?.text ?? ''
  writeFileSync(file, count ? createInstrumenter({ esModules: true }).instrumentSync(code, file) : code)
  return file
}

/** A program in a process of its own, with little memory. */
function startSmall(
  program: string,
  values: string[],
  options: { stderr: 'ignore' | 'pipe'; maxMs?: number },
) {
  const command = `ulimit -v ${addressSpaceKiB}; exec "$@"`
  return spawn('sh', ['-c', command, 'sh', process.execPath, program, ...values], {
    stdio: ['ignore', 'pipe', options.stderr],
    ...(options.maxMs === undefined ? {} : { timeout: options.maxMs, killSignal: 'SIGTERM' }),
  })
}

type Run = { last: number; taken: number; refused: number; broken: string[]; code: number | null }

/** Feeds those numbers until the process ends, by itself or not. */
async function feed(program: string, from: number, to: number): Promise<Run> {
  const child = startSmall(program, [`${from}`, `${to}`], { stderr: 'ignore' })
  const run: Run = { last: from - 1, taken: 0, refused: 0, broken: [], code: null }
  const ended = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
  for await (const line of createInterface({ input: child.stdout as Readable })) {
    if (line.startsWith('begin ')) run.last = Number(line.slice(6))
    else if (line.startsWith('taken')) run.taken += 1
    else if (line === 'refused') run.refused += 1
    else run.broken.push(line)
  }
  run.code = await ended
  return run
}

test('damaged files are refused or taken, and next to none ends the process that decodes them', async () => {
  const total = inputCounts.mutations
  const program = await bundle('fuzz-input-child')
  const sum = { taken: 0, refused: 0, killed: 0, broken: [] as string[] }
  for (let next = 0; next < total; ) {
    const run = await feed(program, next, total)
    expect(run.last, `ended with ${run.code} before the first`).toBeGreaterThanOrEqual(next)
    sum.taken += run.taken
    sum.refused += run.refused
    sum.broken.push(...run.broken)
    if (run.code !== 0) sum.killed += 1
    next = run.last + 1
  }
  recordProof('damaged files', { ...sum, broken: sum.broken.length })
  expect(sum.broken).toEqual([])
  expect(sum.taken + sum.refused + sum.killed).toBe(total)
  // Both must happen, or nothing was tried.
  expect(sum.taken).toBeGreaterThan(total / 50)
  expect(sum.refused).toBeGreaterThan(total / 10)
  expect(sum.killed).toBeLessThanOrEqual(total / 1_000)
}, 1_200_000)

type Guided = { runs: number; taken: number; refused: number; first: number; features: number; kept: number }

/** How long a process may go on after its time: a reader that never ends would hold it for ever. */
const graceMs = 120_000

type Ended = { code: number | null; signal: NodeJS.Signals | null; said: string }

/** Resolves with what the process counted, or with how it ended before its time. */
async function fuzz(program: string, seconds: number, values: string[]): Promise<Guided | Ended> {
  const child = startSmall(program, [...values, `${seconds}`], {
    stderr: 'pipe',
    maxMs: seconds * 1_000 + graceMs,
  })
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const [written, said] = await Promise.all([child.stdout, child.stderr].map(each => text(each as Readable)))
  const [code, signal] = await ended
  return code === 0 ? (JSON.parse(written ?? '') as Guided) : { code, signal, said: said ?? '' }
}

/** Out of memory, or a fault of native code: the process was ended by its system, not by our code or our patience. */
function isKill({ code, signal }: Ended): boolean {
  return (signal !== null && signal !== 'SIGTERM') || (code !== null && code >= 128)
}

test(
  'inputs that coverage leads to are refused or taken, and next to none ends the process',
  async () => {
    const [child, target] = await Promise.all([
      bundle('fuzz-guided-child'),
      bundle('fuzz-guided-target', { count: true }),
    ])
    const inputs = join(folder, 'inputs')
    mkdirSync(inputs)
    for (const [number, bytes] of (await makeSeeds()).entries())
      writeFileSync(join(inputs, `seed-${number}`), bytes)
    const until = performance.now() + inputCounts.guidedSeconds * 1_000
    const sum = { runs: 0, taken: 0, refused: 0, killed: 0, kept: 0 }
    for (let serial = 0; performance.now() < until; serial += 1) {
      // A few processes in turn, each with dice of its own and with what the ones before it have kept.
      const seconds = Math.ceil(Math.min((until - performance.now()) / 1_000, inputCounts.guidedSeconds / 4))
      const result = await fuzz(child, seconds, [target, inputs, `${serial}`])
      if ('code' in result) {
        const last = existsSync(join(folder, 'last')) ? readFileSync(join(folder, 'last'), 'base64') : 'none'
        expect(isKill(result), `${JSON.stringify(result)}\nafter ${last}`).toBe(true)
        sum.killed += 1
        continue
      }
      // What it began with leads through some of the code, what it found through more.
      if (serial === 0) expect(result.features).toBeGreaterThan(result.first)
      sum.runs += result.runs
      sum.taken += result.taken
      sum.refused += result.refused
      sum.kept = result.kept
    }
    recordProof('coverage-guided fuzzing', { seconds: inputCounts.guidedSeconds, ...sum })
    expect(sum.taken).toBeGreaterThan(sum.runs / 200)
    expect(sum.refused).toBeGreaterThan(sum.runs / 10)
    expect(sum.killed).toBeLessThanOrEqual(sum.runs / 1_000)
  },
  inputCounts.guidedSeconds * 1_000 + 300_000,
)
