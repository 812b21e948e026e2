// The embedded server under every way of dying, as every kind of user, with real processes.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { silentLog } from '../../test/database.ts'
import {
  type EmbeddedProcess,
  findServerProcesses,
  makeCheckout,
  makeFolder,
  startProcess,
} from '../../test/embedded-process.ts'
import { findQuietPort, listenOn } from '../../test/quiet-ports.ts'
import { connectDatabase } from './connect.ts'
import { startEmbeddedPostgres } from './embedded.ts'

const isRoot = process.getuid?.() === 0
/** The unprivileged user of every system. */
const NOBODY = 65_534

let checkout: string
let program: string
let template: string
const started: EmbeddedProcess[] = []
const dataFolders: string[] = []
const standIns: ChildProcess[] = []

beforeAll(async () => {
  checkout = await makeFolder()
  program = await makeCheckout(join(checkout, 'app'))
  template = join(checkout, 'data')
  await (await startEmbeddedPostgres({ dataDir: template, log: silentLog })).stop()
})
afterAll(async () => {
  await rm(checkout, { recursive: true, force: true })
})
afterEach(async () => {
  for (const one of started.splice(0)) await one.kill('SIGKILL')
  for (const one of standIns.splice(0)) one.kill('SIGKILL')
  for (const dataDir of dataFolders.splice(0)) {
    await endServer(dataDir)
    await rm(dataDir, { recursive: true, force: true })
  }
})

async function makeEmptyFolder(): Promise<string> {
  const folder = await makeFolder()
  dataFolders.push(folder)
  return folder
}

/** A data folder with a stopped cluster in it, which a copy makes sooner than a first start. */
async function makeDataFolder(): Promise<string> {
  const folder = await makeEmptyFolder()
  await promisify(execFile)('cp', ['-a', join(template, 'postgres'), folder])
  // Each cluster on a port of its own, which nobody takes while a test has stopped or killed its server.
  await writeFile(join(folder, 'postgres', 'port'), `${await findQuietPort()}\n`)
  return folder
}

function start(dataDir: string, extra: { uid?: number; gid?: number; from?: string } = {}): EmbeddedProcess {
  const { from, ...user } = extra
  const one = startProcess({ program: from ?? program, dataDir, ...user })
  started.push(one)
  return one
}

async function ready(one: EmbeddedProcess) {
  const message = await one.waitFor(({ kind }) => kind === 'ready' || kind === 'failed')
  expect(message, JSON.stringify(message)).toMatchObject({ kind: 'ready' })
  return message as unknown as {
    ownerUrl: string
    port: number
    pid: number
    attached: boolean
    startMs: number
  }
}

/** Whatever server a test left behind, ended through the product itself. */
async function endServer(dataDir: string): Promise<void> {
  const home = await stat(join(dataDir, 'postgres')).catch(() => null)
  if (home === null) return
  const embedded = await startEmbeddedPostgres({ dataDir, log: silentLog })
  await embedded.stop()
}

async function readWritten(dataDir: string): Promise<Set<string>> {
  const embedded = await startEmbeddedPostgres({ dataDir, log: silentLog })
  const db = await connectDatabase({
    url: embedded.ownerUrl,
    maxConnections: 1,
    statementTimeoutMs: 5_000,
    prepare: true,
    log: silentLog,
  })
  const rows = await db.query<{ writer: number; n: number }>({
    name: 'all',
    text: 'SELECT writer, n FROM written',
  })
  await db.close()
  await embedded.stop()
  return new Set(rows.map(row => `${row.writer}:${row.n}`))
}

function acknowledged(one: EmbeddedProcess): string[] {
  return one.messages.filter(({ kind }) => kind === 'written').map(({ writer, n }) => `${writer}:${n}`)
}

/** A process that ended and that nobody has buried yet is not alive. */
async function isAlive(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return text !== '' && text.slice(text.lastIndexOf(')') + 2).split(' ')[0] !== 'Z'
}

