// The password of a self-hosted engine, or of the proxy before it: HTTP Basic.
import { scrubKey } from './hosted-call.ts'
import type { ProviderOutcome } from './provider.ts'

/** `Authorization: Basic …` for `user:password`; nothing for an engine that asks for nothing. */
export function authorizeBasic(userAndPassword: string): Record<string, string> {
  return userAndPassword === '' ? {} : { authorization: `Basic ${encode(userAndPassword)}` }
}

/** Takes the password out of a message in every form in which an engine can repeat it. */
export function scrubBasic(message: string, userAndPassword: string): string {
  if (userAndPassword === '') return scrubKey(message, '')
  const password = userAndPassword.slice(userAndPassword.indexOf(':') + 1)
  const forms = [userAndPassword, encode(userAndPassword), password].filter(form => form !== '')
  return scrubKey(
    forms.reduce((text, form) => text.replaceAll(form, '[key]'), message),
    userAndPassword,
  )
}

export function scrubBasicOutcome(outcome: ProviderOutcome, userAndPassword: string): ProviderOutcome {
  if (outcome.kind !== 'failed') return outcome
  return { ...outcome, message: scrubBasic(outcome.message, userAndPassword) }
}

type Checked = { ok: true } | { ok: false; message: string }

/** What a check finds is shown to people, who pass it on. */
export async function scrubBasicCheck(checking: Promise<Checked>, userAndPassword: string): Promise<Checked> {
  const checked = await checking
  return checked.ok ? checked : { ok: false, message: scrubBasic(checked.message, userAndPassword) }
}

function encode(userAndPassword: string): string {
  return Buffer.from(userAndPassword).toString('base64')
}
