// A small program for tests of the embedded database: one process that uses it and can be killed. It is bundled
// and run in its own Node by test/embedded-process.ts, and speaks one JSON document per line.
import { createInterface } from 'node:readline'
import { connectDatabase } from '../src/db/connect.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/db/embedded.ts'

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

function log(level: string) {
  return (fields: object, message: string) => say({ kind: 'log', level, message, fields })
}

/** Inserts numbers one after the other; says each once its commit was acknowledged, and each failure's code. */
async function write(embedded: EmbeddedPostgres, writer: number): Promise<void> {
  const db = await connectDatabase({
    url: embedded.ownerUrl,
    maxConnections: 1,
    statementTimeoutMs: 5_000,
    prepare: true,
    log: { info: log('info'), warn: () => undefined, error: log('error') },
  })
  await db
    .query({ name: 'make', text: 'CREATE TABLE IF NOT EXISTS written (writer int, n int)' })
    .catch(() => 0)
  for (let n = 1; ; n += 1) {
    try {
      await db.query({ name: 'write', text: 'INSERT INTO written VALUES ($1, $2)' }, [writer, n])
      say({ kind: 'written', writer, n })
    } catch (error) {
      const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : null
      say({ kind: 'refused', code, text: String(error) })
      await new Promise(resolve => setImmediate(resolve))
    }
  }
}

async function main(): Promise<void> {
  const dataDir = process.argv[2]
  if (dataDir === undefined) throw new Error('usage: embedded-child DATA_FOLDER')
  const started = performance.now()
  const embedded = await startEmbeddedPostgres({
    dataDir,
    log: { info: log('info'), warn: log('warn'), error: log('error') },
  })
  const { ownerUrl, appUrl, port, pid, attached } = embedded
  const startMs = performance.now() - started
  say({ kind: 'ready', ownerUrl, appUrl, port, pid, attached, startMs, uid: process.getuid?.() ?? null })
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'write') for (const writer of [1, 2, 3, 4]) void write(embedded, writer)
    if (line === 'pid') say({ kind: 'pid', pid: embedded.pid })
    if (line === 'stop') {
      await embedded.stop()
      say({ kind: 'stopped' })
      process.exit(0)
    }
  }
}

main().catch(error => {
  say({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  process.exit(1)
})
