// POST /api/v1/generate at the root belongs to two contracts: gptimage2 answers 202 at once, imgeo 200 after the work.
// This file decides whose a request is and hands it over; it knows nothing else of either. Below a mount nothing is
// to be decided.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import { AppError } from '../errors.ts'
import { type AdmissionNeeds, admit, readPresentedStyle } from '../http/admission.ts'
import type { HttpContext, HttpEnv } from '../http/context.ts'
import { errorHeaders, methodNotAllowed, toAppError } from '../http/errors.ts'
import { toErrorText } from '../http/issues.ts'
import { readJsonBody } from '../http/read-json.ts'
import type { Log } from '../log.ts'

/** One of the two dialects, as far as this endpoint goes. */
type Side = {
  /** Counts, checks, orders and answers, errors included. `readBody` gives a body that was read before. */
  generate(context: HttpContext, readBody?: () => Promise<unknown>): Promise<Response>
  fail(context: HttpContext, error: unknown): Response
  request: z.ZodType
  answer: z.ZodType
}

export type SharedNeeds = AdmissionNeeds & { log: Log }
export type Sides = {
  gptimage2: Side & {
    showRate(context: HttpContext): void
    count(context: HttpContext, route: string): Promise<void>
  }
  imgeo: Side
}

const path = '/api/v1/generate'
/** What both dialects allow. */
const maxBodyBytes = 64 * 1024
/** Fields that imgeo alone has: whoever sends one and no model has forgotten the model. */
const imgeoFields = ['aspect_ratio', 'count', 'negative_prompt', 'mode', 'image']

export function createSharedGenerate(needs: SharedNeeds, sides: Sides): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>()
  app.onError((error, context) => {
    const side = findByKey(sides, context)
    return side ? side.fail(context, error) : failForBoth(needs, sides, { context, error })
  })
  app.post(path, async context => {
    const side = findByKey(sides, context)
    return side ? side.generate(context) : decideByBody(needs, sides, context)
  })
  app.all(path, async context => {
    if (findByKey(sides, context) === sides.gptimage2) await sides.gptimage2.count(context, path)
    return methodNotAllowed(['POST'])()
  })
  describe(app, sides)
  return app
}

/** The style of the key, genuine or not: so the limit of the dialect applies before a body is read. */
function findByKey({ gptimage2, imgeo }: Sides, context: HttpContext): Side | null {
  const style = readPresentedStyle(context)
  if (style === 'gptimage2') return gptimage2
  return style === 'imgeo' ? imgeo : null
}

/** Who calls is asked first, uncounted; the dialect that is found counts the request. */
async function decideByBody(
  needs: SharedNeeds,
  { gptimage2, imgeo }: Sides,
  context: HttpContext,
): Promise<Response> {
  await admit(needs, context, { rate: null, scope: 'generate' }).catch((error: unknown) => {
    // The dialect says so itself, once it has counted the request.
    if (!(error instanceof AppError) || error.code !== 'forbidden') throw error
  })
  const read = await readJsonBody(context, maxBodyBytes).then(
    body => ({ body }),
    (error: unknown) => ({ error }),
  )
  // A body that cannot be read is one without a model.
  if ('error' in read) return gptimage2.generate(context, () => Promise.reject(read.error))
  const fields = isObject(read.body) ? Object.keys(read.body) : []
  if (fields.includes('model')) return imgeo.generate(context, async () => read.body)
  return gptimage2.generate(context, async () => {
    refuseForgottenModel(fields)
    return read.body
  })
}

/** A silent 202 and a charge would be wrong for a caller who waits for images. */
function refuseForgottenModel(fields: string[]): void {
  const given = fields.filter(field => imgeoFields.includes(field))
  if (given.length === 0) return
  const message = `model is required with ${given.join(', ')}.`
  throw new AppError('invalid_request', message, {
    details: [{ path: 'model', message, code: 'invalid_type' }],
  })
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Before it is known whose the request is: a body that is right in both contracts, and the headers of the one. */
function failForBoth(
  needs: SharedNeeds,
  { gptimage2 }: Sides,
  { context, error: thrown }: { context: HttpContext; error: unknown },
): Response {
  context.set('route', path)
  gptimage2.showRate(context)
  const error = toAppError(needs.log, context, thrown)
  const text = toErrorText(error, error.options.details)
  const body = { error: text, message: text, code: error.code }
  return context.json(body, { status: error.status as 400, headers: errorHeaders(error) })
}

const sharedError = z
  .object({
    error: z.string(),
    code: z.string(),
    message: z.string().optional().openapi({ description: 'The same text, where no dialect was found.' }),
    issues: z.array(z.object({ path: z.string(), message: z.string(), code: z.string() })).optional(),
  })
  .openapi('GenerateError')

/** The endpoint once, for the document of everything. */
function describe({ openAPIRegistry: registry }: OpenAPIHono<HttpEnv>, { gptimage2, imgeo }: Sides): void {
  const json = (schema: z.ZodType | { oneOf: { $ref: string }[] }) => ({ 'application/json': { schema } })
  registry.register('Gptimage2GenerateRequest', gptimage2.request)
  registry.register('ImgeoGenerateRequest', imgeo.request)
  const refused = (description: string) => ({ description, content: json(sharedError) })
  registry.registerPath({
    method: 'post',
    path,
    tags: ['gptimage2', 'imgeo'],
    summary: 'Generate: gptimage2 and imgeo',
    description:
      'Two APIs share this path. A key that begins with `gimg_` means gptimage2, one that begins with `imgeo_sk_` imgeo; with any other key a body with `model` is imgeo, one without is gptimage2. Below `/gptimage2` and `/imgeo` the mount decides.',
    operationId: 'generate',
    request: {
      headers: z.object({
        'Idempotency-Key': z.string().min(1).max(255).optional(),
        Prefer: z
          .string()
          .optional()
          .openapi({ param: { description: '`respond-async`, or `wait=N` with seconds (RFC 7240).' } }),
      }),
      body: {
        required: true,
        content: json({
          oneOf: [
            { $ref: '#/components/schemas/Gptimage2GenerateRequest' },
            { $ref: '#/components/schemas/ImgeoGenerateRequest' },
          ],
        }),
      },
    },
    responses: {
      200: { description: 'imgeo: the images', content: json(imgeo.answer) },
      202: {
        description: 'gptimage2: accepted; imgeo: not ended within the wait that `Prefer` asked for',
        content: json(gptimage2.answer),
      },
      400: refused('The request is not valid, or imgeo refused its content.'),
      401: refused('The API key is missing or not valid.'),
      402: refused('Too few credits, or the cap of the key or of the plan is reached.'),
      403: refused('gptimage2: the plan does not include it. Or the API key lacks the scope.'),
      404: refused('imgeo: a repeat of an order whose images were deleted.'),
      413: refused('The body is too large.'),
      415: refused('The body is not declared as JSON.'),
      422: refused('gptimage2: refused by a safety check, or the idempotency key had another request.'),
      429: refused('Too many requests, or too many generations in flight; see `Retry-After`.'),
      500: refused('imgeo: no image was made. Or something went wrong on our side.'),
      503: refused('At capacity or not available right now; see `Retry-After`.'),
    },
  })
}
