// The PostgreSQL server process itself: whether one serves a cluster, starting one, stopping one.
// The server outlives us on purpose (own session, no pipes): a crash of Darkroom must not be one of the database.
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import {
  chown,
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  stat,
} from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Home, isAlive } from './embedded-cluster.ts'
import { childOptions, type Programs } from './embedded-programs.ts'

/** How often files and processes are looked at while waiting; a start takes about 100 ms. */
const LOOK_EVERY_MS = 10
/** The server's log is set aside at a start above this size; it holds only starts, stops and crashes. */
const LOG_LIMIT_BYTES = 1_000_000
/** The least that any system allows for the path of a socket, less the closing zero. */
const SOCKET_PATH_BYTES = 103

/** `socketFolder` is empty where the server only listens on loopback. */
export type Postmaster = {
  pid: number
  port: number
  socketFolder: string
  status: 'starting' | 'ready' | 'stopping' | 'unknown'
}

/** The settings that are part of the product; `fsync`, `synchronous_commit` and page writes are what we sell. */
const SERVER_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  wal_level: 'replica',
  listen_addresses: '127.0.0.1',
  max_connections: '100',
  shared_buffers: '128MB',
  jit: 'off',
  // One machine with few reads from disk: worker processes for them only cost memory.
  io_method: 'sync',
  max_logical_replication_workers: '0',
  checkpoint_timeout: '15min',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Guards that refuse are ordinary here, and a failed statement's text could hold a prompt: neither is logged.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
}

/** Reads the lock file of a cluster; null when there is none. Says nothing about the process being alive. */
export async function readPostmaster(home: Home): Promise<Postmaster | null> {
  const text = await readFile(join(home.data, 'postmaster.pid'), 'utf8').catch(nullIfMissing)
  if (text === null) return null
  const lines = text.split('\n')
  const pid = Math.abs(Number(lines[0]))
  const status = (lines[7] ?? '').trim()
  const known = status === 'starting' || status === 'ready' || status === 'stopping' ? status : 'unknown'
  return Number.isInteger(pid) && pid > 0
    ? { pid, port: Number(lines[3]), socketFolder: lines[4] ?? '', status: known }
    : null
}

function nullIfMissing(error: object): null {
  if (Reflect.get(error, 'code') === 'ENOENT') return null
  throw error
}

/** Whether that process is alive and is the server of this very cluster, not a stranger with a reused number. */
export async function servesCluster(home: Home, pid: number): Promise<boolean> {
  if (!isAlive(pid)) return false
  if (existsSync('/proc/self/cwd')) {
    // A postmaster's working folder is its cluster.
    const folder = await readlink(`/proc/${pid}/cwd`).catch(() => null)
    const [inside, cluster] = await Promise.all([
      stat(`/proc/${pid}/cwd`).catch(() => null),
      stat(home.data).catch(() => null),
    ])
    if (folder === null || inside === null || cluster === null) return false
    return inside.dev === cluster.dev && inside.ino === cluster.ino
  }
  if (process.platform === 'win32') return true
  const look = promisify(execFile)
  const answer = await look('ps', ['-o', 'command=', '-p', String(pid)], childOptions(null)).catch(() => null)
  return answer?.stdout.includes(await realpath(home.data)) ?? false
}

/**
 * Mends lock files whose process number belongs to a stranger now, or to a dead process nobody has buried yet:
 * PostgreSQL would refuse to start on them. The files stay, because the last line of one is how PostgreSQL notices
 * children of a killed server; only the number becomes ours, which PostgreSQL takes for a stale one as it is the
 * number of the process that starts the server. It locks the cluster before the socket, so a race ends there.
 */
export async function disownLockFiles(home: Home): Promise<void> {
  const folder = findSocketFolder(home)
  const sockets = folder === '' ? [] : await readdir(folder).catch(() => [])
  const files = sockets.filter(name => name.endsWith('.lock')).map(name => join(folder, name))
  for (const file of [join(home.data, 'postmaster.pid'), ...files]) {
    const pid = await readLockPid(file)
    if (pid === null || !isAlive(pid) || (await servesCluster(home, pid))) continue
    await disownLockFile(file, pid)
  }
}

/** Writes to the very file that was read: one that a server made in its place meanwhile stays as it is. */
async function disownLockFile(file: string, pid: number): Promise<void> {
  const handle = await open(file, 'r+').catch(nullIfMissing)
  if (handle === null) return
  try {
    const text = await handle.readFile('utf8')
    if (lockPidOf(text) !== pid) return
    const [, ...rest] = text.split('\n')
    const { bytesWritten } = await handle.write([process.pid, ...rest].join('\n'), 0)
    // Never empty for a moment: PostgreSQL does not start on an empty one.
    await handle.truncate(bytesWritten)
  } finally {
    await handle.close()
  }
}