test('the first start makes the cluster, a clean stop ends the server, a later start makes no other', async () => {
  const dataDir = await makeEmptyFolder()
  const first = start(dataDir)
  const before = await ready(first)
  expect(before.attached).toBe(false)
  const version = join(dataDir, 'postgres', 'cluster', 'PG_VERSION')
  const made = await stat(version)
  await first.stop()
  expect(await isAlive(before.pid)).toBe(false)
  // The port is kept, so that a URL given to other tools stays right. The first one may belong to somebody by now.
  const kept = join(dataDir, 'postgres', 'port')
  expect(await readFile(kept, 'utf8')).toBe(`${before.port}\n`)
  const port = await findQuietPort()
  await writeFile(kept, `${port}\n`)
  const second = start(dataDir)
  const after = await ready(second)
  expect(after.port).toBe(port)
  expect(await stat(version)).toMatchObject({ ino: made.ino, birthtimeMs: made.birthtimeMs })
  const { mode } = await stat(join(dataDir, 'postgres', 'credentials.json'))
  expect(mode & 0o077).toBe(0)
  await second.stop()
})

test('a killed process leaves the server running, and the next one attaches to it with nothing lost', async () => {
  const dataDir = await makeDataFolder()
  const first = start(dataDir)
  const { pid } = await ready(first)
  first.say('write')
  await first.waitFor(({ kind, n }) => kind === 'written' && n === 20)
  await first.kill('SIGKILL')
  expect(await isAlive(pid)).toBe(true)
  const second = start(dataDir)
  expect(await ready(second)).toMatchObject({ pid, attached: true })
  await second.stop()
  expect(await isAlive(pid)).toBe(false)
  const written = await readWritten(dataDir)
  expect(acknowledged(first).filter(row => !written.has(row))).toEqual([])
})

test('every acknowledged write survives the kill of the process and of all of PostgreSQL, round after round', async () => {
  const dataDir = await makeDataFolder()
  for (let round = 0; round < 3; round += 1) {
    const one = start(dataDir)
    const { pid } = await ready(one)
    one.say('write')
    // Of all writers together: one may be far ahead.
    await one.waitFor(() => acknowledged(one).length >= 100)
    const victims = await findServerProcesses(pid)
    expect(victims.length).toBeGreaterThan(3)
    one.child.kill('SIGKILL')
    victims.forEach(killUnlessGone)
    await one.kill('SIGKILL')
    const written = await readWritten(dataDir)
    const said = acknowledged(one)
    expect(said.length).toBeGreaterThanOrEqual(100)
    expect(said.filter(row => !written.has(row))).toEqual([])
    await clearWritten(dataDir)
  }
})

/** The server's process for a connection ends by itself when the connection does. */
function killUnlessGone(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    expect(error).toMatchObject({ code: 'ESRCH' })
  }
}

async function clearWritten(dataDir: string): Promise<void> {
  const embedded = await startEmbeddedPostgres({ dataDir, log: silentLog })
  const db = await connectDatabase({
    url: embedded.ownerUrl,
    maxConnections: 1,
    statementTimeoutMs: 5_000,
    prepare: true,
    log: silentLog,
  })
  await db.query({ name: 'clear', text: 'DELETE FROM written' })
  await db.close()
  await embedded.stop()
}

test('a killed server comes back under load on the same port, and no process dies of it', async () => {
  const dataDir = await makeDataFolder()
  const one = start(dataDir)
  let { pid } = await ready(one)
  one.say('write')
  for (let round = 0; round < 3; round += 1) {
    await one.waitFor(({ kind, n }) => kind === 'written' && Number(n) >= 10 * (round + 1))
    const back = one.messages.length
    process.kill(pid, 'SIGKILL')
    const isBack = (message: object) => one.messages.indexOf(message as never) >= back
    await one.waitFor(message => isBack(message) && message.message === 'the embedded PostgreSQL is back')
    await one.waitFor(message => isBack(message) && message.kind === 'written')
    const asked = one.messages.length
    one.say('pid')
    const answer = await one.waitFor(
      message => message.kind === 'pid' && one.messages.indexOf(message) >= asked,
    )
    expect(answer.pid).not.toBe(pid)
    pid = Number(answer.pid)
  }
  const refusals = one.messages.filter(({ kind }) => kind === 'refused')
  expect(new Set(refusals.map(({ code }) => code))).toEqual(new Set(['unavailable']))
  expect(one.child.exitCode).toBe(null)
  const said = acknowledged(one)
  await one.kill('SIGKILL')
  const written = await readWritten(dataDir)
  expect(said.filter(row => !written.has(row))).toEqual([])
})

