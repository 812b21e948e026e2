// The bytes of a request's body, bounded in number, in the memory of all bodies together, and in time where it is said.
import { AppError } from '../errors.ts'
import { openBodyShare } from './body-budget.ts'
import type { HttpContext } from './context.ts'

/** Throws AppError: payload_too_large, overloaded, invalid_request. A body that takes longer loses its connection. */
export async function readBytes(
  context: HttpContext,
  { maxBytes, owner, withinMs }: { maxBytes: number; owner: string; withinMs?: number },
): Promise<Buffer> {
  const { incoming } = context.env
  const tooLarge = () =>
    new AppError('payload_too_large', `The request body may have at most ${maxBytes} bytes.`)
  if (Number(context.req.header('content-length') ?? 0) > maxBytes) throw tooLarge()
  const chunks: Buffer[] = []
  let size = 0
  const share = openBodyShare(owner)
  const timer = withinMs === undefined ? undefined : setTimeout(() => incoming.destroy(), withinMs)
  try {
    // Not destroyed when it is too much: what is still on its way could not be read past any more.
    for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
      const bytes = chunk as Buffer
      size += bytes.length
      if (size > maxBytes) throw tooLarge()
      share.take(bytes.length)
      chunks.push(bytes)
    }
  } catch (error) {
    if (error instanceof AppError) throw error
    // The caller's connection broke: nobody reads this answer, and it is no fault of ours to be alarmed about.
    throw new AppError('invalid_request', 'The request ended before its body was whole.', { cause: error })
  } finally {
    clearTimeout(timer)
    share.release()
  }
  return Buffer.concat(chunks)
}
