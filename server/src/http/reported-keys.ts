// The door for whoever finds an API key: no key is needed to come in, since the one that is shown is the proof.
import type { Hono } from 'hono'
import { z } from 'zod'
import { AppError } from '../errors.ts'
import type { HttpContext, HttpEnv } from './context.ts'
import { methodNotAllowed } from './errors.ts'
import { sayKnownFields, toIssues } from './issues.ts'
import { readJsonBody } from './read-json.ts'

export type ReportedKeyRouteNeeds = {
  /** Throws rate_limited. */
  reportKey(report: { secret: string; foundAt: string | null; address: string | null }): Promise<void>
  findAddress(context: HttpContext): string | null
}

export const reportedKeysPath = '/api/reported-keys'

/** A key and an address. */
const maxBodyBytes = 8 * 1024

/** `key` may be any text: what it is not is nobody's to learn. */
export const keyReport = z.strictObject({
  key: z.string().min(1).max(200),
  url: z.string().max(2_048).optional(),
})

export function addReportedKeys(app: Hono<HttpEnv>, needs: ReportedKeyRouteNeeds): void {
  app.post(reportedKeysPath, async context => {
    context.set('route', reportedKeysPath)
    const parsed = keyReport.safeParse(await readJsonBody(context, maxBodyBytes), { error: sayKnownFields })
    if (!parsed.success) throw new AppError('invalid_request', undefined, { details: toIssues(parsed.error) })
    const { key: secret, url: foundAt = null } = parsed.data
    await needs.reportKey({ secret, foundAt, address: needs.findAddress(context) })
    return context.json({ received: true }, 202)
  })
  app.all(reportedKeysPath, methodNotAllowed(['POST']))
}
