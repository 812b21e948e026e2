// Endpoints of an account: who is told of its generations, and with which secret. A secret leaves this file when it is
// made, and to a repeat of that very call. The account is part of every statement: "not yours" and "not there" are one answer.
import { randomUUID } from 'node:crypto'
import type { Db } from '../db/db.ts'
import { AppError, invalidField } from '../errors.ts'
import { isId, newId } from '../ids.ts'
import type { Seal } from '../seal.ts'
import { type EventType, eventTypes } from './events.ts'
import { type PolicyName, policyNames } from './policy.ts'
import { newWebhookSecret } from './sign.ts'
import { type EndpointRow, type MadeEndpointRow, sql, type UnmadeEndpointRow } from './sql.ts'
import { takeFromWindows, toWindowValues, usedUp } from './windows.ts'

/** So many receivers are a mistake, or an attack on somebody's. */
export const maxEndpoints = 20
export const maxUrlLength = 2_048
export const maxLabelLength = 100
/** At most a day to give the new secret to every receiver. */
export const maxOverlapS = 24 * 3_600

export type Endpoint = {
  id: string
  url: string
  label: string | null
  events: EventType[]
  policy: PolicyName
  enabled: boolean
  disabledReason: 'owner' | 'failures' | 'gone' | 'unproven' | null
  disabledAt: Date | null
  /** Failed attempts in a row. */
  failures: number
  /** Whether its URL has echoed the challenge; null = it was never asked. While it is pending nothing else is sent. */
  ownership: Ownership | null
  createdAt: Date
  updatedAt: Date
}

export const ownerships = ['pending', 'proven', 'unproven'] as const
export type Ownership = (typeof ownerships)[number]

export type EndpointNeeds = {
  db: Db
  seal: Seal
  now: () => Date
  /** Why a URL may never be requested, as far as its text tells; null = it may be tried. */
  refusalOf(url: string): string | null
  /** Whether a URL must prove that it wants what it is sent. */
  challenges: boolean
}

export type EndpointInput = {
  url: string
  events: readonly string[]
  label?: string | null
  policy?: string
}

/** Under which key a request may be repeated, and what makes it the same request. */
export type Repeat = { idempotencyKey: string; fingerprint: Buffer }

export type EndpointChange = Partial<EndpointInput> & { enabled?: boolean }

/**
 * A repeat under an idempotency key is answered the secret, too, for so long: whoever lost the answer needs it, and
 * could have a new one at any time. As long as callers repeat a call, and no longer.
 */
const shownAgainMs = 24 * 3_600_000

export type MadeEndpoint = {
  endpoint: Endpoint
  /** Null for a repeat that comes too late, or after the secret was replaced. */
  secret: string | null
  replayed: boolean
}

/**
 * The secret is shown this once; a repeat under an idempotency key answers the endpoint that it has made, as it is
 * now, and takes from no window. Throws invalid_request, naming the field, idempotency_key_reused and, where a new one
 * must be challenged, rate_limited.
 */
export async function createEndpoint(
  needs: EndpointNeeds,
  accountId: string,
  { repeat = null, ...input }: EndpointInput & { repeat?: Repeat | null },
): Promise<MadeEndpoint> {
  const { url, events, label = null, policy = 'default' } = checkFields(needs, input)
  const secret = newWebhookSecret()
  const id = newId(needs.now)
  const [row] = await needs.db.query<MadeEndpointRow | UnmadeEndpointRow>(sql.createEndpoint, [
    ...[id, accountId, url, label, events, policy, needs.seal.seal(secret), maxEndpoints],
    ...[repeat?.idempotencyKey ?? null, repeat?.fingerprint ?? null, shownAgainMs],
    ...[needs.challenges ? newChallengeId() : null, ...toWindowValues(input.url)],
  ])
  if (!row) throw invalidField('url', `An account can have ${maxEndpoints} webhooks; delete one first.`)
  if (row.id === null) throw usedUp(row.wait_s)
  const endpoint = toEndpoint(row)
  if (row.id === id) return { endpoint, secret, replayed: false }
  if (!repeat || !row.fingerprint?.equals(repeat.fingerprint)) throw new AppError('idempotency_key_reused')
  return { endpoint, secret: openShown(needs, row), replayed: true }
}

/** Sealed with a secret of the installation that is gone, it is as good as replaced. */
function openShown({ seal }: EndpointNeeds, { shown_secret: sealed }: MadeEndpointRow): string | null {
  try {
    return sealed === null ? null : seal.open(sealed)
  } catch {
    return null
  }
}

/** Oldest first. */
export async function listEndpoints(db: Db, accountId: string): Promise<Endpoint[]> {
  return (await db.query<EndpointRow>(sql.listEndpoints, [accountId])).map(toEndpoint)
}

/** Throws not_found. */
export async function getEndpoint(db: Db, accountId: string, id: string): Promise<Endpoint> {
  const [row] = isId(id) ? await db.query<EndpointRow>(sql.findEndpoint, [id, accountId]) : []
  return toEndpoint(row ?? noEndpoint())
}

/**
 * What is left out stays. Enabling begins with a clean record; disabling drops what has not been sent. Where proofs are
 * asked for, a new URL is challenged, and at enabling one that is unproven: either counts as one, needed or not.
 */
