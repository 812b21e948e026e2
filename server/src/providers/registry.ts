// Which adapters there are. One that calls a hosted upstream is a line of `hosted`; engines and packages come from the
// settings. Each is made anew for every key that comes along, the operator's or an account's.
import type { EngineConfig, HostedConfig, PackageConfig, ProviderSettings } from '../config.ts'
import { createAiSdkProvider } from './ai-sdk.ts'
import { createBflProvider } from './bfl.ts'
import { loadWorkflows } from './comfyui/load-workflows.ts'
import { createProgressWatch } from './comfyui/progress.ts'
import { createComfyUiProvider } from './comfyui.ts'
import { createFalProvider } from './fal.ts'
import { createGetimgProvider } from './getimg.ts'
import { createGoogleProvider } from './google.ts'
import { createModelArkProvider } from './modelark.ts'
import { createOpenAiProvider } from './openai.ts'
import { createOpenAiCompatibleProvider } from './openai-compatible.ts'
import type { Provider } from './provider.ts'
import { createReplicateProvider } from './replicate.ts'
import { createSdapiProvider } from './sdapi.ts'
import { createSketchProvider } from './sketch.ts'
import { createStabilityProvider } from './stability.ts'

export type HostedName = keyof ProviderSettings

/** Creation is cheap and pure: no connection, file or timer. */
type Create = (config: HostedConfig & { apiKey: string }) => Provider

/** Named here, an adapter can be given a key: by the environment, by an admin, by an account. */
const hosted: Partial<Record<HostedName, Create>> = {
  openai: createOpenAiProvider,
  google: createGoogleProvider,
  replicate: createReplicateProvider,
  getimg: createGetimgProvider,
  fal: createFalProvider,
  bfl: createBflProvider,
  stability: createStabilityProvider,
  modelark: createModelArkProvider,
}

export type EngineSettings = {
  providers: ProviderSettings
  engines?: readonly EngineConfig[]
  packages?: readonly PackageConfig[]
}

/** An adapter that a key can be given to while the service runs. */
export type KeyedAdapter = {
  name: string
  /**
   * Stands for itself and works without a key too. Its memory is the machine's: whoever may ask it is shown every task,
   * so its tasks say nothing of the key they were made with.
   */
  isEngine: boolean
  /** Of the environment; null = none. */
  configured: string | null
  create(apiKey: string): Provider
}

/** Workflow templates are read here, once. Throws WorkflowError when one has mistakes. */
export function listKeyedAdapters(settings: EngineSettings): KeyedAdapter[] {
  const { providers, engines = [], packages = [] } = settings
  return [
    ...hostedNames.flatMap((name): KeyedAdapter[] => {
      const create = hosted[name]
      if (!create) return []
      const make = (apiKey: string) => create({ ...providers[name], apiKey })
      return [{ name, isEngine: false, configured: providers[name].apiKey, create: make }]
    }),
    ...engines.map(engine => ({
      ...{ name: engine.name, isEngine: true, configured: engine.apiKey || null },
      create: openSelfHosted(engine),
    })),
    ...packages.map(each => ({
      ...{ name: each.name, isEngine: false, configured: each.apiKey },
      create: (apiKey: string) => createAiSdkProvider({ ...each, apiKey }),
    })),
  ]
}

/** What needs neither key nor address. */
export function createBuiltIn(): Provider[] {
  return [createSketchProvider()]
}

function openSelfHosted(engine: EngineConfig): (apiKey: string) => Provider {
  if (engine.kind === 'sdapi') return apiKey => createSdapiProvider({ ...engine, apiKey })
  if (engine.kind === 'openai-compatible')
    return apiKey => createOpenAiCompatibleProvider({ ...engine, apiKey })
  const workflows = loadWorkflows(engine.workflows ?? '')
  // One of the engine, whoever's key its orders come with.
  const watch = createProgressWatch()
  return apiKey => createComfyUiProvider({ ...engine, apiKey, workflows, watch })
}

/** Names of the hosted upstreams that there is an adapter for. */
export const hostedNames = Object.keys(hosted).sort() as HostedName[]
