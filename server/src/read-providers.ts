// Which hosted upstreams the environment tells of: their addresses, and their keys where it holds them. Others come
// from the database (providers/source.ts).
import type { SettingReader } from './setting-values.ts'

/** `apiKey` null: the environment has none. */
export type HostedConfig = {
  apiKey: string | null
  baseUrl: string
  organization?: string
  project?: string
}

/** By the provider's name, as routes of the catalogue and rows of attempts spell it. */
export type ProviderSettings = {
  openai: HostedConfig
  google: HostedConfig
  replicate: HostedConfig
  getimg: HostedConfig
  fal: HostedConfig
  bfl: HostedConfig
  stability: HostedConfig
  modelark: HostedConfig
}

/** The variables that hold the keys. */
export const keySettings: Readonly<Record<keyof ProviderSettings, string>> = {
  openai: 'OPENAI_API_KEY',
  google: 'GEMINI_API_KEY',
  replicate: 'REPLICATE_API_TOKEN',
  getimg: 'GETIMG_API_KEY',
  fal: 'FAL_API_KEY',
  bfl: 'BFL_API_KEY',
  stability: 'STABILITY_API_KEY',
  modelark: 'MODELARK_API_KEY',
}

export function readProviders(read: SettingReader): ProviderSettings {
  const organization = read.text('OPENAI_ORGANIZATION')
  const project = read.text('OPENAI_PROJECT')
  const openai = readHosted(read, 'openai', 'OPENAI')
  return {
    openai: { ...openai, ...(organization ? { organization } : {}), ...(project ? { project } : {}) },
    google: readHosted(read, 'google', 'GEMINI'),
    replicate: readHosted(read, 'replicate', 'REPLICATE'),
    getimg: readHosted(read, 'getimg', 'GETIMG'),
    fal: readHosted(read, 'fal', 'FAL'),
    bfl: readHosted(read, 'bfl', 'BFL'),
    stability: readHosted(read, 'stability', 'STABILITY'),
    modelark: readHosted(read, 'modelark', 'MODELARK'),
  }
}

function readHosted(read: SettingReader, name: keyof ProviderSettings, prefix: string): HostedConfig {
  const baseUrl = read.url(`${prefix}_BASE_URL`, ['http', 'https'])
  return { apiKey: read.text(keySettings[name]), baseUrl: baseUrl ?? '' }
}
