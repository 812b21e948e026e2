// The console as a browser without scripts meets it: forms by hand, cookies by hand, nothing followed.
import { expect } from 'vitest'
import { createKey, type KeyScope } from '../../src/accounts/keys.ts'
import type { Node, Rig } from '../harness.ts'
import { type RawAnswer, sendRaw } from './raw-request.ts'

export const consolePaths = {
  signIn: '/operator/sign-in',
  signOut: '/operator/sign-out',
  upstreams: '/operator/upstreams',
} as const

const form = ['content-type', 'application/x-www-form-urlencoded']

let visitors = 0

/** An address that nobody has tried from; the node must trust one proxy. */
export function freshAddress(): string {
  visitors += 1
  return `198.51.${100 + Math.floor(visitors / 250)}.${1 + (visitors % 250)}`
}

export function trySignIn(
  node: Node,
  key: string,
  options: { headers?: readonly string[]; from?: string } = {},
): Promise<RawAnswer> {
  const { headers = [], from = freshAddress() } = options
  return sendRaw(node.url, {
    method: 'POST',
    path: consolePaths.signIn,
    headers: [...form, 'x-forwarded-for', from, ...headers],
    body: new URLSearchParams({ key }).toString(),
  })
}

export function cookieOf({ headers }: RawAnswer): string {
  return String(headers['set-cookie']).split(';')[0] ?? ''
}

/** The cookie of a sign-in that works. */
export async function signIn(node: Node, key: string): Promise<string> {
  const answer = await trySignIn(node, key)
  expect([answer.status, answer.headers.location], answer.text).toEqual([303, consolePaths.upstreams])
  return cookieOf(answer)
}

export function view(node: Node, cookie: string, query = ''): Promise<RawAnswer> {
  return sendRaw(node.url, { path: consolePaths.upstreams + query, headers: ['cookie', cookie] })
}

export async function makeKey(
  rig: Rig,
  accountId: string,
  scopes: readonly KeyScope[],
): Promise<{ keyId: string; apiKey: string }> {
  const now = () => new Date()
  return rig.database.db.transaction(tx => createKey({ tx, now }, { accountId, scopes, rate: 'off' }))
}

/** Text of the page, without tags, each run of spaces one. */
export function textOf(html: string): string {
  return html
    .replace(/<(?:script|style)[\s\S]*?<\/(?:script|style)>/g, ' ')
    .replace(/<wbr>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ')
    .trim()
}

/** The rows of the table, each as the texts of its cells. */
export function rowsOf(html: string): string[][] {
  return [...html.matchAll(/<tr role="row" id=[\s\S]*?<\/tr>/g)].map(([row]) =>
    [...row.matchAll(/<(td|th)[\s>][\s\S]*?<\/\1>/g)].map(([cell]) => textOf(cell)),
  )
}
