// Which adapters there are. One that calls a hosted upstream is a line of `hosted`: it is made anew for every key that
// comes along, the operator's or an account's. What runs without a key of its own is a line of `createEngines`.
import type { EngineConfig, HostedConfig, PackageConfig, ProviderSettings } from '../config.ts'
import { createAiSdkProvider } from './ai-sdk.ts'
import { createBflProvider } from './bfl.ts'
import { loadWorkflows } from './comfyui/load-workflows.ts'
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

/**
 * Upstreams that the settings alone describe; the built-in illustrator and the AI SDK's packages among them. Throws
 * WorkflowError when a workflow template has mistakes.
 */
export function createEngines({ engines = [], packages = [] }: EngineSettings): Provider[] {
  return [createSketchProvider(), ...engines.map(createSelfHosted), ...packages.map(createAiSdkProvider)]
}

function createSelfHosted(engine: EngineConfig): Provider {
  if (engine.kind === 'sdapi') return createSdapiProvider(engine)
  if (engine.kind === 'openai-compatible') return createOpenAiCompatibleProvider(engine)
  return createComfyUiProvider({ ...engine, workflows: loadWorkflows(engine.workflows ?? '') })
}

/** Names that a key can be kept for. */
export const hostedNames = Object.keys(hosted).sort() as HostedName[]

export function isHostedName(name: string): name is HostedName {
  return Object.hasOwn(hosted, name)
}

/** Null where no adapter of that name takes a key. */
export function createHosted(
  settings: { providers: ProviderSettings },
  name: string,
  apiKey: string,
): Provider | null {
  if (!isHostedName(name)) return null
  return hosted[name]?.({ ...settings.providers[name], apiKey }) ?? null
}