async function readLockPid(file: string): Promise<number | null> {
  return lockPidOf(await readFile(file, 'utf8').catch(() => ''))
}

function lockPidOf(text: string): number | null {
  const pid = Math.abs(Number.parseInt(text, 10))
  return Number.isInteger(pid) && pid > 0 ? pid : null
}

export class StartFailure extends Error {
  override name = 'StartFailure'
  readonly reason: 'port_taken' | 'running_already' | 'stopped_again' | 'other'
  constructor(reason: StartFailure['reason'], output: string) {
    super(`the embedded PostgreSQL did not start: ${output.trim() || 'it said nothing'}`)
    this.reason = reason
  }
}

export type StartOptions = { programs: Programs; port: number; settings: Readonly<Record<string, string>> }

/** Starts the server and waits until it accepts connections. Recovery after a crash may take its time. */
export async function startPostmaster(home: Home, options: StartOptions): Promise<Postmaster> {
  const logFile = join(home.folder, 'server.log')
  await setLogAside(logFile)
  // Readable, because another process may set the file aside while we start.
  const log = await open(logFile, 'a+', 0o600)
  const { size: logStart } = await log.stat()
  const socketFolder = findSocketFolder(home)
  if (socketFolder !== '') await makeSocketFolder(home, socketFolder)
  const settings = { ...SERVER_SETTINGS, unix_socket_directories: socketFolder, ...options.settings }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  let ended: { code: number | null; error?: Error } | null = null
  const hasEnded = () => ended
  try {
    const child = spawn(options.programs.postgres, ['-D', home.data, '-p', String(options.port), ...args], {
      ...childOptions(home.runAs),
      // Its own session: Ctrl-C reaches only us, and we stop it after the last request.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      windowsHide: true,
    })
    child.once('exit', code => {
      ended = { code }
    })
    child.once('error', error => {
      ended = { code: null, error }
    })
    child.unref()
    for (;;) {
      const end = hasEnded()
      if (end?.error !== undefined) throw new StartFailure('other', end.error.message)
      if (end !== null) throw explainStart(await readFrom(log, logStart), end.code)
      const state = await readPostmaster(home)
      if (state !== null && state.pid === child.pid && state.status === 'ready') return state
      await delay(LOOK_EVERY_MS)
    }
  } finally {
    await log.close()
  }
}

/** A socket costs a tenth less CPU than loopback; a path too long for one leaves loopback, which works as well. */
function findSocketFolder(home: Home): string {
  const folder = join(home.folder, 'socket')
  const longest = `${folder}/.s.PGSQL.65535.lock`
  return process.platform !== 'win32' && Buffer.byteLength(longest) <= SOCKET_PATH_BYTES ? folder : ''
}

async function makeSocketFolder(home: Home, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  if (home.runAs !== null) await chown(folder, home.runAs.uid, home.runAs.gid)
}

async function setLogAside(file: string): Promise<void> {
  const facts = await stat(file).catch(() => null)
  if (facts !== null && facts.size > LOG_LIMIT_BYTES) await rename(file, `${file}.old`)
}

async function readFrom(file: FileHandle, from: number): Promise<string> {
  const { size } = await file.stat()
  if (size <= from) return ''
  const { buffer } = await file.read({ buffer: Buffer.alloc(size - from), position: from })
  return buffer.toString('utf8')
}

function explainStart(said: string, code: number | null): StartFailure {
  // A process that found it ready before we did has come and gone meanwhile, and as the last one stopped it.
  if (code === 0) return new StartFailure('stopped_again', said)
  if (/Address already in use|could not create any TCP\/IP sockets/.test(said)) {
    return new StartFailure('port_taken', said)
  }
  // Also while another server has made its lock file and not filled it, and while the children of a killed server
  // have not noticed its death yet.
  if (/lock file "[^"]*" (already exists|is empty)|pre-existing shared memory block/.test(said)) {
    return new StartFailure('running_already', said)
  }
  return new StartFailure('other', said)
}

export type StopOptions = { programs: Programs; timeoutMs: number }

/** Stops the server in its fast mode: sessions end, everything is flushed. False when it took too long. */
export async function stopPostmaster(home: Home, pid: number, options: StopOptions): Promise<boolean> {
  if (process.platform === 'win32') {
    const call = promisify(execFile)
    await call(options.programs.pgCtl, ['stop', '-D', home.data, '-m', 'fast', '-W'], childOptions(null))
  } else if (isAlive(pid)) {
    process.kill(pid, 'SIGINT')
  }
  const start = performance.now()
  while ((await servesCluster(home, pid)) || (await readPostmaster(home))?.pid === pid) {
    if (performance.now() - start > options.timeoutMs) return false
    await delay(LOOK_EVERY_MS)
  }
  return true
}
