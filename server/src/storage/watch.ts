// Watches the storage that orders depend on. A disk that is full must not go on buying pictures that cannot be
// kept: after a failed write no order is taken until a probe has been written, and every cause is told.
import type { Log } from '../log.ts'
import type { Storage } from './storage.ts'
import { StorageError } from './storage.ts'

export type WatchedStorage = Storage & {
  /** True from a failed write until a probe was written. */
  isFailing(): boolean
  /** Writes a probe if the last write failed. */
  probe(): Promise<void>
}

/** The same storage; failures and objects that are gone are logged, and the metric counts the latter. */
export function watchStorage(
  storage: Storage,
  needs: { log: Pick<Log, 'error' | 'info'>; noteMissing(): void },
): WatchedStorage {
  let isFailing = false
  return {
    ...storage,
    isFailing: () => isFailing,
    async put(key, bytes, options) {
      try {
        return await storage.put(key, bytes, options)
      } catch (error) {
        if (error instanceof StorageError) {
          isFailing = true
          needs.log.error(
            { event: 'storage.failed', key, err: error, cause: error.cause },
            'storage cannot be written',
          )
        }
        throw error
      }
    },
    async read(key, range) {
      const found = await storage.read(key, range)
      if (!found) {
        needs.noteMissing()
        needs.log.error({ event: 'object.missing', key }, 'a stored object is gone')
      }
      return found
    },
    async probe() {
      if (!isFailing) return
      const checked = await storage.check()
      if (!checked.ok) return
      isFailing = false
      needs.log.info({ event: 'storage.recovered' }, 'storage can be written again')
    },
  }
}
