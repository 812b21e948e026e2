// Pictures that an engine hands out under an address of its own, and the faults of reading them.
import { answerRead } from '../faults.ts'
import { json } from '../sdapi/requests.ts'
import type { Directives, Exchange } from '../upstream.ts'

export type EngineFiles = {
  setOrigin(origin: string): void
  /** The answer is its address; directives `url` and `foreign_url` tell under which name. */
  publish(picture: Buffer, directives: Directives): string
  has(path: string): boolean
  serve(exchange: Exchange): Promise<void>
}

/** A long rehearsal must not grow without end. */
const maxFiles = 1_000

export function createFiles(folder: string): EngineFiles {
  const files = new Map<string, { picture: Buffer; directives: Directives; reads: number }>()
  let origin = ''
  let count = 0
  return {
    setOrigin(given) {
      origin = given
    },
    publish(picture, directives) {
      count += 1
      const path = `${folder}b64${count}.png`
      files.set(path, { picture, directives, reads: 0 })
      const [oldest = ''] = files.keys()
      if (files.size > maxFiles) files.delete(oldest)
      return directives.has('foreign_url') ? `http://localai.internal:8080${path}` : `${origin}${path}`
    },
    has: path => path.startsWith(folder),
    async serve(exchange) {
      const file = files.get(exchange.request.path)
      const directives = file?.directives ?? new Map<string, string>()
      if (file !== undefined) file.reads += 1
      const gone = file === undefined || directives.has('file_gone')
      const answer = () =>
        gone
          ? json(404, { error: 'Not Found' })
          : { status: 200, headers: { 'content-type': 'image/png' }, body: [file.picture] }
      await answerRead(exchange, { place: 'download', directives, nth: file?.reads ?? 1, answer })
    },
  }
}
