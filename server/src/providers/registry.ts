// Which providers are configured. One without a key is not here, and its models are not offered. The built-in
// illustrator needs none.
import { createGoogleProvider } from './google.ts'
import { createOpenAiProvider } from './openai.ts'
import type { Provider } from './provider.ts'
import { createSketchProvider } from './sketch.ts'

export type ProviderSettings = {
  openai: { apiKey: string; baseUrl: string; organization: string | null; project: string | null } | null
  google: { apiKey: string; baseUrl: string } | null
}

export function createProviders({
  providers,
}: {
  providers: ProviderSettings
}): ReadonlyMap<string, Provider> {
  const { openai, google } = providers
  const all = [
    createSketchProvider(),
    openai ? createOpenAiProvider(toOpenAiOptions(openai)) : null,
    google ? createGoogleProvider(google) : null,
  ]
  return new Map(all.filter(provider => provider !== null).map(provider => [provider.name, provider]))
}

function toOpenAiOptions({
  apiKey,
  baseUrl,
  organization,
  project,
}: NonNullable<ProviderSettings['openai']>) {
  return { apiKey, baseUrl, ...(organization ? { organization } : {}), ...(project ? { project } : {}) }
}
