// The words of letters, and that nothing but words of ours and a host can be in them.
import { expect, test } from 'vitest'
import { renderLetter } from './letters.ts'
import type { ClaimedMail } from './sql.ts'

const created_at = new Date('2026-04-26T01:23:45.678Z')
const subject_id = '01990000-0000-7000-8000-000000000000'

const mail = (of: Partial<ClaimedMail>): ClaimedMail => ({
  ...{ id: '01990000-0000-4000-8000-000000000001', epoch: 1, account_id: subject_id },
  ...{
    kind: 'webhook_exhausted',
    subject_id,
    facts: { host: 'hooks.example.com' },
    told_users: [],
    refused_users: [],
  },
  ...{ untold: 3, since: new Date('2026-04-26T01:10:00.000Z'), attempts: 1, created_at },
  ...of,
})

test('a letter of failed deliveries says how many, of which webhook, since when, and how to send them again', () => {
  expect(renderLetter(mail({}), 'https://images.example.com')).toEqual({
    subject: 'Webhook deliveries to hooks.example.com failed',
    text: `3 deliveries to one of your webhooks failed: every attempt was made, and no more will be.

Webhook: ${subject_id}
Host: hooks.example.com
Time: 2026-04-26 01:23:45 UTC

This alone does not disable the webhook: new events are sent to it.

What to do:

- See what the receiver answered: GET https://images.example.com/api/v1/webhooks/${subject_id}/deliveries?status=exhausted
- Then send what failed again: POST https://images.example.com/api/v1/webhooks/${subject_id}/resend-failed with the body {"since": "2026-04-26T01:05:00Z"}

At most one such mail is sent for a webhook in 24 hours. The delivery log lists every failed delivery.
`,
  })
})

test('a letter of a disabled webhook says why and how to enable it; without a public origin it names paths', () => {
  const of = (facts: object, since: Date | null = null) =>
    renderLetter(
      mail({ kind: 'webhook_disabled', facts: { host: 'hooks.example.com', ...facts }, since }),
      null,
    )
  const failed = of({ reason: 'failures', failures: 8, failingSince: '2026-04-26T01:00:00+00:00' })
  expect(failed.subject).toBe('Your webhook to hooks.example.com was disabled')
  expect(failed.text).toContain('after 8 failed attempts in a row, the first at 2026-04-26 01:00:00 UTC.')
  expect(failed.text).toContain(`: PATCH /api/v1/webhooks/${subject_id} with the body {"enabled": true}`)
  expect(failed.text).toContain(`: POST /api/v1/webhooks/${subject_id}/resend-failed`)
  expect(of({ reason: 'gone' }).text).toContain('its receiver answered 410 Gone')
  const unproven = of({ reason: 'unproven' }).text
  expect(unproven).toContain(`: POST /api/v1/webhooks/${subject_id}/challenge`)
  expect(unproven).not.toContain('resend-failed')
})

test('no line end, markup or path gets into a letter by way of the host', () => {
  for (const host of [
    'a.example\r\nBcc: x@y.example',
    'a.example/secret?key=1',
    'a@b.example',
    '<b>',
    '',
    null,
  ]) {
    const letter = renderLetter(mail({ facts: { host } }), null)
    expect(letter.subject).toBe('Webhook deliveries to unknown host failed')
    expect(letter.text).not.toMatch(/secret|Bcc|<b>/)
  }
})
