// Builds what sends letters, where a mail server is configured.
import type { MailConfig } from '../config.ts'
import type { Db } from '../db/db.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../telemetry.ts'
import { createMailEvents } from './observe.ts'
import { createMailer, type Mailer, type MailerNeeds } from './send.ts'
import { createSmtp } from './smtp.ts'

export type OpenMailNeeds = Pick<MailerNeeds, 'listAddressees' | 'now' | 'processName'> & {
  config: { mail: MailConfig | null; publicUrl: string | null }
  db: Db
  log: Log
  metrics: Metrics
}

/** Null where nobody is told by mail. */
export function openMailer(needs: OpenMailNeeds): Mailer | null {
  const { config, log, metrics } = needs
  if (config.mail === null) return null
  const domain = config.mail.from.address.split('@')[1] ?? 'localhost'
  const smtp = createSmtp(config.mail)
  return createMailer({
    ...needs,
    ...{ smtp, domain, origin: config.publicUrl, events: createMailEvents(log, metrics) },
  })
}
