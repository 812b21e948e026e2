// Names of objects. `g/…` are results: all objects of one generation lie in one shard folder, so that a single
// directory sync, the manifest's, commits all their names; copies in other formats lie beside them. `in/…` are
// pictures that came with an order and die with its generation; `u/…` belong to an upload.
import { base62Alphabet } from '../ids.ts'
import type { LinkFormat } from './links.ts'

/** Room for a prefix on every file system: names end at 255 bytes nearly everywhere. */
const MAX_SEGMENT_CHARS = 200
/** Buckets allow 1,024 bytes; half of it leaves room for a prefix. */
const MAX_KEY_CHARS = 512

const segmentPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/
const generationIdPattern = /^[A-Za-z0-9_][A-Za-z0-9_-]*[0-9a-fA-F]{2}$/

/**
 * Passes relative keys of letters, digits, `_`, `-` and `.`, joined by `/`. No segment may be empty or begin
 * with a dot, which rules out `..` and keeps the drivers' own file names apart. Throws TypeError otherwise.
 */
export function assertObjectKey(key: string): void {
  const segments = key.split('/')
  const legal =
    key.length <= MAX_KEY_CHARS &&
    segments.every(segment => segment.length <= MAX_SEGMENT_CHARS && segmentPattern.test(segment))
  if (!legal) throw new TypeError(`not a storage key: ${JSON.stringify(key.slice(0, MAX_KEY_CHARS))}`)
}

/** The folders in which all objects of generations lie, 256 of them. */
export const shardCount = 256
export function shardFolder(shard: number): string {
  if (!Number.isInteger(shard) || shard < 0 || shard >= shardCount)
    throw new TypeError(`not a shard: ${shard}`)
  return `g/${shard.toString(16).padStart(2, '0')}/`
}

/** Passes what `list` takes: the beginning of keys up to a `/`. Throws TypeError otherwise. */
export function assertFolder(folder: string): void {
  if (!folder.endsWith('/'))
    throw new TypeError(`not a folder of storage: ${JSON.stringify(folder.slice(0, 64))}`)
  assertObjectKey(folder.slice(0, -1))
}

/** `g/<last 2 hex digits of the id>/<id>`: the common beginning of all keys of a generation. */
function generationKeyStem(generationId: string): string {
  if (!generationIdPattern.test(generationId)) {
    throw new TypeError(`not a generation id: ${JSON.stringify(generationId.slice(0, 64))}`)
  }
  return `g/${generationId.slice(-2).toLowerCase()}/${generationId}`
}

/** Where output `index` (from 0) of an attempt (from 1) lies. */
export function generationObjectKey(generationId: string, attempt: number, index: number): string {
  if (!Number.isSafeInteger(attempt) || attempt < 0) throw new TypeError(`not an attempt: ${attempt}`)
  if (!Number.isSafeInteger(index) || index < 0) throw new TypeError(`not an image index: ${index}`)
  return `${generationKeyStem(generationId)}-${attempt}-${index}`
}

/** Where a generation's manifest lies. */
export function manifestKey(generationId: string): string {
  return `${generationKeyStem(generationId)}.json`
}

/** True when the key names an output of this generation, whatever the attempt. */
export function isObjectOfGeneration(key: string, generationId: string): boolean {
  const stem = `${generationKeyStem(generationId)}-`
  return key.startsWith(stem) && /^\d+-\d+$/.test(key.slice(stem.length))
}

const derivedSuffixes: Record<LinkFormat, string> = {
  png: '.png',
  webp: '.webp',
  jpeg: '.jpg',
  thumb: '.thumb.webp',
}

/** Where the copy of an output in another format lies: beside it. */
export function derivedObjectKey(key: string, format: LinkFormat): string {
  return key + derivedSuffixes[format]
}

/** An output and every copy there may be of it, the output first. */
export function keysOfOutput(key: string): string[] {
  return [key, ...Object.values(derivedSuffixes).map(suffix => key + suffix)]
}

/** `original` is the output itself or, for a copy in another format, the output it was made from. */
export type GenerationKey =
  | { generationId: string; kind: 'manifest' }
  | { generationId: string; kind: 'output'; original: string }

const manifestPattern = /^g\/[0-9a-f]{2}\/(.+)\.json$/
const outputPattern = /^(g\/[0-9a-f]{2}\/(.+)-\d+-\d+)(\.png|\.webp|\.jpg|\.thumb\.webp)?$/

/** What a key names, or null when it is no manifest, output or copy of an output. */
export function readGenerationKey(key: string): GenerationKey | null {
  const generationId = manifestPattern.exec(key)?.[1]
  if (generationId !== undefined) return isAt(key, generationId) ? { generationId, kind: 'manifest' } : null
  const [, original, id] = outputPattern.exec(key) ?? []
  if (original === undefined || id === undefined || !isAt(key, id)) return null
  return { generationId: id, kind: 'output', original }
}

function isAt(key: string, generationId: string): boolean {
  return generationIdPattern.test(generationId) && key.startsWith(generationKeyStem(generationId))
}

/** `in/<last 2 hex digits of the id>/<id>-<name>`: a picture that came with the order; dies with the generation. */
export function inputObjectKey(generationId: string, name: string): string {
  return `in${generationKeyStem(generationId).slice(1)}-${name}`
}

const inputPattern = /^in\/[0-9a-f]{2}\/(.+)-(?:\d+|mask)$/

/** The generation whose picture the key names; null for every other object, an upload's picture among them. */
export function readInputKey(key: string): string | null {
  const id = inputPattern.exec(key)?.[1]
  return id !== undefined && generationIdPattern.test(id) ? id : null
}

const uploadPattern = /^u\/[0-9A-Za-z]{2}\/(up_[0-9A-Za-z]+)-\w+$/

/** `u/<last 2 letters of the upload's key>/<upload's key>-<name>`: `raw…` as it was sent, `picture…` checked. */
export function uploadObjectKey(uploadKey: string, name: string): string {
  return `u/${uploadKey.slice(-2)}/${uploadKey}-${name}`
}

/** The upload whose object the key names, or null. */
export function readUploadKey(key: string): string | null {
  return uploadPattern.exec(key)?.[1] ?? null
}

/** Two letters or digits, as those that end an upload's key. */
const uploadFolderCount = base62Alphabet.length ** 2

/** The folders in which all pictures lie that came in: those of orders, then those of uploads. */
export const intakeFolderCount = shardCount + uploadFolderCount
export function intakeFolder(at: number): string {
  if (at >= 0 && at < shardCount) return `in${shardFolder(at).slice(1)}`
  const of = at - shardCount
  if (!Number.isInteger(of) || of < 0 || of >= uploadFolderCount) throw new TypeError(`not a folder: ${at}`)
  const first = base62Alphabet.charAt(Math.floor(of / base62Alphabet.length))
  return `u/${first}${base62Alphabet.charAt(of % base62Alphabet.length)}/`
}

/**
 * Whose picture that came in a key names. Null for all else: names of others, and those that lie where we would not
 * have put them, as when two folders are one because the disk takes capitals and small letters for the same.
 */
export function readIntakeKey(key: string): { generationId: string } | { uploadKey: string } | null {
  const generationId = readInputKey(key)
  if (generationId !== null) {
    return key.startsWith(inputObjectKey(generationId, '')) ? { generationId } : null
  }
  const uploadKey = readUploadKey(key)
  return uploadKey !== null && key.startsWith(uploadObjectKey(uploadKey, '')) ? { uploadKey } : null
}

/** Where an installation says that it keeps pictures here. */
export const installationFolder = 'installations/'
