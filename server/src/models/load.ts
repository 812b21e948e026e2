// Reads the shipped catalogue and the operator's file into entries. Every mistake is found at once and named by
// the path of its field; a catalogue with a mistake is never served in part.
import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import darkroom from './defaults/darkroom.json' with { type: 'json' }
import getimages from './defaults/getimages.json' with { type: 'json' }
import getimg from './defaults/getimg.json' with { type: 'json' }
import imgeo from './defaults/imgeo.json' with { type: 'json' }
import native from './defaults/native.json' with { type: 'json' }
import openai from './defaults/openai.json' with { type: 'json' }
import selfHosted from './defaults/self-hosted.json' with { type: 'json' }
import sizes from './defaults/sizes.json' with { type: 'json' }
import bflUpstreams from './defaults/upstreams-bfl.json' with { type: 'json' }
import falUpstreams from './defaults/upstreams-fal.json' with { type: 'json' }
import getimgUpstreams from './defaults/upstreams-getimg.json' with { type: 'json' }
import googleUpstreams from './defaults/upstreams-google.json' with { type: 'json' }
import modelarkUpstreams from './defaults/upstreams-modelark.json' with { type: 'json' }
import openaiUpstreams from './defaults/upstreams-openai.json' with { type: 'json' }
import replicateUpstreams from './defaults/upstreams-replicate.json' with { type: 'json' }
import selfHostedUpstreams from './defaults/upstreams-self-hosted.json' with { type: 'json' }
import stabilityUpstreams from './defaults/upstreams-stability.json' with { type: 'json' }
import type { ModelEntry, Upstream } from './entry.ts'
import { linkModel, linkUpstream } from './link.ts'
import { locate, type MergedEntry, mergeFiles, type SourceFile } from './merge.ts'
import { catalogFrameSchema, modelSchema, sizeTableSchema, upstreamSchema } from './schema.ts'
import type { SizeTable } from './sizes.ts'

/** All mistakes of a catalogue, each as `path: message`. */
export class CatalogError extends Error {
  override name = 'CatalogError'
  readonly problems: string[]
  constructor(problems: string[]) {
    super(`The catalogue has ${problems.length} mistake(s):\n${problems.map(each => `  ${each}`).join('\n')}`)
    this.problems = problems
  }
}

const defaults: [string, unknown][] = [
  ['sizes.json', sizes],
  ['upstreams-openai.json', openaiUpstreams],
  ['upstreams-google.json', googleUpstreams],
  ['upstreams-replicate.json', replicateUpstreams],
  ['upstreams-getimg.json', getimgUpstreams],
  ['upstreams-fal.json', falUpstreams],
  ['upstreams-bfl.json', bflUpstreams],
  ['upstreams-stability.json', stabilityUpstreams],
  ['upstreams-modelark.json', modelarkUpstreams],
  ['upstreams-self-hosted.json', selfHostedUpstreams],
  ['getimages.json', getimages],
  ['getimg.json', getimg],
  ['imgeo.json', imgeo],
  ['openai.json', openai],
  ['native.json', native],
  ['darkroom.json', darkroom],
  ['self-hosted.json', selfHosted],
]

/**
 * The shipped entries with the operator's file on top. Throws CatalogError naming every mistake; paths are those
 * of the operator's file where it is at fault.
 */
export function loadCatalogEntries(options: { overrideFile?: string } = {}): ModelEntry[] {
  const { overrideFile } = options
  if (overrideFile === undefined) return buildEntries([])
  return buildEntries([[overrideFile, readJson(overrideFile)]])
}

function readJson(file: string): unknown {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new CatalogError([`${file}: cannot be read (${error instanceof Error ? error.message : error})`])
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CatalogError([`${file}: is no JSON (${error instanceof Error ? error.message : error})`])
  }
}

