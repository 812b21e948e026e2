// A start that fails: what was opened on the way is closed again.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { makeFolder } from './embedded-process.ts'
import { createRig } from './harness.ts'

const program = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist-test', 'main.js')

test('a start whose port is taken fails and leaves no database running', { timeout: 300_000 }, async () => {
  const dataDir = await makeFolder()
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const address = holder.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const env = { PATH: process.env.PATH ?? '', DARKROOM_DATA: dataDir, PORT: String(port), LOG_LEVEL: 'info' }
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      said += chunk
    })
  }
  const [code] = await once(child, 'close')
  expect(said).toContain('EADDRINUSE')
  expect(code).toBe(1)
  const pid = Number(/"pid":(\d+)[^\n]*embedded PostgreSQL is ready/.exec(said)?.[1])
  expect(pid).toBeGreaterThan(0)
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  holder.close()
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
})

test('a database that does not answer is called by its setting, and its password is kept', async () => {
  const dataDir = await makeFolder()
  const env = {
    PATH: process.env.PATH ?? '',
    DARKROOM_DATA: dataDir,
    PORT: '0',
    DATABASE_URL: 'postgres://app:hunter22@127.0.0.1:1/x',
  }
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', chunk => {
    said += chunk
  })
  const [code] = await once(child, 'close')
  expect(said).toMatch(/DATABASE_URL.*ECONNREFUSED/)
  expect(said).not.toContain('hunter22')
  expect(code).toBe(1)
  await rm(dataDir, { recursive: true, force: true })
})

test.each([[[]], [['doctor']], [['accounts', 'list']]])(
  'a data folder where none can be made is refused in one line that names the setting: %j',
  { timeout: 60_000 },
  async line => {
    const env = { PATH: process.env.PATH ?? '', DARKROOM_DATA: '/proc/darkroom/data', PORT: '0' }
    const child = spawn(process.execPath, [program, ...line], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', chunk => {
        said += chunk
      })
    }
    const [code] = await once(child, 'close')
    expect(code).toBe(1)
    const lines = said.split('\n').filter(each => each.includes('DARKROOM_DATA: '))
    expect(lines).toEqual([expect.stringContaining('no folder can be made at /proc/darkroom/data (ENOENT)')])
    expect(said).not.toMatch(/^ +at /m)
  },
)

test('with a database and a secret of its own, too, a data folder that cannot be made is named by its setting', async () => {
  const rig = await createRig()
  onTestFinished(() => rig.close())
  const { ownerUrl, appUrl } = rig.database
  const env = {
    PATH: process.env.PATH ?? '',
    ...{ DARKROOM_DATA: '/proc/darkroom/data', PORT: '0', AUTH_SECRET: 'a secret of this test, long enough' },
    ...{ DATABASE_URL: appUrl, DATABASE_OWNER_URL: ownerUrl },
  }
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stderr.on('data', chunk => {
    said += chunk
  })
  const [code] = await once(child, 'close')
  expect(said).toContain('DARKROOM_DATA: no folder can be made at /proc/darkroom/data (ENOENT)')
  expect(code).toBe(1)
})

test('a start with one role for the service and its tables warns once, and one with two does not', async () => {
  const rig = await createRig()
  const roles = [{ DATABASE_URL: rig.database.ownerUrl, DATABASE_OWNER_URL: rig.database.ownerUrl }, {}]
  const told: number[] = []
  for (const env of roles) {
    const node = await rig.startNode(env)
    await node.stop()
    told.push(node.output.filter(line => line.includes('database.one_role')).length)
  }
  expect(told).toEqual([1, 0])
  await rig.close()
})

test('a command on a folder that no service was started on says so', { timeout: 300_000 }, async () => {
  const dataDir = await makeFolder()
  expect(await listAccountsOn(dataDir)).toContain(`No service was ever started on ${dataDir}`)
  await writeFile(join(dataDir, 'auth-secret'), 'as a service makes it at its first start')
  expect(await listAccountsOn(dataDir)).toBe('')
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
})

/** What it says beside its answer. */
async function listAccountsOn(dataDir: string): Promise<string> {
  const env = { PATH: process.env.PATH ?? '', DARKROOM_DATA: dataDir }
  const child = spawn(process.execPath, [program, 'accounts', 'list'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', chunk => {
    said += chunk
  })
  const [code] = await once(child, 'close')
  expect(code).toBe(0)
  return said
}
