// Opens outputs by address alone. Whatever is wrong with an address, the answer is the same null; the signature is
// looked at first, so that a guess costs no look at the database.
import type { Db } from '../db/db.ts'
import { isId } from '../ids.ts'
import type { Links, OutputRef } from '../storage/links.ts'
import { parseFileName } from '../storage/links.ts'
import { type OutputFile, type OutputNeeds, openOutput } from './files.ts'
import { filePolicies } from './shown-outputs.ts'
import { findRow, type GenerationRow, sql, toGeneration } from './sql.ts'

export type LinkNeeds = OutputNeeds & { db: Db; links: Links }

/** `endsAt`: when the address or the file ends; null = neither does. */
export type LinkedFile = OutputFile & { endsAt: Date | null }

/** A permanent address: `name` is its last part, such as `0.webp`. */
export async function openPublicLink(
  needs: LinkNeeds,
  link: { generationId: string; token: string; name: string },
): Promise<LinkedFile | null> {
  const file = parseFileName(link.name)
  if (!file) return null
  const output = { generationId: link.generationId, ...file }
  if (!needs.links.verifyPublic(output, link.token)) return null
  return openLinked(needs, output, { policy: 'public', endsAt: null })
}

/** A signed address of ours. */
export async function openSignedLink(
  needs: LinkNeeds,
  link: { generationId: string; name: string },
  query: { exp: string; sig: string },
): Promise<LinkedFile | null> {
  const file = parseFileName(link.name)
  return file ? openSignedOutput(needs, { generationId: link.generationId, ...file }, query) : null
}

/** For a dialect with a signed address of its own shape, made by `links.sign`. */
export async function openSignedOutput(
  needs: LinkNeeds,
  output: OutputRef,
  query: { exp: string; sig: string },
): Promise<LinkedFile | null> {
  if (!needs.links.verifySigned(output, query, needs.now())) return null
  return openLinked(needs, output, { policy: 'signed', endsAt: new Date(Number(query.exp) * 1000) })
}

async function openLinked(
  needs: LinkNeeds,
  output: OutputRef,
  link: { policy: 'public' | 'signed'; endsAt: Date | null },
): Promise<LinkedFile | null> {
  if (!isId(output.generationId)) return null
  const row = await findRow<GenerationRow>(needs.db, sql.findAny, [output.generationId])
  if (!row) return null
  const generation = toGeneration(row)
  // Only what its dialect gives to everybody opens without an end.
  if (link.policy === 'public' && filePolicies[generation.dialect] !== 'public') return null
  const file = await openOutput(needs, generation, output)
  if (!file) return null
  const ends = [link.endsAt, generation.filesExpireAt].filter(end => end !== null)
  const endsAt = ends.sort((one, other) => one.getTime() - other.getTime())[0] ?? null
  return { ...file, endsAt }
}
