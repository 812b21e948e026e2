// The words of letters: what happened, to which webhook, and what to do. Plain text; nothing in it comes from a customer
// but the host of the URL, and no other character than those of a host can be in it.
import type { ClaimedMail } from './sql.ts'

export type Letter = { subject: string; text: string }

/** `origin` is the address callers use; null where none is configured: paths stand alone then. */
export function renderLetter(mail: ClaimedMail, origin: string | null): Letter {
  const host = readHost(mail.facts.host)
  const webhook = `${origin ?? ''}/api/v1/webhooks/${mail.subject_id}`
  const named = [`Webhook: ${mail.subject_id}`, `Host: ${host}`, `Time: ${showTime(mail.created_at)}`]
  const { subject, lines } =
    mail.kind === 'webhook_exhausted'
      ? describeExhausted(mail, { host, named, webhook })
      : describeDisabled(mail, { host, named, webhook })
  const sections = lines.map(section => (typeof section === 'string' ? section : section.join('\n')))
  return { subject, text: `${sections.join('\n\n')}\n` }
}

type Words = { host: string; named: string[]; webhook: string }
type Draft = { subject: string; lines: (string | string[])[] }

function describeExhausted({ untold, since, created_at }: ClaimedMail, words: Words): Draft {
  const { host, named, webhook } = words
  const count = untold === 1 ? '1 delivery' : `${untold} deliveries`
  return {
    subject: `Webhook deliveries to ${host} failed`,
    lines: [
      `${count} to one of your webhooks failed: every attempt was made, and no more will be.`,
      named,
      'This alone does not disable the webhook: new events are sent to it.',
      ['What to do:', '', ...readLog(webhook, '?status=exhausted'), ...resend(webhook, since ?? created_at)],
      'At most one such mail is sent for a webhook in 24 hours. The delivery log lists every failed delivery.',
    ],
  }
}

function describeDisabled({ facts, since, created_at }: ClaimedMail, words: Words): Draft {
  const { host, named, webhook } = words
  const isUnproven = facts.reason === 'unproven'
  const enable = isUnproven
    ? [
        '- Make the receiver echo the challenge of the event webhook.challenge.',
        `- Ask for a new challenge: POST ${webhook}/challenge`,
      ]
    : [
        ...readLog(webhook),
        `- Once the receiver works, enable the webhook again: PATCH ${webhook} with the body {"enabled": true}`,
      ]
  const since_ = since ?? (isUnproven ? null : created_at)
  return {
    subject: `Your webhook to ${host} was disabled`,
    lines: [
      describeReason(facts),
      named,
      'No events are sent to it until it is enabled again. Events of the meantime are not kept for it. Deliveries that were waiting were dropped; they can be sent again.',
      ['What to do:', '', ...enable, ...(since_ ? resend(webhook, since_) : [])],
    ],
  }
}

function describeReason({ reason, failures, failingSince }: ClaimedMail['facts']): string {
  if (reason === 'gone') return 'One of your webhooks was disabled: its receiver answered 410 Gone.'
  if (reason === 'unproven') {
    return 'One of your webhooks was disabled: its URL did not echo the challenge that proves its ownership.'
  }
  const first = failingSince ? `, the first at ${showTime(new Date(failingSince))}` : ''
  return `One of your webhooks was disabled after ${failures ?? 'too many'} failed attempts in a row${first}.`
}

const readLog = (webhook: string, filter = '') => [
  `- See what the receiver answered: GET ${webhook}/deliveries${filter}`,
]

/** An event is older than its first attempt: a few minutes before it. */
const earlierMs = 5 * 60_000

function resend(webhook: string, since: Date): string[] {
  const at = new Date(since.getTime() - earlierMs).toISOString().replace(/\.\d+Z$/, 'Z')
  return [`- Then send what failed again: POST ${webhook}/resend-failed with the body {"since": "${at}"}`]
}

function showTime(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

function readHost(text: string | null): string {
  return text !== null && /^[a-z0-9.:[\]_-]+$/.test(text) ? text : 'unknown host'
}
