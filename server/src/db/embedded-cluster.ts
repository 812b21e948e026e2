// Where the embedded cluster lives and how it is made. A cluster appears complete, by one rename, or not at all:
// initdb, roles and database are made in a staging folder first, so a crash in between leaves nothing to mend.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  chmod,
  chown,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { nameDataFolder } from '../folders.ts'
import type { DatabaseLog } from './db.ts'
import {
  childOptions,
  chooseUser,
  makeReachable,
  type Programs,
  type RunAs,
  SYSTEM_FOLDER,
  userOfOwner,
} from './embedded-programs.ts'

export const ADMIN_ROLE = 'darkroom_admin'
export const OWNER_ROLE = 'darkroom_owner'
export const APP_ROLE = 'darkroom_app'
export const DATABASE_NAME = 'darkroom'

/** A cluster's folder: `cluster/` is PostgreSQL's own, beside it our credentials, port and the server's log. */
export type Home = { folder: string; data: string; runAs: RunAs }
export type Credentials = { admin: string; owner: string; app: string }

function homeIn(folder: string, runAs: RunAs): Home {
  return { folder, data: join(folder, 'cluster'), runAs }
}

/** Chooses the folder: the one that holds a cluster already, else the data folder if the user can reach it. */
export async function findHome(dataDir: string, log: DatabaseLog): Promise<Home> {
  await nameDataFolder(dataDir, () => makeReachable(dataDir))
  const place = await realpath(dataDir)
  const near = join(place, 'postgres')
  const far = join(SYSTEM_FOLDER, createHash('sha256').update(place).digest('hex').slice(0, 16), 'postgres')
  for (const folder of [near, far]) {
    const owner = await stat(join(folder, 'cluster')).catch(() => null)
    if (owner === null) continue
    const runAs = userOfOwner(owner)
    if (!(await canPass(folder, runAs))) {
      throw new Error(
        `the database folder ${folder} cannot be reached by the user ${runAs?.name ?? 'running this'}: ` +
          'give that user execute permission on the folders above it',
      )
    }
    return homeIn(folder, runAs)
  }
  const runAs = chooseUser()
  if (await canPass(place, runAs)) return homeIn(near, runAs)
  log.warn(
    { asked: near, used: far, user: runAs?.name },
    'the data folder cannot be reached by the user PostgreSQL runs as, so the database is kept elsewhere',
  )
  return homeIn(far, runAs)
}

/** Whether that user may pass through every folder of the path, by its plain permission bits. */
async function canPass(path: string, runAs: RunAs): Promise<boolean> {
  if (runAs === null) return true
  for (let folder = path; ; folder = dirname(folder)) {
    const facts = await stat(folder).catch(() => null)
    if (facts !== null) {
      const bit = facts.uid === runAs.uid ? 0o100 : facts.gid === runAs.gid ? 0o010 : 0o001
      if ((facts.mode & bit) === 0) return false
    }
    if (folder === dirname(folder)) return true
  }
}

export async function readCredentials(home: Home): Promise<Credentials> {
  const file = join(home.folder, 'credentials.json')
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new Error(
      `the database's credentials in ${file} cannot be read: run this as the user who started Darkroom first`,
      { cause: error },
    )
  }
  const value: unknown = JSON.parse(text)
  const field = (name: string): string => {
    const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : null
    if (typeof found !== 'string' || found === '') throw new Error(`${file} lacks the password of ${name}`)
    return found
  }
  return { admin: field('admin'), owner: field('owner'), app: field('app') }
}

/** Makes the cluster unless it is there. Safe when several processes do it at once: one of them wins. */
export async function ensureCluster(home: Home, programs: Programs): Promise<void> {
  if (existsSync(home.data)) return
  await makeReachable(dirname(home.folder))
  await sweepStaging(home)
  const staging = homeIn(`${home.folder}.new-${process.pid}-${randomBytes(3).toString('hex')}`, home.runAs)
  try {
    await buildCluster(staging, programs)
    await rename(staging.folder, home.folder)
    await syncFolder(dirname(home.folder))
  } catch (error) {
    await rm(staging.folder, { recursive: true, force: true })
    if (!existsSync(home.data)) throw error
  }
}

/** Removes what a killed first start left behind. */
async function sweepStaging(home: Home): Promise<void> {
  const prefix = `${home.folder}.new-`
  const parent = dirname(home.folder)
  for (const name of await readdir(parent)) {
    const path = join(parent, name)
    if (!path.startsWith(prefix)) continue
    const pid = Number.parseInt(path.slice(prefix.length), 10)
    if (!isAlive(pid)) await rm(path, { recursive: true, force: true })
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && Reflect.get(error, 'code') === 'EPERM'
  }
}

