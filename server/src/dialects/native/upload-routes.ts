// Uploads: announced with a key of the API, sent to a signed address that needs none.
import type { OpenAPIHono } from '@hono/zod-openapi'
import { AppError } from '../../errors.ts'
import { fingerprintOf } from '../../generations/fingerprint.ts'
import { type HttpContext, type HttpEnv, setAnswerHeader } from '../../http/context.ts'
import { methodNotAllowed } from '../../http/errors.ts'
import { readIdempotencyKey } from '../../http/idempotency-key.ts'
import { sayKnownFields, toIssues } from '../../http/issues.ts'
import { showRate } from '../../http/rate-headers.ts'
import { readJsonBody } from '../../http/read-json.ts'
import { createUpload, receiveUpload, type UploadNeeds } from '../../uploads/uploads.ts'
import { rate } from './begin.ts'
import { createUploadRequest } from './schema.ts'

export const uploadPaths = { announce: '/api/v1/upload', send: '/uploads/:key' }

/** A name of 200 characters, escaped, and two short fields. */
const maxBodyBytes = 16 * 1024

/** `begin` admits the caller, as for every endpoint of the dialect. */
export function addUploads(
  app: OpenAPIHono<HttpEnv>,
  needs: { uploads: UploadNeeds; now: () => Date },
  begin: (context: HttpContext, route: string, scope: 'generate') => Promise<{ accountId: string }>,
): void {
  app.post(uploadPaths.announce, async context => {
    const { accountId } = await begin(context, uploadPaths.announce, 'generate')
    const idempotencyKey = readIdempotencyKey(context)
    const body = await readJsonBody(context, maxBodyBytes)
    const parsed = createUploadRequest.safeParse(body, { error: sayKnownFields })
    if (!parsed.success) throw new AppError('invalid_request', undefined, { details: toIssues(parsed.error) })
    const { filename, contentType, size: sizeBytes } = parsed.data
    const made = await createUpload(needs.uploads, {
      ...{ accountId, filename, contentType, sizeBytes, idempotencyKey },
      fingerprint: fingerprintOf({ method: 'POST', route: uploadPaths.announce, accountId, body }),
    })
    if (made.replayed) setAnswerHeader(context, 'idempotent-replayed', 'true')
    return context.json({ url: made.url, key: made.key, expiresAt: made.expiresAt.toISOString() })
  })
  app.put(uploadPaths.send, async context => {
    context.set('dialect', 'native')
    context.set('route', uploadPaths.send)
    showRate(needs, context, rate)
    await receiveUpload(needs.uploads, {
      key: context.req.param('key') ?? '',
      exp: context.req.query('exp') ?? '',
      sig: context.req.query('sig') ?? '',
      mediaType: context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? null,
      sizeBytes: readLength(context),
      body: context.env.incoming.iterator({ destroyOnReturn: false }),
    })
    return context.body(null, 200)
  })
  app.all(uploadPaths.announce, methodNotAllowed(['POST']))
  app.all(uploadPaths.send, methodNotAllowed(['PUT']))
}

function readLength(context: HttpContext): number | null {
  const length = context.req.header('content-length') ?? ''
  return /^\d{1,12}$/.test(length) ? Number(length) : null
}
