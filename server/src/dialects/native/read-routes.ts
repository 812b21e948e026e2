// Reading a generation of any dialect, and the bytes of its images.
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Db } from '../../db/db.ts'
import { AppError, invalidField } from '../../errors.ts'
import { type OutputNeeds, openOutput } from '../../generations/files.ts'
import type { Generation } from '../../generations/generation.ts'
import { findProgress } from '../../generations/progress.ts'
import { findQueuePlace } from '../../generations/queue-place.ts'
import { findGeneration } from '../../generations/read.ts'
import type { ShowNeeds } from '../../generations/shown-outputs.ts'
import { type HttpContext, type HttpEnv, setAnswerHeader } from '../../http/context.ts'
import { cacheControlOf } from '../../http/files.ts'
import { sendFile, setFileHeaders } from '../../http/send-file.ts'
import { logBroken } from '../../http/send-image.ts'
import type { Log } from '../../log.ts'
import type { OutputFormat } from '../../storage/links.ts'
import type { Begin } from './begin.ts'
import { paths } from './paths.ts'
import { toGenerationObject } from './present.ts'
import { imageFormats } from './schema.ts'

export type ReadRouteNeeds = OutputNeeds & ShowNeeds & { db: Db; log: Log }

export function addReads(app: OpenAPIHono<HttpEnv>, needs: ReadRouteNeeds, begin: Begin): void {
  app.get(paths.generation, async context => {
    const { accountId } = await begin(context, paths.generation, 'read')
    const generation = await findGeneration(needs.db, accountId, context.req.param('id') ?? '')
    if (!generation) throw noSuchGeneration()
    const shown = toGenerationObject(needs, generation, await findQueuePlace(needs.db, generation))
    if (shown.status === 'queued' || shown.status === 'running') setAnswerHeader(context, 'retry-after', '1')
    const progress = await findProgress(needs.db, generation)
    return context.json(progress ? { ...shown, progress } : shown)
  })
  app.get(paths.image, async context => {
    setFileHeaders(context, { crossOrigin: false })
    const { accountId } = await begin(context, paths.image, 'read')
    return sendOne(needs, context, accountId)
  })
}

/** Unknown, another account's, or no id at all: one answer. */
export function noSuchGeneration(): AppError {
  return new AppError('not_found', 'There is no such generation.')
}

async function sendOne(needs: ReadRouteNeeds, context: HttpContext, accountId: string): Promise<Response> {
  const format = readFormat(context)
  const generation = await findGeneration(needs.db, accountId, context.req.param('id') ?? '')
  const index = context.req.param('index') ?? ''
  const file =
    generation && /^\d{1,3}$/.test(index)
      ? await openOutput(needs, generation, { index: Number(index), format })
      : null
  if (!generation || !file) throw new AppError('not_found', 'There is no such image.')
  return sendFile(context, file, {
    cacheControl: privateCacheOf(generation, needs.now()),
    crossOrigin: false,
    onBroken: logBroken(needs.log, context),
  })
}

function privateCacheOf({ filesExpireAt }: Generation, now: Date): string {
  return filesExpireAt ? cacheControlOf(filesExpireAt, now) : 'private, max-age=31536000, immutable'
}

/** Left out: the bytes as the model made them. */
function readFormat(context: HttpContext): OutputFormat {
  const given = context.req.query('format')
  if (given === undefined) return 'original'
  const format = imageFormats.find(each => each === given)
  if (!format) throw invalidField('format', `format must be one of ${imageFormats.join(', ')}.`)
  return format
}