/** As loadCatalogEntries, with the operator's files already parsed: pairs of name and content. */
export function buildEntries(overrides: readonly [string, unknown][]): ModelEntry[] {
  const files = [...defaults, ...overrides].map(([name, content]) => parseFrame(name, content))
  const { merged, problems } = mergeFiles(files)
  const tables = new Map<string, SizeTable>()
  for (const [key, { value, origin }] of merged.sizeTables) {
    const parsed = sizeTableSchema.safeParse(value)
    if (parsed.success) tables.set(key, parsed.data)
    else
      problems.push(
        ...listIssues(parsed.error).map(({ path, message }) => tell([origin.path, ...path], message)),
      )
  }
  const upstreams = parseUpstreams(merged.upstreams, { tables, problems })
  const entries = parseModels(merged.models, { upstreams, problems })
  if (problems.length > 0) throw new CatalogError(problems)
  return entries
}

function parseFrame(name: string, content: unknown): SourceFile {
  const parsed = catalogFrameSchema.safeParse(content)
  if (parsed.success) return { name, frame: parsed.data }
  throw new CatalogError(listIssues(parsed.error).map(({ path, message }) => tell(path, message)))
}

function parseUpstreams(
  merged: ReadonlyMap<string, MergedEntry>,
  { tables, problems }: { tables: ReadonlyMap<string, SizeTable>; problems: string[] },
): Map<string, Upstream> {
  const upstreams = new Map<string, Upstream>()
  const keys = new Map<string, string>()
  for (const [key, entry] of merged) {
    const say = (path: readonly PropertyKey[], message: string) =>
      problems.push(tell([locate(entry, path).path], message))
    const parsed = upstreamSchema.safeParse(entry.value)
    if (!parsed.success) {
      for (const { path, message } of listIssues(parsed.error)) say(path, message)
      continue
    }
    const { provider, model } = parsed.data
    const twin = keys.get(`${provider}/${model}`)
    if (twin !== undefined) say(['model'], `${provider} ${model} is already described as ${twin}`)
    keys.set(`${provider}/${model}`, key)
    upstreams.set(key, linkUpstream(parsed.data, { tables, say }))
  }
  return upstreams
}

function parseModels(
  merged: ReadonlyMap<string, MergedEntry>,
  { upstreams, problems }: { upstreams: ReadonlyMap<string, Upstream>; problems: string[] },
): ModelEntry[] {
  const entries: ModelEntry[] = []
  for (const entry of merged.values()) {
    const say = (path: readonly PropertyKey[], message: string) =>
      problems.push(tell([locate(entry, path).path], message))
    const parsed = modelSchema.safeParse(entry.value)
    if (parsed.success) {
      const { successor, id } = parsed.data
      if (successor !== null && (successor === id || !merged.has(successor)))
        say(['successor'], `there is no other model called ${successor}`)
      entries.push(linkModel(parsed.data, { upstreams, say }))
    } else for (const { path, message } of listIssues(parsed.error)) say(path, message)
  }
  return entries
}

/** Issues with the path of the very field: an unknown key is a field too, and a union tells its best branch. */
function listIssues(error: z.ZodError): { path: PropertyKey[]; message: string }[] {
  return error.issues.flatMap(issue => flattenIssue(issue, []))
}

function flattenIssue(
  issue: z.core.$ZodIssue,
  above: readonly PropertyKey[],
): { path: PropertyKey[]; message: string }[] {
  const path = [...above, ...issue.path]
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => ({ path: [...path, key], message: 'unknown field' }))
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The branch whose complaints lie deepest is the one that was meant.
    const branches = issue.errors.map(branch => branch.flatMap(inner => flattenIssue(inner, path)))
    const depth = (branch: { path: PropertyKey[] }[]) => Math.max(...branch.map(each => each.path.length))
    branches.sort((a, b) => depth(b) - depth(a) || a.length - b.length)
    return branches[0] ?? [{ path, message: issue.message }]
  }
  return [{ path, message: issue.message }]
}

function tell(path: readonly PropertyKey[], message: string): string {
  return `${path.map(String).join('.') || 'file'}: ${message}`
}
