// Multipart forms: bounded in parts, bytes and memory. Which parts are files is decided by their names, because what
// clients declare differs: some send every file as a stream of bytes called `blob`.
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy'
import { AppError, invalidField } from '../errors.ts'
import { type BodyShare, openBodyShare } from './body-budget.ts'
import { type HttpContext, setAnswerHeader } from './context.ts'
import { refuseEncoding } from './read-json.ts'
import type { FormSpool, Spool, SpooledFile } from './spool.ts'

export type FormFile = SpooledFile & { name: string }

export type Form = {
  /** No name stands twice. */
  fields: Map<string, string>
  /** In the order in which they came. */
  files: FormFile[]
  /** Gives the files and the memory back; call it whatever happens. */
  close(): Promise<void>
}

export type FormRules = {
  spool: Spool
  isFile(name: string): boolean
  maxFiles: number
  /** The most bytes of one file; a file of that size is taken. */
  maxFileBytes(name: string): number
}

/** Many more than any contract names. */
const maxFields = 40
/** A prompt of 32,000 characters of four bytes each, twice. */
const maxFieldBytes = 256 * 1024
/** Of all fields together, which stay in memory until the form is closed. */
const maxTextBytes = 512 * 1024
/** Of a name that is repeated in a refusal. */
const maxFieldNameLength = 100

/** Throws AppError: unsupported_media_type, payload_too_large, invalid_request, overloaded. Leaves nothing behind then. */
export async function readForm(context: HttpContext, rules: FormRules): Promise<Form> {
  refuseEncoding(context)
  const owner = context.get('caller')?.accountId ?? 'unknown'
  const form = createForm(rules, { share: openBodyShare(owner), spool: rules.spool.open(owner) })
  const { incoming } = context.env
  const parser = openParser(context.req.header('content-type') ?? '', rules)
  try {
    await feed(incoming, parser, form)
    await form.arrived()
    return form
  } catch (error) {
    parser.destroy()
    await form.close()
    // What is still on its way is read by nobody.
    incoming.resume()
    setAnswerHeader(context, 'connection', 'close')
    throw error instanceof AppError ? error : malformed(error)
  }
}

function malformed(cause: unknown): AppError {
  return new AppError('invalid_request', 'The form is cut off or malformed.', { cause })
}

function openParser(contentType: string, { isFile, maxFiles }: FormRules): BusboyInstance {
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(contentType)) {
    throw new AppError('unsupported_media_type', 'Send the body as multipart/form-data or application/json.')
  }
  const headers: BusboyHeaders = { 'content-type': contentType }
  try {
    return new Busboy({
      headers,
      isPartAFile: name => name !== undefined && isFile(name),
      limits: {
        parts: maxFields + maxFiles + 1,
        fieldSize: maxFieldBytes + 1,
        headerPairs: 20,
        headerSize: 8 * 1024,
      },
    })
  } catch (error) {
    throw new AppError('invalid_request', 'The form has no boundary.', { cause: error })
  }
}

type Growing = Form & {
  addField(name: string, value: string, isCut: boolean): void
  addFile(name: string, stream: Readable): void
  /** Rejects with the first thing that is wrong, as soon as it is. */
  failed: Promise<never>
  /** Resolves when every file is whole. */
  arrived(): Promise<void>
}

