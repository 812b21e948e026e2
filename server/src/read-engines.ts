// Which self-hosted engines the environment tells of. Each is a provider of its own, so that each has its own queue,
// breaker and health; several of one kind are a list.
import { resolve } from 'node:path'
import type { SettingReader } from './setting-values.ts'

export type EngineKind = 'sdapi' | 'openai-compatible' | 'comfyui'

export type EngineConfig = {
  kind: EngineKind
  /** The provider's name: the kind, `kind-2` and so on for further ones, `kind-<name>` for one with a name. */
  name: string
  baseUrl: string
  /** What the engine or its proxy wants to be shown; empty where it wants nothing. */
  apiKey: string
  /** Serves whatever the first one of its kind serves. One with a name has rows of its own in the catalogue. */
  isTwin: boolean
  /** openai-compatible: what the upstream model `default` is called there; empty = it goes without saying. */
  model?: string
  /** openai-compatible: whose habits it has. */
  profile?: 'generic' | 'localai'
  /** comfyui: the folder of templates, absolute. */
  workflows?: string
}

/** The variables that hold their addresses. */
export const addressSettings: Readonly<Record<EngineKind, string>> = {
  sdapi: 'SDAPI_BASE_URL',
  'openai-compatible': 'OPENAI_COMPATIBLE_BASE_URL',
  comfyui: 'COMFYUI_BASE_URL',
}

/** The variables that hold what they are shown. */
export const engineKeySettings: Readonly<Record<EngineKind, string>> = {
  sdapi: 'SDAPI_AUTH',
  'openai-compatible': 'OPENAI_COMPATIBLE_API_KEY',
  comfyui: 'COMFYUI_AUTH',
}

export function readEngines(read: SettingReader): EngineConfig[] {
  const compatible = readKind(read, {
    kind: 'openai-compatible',
    address: addressSettings['openai-compatible'],
    key: engineKeySettings['openai-compatible'],
  })
  const model = read.text('OPENAI_COMPATIBLE_MODEL') ?? ''
  const profile = read.choice('OPENAI_COMPATIBLE_PROFILE', ['generic', 'localai'])
  return [
    ...readKind(read, { kind: 'sdapi', address: addressSettings.sdapi, key: engineKeySettings.sdapi }),
    ...compatible.map(engine => ({ ...engine, model, profile })),
    ...readComfyUi(read),
  ]
}

/** Without a workflow it could draw nothing. */
function readComfyUi(read: SettingReader): EngineConfig[] {
  const engines = readKind(read, {
    kind: 'comfyui',
    address: addressSettings.comfyui,
    key: engineKeySettings.comfyui,
  })
  const folder = read.text('COMFYUI_WORKFLOWS')
  if ((folder === null) !== (engines.length === 0)) {
    read.problems.push('COMFYUI_BASE_URL and COMFYUI_WORKFLOWS belong together: set both or neither')
  }
  return folder === null ? [] : engines.map(engine => ({ ...engine, workflows: resolve(folder) }))
}

/** Names of the twins, by the name of the first of their kind. */
export function listTwins(engines: readonly EngineConfig[]): Map<string, string[]> {
  const twins = new Map<string, string[]>()
  for (const { kind, name, isTwin } of engines) {
    if (isTwin) twins.set(kind, [...(twins.get(kind) ?? []), name])
  }
  return twins
}

type Kind = { kind: EngineKind; address: string; key: string }

function readKind(read: SettingReader, { kind, address, key }: Kind): EngineConfig[] {
  const apiKey = read.text(key) ?? ''
  const given = read.namedUrls(address)
  if (apiKey !== '' && given.length === 0) {
    read.problems.push(`${key} is set without ${address}: set both or neither`)
  }
  let unnamed = 0
  return given.map(({ name, url }) => {
    if (name !== null) return { kind, name: `${kind}-${name}`, baseUrl: url, apiKey, isTwin: false }
    unnamed += 1
    return unnamed === 1
      ? { kind, name: kind, baseUrl: url, apiKey, isTwin: false }
      : { kind, name: `${kind}-${unnamed}`, baseUrl: url, apiKey, isTwin: true }
  })
}
