// One function per thing that happens to a letter: metric and log record are written together, here only. No address and
// nothing that a mail server said: both are people's.
import type { Log } from '../log.ts'
import type { Metrics } from '../telemetry.ts'
import type { MailKind } from './sql.ts'

export type MailEvents = ReturnType<typeof createMailEvents>

type Named = { id: string; kind: MailKind }

export function createMailEvents(log: Log, metrics: Metrics) {
  const name = ({ id, kind }: Named) => ({ mailId: id, kind })
  return {
    sent(mail: Named & { attempts: number }): void {
      metrics.mails.inc({ result: 'sent' })
      log.info({ event: 'mail.sent', ...name(mail), attempts: mail.attempts }, 'a letter was sent')
    },
    deferred(mail: Named & { attempts: number }, error: string): void {
      metrics.mails.inc({ result: 'deferred' })
      const fields = { event: 'mail.deferred', ...name(mail), attempts: mail.attempts, error }
      log.warn(fields, 'a letter could not be sent and is tried again later')
    },
    failed(mail: Named & { attempts: number }, error: string): void {
      metrics.mails.inc({ result: 'failed' })
      const fields = { event: 'mail.failed', ...name(mail), attempts: mail.attempts, error }
      log.warn(fields, 'a letter could not be sent and is given up')
    },
    expired(mail: Named): void {
      metrics.mails.inc({ result: 'expired' })
      log.info({ event: 'mail.expired', ...name(mail) }, 'a letter waited too long and is not sent any more')
    },
  }
}
