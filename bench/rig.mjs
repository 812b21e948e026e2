// What every bench needs: the emulated upstream, a database, the service on it, an account with a key without
// limits. Everything lives in a folder of its own that is removed in the end.
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres } from './postgres.mjs'
import { removeAtEnd, run, start } from './processes.mjs'

export const here = dirname(fileURLToPath(import.meta.url))
export const dist = process.env.BENCH_DIST ?? join(here, '..', 'server', 'dist')

/** `--name N` as a number. */
export function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? fallback : Number(process.argv[at + 1])
}

/** `--name text`. */
export function textOption(name, fallback) {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? fallback : process.argv[at + 1]
}

/**
 * Emulates the upstreams; every answer takes `latencyMs` and holds a picture of `pictureBytes`, or a small one. `last` is
 * the variable that those named by `only` print last.
 */
export async function startUpstream({
  latencyMs,
  pictureBytes,
  only = 'openai,google',
  last = 'GEMINI_API_KEY',
}) {
  const values = {}
  const size = pictureBytes ? ['--picture-bytes', String(pictureBytes)] : []
  const flags = ['--latency', String(latencyMs), ...size, '--quiet', '--free-ports', '--only', only]
  const started = await start([join(dist, 'upstreams.js'), ...flags], {}, line => {
    const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? []
    if (name) values[name] = value
    return values[last] ? values : null
  })
  return { environment: started.value, pid: started.pid, stop: started.stop }
}

/**
 * `rate`: of the account's key; off, or so wide that it is counted and refuses nobody.
 * `database`: `postgres` (a server beside it) or `embedded`. `settings`: further environment variables. `role`: what the
 * process does; `startWorker` starts another one that works.
 */
export async function startDarkroom({
  database,
  upstream,
  settings = {},
  nodeFlags = [],
  role = 'all',
  rate = 'off',
}) {
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-bench-'))
  removeAtEnd(folder)
  // As root the database runs as another user, who must be able to pass.
  chmodSync(folder, 0o755)
  const dataDir = join(folder, 'data')
  const postgres = database === 'postgres' ? await startPostgres(join(folder, 'server')) : null
  const environment = {
    ...upstream.environment,
    DARKROOM_DATA: dataDir,
    PORT: '0',
    ...(postgres ? { DATABASE_URL: postgres.url } : {}),
    ...settings,
  }
  const main = join(dist, 'main.js')
  const service = await start(
    [...nodeFlags, main, role],
    environment,
    line => /ready at (\S+)/.exec(line)?.[1],
  )
  /** An account with plenty of credits and a key without limits, or with the rate that was given. */
  async function createAccount(email) {
    const account = ['accounts', 'create', '--email', email, '--credits', '100000000', '--json']
    const { accountId } = await run([main, ...account], environment)
    const limits = ['--rate', rate, '--in-flight', 'off', '--json']
    const { apiKey } = await run([main, 'keys', 'create', '--account', accountId, ...limits], environment)
    return { accountId, apiKey }
  }
  const { accountId, apiKey } = await createAccount('bench@example.com')
  const cluster = join(dataDir, 'postgres', 'cluster', 'postmaster.pid')
  return {
    url: service.value,
    pid: service.pid,
    databasePid: postgres ? postgres.pid : Number(readFileSync(cluster, 'utf8').split('\n')[0]),
    databaseUrl: postgres?.url ?? null,
    databaseAdminUrl: postgres?.adminUrl ?? null,
    databaseVersion: postgres?.version ?? 'embedded',
    accountId,
    apiKey,
    createAccount,
    startWorker: () =>
      start([...nodeFlags, main, 'work'], environment, line => (/working/.test(line) ? true : null)),
    async stop() {
      await service.stop()
      await postgres?.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
