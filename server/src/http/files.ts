// Files by address alone, for whoever has the address. No key is asked for and one that is sent is not looked at.
// Whatever is wrong with an address, the answer is one 404: it tells nobody what exists.
import type { Hono } from 'hono'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { HttpContext, HttpEnv } from './context.ts'
import { type SentFile, sendFile, setFileHeaders } from './send-file.ts'
import { logBroken } from './send-image.ts'

/** `endsAt`: when the address or the file ends; null = neither does. */
export type LinkedFile = SentFile & { endsAt: Date | null }

export type FilesNeeds = {
  log: Log
  now: () => Date
  openPublicLink(link: { generationId: string; token: string; name: string }): Promise<LinkedFile | null>
  openSignedLink(
    link: { generationId: string; name: string },
    query: { exp: string; sig: string },
  ): Promise<LinkedFile | null>
}

export const filesPath = '/files'

const paths = {
  public: `${filesPath}/:id/:token/:name`,
  signed: `${filesPath}/:id/:name`,
}

export function addFiles(app: Hono<HttpEnv>, needs: FilesNeeds): void {
  const param = (context: HttpContext, name: string) => context.req.param(name) ?? ''
  app.get(paths.public, async context => {
    begin(context, paths.public)
    const link = {
      generationId: param(context, 'id'),
      token: param(context, 'token'),
      name: param(context, 'name'),
    }
    return sendLinked(needs, context, await needs.openPublicLink(link))
  })
  app.get(paths.signed, async context => {
    begin(context, paths.signed)
    const link = { generationId: param(context, 'id'), name: param(context, 'name') }
    return sendLinked(needs, context, await needs.openSignedLink(link, readSignature(context)))
  })
  // A signature is for reading: by another method it is as wrong as any other address.
  app.all(`${filesPath}/*`, context => {
    begin(context, filesPath)
    throw noSuchFile()
  })
}

function begin(context: HttpContext, route: string): void {
  context.set('dialect', 'files')
  context.set('route', route)
  setFileHeaders(context, { crossOrigin: true })
}

/** What stands in the query of a signed address; empty texts verify as nothing does. */
export function readSignature(context: HttpContext): { exp: string; sig: string } {
  const only = (name: string) => {
    const given = context.req.queries(name) ?? []
    return given.length === 1 ? (given[0] ?? '') : ''
  }
  return { exp: only('exp'), sig: only('sig') }
}

/** The file of an address, or the one 404. A dialect that has signed addresses of its own calls it, too. */
export async function sendLinked(
  needs: Pick<FilesNeeds, 'log' | 'now'>,
  context: HttpContext,
  file: LinkedFile | null,
): Promise<Response> {
  setFileHeaders(context, { crossOrigin: true })
  if (!file) throw noSuchFile()
  return sendFile(context, file, {
    cacheControl: cacheControlOf(file.endsAt, needs.now()),
    crossOrigin: true,
    onBroken: logBroken(needs.log, context),
  })
}

function noSuchFile(): AppError {
  return new AppError('not_found', 'There is no such file.')
}

/** What ends is kept by the caller alone, and no longer than it lasts. */
export function cacheControlOf(endsAt: Date | null, now: Date): string {
  if (!endsAt) return 'public, max-age=31536000, immutable'
  const seconds = Math.max(0, Math.floor((endsAt.getTime() - now.getTime()) / 1000))
  return `private, max-age=${seconds}`
}
