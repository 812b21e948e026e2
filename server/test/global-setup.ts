// Runs once around a whole test run: names a fresh folder for the run's database server and takes both away at
// the end, also after Ctrl-C. The server itself starts when the first test asks for a database (database.ts).
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** Data folder of the run's embedded PostgreSQL. */
    databaseFolder: string
  }
}

const PREFIX = 'darkroom-test-'
/** Long enough for an immediate shutdown, which writes nothing. */
const STOP_PATIENCE_MS = 5_000

/** Ends the servers of a test folder at once (their data is thrown away) and removes it. Synchronous. */
function discard(folder: string): void {
  for (const dataDir of [folder, join(folder, 'data')]) {
    const lockFile = join(dataDir, 'postgres', 'cluster', 'postmaster.pid')
    try {
      const pid = Number(readFileSync(lockFile, 'utf8').split('\n')[0])
      process.kill(pid, 'SIGQUIT')
      const start = performance.now()
      const ear = new Int32Array(new SharedArrayBuffer(4))
      while (existsSync(lockFile) && performance.now() - start < STOP_PATIENCE_MS) Atomics.wait(ear, 0, 0, 10)
    } catch {
      // No server was started, or it is gone already.
    }
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
}

/** Removes what test runs left that were killed outright: their folders carry the number of their process. */
function sweep(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length).split('-')[0]) : Number.NaN
    if (!Number.isInteger(pid) || pid <= 0) continue
    try {
      process.kill(pid, 0)
    } catch (error) {
      const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : null
      if (code === 'ESRCH') discardIfOurs(join(tmpdir(), name))
    }
  }
}

function discardIfOurs(folder: string): void {
  try {
    discard(folder)
  } catch {
    // Another user's run left it; that user's next run removes it.
  }
}

/** Tests start the real server from dist-test/; a build that fails leaves none, and only those tests fail. */
function buildForTests(): void {
  const server = dirname(dirname(fileURLToPath(import.meta.url)))
  if (!existsSync(join(server, 'src', 'main.ts'))) return
  const built = spawnSync(process.execPath, ['build.mjs', '--test'], { cwd: server, encoding: 'utf8' })
  if (built.status === 0) return
  rmSync(join(server, 'dist-test'), { recursive: true, force: true })
  const reason = built.stderr.split('\n').slice(0, 8).join('\n')
  process.stderr.write(
    `dist-test/ could not be built, so tests of the running server will fail:\n${reason}\n`,
  )
}

export function setup(project: TestProject): () => void {
  sweep()
  buildForTests()
  const folder = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`))
  // As root the server runs as another user, who must pass through here.
  chmodSync(folder, 0o755)
  project.provide('databaseFolder', folder)
  const discardAtExit = () => discard(folder)
  process.once('exit', discardAtExit)
  return () => {
    process.off('exit', discardAtExit)
    discard(folder)
  }
}
