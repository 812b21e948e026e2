// A mail server on a real socket, as an operator would name it in SMTP_URL: it offers STARTTLS, wants a password, keeps
// every letter as it came and refuses what the test says.
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { SMTPServer } from 'smtp-server'
import type { Queryable } from '../src/db/db.ts'
import { testCertificate, testKey } from './certificate.ts'
import { ask } from './money.ts'

export const mailUser = 'darkroom'
/** With letters that must be percent-encoded, and of no form that the log would cut out by itself. */
export const mailPassword = 'correct@horse/battery staple 4417'

export type ReceivedLetter = {
  to: string
  subject: string
  messageId: string
  /** All of it, soft line ends taken out. */
  text: string
}

export type MailServer = {
  port: number
  /** SMTP_URL: with STARTTLS and the password, or without both where the server has neither. */
  url: string
  /** What a node is started with to send letters here; its certificate is put into the folder. */
  env(folder: string): Record<string, string>
  letters: ReceivedLetter[]
  lettersTo(address: string): ReceivedLetter[]
  /** The refusal of a recipient, a status or all of its line; null accepts. The default accepts everybody. */
  answer(how: (address: string) => Answer | Promise<Answer>): void
  close(): Promise<void>
}

type Answer = number | string | null

const refusal = (answer: number | string) => {
  const [, status = answer, words = 'not now, not for you'] = /^(\d{3}) (.*)$/.exec(String(answer)) ?? []
  return Object.assign(new Error(words), { responseCode: Number(status) })
}

export async function startMailServer(
  options: { plain?: boolean; implicit?: boolean; host?: string; port?: number; password?: string } = {},
): Promise<MailServer> {
  const letters: ReceivedLetter[] = []
  let answerTo: (address: string) => Answer | Promise<Answer> = () => null
  const { plain = false, implicit = false, password = mailPassword } = options
  const server = new SMTPServer({
    ...{ key: testKey, cert: testCertificate, secure: implicit, hideSTARTTLS: plain, authOptional: plain },
    ...{ disableReverseLookup: true, closeTimeout: 0, disabledCommands: plain ? ['AUTH', 'STARTTLS'] : [] },
    onAuth(auth, _session, callback) {
      if (auth.username === mailUser && auth.password === password) callback(null, { user: mailUser })
      else callback(refusal(535))
    },
    onRcptTo({ address }, _session, callback) {
      void Promise.resolve(answerTo(address)).then(answer => {
        callback(answer === null ? null : refusal(answer))
      })
    },
    onData(stream, session, callback) {
      const parts: Buffer[] = []
      stream.on('data', part => parts.push(part))
      stream.on('end', () => {
        const raw = Buffer.concat(parts).toString('utf8')
        for (const { address } of session.envelope.rcptTo) letters.push(readLetter(address, raw))
        callback()
      })
    },
  })
  // Clients that hang up in the middle are part of the tests.
  server.on('error', () => undefined)
  await new Promise<void>(resolve => server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve))
  const { port } = server.server.address() as AddressInfo
  const credentials = [mailUser, mailPassword].map(encodeURIComponent).join(':')
  const url = plain
    ? `smtp://localhost:${port}?tls=off`
    : `${implicit ? 'smtps' : 'smtp'}://${credentials}@localhost:${port}`
  return {
    ...{ port, url },
    env(folder) {
      const file = join(folder, 'mail-ca.pem')
      writeFileSync(file, testCertificate)
      return { SMTP_URL: url, MAIL_FROM: 'Darkroom <noreply@images.example.com>', NODE_EXTRA_CA_CERTS: file }
    },
    letters,
    lettersTo: address => letters.filter(({ to }) => to === address),
    answer(how) {
      answerTo = how
    },
    close: () => new Promise<void>(resolve => server.close(() => resolve())),
  }
}

function readLetter(to: string, raw: string): ReceivedLetter {
  const [head = '', ...body] = raw.split('\r\n\r\n')
  const unfolded = head.replace(/\r\n[ \t]+/g, ' ')
  const header = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(unfolded)?.[1] ?? ''
  const text = body
    .join('\r\n\r\n')
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  return {
    to,
    subject: header('Subject'),
    messageId: header('Message-ID'),
    text: `${unfolded}\n\n${text.replaceAll('\r\n', '\n')}`,
  }
}

/** The address of an account's oldest user. */
export async function addressOf(db: Queryable, accountId: string): Promise<string> {
  const text = `SELECT u.email FROM auth.member m JOIN auth."user" u ON u.id = m."userId"
    WHERE m."organizationId" = $1 ORDER BY m."createdAt" LIMIT 1`
  const [row] = await ask<{ email: string }>(db, text, [accountId])
  return row?.email ?? ''
}

/** What the account is or will be told, oldest first: letters are written with what they tell. */
export async function kindsWritten(db: Queryable, accountId: string): Promise<string[]> {
  const text = 'SELECT kind FROM mail WHERE account_id = $1 ORDER BY created_at'
  return (await ask<{ kind: string }>(db, text, [accountId])).map(({ kind }) => kind)
}
