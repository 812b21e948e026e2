// Ends the check of storage in bounded time. A folder on a network disk that is away answers nothing at all, and each
// further try would take another thread of the few there are: so one check runs at a time, and all who ask share it.
import { type Storage, StorageError } from './storage.ts'

type Checked = Awaited<ReturnType<Storage['check']>>

/** More than a bucket's check takes by itself. */
const defaultLimitMs = 15_000

/** The same storage. What its check says against it names the setting. */
export function boundCheck(storage: Storage, limitMs = defaultLimitMs): Storage {
  let running: { ended: Promise<Checked>; since: number } | null = null

  function begin(): { ended: Promise<Checked>; since: number } {
    const ended = storage
      .check()
      .catch((error: unknown): Checked => {
        if (error instanceof StorageError) return { ok: false, message: error.message }
        throw error
      })
      .then(checked =>
        checked.ok ? checked : { ok: false as const, message: `STORAGE_URL: ${checked.message}` },
      )
      .finally(() => {
        running = null
      })
    // Whoever waited for it may have left.
    ended.catch(() => undefined)
    return { ended, since: performance.now() }
  }

  return {
    ...storage,
    async check() {
      running ??= begin()
      const { ended, since } = running
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<Checked>(resolve => {
        const message = `STORAGE_URL: the check has not ended within ${limitMs / 1_000} s; is the folder's disk there?`
        timer = setTimeout(() => resolve({ ok: false, message }), since + limitMs - performance.now())
      })
      return await Promise.race([ended, late]).finally(() => clearTimeout(timer))
    },
  }
}
