// Speaks SMTP to the operator's mail server. Sockets are opened by the way out, as for every host that the operator names;
// nodemailer opens none, reads no file and no address.
import { rootCertificates } from 'node:tls'
import { createTransport } from 'nodemailer'
import type { MailConfig } from '../config.ts'
import { assertNoTransaction } from '../db/connect.ts'
import { openSocket } from '../outbound/open-socket.ts'
import type { Letter } from './letters.ts'
import { judgeFailure, type Outcome, type SmtpFailure } from './outcome.ts'

const second = 1_000
/** A server that takes longer than this for any one step is down for us. */
const connectTimeoutMs = 10 * second
const stepTimeoutMs = 30 * second
/** Of one letter to one user, from the connection to the last answer. */
export const letterTimeoutMs = 60 * second

export type Envelope = { to: string; messageId: string; date: Date }

export type Smtp = {
  /** Hands one letter to the server. `signal` gives it up. */
  send(letter: Letter, envelope: Envelope, signal: AbortSignal): Promise<Outcome>
  /** Connects, secures, signs in, and leaves again. */
  check(): Promise<Exclude<Outcome, { result: 'refused' }>>
}

/** `ca`: certificate authorities beside the built-in ones, as PEM. */
export function createSmtp(config: MailConfig, { ca }: { ca?: string[] } = {}): Smtp {
  const transport = createTransport({
    host: config.host,
    port: config.port,
    secure: config.tls === 'implicit',
    requireTLS: config.tls === 'starttls',
    ignoreTLS: config.tls === 'off',
    tls: {
      ...{ rejectUnauthorized: true, minVersion: 'TLSv1.2' },
      ...(ca && { ca: [...rootCertificates, ...ca] }),
    },
    ...(config.user === null || config.password === null
      ? {}
      : // Without it a server that offers no sign-in would be sent the letter all the same.
        { auth: { user: config.user, pass: config.password }, forceAuth: true }),
    // All that comes before the sign-in: a server may think about its greeting.
    connectionTimeout: connectTimeoutMs + stepTimeoutMs,
    greetingTimeout: stepTimeoutMs,
    socketTimeout: stepTimeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    getSocket(_options, callback) {
      dial(config).then(
        connection => callback(null, { connection }),
        (error: Error) => callback(error, false),
      )
    },
  })
  return {
    async send(letter, { to, messageId, date }, signal) {
      assertNoTransaction('a letter')
      try {
        await transport.sendMail({
          from: config.from,
          to: { name: '', address: to },
          subject: letter.subject,
          text: letter.text,
          messageId,
          date,
          // No machine answers a machine.
          headers: { 'Auto-Submitted': 'auto-generated' },
          signal: AbortSignal.any([signal, AbortSignal.timeout(letterTimeoutMs)]),
        })
        return { result: 'sent' }
      } catch (error) {
        return judgeFailure(error as SmtpFailure)
      }
    },
    async check() {
      try {
        await transport.verify()
        return { result: 'sent' }
      } catch (error) {
        const outcome = judgeFailure(error as SmtpFailure)
        return outcome.result === 'refused'
          ? { result: 'later', error: outcome.error, isRelay: true }
          : outcome
      }
    },
  }
}

/** The operator named the host: it may be private. TLS is nodemailer's, whichever way it begins. */
function dial({ host, port }: MailConfig) {
  const name = host.includes(':') ? `[${host}]` : host
  return openSocket({
    url: new URL(`http://${name}:${port}`),
    isChecked: false,
    ownHosts: [],
    signal: AbortSignal.timeout(connectTimeoutMs),
  })
}
