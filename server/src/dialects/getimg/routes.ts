// getimg's endpoints: its words into the core's verbs and back. Videos are not made here: their paths are not found,
// whoever asks.
import { OpenAPIHono } from '@hono/zod-openapi'
import { type AllowedModels, mayUse } from '../../accounts/allowed-models.ts'
import type { RateRule } from '../../accounts/authenticate.ts'
import { AppError } from '../../errors.ts'
import { admit, passUnknown } from '../../http/admission.ts'
import { callerGone } from '../../http/caller-gone.ts'
import type { HttpContext, HttpEnv } from '../../http/context.ts'
import { methodNotAllowed, toAppError } from '../../http/errors.ts'
import { readSignature, sendLinked } from '../../http/files.ts'
import { showRate } from '../../http/rate-headers.ts'
import { setFileHeaders } from '../../http/send-file.ts'
import { readBalance, readCosts, readSpan } from './billing.ts'
import { describeGetimg } from './describe.ts'
import { downloadPath, openDownload } from './downloads.ts'
import { type GenerateNeeds, generate, generatePath } from './generate.ts'
import { toModel } from './models.ts'
import { inUsd, renderError } from './present.ts'
import { readType } from './query.ts'

export type GetimgNeeds = GenerateNeeds & {
  /** Orders of an account in 60 seconds; 0 = no limit. */
  requestsPerMinute: number
}

const paths = {
  generate: generatePath,
  download: downloadPath,
  models: '/v2/models',
  model: '/v2/models/:model{.+}',
  balance: '/v2/billing/balance',
  costs: '/v2/billing/costs',
  videos: '/v2/videos',
}

export function createGetimgDialect(needs: GetimgNeeds): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>()
  const rate: RateRule = {
    dialect: 'getimg',
    per: 'account',
    requests: needs.requestsPerMinute,
    windowS: 60,
  }
  app.onError((error, context) => {
    if (context.get('route') === paths.generate && rate.requests > 0) showRate(needs, context, rate)
    return renderError(context, inUsd(toAppError(needs.log, context, error), needs.creditPriceUsdMicro))
  })
  const note = (context: HttpContext, route: string) => {
    context.set('dialect', 'getimg')
    context.set('route', route)
  }
  // Reading is free: nothing is counted.
  const begin = (context: HttpContext, route: string) => {
    note(context, route)
    return admit(needs, context, { rate: null, scope: 'read' })
  }

  app.post(paths.generate, async context => {
    note(context, paths.generate)
    return generate(needs, context, rate)
  })
  addReads(app, needs, begin)
  addDownloads(app, needs, note)
  for (const path of [paths.videos, `${paths.videos}/*`]) {
    app.all(path, context => {
      note(context, paths.videos)
      throw new AppError('not_found', 'Videos are not made here.')
    })
  }
  app.all(paths.generate, async context => {
    note(context, paths.generate)
    // For the window that the answer shows: what is no order is not counted, and needs no key to be told so.
    await admit(needs, context, { rate, scope: 'read', isCounted: false }).catch(passUnknown)
    return methodNotAllowed(['POST'])()
  })
  for (const path of [paths.models, paths.model, paths.balance, paths.costs])
    app.all(path, methodNotAllowed(['GET']))
  describeGetimg(app)
  return app
}

type Begin = (
  context: HttpContext,
  route: string,
) => Promise<{ accountId: string; allowedModels: AllowedModels }>

function addReads(app: OpenAPIHono<HttpEnv>, needs: GetimgNeeds, begin: Begin): void {
  const { catalog, creditPriceUsdMicro } = needs
  app.get(paths.models, async context => {
    const { allowedModels } = await begin(context, paths.models)
    const listed = readType(context) === 'video' ? [] : catalog.list('getimg')
    const offered = listed.filter(each => each.offered && mayUse(allowedModels, each.id))
    return context.json(offered.map(each => toModel(each, creditPriceUsdMicro)))
  })
  app.get(paths.model, async context => {
    const { allowedModels } = await begin(context, paths.model)
    const found = catalog.find('getimg', context.req.param('model') ?? '')
    if (!found?.offered || !mayUse(allowedModels, found.id))
      throw new AppError('not_found', 'There is no such model.')
    return context.json(toModel(found, creditPriceUsdMicro))
  })
  app.get(paths.balance, async context => {
    const { accountId } = await begin(context, paths.balance)
    return context.json(await readBalance(needs, accountId))
  })
  app.get(paths.costs, async context => {
    const { accountId } = await begin(context, paths.costs)
    const turn = { accountId, signal: callerGone(context) }
    return context.json(await readCosts(needs, turn, readSpan(context)))
  })
}

function addDownloads(
  app: OpenAPIHono<HttpEnv>,
  needs: GetimgNeeds,
  note: (context: HttpContext, route: string) => void,
): void {
  const begin = (context: HttpContext) => {
    note(context, paths.download)
    setFileHeaders(context, { crossOrigin: true })
  }
  app.get(paths.download, async context => {
    begin(context)
    const link = { id: context.req.param('id') ?? '', n: context.req.param('n') ?? '' }
    return sendLinked(needs, context, await openDownload(needs, link, readSignature(context)))
  })
  // A signature is for reading: by another method it is as wrong as any other address.
  app.all('/v2/downloads/*', context => {
    begin(context)
    throw new AppError('not_found', 'There is no such file.')
  })
}