export async function changeEndpoint(
  needs: EndpointNeeds,
  { accountId, id }: { accountId: string; id: string },
  change: EndpointChange,
): Promise<Endpoint> {
  const { url, events, label, policy } = checkFields(needs, change)
  const mayChallenge = needs.challenges && (url !== undefined || change.enabled === true)
  const before = mayChallenge ? await getEndpoint(needs.db, accountId, id) : null
  const challengeId = before && (await takeChallenge(needs.db, accountId, url ?? before.url))
  const [row] = isId(id)
    ? await needs.db.query<EndpointRow>(sql.changeEndpoint, [
        ...[id, accountId, url ?? null, label !== undefined, label ?? null, events ?? null],
        ...[policy ?? null, change.enabled ?? null, challengeId],
      ])
    : []
  return toEndpoint(row ?? noEndpoint())
}

/**
 * Sends another challenge to one that has not echoed yet, and enables one that was disabled for that. Throws not_found,
 * rate_limited, and invalid_request where no proof is asked for or it is disabled for another reason.
 */
export async function challengeEndpoint(
  { db, challenges }: EndpointNeeds,
  { accountId, id }: { accountId: string; id: string },
): Promise<Endpoint> {
  const { url, enabled, disabledReason, ownership } = await getEndpoint(db, accountId, id)
  if (!challenges) throw invalidField('ownership', 'No proof of ownership is asked for here.')
  if (!enabled && disabledReason !== 'unproven') {
    throw invalidField('enabled', 'The webhook is disabled and is sent nothing; enable it first.')
  }
  if (ownership === 'proven') return getEndpoint(db, accountId, id)
  const values = [id, accountId, await takeChallenge(db, accountId, url)]
  const [row] = await db.query<EndpointRow>(sql.challengeEndpoint, values)
  return toEndpoint(row ?? noEndpoint())
}

/** The id of a challenge that may be sent now. Throws rate_limited. */
async function takeChallenge(db: Db, accountId: string, url: string): Promise<string> {
  await takeFromWindows(db, accountId, url)
  return newChallengeId()
}

/** As random as those of events: it must not tell when it was made. */
const newChallengeId = (): string => randomUUID()

/** Throws not_found. */
export async function deleteEndpoint(db: Db, accountId: string, id: string): Promise<void> {
  const [row] = isId(id) ? await db.query<{ done: boolean }>(sql.deleteEndpoint, [id, accountId]) : []
  if (!row?.done) noEndpoint()
}

/**
 * The secret before it signs too until `oldSecretUntil`, and alone makes the hex signature; with no overlap it ends at
 * once, as the one before it always does.
 */
export async function rotateSecret(
  needs: Pick<EndpointNeeds, 'db' | 'seal'>,
  { accountId, id }: { accountId: string; id: string },
  overlapS: number = maxOverlapS,
): Promise<{ endpoint: Endpoint; secret: string; oldSecretUntil: Date }> {
  const secret = newWebhookSecret()
  const values = [id, accountId, needs.seal.seal(secret), overlapS]
  const [row] = isId(id)
    ? await needs.db.query<EndpointRow & { old_secret_until: Date }>(sql.rotateSecret, values)
    : []
  const rotated = row ?? noEndpoint()
  return { endpoint: toEndpoint(rotated), secret, oldSecretUntil: rotated.old_secret_until }
}

function noEndpoint(): never {
  throw new AppError('not_found', 'There is no such webhook.')
}

type CheckedFields = {
  url?: string
  events?: EventType[]
  label?: string | null
  policy?: PolicyName
}

function checkFields<Given extends EndpointChange>(
  needs: EndpointNeeds,
  given: Given,
): CheckedFields & { [Key in keyof Given & 'events']: EventType[] } {
  const { url, events, label, policy } = given
  const checked: CheckedFields = {
    ...(url === undefined ? {} : { url: checkUrl(needs, url) }),
    ...(events === undefined ? {} : { events: checkEvents(events) }),
    ...(label === undefined ? {} : { label: checkLabel(label) }),
    ...(policy === undefined ? {} : { policy: checkPolicy(policy) }),
  }
  return checked as CheckedFields & { [Key in keyof Given & 'events']: EventType[] }
}

/** What is kept is the parsed form, so that what was judged is what will be requested. */
function checkUrl(needs: EndpointNeeds, text: string): string {
  const allowed =
    'url must be an https URL of a public host on port 443, without a user name or password in it.'
  const url = URL.canParse(text) && text.length <= maxUrlLength ? new URL(text) : null
  if (!url) throw invalidField('url', allowed)
  // It is not sent, and two endpoints could differ in it alone.
  url.hash = ''
  if (url.href.length > maxUrlLength || needs.refusalOf(url.href) !== null) throw invalidField('url', allowed)
  return url.href
}

function checkEvents(given: readonly string[]): EventType[] {
  const known = eventTypes.filter(type => given.includes(type))
  if (known.length > 0 && given.every(name => (known as string[]).includes(name))) return known
  throw invalidField('events', `events must name some of ${eventTypes.join(', ')}.`)
}

function checkLabel(label: string | null): string | null {
  const text = label?.trim() ?? ''
  if ([...text].length > maxLabelLength) {
    throw invalidField('label', `label can have ${maxLabelLength} characters.`, 'too_big')
  }
  return text === '' ? null : text
}

function checkPolicy(given: string): PolicyName {
  const policy = policyNames.find(name => name === given)
  if (!policy) throw invalidField('policy', `policy must be one of ${policyNames.join(', ')}.`)
  return policy
}

function toEndpoint(row: EndpointRow): Endpoint {
  return {
    id: row.id,
    url: row.url,
    label: row.label,
    events: eventTypes.filter(type => row.events.includes(type)),
    policy: row.policy,
    enabled: row.enabled,
    disabledReason: row.disabled_reason as Endpoint['disabledReason'],
    disabledAt: row.disabled_at,
    failures: row.failures,
    ownership: ownerships.find(each => each === row.ownership) ?? null,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
