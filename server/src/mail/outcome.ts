// What an attempt to send a letter came to, and when it is tried again: one pure decision. Classes of trouble, never words
// of a server: those may hold addresses.

/**
 * `sent`; `refused`: the server will never take this letter for this user; `later`: perhaps it will. `isRelay`: the trouble
 * is the server's or ours with it, so that the next letter would meet the same.
 */
export type Outcome =
  | { result: 'sent' }
  | { result: 'refused'; error: string }
  | { result: 'later'; error: string; isRelay: boolean }

/** What nodemailer puts on its errors, as far as it is read here; `originalCode` is Node's. */
export type SmtpFailure = {
  code?: string
  originalCode?: string
  responseCode?: number
  /** The server's words. Nothing but the status that they begin with is read. */
  response?: string
  command?: string
}

/** Codes of nodemailer and Node for what happens before a server has judged anything. */
const classes: Record<string, string> = {
  EAUTH: 'auth_refused',
  ENOAUTH: 'auth_refused',
  ETLS: 'no_tls',
  ETIMEDOUT: 'timeout',
  EABORT: 'timeout',
  EDNS: 'unreachable',
  ENOTFOUND: 'unreachable',
  ECONNREFUSED: 'unreachable',
  ESOCKET: 'connection_lost',
  ECONNECTION: 'connection_lost',
  EPROTOCOL: 'not_smtp',
}

/**
 * A 5xx to the recipient or to the letter itself is the last word on it. A 5xx before that (greeting, TLS, password,
 * sender) is about this service, and for the operator to mend: letters wait for it, and also where the server says to a
 * recipient that we may not send by way of it.
 */
export function judgeFailure(failure: SmtpFailure): Outcome {
  const { code = '', originalCode, responseCode, command = '' } = failure
  const isOfLetter = command === 'RCPT TO' || command === 'DATA'
  if (isOfLetter && responseCode !== undefined) {
    const error = `refused_${responseCode}`
    // 503 says that the session was in the wrong state, not that the letter is refused.
    const isFinal = responseCode >= 500 && responseCode !== 503 && !isOfUs(failure)
    return isFinal ? { result: 'refused', error } : { result: 'later', error, isRelay: false }
  }
  if (command === 'MAIL FROM' && responseCode !== undefined) {
    return { result: 'later', error: `sender_refused_${responseCode}`, isRelay: true }
  }
  // Found before anything was said: no server would take it.
  if (code === 'EENVELOPE' && responseCode === undefined) return { result: 'refused', error: 'bad_address' }
  const known = isCertificateCode(originalCode ?? code) ? 'bad_certificate' : (classes[code] ?? 'unreachable')
  return { result: 'later', error: responseCode ? `${known}_${responseCode}` : known, isRelay: true }
}

/** Not signed in, or not allowed (RFC 3463, X.7: security or policy). */
function isOfUs({ responseCode, response = '' }: SmtpFailure): boolean {
  return responseCode === 530 || responseCode === 535 || /^5\d\d[ -]5\.7\.\d/.test(response)
}

function isCertificateCode(code: string): boolean {
  return /CERT|SELF_SIGNED|ALTNAME|UNABLE_TO/.test(code)
}

const minute = 60_000
const hour = 60 * minute

/** Before each further attempt. Greylisting lets through after minutes; a server is mended within a day or two. */
export const delaysMs = [
  ...[minute, 5 * minute, 20 * minute],
  ...[hour, 4 * hour, 12 * hour, 24 * hour],
] as const

/** `attempts` counts the one that has ended; null = it was the last. */
export function nextDelayMs(attempts: number): number | null {
  return delaysMs[attempts - 1] ?? null
}
