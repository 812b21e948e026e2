// Addresses at which an upstream that takes nothing else can fetch the pictures of an order. Each opens one picture,
// while the order is open and until the time in it; whatever is wrong with it, the answer is the same null.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Db } from '../db/db.ts'
import { isId } from '../ids.ts'
import { createSigner } from '../storage/links.ts'
import type { Storage } from '../storage/storage.ts'
import { isTerminal } from './generation.ts'
import type { LinkedFile } from './linked.ts'
import { findRow, type GenerationRow, sql, toGeneration } from './sql.ts'

/** A reference picture of an order; `index` from 0. */
export type InputRef = { generationId: string; index: number }

export type InputLinks = {
  /** Opens for so long; null where nobody outside could reach it. */
  urlOf(input: InputRef, timeoutMs: number): string | null
  verify(input: InputRef, query: { exp: string; sig: string }): boolean
}

export type InputLinkOptions = {
  /** The first signs; addresses of the others still open. */
  secrets: readonly string[]
  /** Only where it is https can upstreams be expected to come. */
  origin(): string
  now(): Date
}

const namePattern = /^input-(0|[1-9]\d?)$/
const expPattern = /^[1-9]\d{0,11}$/

export function createInputLinks({ secrets, origin, now }: InputLinkOptions): InputLinks {
  const signer = createSigner(secrets, 'signed-input')
  const fieldsOf = ({ generationId, index }: InputRef, exp: string) => [generationId, String(index), exp]
  return {
    urlOf(input, timeoutMs) {
      if (!origin().startsWith('https://')) return null
      const exp = String(Math.ceil((now().getTime() + timeoutMs) / 1000))
      const sig = signer.sign(fieldsOf(input, exp)).toString('hex')
      return `${origin()}/files/${input.generationId}/input-${input.index}?exp=${exp}&sig=${sig}`
    },
    verify(input, { exp, sig }) {
      if (!expPattern.test(exp)) return false
      const presented = Buffer.from(sig)
      const isGenuine = signer.candidates(fieldsOf(input, exp)).some(mac => {
        const expected = Buffer.from(mac.toString('hex'))
        return expected.length === presented.length && timingSafeEqual(expected, presented)
      })
      return isGenuine && now().getTime() < Number(exp) * 1000
    },
  }
}

/** The index in the last part of an address; null = the address is none of a picture that came with an order. */
function readName(name: string): number | null {
  const index = namePattern.exec(name)?.[1]
  return index === undefined ? null : Number(index)
}

/** The picture at an address of `urlOf`. */
export async function openInputLink(
  { db, storage, inputLinks }: { db: Db; storage: Storage; inputLinks: Pick<InputLinks, 'verify'> },
  link: { generationId: string; name: string },
  query: { exp: string; sig: string },
): Promise<LinkedFile | null> {
  const { generationId } = link
  const index = readName(link.name)
  if (index === null || !isId(generationId) || !inputLinks.verify({ generationId, index }, query)) return null
  const row = await findRow<GenerationRow>(db, sql.findAny, [generationId])
  if (!row || isTerminal(row.state)) return null
  const input = toGeneration(row).inputs?.references[index]
  if (!input) return null
  const { key, mediaType, sizeBytes } = input
  return {
    mediaType,
    sizeBytes,
    // A key is written once, so it stands for its bytes.
    etag: `"${createHash('sha256').update(key).digest('hex').slice(0, 32)}"`,
    fileName: `${generationId}-input-${index}.${mediaType.slice('image/'.length)}`,
    endsAt: new Date(Number(query.exp) * 1000),
    async open(range) {
      const found = await storage.read(key, range)
      return found?.stream ?? null
    },
  }
}