function createForm(rules: FormRules, { share, spool }: { share: BodyShare; spool: FormSpool }): Growing {
  const fields = new Map<string, string>()
  const files: FormFile[] = []
  const streams: Readable[] = []
  const taking: Promise<{ close(): Promise<void> } | null>[] = []
  const texts = boundTexts(share, error => fail(error))
  let fail: (error: unknown) => void = () => undefined
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  // Whoever waits for it hears of it there.
  failed.catch(() => undefined)

  async function keep(name: string, stream: Readable, at: number) {
    try {
      const file = await spool.take(bound(stream, { name, maxBytes: rules.maxFileBytes(name), fail }))
      files[at] = { ...file, name }
      return file
    } catch (error) {
      fail(error)
      stream.resume()
      return null
    }
  }
  return {
    fields,
    files,
    failed,
    addField(name, value, isCut) {
      if (fields.has(name)) fail(invalidField(name, `The field ${name} stands twice in the form.`, 'custom'))
      else if (isCut) fail(invalidField(name, `The field ${name} is too long.`, 'too_big'))
      else if (value.includes('\0')) fail(invalidField(name, `${name} holds a NUL.`, 'custom'))
      else if (texts.take(name, value)) fields.set(name, value)
    },
    addFile(name, stream) {
      streams.push(stream)
      // At once: a form that is cut off says so here, and an error that nobody hears ends the process.
      stream.on('error', error => fail(malformed(error)))
      if (taking.length < rules.maxFiles) {
        taking.push(keep(name, stream, taking.length))
        return
      }
      stream.resume()
      fail(invalidField(name, `The form may hold at most ${rules.maxFiles} files.`, 'too_big'))
    },
    arrived: async () => {
      await Promise.race([Promise.all(taking), failed])
    },
    async close() {
      texts.end()
      fields.clear()
      // One that is still waited for would never end.
      for (const stream of streams) stream.destroy()
      for (const file of await Promise.all(taking)) await file?.close()
      taking.length = 0
    },
  }
}

type Bound = { name: string; maxBytes: number; fail(error: unknown): void }

/** Says so as soon as the file is too large: the parser, cut off, would find another fault first. */
async function* bound(stream: Readable, { name, maxBytes, fail }: Bound): AsyncGenerator<Buffer> {
  let sizeBytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length
    if (sizeBytes > maxBytes) {
      fail(invalidField(name, `The file ${name} is larger than ${maxBytes} bytes.`, 'too_big'))
      return
    }
    yield chunk
  }
}

/** `take`: whether there is memory for the text. None once it has ended: the parser may still go on then. */
function boundTexts(share: BodyShare, fail: (error: unknown) => void) {
  let hasEnded = false
  let textBytes = 0
  return {
    take(name: string, value: string): boolean {
      if (hasEnded) return false
      const bytes = Buffer.byteLength(name) + Buffer.byteLength(value)
      textBytes += bytes
      try {
        if (textBytes > maxTextBytes) {
          const message = `The texts of the form may have at most ${maxTextBytes} bytes together.`
          throw new AppError('payload_too_large', message)
        }
        share.take(bytes)
        return true
      } catch (error) {
        fail(error)
        return false
      }
    },
    end() {
      hasEnded = true
      share.release()
    },
  }
}

/** Resolves when the parser has seen the end of the form. */
function feed(incoming: IncomingMessage, parser: BusboyInstance, form: Growing): Promise<void> {
  // It may find more that is wrong when nobody listens any more.
  parser.on('error', () => undefined)
  parser.on('field', (...part) => {
    const [name, value, , isCut] = part
    form.addField((name ?? '').slice(0, maxFieldNameLength), value, isCut)
  })
  parser.on('file', (name, stream) => form.addFile(name, stream))
  return new Promise((resolve, reject) => {
    const end = (error: unknown) => {
      incoming.off('data', take).off('end', finish).off('close', cut).off('error', cut)
      if (error) reject(error)
      else resolve()
    }
    const cut = (error?: unknown) =>
      end(new AppError('invalid_request', 'The request ended before its body was whole.', { cause: error }))
    const finish = () => {
      incoming.off('close', cut)
      parser.end()
    }
    const take = (chunk: Buffer) => {
      if (parser.write(chunk)) return
      incoming.pause()
      parser.once('drain', () => incoming.resume())
    }
    parser.once('finish', () => end(null))
    parser.once('error', end)
    parser.once('partsLimit', () => end(new AppError('invalid_request', 'The form has too many parts.')))
    form.failed.catch(end)
    incoming.on('data', take).once('end', finish).once('close', cut).once('error', cut)
  })
}
