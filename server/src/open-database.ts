// Opens the database for whoever needs one: the embedded or the configured one, its schema brought up to date and its
// settings checked. What was started on the way is stopped again where that fails.
import type { Config } from './config.ts'
import { checkDatabaseSettings } from './db/check-settings.ts'
import { connectDatabase } from './db/connect.ts'
import type { Db } from './db/db.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './db/embedded.ts'
import { migrate, readRole } from './db/migrate.ts'
import type { Log } from './log.ts'

export type OpenDatabase = { db: Db; urls: DatabaseUrls; applied: string[]; close(): Promise<void> }
type DatabaseUrls = { url: string; directUrl: string; ownerUrl: string }

/** Finds or starts the database and brings its schema up to date. */
export async function openDatabase(config: Config, log: Log): Promise<OpenDatabase> {
  const embedded = config.database ? null : await startEmbeddedPostgres({ dataDir: config.dataDir, log })
  const urls = urlsOf(config, embedded)
  try {
    const { applied } = await migrate({
      ownerUrl: urls.ownerUrl,
      appRole: await readRole(urls.directUrl),
      log,
    })

    const db = await connectDatabase({
      url: urls.url,
      directUrl: urls.directUrl,
      maxConnections: config.dbPoolSize,
      statementTimeoutMs,
      prepare: config.dbPrepare,
      log,
    })
    await checkDatabaseSettings(db).catch(async error => {
      await db.close()
      throw error
    })
    return {
      db,
      urls,
      applied,
      async close() {
        await db.close()
        await embedded?.stop()
      },
    }
  } catch (error) {
    await embedded?.stop()
    if (embedded || !(error instanceof Error)) throw error
    // "connect ECONNREFUSED" alone does not tell what was called.
    throw new Error(`the database of DATABASE_URL cannot be used: ${error.message}`, { cause: error })
  }
}

/** Every statement of ours is a look-up by index or one settlement. */
const statementTimeoutMs = 15_000

function urlsOf(config: Config, embedded: EmbeddedPostgres | null): DatabaseUrls {
  if (embedded) return { url: embedded.appUrl, directUrl: embedded.appUrl, ownerUrl: embedded.ownerUrl }
  if (!config.database) throw new Error('no database')
  return config.database
}
