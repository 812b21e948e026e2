// What `doctor` says of upstreams: the keys there are and whether each works, keys that are lost, and providers that have
// none.
import { type KeyPlace, listKeyPlaces } from '../key-places.ts'
import type { LostKey } from '../keyring/key-store.ts'
import type { Provider } from '../providers/provider.ts'
import { type CheckResult, report } from './doctor-result.ts'
import type { OutsideNeeds } from './needs.ts'
import { proveProvider } from './provider-check.ts'
import { type readKnownKeys, testProviders } from './provider-commands.ts'

export type KnownKeys = Awaited<ReturnType<typeof readKnownKeys>>

/** Each key, where it comes from, and whether its upstream takes it. */
export async function checkProviders(needs: OutsideNeeds, known: KnownKeys): Promise<CheckResult[]> {
  const tested = await testProviders(needs, known)
  const proved = tested.map(({ provider, keyFrom, works, message }) => {
    const from = `${/\.$/.test(message) ? '' : '.'} The key is that of the ${keyFrom}.`
    const name = `provider ${provider}`
    if (works !== false) return report(name, { status: 'ok', message: `${message}${from}` })
    const advice = 'Check the key, the base URL and the way out.'
    return report(name, { status: 'fail', message: `${message}${from}`, advice })
  })
  const places = new Map(listKeyPlaces(known.config).map(place => [place.provider, place]))
  const missing = known.rows.flatMap(row => checkConfigured(row, places.get(row.provider)))
  const engines = known.rows.filter(row => row.keyFrom !== null && places.get(row.provider)?.isEngine)
  const careless = known.config.byok.isOn
    ? await Promise.all(engines.map(({ provider }) => checkCareless(needs, provider)))
    : []
  return [
    ...proved,
    ...missing,
    ...careless.flat(),
    ...known.rows.flatMap(checkSeal),
    ...known.unreadableReplaced.map(checkReplaced),
  ]
}

/** Accounts may bring keys for it: where any will do, its work is to be had for the fee. */
async function checkCareless(needs: OutsideNeeds, name: string): Promise<CheckResult[]> {
  const made = needs.providerWith(name, 'doctor:a-key-that-nobody-has-given-out')
  const proof = made && (await proveProvider(needs, made).catch(() => null))
  if (proof?.works !== true) return []
  const message = 'It answers a wrong key as it answers yours, and accounts may bring keys for it.'
  const advice =
    'Let it check keys, or take its own away, or set BYOK=off: its work costs such accounts the fee alone.'
  return [report(`keys of ${name}`, { status: 'warn', message, advice })]
}

const unconfigured = 'Not configured: '

/** Not one that a key was lost of, which is told elsewhere, nor an engine, which needs none. */
function checkConfigured(
  { provider, keyFrom }: KnownKeys['rows'][number],
  place: KeyPlace | undefined,
): CheckResult[] {
  if (keyFrom !== null || !place || place.isEngine) return []
  const message = `${unconfigured}${place.variable} or \`providers set-key ${provider}\` gives it a key.`
  return [report(`provider ${provider}`, { status: 'ok', message })]
}

/** More of them than these are told in one line. */
const mostUnconfigured = 2

/** For people. */
export function foldUnconfigured(checks: readonly CheckResult[]): CheckResult[] {
  const isMissing = ({ name, message }: CheckResult) =>
    name.startsWith('provider ') && message.startsWith(unconfigured)
  const missing = checks.filter(isMissing)
  if (missing.length <= mostUnconfigured) return [...checks]
  const named = missing.map(({ name }) => name.slice('provider '.length))
  const shown = missing.map(
    ({ message }, at) => `${named[at]} (${message.slice(unconfigured.length).split(' ')[0]})`,
  )
  const folded = report('providers', { status: 'ok', message: `${unconfigured}${shown.join(', ')}.` })
  return checks.flatMap(check => (check === missing[0] ? [folded] : isMissing(check) ? [] : [check]))
}

function checkSeal({ provider, seal, keyFrom }: KnownKeys['rows'][number]): CheckResult[] {
  const name = `key ${provider}`
  const advice = `Run \`providers set-key ${provider}\` again.`
  if (seal === 'earlier') {
    const message = 'It is sealed with a secret of AUTH_SECRET_EARLIER and lost when that is left out.'
    return [report(name, { status: 'warn', message, advice })]
  }
  if (seal !== 'unreadable') return []
  const message = `It was sealed with another AUTH_SECRET and is lost${keyFrom === 'environment' ? '; that of the environment is used' : ''}.`
  return [report(name, { status: 'fail', message, advice })]
}

/** A key that was replaced within the last 25 hours. */
function checkReplaced({ provider, fingerprint }: LostKey): CheckResult {
  const message = `The key ${fingerprint}, which was replaced a while ago, was sealed with another AUTH_SECRET: tasks under way that were made with it cannot be read.`
  const advice = `Name that secret in AUTH_SECRET_EARLIER, or run \`providers set-key ${provider}\` with that key and then with the new one.`
  return report(`replaced key ${provider}`, { status: 'fail', message, advice })
}

/** Engines of the operator's own. */
export async function checkEngine(needs: OutsideNeeds, provider: Provider): Promise<CheckResult[]> {
  const name = `provider ${provider.name}`
  const { works, message } = await proveProvider(needs, provider)
  // It has neither key nor address.
  if (works === true && provider.name === 'sketch')
    return [report(name, { status: 'ok', message: 'Built in, and it works.' })]
  if (works !== false) return [report(name, { status: 'ok', message })]
  return [report(name, { status: 'fail', message, advice: 'Check its address, its key and the way out.' })]
}
