// Streams a part of an open file. Every chunk but the last is full, so its length is a multiple of 3, and a file
// that ends early is an error: a reader must never take half an image for the whole.
import { closeSync, read as readCallback } from 'node:fs'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { toStorageError } from './disk-failure.ts'
import { StorageError } from './storage.ts'

/** A multiple of 3, so that the base64 of the chunks joins without a seam; four reads for a usual picture. */
const READ_CHUNK_BYTES = 384 * 1024

const readFd = promisify(readCallback)

/** Reads positions `start` to `end`, both included, and closes the file at the end or when destroyed. */
export function streamFile(fd: number, span: { start: number; end: number; root: string }): Readable {
  let position = span.start
  let reading: Promise<void> = Promise.resolve()

  async function readChunk(): Promise<Buffer> {
    const chunk = Buffer.allocUnsafeSlow(Math.min(READ_CHUNK_BYTES, span.end + 1 - position))
    let filled = 0
    while (filled < chunk.length) {
      const { bytesRead } = await readFd(fd, chunk, filled, chunk.length - filled, position + filled)
      if (bytesRead === 0) throw new StorageError(`storage folder ${span.root}: an object ends too early`)
      filled += bytesRead
    }
    position += filled
    return chunk
  }

  return new Readable({
    highWaterMark: READ_CHUNK_BYTES,
    read() {
      if (position > span.end) {
        this.push(null)
        return
      }
      reading = readChunk().then(
        chunk => {
          this.push(chunk)
          if (position > span.end) this.push(null)
        },
        error => {
          this.destroy(toStorageError(error, span.root))
        },
      )
    },
    destroy(error, done) {
      // Closing under a running read could hand its descriptor to another file.
      reading
        .then(() => closeSync(fd))
        .then(
          () => done(error),
          closeError => done(error ?? closeError),
        )
    },
  })
}
