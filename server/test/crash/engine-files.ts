// The finished pictures of the test engine's tasks, downloaded by URL, and the ways in which a download fails.
import { cutConnection } from '../upstreams/faults.ts'
import { makePicture } from '../upstreams/pictures.ts'
import { type Directives, type Exchange, readNumber } from '../upstreams/upstream.ts'

/** `N` downloads of a file fail so, the next one succeeds; 0 or no number: all of them. */
export const fileDirectives: Record<string, string> = {
  'file_STATUS=N': 'downloads are answered with that status: 403, 404, 410, 429, 500 or 503',
  'file_reset=N': 'downloads are reset before the headers',
  'file_cut=N': 'downloads are reset in the middle of the picture',
  'file_short=N': 'downloads end cleanly in the middle of the picture',
  'file_words=N': 'downloads bring words instead of a picture',
  'file_only=I': 'only the file of that index, from 0, fails so',
}

const statuses = [403, 404, 410, 429, 500, 503]

export async function sendFile(
  exchange: Exchange,
  { directives, index, nth }: { directives: Directives; index: number; nth: number },
): Promise<void> {
  const strikes = (name: string) =>
    directives.has(name) &&
    nth <= (readNumber(directives, name, 0) || Number.POSITIVE_INFINITY) &&
    readNumber(directives, 'file_only', index) === index
  const { response, request } = exchange
  const status = statuses.find(each => strikes(`file_${each}`))
  if (status !== undefined) return void response.writeHead(status).end('no picture')
  if (strikes('file_reset')) return void response.socket?.resetAndDestroy()
  if (strikes('file_words')) return void response.writeHead(200).end('<html>come back later</html>')
  await sendPicture(exchange, request.path, {
    cut: strikes('file_cut'),
    short: strikes('file_short'),
  })
}

export async function sendPicture(
  exchange: Exchange,
  seed: string,
  fault: { cut?: boolean; short?: boolean } = {},
): Promise<void> {
  const { response } = exchange
  const picture = await makePicture({ width: 64, height: 64, format: 'png', seed })
  const half = picture.subarray(0, picture.length / 2)
  const sent = fault.short ? half : picture
  response.writeHead(200, { 'content-type': 'image/png', 'content-length': sent.length })
  if (fault.cut) {
    response.write(half)
    return cutConnection(exchange, true)
  }
  response.end(sent)
}