async function buildCluster(home: Home, programs: Programs): Promise<void> {
  const makePassword = () => randomBytes(24).toString('base64url')
  const credentials: Credentials = { admin: makePassword(), owner: makePassword(), app: makePassword() }
  await mkdir(home.folder)
  await chmod(home.folder, home.runAs === null ? 0o700 : 0o711)
  await mkdir(home.data, { mode: 0o700 })
  const passwordFile = join(home.folder, 'admin-password')
  await writeFile(passwordFile, credentials.admin, { mode: 0o600 })
  if (home.runAs !== null) {
    await chown(home.data, home.runAs.uid, home.runAs.gid)
    await chown(passwordFile, home.runAs.uid, home.runAs.gid)
  }
  await runProgram(programs.initdb, {
    runAs: home.runAs,
    args: [
      `--pgdata=${home.data}`,
      `--username=${ADMIN_ROLE}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      '--no-instructions',
    ],
  })
  await rm(passwordFile)
  await makeRoles(home, { programs, credentials })
  const file = join(home.folder, 'credentials.json')
  const handle = await open(file, 'w', 0o600)
  await handle.writeFile(`${JSON.stringify(credentials)}\n`)
  await handle.sync()
  await handle.close()
}

/** Roles and database, made in PostgreSQL's single-user mode: one command per line, no server yet. */
async function makeRoles(
  home: Home,
  { programs, credentials }: { programs: Programs; credentials: Credentials },
): Promise<void> {
  const commands = [
    // Slow hashing protects guessable passwords; against 192 random bits it only makes connecting slow.
    'SET scram_iterations = 16',
    `ALTER ROLE ${ADMIN_ROLE} PASSWORD '${credentials.admin}'`,
    `CREATE ROLE ${OWNER_ROLE} LOGIN PASSWORD '${credentials.owner}'`,
    `CREATE ROLE ${APP_ROLE} LOGIN PASSWORD '${credentials.app}'`,
    `CREATE DATABASE ${DATABASE_NAME} OWNER ${OWNER_ROLE}`,
    `REVOKE ALL ON DATABASE ${DATABASE_NAME} FROM PUBLIC`,
    `GRANT CONNECT, TEMPORARY ON DATABASE ${DATABASE_NAME} TO ${APP_ROLE}`,
  ]
  const complaints = await runProgram(programs.postgres, {
    runAs: home.runAs,
    args: ['--single', '-D', home.data, 'postgres'],
    input: `${commands.join('\n')}\n`,
  })
  // Single-user mode reports a failed command and carries on.
  if (/ERROR|FATAL|PANIC/.test(complaints))
    throw new Error(`making the database's roles failed: ${complaints}`)
}

type ProgramRun = { runAs: RunAs; args: string[]; input?: string }

/** Runs a program to its end; gives what it wrote to standard error. */
async function runProgram(program: string, { runAs, args, input }: ProgramRun): Promise<string> {
  const child = spawn(program, args, { ...childOptions(runAs), stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  let complaints = ''
  child.stdout.on('data', chunk => {
    output += String(chunk)
  })
  child.stderr.on('data', chunk => {
    complaints += String(chunk)
  })
  // A program that ends early closes its input, which is told by its exit code instead.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input ?? '')
  const code = await waitForClose(child)
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${`${complaints}\n${output}`.trim()}`)
  return complaints
}

async function waitForClose(child: ChildProcess): Promise<number | null> {
  return await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
}

async function syncFolder(folder: string): Promise<void> {
  // Windows has no such thing as a folder's own sync.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  await handle.sync()
  await handle.close()
}

/** The port of the last start, kept so that a URL given to other tools stays right; null at first. */
export async function readPort(home: Home): Promise<number | null> {
  const text = await readFile(join(home.folder, 'port'), 'utf8').catch(() => '')
  const port = Number(text.trim())
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : null
}

export async function writePort(home: Home, port: number): Promise<void> {
  const file = join(home.folder, 'port')
  const staging = `${file}.new-${process.pid}`
  await writeFile(staging, `${port}\n`)
  await rename(staging, file)
}

/** A port nobody listens on at this moment. */
export async function findFreePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no free port'))
        else resolve(address.port)
      })
    })
  })
}