test('whoever leaves last stops the server: a command that comes and goes does not', async () => {
  const dataDir = await makeDataFolder()
  const service = start(dataDir)
  const { pid } = await ready(service)
  const command = start(dataDir)
  expect(await ready(command)).toMatchObject({ pid, attached: true })
  await command.stop()
  expect(await isAlive(pid)).toBe(true)
  const later = start(dataDir)
  await ready(later)
  await service.stop()
  expect(await isAlive(pid)).toBe(true)
  await later.stop()
  expect(await isAlive(pid)).toBe(false)
})

test('four first starts at once share one cluster and one server', async () => {
  const dataDir = await makeEmptyFolder()
  const all = Array.from({ length: 4 }, () => start(dataDir))
  const states = await Promise.all(all.map(ready))
  expect(new Set(states.map(state => state.pid)).size).toBe(1)
  await Promise.all(all.map(one => one.stop()))
  expect(await isAlive(states[0]?.pid ?? 0)).toBe(false)
})

test('starts and stops that overlap never leave a process without a server', async () => {
  const dataDir = await makeDataFolder()
  const visit = async () => {
    const one = start(dataDir)
    await ready(one)
    await one.stop()
  }
  for (let round = 0; round < 4; round += 1) await Promise.all([visit(), visit(), visit()])
})

/** What a server sends that lets a client in and is told to stop in the same moment. */
function letInAndStop(): Buffer {
  const message = (type: string, ...parts: (string | number)[]) => {
    const bytes = parts.map(part => (typeof part === 'number' ? int32(part) : Buffer.from(part)))
    const length = bytes.reduce((sum, part) => sum + part.length, 4)
    return Buffer.concat([Buffer.from(type), int32(length), ...bytes])
  }
  const reason = 'SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0'
  return Buffer.concat([message('R', 0), message('Z', 'I'), message('E', reason)])
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

test('a server that ends the session in the moment it let a process in is waited out', async () => {
  const dataDir = await makeDataFolder()
  const folder = join(dataDir, 'postgres')
  const cluster = join(folder, 'cluster')
  // A process takes the place of the server that another Darkroom process stops: its folder is the cluster.
  const leaving = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { cwd: cluster })
  standIns.push(leaving)
  const port = 5432
  const sockets = join(folder, 'socket')
  const lock = [leaving.pid, cluster, 0, port, sockets, '127.0.0.1', '  0  0', 'ready   ', '']
  const server = createServer(socket => socket.once('data', () => socket.end(letInAndStop())))
  server.listen(join(sockets, `.s.PGSQL.${port}`))
  await once(server, 'listening')
  await chmod(join(sockets, `.s.PGSQL.${port}`), 0o777)
  await writeFile(join(cluster, 'postmaster.pid'), lock.join('\n'), { mode: 0o600 })
  const { uid, gid } = await stat(cluster)
  await chown(join(cluster, 'postmaster.pid'), uid, gid)
  const one = start(dataDir)
  const state = ready(one)
  await Promise.race([once(server, 'connection').then(() => once(server, 'connection')), state])
  leaving.kill('SIGKILL')
  expect(await state).toMatchObject({ attached: false })
  server.close()
  await one.stop()
})

test('Ctrl-C reaches the process and not its database', async () => {
  const dataDir = await makeDataFolder()
  const one = start(dataDir)
  const { pid } = await ready(one)
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  const [, , group, session] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  expect([Number(group), Number(session)]).toEqual([pid, pid])
  await one.kill('SIGINT')
  expect(await isAlive(pid)).toBe(true)
})

