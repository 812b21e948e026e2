// A database server of a suite's own, which may be crashed without disturbing others: immediate shutdown, as after a
// power cut, and started again on the same port by its supervisor.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectDatabase } from '../../src/db/connect.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { expectBooksHold } from '../books.ts'
import { silentLog, type TestDatabase } from '../database.ts'
import { eventually } from '../harness.ts'

export type OwnDatabase = TestDatabase & {
  port: number
  /**
   * Ends the server at once, losing what no disk has; resolves when another one accepts statements. `kill` takes all of
   * its processes, as a machine that dies would; by default it is told to end them itself.
   */
  crash(how?: 'kill'): Promise<void>
}

export async function createOwnDatabase(): Promise<OwnDatabase> {
  // The name lets a later run remove what a killed one left behind.
  const folder = mkdtempSync(join(tmpdir(), `darkroom-test-${process.pid}-own-`))
  chmodSync(folder, 0o755)
  const embedded = await startEmbeddedPostgres({
    dataDir: folder,
    log: silentLog,
    // The files of a crashed server are synced by one call a disk, where the system has it, not one by one.
    settings: {
      max_connections: '300',
      ...(process.platform === 'linux' ? { recovery_init_sync_method: 'syncfs' } : {}),
    },
  })
  const { appUrl, ownerUrl, adminUrl, port } = embedded
  await migrate({ ownerUrl, appRole: 'darkroom_app', log: silentLog })
  const options = { statementTimeoutMs: 30_000, prepare: true, log: silentLog }
  const [db, ownerDb] = await Promise.all([
    connectDatabase({ ...options, url: appUrl, maxConnections: 10 }),
    connectDatabase({ ...options, url: ownerUrl, maxConnections: 2 }),
  ])
  return {
    db,
    ownerDb,
    appUrl,
    ownerUrl,
    adminUrl,
    port,
    async crash(how) {
      const { pid } = embedded
      if (how === 'kill') for (const each of [pid, ...listChildren(pid)]) kill(each)
      else process.kill(pid, 'SIGQUIT')
      await eventually('the server is another one', () => embedded.pid !== pid, 180_000)
      const answers = () => db.query({ name: 'test_ping', text: 'SELECT 1' }).then(() => true)
      await eventually('the server answers', () => answers().catch(() => false), 180_000)
    },
    async drop() {
      await Promise.all([db.close(), ownerDb.close()])
      try {
        await expectBooksHold(ownerUrl)
      } finally {
        await embedded.stop()
        rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
      }
    },
  }
}

function listChildren(parent: number): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => parentOf(pid) === parent)
    .map(Number)
}

/** The fourth word of `stat`, counted behind the name, which may hold anything; null when the process is gone. */
function parentOf(pid: string): number | null {
  try {
    const [, ppid] = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return Number(ppid)
  } catch {
    return null
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It went by itself.
  }
}
