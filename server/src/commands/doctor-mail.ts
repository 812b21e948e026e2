// What doctor says of the mail server: whether it takes our letters, or what to mend.
import type { Config } from '../config.ts'
import { type CheckResult, report } from './doctor-result.ts'
import type { OutsideNeeds } from './needs.ts'

/** By the beginning of a class of trouble. */
const advices: Record<string, string> = {
  unreachable: 'Check host and port of SMTP_URL, and that a firewall lets this machine reach them.',
  timeout: 'Check host and port of SMTP_URL, and that a firewall lets this machine reach them.',
  auth_refused: 'Check user and password of SMTP_URL; both are percent-encoded in it.',
  no_tls:
    'The server offers no STARTTLS that works. Use smtps:// if it speaks TLS from the first byte (port 465), or ?tls=off without a password for a server on this machine.',
  bad_certificate:
    'Name the host as its certificate does. For a certificate of your own authority set NODE_EXTRA_CA_CERTS to its file.',
  connection_lost:
    'Check the port: 465 speaks TLS from the first byte (smtps://), 587 and 25 begin without it (smtp://).',
  not_smtp: 'Check host and port of SMTP_URL: what answers there is no mail server.',
}

export async function checkMail({ mail }: Config, needs: OutsideNeeds): Promise<CheckResult[]> {
  const checked = await needs.checkMail()
  if (mail === null || checked === null) {
    const message = 'SMTP_URL is unset: nobody is told by mail that a webhook fails.'
    const advice = 'Set SMTP_URL and MAIL_FROM to have letters sent.'
    return [report('mail', { status: 'ok', message, advice })]
  }
  const server = `${mail.host}:${mail.port}`
  if (checked.trouble === null) {
    const message = `${server} is ready; letters are sent from ${mail.from.address}.`
    return [report('mail', { status: 'ok', message })]
  }
  const { trouble } = checked
  const advice = Object.entries(advices).find(([name]) => trouble.startsWith(name))?.[1]
  return [
    report('mail', {
      status: 'fail',
      message: `${server} takes no letters: ${trouble}. They are tried again for two days.`,
      advice: advice ?? 'Ask whoever runs the mail server.',
    }),
  ]
}
