// The mail server and the sender, out of the environment. What is wrong is told without the value: it holds a password.
import type { SettingReader } from './setting-values.ts'

export type MailConfig = {
  host: string
  port: number
  /** From the first byte, by STARTTLS or not at all. */
  tls: 'implicit' | 'starttls' | 'off'
  user: string | null
  password: string | null
  from: { name: string; address: string }
}

/** Also names with an underline, as those of containers have them. */
const host = /^(?:[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\])$/
/** ASCII on both sides, so that every server takes it; no brackets, commas or line ends. */
const address = /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:localhost|[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)$/i

/** Null where letters are not sent. */
export function readMail(read: SettingReader): MailConfig | null {
  const url = read.text('SMTP_URL')
  const from = read.text('MAIL_FROM')
  if (url === null || from === null) {
    const [set, unset] = url === null ? ['MAIL_FROM', 'SMTP_URL'] : ['SMTP_URL', 'MAIL_FROM']
    if (url !== from) read.problems.push(`${set} is set without ${unset}: set both or neither`)
    return null
  }
  const server = parseServer(url)
  if (server === null) {
    read.problems.push(
      'SMTP_URL must be smtp:// or smtps:// with a host, such as smtp://user:password@mail.example.com:587, user and password percent-encoded, and nothing behind the port but ?tls=off',
    )
  } else if (server.tls === 'off' && server.password !== null) {
    read.problems.push('SMTP_URL has a password and tls=off: a password is not sent without TLS')
  }
  const sender = parseSender(from)
  if (sender === null) {
    read.problems.push('MAIL_FROM must be an address, such as Darkroom <noreply@images.example.com>')
  }
  return server && sender && { ...server, from: sender }
}

function parseServer(text: string): Omit<MailConfig, 'from'> | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^smtps?:$/.test(url.protocol) || !/^\/?$/.test(url.pathname) || url.hash !== '')
    return null
  const isImplicit = url.protocol === 'smtps:'
  const isOff = url.search === '?tls=off'
  const hostname = url.hostname.toLowerCase()
  if (!host.test(hostname) || url.port === '0' || (url.search !== '' && (!isOff || isImplicit))) return null
  const user = decode(url.username)
  const password = decode(url.password)
  if (user === null || password === null || (user === '') !== (password === '')) return null
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (isImplicit ? 465 : 587),
    tls: isImplicit ? 'implicit' : isOff ? 'off' : 'starttls',
    user: user || null,
    password: password || null,
  }
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** `address`, `Name <address>` or `"Name, with commas" <address>`. */
function parseSender(text: string): MailConfig['from'] | null {
  const [, quoted, plain = '', inBrackets, bare] =
    /^(?:(?:"([^<>"\\]*)" *|([^<>"]*))<([^<>]+)>|([^<>]+))$/.exec(text) ?? []
  const found = inBrackets ?? bare ?? ''
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is kept out
  return address.test(found) && !/[\0-\x1f\x7f]/.test(text)
    ? { name: (quoted ?? plain).trim(), address: found }
    : null
}
