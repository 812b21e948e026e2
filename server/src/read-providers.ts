// Which upstreams the environment configures. A provider without a key is null.
import type { SettingReader } from './setting-values.ts'

export type ProviderConfig = { apiKey: string; baseUrl: string }
export type OpenAiConfig = ProviderConfig & { organization: string | null; project: string | null }

/** By the provider's name, as routes of the catalogue and rows of attempts spell it. */
export type ProviderSettings = {
  openai: OpenAiConfig | null
  google: ProviderConfig | null
  replicate: ProviderConfig | null
  getimg: ProviderConfig | null
  fal: ProviderConfig | null
  bfl: ProviderConfig | null
  stability: ProviderConfig | null
  modelark: ProviderConfig | null
}

export function readProviders(read: SettingReader): ProviderSettings {
  const openai = readHosted(read, 'OPENAI')
  const organization = read.text('OPENAI_ORGANIZATION')
  const project = read.text('OPENAI_PROJECT')
  return {
    openai: openai === null ? null : { ...openai, organization, project },
    google: readHosted(read, 'GEMINI'),
    replicate: readHosted(read, 'REPLICATE', 'REPLICATE_API_TOKEN'),
    getimg: readHosted(read, 'GETIMG'),
    fal: readHosted(read, 'FAL'),
    bfl: readHosted(read, 'BFL'),
    stability: readHosted(read, 'STABILITY'),
    modelark: readHosted(read, 'MODELARK'),
  }
}

function readHosted(
  read: SettingReader,
  prefix: string,
  keyName = `${prefix}_API_KEY`,
): ProviderConfig | null {
  const apiKey = read.text(keyName)
  const baseUrl = read.url(`${prefix}_BASE_URL`, ['http', 'https'])
  if (apiKey === null && read.isSet(`${prefix}_BASE_URL`)) {
    read.problems.push(
      `${prefix}_BASE_URL is set without ${keyName}: set both (any key, if the engine wants none)`,
    )
  }
  return apiKey === null || baseUrl === null ? null : { apiKey, baseUrl }
}
