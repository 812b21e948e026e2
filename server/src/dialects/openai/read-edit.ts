// The body of an edit: a form with files, or JSON with addresses. Files of a form lie on disk until they are looked at.
import type { z } from '@hono/zod-openapi'
import { AppError, type ErrorDetail, invalidField } from '../../errors.ts'
import type { HttpContext } from '../../http/context.ts'
import { type Form, type FormFile, readForm } from '../../http/read-form.ts'
import { readJsonBody } from '../../http/read-json.ts'
import type { Spool } from '../../http/spool.ts'
import type { InputRequest } from '../../uploads/input.ts'
import { maxImageBytes, maxMaskBytes, type Order, toInputRequests, toOrder } from './order.ts'
import { toBodyError } from './present.ts'
import { editFields, editRequest, maxImages } from './schema.ts'

export type EditOrder = Order & {
  /** Call it when the order was taken or refused. */
  close(): Promise<void>
}

/** Three pictures of the longest `image_url`; more or larger ones belong into a form. */
const maxJsonBytes = 64 * 1024 * 1024

export async function readEdit(context: HttpContext, spool: Spool): Promise<EditOrder> {
  const isForm = /^multipart\//i.test(context.req.header('content-type') ?? '')
  return isForm ? readFormEdit(context, spool) : readJsonEdit(context)
}

async function readJsonEdit(context: HttpContext): Promise<EditOrder> {
  const body = await readJsonBody(context, maxJsonBytes)
  const request = parseRequest(editRequest, body)
  const inputs = toInputRequests(request.images, request.mask ?? null)
  return { ...toOrder(request, { mode: 'image_edit', inputs, body }), close: async () => undefined }
}

async function readFormEdit(context: HttpContext, spool: Spool): Promise<EditOrder> {
  const form = await readForm(context, {
    spool,
    isFile: name => isImage(name) || name === 'mask',
    maxFiles: maxImages + 1,
    maxFileBytes: name => (name === 'mask' ? maxMaskBytes : maxImageBytes),
  })
  try {
    return { ...toFormOrder(form), close: form.close }
  } catch (error) {
    await form.close()
    throw error
  }
}

function isImage(name: string): boolean {
  return name === 'image' || name === 'image[]'
}

function toFormOrder({ fields, files }: Form): Order {
  const request = parseRequest(editFields, Object.fromEntries([...fields].flatMap(toMember)))
  const images = files.filter(({ name }) => isImage(name))
  const [mask, secondMask] = files.filter(({ name }) => name === 'mask')
  if (images.length === 0) {
    const details: ErrorDetail[] = [{ path: 'image', message: '', code: 'missing' }]
    throw new AppError('invalid_request', undefined, { details })
  }
  if (images.length > maxImages) throw invalidField('image', `image may be sent ${maxImages} times at most.`)
  if (secondMask) throw invalidField('mask', 'mask may be sent once.')
  const inputs = {
    references: images.map((file, index) =>
      toInputRequest(file, images.length === 1 ? 'image' : `image[${index}]`, maxImageBytes),
    ),
    mask: mask ? toInputRequest(mask, 'mask', maxMaskBytes) : null,
  }
  const body = {
    fields: Object.fromEntries(fields),
    files: files.map(({ name, sha256 }) => ({ name: isImage(name) ? 'image' : name, sha256 })),
  }
  return toOrder(request, { mode: 'image_edit', inputs, body })
}

function toInputRequest(file: FormFile, field: string, maxBytes: number): InputRequest {
  return { source: { kind: 'file', sizeBytes: file.sizeBytes, read: file.read }, field, maxBytes }
}

const numbers = ['n', 'output_compression', 'partial_images']

/** Everything in a form is text. What is empty was not filled in. */
function toMember([name, text]: [string, string]): [string, unknown][] {
  if (text === '' && name !== 'prompt') return []
  if (numbers.includes(name) && /^-?\d{1,9}(?:\.\d{1,9})?$/.test(text)) return [[name, Number(text)]]
  if (name === 'stream' && /^(?:true|false)$/i.test(text)) return [[name, text.toLowerCase() === 'true']]
  return [[name, text]]
}

export function parseRequest<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(body, { reportInput: true })
  if (!parsed.success) throw toBodyError(parsed.error)
  return parsed.data
}
