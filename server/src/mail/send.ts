// Sends letters: claims one, asks whose account it is, hands it to the mail server user by user, and writes down what came
// of it. Leases and epochs decide; whoever dies has its letter sent again, under the same Message-ID.
import type { Db } from '../db/db.ts'
import { fp } from '../failpoints.ts'
import { maxAgeS } from './keep.ts'
import { renderLetter } from './letters.ts'
import type { MailEvents } from './observe.ts'
import { nextDelayMs, type Outcome } from './outcome.ts'
import { letterTimeoutMs, type Smtp } from './smtp.ts'
import { type ClaimedMail, sql } from './sql.ts'

export type Addressee = { userId: string; email: string }

export type MailerNeeds = {
  db: Db
  smtp: Smtp
  events: MailEvents
  /** Users of an account, none where it is closed; at most `limit`. */
  listAddressees(accountId: string, limit: number): Promise<Addressee[]>
  now: () => Date
  processName: string
  /** What callers begin addresses with, and what is behind the @ of a Message-ID. */
  origin: string | null
  domain: string
}

export type Mailer = {
  /** Sends what is due, one letter after the other. Ends early where the mail server takes none. */
  fill(): Promise<void>
  /** Sends no further letter; resolves when the one under way has ended, which is given up after `graceMs`. */
  stop(graceMs: number): Promise<void>
}

/** An account of a team has a few users; more would be a mailing list. */
const maxAddressees = 10
/** Letters of one run: the next one is seconds away. */
const perRun = 100
/** Longer than one user can take; it begins anew before each. */
const leaseMs = letterTimeoutMs + 30_000

export function createMailer(needs: MailerNeeds): Mailer {
  const stopping = new AbortController()
  let isStopped = false
  let running: Promise<void> | null = null

  async function run(): Promise<void> {
    for (let sent = 0; sent < perRun && !isStopped; sent += 1) {
      const [mail] = await needs.db.query<ClaimedMail>(sql.claim, [needs.processName, leaseMs, maxAgeS])
      if (!mail || !(await sendOne(needs, mail, stopping.signal))) break
    }
  }

  return {
    fill() {
      if (isStopped) return Promise.resolve()
      running ??= run().finally(() => {
        running = null
      })
      return running
    },
    async stop(graceMs) {
      isStopped = true
      const timer = setTimeout(() => stopping.abort(), graceMs)
      await running?.catch(() => undefined)
      clearTimeout(timer)
    },
  }
}

/** Whether another letter is worth a try. */
async function sendOne(needs: MailerNeeds, mail: ClaimedMail, signal: AbortSignal): Promise<boolean> {
  const addressees = await needs.listAddressees(mail.account_id, maxAddressees)
  const known = [...mail.told_users, ...mail.refused_users]
  const missing = addressees.filter(({ userId }) => !known.includes(userId))
  const outcomes: Outcome[] = []
  for (const [at, addressee] of missing.entries()) {
    const outcome =
      at === 0 || (await renew(needs, mail)) ? await sendTo(needs, { mail, addressee, signal }) : null
    // Another process has taken it up.
    if (outcome === null) return true
    outcomes.push(outcome)
    if (outcome.result === 'later' && outcome.isRelay) break
  }
  const later = outcomes.find(outcome => outcome.result === 'later')
  if (later && signal.aborted) {
    await needs.db.query(sql.giveBack, [mail.id, mail.epoch])
    return false
  }
  if (!later || !(await defer(needs, mail, later.error))) await end(needs, mail, outcomes)
  return later?.isRelay !== true
}

/** Null where the letter was taken from us meanwhile. */
async function sendTo(
  needs: MailerNeeds,
  { mail, addressee, signal }: { mail: ClaimedMail; addressee: Addressee; signal: AbortSignal },
): Promise<Outcome | null> {
  if (__FAILPOINTS__) await fp('mail.before')
  const outcome = await needs.smtp.send(
    renderLetter(mail, needs.origin),
    { to: addressee.email, messageId: `<${mail.id}@${needs.domain}>`, date: needs.now() },
    signal,
  )
  if (__FAILPOINTS__) await fp('mail.after')
  if (outcome.result === 'later') return outcome
  const values = [mail.id, mail.epoch, addressee.userId, outcome.result === 'sent']
  const noted = await needs.db.query(sql.noteUser, values)
  return noted.length > 0 ? outcome : null
}

async function renew({ db }: MailerNeeds, { id, epoch }: ClaimedMail): Promise<boolean> {
  return (await db.query(sql.renew, [id, epoch, leaseMs])).length > 0
}

/** False where this was the last attempt. */
async function defer(needs: MailerNeeds, mail: ClaimedMail, error: string): Promise<boolean> {
  const delayMs = nextDelayMs(mail.attempts)
  if (delayMs === null) return false
  const deferred = await needs.db.query(sql.defer, [mail.id, mail.epoch, error, delayMs])
  if (deferred.length > 0) needs.events.deferred(mail, error)
  return true
}

/** Sent where one user has it, of this attempt or an earlier one. */
async function end(needs: MailerNeeds, mail: ClaimedMail, outcomes: Outcome[]): Promise<void> {
  const isSent = mail.told_users.length > 0 || outcomes.some(({ result }) => result === 'sent')
  // An account that is closed, or has no user, has nobody to tell.
  const error = outcomes.flatMap(outcome => (outcome.result === 'sent' ? [] : outcome.error))[0] ?? 'nobody'
  const values = isSent ? ['sent', null, mail.untold] : ['failed', error, 0]
  const ended = await needs.db.query(sql.end, [mail.id, mail.epoch, ...values])
  if (ended.length === 0) return
  if (isSent) needs.events.sent(mail)
  else needs.events.failed(mail, error)
}
