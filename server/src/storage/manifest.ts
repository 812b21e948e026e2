// The manifest of a generation: which objects are its result. It is written after all of them and commits their
// names; a generation is charged only when it is there, so it must never be written first.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { isObjectOfGeneration, manifestKey } from './keys.ts'
import type { Storage } from './storage.ts'
import type { ObjectProblem, VerifyOptions } from './verify-objects.ts'
import { findObjectProblem } from './verify-objects.ts'

/** Raised when a reader of the former shape could misunderstand the new one. */
const MANIFEST_VERSION = 1
/** Some 250 bytes describe an image, so this has room for hundreds; a file beyond it is not ours. */
const MAX_MANIFEST_BYTES = 256 * 1024

const manifestImageSchema = z.strictObject({
  /** Position in the result, from 0. */
  index: z.int().min(0),
  key: z.string(),
  mediaType: z.string(),
  sizeBytes: z.int().min(1),
  /** 64 lower-case hex digits. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  width: z.int().min(1),
  height: z.int().min(1),
})

const manifestSchema = z.strictObject({
  version: z.literal(MANIFEST_VERSION),
  generationId: z.string(),
  /** The attempt that made the images. */
  attempt: z.int().min(0),
  images: z.array(manifestImageSchema).min(1),
})

export type ManifestImage = z.infer<typeof manifestImageSchema>
export type Manifest = z.infer<typeof manifestSchema>

/** `sha256` is that of the manifest's own bytes. */
export type FoundManifest =
  | { kind: 'found'; manifest: Manifest; sha256: string }
  | { kind: 'broken'; message: string }

/**
 * Writes the manifest and commits the names of all its objects. Equal content gives equal bytes, so writing again
 * is harmless. Answers the SHA-256 of the bytes. Throws TypeError for a manifest that could not be read back.
 */
export async function writeManifest(storage: Storage, content: Omit<Manifest, 'version'>): Promise<string> {
  const manifest: Manifest = { version: MANIFEST_VERSION, ...content }
  const problem = findProblem(manifest, content.generationId)
  if (problem !== null) throw new TypeError(`not a manifest: ${problem}`)
  const bytes = encodeManifest(manifest)
  const options = { mediaType: 'application/json', maxBytes: MAX_MANIFEST_BYTES, commitName: true }
  const { sha256 } = await storage.put(manifestKey(content.generationId), bytes, options)
  return sha256
}

/** Null when there is none. What is torn, foreign or of another version is `broken`, never an exception. */
export async function findManifest(storage: Storage, generationId: string): Promise<FoundManifest | null> {
  const key = manifestKey(generationId)
  const head = await storage.head(key)
  if (head === null) return null
  if (head.sizeBytes > MAX_MANIFEST_BYTES)
    return { kind: 'broken', message: `${key} is too large for a manifest` }
  const found = await storage.read(key)
  if (found === null) return null
  const chunks: Buffer[] = await found.stream.toArray()
  const bytes = Buffer.concat(chunks)
  const parsed = parseManifest(bytes, generationId)
  if (typeof parsed === 'string') return { kind: 'broken', message: `${key}: ${parsed}` }
  return { kind: 'found', manifest: parsed, sha256: createHash('sha256').update(bytes).digest('hex') }
}

export type ManifestVerdict =
  | { ok: true }
  | { ok: false; problems: { index: number; key: string; problem: ObjectProblem }[] }

/** Checks all objects that the manifest names. Throws StorageError when storage does not answer. */
export async function verifyManifest(
  storage: Storage,
  manifest: Manifest,
  options: VerifyOptions = {},
): Promise<ManifestVerdict> {
  const problems: { index: number; key: string; problem: ObjectProblem }[] = []
  for (const image of manifest.images) {
    const problem = await findObjectProblem(storage, image, options)
    if (problem !== null) problems.push({ index: image.index, key: image.key, problem })
  }
  return problems.length === 0 ? { ok: true } : { ok: false, problems }
}

/** Fixed order of fields and no spaces: one content, one sequence of bytes. */
function encodeManifest(manifest: Manifest): Buffer {
  const images = [...manifest.images]
    .sort((one, other) => one.index - other.index)
    .map(({ index, key, mediaType, sizeBytes, sha256, width, height }) => {
      return { index, key, mediaType, sizeBytes, sha256, width, height }
    })
  const { version, generationId, attempt } = manifest
  return Buffer.from(JSON.stringify({ version, generationId, attempt, images }))
}

function parseManifest(bytes: Buffer, generationId: string): Manifest | string {
  let json: unknown
  try {
    json = JSON.parse(bytes.toString('utf8'))
  } catch {
    return 'is not JSON'
  }
  const parsed = manifestSchema.safeParse(json)
  if (!parsed.success) return z.prettifyError(parsed.error).replaceAll('\n', ' ')
  return findProblem(parsed.data, generationId) ?? parsed.data
}

function findProblem(manifest: Manifest, generationId: string): string | null {
  const parsed = manifestSchema.safeParse(manifest)
  if (!parsed.success) return z.prettifyError(parsed.error).replaceAll('\n', ' ')
  if (manifest.generationId !== generationId) return 'belongs to another generation'
  const { images } = manifest
  if (new Set(images.map(image => image.index)).size < images.length) return 'names an index twice'
  if (new Set(images.map(image => image.key)).size < images.length) return 'names an object twice'
  const foreign = images.find(image => !isObjectOfGeneration(image.key, generationId))
  return foreign === undefined ? null : `names an object of another generation at index ${foreign.index}`
}
