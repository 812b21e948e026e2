// Guards the decoders against damaged files: a process of its own, with little memory, is fed thousands of them.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inputCounts } from '../../test/counts.ts'

const server = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
/** Address space in KiB: Node, sharp and one picture of the largest size. */
const addressSpaceKiB = 3_000_000

let folder: string
let program: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), `darkroom-test-${process.pid}-fuzz-`))
  program = join(folder, 'child.mjs')
  symlinkSync(join(dirname(server), 'node_modules'), join(folder, 'node_modules'))
  await build({
    absWorkingDir: server,
    entryPoints: ['test/fuzz-input-child.ts'],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    define: { __FAILPOINTS__: 'false' },
    logLevel: 'error',
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Run = { last: number; taken: number; refused: number; broken: string[]; code: number | null }

/** Feeds those numbers until the process ends, by itself or not. */
async function feed(from: number, to: number): Promise<Run> {
  const command = `ulimit -v ${addressSpaceKiB}; exec "$@"`
  const child = spawn('sh', ['-c', command, 'sh', process.execPath, program, `${from}`, `${to}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const run: Run = { last: from - 1, taken: 0, refused: 0, broken: [], code: null }
  const ended = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
  for await (const line of createInterface({ input: child.stdout })) {
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
  const sum = { taken: 0, refused: 0, killed: 0, broken: [] as string[] }
  for (let next = 0; next < total; ) {
    const run = await feed(next, total)
    expect(run.last, `ended with ${run.code} before the first`).toBeGreaterThanOrEqual(next)
    sum.taken += run.taken
    sum.refused += run.refused
    sum.broken.push(...run.broken)
    if (run.code !== 0) sum.killed += 1
    next = run.last + 1
  }
  expect(sum.broken).toEqual([])
  expect(sum.taken + sum.refused + sum.killed).toBe(total)
  // Both must happen, or nothing was tried.
  expect(sum.taken).toBeGreaterThan(total / 50)
  expect(sum.refused).toBeGreaterThan(total / 10)
  expect(sum.killed).toBeLessThanOrEqual(total / 1_000)
}, 1_200_000)
