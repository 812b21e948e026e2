// Keeps files on a host of their own: under the name of FILES_URL nothing but files is answered, so that a picture
// that a browser takes for a page is a page of a site without sign-in, dashboard or API.
import type { MiddlewareHandler } from 'hono'
import { AppError } from '../errors.ts'
import type { HttpContext, HttpEnv } from './context.ts'
import { setFileHeaders } from './send-file.ts'

/** Paths of files, those of dialects with signed addresses of their own among them. */
const filePaths = /^\/(?:files|(?:getimg\/)?v2\/downloads)\//

export function guardFilesHost(urls: {
  filesUrl: string | null
  publicUrl: string
}): MiddlewareHandler<HttpEnv> {
  const isFilesHost = hostMatcher(urls)
  return async (context, next) => {
    if (isFilesHost && namesOf(context).some(isFilesHost) && !filePaths.test(context.req.path)) {
      setFileHeaders(context, { crossOrigin: true })
      throw new AppError('not_found')
    }
    await next()
  }
}

/** A request may name its host in two places; it is kept to files if either says so. */
function namesOf(context: HttpContext): string[] {
  const header = context.env.incoming.headers.host ?? ''
  return [header, new URL(context.req.url).host]
}

/**
 * Tells the files' host by its name. The port counts only where both origins have the same name, because proxies
 * leave it out as they like. Null when files have no host of their own.
 */
export function hostMatcher(urls: {
  filesUrl: string | null
  publicUrl: string
}): ((host: string) => boolean) | null {
  if (!urls.filesUrl) return null
  const [files, site] = [new URL(urls.filesUrl), new URL(urls.publicUrl)]
  if (files.host === site.host) return null
  const byName = files.hostname !== site.hostname
  return host => {
    const asked = parseHost(host, files.protocol)
    return asked !== null && (byName ? asked.hostname === files.hostname : asked.host === files.host)
  }
}

/** As browsers read it: lower case, no port that goes without saying, no dot at the end. */
function parseHost(host: string, protocol: string): URL | null {
  const url = `${protocol}//${host.replace(/\.(?=:\d*$|$)/, '')}`
  return URL.canParse(url) ? new URL(url) : null
}