test('a lock file whose process number belongs to a stranger does not prevent the start', async () => {
  const dataDir = await makeDataFolder()
  const first = await startEmbeddedPostgres({ dataDir, log: silentLog })
  const lockFile = join(dataDir, 'postgres', 'cluster', 'postmaster.pid')
  const lines = (await readFile(lockFile, 'utf8')).split('\n')
  const { uid, gid } = await stat(lockFile)
  await first.stop()
  // A process of the same user as the server, so that PostgreSQL by itself would take it for a server.
  const stranger = start(await makeDataFolder())
  const other = await ready(stranger)
  lines[0] = String(other.pid)
  await writeFile(lockFile, lines.join('\n'), { mode: 0o600 })
  await chown(lockFile, uid, gid)
  const again = await startEmbeddedPostgres({ dataDir, log: silentLog })
  expect(again.attached).toBe(false)
  await again.stop()
  expect(await isAlive(other.pid)).toBe(true)
})

test('a port that somebody took meanwhile is replaced', async () => {
  const dataDir = await makeDataFolder()
  const first = await startEmbeddedPostgres({ dataDir, log: silentLog })
  await first.stop()
  const thief = createServer()
  await listenOn(thief, first.port)
  const again = await startEmbeddedPostgres({ dataDir, log: silentLog })
  expect(again.port).not.toBe(first.port)
  await again.stop()
  thief.close()
})

test('links that npm did not make are made; an ordinary user needs nothing else', async () => {
  const base = await makeEmptyFolder()
  const dataDir = join(base, 'data')
  await mkdir(dataDir)
  const from = await makeCheckout(join(base, 'app'))
  if (isRoot) {
    for (const path of [dataDir, join(base, 'app')]) await chown(path, NOBODY, NOBODY)
  }
  // As root the package's folder is not writable for the user, so the programs are copied into the data folder.
  const one = start(dataDir, { from, ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}) })
  const { pid } = await ready(one)
  expect((await stat(`/proc/${pid}`)).uid).toBe(isRoot ? NOBODY : process.getuid?.())
  await one.stop()
})

test.runIf(isRoot)(
  'root in a folder nobody else can enter: programs and data go to the system folder',
  async () => {
    const base = await makeEmptyFolder()
    const locked = join(base, 'home')
    await mkdir(locked)
    await chmod(locked, 0o700)
    const from = await makeCheckout(join(locked, 'app'))
    const one = start(join(locked, 'app', 'data'), { from })
    const { pid } = await ready(one)
    expect((await stat(`/proc/${pid}`)).uid).not.toBe(0)
    const told = await one.waitFor(({ level }) => level === 'warn')
    const used = String(Reflect.get(Object(told.fields), 'used'))
    expect(used).toMatch(/^\/var\/lib\/darkroom\/[0-9a-f]{16}\/postgres$/)
    await one.stop()
    const again = start(join(locked, 'app', 'data'), { from })
    await ready(again)
    await again.stop()
    expect((await stat(locked)).mode & 0o777).toBe(0o700)
    await rm(join(used, '..'), { recursive: true })
  },
)

test('a platform without the package, and credentials of another user, are told with their mend', async () => {
  const base = await makeEmptyFolder()
  const from = await makeCheckout(join(base, 'app'))
  const one = start(join(base, 'data'), { from })
  await ready(one)
  if (isRoot) {
    const stranger = start(join(base, 'data'), { from, uid: NOBODY, gid: NOBODY })
    const failed = await stranger.waitFor(({ kind }) => kind === 'failed')
    expect(failed.message).toContain('run this as the user who started Darkroom first')
  }
  await one.stop()
  await rm(join(base, 'app', 'node_modules'), { recursive: true })
  const lacking = start(join(base, 'data'), { from })
  const failed = await lacking.waitFor(({ kind }) => kind === 'failed')
  expect(failed.message).toMatch(/is not installed: run `npm ci --include=optional`.*set DATABASE_URL/)
  dataFolders.push(join(base, 'data'))
})
