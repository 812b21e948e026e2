// Which provider packages of the Vercel AI SDK the environment names. Each is a provider of its own; the variables of its
// key and address are made from its name.
import type { SettingReader } from './setting-values.ts'

export type PackageConfig = {
  /** The provider's name, as routes of the catalogue spell it. */
  name: string
  /** As npm knows it. */
  package: string
  /** Null: the environment has none; it may come from the database or from accounts. */
  apiKey: string | null
  /** Null = the package's own. */
  baseUrl: string | null
}

/** Names of adapters of our own: a package cannot take their place, for their keys have other variables. */
const TAKEN =
  /^(?:sketch|openai|google|replicate|getimg|fal|bfl|stability|modelark)$|^(?:sdapi|comfyui|openai-compatible)(?:-|$)/
const NAME = /^[a-z][a-z0-9-]{0,30}$/
/** A package, never a path: what is imported was installed on purpose. */
const PACKAGE = /^(?:@[a-z0-9][a-z0-9._-]{0,80}\/)?[a-z0-9][a-z0-9._-]{0,80}$/

export function readPackages(read: SettingReader): PackageConfig[] {
  const found: PackageConfig[] = []
  for (const part of (read.text('AI_SDK_PROVIDERS') ?? '').split(',').map(each => each.trim())) {
    if (part === '') continue
    const [name = '', packageName = ''] = part.split('=').map(each => each.trim())
    const isTwice = found.some(each => each.name === name)
    if (!NAME.test(name) || !PACKAGE.test(packageName) || TAKEN.test(name) || isTwice) {
      read.problems.push(
        'AI_SDK_PROVIDERS must be name=package pairs separated by commas, such as luma=@ai-sdk/luma, with names of their own',
      )
      return []
    }
    const apiKey = read.made(keyVariableOf(name))
    const baseVariable = `${prefixOf(name)}_BASE_URL`
    const baseUrl = read.made(baseVariable)
    if (baseUrl !== null && !isAddress(baseUrl)) {
      read.problems.push(`${baseVariable} must be a URL that begins http:// or https://`)
    } else found.push({ name, package: packageName, apiKey, baseUrl })
  }
  return found
}

/** The variable that holds the key of a package. */
export function keyVariableOf(name: string): string {
  return `${prefixOf(name)}_API_KEY`
}

function prefixOf(name: string): string {
  return name.toUpperCase().replaceAll('-', '_')
}

function isAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}
